"""Carries out a recipe phase by phase: features once, the probe, minibatch descent; and proves what stayed frozen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.augment import Op, check_in_graph
from zoo.augment.in_graph import draws, in_front_of
from zoo.compose import Composition
from zoo.data import Dataset, Split, Transform, batches
from zoo.errors import DataError, DivergedError, OptionError
from zoo.features import Features, extract, fit_linear
from zoo.features.extraction import Kept, Progress, View
from zoo.features.probe import Matrix
from zoo.matching import class_numbers, places
from zoo.progress import Display, figures
from zoo.specs import HEAD_STAGE, PhaseSpec, RecipeSpec
from zoo.tasks import box_columns, read_scores
from zoo.training import devices, receipts
from zoo.training.freeze import freeze, leaves, quiet_dropout
from zoo.training.loop import Images, Rows, descend
from zoo.training.mixing import blends, mixes_pixels
from zoo.training.recipes import rates
from zoo.training.saving import Checkpointer
from zoo.training.suffix import Cut, cut, pays
from zoo.training.surgery import most_wanting, relative_gradients

SCRATCH = "scratch"
"""What `identity["weights"]` says of a base whose weights were trained here from random ones."""

Measure = Callable[[np.ndarray, np.ndarray], dict[str, float]]
"""(scores, targets) -> loss and accuracy, given by the caller: training knows no metrics of its own."""


@dataclass
class Outcome:
    """What training did; the caller evaluates and writes it down."""

    history: dict[str, list[float]] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    train: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    validation: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    validation_scores: np.ndarray | None = None
    test_scores: np.ndarray | None = None
    test: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    changed_base: bool = False


@dataclass(frozen=True)
class Settings:
    """Everything besides model, data and recipe that a run depends on."""

    seed: int = 0
    augment: Callable[[int], Transform] | None = None
    view: Callable[[int], View] | None = None
    """Number of a view, from 1 -> how its images are changed: as `augment` does in the epoch of that number."""
    ops: Sequence[Op] = ()
    """What `augment` applies, for phases in whose graph it runs."""
    class_weight: Any = None
    callbacks: Sequence[Any] = ()
    display: Display = field(default_factory=lambda: Display(0))
    progress: Progress | None = None
    """Told how many images are done while features are computed."""
    title: str = ""
    """What the display calls the phase."""
    cache: bool = True
    prefix: bool | None = None
    """Whether the outputs of frozen stages are computed once and kept; None: where it pays."""
    fresh_head: bool = True
    """Whether the head starts anew, so that its values take their units from the training targets."""
    checkpoint: Checkpointer | None = None
    """Saves the run, and puts it back where it was; None: nothing is saved."""
    features: Features | None = None
    """Of all images of the split, where they have been computed already."""


def check_recipe(composition: Composition, recipe: RecipeSpec, *, augment: Sequence[Op]) -> None:
    """Refuse what cannot work, before any long work starts.

    Raises:
        OptionError: the recipe does not go with this head, this base, or augmentation.
    """
    if composition.head is None:
        raise OptionError(
            "this model is the pretrained classifier without a head of yours: build it with head= to train it"
        )
    for phase in recipe.phases:
        if blends(phase) and composition.task != "classification":
            raise OptionError(
                f"phase {phase.name!r}: mixup, cutmix and label_smoothing blend classes; "
                f"this head does {composition.task}"
            )
    origin = composition.identity["weights"]
    trains_everything = all(phase.unfreeze == "all" for phase in recipe.phases)
    if origin is None and not trains_everything:
        raise OptionError(
            f"recipe {recipe.name!r} freezes a base that has random weights: features of noise. Build it with "
            f"pretrained weights, or train everything with recipe='scratch'"
        )
    if origin not in (None, SCRATCH) and any(phase.batchnorm == "train" for phase in recipe.phases):
        raise OptionError(
            f"recipe {recipe.name!r} lets BatchNorm learn, which would spoil a pretrained base; it is for "
            f"weights=None. batchnorm='adapt' adapts that of the stages that train"
        )
    augmented = bool(augment)
    if augmented and any(phase.augment_in == "graph" for phase in recipe.phases):
        check_in_graph(augment, boxes=any(output.task == "box" for output in composition.outputs))
    convex = [phase for phase in recipe.phases if phase.solver == "convex"]
    if convex and recipe.name == "probe" and composition.linear_layer() is None:
        raise OptionError(
            "recipe 'probe' solves a linear head exactly; this head is something else: take recipe='head'"
        )
    if augmented and all(phase.solver == "convex" and not phase.views for phase in recipe.phases):
        raise OptionError(
            f"recipe {recipe.name!r} computes features once and cannot augment: take 'head' or 'lp-ft', or say how "
            f"many augmented views of each image it is to work with (views=)"
        )
    for phase in recipe.phases:
        if phase.views and not augmented:
            raise OptionError(f"views={phase.views} are augmented views of each image: build the model with augment=")
        if phase.views == 1:
            raise OptionError("views=1 would be the plain image alone: take 2 or more, or leave augmentation out")


def train(
    composition: Composition, dataset: Dataset, split: Split, recipe: RecipeSpec, measure: Measure, settings: Settings
) -> Outcome:
    """Carry out a recipe.

    Args:
        composition: the model; its head, and the stages the recipe unfreezes, are changed in place.
        dataset: labeled data whose classes are those of the head.
        split: positions to train on and to validate with.
        recipe: phases in order.
        measure: gives loss and accuracy of scores.
        settings: seed, augmentation, callbacks and so on.

    Returns:
        What happened, with the scores of the validation examples if the base did not change.

    Raises:
        FrozenError: something frozen moved.
    """
    outcome = Outcome()
    # In the dataset's own order, the test part too: another split then finds the same features.
    everything = np.sort(np.concatenate([split.train, split.validation, split.test]))
    features: Features | None = None
    on_features = [
        p.solver == "convex" or (p.unfreeze == 0 and not mixes_pixels(p) and (not _augments(p, settings) or p.views))
        for p in recipe.phases
    ]
    if any(on_features):
        features = settings.features
        if features is None:
            features = features_for(composition, dataset, everything, settings)
        outcome.skipped = list(features.skipped)
        everything = features.positions
    else:
        everything = _decodable(composition, dataset, everything, outcome, settings.display)
    outcome.train = everything[np.isin(everything, split.train)]
    outcome.validation = everything[np.isin(everything, split.validation)]
    outcome.test = everything[np.isin(everything, split.test)]
    _require_classes(composition, dataset, outcome)
    views: list[Features] = []
    if features is not None:
        most = max(phase.views for phase, wanted in zip(recipe.phases, on_features, strict=True) if wanted)
        views = [features, *_views(composition.features, composition, dataset, outcome.train, most, settings)]
    if settings.fresh_head:
        assert dataset.targets is not None
        composition.set_units(dataset.targets[outcome.train])
    checkpoint = settings.checkpoint or Checkpointer(Path(), composition, context={}, every=None)
    settings = replace(settings, checkpoint=checkpoint)
    stages = [stage.name for stage in composition.stages]
    checkpoint.restore(outcome)  # only now: features are those of the base that the run started from
    for index, phase in enumerate(recipe.phases):
        if not checkpoint.enter(index):
            continue
        start = time.perf_counter() - checkpoint.seconds_before()
        title = phase.name if len(recipe.phases) == 1 else f"{phase.name} ({index + 1} of {len(recipe.phases)})"
        earlier = _epochs_done(outcome)
        found: dict[str, float] = {}
        if phase.unfreeze == "chosen":
            found = checkpoint.remembered("gradients", lambda: _gradients(composition, dataset, outcome, settings))
            phase = phase.model_copy(update={"unfreeze": (most_wanting(found),)})
        # A phase that is resumed goes by what it started from.
        before = checkpoint.remembered("digests", lambda: receipts.take(composition))
        now = replace(settings, title=title)
        if not _augments(phase, settings):
            now = replace(now, augment=None, view=None)
        if checkpoint.resumes_within(index):  # as it began: by now the disk may have other room
            now = replace(now, prefix=checkpoint.behind_prefix())
        if phase.solver == "convex" and composition.linear_layer() is not None:
            report = _probe(composition, dataset, views[: phase.views or 1], outcome, measure, phase, now)
        elif on_features[index]:
            report = _head(composition, dataset, views[: phase.views or 1], outcome, phase, now)
        else:
            report = _descend_images(composition, dataset, outcome, phase, now)
        _require_finite(composition, phase, outcome)
        after = receipts.take(composition)
        receipts.verify(phase, stages, before, after)
        if found:
            report["relative_gradients"] = found
        report["receipts"] = receipts.as_data(phase, stages, before, after)
        # What early stopping left out is not in the history: where a phase ends there, only this says.
        report["epochs_done"] = _epochs_done(outcome) - earlier
        outcome.phases.append({"name": phase.name, "seconds": round(time.perf_counter() - start, 3), **report})
        checkpoint.leave(index, last=index == len(recipe.phases) - 1)
    if all(phase.unfreeze == "all" for phase in recipe.phases) and composition.identity["weights"] is None:
        composition.identity["weights"] = SCRATCH
    if features is not None and not outcome.changed_base:
        if len(outcome.validation):
            outcome.validation_scores = _head_scores(composition, Kept(features, outcome.validation))
        if len(outcome.test):
            outcome.test_scores = _head_scores(composition, Kept(features, outcome.test))
    if features is not None:
        outcome.phases.insert(
            0,
            {
                "name": "features",
                "seconds": round(sum(view.seconds for view in views), 3),
                "images": len(features),
                "computed": sum(view.computed for view in views),
                **({"views": len(views)} if len(views) > 1 else {}),
            },
        )
    return outcome


def _augments(phase: PhaseSpec, settings: Settings) -> bool:
    """Whether what a phase trains on is augmented."""
    return settings.augment is not None and phase.augment_in != "none"


def _gradients(composition: Composition, dataset: Dataset, outcome: Outcome, settings: Settings) -> dict[str, float]:
    """What `unfreeze="chosen"` goes by, on plain training images."""
    images = Images(dataset, outcome.train, composition.input_size, composition.resize)
    return relative_gradients(composition, images, seed=settings.seed)


def _decodable(
    composition: Composition, dataset: Dataset, positions: np.ndarray, outcome: Outcome, display: Display
) -> np.ndarray:
    """The positions whose image can be decoded: all are read once, so that no epoch meets a damaged one."""
    read = batches(
        dataset,
        positions,
        size=composition.input_size,
        rule=composition.resize,
        on_skip=lambda name, reason: outcome.skipped.append((name, reason)),
    )
    tell, found = display.counter("reading"), [np.zeros(0, np.int64)]
    for batch in read:
        found.append(batch.positions)
        if tell is not None:
            tell(sum(map(len, found)) + len(outcome.skipped), len(positions))
    return np.concatenate(found)


def features_for(composition: Composition, dataset: Dataset, positions: np.ndarray, settings: Settings) -> Features:
    """The features that `train` would compute, from the same cache."""
    return extract(
        composition.features,
        dataset,
        positions,
        size=composition.input_size,
        rule=composition.resize,
        progress=settings.progress,
        cache=settings.cache,
    )


def _views(
    model: Any,
    composition: Composition,
    dataset: Dataset,
    positions: np.ndarray,
    count: int,
    settings: Settings,
    engine: str | None = None,
) -> list[Features]:
    """The model's output for the augmented views of some images; of `count` views the first is the plain image."""
    if count < 2:
        return []
    assert settings.view is not None
    return [
        extract(
            model,
            dataset,
            positions,
            size=composition.input_size,
            rule=composition.resize,
            progress=settings.progress,
            cache=settings.cache,
            view=settings.view(number),
            engine=engine,
        )
        for number in range(1, count)
    ]


