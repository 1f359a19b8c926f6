"""The network of clips: a frozen network of images on every frame, and how its maps move from frame to frame."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import zoo
from zoo.errors import OptionError

if TYPE_CHECKING:
    from zoo_video.intake import VideoIntake

OUTPUT = "clip_features"
"""Name of the layer that ends the network."""

_STRIDE = 8
"""Input pixels a cell of the map in which motion is looked for."""

_REACH = 2
"""Cells that something may move from one frame to the next, in each direction."""

_RUN = 3
"""Steps in a row that must make the same move: of shuffled frames one in two pairs that move along an axis does so by
accident, of three steps hardly any."""

_CHANCE = 0.1
"""A move as likely as this, or less, is none; where nothing is recognized, each of 25 has a chance of 0.04."""

_SHARPNESS = 20.0
"""Factor of a likeness, -1..1, in the exponent of the chance of a move."""


def build_frames(
    intake: VideoIntake, *, backbone: str = "efficientnet_lite0", weights: str | None = "pretrained",
    appearance: bool = True, motion: bool = True,
) -> Any:  # fmt: skip
    """Return the network, from frames (n, t, size, size, 3) to a sequence (n, t - 3, d), frozen; (n, 1, d) of 3 frames.

    Args:
        intake: says how many frames of what size.
        backbone: a row of images, whose network looks at each frame.
        weights: of that row; None: random ones, for tests.
        appearance: whether the sequence holds the pooled features of the frames, from the second on.
        motion: whether it holds how much looks moved alike from the frame before and on through the two behind it, by
            -2..2 cells of 8 pixels in either direction: 25 numbers, beside the appearance repeated to its width.

    Raises:
        OptionError: neither appearance nor motion is wanted.
    """
    import keras

    if not (appearance or motion):
        raise OptionError("appearance=False and motion=False leave nothing to be read from a clip")
    frames = keras.Input(intake.array_shape, name="frames_in")
    pictures = keras.ops.reshape(frames, (-1, intake.size, intake.size, 3))
    vectors, maps = _of_pictures(pictures, intake.size, backbone, weights)
    parts = []
    if appearance:
        length = intake.frames - _steps_in_a_row(intake.frames)
        parts.append(keras.ops.reshape(vectors, (-1, intake.frames, vectors.shape[-1]))[:, 1 : 1 + length])
    if motion:
        moves = _motion(keras.ops.reshape(maps, (-1, intake.frames, *maps.shape[1:])))
        # As many columns as the appearance has: a head that is held small gives both the same say.
        copies = max(1, vectors.shape[-1] // moves.shape[-1]) if appearance else 1
        parts.append(keras.layers.Concatenate(name="moves")([moves] * copies) if copies > 1 else moves)
    joined = keras.layers.Concatenate(name="both")(parts) if len(parts) > 1 else parts[0]
    network = keras.Model(frames, keras.layers.Activation("linear", name=OUTPUT)(joined), name="video_frames")
    network.trainable = False
    return network


def _of_pictures(pictures: Any, size: int, backbone: str, weights: str | None) -> tuple[Any, Any]:
    """Pooled features (m, d) of pictures, and their map (m, h, w, c) of stride 8."""
    import keras

    model = zoo.build(backbone, zoo.classifier(("no", "yes")), input_size=size, weights=weights)
    whole: Any = model.composition.features
    x = pictures
    rest = iter(whole.layers[1:])
    for layer in rest:
        if isinstance(layer, keras.Model):
            maps = [
                inner.output
                for inner in layer.layers
                if len(inner.output.shape) == 4 and inner.output.shape[1] == -(-size // _STRIDE)
            ]
            if not maps:
                raise OptionError(
                    f"{backbone} has no map of {_STRIDE} pixels a cell: take another backbone, or another size"
                )
            x, cells = keras.Model(layer.inputs, [layer.outputs[0], maps[-1]], name="frame")(x)
            break
        x = layer(x)
    for layer in rest:
        x = layer(x)
    return x, cells


def _steps_in_a_row(frames: int) -> int:
    return min(_RUN, frames - 1)


def _motion(maps: Any) -> Any:
    """How likely each move is, from frame to frame and on: (n, t, h, w, c) to (n, t - 3, 25).

    The likeness of a frame to the one before it, moved by so many cells, becomes the chance of that move. Three moves
    in a row count where they are the same: what goes on in one direction, and not what jumps to and fro.
    """
    import keras
    from keras import ops

    centered = maps - ops.mean(maps, axis=(1, 2, 3), keepdims=True)
    length = ops.sqrt(ops.sum(ops.square(centered), axis=-1, keepdims=True) + 1e-6)
    cells = centered / length
    height, width = maps.shape[2:4]
    before = cells[:, :-1, _REACH : height - _REACH, _REACH : width - _REACH]
    likeness = []
    for down in range(2 * _REACH + 1):
        for right in range(2 * _REACH + 1):
            after = cells[:, 1:, down : height - 2 * _REACH + down, right : width - 2 * _REACH + right]
            likeness.append(ops.mean(ops.sum(before * after, axis=-1), axis=(2, 3)))
    chance = ops.softmax(_SHARPNESS * ops.stack(likeness, axis=-1), axis=-1)
    run = _steps_in_a_row(maps.shape[1])
    length = maps.shape[1] - run
    lasting = functools.reduce(ops.minimum, [chance[:, begin : begin + length] for begin in range(run)])
    moves = ops.relu(lasting - _CHANCE)
    return keras.layers.Reshape((-1, len(likeness)), name="motion")(moves)
