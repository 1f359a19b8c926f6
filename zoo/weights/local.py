"""A weight file that the user names: its format by its content, its hash, and what to say when it is none."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import WeightsError, did_you_mean
from zoo.untrusted import shown
from zoo.weights.formats import EXTENSIONS, format_of
from zoo.weights.shelf import Shelf
from zoo.weights.stored import StoredFile


def local_file(path: Path, shelf: Shelf) -> StoredFile:
    """Return a weight file the user named: hashed (once, until it changes) and used where it lies.

    Args:
        path: the file; `~` is the home folder.
        shelf: remembers the hash.

    Raises:
        WeightsError: there is no such file, or it is not a weight file.
    """
    path = Path(path).expanduser().absolute()
    if path.is_dir():
        raise WeightsError(f"{path} is a folder. Name a weight file: {_known_extensions()}.")
    if not path.is_file():
        near = _near_files(path)
        raise WeightsError(f"there is no file {path}.{near} Check the path.")
    try:
        layout = format_of(path)
        if layout is None:
            with path.open("rb") as file:
                head = file.read(16)
            known = _known_extensions()
            raise WeightsError(
                f"{path} is not a weight file zoo can read: it starts with {shown(head)}. Known: {known}."
            )
        sha256 = shelf.hashes(path, ("sha256",))["sha256"]
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}.") from error
    return StoredFile(path, sha256, layout, None, None)


def _known_extensions() -> str:
    return ", ".join(EXTENSIONS)


def _near_files(path: Path) -> str:
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist either."
    return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
