"""What a run came to, and what to type next, as `zoo fit` and `zoo resume` print it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.flags import in_flags
from zoo.cli.output import notes, print_fields, print_json
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.run import Run


def print_run(run: Run, saved: Path, *, as_json: bool) -> None:
    """What a run came to, and what to type next.

    Raises:
        ZooError: its model could not be written; a notice says why.
    """
    if not as_json:
        _print_run(run, saved)
    elif saved.is_file():
        print_json({"directory": str(run.directory), "model_file": str(saved), **run.to_dict()})
    if not saved.is_file():
        raise ZooError(run.notices[-1])


def _print_run(run: Run, saved: Path) -> None:
    for notice in run.notices:
        notes(notice)
    fields = [("recipe", f"{run.recipe.name}: {run.recipe.summary}")]
    fields.append(("data", "\n".join(run.lint.lines())))
    fields.append(("because", in_flags("\n".join(run.reasons))))
    fields += [(phase["name"], _phase_line(phase)) for phase in run.phases]
    for name in ("validation", "test"):
        evaluation = getattr(run, name)
        if evaluation is not None:
            answers = getattr(evaluation, "answers", {})
            lines = [f"{answer}: {str(figures).splitlines()[0]}" for answer, figures in answers.items()]
            fields.append((name, "\n".join(lines) or str(evaluation).splitlines()[0]))
    fields.append(("run folder", str(run.directory)))
    if saved.is_file():
        fields.append(("next", f"zoo predict FILE --model {shlex.quote(str(saved))}"))
    print_fields(fields)


def _phase_line(phase: dict[str, Any]) -> str:
    parts = [f"{phase['seconds']:.1f} s"]
    if "images" in phase:
        parts.append(f"{phase['images']} examples")
    if "regularization_C" in phase:
        strength = phase["regularization_C"]  # of several labels one each
        chosen = "" if isinstance(strength, dict) else f" (regularization C = {strength:g}, chosen by cross-validation)"
        parts.append(f"solved exactly{chosen}")
    if "epochs" in phase:
        epochs = "1 epoch" if phase["epochs"] == 1 else f"{phase['epochs']} epochs"
        parts.append(f"{epochs} at learning rate {phase['learning_rate']:g}")
    if phase.get("stages"):
        parts.append(f"trained: head and {', '.join(phase['stages'])}")
    kept = (phase.get("best") or {}).get("kept_epoch")
    if kept is not None:
        parts.append(f"kept: epoch {kept}" if kept else "kept: the model from before it, which is better")
    return ", ".join(parts)
