"""TransferModel: the verbs of zoo (build, fit, evaluate, predict, save, load), a thin facade over the rooms."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from zoo import augment as augment_room
from zoo import data as data_room
from zoo import page, settings
from zoo.compose import Composition, compose, load_trained_head, package_file, take_apart
from zoo.data.findings import Findings
from zoo.data.ranges import as_uint8
from zoo.errors import (
    DataError,
    DivergedError,
    FrozenError,
    OptionError,
    ResumeError,
    UnsafeFileError,
    UntrainedHeadError,
    ZooError,
    did_you_mean,
)
from zoo.evaluation import (
    Evaluation,
    evaluate_outputs,
    look,
    read_predictions,
    sample,
    write_predictions,
)
from zoo.evaluation.linting import glance
from zoo.evaluation.predictions import HASH_DIGITS
from zoo.export import read, save
from zoo.features import Features, extract, forward
from zoo.features.extraction import View
from zoo.features.identity import augmentation_key
from zoo.plugin import provenance, registry
from zoo.progress import Display
from zoo.registry import ZooNotice
from zoo.specs import Output, Preprocessing, RecipeSpec, ResizeRule
from zoo.tasks import Prediction, decode, history_figures
from zoo.training import (
    AUTO,
    EVERY,
    Checkpointer,
    Choice,
    Measured,
    Run,
    RunFolder,
    Settings,
    at_least,
    check_class_weight,
    check_recipe,
    choose,
    decide,
    devices,
    features_for,
    freeze,
    frozen_recipe,
    kind_of,
    new_directory,
    parameters,
    receipts,
    resolve,
    train,
    trainable_report,
    tuned,
    unsaved,
    versions,
)
from zoo.training.checkpoint import Checkpoint, newest, numbered, prune
from zoo.training.fit import SCRATCH
from zoo.training.freeze import flags, leaves, stages_that_train
from zoo.training.saving import ending_when_terminated
from zoo.training.suffix import cut


def build(
    backbone: str | Any,
    head: Any = None,
    *,
    weights: str | os.PathLike[str] | None = "pretrained",
    features: str | None = None,
    input_size: int | None = None,
    resize: ResizeRule | str | None = None,
    preprocessing: Preprocessing | str | None = "pretrained",
    precision: str | None = None,
    augment: Any = None,
    seed: int = 0,
    progress: Any = None,
) -> TransferModel:
    """A pretrained base with a head on it, ready to fit; or, without a head, the pretrained classifier.

    Built in the scope of a `tf.distribute.MirroredStrategy`, it trains on all devices of the strategy.

    Args:
        backbone: a name (`zoo.backbones()` lists them) or a Keras model from images to features.
        head: a name (`zoo.heads()`); `zoo.classifier(...)`, `multilabel`, `regressor`, `locator`, `multi_output` or
            `head`; or a Keras layer from features (n, d) to logits or probabilities (n, classes). None: the classifier
            that came with the weights.
        weights: "pretrained"; the id of a weight source; the path of a weight file; None for random weights.
        features: what the head reads: a pooling of the last feature map ("avg", "max", "concat", "gem"), a stage such
            as "stage3", a layer, of the pretrained top too ("fc2"), or one of these with its pooling ("stage3:gem").
        input_size: side of the square input in pixels; default from the backbone.
        resize: the rule that fits pictures to it: "crop", "stretch", "pad" or a `zoo.specs.ResizeRule`. Default: the
            published rule for the pretrained classifier; for a head, shorter side to the input size, then the center.
        preprocessing: numbers to replace those of the backbone; None: pixels 0..255 as they are.
        precision: what base and head compute in: "float32", "mixed_bfloat16" or "mixed_float16" (with loss scaling in
            `fit`). Weights, features and answers are float32 in all of them. None: Keras's global dtype policy. Layers
            and models of your own bring their own.
        augment: random changes while training: names (`zoo.augmentations()`), Keras layers, functions of
            (uint8 image, seed), or a list of these.
        seed: of the head's initial weights and of random base weights.
        progress: called with (bytes done, bytes in all) while weights are fetched.

    Raises:
        UnknownNameError: a name nobody provides; near misses are suggested.
        WeightsError: weights that are missing, damaged or do not fit.
        OptionError: arguments that do not go together.
    """
    with provenance.recording() as used:
        composition, trained = compose(
            backbone,
            head,
            weights=weights,
            features=features,
            input_size=input_size,
            resize=resize,
            preprocessing=preprocessing,
            precision=precision,
            seed=seed,
            progress=progress,
        )
        own = composition.head is None  # the classifier that came with the weights
        model = TransferModel(composition, head_state="pretrained" if own else "untrained", augment=augment)
    model._providers = provenance.rows(used, preprocessing=preprocessing == "pretrained", label_set=own)
    if trained is not None:
        known = package_file(trained.training_files).read_text(encoding="ascii").split()
        load_trained_head(composition, trained)
        model._ship_head({digest[:HASH_DIGITS] for digest in known})
    return model


def load(path: str | os.PathLike[str], *, augment: Any = None) -> TransferModel:
    """A model from a file that `TransferModel.save` wrote; labels and the resize rule come back with it.

    Args:
        path: the file.
        augment: as in `build`, for a further `fit`; a file holds no augmentation.

    Raises:
        UnsafeFileError: the file is damaged or holds code.
        OptionError: there is no such file, or zoo did not write it.
        PluginError: it has layers of a plugin that is missing or broken; names the distribution and version to install.
    """
    with provenance.recording() as used:
        ops = augment_room.resolve(augment)
    serving, record = read(path)
    try:
        composition = take_apart(serving, record)
        model = TransferModel(composition, head_state=str(record["head_state"]), augment=ops)
        model._training_files = set(record["training_files"])
        model._adapted = tuple(record["batchnorm_adapted"])
        written = dict(record["batchnorm"])
        if composition.head is not None:
            model._fresh_head = composition.fresh_head_weights()
            if record["head_state"] == "pretrained":
                model._ship_head(model._training_files)
        provenance.say_what_changed(Path(path), record["providers"])
        model._providers = [*record["providers"], *provenance.rows(used)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnsafeFileError(f"{path} is damaged: its record does not fit its model: {error!r}") from error
    moved = receipts.changed(written, model._batchnorm)
    if moved:
        raise FrozenError(f"{path} is damaged: BatchNorm {moved[0]!r} of the base is not what was saved")
    if len(composition.labels) not in (0, composition.width):
        raise UnsafeFileError(f"{path} is damaged: {len(composition.labels)} labels for {composition.width} outputs")
    model.record = dict(record)
    for notice in receipts.adapted_notice(model._adapted):
        warnings.warn(f"{path}: {notice}", ZooNotice, stacklevel=2)
    return model


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
    _check_every(checkpoint_every)
    callbacks, display = _listed(callbacks), Display(verbose)
    folder = RunFolder.existing(Path(run_folder))
    config, state = folder.record["config"], folder.record["state"]
    if state == "finished":
        folder.drop_checkpoints()  # it may have been killed on the way
        raise ResumeError(f"{folder.path} is finished: zoo.load({str(folder.model)!r}) is its model")
    if state == "diverged":
        raise ResumeError(
            f"{folder.path} diverged and would do so again: start a new run, with a lower learning_rate or other data"
        )
    with folder.locked():
        folder.check_start()
        _same_environment(folder.path, config["environment"])
        found, problems = newest(folder.checkpoints)
        if found is None and numbered(folder.checkpoints):
            raise ResumeError(f"no checkpoint of {folder.path} is whole: {'; '.join(problems)}")
        if found is not None and found.state["config_sha256"] != folder.fingerprint:
            raise ResumeError(f"{found.path} is of another run: its recipe, seed or data are not those of run.json")
        for problem in problems:
            warnings.warn(f"{problem}; the run goes on from the checkpoint before", ZooNotice, stacklevel=2)
        source = config["data"]["source"] if data is None else data
        if source is None:
            raise ResumeError(f"{folder.path} was trained on data without a path or name: pass it again as data=")
        held_out = _again(folder.path, "validation", config["validation"], validation)
        tested = _again(folder.path, "test", config["test"], test)
        _same_callbacks(folder.path, config["callbacks"], callbacks)
        with devices.as_before(config["devices"]):
            model = load(folder.start, augment=_same_augmentation(folder.path, config["augment"], augment))
        folder.write(state="running")
        with display:
            given = {
                "every": checkpoint_every,
                "display": display,
                "progress": display.counter("features", also=progress),
            }
            return model._go_on(folder, found, source, held_out, tested, callbacks, given)


def report(
    run: Run | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    data: Any = None,
    validation: Any = None,
    progress: Any = None,
) -> Path:
    """Write the report of a finished run: one page that opens with the verdict in words, and needs nothing else.

    Figures, tables, the examples it is most wrong about with where it looked (Grad-CAM), data, recipe with reasons,
    receipts, environment. Made from the folder of the run; for pictures the data is read from where it was. Where it is
    gone or has changed, the page says so and has no pictures.

    Args:
        run: a run, or its folder.
        path: the file; None: `report.html` in the folder of the run.
        data: what it was trained on, if that is elsewhere now, or was arrays or a stream.
        validation: likewise, where validation was data of its own.
        progress: called with (images done, images in all) while held-out images are looked at.

    Returns:
        The path of the page.

    Raises:
        ResumeError: the folder is not that of a run.
        OptionError: the run is not finished, the page cannot be written, or matplotlib is not installed.
        DataError: data was given that is not what the run was made from.
    """
    from zoo.plots.style import require
    from zoo.reporting import Material, run_page

    require("a report")
    where = run.directory if isinstance(run, Run) else Path(run)
    if where is None:
        raise OptionError("this run was not written to a folder, and a report is made from one")
    folder = RunFolder.existing(where)
    if folder.record["state"] != "finished":
        raise OptionError(
            f"{where} is {folder.record['state']}, and a report is made of a finished run: `zoo resume {where}` goes on"
        )
    target = folder.path / "report.html" if path is None else Path(path)
    if not target.parent.is_dir():
        raise OptionError(f"the folder {str(target.parent)!r} for the report does not exist")
    model = load(folder.model)
    dataset, split, missing = model._data_of_run(folder.record["config"], data, validation)
    if dataset is None and (data is not None or validation is not None):
        raise DataError(f"the report cannot show the data that was given: {missing}")
    # What it said then; only runs of before predictions were kept are measured again.
    evaluations = read_predictions(folder.predictions) if folder.predictions.is_file() else {}
    splits = {}
    if dataset is not None and split is not None:
        splits = {"train": split.train, "validation": split.validation, "test": split.test}
        for name in ("validation", "test"):
            if folder.record[name] is not None and name not in evaluations:
                evaluations[name] = model._evaluation(dataset, splits[name], progress=progress)
    material = Material(folder.path, folder.record, model.composition, evaluations, dataset, splits, missing)
    return page.write(target, run_page(material))


def _check_every(seconds: Any) -> None:
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0):
        raise OptionError(f"checkpoint_every={seconds!r} must be a number of seconds from 0, or None")


def _listed(callbacks: Any) -> list[Any]:
    """Callbacks as Keras takes them: None, one, or a list.

    Raises:
        OptionError: something that is none.
    """
    if callbacks is None:
        return []
    import keras

    found: list[Any] = keras.tree.flatten(callbacks)
    for item in found:
        if not isinstance(item, keras.callbacks.Callback):
            raise OptionError(f"callbacks= takes Keras callbacks (keras.callbacks.Callback); got {item!r}")
    return found


def _tunes_base(recipe: RecipeSpec) -> bool:
    return any(phase.unfreeze for phase in recipe.phases)


def _is_share(held_out: Any) -> bool:
    """Whether `validation=` or `test=` says how much to hold out, rather than what."""
    return held_out is None or isinstance(held_out, bool | int | float | np.number)


def _share(held_out: Any) -> int | float:
    """How much to hold out; 0 for nothing."""
    if held_out is None or held_out is False:
        return 0
    share: int | float = held_out.item() if isinstance(held_out, np.number) else held_out
    return share


def _noted(held_out: Any) -> Any:
    """What is held out, for the record of a run."""
    return _share(held_out) if _is_share(held_out) else {"source": data_room.source_of(held_out)}


def _again(path: Path | str, name: str, noted: Any, given: Any) -> Any:
    """What a run that is resumed held out: its share, or data of its own."""
    if not isinstance(noted, dict):
        return noted
    if given is None and noted["source"] is None:
        raise ResumeError(f"{path} held out data of its own: pass it again as {name}=")
    return noted["source"] if given is None else given


def _environment() -> dict[str, str]:
    """What besides the arguments decides the bits of a run."""
    import keras

    numbers = {name: version for name, version in versions().items() if name != "python"}
    chosen = {"ZOO_FEATURES": settings.features_dtype(), "ZOO_ENGINE": settings.engine()}
    return {**numbers, "backend": keras.config.backend(), **chosen}


def _same_environment(path: Path, before: Mapping[str, str]) -> None:
    now = _environment()
    if before.get("backend") != now["backend"]:
        raise ResumeError(
            f"{path} was begun with Keras on {before.get('backend')}, and would not end the same on {now['backend']}: "
            f"set KERAS_BACKEND={before.get('backend')}"
        )
    changed = [f"{name} was {old}, is {now.get(name)}" for name, old in before.items() if now.get(name) != old]
    if changed:
        raise ResumeError(f"{path} was begun elsewhere, and would not end the same here: {'; '.join(changed)}")


def _described(op: Any) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(json.dumps({"name": op.name, "provider": op.provider, "options": op.config}))
    return described


def _same_augmentation(path: Path, before: Sequence[Mapping[str, Any]], given: Any) -> Any:
    """The augmentation of a run: as given, or by name; checked to be that of the run."""
    own = [op["name"] for op in before if op["provider"] in ("user", "keras")]
    if given is None and own:
        raise ResumeError(f"{path} used augmentation that only you have ({', '.join(own)}): pass augment= again")
    ops = augment_room.resolve([{op["name"]: op["options"]} for op in before] if given is None else given)
    now = [_described(op) for op in ops]
    if [_comparable(op) for op in now] != [_comparable(op) for op in before]:
        raise ResumeError(
            f"{path} used other augmentation: then {json.dumps(list(before))[:300]}, now {json.dumps(now)[:300]}"
        )
    return ops


def _comparable(op: Mapping[str, Any]) -> Any:
    """An augmentation without what does not matter: a Keras layer's seed is set by the run, its name counts layers."""
    return _without(op, {"name", "seed", "build_config"}) if op["provider"] == "keras" else dict(op)


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _same_callbacks(path: Path, before: Sequence[Sequence[Any]], given: Sequence[Any]) -> None:
    wanted = [name for name, kind in before if kind is not None]
    found = [type(item).__name__ for item in given if kind_of(item) is not None]
    if wanted != found:
        raise ResumeError(
            f"{path} had the callbacks {', '.join(wanted) or 'none'} whose state is saved, and now there are "
            f"{', '.join(found) or 'none'}: pass the same in callbacks="
        )
    anew = unsaved(given)
    if anew:
        warnings.warn(f"the state of these callbacks starts anew: {', '.join(anew)}", ZooNotice, stacklevel=3)


