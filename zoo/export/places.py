"""Where exports are written before they get their names: whole or not at all, also when the process is killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.errors import EngineError, OptionError
from zoo.export.sidecar import companions

PARTIAL = ".partial"


@contextmanager
def partial_place(target: Path) -> Iterator[Path]:
    """A place beside the target, on the same disk, that disappears; what killed exports left there goes too."""
    for old in target.parent.glob(f".{target.name}-*{PARTIAL}"):
        if not _alive(old.name.removesuffix(PARTIAL).rsplit("-", 2)[1]):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-{os.getpid()}-", suffix=PARTIAL))
    try:
        yield folder / target.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except OSError:
        return True
    return True


def publish(place: Path, target: Path) -> None:
    """Sync, then rename: what belongs to it first, the file itself last."""
    for path in (*companions(place), place):
        for file in path.rglob("*") if path.is_dir() else (path,):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
    try:
        for path in companions(place):
            os.replace(path, target.parent / path.name)
        if place.is_dir() and target.is_dir():
            os.rename(target, place.parent / "before")  # a folder that holds something is not replaced in one step
        os.replace(place, target)
    except OSError as error:
        raise OptionError(f"cannot export to {str(target)!r}: {error.strerror or error}") from error


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in _files(path))


def sha256(path: Path) -> str:
    """Return the digest of a file; of a folder: of names and digests of its files, in order."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if not path.is_file():
        raise EngineError(f"{path} was not written")
    return [path]
