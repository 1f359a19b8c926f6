"""Whether each folder of a data set looks like one example: class/example/files, three files and more."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

_FEWEST = 3
"""Files of a folder that may be one example."""

_LOOKED_AT = 8
"""Folders that are looked at closely."""

_MOST = 20_000
"""Folders that are listed: of more, what comes first says enough."""


def example_folders(path: Path, endings: tuple[str, ...], split_of: Callable[[str], str]) -> list[Path]:
    """Return some folders that may be one example each, from all classes; none where files are examples as they are.

    Each must stand two folders deep (class/example), three with folders of splits above, hold three files or more of
    these endings, and no folders; nowhere else may such a file be; and every class must have two of them.

    Args:
        path: of the data set.
        endings: of the files, lower case.
        split_of: what split the name of a folder stands for, "" for none.
    """
    inner: dict[Path, list[Path]] = defaultdict(list)
    for here, folders, count in _with_files(path, endings):
        above = here.relative_to(path).parts
        depth = len(above) - bool(above and split_of(above[0]))
        if folders or count < _FEWEST or depth != 2:
            return []
        inner[here.parent].append(here)
    if not inner or min(map(len, inner.values())) < 2:
        return []
    each = max(2, _LOOKED_AT // len(inner))
    return [folder for parent in sorted(inner) for folder in sorted(inner[parent])[:each]][: 2 * _LOOKED_AT]


def _with_files(path: Path, endings: tuple[str, ...]) -> Iterator[tuple[Path, list[str], int]]:
    """Folders in which such files are, the folders in them, and the number of files; hidden ones do not count."""
    for name, folders, files in islice(os.walk(path), _MOST):
        folders[:] = sorted(folder for folder in folders if not folder.startswith((".", "_", "@")))
        count = sum(file.lower().endswith(endings) and not file.startswith(".") for file in files)
        if count:
            yield Path(name), folders, count