@dataclass(frozen=True)
class _Job:
    """All that a run depends on beside the model and its folder."""

    dataset: data_room.Dataset
    split: data_room.Split
    recipe: RecipeSpec
    seed: int
    class_weight: Any
    callbacks: Sequence[Any]
    cache: bool
    prefix: bool | None
    goes_on: bool
    used: Any
    every: float | None
    display: Display
    progress: Any
    features: Features | None = None
    lint: Findings | None = None


@dataclass
class _Keeper:
    """What is known of a run that may end before its end."""

    saver: Checkpointer | None = None
    folder: RunFolder | None = None
    training_files: set[str] = field(default_factory=set)


class TransferModel:
    """A base, a head, and the verbs on them. Made by `zoo.build` or `zoo.load`."""

    def __init__(self, composition: Composition, *, head_state: str, augment: Any = None) -> None:
        self._composition = composition
        self._head_state = head_state
        self._ops = augment_room.resolve(augment)
        self._fresh_head = composition.head_weights() if composition.head is not None else []
        self._initial_base: list[np.ndarray] | None = None
        self._unfrozen: tuple[str, ...] = ()
        self._remember_state()
        self._shipped_head: list[np.ndarray] | None = None
        self._shipped_files: set[str] = set()
        self._training_files: set[str] = set()
        self._providers: list[dict[str, Any]] = []
        self._adapted: tuple[str, ...] = ()  # stages whose BatchNorm is no longer the pretrained one
        self.record: dict[str, Any] = {}
        """What a loaded file says about its origin: versions, backbone, weights digest, the run."""

    def _ship_head(self, training_files: set[str]) -> None:
        """The head now has weights that came with it, trained on these files."""
        assert self._composition.head is not None
        self._shipped_head = self._composition.head_weights()
        self._shipped_files = training_files
        self._training_files = set(training_files)
        self._head_state = "pretrained"

    # -- what it is ----------------------------------------------------------------------------------------------
    @property
    def keras_model(self) -> Any:
        """The plain serving `keras.Model`: float32 pixels 0..255 (n, size, size, 3) in, float32 probabilities out.

        With several answers a dict of them, by name.
        """
        return self._composition.serving

    @property
    def composition(self) -> Composition:
        """The graphs and everything they were made from."""
        return self._composition

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names (names of the columns, of several answers side by side), in output order."""
        return self._composition.labels

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The answers: name, task, labels."""
        return self._composition.outputs

    @property
    def input_size(self) -> int:
        """Side of the square input, in pixels."""
        return self._composition.input_size

    @property
    def head_state(self) -> str:
        """ "untrained", "pretrained" (weights that came with it) or "fitted"."""
        return self._head_state

    def __repr__(self) -> str:
        who = self._composition.identity
        adapted = f", BATCHNORM MOVED in {', '.join(self._adapted)}" if self._adapted else ""
        return (
            f"TransferModel({who['backbone']}, head={who['head'] or 'the pretrained classifier'}, "
            f"{len(self.labels)} labels, input {self.input_size} px, {self._head_state}{adapted})"
        )

    # -- fit -----------------------------------------------------------------------------------------------------
    def fit(
        self,
        data: Any,
        *,
        validation: Any = 0.2,
        test: Any = 0.0,
        group: str | None = None,
        recipe: str | os.PathLike[str] | RecipeSpec | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        stages: Sequence[str] | None = None,
        batchnorm: str | None = None,
        augment_in: str | None = None,
        class_weight: str | Mapping[int, float] | None = None,
        callbacks: Any = None,
        seed: int = 0,
        start: str = "fresh",
        directory: str | os.PathLike[str] | None = None,
        cache: bool = True,
        cached_prefix: bool | None = None,
        checkpoint_every: float | None = EVERY,
        views: int | None = None,
        verbose: int | str = "auto",
        progress: Any = None,
    ) -> Run:
        """Train on labeled data, measure on what was held out, and write a run folder.

        Args:
            data: a folder of class folders, a CSV file (`zoo.from_csv` says how it is read), the name of a dataset, a
                `zoo.Dataset`, image files with their answers or a function that gives them, a `tf.data.Dataset`, arrays
                (x, y) with pixels 0..255, or a `keras.utils.PyDataset`.
            validation: share held out (0..1), a number of examples, or data of its own. Splits go by file content.
            test: the same for a third part, which nothing is chosen by: it is measured once, at the end; 0 for none.
            group: "folder", or a column of the CSV file: images of a folder, or with equal cells in the column, stay on
                one side of every split.
            recipe: "probe" (the head solved exactly on features), "head" (gradient descent on features), "lp-ft" (the
                probe, then the last stage at a low learning rate, BatchNorm frozen), "scratch" (random weights only).
                None or "auto": chosen from the amount of data and its similarity to what the base knows, measured on
                the training images; `run.reasons` says why. `epochs`, `batch_size`, `learning_rate` and
                `start="pretrained"` rule the probe out, `stages` a base that stays frozen.
            epochs: passes over the data for the gradient phase of the recipe.
            batch_size: examples per step of the gradient phase.
            learning_rate: peak learning rate of the gradient phase.
            stages: names of the stages that the recipe trains, in place of its own. None: those of `unfreeze`.
            batchnorm: "adapt": BatchNorm of the stages that train learns and moves its statistics, and the run says so.
                None: as the recipe says; those that come with zoo keep it frozen.
            augment_in: where augmentation runs: "pipeline" (on the CPU, while the step before is computed), "graph" (in
                the training step, on its device; never in what is saved or evaluated), or "none". None: as the recipe
                says, mostly "pipeline".
            class_weight: None, "balanced", or class index -> weight.
            callbacks: Keras callbacks, for every phase. Each phase is a training of its own to them (`on_train_begin`),
                and epochs count on; their `model` is what the phase trains: the whole, the head on features, or what
                comes behind a cached prefix.
            seed: of the split, the order of examples, augmentation and the solver.
            start: "fresh" starts the head anew (a second `fit` continues, and says so); "pretrained" starts from the
                weights shipped with the head.
            directory: folder for the run; default a new one under `runs/` (or `ZOO_RUNS_DIR`).
            cache: whether features are looked up in the cache and kept there (`zoo cache ls`), so that a second fit
                with the same base and images computes none.
            cached_prefix: whether fine-tuning computes the outputs of the frozen stages once, keeps them, and trains
                only the stages behind them, with the same result. None: where it pays; the run says so.
            checkpoint_every: seconds between checkpoints within an epoch of gradient descent, for `zoo.resume`; they
                are also written at the end of epochs and phases, as far as that takes no more than a twentieth of the
                time. 0: at every step; None: none.
            views: with augmentation: the features of so many views of each training image, the plain one and augmented
                ones, are computed once and kept, and training shows one of them in each epoch (the probe: all). None:
                augmentation is drawn anew in every epoch.
            verbose: one display for features, phases and epochs. "auto": a bar with the time left if stderr is a
                terminal, else nothing. 0: nothing. 1: the bar; without a terminal a line for each epoch. 2: the lines.
                A quick look at the data is told first, in three lines at most; it is made always, and kept as
                `run.lint`.
            progress: called with (images done, images in all) while features are computed.

        An error leaves the model as it was. Ctrl-C, and a loss that is no number, leave the best checkpoint so far in
        it, and in the run folder as `model.keras`; without one the model is as it was.

        Returns:
            The run: history, phases, evaluations, notices, folder.

        Raises:
            DataError: the data cannot be used; the message says what was found and what to do.
            OptionError: arguments that do not go together.
            FrozenError: something that had to stay frozen moved.
            DivergedError: the loss or the weights are no numbers any more.
        """
        callbacks, display = _listed(callbacks), Display(verbose)
        if self._ops and any(output.task == "box" for output in self.outputs):
            augment_room.check_boxes_follow(self._ops)
        if recipe == AUTO:
            recipe = None
        with provenance.recording() as origin:
            if stages is None and self._unfrozen:
                recipe, stages = self._recipe_for_unfrozen(recipe)
        automatic = recipe is None
        changes: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        changes |= {"stages": stages, "views": views, "batchnorm": batchnorm, "augment_in": augment_in}
        if augment_in is not None and not self._ops:
            raise OptionError(f"augment_in={augment_in!r}: there is no augmentation; build the model with augment=")
        least = self.usual_recipe()
        if stages is not None or batchnorm is not None:
            least = "lp-ft"
        elif start == "pretrained" or any(value is not None for value in changes.values()):
            least = "head"
        # What needs least is checked before any long work; what auto chooses needs no more.
        with provenance.recording() as named_now:
            chosen = choose(least if recipe is None else recipe, **changes)
        origin += named_now
        self._check_views(chosen)
        chosen = resolve(chosen, self._stage_names())
        check_recipe(self._composition, chosen, augment=() if augment_in == "none" else self._ops)
        devices.check(self._composition)
        self._check_start(start, chosen)
        self._check_untouched()
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise OptionError(f"seed={seed!r} must be a whole number from 0")
        _check_every(checkpoint_every)
        goes_on = self._head_state == "fitted" or start == "pretrained"  # from weights trained before
        progress = display.counter("features", also=progress)
        with self._whole_or_not_at_all(tunes_base=automatic or _tunes_base(chosen)) as keeper, display:
            with provenance.recording() as used:
                dataset, split, notices, lint = self._training_data(data, validation, test, seed, group)
            for line in lint.lines():
                display.say(line)
            weights = check_class_weight(self._composition, class_weight)
            target = self._new_directory(directory, AUTO if automatic else chosen.name)
            reasons: list[str] = []
            features = None
            if automatic:
                try:
                    choice, features = self._decide(
                        dataset, split, Settings(seed=seed, cache=cache, progress=progress), least
                    )
                except BaseException:
                    with suppress(OSError):
                        target.rmdir()  # still empty
                    raise
                chosen = resolve(choose(choice.recipe, **changes), self._stage_names())
                origin = [registry().get("recipes", choice.recipe.name)]
                reasons = list(choice.reasons)
            notices += self._changed_by_hand() + self._start(start, chosen)
            config = {
                "recipe": chosen.model_dump(mode="json"),
                "recipe_providers": provenance.rows(origin),
                "seed": seed,
                "data": {"source": data_room.source_of(data), "fingerprint": dataset.fingerprint()},
                "validation": _noted(validation),
                "test": _noted(test),
                "group": group,
                "class_weight": list(weights.items()) if isinstance(weights, dict) else weights,
                "augment": [_described(op) for op in self._ops],
                "callbacks": [(type(item).__name__, kind_of(item)) for item in callbacks],
                "cache": cache,
                "cached_prefix": cached_prefix,
                "goes_on": goes_on,
                "model": self._composition.identity,
                "devices": devices.names(self._composition),
                "environment": _environment(),
            }
            try:
                folder = RunFolder.new(target, config)
            except OSError as error:
                raise OptionError(f"the run cannot be written to {target}: {error}. Pass directory=") from error
            folder.record |= {"notices": notices, "reasons": reasons}
            job = _Job(
                dataset=dataset,
                split=split,
                recipe=chosen,
                seed=seed,
                class_weight=weights,
                callbacks=callbacks,
                cache=cache,
                prefix=cached_prefix,
                goes_on=goes_on,
                used=used,
                every=checkpoint_every,
                display=display,
                progress=progress,
                features=features,
                lint=lint,
            )
            with folder.locked():
                run = self._carry_out(folder, job, keeper)
        return run

    def _carry_out(self, folder: RunFolder, job: _Job, keeper: _Keeper, found: Checkpoint | None = None) -> Run:
        """Train, evaluate and write the run; from the checkpoint, if there is one."""
        dataset = job.dataset
        saver = Checkpointer(
            folder.checkpoints,
            self._composition,
            context={"config_sha256": folder.fingerprint},
            # A probe takes a moment, and its features are in the cache: there is nothing to go on with.
            every=job.every if any(phase.solver == "gradient" for phase in job.recipe.phases) else None,
            write_start=lambda: self._write_start(folder),
            told=lambda progress: folder.write(progress=progress),
        )
        if folder.start.exists():
            saver.go_on_from(found)
        hashes = dataset.hashes()
        keeper.saver = saver
        keeper.folder = folder
        earlier = self._training_files if job.goes_on else set()
        keeper.training_files = earlier | {hashes[index][:HASH_DIGITS] for index in job.split.train}
        folder.record.setdefault("started", datetime.now(UTC).isoformat(timespec="seconds"))
        with saver.watching_signals():
            if saver.every is not None and any(phase.unfreeze for phase in job.recipe.phases):
                # Not later: computing the features may take long, and then the base moves.
                try:
                    saver.ensure_start()
                except OSError as error:
                    raise OptionError(
                        f"the run cannot be saved in {folder.path}: {error}. Free some room, pass another directory=, "
                        f"or do without checkpoints (checkpoint_every=None)"
                    ) from error
            outcome = train(
                self._composition,
                dataset,
                job.split,
                job.recipe,
                _measure(self._composition),
                Settings(
                    seed=job.seed,
                    augment=self._augmentation(job.seed),
                    view=self._view(job.seed),
                    ops=self._ops,
                    class_weight=job.class_weight,
                    callbacks=job.callbacks,
                    display=job.display,
                    progress=job.progress,
                    cache=job.cache,
                    prefix=job.prefix,
                    fresh_head=not job.goes_on,
                    checkpoint=saver,
                    features=job.features,
                ),
            )
        self._training_files = earlier | {hashes[index][:HASH_DIGITS] for index in outcome.train}
        self._providers = provenance.with_fit(
            self._providers,
            [*folder.record["config"]["recipe_providers"], *provenance.rows(job.used)],
            continues=job.goes_on,
        )
        self._head_state = "fitted"
        self._note_adapted()
        notices = [
            *folder.record.get("notices", ()),
            *_skipped_notice(outcome.skipped, len(dataset)),
            *receipts.adapted_notice(self._adapted),
            *receipts.notices(outcome.phases),
            *saver.notices,
        ]
        run = Run(
            recipe=job.recipe,
            history=outcome.history,
            phases=outcome.phases,
            notices=notices,
            reasons=folder.record.get("reasons", []),
            lint=job.lint,
            model=self,
            reporter=report,
        )
        if len(outcome.validation):
            told = job.display.counter("validation")
            run.validation = self._evaluation(
                dataset, outcome.validation, scores=outcome.validation_scores, progress=told
            )
        if len(outcome.test):
            told = job.display.counter("test")
            run.test = self._evaluation(dataset, outcome.test, scores=outcome.test_scores, progress=told)
        run.details = {
            "started": folder.record["started"],
            "seed": job.seed,
            "devices": devices.names(self._composition),
            "versions": versions(),
            "model": self._composition.identity,
            "parameters": parameters(self._composition, run.receipts),
            "input_size": self.input_size,
            "resize": self._composition.resize.model_dump(),
            "labels": list(self.labels),
            "providers": self._providers,
            "batchnorm_adapted": list(self._adapted),
            "augment": [{"name": op.name, "provider": op.provider, **op.config} for op in self._ops],
            "data": {
                "name": dataset.name,
                "fingerprint": dataset.fingerprint(),
                "train": len(outcome.train),
                "validation": len(outcome.validation),
                "test": len(outcome.test),
                "skipped": [{"id": name, "reason": reason} for name, reason in outcome.skipped],
            },
        }
        self._write(run, folder)
        return run

    def _go_on(
        self,
        folder: RunFolder,
        found: Checkpoint | None,
        data: Any,
        validation: Any,
        test: Any,
        callbacks: Sequence[Any],
        job: Any,
    ) -> Run:
        """The rest of a run that `resume` has opened."""
        config = folder.record["config"]
        recipe = RecipeSpec.model_validate(config["recipe"])
        with self._whole_or_not_at_all(tunes_base=_tunes_base(recipe)) as keeper:
            try:
                with provenance.recording() as used:
                    dataset, split, _, lint = self._training_data(
                        data, validation, test, config["seed"], config["group"]
                    )
            except DataError as error:
                raise ResumeError(
                    f"{error}. If what {folder.path} was trained on is elsewhere now, pass it: data=, or --data"
                ) from error
            if dataset.fingerprint() != config["data"]["fingerprint"]:
                raise ResumeError(
                    f"the data is not what {folder.path} was trained on: {dataset.name} has other images or answers. "
                    f"Pass the same data=, or start a new run with fit"
                )
            weights = config["class_weight"]
            return self._carry_out(
                folder,
                _Job(
                    dataset=dataset,
                    split=split,
                    recipe=recipe,
                    seed=config["seed"],
                    class_weight=dict(map(tuple, weights)) if isinstance(weights, list) else weights,
                    callbacks=callbacks,
                    cache=config["cache"],
                    prefix=config["cached_prefix"],
                    goes_on=config["goes_on"],
                    used=used,
                    lint=lint,
                    **job,
                ),
                keeper,
                found,
            )

    def _data_of_run(
        self, config: Mapping[str, Any], data: Any, validation: Any
    ) -> tuple[data_room.Dataset | None, data_room.Split | None, str]:
        """The data of a run, split as it was; or None, and why it is not at hand."""
        source = config["data"]["source"] if data is None else data
        if source is None:
            return None, None, "the run was trained on arrays or a stream, pass data= to see them"
        try:
            held_out = _again("the run", "validation", config["validation"], validation)
            tested = _again("the run", "test", config["test"], None)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ZooNotice)  # said when the run was made
                dataset, split, *_ = self._training_data(source, held_out, tested, config["seed"], config["group"])
            if dataset.fingerprint() != config["data"]["fingerprint"]:
                return None, None, f"{dataset.name} has other images or answers now than when the run was made"
        except (ZooError, OSError) as error:
            return None, None, str(error)
        return dataset, split, ""

    def _write_start(self, folder: RunFolder) -> None:
        """The model a run starts from, as a file of its own: what is trained is written on top of it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZooNotice)  # said again when the model itself is written
            self._save(folder.start)
        folder.note_start()

    def _note_adapted(self) -> None:
        """BatchNorm of a pretrained base that moved since the fit began is on record from here on."""
        if self._composition.identity["weights"] not in (None, SCRATCH):
            moved = receipts.adapted(self._composition, self._batchnorm)
            self._adapted = tuple(name for name in self._stage_names() if name in (*self._adapted, *moved))

    def _remember_state(self) -> None:
        """What BatchNorm of the base and all flags are now, so that a change by others is noticed."""
        self._batchnorm = receipts.batchnorm(self._composition)
        self._remember_flags()

    def _remember_flags(self) -> None:
        self._flags = flags(self._layers())

    def _layers(self) -> list[Any]:
        composition = self._composition
        base = [layer for stage in composition.stages for layer in stage.layers]
        return base if composition.head is None else [*base, composition.head]

    def _check_untouched(self) -> None:
        """BatchNorm of a pretrained base must be what zoo left.

        Raises:
            FrozenError: somebody else moved it; the message names the layer.
        """
        if self._composition.identity["weights"] is None:
            return
        moved = receipts.changed(self._batchnorm, receipts.batchnorm(self._composition))
        if moved:
            raise FrozenError(
                f"BatchNorm of the pretrained base was changed outside of zoo: {len(moved)} layers, first "
                f"{moved[0]!r}. Build the model again; if its BatchNorm is to adapt, say so with fit(batchnorm='adapt')"
            )

    def _changed_by_hand(self) -> list[str]:
        """Says which `trainable` flags somebody changed since zoo set them: a fit follows its recipe, not them."""
        now = flags(self._layers())
        inside = sum(len(list(leaves(layer))) for stage in self._composition.stages for layer in stage.layers)
        other = [index for index, (old, new) in enumerate(zip(self._flags, now, strict=True)) if old != new]
        base, head = [index for index in other if index < inside], [index for index in other if index >= inside]
        said = []
        for what, found in (
            ("the base; what trains is said by the recipe, stages= or model.unfreeze", base),
            ("the head; those that are frozen stay so", head),
        ):
            if found:
                first = now[found[0]][0]
                said.append(f"`trainable` was changed by hand on {len(found)} layers (first {first!r}) of {what}")
        return said

    # -- what trains ---------------------------------------------------------------------------------------------
    def freeze(self, until: str | None = None) -> None:
        """Freeze the base up to a stage, this one included; the stages above it train in the next `fit`.

        BatchNorm of the base is frozen everywhere. Sets `trainable` of the layers too, for plain Keras loops.

        Args:
            until: the last stage that is frozen; None: all of them.

        Raises:
            OptionError: the base has no such stage.
        """
        names = self._stage_names()
        if until is None:
            self._set_unfrozen(())
        else:
            self._set_unfrozen(names[names.index(self._known_stage(until)) + 1 :])

    def unfreeze(self, *stages: str) -> None:
        """Let stages of the base train in the next `fit`, beside those that do already; BatchNorm stays frozen.

        Without `recipe=`, that fit then fine-tunes (`lp-ft`). Stages below trained ones may stay frozen.

        Args:
            stages: names; none: all stages.

        Raises:
            OptionError: the base has no such stage.
        """
        self._set_unfrozen([*self._unfrozen, *map(self._known_stage, stages or self._stage_names())])

    def trainable_report(self, recipe: str | os.PathLike[str] | RecipeSpec | None = None) -> Any:
        """Per stage, and for the head: layers, parameters, how many of them train, learning rate, BatchNorm.

        Args:
            recipe: what trains in its last phase of gradient descent; None: what the layers' flags say now.

        Returns:
            A table: a sequence of dicts that prints as one.

        Raises:
            OptionError: a recipe without gradient descent.
        """
        if recipe is None:
            return trainable_report(self._composition)
        stages: Sequence[str] | None = None
        if self._unfrozen:
            recipe, stages = self._recipe_for_unfrozen(recipe)
        chosen = resolve(choose(recipe, stages=stages), self._stage_names())
        phases = [phase for phase in chosen.phases if phase.solver == "gradient"]
        if not phases:
            raise OptionError(f"recipe {chosen.name!r} solves the head exactly: nothing has a learning rate")
        return trainable_report(self._composition, phases[-1])

    def _known_stage(self, name: str) -> str:
        names = self._stage_names()
        if name not in names:
            raise OptionError(f"this base has no stage {name!r}.{did_you_mean(name, names)} Stages: {', '.join(names)}")
        return name

    def _set_unfrozen(self, stages: Iterable[str]) -> None:
        composition = self._composition
        if composition.head is None:
            raise OptionError("this model is the pretrained classifier without a head of yours: nothing of it trains")
        if composition.identity["weights"] is None:
            raise OptionError("a base with random weights trains as a whole (recipe='scratch'): nothing is frozen")
        chosen = set(stages)
        self._unfrozen = tuple(name for name in self._stage_names() if name in chosen)
        freeze(composition.backbone, composition.stages, unfreeze=self._unfrozen)
        self._remember_flags()

    def _recipe_for_unfrozen(
        self, recipe: str | os.PathLike[str] | RecipeSpec | None
    ) -> tuple[str | RecipeSpec, Sequence[str]]:
        """The recipe and the stages of a fit after `unfreeze`.

        Raises:
            OptionError: the recipe trains no stage.
        """
        chosen = choose(recipe or "lp-ft")
        if not any(phase.unfreeze for phase in chosen.phases):
            raise OptionError(
                f"{', '.join(self._unfrozen)} were unfrozen, and recipe {chosen.name!r} trains no stage of the base: "
                f"take 'lp-ft', or call model.freeze() first"
            )
        return chosen, self._unfrozen

    def usual_recipe(self) -> str:
        """What trains the head alone: "probe" for a linear head without augmentation, else "head"."""
        return frozen_recipe(linear=self._composition.linear_layer() is not None, augmented=bool(self._ops))

    def _decide(
        self, dataset: data_room.Dataset, split: data_room.Split, how: Settings, least: str
    ) -> tuple[Choice, Features | None]:
        """The recipe for this data and why; and the features of the whole split, where they were computed for it."""
        from zoo.architectures.facts import multiply_adds  # here, not above: it loads Keras

        composition, seen, every = self._composition, None, None
        counts = np.zeros(0, np.int64)
        indices = np.zeros(0, np.int64)
        if composition.task == "classification":
            assert dataset.targets is not None
            counts = np.bincount(dataset.targets[split.train])
            counts = counts[counts > 0]
            wanted = sample(dataset, split.train, seed=how.seed)
            # All at once where training needs them too; otherwise only what is looked at.
            parts = [split.train, split.validation, split.test]
            features = features_for(composition, dataset, wanted if self._ops else np.sort(np.concatenate(parts)), how)
            indices = wanted[np.isin(wanted, features.positions)]
            seen = look(dataset, features.of(indices), indices, n_classes=composition.width, seed=how.seed)
            every = None if self._ops else features
        found = cut(composition, stages_that_train([stage.name for stage in composition.stages], tuned()))
        probe, knn, pixels = seen or (None, None, None)
        choice = decide(
            Measured(
                task=composition.task,
                images=len(split.train),
                per_class=float(len(counts) / (1 / counts).sum()) if len(counts) else 0.0,
                chance=float(counts.max() / counts.sum()) if len(counts) else 0.0,
                probe=probe,
                knn=knn,
                pixels=pixels,
                sample=len(indices),
                linear=composition.linear_layer() is not None,
                augmented=bool(self._ops),
                macs=multiply_adds(composition.backbone),
                suffix=1.0 if found is None else 1.0 - found.share,
            )
        )
        return at_least(choice, least), every

    def _stage_names(self) -> list[str]:
        """The stages of the base, from the pixels upward."""
        return [stage.name for stage in self._composition.stages]

    def _augmentation(self, seed: int) -> Any:
        if not self._ops:
            return None
        return lambda epoch: augment_room.transform(self._ops, seed=seed, epoch=epoch)

    def _check_views(self, recipe: RecipeSpec) -> None:
        moving = [op.name for op in self._ops if op.boxes == "moved"]
        if moving and any(phase.views for phase in recipe.phases) and any(o.task == "box" for o in self.outputs):
            raise OptionError(
                f"views= keeps features, not where boxes have moved to, and {', '.join(moving)} moves them: leave "
                f"views= out, or take augmentation that leaves every pixel in its place"
            )

    def _view(self, seed: int) -> Any:
        if not self._ops:
            return None
        return lambda number: View(
            augment_room.transform(self._ops, seed=seed, epoch=number),
            augmentation_key(self._ops, seed=seed, view=number),
        )

    @contextmanager
    def _whole_or_not_at_all(self, *, tunes_base: bool) -> Iterator[_Keeper]:
        """A fit that fails leaves weights and labels as they were; every fit leaves the base frozen.

        After Ctrl-C, and after a loss that is no number, the best checkpoint so far is what the user wants to have.
        """
        composition = self._composition
        assert composition.head is not None
        if tunes_base and self._initial_base is None:
            self._initial_base = composition.backbone.get_weights()  # for reset()
        outputs, head = composition.outputs, composition.head_weights()
        mine = self._head_state, self._training_files, self._providers, self._adapted
        base = composition.backbone.get_weights() if tunes_base else None
        keeper = _Keeper()
        try:
            with ending_when_terminated():
                yield keeper
        except BaseException as error:
            named = composition.outputs
            composition.outputs = outputs
            composition.set_head_weights(head)
            self._head_state, self._training_files, self._providers, self._adapted = mine
            if base is not None:
                composition.backbone.set_weights(base)
            if keeper.saver is not None and keeper.folder is not None:
                self._after(error, keeper.folder, keeper.saver, keeper.training_files, named)
            raise
        finally:
            if composition.identity["weights"] is not None:
                freeze(composition.backbone, composition.stages, unfreeze=self._unfrozen)
            self._remember_state()

    def _after(
        self,
        error: BaseException,
        folder: RunFolder,
        saver: Checkpointer,
        training_files: set[str],
        outputs: tuple[Output, ...],
    ) -> None:
        """What is left of a run that ended before its end: in memory, and in its folder."""
        asked = isinstance(error, KeyboardInterrupt | SystemExit)
        if not folder.start.exists() or not (asked or saver.has_begun):
            folder.drop()
            if asked:
                warnings.warn("interrupted before anything was trained; features are kept", ZooNotice, stacklevel=4)
            return
        held = ""
        best = saver.best() if isinstance(error, KeyboardInterrupt | DivergedError) else None
        try:
            if best is not None:
                found, known = best
                self._composition.outputs = outputs
                saver.put_best(found)
                self._head_state = "fitted"
                self._note_adapted()
                self._training_files = training_files
                held = (
                    f" The model, and {folder.model}, hold the best so far: epoch {known['epoch']}, "
                    f"{known['measure']} {known['value']:.4g}."
                )
                self._save(folder.model)
            state = "interrupted" if asked else "diverged" if isinstance(error, DivergedError) else "failed"
            folder.write(state=state, error=None if asked else f"{type(error).__name__}: {error}")
        except OSError as problem:
            held += f" The run folder could not be written: {problem}."
        if asked:
            how = f"zoo.resume({str(folder.path)!r}) or `zoo resume {folder.path}` goes on."
            warnings.warn(f"interrupted.{held} {how}", ZooNotice, stacklevel=4)
        elif held:
            warnings.warn(held.strip(), ZooNotice, stacklevel=4)

    def _new_directory(self, directory: str | os.PathLike[str] | None, recipe: str) -> Path:
        """The run's folder, made before the work so that a place that cannot be written is found at once."""
        try:
            if directory is None:
                name = str(self._composition.identity["backbone"]).rpartition(":")[2]
                return new_directory(settings.runs_dir(), name=f"{name}-{recipe}")
            target = Path(directory)
            if target.exists() and (not target.is_dir() or any(target.iterdir())):
                raise OptionError(
                    f"directory={str(target)!r} exists and is not an empty folder: a run needs one of its own"
                )
            target.mkdir(parents=True, exist_ok=True)
            return target
        except OSError as error:
            raise OptionError(
                f"the folder of the run cannot be made: {error}. Pass directory=, or set ZOO_RUNS_DIR"
            ) from error

    def _training_data(
        self, data: Any, validation: Any, test: Any, seed: int, group: str | None
    ) -> tuple[data_room.Dataset, data_room.Split, list[str], Findings]:
        """All images of a run as one dataset, how they are split, what to say about them, and a quick look at them."""
        dataset = self._load(data, group)
        notices = data_room.check(dataset, labels=self.labels or None)
        if not self.labels:
            self._take_labels(dataset.readable())
            dataset = self._load(dataset)
        held_out: dict[str, data_room.Dataset] = {}
        for name, asked in (("validation", validation), ("test", test)):
            if not _is_share(asked):
                held_out[name] = self._load(asked)
                notices += data_room.check(held_out[name], labels=self.labels, training=False)
        shares = {
            name: 0 if name in held_out else _share(asked)
            for name, asked in (("validation", validation), ("test", test))
        }
        own = dataset.readable()
        parts = data_room.split(own, **shares, seed=seed)
        notices += parts.notes
        if not held_out:
            return own, parts, notices, glance(dataset)
        members = {"train": own.subset(parts.train), "validation": own.subset(parts.validation)}
        members |= {"test": own.subset(parts.test)}
        members |= {name: extra.readable() for name, extra in held_out.items()}
        _check_apart(members, held_out)
        joined = data_room.concatenate(own, *(members[name] for name in held_out), name=own.name)
        places = {"train": parts.train, "validation": parts.validation, "test": parts.test}
        first = len(own)
        for name in held_out:
            places[name] = np.arange(first, first + len(members[name]))
            first += len(members[name])
        whole = data_room.concatenate(dataset, *held_out.values(), name=own.name)
        return (
            joined,
            data_room.Split(places["train"], places["validation"], places["test"], parts.notes),
            notices,
            glance(whole),
        )

    def _load(self, data: Any, group: str | None = None) -> data_room.Dataset:
        """The data with the classes of the head; its task must be that of the head."""
        task = self._composition.task
        if task == "multi-output":
            dataset = data_room.load(data, outputs=self.outputs, group=group)
        else:
            kind = None if task == "classification" else task
            dataset = data_room.load(data, labels=self.labels or None, task=kind, group=group)
        if dataset.targets is not None and dataset.task != task:
            raise DataError(f"{dataset.name} is data for {dataset.task}, the head does {task}")
        return dataset

    def _take_labels(self, dataset: data_room.Dataset) -> None:
        if dataset.n_classes != self._composition.width:
            raise DataError(
                f"the head has {self._composition.width} outputs and the data {dataset.n_classes} classes "
                f"({', '.join(dataset.labels[:8]) or 'without names'}): build the model with a head of "
                f"{dataset.n_classes}"
            )
        self._composition.take_labels(dataset.labels or tuple(str(index) for index in range(dataset.n_classes)))

    def _check_start(self, start: str, recipe: RecipeSpec) -> None:
        if start not in ("fresh", "pretrained"):
            raise OptionError(f"start= takes 'fresh' or 'pretrained'; got {start!r}")
        if start == "fresh":
            return
        if self._shipped_head is None:
            raise OptionError("start='pretrained': no weights for this head on this backbone were shipped")
        if self._solves_head(recipe):
            raise OptionError(
                f"start='pretrained' has no effect with recipe {recipe.name!r}, which solves the head anew: take 'head'"
            )

    def _solves_head(self, recipe: RecipeSpec) -> bool:
        return recipe.phases[0].solver == "convex" and self._composition.linear_layer() is not None

    def _start(self, start: str, recipe: RecipeSpec) -> list[str]:
        """Put the head where the run starts; returns what to say about it."""
        notices = []
        if start == "pretrained":
            assert self._shipped_head is not None
            self._composition.set_head_weights(self._shipped_head)
            notices.append("the head starts from its shipped weights")
        elif self._head_state == "fitted" and self._solves_head(recipe):
            notices.append(
                "this fit continues from the base of the one before, the head is solved anew; reset() starts anew"
            )
        elif self._head_state == "fitted":
            notices.append("this fit continues from the weights of the one before; model.reset() starts anew")
        elif self._head_state == "pretrained":
            self._composition.set_head_weights(self._fresh_head)
            notices.append("the head starts fresh; its shipped weights are not used (start='pretrained' uses them)")
        augmented = self.record.get("augment")
        if augmented and not self._ops:
            notices.append(
                f"the model was trained with augmentation ({', '.join(augmented)}), this fit goes without: "
                f"zoo.load takes augment="
            )
        return notices

    def _write(self, run: Run, folder: RunFolder) -> None:
        """Write the folder; a full disk must not lose a run that is in memory, nor one that can go on."""
        run.directory = folder.path
        try:
            try:
                self._write_results(run, folder)
            except OSError:
                prune(folder.checkpoints, keep=1)  # the last one is enough to go on, and the others take room
                self._write_results(run, folder)
        except OSError as error:
            later = f"or free some room and `zoo resume {folder.path}`" if folder.start.is_file() else "or fit again"
            run.notices.append(
                f"the run could not be written to {folder.path}: {error}; model.save() elsewhere keeps it, {later}"
            )
            warnings.warn(run.notices[-1], ZooNotice, stacklevel=3)

    def _write_results(self, run: Run, folder: RunFolder) -> None:
        self._save(folder.model)
        for passing in ("progress", "start", "error"):
            folder.record.pop(passing, None)
        measured = {name: found for name in ("validation", "test") if (found := getattr(run, name)) is not None}
        if measured:
            write_predictions(folder.predictions, measured, self.outputs)
        folder.write(**run.to_dict(), state="finished")
        folder.drop_checkpoints()

    def reset(self) -> None:
        """Back to the state after `build`: the head as it was, the base with its pretrained weights.

        Raises:
            OptionError: the model was loaded from a file, which does not hold the weights it once started from.
        """
        if self.record:
            raise OptionError("reset: a saved file does not hold the weights the model started from; build it again")
        if self._composition.head is not None:
            self._composition.set_head_weights(self._shipped_head or self._fresh_head)
            self._head_state = "untrained" if self._shipped_head is None else "pretrained"
        if self._initial_base is not None:
            self._composition.backbone.set_weights(self._initial_base)
            self._remember_state()
        self._adapted = ()
        self._training_files = set(self._shipped_files)

    # -- evaluate and predict ------------------------------------------------------------------------------------
    def evaluate(
        self, data: Any, *, temperature: float | None = None, verbose: int | str = "auto", progress: Any = None
    ) -> Evaluation:
        """Measure on labeled data.

        Args:
            data: as for `fit`.
            temperature: of a classifier: what its logits are divided by, as `run.calibrate()` finds it. Probabilities
                change, classes do not; None: as they are.
            verbose: as for `fit`.
            progress: called with (images done, images in all).

        Returns:
            Accuracy, loss, per-class figures and so on. A note says so if the model was trained on some of the files.

        Raises:
            UntrainedHeadError: the head was never trained.
            DataError: the data cannot be used.
            OptionError: the temperature is no positive number, or the head is not a classifier.
        """
        self._require_trained("evaluate")
        if temperature is not None and self._composition.task != "classification":
            raise OptionError(f"temperature= is for a classifier; this head does {self._composition.task}")
        display = Display(verbose)
        dataset = self._load(data)
        notes = data_room.check(dataset, labels=self.labels or None, training=False)
        with display:
            told = display.counter("images", also=progress)
            found = self._evaluation(dataset, np.arange(len(dataset)), notes=notes, progress=told)
        return found if temperature is None else found.at_temperature(temperature)

    def _evaluation(
        self,
        dataset: data_room.Dataset,
        positions: np.ndarray,
        *,
        scores: np.ndarray | None = None,
        notes: Iterable[str] = (),
        progress: Any = None,
    ) -> Evaluation:
        notes = list(notes)
        skipped: tuple[tuple[str, str], ...] = ()
        if dataset.targets is None:
            raise DataError(f"{dataset.name} has no labels to measure against")
        if scores is None:
            found = extract(
                self._composition.scoring,
                dataset,
                positions,
                size=self.input_size,
                rule=self._composition.resize,
                progress=progress,
                engine="keras",  # as `predict` computes them
            )
            scores, positions, skipped = found.values, found.positions, found.skipped
        hashes = [digest[:HASH_DIGITS] for digest in dataset.subset(positions).hashes()]
        if self._training_files:
            seen = sum(digest in self._training_files for digest in hashes)
            if seen:
                notes.append(
                    f"{seen} of these {len(positions)} files were trained on: the figures are too good to be believed"
                )
                warnings.warn(notes[-1], ZooNotice, stacklevel=3)
        return evaluate_outputs(
            scores,
            dataset.targets[positions],
            self.outputs,
            ids=tuple(dataset.ids[index] for index in positions),
            hashes=hashes,
            skipped=skipped,
            notes=tuple(notes),
        )

    def predict(self, images: Any, *, batch_size: int = 32) -> list[Prediction]:
        """Say what is on images.

        Args:
            images: a path, a folder, an array (height, width, 3) or (n, height, width, 3) with values 0..255, a Pillow
                image, or a list of these.
            batch_size: images in one forward pass.

        Returns:
            One prediction an image, in order (files of a folder by name).

        Raises:
            UntrainedHeadError: the head was never trained.
            DataError: an image cannot be read, or its values are outside 0..255.
        """
        self._require_trained("predict")
        names: list[str] = []

        def stream() -> Iterator[np.ndarray]:
            for name, image in data_room.images(images):  # one at a time: a folder may not fit into memory
                names.append(name)
                yield image

        scores = self._scores(stream(), batch_size)
        return [decode(self.outputs, row, name) for row, name in zip(scores, names, strict=True)]

    def predict_scores(self, images: Any, *, batch_size: int = 32) -> np.ndarray:
        """The probabilities or values of images: float32 (n, columns), several answers side by side.

        Arguments and errors as for `predict`.
        """
        self._require_trained("predict_scores")
        return self._scores((image for _, image in data_room.images(images, strict=True)), batch_size)

    def _scores(self, images: Iterable[np.ndarray], batch_size: int) -> np.ndarray:
        if batch_size < 1:
            raise OptionError(f"batch_size={batch_size} must be positive")

        def stream() -> Iterator[np.ndarray]:
            batch: list[np.ndarray] = []
            for image in images:
                if image.shape[:2] == (self.input_size, self.input_size):
                    batch.append(image)  # as it is, floats too
                else:
                    batch.append(data_room.resize(as_uint8(image), self.input_size, self._composition.resize))
                if len(batch) == batch_size:
                    yield np.stack(batch)
                    batch = []
            if batch:
                yield np.stack(batch)

        parts = list(forward(self._composition.scoring, stream(), batch_size))
        return np.concatenate(parts) if parts else np.zeros((0, self._composition.width), np.float32)

    def _require_trained(self, verb: str) -> None:
        if self._head_state == "untrained":
            raise UntrainedHeadError(
                f"{verb}: the head of this model was never trained, its answers would be random. Call fit first"
                + ("" if self._composition.identity.get("head") is None else "; or build a head that ships weights")
            )

    # -- look ----------------------------------------------------------------------------------------------------
    def show_batch(self, data: Any, *, images: int = 6, views: int = 4, seed: int = 0) -> Any:
        """Some images as the model is trained on them: resized, and changed by its augmentation.

        Args:
            data: as for `fit`.
            images: how many, drawn at random.
            views: with augmentation: the image as it is, then as in so many epochs less one.
            seed: of the run.

        Returns:
            A matplotlib Figure, a row for each image.

        Raises:
            OptionError: matplotlib is not installed.
            DataError: the images cannot be read.
        """
        from zoo.plots.samples import show_batch

        return show_batch(self._composition, self._load(data), self._ops, images=images, views=views, seed=seed)

    # -- save ----------------------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a `.keras` file that plain Keras loads without zoo; labels travel in it.

        Raises:
            OptionError: the name does not end in `.keras`, or its folder does not exist.
            FrozenError: somebody else moved BatchNorm of a pretrained base, which the file would pass on as frozen.
        """
        self._check_untouched()
        return self._save(path)

    def _save(self, path: str | os.PathLike[str]) -> Path:
        composition = self._composition
        record = {
            "outputs": [output.model_dump() for output in composition.outputs],
            "resize": composition.resize.model_dump(),
            "identity": composition.identity,
            "head_state": self._head_state,
            "batchnorm": receipts.batchnorm(composition),
            "batchnorm_adapted": list(self._adapted),
            "versions": versions(),
            "training_files": sorted(self._training_files),
            "augment": [op.name for op in self._ops],
            "providers": self._providers,
        }
        return save(composition.serving, record, path)


def _check_apart(members: Mapping[str, data_room.Dataset], given: Iterable[str]) -> None:
    """No image, and no group, of data that was given to be held out may be in another part of a run.

    Raises:
        DataError: one is.
    """
    for held in given:
        for other, part in members.items():
            if other == held:
                continue
            where = "training" if other == "train" else other
            for what, mine, its in (
                ("files", members[held].hashes(), part.hashes()),
                ("groups", members[held].groups, part.groups),
            ):
                shared = set(mine) & set(its) - {""}
                if shared:
                    raise DataError(
                        f"{len(shared)} of {len(set(mine))} {held} {what} are in the {where} data too: "
                        f"what was trained on must not be measured on; remove the copies"
                    )


def _measure(composition: Composition) -> Any:
    return lambda scores, targets: history_figures(composition.outputs, scores, targets, composition.scales())


def _skipped_notice(skipped: Sequence[tuple[str, str]], total: int) -> list[str]:
    if not skipped:
        return []
    shown = "; ".join(f"{name} ({reason})" for name, reason in skipped[:5])
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return [f"{len(skipped)} of {total} images could not be read and were skipped: {shown}{more}"]
