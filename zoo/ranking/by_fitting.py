"""Which backbone suits examples other than images: each fitted on all folds but one, and judged on that one.

What such a backbone gives may be fitted itself (a vocabulary, categories, all of its weights): features alone, by
which images are judged, would have seen what they are judged on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from zoo.building import build
from zoo.data import Dataset
from zoo.errors import OptionError, ZooError
from zoo.evaluation import wilson
from zoo.features.scores import grouped_folds
from zoo.head_request import classifier
from zoo.plugin import registry
from zoo.progress import Display
from zoo.ranking.choice import Choice, Fitted
from zoo.ranking.clock import Clock
from zoo.ranking.ranked import Skipped
from zoo.registry import Entry


def choose_by_fitting(
    dataset: Dataset,
    candidates: str | Sequence[str] | None,
    *,
    clock: Clock,
    folds: int,
    seed: int,
    verbose: int | str,
) -> Choice:
    """Return the backbones for the examples of a dataset from the best down.

    Args:
        dataset: labeled with one class an example.
        candidates: names of backbones. None and "all": all for such examples.
        clock: with the budget; it is looked at between two fits, and one candidate is measured in any case.
        folds: of the cross-validation.
        seed: of the folds, and of what each fit draws.
        verbose: as for `fit`.

    Raises:
        OptionError: no candidate is for such examples, or none could be fitted.
    """
    entries, skipped = _entries(dataset.modality, candidates)
    if not entries:
        raise OptionError(f"no candidate is for examples of {dataset.modality!r}; `zoo list` shows what there is")
    assert dataset.targets is not None
    fold_of = grouped_folds(dataset.targets, np.array(dataset.hashes()), folds, seed=seed)
    rows: list[Fitted] = []
    with Display(verbose) as display:
        counter = display.counter("fits")
        for number, entry in enumerate(entries):
            if rows and clock.over:
                reason = f"the budget of {clock.budget:g} s ended before it was measured"
                skipped.append(Skipped(_name(entry), reason, late=True))
                continue
            try:
                rows.append(_fitted(entry, dataset, fold_of, seed))
            except ZooError as error:
                skipped.append(Skipped(_name(entry), str(error)))
            if counter is not None:
                counter(number + 1, len(entries))
    if not rows:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in skipped)
        raise OptionError(f"no candidate could be fitted. {reasons}")
    return Choice(
        rows,
        data=dataset.name,
        modality=dataset.modality,
        examples=len(dataset),
        folds=folds,
        seed=seed,
        skipped=skipped,
        seconds=clock.seconds,
    )


def _entries(modality: str, candidates: str | Sequence[str] | None) -> tuple[list[Entry], list[Skipped]]:
    """The rows to measure, those with the fewest weights first, and those that are for something else."""
    if candidates in (None, "all"):
        known = [entry for entry in registry().entries("backbones") if entry.spec.modality == modality]
        return sorted(known, key=lambda entry: (entry.spec.params, entry.name)), []
    names = [candidates] if isinstance(candidates, str) else list(candidates or ())
    named = list({entry.id: entry for entry in (registry().get("backbones", name) for name in names)}.values())
    others = [entry for entry in named if entry.spec.modality != modality]
    skipped = [Skipped(_name(entry), f"for examples of {entry.spec.modality!r}") for entry in others]
    return [entry for entry in named if entry not in others], skipped


def _name(entry: Entry) -> str:
    return entry.name if entry.provider.first_party else entry.id


def _fitted(entry: Entry, dataset: Dataset, fold_of: np.ndarray, seed: int) -> Fitted:
    """One candidate, fitted as `zoo fit` does with nothing else named, once for each fold."""
    assert dataset.targets is not None
    start = time.perf_counter()
    scores: Any = None
    for fold in np.unique(fold_of).tolist():
        held_out = np.flatnonzero(fold_of == fold)
        model = build(_name(entry), classifier(dataset), seed=seed)
        with TemporaryDirectory() as folder:
            model.fit(
                dataset.subset(np.flatnonzero(fold_of != fold)), validation=0.1, seed=seed, directory=f"{folder}/run",
                checkpoint_every=None, verbose=0,
            )  # fmt: skip
        answers = model.predict_scores(dataset.subset(held_out))
        scores = np.zeros((len(dataset), answers.shape[1])) if scores is None else scores
        scores[held_out] = answers
    right = scores.argmax(axis=1) == dataset.targets
    probability = np.clip(scores[np.arange(len(dataset)), dataset.targets], 1e-7, 1)
    return Fitted(
        backbone=_name(entry),
        accuracy=float(right.mean()),
        interval=wilson(float(right.sum()), len(right)),
        log_loss=float(-np.log(probability).mean()),
        seconds=time.perf_counter() - start,
        license=next((source.license for source in entry.spec.weights), ""),
        right=right,
    )
