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
from zoo.catalogue import restricted
from zoo.data import Dataset
from zoo.data.modalities import kind_of
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
from zoo.weights.store import Store


def choose_by_fitting(
    dataset: Dataset,
    candidates: str | Sequence[str] | None,
    *,
    clock: Clock,
    folds: int,
    seed: int,
    verbose: int | str,
    progress: Any = None,
) -> Choice:
    """Return the backbones for the examples of a dataset from the best down.

    Args:
        dataset: labeled with one class an example.
        candidates: names of backbones. None: all for such examples whose weights are on this machine and free for every
            use; "all": weights that are missing are fetched.
        clock: with the budget; it is looked at between two fits, and one candidate is measured in any case.
        folds: of the cross-validation.
        seed: of the folds, and of what each fit draws.
        verbose: as for `fit`.
        progress: called with (backbones done, backbones in all).

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
        counter = display.counter("backbones", unit="steps", also=progress)
        for number, entry in enumerate(entries):
            if rows and clock.over:
                skipped.append(Skipped(_name(entry), _late(clock), late=True))
                continue
            try:
                fitted = _fitted(entry, dataset, fold_of, seed, clock if rows else None)
            except ZooError as error:
                skipped.append(Skipped(_name(entry), str(error)))
            else:
                if fitted is None:
                    skipped.append(Skipped(_name(entry), _late(clock), late=True))
                else:
                    rows.append(fitted)
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
    """The rows to measure, the default of the modality first, and those that are left out."""
    if candidates in (None, "all"):
        usual = kind_of(modality).spec.default_backbone or ""
        entries = [entry for entry in registry().entries("backbones") if entry.spec.modality == modality]
        entries.sort(key=lambda entry: (usual not in (entry.name, entry.id), entry.spec.params, entry.name))
        reasons = {entry.id: _left_out(entry, local_only=candidates is None) for entry in entries}
    else:
        names = [candidates] if isinstance(candidates, str) else list(candidates or ())
        entries = list({entry.id: entry for entry in (registry().get("backbones", name) for name in names)}.values())
        reasons = {entry.id: _of_another(entry, modality) for entry in entries}
    skipped = [Skipped(_name(entry), reasons[entry.id]) for entry in entries if reasons[entry.id]]
    return [entry for entry in entries if not reasons[entry.id]], skipped


def _of_another(entry: Entry, modality: str) -> str:
    return "" if entry.spec.modality == modality else f"for examples of {entry.spec.modality!r}"


def _left_out(entry: Entry, *, local_only: bool) -> str:
    """Why a backbone that nobody named does not take part; "" where it does."""
    sources = entry.spec.weights
    words = next((words for source in sources if (words := restricted(source.license))), "")
    if words:
        return f"weights {words}; name it in candidates="
    if local_only and sources and not any(Store().has(source) for source in sources):
        return 'weights are not downloaded; candidates="all" downloads them'
    return ""


def _name(entry: Entry) -> str:
    return entry.name if entry.provider.first_party else entry.id


def _late(clock: Clock) -> str:
    return f"the budget of {clock.budget:g} s ended before it was measured"


def _fitted(entry: Entry, dataset: Dataset, fold_of: np.ndarray, seed: int, clock: Clock | None) -> Fitted | None:
    """One candidate, fitted as `zoo fit` does with nothing else named, once for each fold; None: the time is over."""
    assert dataset.targets is not None
    start = time.perf_counter()
    scores: Any = None
    for fold in np.unique(fold_of).tolist():
        if clock is not None and clock.over:
            return None
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
