"""What is in a folder: folders, examples and other files; hidden and system entries are left out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zoo.data.modalities import FileKinds
from zoo.errors import DataError

NOT_CLASSES = frozenset(
    (
        *("__macosx", "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@sharebin", "#recycle", "#snapshot"),
        *("$recycle.bin", "recycler", "system volume information", "lost+found", "network trash folder"),
        *("temporary items", "thevolumesettingsfolder", "__pycache__"),
    )
)
"""Folders that macOS, Windows and network storage (Synology, QNAP) put beside a user's, lower case."""

_SYSTEM_FILES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"))


@dataclass(frozen=True)
class Listing:
    """What is directly in a folder, each sorted by name; hidden and system entries are not in it.

    Attributes:
        folders: those that are no examples.
        examples: files that are examples by their ending, and folders that are one.
        others: other files.
        kinds: which files are examples.
    """

    folders: list[Path]
    examples: list[Path]
    others: list[Path]
    kinds: FileKinds


def look(folder: Path, kinds: FileKinds) -> Listing:
    """List a folder.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    folders, files = _entries(folder)
    whole = [inner for inner in folders if is_example(inner, kinds)]
    examples = [file for file in files if kinds.has(file)]
    others = [file for file in files if not kinds.has(file)]
    return Listing([inner for inner in folders if inner not in whole], sorted([*examples, *whole]), others, kinds)


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders in a folder, and the regular files, each sorted by name."""
    try:
        with os.scandir(folder) as entries:
            visible = sorted((entry for entry in entries if not _hidden(entry)), key=lambda entry: entry.name)
            folders = [Path(entry.path) for entry in visible if entry.is_dir()]
            # A named pipe or device called x.jpg would block the reader for ever. A link to nowhere is a file that is
            # missing, which is said when it is read.
            files = [Path(entry.path) for entry in visible if entry.is_file() or not os.path.exists(entry.path)]
            return folders, files
    except FileNotFoundError as error:
        raise DataError(f"there is no folder {folder} (looked from {Path.cwd()})") from error
    except NotADirectoryError as error:
        raise DataError(f"{folder} is a file, not a folder; give the folder that holds the class folders") from error
    except (OSError, ValueError) as error:
        raise DataError(f"the folder {folder} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def is_example(folder: Path, kinds: FileKinds) -> bool:
    """Return whether a folder is one example: it holds files of the endings for that, and no folders."""
    if not kinds.folders:
        return False
    inside = list(folder.iterdir())
    return any(file.name.lower().endswith(kinds.folders) for file in inside) and not any(map(Path.is_dir, inside))


def _hidden(entry: os.DirEntry[str]) -> bool:
    return entry.name.startswith(".") or entry.name.lower() in NOT_CLASSES | _SYSTEM_FILES


def below(folder: Path, kinds: FileKinds) -> tuple[list[Path], list[Path]]:
    """Return all examples in a folder and the folders in it, in a fixed order, and all other files.

    A link back to a parent is not followed.
    """
    examples: list[Path] = []
    others: list[Path] = []
    open_folders = [(folder, frozenset({folder.resolve()}))]
    while open_folders:
        here, above = open_folders.pop()
        listing = look(here, kinds)
        examples += listing.examples
        others += listing.others
        for inner in listing.folders:
            target = inner.resolve()
            if target not in above:
                open_folders.append((inner, above | {target}))
    return sorted(examples), sorted(others)
