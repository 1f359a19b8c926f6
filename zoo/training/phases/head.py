"""The phase that trains a head by gradient descent on features; the base is not run."""

from __future__ import annotations

from dataclasses import replace

from zoo.specs.record import PhaseReport
from zoo.training.descent.sources import Rows
from zoo.training.phases.work import Work, several

_EPOCHS = 30
"""Epochs in place of an exact solution, for a head that is not linear."""


def train_head(work: Work) -> PhaseReport:
    """Train the head on the features; a convex phase whose head is not linear comes here too.

    Args:
        work: the phase, with features.
    """
    if work.phase.solver == "convex":
        work = replace(work, phase=work.phase.model_copy(update={"solver": "gradient", "epochs": _EPOCHS}))
    outcome, settings, views = work.outcome, work.settings, len(work.views)
    checking = None
    if len(outcome.validation):
        checking = Rows(work.kept(outcome.validation), work.targets[outcome.validation])
    learning = Rows(work.kept(outcome.train, views=True), work.training_targets, views, settings.seed)
    # `rows`, not `head`: compiled, that would take its optimizer into every file, being a part of the serving graph.
    descent = work.descent(work.composition.rows, learning, checking)
    done = descent.run(settings.live, settings.checkpoint)
    outcome.record(done.history)
    return work.report(stages=(), views=several(views), best=done.kept)
