"""Pictures decoded and resized inside a TensorFlow graph by the stored rule: what a SavedModel does with file bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

_METHODS = {"bilinear": "bilinear", "bicubic": "bicubic", "nearest": "nearest", "lanczos": "lanczos3", "area": "area"}


def decoder(intake: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """Return what turns the bytes of picture files into the arrays that the model takes.

    JPEG is decoded as Pillow decodes it. Resizing is antialiased and rounds as Pillow's within one level (bilinear) or
    eleven (bicubic), so answers differ a little from those to a file given to `predict`; the export record says by how
    much.

    Args:
        intake: of the record, as JSON.

    Returns:
        A function from strings (n,) to uint8 (n, height, width, 3); None: examples are no pictures, or the rule has no
        counterpart in TensorFlow.
    """
    rule, size = intake.get("rule"), intake.get("size")
    if intake.get("encoded") != "picture" or not isinstance(rule, Mapping) or rule.get("interpolation") not in _METHODS:
        return None
    height, width = (size, size) if isinstance(size, int) else tuple(size or (0, 0))
    if height != width or not height or intake.get("channels", 3) != 3:
        return None
    import tensorflow as tf

    def one(data: Any) -> Any:
        array = tf.cond(
            tf.io.is_jpeg(data),
            lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
            lambda: tf.io.decode_png(data, channels=3),
        )
        return _fitted(array, height, rule)

    def decode(texts: Any) -> Any:
        array = tf.map_fn(one, texts, fn_output_signature=tf.TensorSpec((height, width, 3), tf.uint8))
        return tf.ensure_shape(array, (None, height, width, 3))

    return decode


def _fitted(array: Any, side: int, rule: Mapping[str, Any]) -> Any:
    """`zoo.pictures.resize`, its numbers step by step, in TensorFlow."""
    import tensorflow as tf

    shape = tf.shape(array)
    height, width = shape[0], shape[1]

    def scaled(new_height: Any, new_width: Any) -> Any:
        resized = tf.image.resize(
            array, tf.stack([new_height, new_width]), _METHODS[str(rule["interpolation"])], antialias=True
        )
        return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)

    def prepared() -> Any:
        return array

    def resized() -> Any:
        if rule["mode"] == "stretch":
            return scaled(side, side)
        if rule["mode"] == "pad":
            factor = side / tf.maximum(height, width)
            inner = [
                tf.maximum(1, tf.cast(tf.round(tf.cast(length, tf.float64) * factor), tf.int32))
                for length in (height, width)
            ]
            top, left = (side - inner[0]) // 2, (side - inner[1]) // 2
            return tf.image.pad_to_bounding_box(scaled(*inner), top, left, side, side)
        short = max(side, math.floor(side / float(rule["crop_fraction"]) + 1e-9))
        long = short * tf.maximum(height, width) // tf.minimum(height, width)
        new_height, new_width = tf.where(width <= height, long, short), tf.where(width <= height, short, long)
        top, left = (
            tf.cast(tf.round((tf.cast(length, tf.float64) - side) / 2), tf.int32) for length in (new_height, new_width)
        )
        return tf.image.crop_to_bounding_box(scaled(new_height, new_width), top, left, side, side)

    fitted = tf.cond((height == side) & (width == side), prepared, resized)
    return tf.ensure_shape(fitted, (side, side, 3))
