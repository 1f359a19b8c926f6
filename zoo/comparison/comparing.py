"""zoo.compare: the verb."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoo.comparison.alignment import aligned
from zoo.comparison.choosing import Trials, choose_options
from zoo.comparison.compared import Compared, Comparison
from zoo.comparison.entrants import Entrants
from zoo.comparison.pictures import Pictures
from zoo.comparison.yardsticks import PRETRAINED, SCRATCH, Scratch, Yardsticks
from zoo.data import load
from zoo.errors import OptionError, UnknownNameError, WeightsError
from zoo.evaluation import Evaluation
from zoo.model import TransferModel
from zoo.progress import Display
from zoo.restriction import Classes
from zoo.run import Run, load_run


def compare(
    models: Any,
    *others: Any,
    data: Any = None,
    options: Mapping[str, Sequence[Any]] | None = None,
    folds: int | None = None,
    answer: str | None = None,
    trained_on: Any = None,
    classes: Classes | None = None,
    backbone: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    directory: str | os.PathLike[str] | None = None,
    timings: bool = True,
    verbose: int | str = "auto",
    progress: Any = None,
) -> Comparison:
    """Compare models on the same examples: runs with each other, and with two yardsticks.

    Runs are compared by what they answered for the examples held out, which is in their folders: the test split if all
    have one, else the validation split.

    Args:
        models: runs, folders of runs, evaluations, trained models (with `data`), "pretrained" (the classifier that came
            with the backbone, limited to the classes, untouched: see `zoo.restrict`) and "scratch" (a small
            convolutional network trained on the runs' training images from random weights). A mapping gives names.
            With `options`: the name of a backbone, or a function that makes a model from such options.
        data: labeled data to measure all of them on, in place of what the runs held out; models are loaded for it.
        options: name -> values to try, every combination of them: `{"units": [[32], [128]], "dropout": [0.0, 0.5]}`. A
            fifth of `data` is held out to choose by and a fifth to judge by; the best on the first is measured on the
            second, once. `recipe`, `epochs`, `learning_rate` and so on go to `fit`, all others to the network's builder
            or the function.
        folds: with `options`: choose by cross-validation in so many folds of all but the test part, on which the chosen
            model is then trained as a whole. None: by one validation part.
        answer: which of several answers to compare.
        trained_on: the data of the runs, which the yardsticks need; None: found again by its path or name.
        classes: for "pretrained": class -> what it means to the classifier, as in `zoo.restrict`; None: by its name.
        backbone: for "pretrained": whose classifier; None: that of the first run.
        epochs: passes over the data: for "scratch" (None: 20), and with `options` (None: as the recipe says).
        seed: for "scratch" and with `options`: of weights, split and the order of examples.
        directory: for "scratch": folder of its run; with `options`: folder of their folders. None: new ones under
            `runs/`.
        timings: whether to measure milliseconds per image, for which the models of runs are loaded.
        verbose: as for `fit`.
        progress: called with (images done, images in all) while yardsticks or models on `data` answer.

    Returns:
        The models from the best down: `.verdict` in words, `.table()`, `.figure()`, `.against(a, b)`, `.to_dict()`.
        With `options` also `.chosen`, `.model`, `.test` and `.curve("units")`, a picture of the figure against an
        option or against "parameters".

    Raises:
        DataError: they were not measured on the same examples, or against other labels.
        OptionError: fewer than two models, something that cannot be compared, or data that cannot be found again.
    """
    _check_of_options(
        options, folds, {"answer": answer, "trained_on": trained_on, "classes": classes, "backbone": backbone}
    )
    if options is not None:
        trials = Trials.of([models, *others], options, epochs=epochs, seed=seed, directory=directory, folds=folds)
        return choose_options(trials, data, verbose)
    named = _named([models, *others] if others or _is_one(models) else models)
    rows: dict[str, Compared] = {}
    left_out: dict[str, str] = {}
    with Display(verbose) as display:
        entrants = Entrants(
            runs={name: item for name, item in named.items() if isinstance(item, Run)},
            data=None if data is None else load(data),
            timings=timings,
            progress=display.counter("images", also=progress),
        )
        scratch_options = Scratch(epochs=epochs, seed=seed, directory=directory)
        yardsticks = Yardsticks(entrants, Pictures(entrants.runs, trained_on), classes, backbone, scratch_options)
        for name, item in named.items():
            try:
                rows[name] = _entered(name, item, entrants, yardsticks)
            except (OptionError, UnknownNameError, WeightsError) as error:
                if item != PRETRAINED or classes is not None or backbone is not None:
                    raise  # it was named
                left_out[name] = str(error)
    evaluations = aligned({name: row.evaluation for name, row in rows.items()}, answer=answer) if rows else {}
    notes = entrants.notes + _of_training_files(rows)
    return Comparison(
        [replace(row, evaluation=evaluations[name]) for name, row in rows.items()],
        data=entrants.where(),
        left_out=left_out,
        notes=notes,
    )


def _is_one(models: Any) -> bool:
    """Whether this is one thing to compare, rather than a list of them."""
    return isinstance(models, Run | Evaluation | TransferModel | os.PathLike)


def _of_training_files(rows: Mapping[str, Compared]) -> list[str]:
    """Notes of models that were measured on what they were trained on."""
    return [f"{name}: {note}" for name, row in rows.items() for note in row.evaluation.notes if "trained on" in note]


def _entered(name: str, item: Any, entrants: Entrants, yardsticks: Yardsticks) -> Compared:
    if item == PRETRAINED:
        return yardsticks.pretrained(name)
    if item == SCRATCH:
        return yardsticks.scratch(name)
    return entrants.compared(name, item)


def _check_of_options(options: Any, folds: int | None, others: Mapping[str, Any]) -> None:
    """Refuse arguments that are for the other kind of comparison.

    Raises:
        OptionError: `folds` without options to choose, or something with them that only ready models have.
    """
    if options is None and folds is not None:
        raise OptionError(f"folds={folds!r} is for a choice of options: give options={{name: [values]}}")
    given = [name for name, value in others.items() if value is not None]
    if options is not None and given:
        raise OptionError(f"{given[0]}= is for models that are compared, not for a choice of options=")


def _named(models: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Name -> run, evaluation, model or yardstick; folders are read."""
    if isinstance(models, str) or not isinstance(models, Mapping | Sequence):
        raise OptionError(f"compare takes a list of runs and yardsticks; got {models!r}")
    pairs = models.items() if isinstance(models, Mapping) else ((None, item) for item in models)
    named: dict[str, Any] = {}
    for given, item in pairs:
        if isinstance(item, str | os.PathLike) and item not in (PRETRAINED, SCRATCH):
            item = load_run(item)
        name = given or _name_of(item, len(named) + 1)
        if name in named:
            name = f"{name} ({sum(other.split(' (')[0] == name for other in named) + 1})"
        named[name] = item
    if len(named) < 2:
        raise OptionError("compare takes at least two models")
    return named


def _name_of(item: Any, number: int) -> str:
    """What a model is called where nobody says so.

    Raises:
        OptionError: it is nothing that can be compared.
    """
    if isinstance(item, Run):
        return item.directory.name if item.directory is not None else item.recipe.name
    if isinstance(item, str):
        return item
    if isinstance(item, Evaluation | TransferModel):
        return f"model {number}"
    if hasattr(item, "predict_on_batch"):
        raise OptionError(
            f"compare takes no plain Keras model ({getattr(item, 'name', item)!r}): what it does to its input and what "
            f"its outputs mean is not known. Put its base into zoo.build(base, head) and fit it, or give 'scratch', a "
            f"small network that zoo trains on the same examples"
        )
    raise OptionError(
        f"compare takes runs, their folders, evaluations, models, {PRETRAINED!r} and {SCRATCH!r}; got {item!r}"
    )
