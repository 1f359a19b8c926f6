"""The files of a dataset that is known by name: fetched once, checked, unpacked, and read as what they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zoo import settings
from zoo.errors import DataError, OfflineError, WeightsError
from zoo.specs import DataFile, DatasetSpec
from zoo.weights import fetch
from zoo.weights.sources.hub import endpoint

KAGGLE = "https://www.kaggle.com"

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def fetched(spec: DatasetSpec, *, progress: Any = None) -> Path:
    """Return the file or folder of a dataset on this machine.

    Its sources are tried in their order, and the first that gives the file is used. A file of that name in the folder
    `downloads` of the data folder (`ZOO_DATA_DIR`) stands for any of them, after the same checks; so it works offline.

    Args:
        spec: with `files`.
        progress: called with (bytes done, bytes in all).

    Raises:
        WeightsError: no source has the file; its subclasses say why (`DigestError`, `DownloadError`, `OfflineError`).
        DataError: what was fetched has no such part.
    """
    first: WeightsError | None = None
    for file in spec.files:
        try:
            return _inside(_SOURCES[file.kind](file, progress), file, spec)
        except WeightsError as error:
            first = first or error
    assert first is not None, "a dataset without a loader has files"
    raise first


def _of_url(file: DataFile, progress: Any) -> Path:
    assert file.url is not None
    return _fetch(file.url, file, progress)


def _of_hub(file: DataFile, progress: Any) -> Path:
    """A file of a data repository on the Hugging Face Hub, at its commit."""
    address = f"{endpoint()}/datasets/{file.repository}/resolve/{file.revision or 'main'}/{quote(file.path or '')}"
    return _fetch(address, file, progress)


def _of_kaggle(file: DataFile, progress: Any) -> Path:
    """A public data set of Kaggle; whole ones come as a zip archive."""
    inside = f"/{quote(file.path)}" if file.path else ""
    version = f"?datasetVersionNumber={file.revision}" if file.revision else ""
    return _fetch(f"{KAGGLE}/api/v1/datasets/download/{file.repository}{inside}{version}", file, progress)


def _of_user(file: DataFile, progress: Any) -> Path:
    """A file that only the user can bring."""
    path = settings.data_dir() / "downloads" / file.filename
    if not path.is_file():
        raise OfflineError(f"{file.filename} is not there, and cannot be fetched: {file.how}. Put it at {path}")
    return _fetch(f"{_BROUGHT}/{quote(file.filename)}", file, progress)


_BROUGHT = "https://file.invalid"
"""Stands where a file has no address: one that the user brought is checked and kept as a download is."""

_SOURCES: dict[str, Callable[[DataFile, Any], Path]] = {
    "url": _of_url,
    "hub": _of_hub,
    "kaggle": _of_kaggle,
    "file": _of_user,
}


def _fetch(address: str, file: DataFile, progress: Any) -> Path:
    digests = {} if file.digest is None else {file.digest.algorithm: file.digest.value}
    archive = file.filename.lower().endswith(_ARCHIVES)
    return fetch(address, bytes=file.bytes, filename=file.filename, unpack=archive, progress=progress, **digests)


def _inside(path: Path, file: DataFile, spec: DatasetSpec) -> Path:
    """The part of an archive that is the data; a file under its own name, by whose end it is read."""
    if path.is_dir():
        inner = path / file.root
        if not inner.exists():
            raise DataError(f"{file.filename} of dataset {spec.name!r} holds no {file.root!r}: it is another one now")
        return inner
    named = settings.data_dir() / "datasets" / f"{spec.name}-{path.name[:12]}" / file.filename
    if not named.is_file():
        named.parent.mkdir(parents=True, exist_ok=True)
        half = named.with_name(f"{named.name}.{os.getpid()}")
        half.unlink(missing_ok=True)
        try:
            os.link(path, half)
        except OSError:  # another disk
            half.write_bytes(path.read_bytes())
        os.replace(half, named)
    return named
