"""Heads that read the sequence of frames, in order: attention over time, and a GRU."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from zoo.specs import HeadSpec


class Temporal(BaseModel):
    """Options of the heads that read sequences."""

    model_config = ConfigDict(extra="forbid")

    units: int = Field(default=32, ge=1, description="width of what sums up the sequence")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="share of it dropped while training")


SPECS = (
    HeadSpec(
        name="temporal_gru",
        summary="a GRU over the sequence of frames: order counts",
        task="any",
        reads="map",
        factory="zoo_video.heads:gru",
        options="zoo_video.heads:Temporal",
        tags=("sequence",),
    ),
    HeadSpec(
        name="temporal_attention",
        summary="a weighted mean over the frames, with weights that are learned: order does not count",
        task="any",
        reads="map",
        factory="zoo_video.heads:attention",
        options="zoo_video.heads:Temporal",
        tags=("sequence",),
    ),
)


def gru(features: Any, *, outputs: int, seed: int = 0, units: int = 32, dropout: float = 0.2) -> Any:
    """A GRU over the sequence, then one dense layer.

    Args:
        features: tensor (n, t, d); a map (n, h, w, d) is read row by row.
        outputs: number of classes, labels and values.
        seed: of the initial weights and the dropout.
        units: width of the GRU.
        dropout: share of its output dropped while training.

    Returns:
        Logits or values (n, outputs).
    """
    import keras

    x = keras.layers.LayerNormalization(name="steps")(_sequence(features))
    kernel, recurrent = (keras.initializers.GlorotUniform(seed + 1), keras.initializers.Orthogonal(seed=seed + 2))
    x = keras.layers.GRU(units, kernel_initializer=kernel, recurrent_initializer=recurrent, name="gru")(x)
    return _logits(x, outputs, seed, dropout)


def attention(features: Any, *, outputs: int, seed: int = 0, units: int = 32, dropout: float = 0.2) -> Any:
    """A mean over the sequence with learned weights, then one dense layer; arguments as of `gru`."""
    import keras
    from keras import ops

    x = keras.layers.LayerNormalization(name="steps")(_sequence(features))
    x = keras.layers.Dense(units, "tanh", kernel_initializer=keras.initializers.GlorotUniform(seed + 1), name="read")(x)
    weigh = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed + 2), name="weigh")
    x = ops.sum(x * ops.softmax(weigh(x), axis=1), axis=1)
    return _logits(x, outputs, seed, dropout)


def _sequence(features: Any) -> Any:
    """The steps in a row: (n, t, d)."""
    import keras

    if len(features.shape) == 3:
        return features
    return keras.layers.Reshape((-1, features.shape[-1]), name="sequence")(features)


def _logits(x: Any, outputs: int, seed: int, dropout: float) -> Any:
    import keras

    if dropout:
        x = keras.layers.Dropout(dropout, seed=seed)(x)
    initial = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(outputs, kernel_initializer=initial, name="logits", dtype="float32")(x)
