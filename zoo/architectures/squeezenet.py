"""SqueezeNet 1.1 without its classifier: fire modules, a squeeze of 1x1 in front of 1x1 and 3x3 side by side.

Keras has no such model. Paddings are those of rcmalli/keras-squeezenet, whose converted Caffe weights zoo reads:
"valid" in the stem and in every pool.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from zoo.errors import OptionError

_FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}


def build(include_top: bool, input_size: int) -> keras.Model:
    """The network proper, with random weights.

    Args:
        include_top: must be False: no weights of the classifier are published in this layout.
        input_size: side of the input in px; 227 in training.

    Returns:
        From float32 (n, input_size, input_size, 3), BGR values 0..255 minus their mean, to a feature map
        (n, side, side, 512).

    Raises:
        OptionError: with include_top.
    """
    if include_top:
        raise OptionError("squeezenet comes without its pretrained classifier; build it with include_top=False")
    inputs = layers.Input((input_size, input_size, 3))
    x = layers.Conv2D(64, 3, 2, padding="valid", activation="relu", name="conv1")(inputs)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    for number, (squeeze, expand) in _FIRES.items():
        x = _fire(x, squeeze, expand, f"fire{number}")
        if number in (3, 5):
            x = layers.MaxPooling2D(3, 2, name=f"pool{number}")(x)
    return keras.Model(inputs, x, name="squeezenet")


def _fire(x: Any, squeeze: int, expand: int, name: str) -> Any:
    x = layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    left = layers.Conv2D(expand, 1, activation="relu", name=f"{name}_expand1x1")(x)
    right = layers.Conv2D(expand, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(x)
    return layers.Concatenate(name=f"{name}_concat")([left, right])
