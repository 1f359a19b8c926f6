"""Bytes that come from elsewhere than zoo's own transfer: copied under a lock, hashed, checked, published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import WeightsError
from zoo.fetching.files import CHUNK, Progress
from zoo.fetching.partial import Partial
from zoo.weights.wanted import Held, Wanted

if TYPE_CHECKING:
    from zoo.weights.shelf import Shelf

Publish = Callable[[Wanted, Partial], Held]
"""Checks what was copied and puts it into the store."""


def take(shelf: Shelf, item: Wanted, path: Path, publish: Publish) -> Held:
    """Put a file from elsewhere into the store; the caller holds its lock.

    Args:
        shelf: of the store.
        item: what it should be.
        path: the file; it is copied.
        publish: checks and publishes it.

    Raises:
        WeightsError: it cannot be read, or is not what it should be.
    """
    partial = Partial(shelf.folder("partials") / f"{item.lock}.part", origin="", algorithms=item.algorithms)
    try:
        partial.restart()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                partial.append(chunk)
        return publish(item, partial)
    except OSError as error:
        raise WeightsError(f"cannot take {path} in: {error.strerror or error}.") from error
    finally:
        partial.discard()


def bring(shelf: Shelf, item: Wanted, progress: Progress | None, publish: Publish) -> Held:
    """Let a source bring a file, and put it into the store; the caller holds its lock.

    Args:
        shelf: of the store.
        item: what is to be brought.
        progress: told about the bytes.
        publish: checks and publishes it.

    Raises:
        WeightsError: the source brings nothing, or something else.
    """
    assert item.bring is not None
    place = shelf.folder("partials") / f"{item.lock}.brought"
    place.unlink(missing_ok=True)
    try:
        item.bring(place, progress)
        return take(shelf, item, place, publish)
    finally:
        place.unlink(missing_ok=True)
