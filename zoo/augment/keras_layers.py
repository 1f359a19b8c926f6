"""Keras layers as augmentation ops: one image at a time, and a function of the seed, eager or in a graph."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import numpy as np

from zoo.augment.ops import InGraph, Op
from zoo.errors import OptionError

_SEED_STATE = "seed_generator_state"  # name of the variable that every keras.random.SeedGenerator keeps its state in


_TRIES = 16
"""Calls that show whether a layer draws by itself: one that acts half of the time is missed once in 30,000."""


def layer_op(layer: Any, *, bounded: bool = True) -> Op:
    """A Keras layer as an op.

    The state of every SeedGenerator in the layer (and the layers in it) is set from the seed before each call, so
    that the result does not depend on what was called before. The layer is called with `training=True`. It sees float32
    values in a batch of one; those of pictures are 0..255, and its result is rounded and clipped to uint8. A layer that
    changes height or width (RandomCrop) has its result stretched back to the size of the model.

    A layer of one's own that draws elsewhere, with `tf.random.uniform` for example, works too: see `Op.own_draws`.
    """
    import keras

    try:
        config = {"layer": keras.saving.serialize_keras_object(layer)}
    except NotImplementedError:  # a layer of the user's own without get_config: it works, its options stay unknown
        config = {"layer": f"{type(layer).__module__}:{type(layer).__qualname__}"}
    function = _LayerFunction(layer, bounded=bounded)
    in_graph = InGraph(function.draw, function.in_graph)
    return Op(str(layer.name), function, config, "keras", in_graph=in_graph, own_draws=function.draws_by_itself)


class _LayerFunction:
    """(image, seed) -> image through a Keras layer. A lock: seeds are state of the layer, and threads share it."""

    def __init__(self, layer: Any, *, bounded: bool) -> None:
        self._layer = layer
        self._bounded = bounded
        self._lock = threading.Lock()
        self._training = {"training": True} if _takes_training(layer) else {}

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        batch = image[None].astype(np.float32)
        with self._lock:
            if not self._layer.built:
                self._layer(batch, **self._training)  # layers may make their generators when they are built
            for number, state in enumerate(self._states()):
                state.assign(np.array([seed, number]))
            changed = np.asarray(_to_numpy(self._layer(batch, **self._training)))
        return self._as_array(changed, image)

    def draw(self, seed: int) -> np.ndarray:
        """What a graph needs to know of one image: its seed."""
        return np.array([seed], np.int32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """The same in a graph, image by image, each with its own seed; the layer has been called before."""
        import keras
        from keras import ops

        def one(pair: tuple[Any, Any]) -> Any:
            image, seed = pair
            states = [
                (state, ops.stack([ops.cast(seed[0], state.dtype), ops.cast(number, state.dtype)]))
                for number, state in enumerate(self._states())
            ]
            with keras.StatelessScope(state_mapping=states):
                changed = self._layer(image[None], **self._training)
            if changed.shape[1:3] != image.shape[:2]:
                changed = ops.image.resize(changed, image.shape[:2], "bilinear", antialias=True)
            return changed[0]

        changed = ops.map(one, (images, drawn))
        changed = ops.cast(changed, "float32")
        return ops.clip(ops.round(changed), 0, 255) if self._bounded else changed

    def _states(self) -> list[Any]:
        """The state of every random generator of the layer."""
        return [variable for variable in self._layer.variables if variable.name == _SEED_STATE]

    def draws_by_itself(self, image: np.ndarray) -> bool:
        """Whether the layer, which has no random generator of Keras, gives other pictures for the same seed."""
        if self._states():
            return False
        first = self(image.copy(), 0)
        return any(not np.array_equal(first, self(image.copy(), 0)) for _ in range(_TRIES))

    def _as_array(self, changed: np.ndarray, image: np.ndarray) -> np.ndarray:
        self._check(changed, image)
        if not self._bounded:
            return changed[0].astype(image.dtype)
        if image.max() > 1 and 0 < changed.max() <= 1:
            raise OptionError(
                f"augmentation {self._layer.name!r} gave values from {changed.min():.3g} to {changed.max():.3g}; "
                "they stay 0..255 here (value_range=(0, 255)), scaling is part of the model"
            )
        picture = np.clip(np.rint(changed[0]), 0, 255).astype(np.uint8)
        if picture.shape == image.shape:
            return picture
        from PIL import Image

        size = image.shape[1], image.shape[0]
        return np.array(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))

    def _check(self, changed: np.ndarray, image: np.ndarray) -> None:
        """Refuse what is no image of as many channels, or not finite."""
        name = self._layer.name
        if changed.ndim != 4 or len(changed) != 1 or changed.shape[3] != image.shape[2] or 0 in changed.shape:
            raise OptionError(
                f"augmentation {name!r} made {changed.shape[1:]} of an image {image.shape}; it must give an image of "
                "as many channels"
            )
        if not np.isfinite(changed).all():
            raise OptionError(f"augmentation {name!r} gave values that are NaN or infinite")


def _takes_training(layer: Any) -> bool:
    """Whether the layer's call has `training`; a Sequential passes it on to those of its layers that have it."""
    parameters = inspect.signature(layer.call).parameters
    return "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _to_numpy(tensor: Any) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(tensor)
