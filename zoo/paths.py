"""Paths as users write them: ~, a name that begins with ~, patterns, accents in either form; never a raw error."""

from __future__ import annotations

import glob
import os
import stat
import unicodedata
from pathlib import Path

from zoo.errors import DataError

_PATTERN = frozenset("*?[")


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the path with `~` or `~user` at its beginning replaced by that home folder.

    Where something has the name as it is written (`~lock.jpg`, `~scratch/`), or nobody is called so, it stays.
    """
    plain = Path(path)
    if not plain.parts or not plain.parts[0].startswith("~"):
        return plain
    if plain.parts[0] != "~" and os.path.lexists(plain.parts[0]):
        return plain
    try:
        return plain.expanduser()
    except RuntimeError:  # nobody of that name, or no home
        return plain


def existing(path: Path) -> Path:
    """Return the path under which a file is there: accents may be in one form on disk and in the other in a table."""
    if path.name.isascii() and path.parent.as_posix().isascii():
        return path
    if os.path.exists(path):
        return path
    for form in ("NFC", "NFD"):
        other = Path(unicodedata.normalize(form, str(path)))
        if os.path.exists(other):
            return other
    return path


def matching(text: str) -> list[str] | None:
    """Return the files that a pattern such as `photos/*.jpg` means, sorted; None where it is none, or a file's name.

    Raises:
        DataError: no file matches.
    """
    if not _PATTERN & set(text) or os.path.lexists(expanded(text)):
        return None
    names = sorted(glob.glob(str(expanded(text)), recursive=True))
    if not names:
        raise DataError(f"no file matches {text!r} (looked from {Path.cwd()})")
    return names


def irregular(path: str | os.PathLike[str]) -> str:
    """Return why a path cannot be read as a file, or "": a named pipe or a device would block the reader for ever."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "there is no such file"
    except PermissionError:
        return "no permission to read it"
    except (OSError, ValueError) as error:  # a name too long, or with a null in it
        return f"there can be no such file: {getattr(error, 'strerror', None) or error}"
    if stat.S_ISREG(mode):
        return ""
    return "it is a folder" if stat.S_ISDIR(mode) else "it is no file but a named pipe, a socket or a device"