def _require_classes(composition: Composition, dataset: Dataset, outcome: Outcome) -> None:
    """After unreadable images are gone: something must be left to learn from."""
    if composition.task != "classification":
        return
    assert dataset.targets is not None
    left = set(np.unique(dataset.targets[outcome.train]).tolist())
    if len(left) < 2:
        names = [composition.labels[index] for index in sorted(left)]
        raise DataError(
            f"training needs readable images of at least two classes; left after skipping {len(outcome.skipped)}: "
            f"{names}"
        )


def _require_finite(composition: Composition, phase: PhaseSpec, outcome: Outcome) -> None:
    assert composition.head is not None
    weights = all(np.isfinite(weight).all() for weight in composition.head.get_weights())
    if not weights or not np.isfinite(outcome.history.get("loss", [0.0])).all():
        raise DivergedError(
            f"phase {phase.name!r} diverged: loss or weights are no numbers any more. Lower learning_rate "
            f"(it was {phase.learning_rate:g})"
        )


def _head_scores(composition: Composition, values: Matrix, batch_size: int = 4096) -> np.ndarray:
    rows = composition.rows
    assert rows is not None
    chunks = (values[start : start + batch_size] for start in range(0, len(values), batch_size))
    raw = np.concatenate([np.asarray(rows(chunk, training=False)) for chunk in chunks])
    return read_scores(composition.outputs, raw, from_logits=composition.from_logits).astype(np.float32)


