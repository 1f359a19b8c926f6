"""Looking after the store: what is in it, what can go, and taking files in from elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import DigestError, WeightsError
from zoo.fetching.files import storing
from zoo.specs import WeightSource
from zoo.untrusted import read_json
from zoo.weights.pins import VERSION, Pins
from zoo.weights.store import Store

LOCK = "weights.lock.json"
"""Name of the lock among files that were fetched for another machine."""


@dataclass(frozen=True)
class Listed:
    """One file of the store.

    Attributes:
        filename: what the row calls it; "": no source refers to it.
        sha256: of its bytes.
        bytes: its size.
        source: the address it came from, or the file of the hub.
        used: when it was put there, in seconds since 1970.
    """

    filename: str
    sha256: str
    bytes: int
    source: str
    used: float


def listing(store: Store) -> list[Listed]:
    """Return every file of the store, by name."""
    entries = {str(entry.get("sha256")): entry for entry in store.shelf.entries()}
    rows = []
    for blob in store.shelf.blobs():
        entry: Mapping[str, object] = entries.get(blob.name, {})
        with contextlib.suppress(OSError):
            status = blob.stat()
            rows.append(
                Listed(
                    str(entry.get("filename") or ""),
                    blob.name,
                    status.st_size,
                    str(entry.get("url") or ""),
                    status.st_mtime,
                )
            )
    return sorted(rows, key=lambda row: (row.filename, row.sha256))


def collect(store: Store) -> list[Listed]:
    """Delete the files that no source refers to and what killed processes left; safe to be killed and run again.

    Returns:
        The files that were deleted.
    """
    gone = []
    for row in listing(store):
        if row.filename:
            continue
        with storing(store.root):
            store.shelf.blob(row.sha256).unlink(missing_ok=True)
        gone.append(row)
    store.shelf.sweep()
    return gone


def fetch_to(store: Store, sources: Iterable[WeightSource], folder: Path) -> list[Path]:
    """Fetch files and copy them to a folder, with the lock of those without a published digest.

    Args:
        store: the store they go through.
        sources: rows of weights.
        folder: made when missing; `take_in` on another machine reads it.

    Returns:
        The copies.
    """
    copies = []
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        held = store.fetch(source)
        target = folder / source.filename
        with storing(target):
            temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            shutil.copyfile(held.path, temporary)
            os.replace(temporary, target)
        copies.append(target)
    pins = store.pins.all()
    if pins:
        Pins(folder / LOCK).merge(pins)
    return copies


def take_in(store: Store, sources: Iterable[WeightSource], folder: Path) -> tuple[list[str], list[str]]:
    """Put files of a folder into the store, after the checks of a download.

    Args:
        store: the store.
        sources: the rows whose files may be there; others are not touched.
        folder: with files under the names of the rows, and maybe a lock.

    Returns:
        The names that were taken in, and what was wrong with the others.

    Raises:
        WeightsError: there is no such folder.
    """
    if not folder.is_dir():
        raise WeightsError(f"there is no folder {folder}. `zoo weights fetch NAMES --to {folder}` makes one.")
    if (folder / LOCK).is_file():
        store.pins.merge(pins_in(folder / LOCK))
    taken, problems = [], []
    for source in sources:
        if not (folder / source.filename).is_file():
            continue
        try:
            store.adopt(source, folder / source.filename)
            taken.append(source.filename)
        except DigestError as error:
            problems.append(str(error))
    return sorted(set(taken)), problems


def pins_in(path: Path) -> dict[str, dict[str, object]]:
    """Return the pins of a lock file that came from elsewhere.

    Raises:
        UnsafeFileError: it cannot be read.
        WeightsError: it is not a lock.
    """
    content = read_json(path)
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise WeightsError(f"{path} is not a lock of weights")
    return Pins(path).all()
