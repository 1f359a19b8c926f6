"""The heads of zoo-example: what turns features into answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from zoo.specs import HeadSpec

from zoo_example.label_sets import OUTPUTS


class ShapesOptions(BaseModel):
    """Options of the head `shapes`."""

    model_config = ConfigDict(extra="forbid")

    units: int = Field(default=128, ge=1, le=65536, description="width of the hidden layer")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of hidden units dropped while training")


class AttentionOptions(BaseModel):
    """Options of the head `attention`."""

    model_config = ConfigDict(extra="forbid")

    queries: int = Field(default=1, ge=1, le=64, description="weighted means of the places, side by side")


SPECS = (
    HeadSpec(
        name="attention",
        summary="learns where to look: weighted means of the places of a map, then one dense layer",
        tags=("example", "map"),
        task="any",
        reads="map",
        factory="zoo_example.heads:attention",
        options="zoo_example.heads:AttentionOptions",
    ),
    HeadSpec(
        name="shapes",
        summary="which shape it is and where: one hidden layer for both answers",
        tags=("example", "box"),
        task="multi-output",
        outputs=OUTPUTS,
        factory="zoo_example.heads:build",
        options="zoo_example.heads:ShapesOptions",
        dataset="zoo_example:shapes",
    ),
)


def build(features: Any, *, outputs: int, seed: int = 0, units: int = 128, dropout: float = 0.0) -> Any:
    """One hidden layer, then the columns of both answers side by side.

    Args:
        features: tensor (n, d).
        outputs: number of columns: three classes and four values of a box.
        seed: of the initial weights and the dropout.
        units: width of the hidden layer.
        dropout: share of hidden units dropped while training, 0 to 1.

    Returns:
        Logits and values (n, outputs): no softmax, which zoo adds to the columns that are classes.
    """
    import keras  # here, not above: the listing reads this module's specs and needs no framework

    def initial(offset: int) -> Any:
        return keras.initializers.GlorotUniform(seed=seed + offset)

    x = keras.layers.LayerNormalization()(features)
    x = keras.layers.Dense(units, activation="relu", kernel_initializer=initial(1))(x)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=seed)(x)
    return keras.layers.Dense(outputs, kernel_initializer=initial(0), dtype="float32", name="answers")(x)


def attention(features: Any, *, outputs: int, seed: int = 0, queries: int = 1) -> Any:
    """Weigh the places of a map, one softmax over them for each query, and put one dense layer on the means.

    Args:
        features: tensor (n, h, w, c) of a convolutional base, or (n, t, c) of a vision transformer.
        outputs: number of columns.
        seed: of the initial weights.
        queries: weighted means, side by side.

    Returns:
        Logits or values (n, outputs).
    """
    import keras

    def initial(offset: int) -> Any:
        return keras.initializers.GlorotUniform(seed=seed + offset)

    channels = int(features.shape[-1])
    places = keras.layers.Reshape((-1, channels))(features)
    scores = keras.layers.Dense(queries, kernel_initializer=initial(1), name="where")(
        keras.layers.LayerNormalization()(places)
    )
    weights = keras.layers.Softmax(axis=1)(scores)
    means = keras.layers.Dot(axes=1)([weights, places])  # (n, queries, c)
    flat = keras.layers.Reshape((queries * channels,))(means)
    return keras.layers.Dense(outputs, kernel_initializer=initial(0), dtype="float32", name="answers")(flat)