def _record(outcome: Outcome, epochs: dict[str, list[float]]) -> None:
    for name, values in epochs.items():
        outcome.history.setdefault(name, []).extend(values)


def _epochs_done(outcome: Outcome) -> int:
    return max((len(values) for values in outcome.history.values()), default=0)


def _probe(
    composition: Composition,
    dataset: Dataset,
    views: list[Features],
    outcome: Outcome,
    measure: Measure,
    phase: PhaseSpec,
    settings: Settings,
) -> dict[str, Any]:
    """Solve the linear head exactly and write the solution into it; counts as one epoch."""
    import keras

    assert dataset.targets is not None
    targets = dataset.targets[outcome.train]
    composition.set_units(targets)
    solution = fit_linear(
        Kept(views, outcome.train),
        targets,
        composition.outputs,
        width=composition.width,
        seed=settings.seed,
        class_weight=settings.class_weight or check_class_weight(composition, phase.class_weight),
        views=len(views),
    )
    layer = composition.linear_layer()
    assert layer is not None
    layer.set_weights([solution.kernel, solution.bias])
    logs = dict(measure(_head_scores(composition, Kept(views[0], outcome.train)), targets))
    if len(outcome.validation):
        held_out = measure(
            _head_scores(composition, Kept(views[0], outcome.validation)), dataset.targets[outcome.validation]
        )
        logs |= {f"val_{name}": value for name, value in held_out.items()}
    if settings.callbacks:
        model, epoch = composition.training, _epochs_done(outcome)
        model.compile(jit_compile=False)  # some callbacks read and set a learning rate: here nobody's
        callbacks = keras.callbacks.CallbackList(
            list(settings.callbacks), model=model, verbose=0, epochs=epoch + 1, steps=0
        )
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(epoch)
        callbacks.on_epoch_end(epoch, logs)
        callbacks.on_train_end(logs)
    settings.display.say(f"{settings.title}: {figures(logs)}")
    _record(outcome, {name: [value] for name, value in logs.items()})
    return {"solver": "convex", **solution.report, **_said(len(views))}


