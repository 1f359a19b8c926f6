"""resume: goes on with a run that was killed or interrupted, and ends as if it had not been."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import augment as augment_room
from zoo.building import load_trainable as load
from zoo.data.modalities import assumed
from zoo.errors import ResumeError
from zoo.fitting.examples import Examples, Request
from zoo.fitting.options import live_of
from zoo.fitting.planning import callback_records, environment, op_records
from zoo.fitting.session import Session
from zoo.registry import ZooNotice
from zoo.run import Run
from zoo.specs.record import CallbackRecord, OpRecord, Plan
from zoo.training.descent import devices
from zoo.training.runs.callback_states import unsaved
from zoo.training.runs.checkpoint import Checkpoint, newest, numbered
from zoo.training.runs.checkpointer import EVERY
from zoo.training.runs.folder import RunFolder


def resume(
    run_folder: str | os.PathLike[str],
    data: Any = None,
    *,
    validation: Any = None,
    test: Any = None,
    augment: Any = None,
    callbacks: Any = None,
    checkpoint_every: float | None = EVERY,
    verbose: int | str = "auto",
    progress: Any = None,
) -> Run:
    """Go on with a run that was killed or interrupted, from its last checkpoint.

    On a CPU the weights and the history at the end are, bit for bit, those of a run that nothing interrupted.

    Args:
        run_folder: the folder of the run.
        data: what the run was trained on; None: by the path or name it was given by. Arrays and streams must be given.
        validation: likewise, where validation was data of its own.
        test: likewise.
        augment: None: the named augmentations of the run. Keras layers and functions must be given.
        callbacks: those of the run. The state of `EarlyStopping`, `ReduceLROnPlateau` and of callbacks with `get_state`
            and `set_state` comes back; others start anew, and a notice says so.
        checkpoint_every: as in `fit`.
        verbose: as in `fit`.
        progress: as in `fit`.

    Returns:
        The run as `fit` would have returned it; `run.model` is the trained model.

    Raises:
        ResumeError: the run is finished, diverged, or worked on by another process; nothing of it was saved; or the
            data, the weights, the recipe, the augmentation, the callbacks or a version are not those of the run.
    """
    live = live_of(callbacks, checkpoint_every, verbose, progress)
    folder = _open(Path(run_folder))
    plan = folder.record.plan
    with folder.locked():
        folder.check_start()
        _same_environment(folder.path, plan.environment)
        checkpoint = _checkpoint(folder)
        request = Request.again(plan, data=data, validation=validation, test=test, run=folder.path)
        _same_callbacks(folder.path, plan.callbacks, live.callbacks)
        with devices.as_before(plan.devices):
            model = load(folder.start, augment=_same_augmentation(folder.path, plan, augment))
        folder.write(state="running")
        with live.display, model.state.whole_or_not_at_all(tunes_base=_tunes_base(plan)) as undo:
            examples = Examples.again(model.composition, plan, request, folder.path)
            return Run.of(Session(model.state, plan, examples, live, folder, undo).run(checkpoint), model)


def _open(path: Path) -> RunFolder:
    """The folder of a run that can go on."""
    folder = RunFolder.existing(path)
    if folder.record.state == "finished":
        folder.drop_checkpoints()  # it may have been killed on the way
        raise ResumeError(f"{folder.path} is finished: zoo.load({str(folder.model)!r}) is its model")
    if folder.record.state == "diverged":
        raise ResumeError(
            f"{folder.path} diverged and would do so again: start a new run, with a lower learning_rate or other data"
        )
    return folder


def _checkpoint(folder: RunFolder) -> Checkpoint | None:
    """The newest checkpoint that is whole; None for a run that has none yet."""
    checkpoint, problems = newest(folder.checkpoints)
    if checkpoint is None and numbered(folder.checkpoints):
        raise ResumeError(f"no checkpoint of {folder.path} is whole: {'; '.join(problems)}")
    if checkpoint is not None and checkpoint.state["plan_sha256"] != folder.record.plan_sha256:
        raise ResumeError(f"{checkpoint.path} is of another run: its recipe, seed or data are not those of run.json")
    for problem in problems:
        warnings.warn(f"{problem}; the run goes on from the checkpoint before", ZooNotice, stacklevel=3)
    return checkpoint


def _tunes_base(plan: Plan) -> bool:
    return any(phase.unfreeze for phase in plan.recipe.phases)


def _same_environment(path: Path, before: Mapping[str, str]) -> None:
    now = environment()
    if before.get("backend") != now["backend"]:
        raise ResumeError(
            f"{path} was begun with Keras on {before.get('backend')}, and would not end the same on {now['backend']}: "
            f"set KERAS_BACKEND={before.get('backend')}"
        )
    changed = [f"{name} was {old}, is {now.get(name)}" for name, old in before.items() if now.get(name) != old]
    if changed:
        raise ResumeError(f"{path} was begun elsewhere, and would not end the same here: {'; '.join(changed)}")


def _same_augmentation(path: Path, plan: Plan, given: Any) -> Any:
    """The augmentation of a run: as given, or by name; checked to be that of the run."""
    before, modality = plan.augmentation, str(plan.intake.get("kind") or assumed())
    own = [op.name for op in before if op.provider in ("user", "keras")]
    if given is None and own:
        raise ResumeError(f"{path} used augmentation that only you have ({', '.join(own)}): pass augment= again")
    named = [{op.name: op.options} for op in before]
    ops = augment_room.resolve(named if given is None else given, modality=modality)
    now = op_records(ops)
    if [_comparable(op) for op in now] != [_comparable(op) for op in before]:
        raise ResumeError(f"{path} used other augmentation: then {_as_json(before)}, now {_as_json(now)}")
    return ops


def _as_json(ops: Sequence[OpRecord]) -> str:
    return json.dumps([op.to_json() for op in ops])[:300]


def _comparable(op: OpRecord) -> Any:
    """An augmentation without what does not matter: a Keras layer's seed is set by the run, its name counts layers."""
    return _without(op.to_json(), {"name", "seed", "build_config"}) if op.provider == "keras" else op


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _same_callbacks(path: Path, before: Sequence[CallbackRecord], given: Sequence[Any]) -> None:
    then = [item.name for item in before if item.saved_as is not None]
    now = [item.name for item in callback_records(given) if item.saved_as is not None]
    if then != now:
        raise ResumeError(
            f"{path} had the callbacks {', '.join(then) or 'none'} whose state is saved, and now there are "
            f"{', '.join(now) or 'none'}: pass the same in callbacks="
        )
    anew = unsaved(given)
    if anew:
        warnings.warn(f"the state of these callbacks starts anew: {', '.join(anew)}", ZooNotice, stacklevel=3)
