"""A text network to train from random weights: embedded words, then a mean, convolutions, a GRU or an LSTM."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from zoo.errors import OptionError, did_you_mean
from zoo_text.options import needs

BODIES = ("mean", "conv", "gru", "lstm")


def build(
    *, intake: Any, width: int = 64, body: str = "mean", units: int = 64, dropout: float = 0.2, **_others: Any
) -> keras.Model:
    """Return the network, with random weights.

    Args:
        intake: of texts, as ids of words.
        width: length of the vector of a word.
        body: what makes one vector of the words. mean: their mean; conv: convolutions over five words and the largest
            value of each; gru, lstm: the last state of one that reads from both ends.
        units: width of convolutions, GRU or LSTM.
        dropout: share of the embedded values that are dropped while training, 0 to 1.

    Returns:
        From ids, float32 whole numbers (n, length), to vectors (n, width), (n, units) or (n, 2 * units).

    Raises:
        OptionError: there is no such body, or the texts are counts or pieces.
    """
    needs(intake, "embedding", "ids")
    if body not in BODIES:
        raise OptionError(f"body={body!r} is none of {', '.join(BODIES)}.{did_you_mean(body, BODIES)}")
    inputs = layers.Input(intake.array_shape, name="ids")
    ids = ops.cast(inputs, "int32")
    x = layers.Embedding(intake.units.count, width, name="words")(ids)
    if dropout:
        x = layers.Dropout(dropout, name="words_dropout")(x)
    if body == "mean":
        known = ops.expand_dims(ops.cast(ops.not_equal(ids, 0), x.dtype), -1)
        x = ops.sum(x * known, axis=1) / ops.maximum(ops.sum(known, axis=1), 1.0)
    elif body == "conv":
        x = layers.Conv1D(units, 5, padding="same", activation="relu", name="conv1")(x)
        x = layers.Conv1D(units, 5, padding="same", activation="relu", name="conv2")(x)
        x = layers.GlobalMaxPooling1D(name="largest")(x)
    else:
        cell = layers.GRU(units, name=body) if body == "gru" else layers.LSTM(units, name=body)
        x = layers.Bidirectional(cell, name=f"both_{body}")(x)
    x = layers.Identity(name="pooled")(x)
    return keras.Model(inputs, x, name=f"embedding_{body}")