def _said(views: int) -> dict[str, Any]:
    return {"views": views} if views > 1 else {}


def _gradient_report(phase: PhaseSpec, stages: list[str]) -> dict[str, Any]:
    return {
        "solver": "gradient",
        "epochs": phase.epochs,
        "optimizer": phase.optimizer,
        "learning_rate": phase.learning_rate,
        "batch_size": phase.batch_size,
        "stages": stages,
        "batchnorm": phase.batchnorm,
    }


def check_class_weight(composition: Composition, asked: Any) -> Any:
    """The class weights as None, "balanced" or class index -> weight; label names may be given for indices.

    Raises:
        OptionError: a class that is not there, a weight that is not a positive number, or another task.
    """
    if asked is None:
        return None
    if composition.task != "classification":
        raise OptionError(f"class_weight= is for classification; this head does {composition.task}")
    if isinstance(asked, str) and asked == "balanced":
        return asked
    if not isinstance(asked, Mapping):
        raise OptionError(f"class_weight= takes None, 'balanced' or class -> weight; got {asked!r}")
    weights = {}
    for name, weight in asked.items():
        index = _class_of(name, composition.labels)
        if not isinstance(index, int | np.integer) or not 0 <= index < composition.width:
            raise OptionError(f"class_weight names class {name!r}; classes are {', '.join(composition.labels[:12])}")
        if not (isinstance(weight, int | float | np.integer | np.floating) and 0 < weight < np.inf):  # False of NaN too
            raise OptionError(f"class_weight of {name!r} is {weight!r}; it must be a positive number")
        weights[int(index)] = float(weight)
    return weights


