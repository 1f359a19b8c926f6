"""Choosing among options by the validation part, and judging the chosen one once, on the test part."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.building import build
from zoo.comparison.compared import Compared, Comparison
from zoo.comparison.curves import curve_drawn
from zoo.comparison.writing import span, written
from zoo.data import Dataset, Split, load, split
from zoo.data.splitting import kept_together
from zoo.errors import OptionError, did_you_mean
from zoo.evaluation import Evaluation
from zoo.head_request import classifier
from zoo.model import TransferModel
from zoo.progress import Display
from zoo.run import Run
from zoo.scalars import plain

SHARE = 0.2
"""Of the examples, to choose by, and as many again to judge by; splits that the data has of its own are kept."""

OF_FIT = (
    "recipe",
    "epochs",
    "batch_size",
    "learning_rate",
    "loss",
    "class_weight",
    "stages",
    "batchnorm",
    "augment_in",
)
"""Options that go to `fit`; all others go to whoever makes the model."""

PARAMETERS = "parameters"
"""What a curve can run over beside the options."""


@dataclass(frozen=True)
class Trials:
    """What is tried, and how.

    Attributes:
        make: name of a backbone, or a function of options that gives a model.
        options: name -> values to try.
        epochs: passes over the data where `options` do not say; None: as the recipe says.
        seed: of weights, split and order.
        directory: folder for the folders of the runs; None: new ones under `runs/`.
        folds: of cross-validation; None: one validation part.
    """

    make: str | Callable[..., TransferModel]
    options: Mapping[str, Sequence[Any]]
    epochs: int | None = None
    seed: int = 0
    directory: str | os.PathLike[str] | None = None
    folds: int | None = None

    @classmethod
    def of(cls, makers: Sequence[Any], options: Mapping[str, Any], **how: Any) -> Trials:
        """Return what is tried, as `zoo.compare` was called.

        Raises:
            OptionError: it was not called with one thing that makes models.
        """
        if len(makers) != 1 or not (isinstance(makers[0], str) or callable(makers[0])):
            raise OptionError("options= needs one backbone or function of options to make models with, and data=")
        return cls(makers[0], plain(dict(options)), **how)

    def grid(self) -> list[dict[str, Any]]:
        """Return every combination, the last option changing first.

        Raises:
            OptionError: an option without a list of values, or nothing to choose from.
        """
        for name, values in self.options.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                raise OptionError(f"options={{{name!r}: {values!r}}}: give a list of the values to try")
        combinations = [
            dict(zip(self.options, values, strict=True)) for values in itertools.product(*self.options.values())
        ]
        if len(combinations) < 2:
            raise OptionError("options= gives one combination: there is nothing to choose from")
        return combinations

    def model(self, choice: Mapping[str, Any], dataset: Dataset | None) -> TransferModel:
        """Return an untrained model with these options; a backbone by its name gets a head for the data."""
        own = {name: value for name, value in choice.items() if name not in OF_FIT}
        if isinstance(self.make, str):
            assert dataset is not None
            return build(
                self.make, classifier(list(dataset.labels) or dataset.n_classes), options=own or None, seed=self.seed
            )
        model = self.make(**own)
        if not isinstance(model, TransferModel):
            raise OptionError(f"the function must return what zoo.build gives; got {type(model).__name__}")
        return model


class Chosen(Comparison):
    """What was tried, from the best down, measured on the validation part; and the chosen one on the test part.

    Attributes:
        options: name of what was tried -> its options.
        test: the evaluation of the chosen one on examples that nothing was chosen by, made once.
        run: of the chosen one.
    """

    def __init__(
        self, rows: Sequence[Compared], options: Mapping[str, dict[str, Any]], run: Run, test: Evaluation
    ) -> None:
        where = "the validation part" if run.validation is not None else "the folds, each held out once"
        super().__init__(rows, data=where)
        self.options, self.run, self.test = dict(options), run, test

    @property
    def chosen(self) -> dict[str, Any]:
        """Return the options of the best on the validation part."""
        return self.options[self.best.name]

    @property
    def model(self) -> TransferModel:
        """Return the chosen model, trained."""
        model = self.run.model
        assert isinstance(model, TransferModel)
        return model

    def sentences(self) -> list[str]:
        """Return the verdict, a sentence each: what was chosen, what it is worth, and how the others compare."""
        figure, unit = self.test.headline, self._unit
        how = "cross-validation" if self.run.validation is None else "validation"
        judged = (
            f"Chosen by {how}: {self.best.name}. On the test part, {self.test.count} examples that nothing was chosen "
            f"by, measured once: {figure.name} {written(figure.value, unit)} (95 % interval "
            f"{span(figure.interval, unit)})."
        )
        return [judged, *super().sentences()]

    def curve(self, over: str = PARAMETERS) -> Any:
        """Draw the figure of each model against an option, or against its number of parameters.

        Args:
            over: name of an option, or "parameters".

        Returns:
            A matplotlib Figure, a page wide.

        Raises:
            OptionError: there is no such option.
        """
        known = [*next(iter(self.options.values())), PARAMETERS]
        if over not in known:
            raise OptionError(f"there is no option {over!r}.{did_you_mean(over, known)} Known: {', '.join(known)}")
        return curve_drawn(self, over)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return {**super().to_dict(), "chosen": self.best.name, "options": self.options, "test": self.test.to_dict()}


def choose_options(trials: Trials, data: Any, verbose: int | str) -> Chosen:
    """Train a model for each combination of options, choose by the validation part, measure the best on the test part.

    Args:
        trials: what is tried, and how.
        data: labeled data, as `fit` takes it.
        verbose: as for `fit`.

    Raises:
        OptionError: options that cannot be tried.
        DataError: the data cannot be used.
    """
    grid = trials.grid()
    if data is None:
        raise OptionError("options= needs data= to train on, to choose by and to judge by")
    dataset = _dataset(trials, data, grid[0])
    parts = split(dataset, validation=SHARE, test=SHARE, seed=trials.seed)
    parted = [parts] if trials.folds is None else in_folds(dataset, parts, trials.folds, seed=trials.seed)
    rows: list[Compared] = []
    options: dict[str, dict[str, Any]] = {}
    best: Run | None = None
    for choice in grid:
        name = ", ".join(f"{key}={value}" for key, value in choice.items())
        with Display(verbose) as display:
            display.say(f"{len(rows) + 1} of {len(grid)}: {name}")
        runs = [_trained(trials, choice, dataset, own, number) for number, own in enumerate(parted)]
        options[name] = choice
        rows.append(_row(name, runs))
        if min(rows, key=_order) is rows[-1]:
            best = runs[0]  # of the others the folders remain; their models would fill the memory
    if trials.folds is not None:
        everything = Split(np.sort(np.concatenate([parts.train, parts.validation])), parts.test[:0], parts.test)
        best = _trained(trials, options[min(rows, key=_order).name], dataset, everything, len(parted))
    assert best is not None
    model = best.model
    assert isinstance(model, TransferModel)
    return Chosen(rows, options, best, model.evaluate(dataset.subset(parts.test), verbose=0))


def in_folds(dataset: Dataset, parts: Split, count: int, *, seed: int) -> list[Split]:
    """Return splits in which each example that is not in the test part is held out once; copies stay together.

    Args:
        dataset: labeled data.
        parts: says which examples are in the test part.
        count: of folds, at least 2.
        seed: another seed gives other folds.

    Raises:
        OptionError: fewer than 2 folds, or more than there are different examples.
    """
    rest = np.sort(np.concatenate([parts.train, parts.validation]))
    hashes, classes = dataset.hashes(), dataset.targets
    assert classes is not None
    together = kept_together(hashes, dataset.groups)
    keys = [together[index] for index in rest]
    if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= len(set(keys)):
        raise OptionError(f"folds={count!r} must be a whole number from 2 to the {len(set(keys))} different examples")
    several = classes.ndim == 1 and classes.dtype.kind in "iu"
    class_of = {key: int(classes[index]) if several else 0 for key, index in zip(keys, rest, strict=True)}
    order = sorted(class_of, key=lambda key: (class_of[key], hashlib.sha256(f"{seed} {key}".encode()).digest()))
    fold_of = {key: place % count for place, key in enumerate(order)}
    folds = np.array([fold_of[key] for key in keys])
    return [Split(rest[folds != number], rest[folds == number], parts.test) for number in range(count)]


def _dataset(trials: Trials, data: Any, first: Mapping[str, Any]) -> Dataset:
    """The data as examples of what the models take; labeled as their heads are."""
    if isinstance(trials.make, str):
        return load(data).readable()
    composition = trials.model(first, None).composition
    return load(data, labels=composition.labels or None, modality=composition.intake.kind).readable()


def _trained(trials: Trials, choice: Mapping[str, Any], dataset: Dataset, parts: Split, number: int) -> Run:
    """The run of a choice on a part of the data; `number` tells apart the folders of several runs of one choice."""
    of_fit: dict[str, Any] = {name: value for name, value in choice.items() if name in OF_FIT}
    if trials.epochs is not None:
        of_fit.setdefault("epochs", trials.epochs)
    if trials.directory is not None:
        folder = "-".join(f"{key}={value}" for key, value in choice.items()).replace("/", "_")
        of_fit["directory"] = Path(trials.directory) / (folder if trials.folds is None else f"{folder}-{number + 1}")
    held_out = dataset.subset(parts.validation) if len(parts.validation) else None
    return trials.model(choice, dataset).fit(
        dataset.subset(parts.train), validation=held_out, seed=trials.seed, verbose=0, **of_fit
    )


def _row(name: str, runs: Sequence[Run]) -> Compared:
    """What was tried as it takes part: measured on the validation part, or on all folds together."""
    counted = None if runs[0].record.results is None else runs[0].record.results.parameters
    held_out = [run.validation for run in runs if run.validation is not None]
    return Compared(
        name,
        held_out[0] if len(held_out) == 1 else _pooled(held_out),
        seconds=sum(float(phase["seconds"]) for run in runs for phase in run.phases),
        parameters=None if counted is None else counted.total,
        trained=None if counted is None else counted.trained,
    )


def _pooled(parts: Sequence[Evaluation]) -> Evaluation:
    """What several models said of the examples that each had not seen, as one evaluation."""
    return replace(
        parts[0],
        ids=tuple(itertools.chain.from_iterable(part.ids for part in parts)),
        hashes=tuple(itertools.chain.from_iterable(part.hashes for part in parts)),
        targets=np.concatenate([part.targets for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        skipped=tuple(itertools.chain.from_iterable(part.skipped for part in parts)),
        plugin_figures=(),
    )


def _order(row: Compared) -> tuple[float, str]:
    """What a comparison sorts by: the figure, then the name, so that of equals the same one is the best."""
    figure = row.headline
    return (-figure.value if figure.larger_is_better else figure.value), row.name
