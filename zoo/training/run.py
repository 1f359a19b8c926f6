"""The record of a training run: what was done, with what, and what came out; kept in a folder."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoo._version import __version__
from zoo.errors import OptionError, ResumeError
from zoo.training.receipts import Receipt, from_phases
from zoo.whole_file import json_bytes, write_whole


@dataclass
class Run:
    """What `fit` returns.

    Attributes:
        recipe: the recipe as used.
        history: Keras-style: metric -> one value per epoch, over all phases (the probe counts as one epoch).
        phases: per phase: name, seconds, epochs, stages trained, learning rate, receipts, and what the solver said.
        validation: evaluation on the examples held out; None when nothing was held out.
        test: evaluation on the third split; None when there is none.
        directory: the run's folder, with `run.json`, `model.keras` and `predictions.npz`.
        notices: what the user should know: skipped files, how the run started, imbalance.
        lint: what a quick look at the data found (headers, copies, labels); `zoo.lint` looks closer.
        reasons: why `recipe="auto"` chose this recipe, a sentence each; empty when the recipe was named.
        details: everything else that `run.json` holds: versions, data, seed, model.
        model: what was trained.
        reporter: what `report` calls, given by the caller: training knows no pages of its own.
    """

    recipe: Any
    history: dict[str, list[float]]
    phases: list[dict[str, Any]]
    validation: Any = None
    test: Any = None
    directory: Path | None = None
    notices: list[str] = field(default_factory=list)
    lint: Any = None
    reasons: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    model: Any = None
    reporter: Callable[..., Path] | None = field(default=None, repr=False)

    def report(self, path: str | os.PathLike[str] | None = None, *, data: Any = None, validation: Any = None) -> Path:
        """Write the report of this run as one page; see `zoo.report`.

        Args:
            path: the file; None: `report.html` in the folder of the run.
            data: what it was trained on, for pictures; None: by the path or name it was given by.
            validation: likewise, where validation was data of its own.

        Raises:
            OptionError: the run has no folder, the page cannot be written, or matplotlib is not installed.
        """
        if self.reporter is None or self.directory is None:
            raise OptionError("this run was not written to a folder, and a report is made from one")
        return self.reporter(self.directory, path, data=data, validation=validation)

    @property
    def receipts(self) -> list[Receipt]:
        """What became of every stage in every phase, proven by digests of its weights."""
        return from_phases(self.phases)

    def calibrate(self) -> Any:
        """Find the temperature at which the validation split has the smallest log loss, and say what it does.

        The model stays as it is: `model.evaluate(data, temperature=run.calibrate().temperature)` measures with it.

        Returns:
            `temperature`, and the evaluation `before` and `after`: of the test split, where there is one.

        Raises:
            OptionError: nothing was held out, or the head is not a classifier.
            DataError: every example held out is right: the surer the better.
        """
        if self.validation is None or self.validation.task != "classification":
            raise OptionError("calibrate() takes a classifier with a validation split")
        return self.validation.calibrate(self.test)

    def to_dict(self) -> dict[str, Any]:
        """The content of run.json."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "history": self.history,
            "phases": self.phases,
            "validation": None if self.validation is None else self.validation.to_dict(),
            "test": None if self.test is None else self.test.to_dict(),
            "notices": self.notices,
            "lint": None if self.lint is None else self.lint.to_dict(examples=8),
            "reasons": self.reasons,
            **self.details,
        }

    def __repr__(self) -> str:
        seconds = sum(float(phase["seconds"]) for phase in self.phases)
        lines = [
            f"run of recipe {self.recipe.name!r}: {', '.join(phase['name'] for phase in self.phases)}; {seconds:.1f} s"
        ]
        for name, evaluation in (("validation", self.validation), ("test", self.test)):
            if evaluation is not None:
                lines.append(f"{name}: {evaluation}")
        lines += [] if self.lint is None else self.lint.lines()
        lines += self.reasons
        lines += self.notices
        if self.directory is not None:
            lines.append(f"folder: {self.directory}")
        return "\n".join(lines)


class _Config(dict[str, Any]):
    """The config of a run that another zoo may have begun."""

    def __init__(self, config: Mapping[str, Any], *, path: Path) -> None:
        super().__init__(config)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise ResumeError(f"{self._path} is of another version of zoo (it does not say {key!r}): start a new run")


class RunFolder:
    """The files of one run.

    `run.json` from the first moment, written whole each time: `state` ("running", "finished", "interrupted",
    "diverged", "failed"), `config` (all that decides the numbers) with its fingerprint, progress, and at the end the
    results. `start.keras`, the model it started from, and `checkpoints/` while it can go on; then `model.keras`, and
    `predictions.npz`, what it said of each example held out.

    Args:
        path: the folder; it exists.
        record: the content of run.json.
    """

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path = path
        self.record = record
        self.start, self.model = path / "start.keras", path / "model.keras"
        self.checkpoints = path / "checkpoints"
        self.predictions = path / "predictions.npz"

    @classmethod
    def new(cls, path: Path, config: Mapping[str, Any]) -> RunFolder:
        """Begin a run in an empty folder."""
        config = json.loads(json.dumps(config))
        folder = cls(path, {"state": "running", "config": config, "config_sha256": _sha256(config)})
        folder.write()
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """The folder of a run that was begun before.

        Raises:
            ResumeError: it is not one, or its run.json was damaged.
        """
        try:
            record = json.loads((path / "run.json").read_text(encoding="utf-8"))
            config, digest, _ = dict(record["config"]), record["config_sha256"], record["state"]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ResumeError(f"{path} is not the folder of a run: there is no {path / 'run.json'}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResumeError(
                f"{path / 'run.json'} is damaged, or of a zoo that could not resume: {error!r}"
            ) from error
        if _sha256(config) != digest:
            raise ResumeError(f"the config (recipe, seed, data) in {path / 'run.json'} was changed: start a new run")
        record["config"] = _Config(config, path=path / "run.json")
        return cls(path, record)

    @property
    def fingerprint(self) -> str:
        """sha256 of the config."""
        return str(self.record["config_sha256"])

    def write(self, **changes: Any) -> None:
        """Write run.json with these entries."""
        self.record.update(changes)
        write_json(self.path / "run.json", self.record)

    def note_start(self) -> None:
        """The start file is written: its digest goes on record."""
        self.write(start={"file": self.start.name, "sha256": hashlib.sha256(self.start.read_bytes()).hexdigest()})

    def check_start(self) -> None:
        """The start file must be there and the one that was written.

        Raises:
            ResumeError: it is not.
        """
        if not self.start.is_file():
            raise ResumeError(
                f"nothing of {self.path} was saved before it ended: call fit again (features that were computed are "
                f"kept in the cache)"
            )
        wanted = self.record.get("start", {}).get("sha256")
        if wanted and hashlib.sha256(self.start.read_bytes()).hexdigest() != wanted:
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
        """One process works on a run; the lock of one that was killed is free.

        Raises:
            ResumeError: another process does.
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


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of what decides the numbers of a run."""
    from importlib.metadata import version

    import keras

    backend = keras.config.backend()
    computes = ("jax", "jaxlib") if backend == "jax" else (backend,)
    names = ("keras", *computes, "numpy", "pillow", "scikit-learn")
    return {"zoo": __version__, "python": platform.python_version(), **{name: version(name) for name in names}}


def new_directory(parent: Path, *, name: str) -> Path:
    """A new, empty folder `<date>-<time>-<name>` under `parent`; two runs in one second get different ones."""
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
    """Write JSON whole or not at all."""
    write_whole(path, json_bytes(data, indent=1) + b"\n")
