"""The phase that trains head and stages on examples: through the whole graph, or behind a cached prefix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from zoo.augment.in_graph import draws, in_front_of
from zoo.data.modalities import has_pictures
from zoo.features import extract
from zoo.features.extraction import Kept
from zoo.specs.record import PhaseReport
from zoo.tasks import box_columns
from zoo.training.descent import devices
from zoo.training.descent.mixing import mixes_examples
from zoo.training.descent.sources import Images, Rows
from zoo.training.freeze import freeze, quiet_dropout
from zoo.training.layers import Unfreeze, named
from zoo.training.low_rank import low_rank
from zoo.training.phases.features import features_of_views
from zoo.training.phases.work import Work, several
from zoo.training.settings import Settings
from zoo.training.suffix import Cut, cut, pays


def train_on_examples(work: Work) -> PhaseReport:
    """Train head and unfrozen stages, with everything else as it is.

    Args:
        work: the phase.
    """
    composition, phase, outcome, settings = work.composition, work.phase, work.outcome, work.settings
    training = freeze(composition.backbone, composition.stages, unfreeze=phase.unfreeze, batchnorm=phase.batchnorm)
    checkpoint = settings.checkpoint
    if phase.lora and checkpoint is not None:
        checkpoint.begin_whole(training)
        checkpoint = None
    with (
        quiet_dropout(composition.stages, training),
        low_rank(composition, training, phase.lora, settings.seed),
    ):
        chosen = _chosen(work, training)
        descent = work.descent(chosen.model, chosen.learning, chosen.checking)
        done = descent.run(settings.live, checkpoint)
    went_back = done.kept is not None and done.kept["kept_epoch"] == 0
    outcome.changed_base = outcome.changed_base or (bool(training) and not went_back)
    outcome.record(done.history)
    return work.report(stages=_said(training, phase.unfreeze), best=done.kept, lora=phase.lora or None, **chosen.report)


def _said(training: list[str], unfreeze: Unfreeze) -> tuple[str, ...]:
    """What trains, as the report says it: whole stages, and single layers of others."""
    single = {stage: sorted(f"{stage}/{path}" for path in named(unfreeze, stage)) for stage in training}
    return tuple(name for stage in training for name in single[stage] or [stage])


@dataclass(frozen=True)
class _Chosen:
    """What is trained, and on what.

    Attributes:
        model: the whole training graph, or what comes behind the prefix.
        learning: examples to learn from.
        checking: examples to measure after every epoch, or None.
        report: what the report of the phase says of it.
    """

    model: Any
    learning: Images | Rows
    checking: Images | Rows | None
    report: dict[str, Any]


def _chosen(work: Work, training: list[str]) -> _Chosen:
    """The suffix on the outputs of the frozen stages where that pays, else the whole."""
    boundary, reason = _prefix(work, training)
    return _whole(work, reason) if boundary is None else _behind(work, boundary)


def _whole(work: Work, reason: str) -> _Chosen:
    composition, phase, outcome, settings = work.composition, work.phase, work.outcome, work.settings
    intake, augment = composition.intake, settings.augment()
    report: dict[str, Any] = {"cached_prefix_reason": reason}
    boxes = box_columns(composition.outputs) if augment else None  # only augmentation moves them
    model = composition.training
    learning = Images(work.dataset, outcome.train, intake, augment, boxes)
    checking = Images(work.dataset, outcome.validation, intake)
    if augment is not None:
        report["augment_in"] = phase.augment_in
        if phase.augment_in == "graph":
            first = replace(learning, positions=outcome.train[:1])
            first.take(np.array([0]), 0)  # in the pipeline, where what an op may not do is noticed and reported
            drawn = partial(_draws, settings)
            learning = Images(work.dataset, outcome.train, intake, draws=drawn)
            checking = replace(checking, draws=drawn)
            with devices.scope(composition.training):
                model = in_front_of(model, settings.ops, pictures=has_pictures(work.composition.intake.kind))
    return _Chosen(model, learning, checking if len(checking) else None, report)


def _draws(settings: Settings, epoch: int) -> Any:
    return draws(settings.ops, seed=settings.seed, epoch=epoch)


def _behind(work: Work, boundary: Cut) -> _Chosen:
    composition, outcome, settings = work.composition, work.outcome, work.settings
    count = max(work.phase.views, 1)
    plain = extract(
        boundary.prefix,
        work.dataset,
        np.sort(np.concatenate([outcome.train, outcome.validation])),
        intake=composition.intake,
        progress=settings.live.progress,
        cache=True,
        engine="keras",  # which trains the rest
    )
    more = features_of_views(boundary.prefix, composition, work.dataset, outcome.train, count, settings)
    views = [plain, *more]
    learning = Rows(Kept(views, outcome.train), work.training_targets, len(views), settings.seed)
    checking = None
    if len(outcome.validation):
        checking = Rows(Kept(plain, outcome.validation), work.targets[outcome.validation])
    share = f"{boundary.share:.0%}"
    report = {
        "cached_prefix": boundary.stage,
        "cached_prefix_reason": f"the stages up to {boundary.stage} do {share} of the work and stay as they are",
        "cached_prefix_seconds": round(sum(view.seconds for view in views), 3),
        "cached_prefix_computed": sum(view.computed for view in views),
        "views": several(len(views)),
    }
    return _Chosen(boundary.suffix, learning, checking, report)


def _prefix(work: Work, training: list[str]) -> tuple[Cut | None, str]:
    """The cut to train behind, or None and why."""
    settings, phase = work.settings, work.phase
    # A phase that is resumed goes on as it began: by now the disk may have other room.
    wish = settings.prefix if work.behind_prefix is None else work.behind_prefix
    if wish is False or not settings.cache:
        return None, "switched off"
    if settings.ops and not phase.views:
        return None, "augmentation changes the examples in every epoch"
    if phase.views and (not settings.ops or settings.view(1).key is None):
        return None, "augmentation by functions or layers of one's own: what they do can change without a trace"
    if mixes_examples(phase):
        return None, "mixup and cutmix change the examples in every epoch"
    boundary = cut(work.composition, training)
    if boundary is None:
        return None, "no single tensor separates frozen stages from those that train"
    if wish:
        return boundary, ""
    views = max(phase.views, 1)
    outputs = len(work.outcome.train) * views + len(work.outcome.validation)
    reason = pays(boundary, images=outputs, epochs=phase.epochs, views=views)
    return (None, reason) if reason else (boundary, "")
