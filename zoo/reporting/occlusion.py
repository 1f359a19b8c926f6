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

_LEAST = 0.005
"""Change of a score below which a part says nothing."""


def speaking_for(composition: Composition, modality: Any, example: Any, column: int) -> tuple[str, str]:
    """Return which parts of an example speak for an answer and which against it, in words; "" where none does.

    Args:
        composition: the model.
        modality: of the example; one that is not `Occludes` gives ("", "").
        example: as the modality reads it.
        column: of the scores, whose answer it is.
    """
    if not isinstance(modality, Occludes):
        return "", ""
    parts = list(islice(modality.without(example), _MOST))
    if not parts:
        return "", ""
    values = scores(composition, (example, *(rest for _, rest in parts)))[:, column]
    falls = values[0] - values[1:]
    order = np.argsort(-falls, kind="stable")
    least = _LEAST * max(1.0, float(np.abs(values[0])))
    named = [f"{parts[place][0]} {falls[place]:+.2g}" for place in order[:_SHOWN] if falls[place] > least]
    against = [f"{parts[place][0]} {falls[place]:+.2g}" for place in order[::-1][:_SHOWN] if falls[place] < -least]
    return ", ".join(named), ", ".join(against)