def _class_of(name: Any, labels: Sequence[str]) -> Any:
    """The index of a class that is named by its label or its number; what is neither comes back as it is."""
    if isinstance(name, str):
        (place,) = places([name], labels)
        return name if place is None else place
    if isinstance(name, bool) or not isinstance(name, int | np.integer):
        return name
    try:
        return int(class_numbers(np.array([name]), labels, "class_weight=")[0])
    except DataError as error:
        raise OptionError(f"{error}. As a key: {str(name)!r} or its label") from error


def _class_weight(
    composition: Composition, targets: np.ndarray, phase: PhaseSpec, settings: Settings
) -> dict[int, float] | None:
    """The weights in the loss: those of the caller, else those of the phase."""
    asked = settings.class_weight or check_class_weight(composition, phase.class_weight)
    if asked is None or isinstance(asked, dict):
        return asked
    counts = np.bincount(targets, minlength=composition.width)
    return {index: len(targets) / (np.count_nonzero(counts) * max(int(count), 1)) for index, count in enumerate(counts)}


def _head(
    composition: Composition,
    dataset: Dataset,
    views: list[Features],
    outcome: Outcome,
    phase: PhaseSpec,
    settings: Settings,
) -> dict[str, Any]:
    """Train the head on the features; a convex phase whose head is not linear comes here too."""
    assert dataset.targets is not None
    if phase.solver == "convex":
        phase = phase.model_copy(update={"solver": "gradient", "epochs": 30})
    train_targets = dataset.targets[outcome.train]
    validation = None
    if len(outcome.validation):
        validation = Rows(Kept(views[0], outcome.validation), dataset.targets[outcome.validation])
    rows = composition.rows
    assert rows is not None
    history = descend(
        rows,  # not `head`: compiled, that would take its optimizer into every file, being a part of the serving graph
        phase,
        Rows(Kept(views, outcome.train), train_targets, len(views), settings.seed),
        validation,
        layers=_layers(composition),
        outputs=composition.outputs,
        from_logits=composition.from_logits,
        scales=composition.scales(),
        seed=settings.seed,
        class_weight=_class_weight(composition, train_targets, phase, settings),
        factors=_factors(composition, phase),
        callbacks=settings.callbacks,
        first_epoch=_epochs_done(outcome),
        title=settings.title,
        display=settings.display,
        checkpoint=settings.checkpoint,
    )
    _record(outcome, history)
    return {**_gradient_report(phase, []), **_said(len(views))}


def _descend_images(
    composition: Composition, dataset: Dataset, outcome: Outcome, phase: PhaseSpec, settings: Settings
) -> dict[str, Any]:
    """Train head and unfrozen stages on images, and prove that the rest stayed as it was."""
    assert dataset.targets is not None
    training = freeze(composition.backbone, composition.stages, unfreeze=phase.unfreeze, batchnorm=phase.batchnorm)
    with quiet_dropout(composition.stages, training):
        model, learning, checking, prefix = _sources(composition, dataset, outcome, phase, settings, training)
        history = descend(
            model,
            phase,
            learning,
            checking,
            layers=_layers(composition),
            outputs=composition.outputs,
            from_logits=composition.from_logits,
            scales=composition.scales(),
            seed=settings.seed,
            class_weight=_class_weight(composition, dataset.targets[outcome.train], phase, settings),
            factors=_factors(composition, phase),
            callbacks=settings.callbacks,
            first_epoch=_epochs_done(outcome),
            title=settings.title,
            display=settings.display,
            checkpoint=settings.checkpoint,
        )
    outcome.changed_base = outcome.changed_base or bool(training)
    _record(outcome, history)
    return {**_gradient_report(phase, training), **prefix}


