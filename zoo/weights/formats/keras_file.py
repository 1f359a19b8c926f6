"""The weights inside a whole `.keras` file, unfolded for a while; nothing else of the file is read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.errors import WeightsError
from zoo.untrusted import Archive, opened_archive

WEIGHTS = "model.weights.h5"
MOST_BYTES = 1 << 36


@contextmanager
def weights_of(path: Path) -> Iterator[Path]:
    """Unfold the weights of a `.keras` file for the time of the block.

    Args:
        path: the file.

    Yields:
        The path of its weights in the layout of Keras 3, in a folder of its own.

    Raises:
        UnsafeFileError: the archive is damaged or unfolds beyond reason.
        WeightsError: there is no room to unfold it.
    """
    with opened_archive(path, lambda name: MOST_BYTES) as archive, tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        target = Path(folder) / WEIGHTS
        unfold(archive, target)
        yield target


def unfold(archive: Archive, target: Path) -> None:
    """Write the weights of an open `.keras` file to a file.

    Raises:
        UnsafeFileError: there are none, or they are damaged.
        WeightsError: there is no room.
    """
    try:
        with target.open("wb") as file:
            archive.copy(WEIGHTS, file)
    except OSError as error:
        raise WeightsError(
            f"cannot unfold the weights of {archive.path} to {target.parent}: {error.strerror or error}. Free some "
            f"space, or set TMPDIR to a folder on another disk."
        ) from error
