"""The pass over the data that comes before phases: features of every example, and of augmented views."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.data import Dataset, batches
from zoo.features import Features, extract
from zoo.training.outcome import Outcome
from zoo.training.phases.maps import kept_maps
from zoo.training.settings import Settings


def features_for(composition: Composition, dataset: Dataset, positions: np.ndarray, settings: Settings) -> Features:
    """Return the features that training uses, from the cache as far as they are there.

    Args:
        composition: the model.
        dataset: the examples.
        positions: int64 (n,), which of them.
        settings: cache, progress.
    """
    maps = kept_maps(composition, len(positions))
    if maps is not None:
        maps.require_room(cache=settings.cache)
        settings.live.display.say(f"the head reads maps: {maps} are {maps.where(cache=settings.cache)}")
    return extract(
        composition.features,
        dataset,
        positions,
        intake=composition.intake,
        progress=settings.live.progress,
        cache=settings.cache,
    )


def features_of_views(
    model: Any, composition: Composition, dataset: Dataset, positions: np.ndarray, count: int, settings: Settings
) -> list[Features]:
    """Return the model's output for the augmented views of some examples, a `Features` for each view but the plain one.

    Args:
        model: from inputs to what is kept: features, or the output of frozen stages.
        composition: the model it is a part of.
        dataset: the examples.
        positions: int64 (n,), which of them.
        count: of views, the plain one included.
        settings: augmentation, cache, progress.
    """
    return [
        extract(
            model,
            dataset,
            positions,
            intake=composition.intake,
            progress=settings.live.progress,
            cache=settings.cache,
            view=settings.view(number),
            engine=None if model is composition.features else "keras",  # as the rest of the graph is trained
        )
        for number in range(1, count)
    ]


def decodable(
    composition: Composition, dataset: Dataset, positions: np.ndarray, outcome: Outcome, settings: Settings
) -> np.ndarray:
    """Return the positions whose example can be decoded: all are read once, so that no epoch meets a damaged one.

    Args:
        composition: the model.
        dataset: the examples.
        positions: int64 (n,), which of them.
        outcome: takes note of those that are skipped.
        settings: display.
    """
    read = batches(
        dataset,
        positions,
        intake=composition.intake,
        on_skip=lambda name, reason: outcome.skipped.append((name, reason)),
    )
    count, readable = settings.live.display.counter("reading"), [np.zeros(0, np.int64)]
    for batch in read:
        readable.append(batch.positions)
        if count is not None:
            count(sum(map(len, readable)) + len(outcome.skipped), len(positions))
    return np.concatenate(readable)
