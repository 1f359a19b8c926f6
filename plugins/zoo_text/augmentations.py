"""Random changes of texts that keep what they say: words left out, neighboring words swapped.

The same seed gives the same text; an option of 0 gives the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from zoo.specs import AugmentationSpec

Augmentation = Callable[[str, int], str]

_PARTS = re.compile(r"\s+|\S+")


class DropoutOptions(BaseModel):
    """Options of `word-dropout`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(default=0.1, ge=0, lt=1, description="share of words that are left out")


class SwapOptions(BaseModel):
    """Options of `word-swap`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(default=0.05, ge=0, le=1, description="share of words that change places with the next one")


SPECS: tuple[AugmentationSpec, ...] = (
    AugmentationSpec(
        name="word-dropout",
        modality="text",
        summary="words left out",
        tags=("text",),
        factory="zoo_text.augmentations:word_dropout",
        options="zoo_text.augmentations:DropoutOptions",
        on="example",
    ),
    AugmentationSpec(
        name="word-swap",
        modality="text",
        summary="neighboring words swapped",
        tags=("text",),
        factory="zoo_text.augmentations:word_swap",
        options="zoo_text.augmentations:SwapOptions",
        on="example",
    ),
)


def word_dropout(**options: Any) -> Augmentation:
    """Leave words out; one stays at least. Options: `DropoutOptions`."""
    chosen = DropoutOptions(**options)

    def apply(text: str, seed: int) -> str:
        import numpy as np

        words = text.split()
        kept = np.random.default_rng(seed).random(len(words)) >= chosen.share
        if kept.all() or not kept.any():
            return text
        return " ".join(word for word, stays in zip(words, kept.tolist(), strict=True) if stays)

    return apply


def word_swap(**options: Any) -> Augmentation:
    """Swap neighboring words. Options: `SwapOptions`."""
    chosen = SwapOptions(**options)

    def apply(text: str, seed: int) -> str:
        import numpy as np

        parts = _PARTS.findall(text)
        places = [place for place, part in enumerate(parts) if not part.isspace()]
        swapped = np.random.default_rng(seed).random(max(len(places) - 1, 0)) < chosen.share
        for number in np.flatnonzero(swapped).tolist():
            first, second = places[number], places[number + 1]
            parts[first], parts[second] = parts[second], parts[first]
        return "".join(parts)

    return apply
