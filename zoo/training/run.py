"""The record of a training run: what was done, with what, and what came out; kept in a folder."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoo._version import __version__
from zoo.whole_file import write_whole


@dataclass
class Run:
    """What `fit` returns.

    Attributes:
        recipe: the recipe as used.
        history: Keras-style: metric -> one value per epoch, over all phases (the probe counts as one epoch).
        phases: per phase: name, seconds, epochs, stages trained, learning rate, and what the solver said.
        validation: evaluation on the examples held out; None when nothing was held out.
        test: evaluation on the third split; None when there is none.
        directory: the run's folder, with `run.json` and `model.keras`.
        notices: what the user should know: skipped files, how the run started, imbalance.
        details: everything else that `run.json` holds: versions, data, seed, model.
    """

    recipe: Any
    history: dict[str, list[float]]
    phases: list[dict[str, Any]]
    validation: Any = None
    test: Any = None
    directory: Path | None = None
    notices: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The content of run.json."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "history": self.history,
            "phases": self.phases,
            "validation": None if self.validation is None else self.validation.to_dict(),
            "test": None if self.test is None else self.test.to_dict(),
            "notices": self.notices,
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
        lines += self.notices
        if self.directory is not None:
            lines.append(f"folder: {self.directory}")
        return "\n".join(lines)


def versions() -> dict[str, str]:
    """Versions of what decides the numbers of a run."""
    from importlib.metadata import version

    names = ("keras", "tensorflow", "numpy", "pillow", "scikit-learn")
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
    write_whole(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())
