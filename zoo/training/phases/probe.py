"""The phase that solves a linear head exactly, on features."""

from __future__ import annotations

from zoo.features import fit_linear
from zoo.progress import figures
from zoo.specs.record import PhaseReport
from zoo.training.checks import check_class_weight
from zoo.training.phases.work import Measure, Work, scores_of_features, several


def solve(work: Work, measure: Measure) -> PhaseReport:
    """Solve the linear head and write the solution into it; counts as one epoch.

    Args:
        work: the phase, with features.
        measure: gives loss and accuracy of scores.
    """
    composition, outcome, settings = work.composition, work.outcome, work.settings
    targets = work.training_targets
    composition.set_units(targets)
    solution = fit_linear(
        work.kept(outcome.train, views=True),
        targets,
        composition.outputs,
        width=composition.width,
        seed=settings.seed,
        class_weight=settings.class_weight or check_class_weight(composition, work.phase.class_weight),
        views=len(work.views),
    )
    layer = composition.linear_layer()
    assert layer is not None
    layer.set_weights([solution.kernel, solution.bias])
    logs = dict(measure(scores_of_features(composition, work.kept(outcome.train)), targets))
    if len(outcome.validation):
        scores = scores_of_features(composition, work.kept(outcome.validation))
        held_out = measure(scores, work.targets[outcome.validation])
        logs |= {f"val_{name}": value for name, value in held_out.items()}
    _call_back(work, logs)
    settings.live.display.say(f"{work.title}: {figures(logs)}")
    outcome.record({name: [value] for name, value in logs.items()})
    return PhaseReport(
        name=work.phase.name, seconds=0.0, solver="convex", views=several(len(work.views)), solution=solution.report
    )


def _call_back(work: Work, logs: dict[str, float]) -> None:
    """Tell the user's callbacks of the one epoch."""
    import keras

    if not work.settings.live.callbacks:
        return
    model, epoch = work.composition.training, work.outcome.epochs_done
    model.compile(jit_compile=False)  # some callbacks read and set a learning rate: here nobody's
    callbacks = keras.callbacks.CallbackList(
        list(work.settings.live.callbacks), model=model, verbose=0, epochs=epoch + 1, steps=0
    )
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(epoch)
    callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end(logs)
