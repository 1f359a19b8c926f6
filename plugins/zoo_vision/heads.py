"""Generic heads: what turns pooled features into logits and values, for any task."""

from __future__ import annotations

from typing import Any

from zoo.specs import HeadSpec

SPECS = (
    HeadSpec(
        name="linear",
        summary="one dense layer; the probe solves it exactly",
        task="any",
        factory="zoo_vision.heads:linear",
        options="zoo_vision.options:Linear",
        tags=("generic",),
    ),
    HeadSpec(
        name="mlp",
        summary="hidden dense layers with dropout, then one dense layer",
        task="any",
        factory="zoo_vision.heads:mlp",
        options="zoo_vision.options:Mlp",
        tags=("generic",),
    ),
)


def linear(features: Any, *, outputs: int, seed: int = 0, dropout: float = 0.0) -> Any:
    """One dense layer.

    Args:
        features: tensor (n, d).
        outputs: number of classes, labels and values.
        seed: of the initial weights and the dropout.
        dropout: share of features dropped while training, 0 to 1.

    Returns:
        Logits or values (n, outputs).
    """
    import keras

    x = keras.layers.Dropout(dropout, seed=seed)(features) if dropout else features
    return _logits(x, outputs, seed)


def mlp(
    features: Any, *, outputs: int, seed: int = 0, units: list[int], dropout: float = 0.3, activation: str = "relu"
) -> Any:
    """Hidden dense layers, then one dense layer.

    Args:
        features: tensor (n, d).
        outputs: number of classes, labels and values.
        seed: of the initial weights and the dropout.
        units: width of each hidden layer.
        dropout: share of units dropped after each hidden layer, 0 to 1.
        activation: Keras activation of the hidden layers.

    Returns:
        Logits or values (n, outputs).
    """
    import keras

    x = features
    for index, width in enumerate(units):
        initial = keras.initializers.GlorotUniform(seed=seed + index + 1)
        x = keras.layers.Dense(width, activation=activation, kernel_initializer=initial)(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=seed + index + 1)(x)
    return _logits(x, outputs, seed)


def _logits(x: Any, outputs: int, seed: int) -> Any:
    import keras

    initial = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(outputs, kernel_initializer=initial, name="logits", dtype="float32")(x)
