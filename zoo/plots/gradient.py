"""Grad-CAM in numbers: which cells of a feature map speak for an answer, through preprocessing, base and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.compose import Composition, as_inputs
from zoo.errors import OptionError
from zoo.plots.cells import as_map, is_map, side_of
from zoo.training.suffix import halves

_BATCH = 16


def grad_cam(
    composition: Composition, arrays: np.ndarray, columns: int | Sequence[int] | np.ndarray, *, stage: str | None = None
) -> np.ndarray:
    """Where a model looks when it gives an answer.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
    arXiv 1610.02391, equations 1 and 2: `relu(sum_k a_k A_k)`, where `A_k` is channel k of a feature map and `a_k` the
    mean over its cells of the gradient of the answer. The graph is cut behind the stage in two models that share its
    layers, so the base may be nested and preprocessing stays in front; the answer is the logit (of a head with a
    softmax of its own: the probability; of a regression: the value, so heat is what raises it). Of a vision transformer
    the cells are the tokens of the patches, without class token and registers.

    Args:
        composition: the model.
        arrays: uint8 or float (n, size, size, 3), values 0..255, in the input size of the model.
        columns: which answer, by its column in the scores: one for all images, or one for each.
        stage: behind which stage of the base; None: the last one with a map; of tokens the last but one, since behind
            the last one a class token has read what it needs, and nothing of the others counts.

    Returns:
        float32 (n, h, w), the cells of that map, 0..1 for each image; zeros where nothing speaks for the answer.

    Raises:
        OptionError: a stage that is not there or has no single map, or a column that is not there.
    """
    column_of = np.broadcast_to(np.asarray(columns, np.int64), (len(arrays),))
    if len(column_of) and not 0 <= column_of.min() <= column_of.max() < composition.width:
        given = sorted(set(column_of.tolist()))
        raise OptionError(f"the model has columns 0..{composition.width - 1}; asked for {given}")
    boundary = map_of(composition, stage)
    parts = halves(composition, boundary)
    heats = []
    for start in range(0, len(arrays), _BATCH):
        maps = parts.prefix(as_inputs(np.asarray(arrays[start : start + _BATCH])), training=False)
        slopes = as_map(composition, gradient(parts.suffix, maps, column_of[start : start + _BATCH]))
        weights = slopes.mean(axis=(1, 2), keepdims=True)
        heats.append(np.maximum((weights * as_map(composition, _numbers(maps))).sum(axis=-1), 0))
    side = side_of(composition, boundary)
    cells = (side, side) if side is not None else tuple(boundary.shape[1:3])
    heat = np.concatenate(heats) if heats else np.zeros((0, *cells), np.float32)
    most = heat.max(axis=(1, 2), keepdims=True, initial=0)
    return np.divide(heat, most, out=np.zeros_like(heat), where=most > 0)


def map_of(composition: Composition, stage: str | None) -> Any:
    """The tensor behind a stage (None: as for `grad_cam`): (n, h, w, channels), or tokens (n, t, channels).

    Raises:
        OptionError: there is no such stage, or it ends in no single map.
    """
    maps = _maps(composition)
    if stage is None and maps:
        last = list(maps.values())
        return last[-2] if len(last) > 1 and len(last[-1].shape) == 3 else last[-1]
    if stage not in maps:
        raise OptionError(
            f"no feature map behind stage {stage!r}; stages with one: {', '.join(maps) or 'none of this base'}"
        )
    return maps[stage]


def _maps(composition: Composition) -> dict[str, Any]:
    """Stage -> the one map behind it, for the stages of the base that end in one."""
    return {
        item.name: item.cut.output
        for item in composition.stages
        if item.cut is not None and item.name != "top" and is_map(composition, item.cut.output)
    }


def gradient(model: Any, values: Any, columns: np.ndarray) -> np.ndarray:
    """The gradient of one column of a model's output, for each row, by its input.

    Keras has no gradient of its own, so this is written for each backend.

    Args:
        model: (n, ...) -> (n, k).
        values: its input, a tensor of the backend.
        columns: int64 (n,), which column of each row.

    Returns:
        float32, of the shape of `values`.

    Raises:
        OptionError: Keras runs on a backend this is not written for.
    """
    import keras

    chosen = keras.ops.one_hot(columns, model.output_shape[-1], dtype="float32")

    def answers(output: Any) -> Any:
        return keras.ops.sum(keras.ops.cast(output, "float32") * chosen)

    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(values)
            total = answers(model(values, training=False))
        return _numbers(tape.gradient(total, values))
    if backend == "jax":
        import jax

        trained = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        slope = jax.grad(lambda inputs: answers(model.stateless_call(trained, fixed, inputs, training=False)[0]))
        return _numbers(slope(values))
    raise OptionError(f"gradients are written for the backends tensorflow and jax; Keras runs on {backend}")


def _numbers(tensor: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype(np.float32)


def spread(heat: np.ndarray, height: int, width: int) -> np.ndarray:
    """Heat (h, w) on a picture of another size: float32 (height, width), 0..1, linear between the centers of cells."""
    from PIL import Image

    wide = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(wide, np.float32), 0, 1)


def overlay(arrays: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A picture with heat on it: where there is none it is dim and gray, where there is most it glows.

    Args:
        arrays: uint8 (height, width, 3).
        heat: (h, w), 0..1.

    Returns:
        uint8 (height, width, 3).
    """
    warm = spread(heat, *arrays.shape[:2])[..., None]
    color = arrays.astype(np.float32)
    dim = 0.45 * color.mean(axis=-1, keepdims=True)
    lit = (1 - _GLOW) * color + _GLOW * np.array([255, 120, 0], np.float32)
    return np.rint((1 - warm) * dim + warm * lit).astype(np.uint8)


_GLOW = 0.25
"""Share of orange where the heat is greatest: the picture still shows through."""
