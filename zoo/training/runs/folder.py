"""The files of one run: `run.json` from the first moment, the model, checkpoints while it can go on."""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from zoo._version import __version__
from zoo.errors import OptionError, ResumeError, UnsafeFileError
from zoo.specs.record import RUN_SCHEMA, Plan, RunRecord, StartFile
from zoo.untrusted import JsonLimits, contained, read_json, regular_file
from zoo.whole_file import json_bytes, write_whole

_LIMITS = JsonLimits(bytes=64_000_000, values=4_000_000)
"""Of a `run.json` that is read: one of a thousand epochs with a thousand classes has less than a tenth."""


class RunFolder:
    """The files of one run.

    `run.json` is written whole each time and is exactly its record. `start.keras`, the model it started from, and
    `checkpoints/` are there while it can go on; then `model.keras`, and `predictions.npz`, what it predicted for each
    example held out.

    Args:
        path: the folder; it exists.
        record: the content of run.json.
    """

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record
        self.start, self.model = path / "start.keras", path / "model.keras"
        self.checkpoints = path / "checkpoints"
        self.predictions = path / "predictions.npz"

    @classmethod
    def new(cls, path: Path, plan: Plan, **fields: Any) -> RunFolder:
        """Begin a run in an empty folder.

        Args:
            path: the folder.
            plan: all that decides the numbers.
            **fields: of the record, that are known at the start.

        Raises:
            OptionError: the folder cannot be written.
        """
        record = RunRecord(
            zoo=__version__,
            state="running",
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            plan=plan,
            plan_sha256=plan.sha256,
            **fields,
        )
        folder = cls(path, record)
        try:
            folder.write()
        except OSError as error:
            raise OptionError(f"the run cannot be written to {path}: {error}. Pass directory=") from error
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """Return the folder of a run that was begun before.

        Args:
            path: the folder.

        Raises:
            ResumeError: it is not one, its run.json was damaged or changed, or another version of zoo wrote it.
        """
        record = read_record(path / "run.json")
        if record.plan.sha256 != record.plan_sha256:
            raise ResumeError(f"the plan (recipe, seed, data) in {path / 'run.json'} was changed: start a new run")
        return cls(path, record)

    def write(self, **changes: Any) -> None:
        """Write run.json with other values of some fields.

        Args:
            **changes: field of the record -> new value.
        """
        self.record = self.record.changed(**changes)
        write_json(self.path / "run.json", self.record.to_json())

    def note_start(self) -> None:
        """Put the digest of the start file, which is written, on record."""
        self.write(start=StartFile(file=self.start.name, sha256=hashlib.sha256(self.start.read_bytes()).hexdigest()))

    def check_start(self) -> None:
        """Check that the start file is there and the one that was written.

        Raises:
            ResumeError: it is not.
        """
        if not self.start.is_file():
            raise ResumeError(
                f"nothing of {self.path} was saved before it ended: call fit again (features that were computed are "
                f"kept in the cache)"
            )
        start = self.record.start
        if start is not None and hashlib.sha256(self.start.read_bytes()).hexdigest() != start.sha256:
            raise ResumeError(f"the weights that the run started from were changed: {self.start}")

    def drop(self) -> None:
        """Remove what a run wrote that cannot go on; the folder too, if nothing else is in it."""
        (self.path / "run.json").unlink(missing_ok=True)
        self.drop_checkpoints()
        with suppress(OSError):
            self.path.rmdir()

    def drop_checkpoints(self) -> None:
        """Remove what only a run that goes on needs, and files that a kill left half-written."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        for path in (self.start, *self.path.glob(".*-*.tmp"), *self.path.glob(".*-*.keras")):
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process work on a run; the lock of one that was killed is free.

        Raises:
            ResumeError: another process works on it.
        """
        from filelock import FileLock, Timeout

        path = self.path / ".lock"
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ResumeError(f"another process is working on {self.path}") from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            lock.release()


def read_record(path: Path) -> RunRecord:
    """Read the `run.json` of a run.

    Args:
        path: the file.

    Raises:
        ResumeError: there is none, it is damaged, or another version of zoo wrote it: the message names the version.
    """
    if not regular_file(path):
        raise ResumeError(f"{path.parent} is not the folder of a run: there is no file {path}")
    try:
        content = read_json(path, _LIMITS)
    except UnsafeFileError as error:
        raise ResumeError(str(error)) from error
    if not isinstance(content, Mapping):
        raise ResumeError(f"{path} is damaged: it holds no record of a run")
    if content.get("schema_version") != RUN_SCHEMA:
        raise ResumeError(
            f"{path} was written by zoo {_writer(content)}, in another schema than this zoo ({__version__}, schema "
            f"{RUN_SCHEMA}) reads. Start a new run; to read the old one: pip install zoo-sdk=={_writer(content)}"
        )
    try:
        with contained(path, "the record of a run"):
            return RunRecord.model_validate(content)
    except UnsafeFileError as error:
        if not isinstance(error.__cause__, ValidationError):
            raise ResumeError(str(error)) from error
        first = error.__cause__.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise ResumeError(f"{path} is damaged: {place}: {first['msg'][:200]}") from error


def _writer(content: Mapping[str, Any]) -> str:
    """The version of zoo that wrote a record of any schema, as far as it says so."""
    old: Any = content.get("config")
    environment = old.get("environment") if isinstance(old, Mapping) else None
    version = content.get("zoo") or (environment.get("zoo") if isinstance(environment, Mapping) else None)
    return version[:40] if isinstance(version, str) else "of an unknown version"


def versions() -> dict[str, str]:
    """Return the versions of what decides the numbers of a run."""
    from importlib.metadata import version

    import keras

    backend = keras.config.backend()
    computes = ("jax", "jaxlib") if backend == "jax" else (backend,)
    names = ("keras", *computes, "numpy", "pillow", "scikit-learn")
    return {"zoo": __version__, "python": platform.python_version(), **{name: version(name) for name in names}}


@contextmanager
def place_for(directory: Path | None, parent: Path, *, name: str) -> Iterator[Path]:
    """Make the folder of a run before the work, so that a place that cannot be written is noticed at once.

    After an error it is removed if it is still empty.

    Args:
        directory: the folder; None: a new one `<date>-<time>-<name>` under `parent`.
        parent: where new folders go.
        name: what the run is called.

    Raises:
        OptionError: the folder is not empty, or cannot be made.
    """
    try:
        path = _new_directory(parent, name=name) if directory is None else _empty(directory)
    except OSError as error:
        raise OptionError(
            f"the folder of the run cannot be made: {error}. Pass directory=, or set ZOO_RUNS_DIR"
        ) from error
    try:
        yield path
    except BaseException:
        with suppress(OSError):
            path.rmdir()
        raise


def _empty(directory: Path) -> Path:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise OptionError(f"directory={str(directory)!r} exists and is not an empty folder: a run needs one of its own")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _new_directory(parent: Path, *, name: str) -> Path:
    """Make a new, empty folder; two runs in one second get different ones."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        path = parent / (f"{stamp}-{name}" + (f"-{attempt}" if attempt else ""))
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"a thousand runs named {stamp}-{name} under {parent}")


def write_json(path: Path, data: Any) -> None:
    """Write JSON whole or not at all.

    Args:
        path: the file.
        data: JSON-ready.
    """
    write_whole(path, json_bytes(data, indent=1) + b"\n")
