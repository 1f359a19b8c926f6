"""What in an example speaks for an answer: how much its score falls when each part is left out."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.fitting.measuring import scores
from zoo.modality import Occludes

_MOST = 200
"""Parts that are left out of an example, each by itself."""

_SHOWN = 5
"""Parts that are named."""

_LEAST = 0.05
"""Change of the log odds, or of a value as a share of it, below which a part says nothing."""

_SUREST = 1e-6
"""Distance from 0 and 1 of the probabilities whose log odds are told apart."""


def speaking_for(
    composition: Composition, modality: Any, example: Any, column: int, *, chances: bool = True
) -> tuple[str, str]:
    """Return which parts of an example speak for an answer and which against it, in words; "" where none does.

    Behind each stands what is lost without it: of a probability log odds, which tell how much a word counts where the
    model is sure, too; else a part of the value.

    Args:
        composition: the model.
        modality: of the example; one that is not `Occludes` gives ("", "").
        example: as the modality reads it.
        column: of the scores, whose answer it is.
        chances: whether the scores are probabilities.
    """
    if not isinstance(modality, Occludes):
        return "", ""
    parts = list(islice(modality.without(example), _MOST))
    if not parts:
        return "", ""
    values = scores(composition, (example, *(rest for _, rest in parts)))[:, column].astype(np.float64)
    least = _LEAST
    if chances:
        sure = np.clip(values, _SUREST, 1 - _SUREST)
        values = np.log(sure / (1 - sure))
    else:
        least *= abs(float(values[0])) or 1.0
    falls = values[0] - values[1:]
    order = np.argsort(-falls, kind="stable")
    return _named(parts, falls, order, least), _named(parts, -falls, order[::-1], least, sign=-1)


def _named(parts: list[Any], falls: np.ndarray, order: np.ndarray, least: float, *, sign: int = 1) -> str:
    shown = [place for place in order[:_SHOWN] if falls[place] > least]
    return ", ".join(f"{parts[place][0]} {sign * falls[place]:+.2g}" for place in shown)
