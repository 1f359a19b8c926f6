"""TF-IDF: counts times idf, divided by their length; nothing in it trains."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from zoo_text.options import needs


def build(*, intake: Any, **_others: Any) -> keras.Model:
    """Return the network: the L2 normalization of what the intake's front gives.

    Args:
        intake: of texts, as counts.

    Returns:
        From counts times idf, float32 (n, terms), to vectors of length 1 (n, terms); a text without a term is zeros.

    Raises:
        OptionError: the texts are ids or pieces.
    """
    needs(intake, "tfidf", "counts")
    inputs = layers.Input(intake.array_shape, name="weighted")
    return keras.Model(inputs, layers.UnitNormalization(axis=-1, name="unit")(inputs), name="tfidf")
