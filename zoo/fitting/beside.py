"""Beside the network: simple models on the same examples, and what it owes to each part of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.data import Dataset, batches
from zoo.data.modalities import kind_of
from zoo.features import forward
from zoo.modality import HasYardsticks
from zoo.plugin import calling
from zoo.registry import Entry
from zoo.specs.record import Beside, YardstickRow
from zoo.tasks import SEVERAL, of
from zoo.training.phases.work import Measure

_SHUFFLED = 2000
"""Examples that are shuffled, at most: more say nothing new."""

_BATCH = 1024


def beside(
    composition: Composition,
    dataset: Dataset,
    parts: Mapping[str, np.ndarray],
    measure: Measure,
    *,
    seed: int,
    say: Callable[[str], None],
) -> Beside | None:
    """Measure the yardsticks of a modality, and shuffle the parts of its examples; None where it has neither.

    Args:
        composition: the model, trained.
        dataset: labeled data.
        parts: "train", "validation", "test" -> int64 positions; those that could be read.
        measure: gives the figures of scores.
        seed: of yardsticks and shuffling.
        say: told the figures.
    """
    name = composition.intake.kind
    held = [part for part in ("validation", "test") if len(parts[part])]
    if of(composition) is SEVERAL or not held or dataset.targets is None:
        return None
    kind = kind_of(name)
    code: Any = kind.code
    if not isinstance(code, HasYardsticks):
        return None
    figure = of(composition).history_metric
    arrays = {part: _arrays(composition, dataset, parts[part]) for part in ("train", *held)}
    targets = {part: dataset.targets[places] for part, (_, places) in arrays.items()}
    network = {part: _figure(composition, arrays[part][0], targets[part], measure, figure) for part in held}
    rows = []
    with calling(kind.entry.provider, f"yardsticks of modality {kind.entry.id!r}"):
        start = time.perf_counter()
        for title, scores in code.yardsticks(
            composition.intake, arrays["train"][0], targets["train"], composition.task, seed
        ):
            seconds = round(time.perf_counter() - start, 3)
            figures = {
                part: float(measure(np.asarray(scores(arrays[part][0])), targets[part])[figure]) for part in held
            }
            rows.append(YardstickRow(name=title, figures=figures, seconds=seconds))
            start = time.perf_counter()
    judged = held[-1]
    better = of(composition).measure.larger_is_better
    owed = _importance(composition, kind.entry, code, arrays[judged][0], targets[judged], measure, seed)
    made = Beside(
        measure=figure,
        larger_is_better=better,
        network=network,
        yardsticks=tuple(rows),
        importance=owed,
        importance_of=min(len(targets[judged]), _SHUFFLED),
    )
    say(made.sentence())
    return made


def _arrays(composition: Composition, dataset: Dataset, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The arrays of some examples, and the positions of those that could be read."""
    read = list(
        batches(dataset, positions, intake=composition.intake, batch_size=_BATCH, on_skip=lambda name, reason: None)
    )
    return np.concatenate([batch.arrays for batch in read]), np.concatenate([batch.positions for batch in read])


def _figure(composition: Composition, arrays: np.ndarray, targets: np.ndarray, measure: Measure, figure: str) -> float:
    chunks = (arrays[start : start + _BATCH] for start in range(0, len(arrays), _BATCH))
    return float(measure(np.concatenate(list(forward(composition.scoring, chunks, _BATCH))), targets)[figure])


def _importance(
    composition: Composition,
    entry: Entry,
    code: HasYardsticks,
    arrays: np.ndarray,
    targets: np.ndarray,
    measure: Measure,
    seed: int,
) -> dict[str, float]:
    """Part -> how much worse the figure gets when its values are dealt out anew (Breiman 2001), largest first."""
    task = of(composition)
    with calling(entry.provider, f"parts of modality {entry.id!r}"):
        places = dict(code.parts(composition.intake))
    draw = np.random.default_rng(seed)
    chosen = np.sort(draw.permutation(len(arrays))[:_SHUFFLED])
    arrays, targets = arrays[chosen], targets[chosen]
    figure = task.history_metric
    plain = _figure(composition, arrays, targets, measure, figure)
    worse = {}
    for name, columns in places.items():
        shuffled = arrays.copy()
        shuffled[:, list(columns)] = arrays[draw.permutation(len(arrays))][:, list(columns)]
        value = _figure(composition, shuffled, targets, measure, figure)
        worse[name] = round(plain - value if task.measure.larger_is_better else value - plain, 6)
    return dict(sorted(worse.items(), key=lambda item: -item[1]))