def _factors(composition: Composition, phase: PhaseSpec) -> dict[int, float]:
    """`id` of each variable -> factor on its learning rate, as the phase says for its stage."""
    assert composition.head is not None
    wanted = rates(phase, [stage.name for stage in composition.stages])
    places = {stage.name: list(stage.layers) for stage in composition.stages} | {HEAD_STAGE: composition.head.layers}
    return {
        id(weight): factor
        for name, factor in wanted.items()
        for layer in places[name]
        for weight in layer.trainable_weights
    }


def _layers(composition: Composition) -> list[Any]:
    """Every layer of base and head, in the order of the graph."""
    assert composition.head is not None
    base = [leaf for stage in composition.stages for layer in stage.layers for leaf in leaves(layer)]
    return [*base, *leaves(composition.head)]


def _sources(
    composition: Composition,
    dataset: Dataset,
    outcome: Outcome,
    phase: PhaseSpec,
    settings: Settings,
    training: list[str],
) -> tuple[Any, Images | Rows, Images | Rows | None, dict[str, Any]]:
    """What is trained and on what: the suffix on the outputs of the frozen stages where that pays, else the whole."""
    assert dataset.targets is not None
    size, rule = composition.input_size, composition.resize
    everything = np.sort(np.concatenate([outcome.train, outcome.validation]))
    count = max(phase.views, 1)
    images = len(everything) + (count - 1) * len(outcome.train)
    found, reason = _prefix(composition, phase, settings, training, images)
    if found is None:
        model = composition.training
        report: dict[str, Any] = {"cached_prefix": None, "cached_prefix_reason": reason}
        boxes = box_columns(composition.outputs) if settings.augment else None  # only augmentation moves them
        learning = Images(dataset, outcome.train, size, rule, settings.augment, boxes)
        checking = Images(dataset, outcome.validation, size, rule)
        if settings.augment is not None:
            report["augment_in"] = phase.augment_in
            if phase.augment_in == "graph":
                first = replace(learning, positions=outcome.train[:1])
                first.take(np.array([0]), 0)  # in the pipeline, where what an op may not do is found and told
                drawn = partial(_draws, settings)
                learning = Images(dataset, outcome.train, size, rule, draws=drawn)
                checking = replace(checking, draws=drawn)
                with devices.scope(composition.training):
                    model = in_front_of(model, settings.ops)
        return model, learning, checking if len(checking) else None, report
    engine = "keras"  # which trains the rest
    kept = extract(
        found.prefix, dataset, everything, size=size, rule=rule, progress=settings.progress, cache=True, engine=engine
    )
    views = [kept, *_views(found.prefix, composition, dataset, outcome.train, count, settings, engine)]
    rows = Rows(Kept(views, outcome.train), dataset.targets[outcome.train], len(views), settings.seed)
    held_out = None
    if len(outcome.validation):
        held_out = Rows(Kept(kept, outcome.validation), dataset.targets[outcome.validation])
    report = {
        "cached_prefix": found.stage,
        "cached_prefix_reason": f"the stages up to {found.stage} do {found.share:.0%} of the work and stay as they are",
        "cached_prefix_seconds": round(sum(view.seconds for view in views), 3),
        "cached_prefix_computed": sum(view.computed for view in views),
        **_said(len(views)),
    }
    return found.suffix, rows, held_out, report


def _draws(settings: Settings, epoch: int) -> Any:
    return draws(settings.ops, seed=settings.seed, epoch=epoch)


def _prefix(
    composition: Composition, phase: PhaseSpec, settings: Settings, training: list[str], images: int
) -> tuple[Cut | None, str]:
    """The cut to train behind, or None and why."""
    if settings.prefix is False or not settings.cache:
        return None, "switched off"
    if settings.augment is not None and not phase.views:
        return None, "augmentation changes the pixels in every epoch"
    if phase.views and (settings.view is None or settings.view(1).key is None):
        return None, "augmentation by functions or layers of one's own: what they do can change without a trace"
    if mixes_pixels(phase):
        return None, "mixup and cutmix change the pixels in every epoch"
    found = cut(composition, training)
    if found is None:
        return None, "no single tensor separates frozen stages from those that train"
    reason = "" if settings.prefix else pays(found, images=images, epochs=phase.epochs, views=max(phase.views, 1))
    return (None, reason) if reason else (found, "")
