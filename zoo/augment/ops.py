"""Augmentation ops: from what the user names to functions of (image, seed), checked at their first use."""

from __future__ import annotations

import hashlib
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from zoo.errors import OptionError, PluginError
from zoo.pictures.colors import gray, in_colors
from zoo.plugin.modalities import assumed, has_pictures
from zoo.registry import ZooNotice

Apply = Callable[..., Any]
"""(image uint8 (h, w, 3), seed) -> image of the same shape and dtype; the same seed gives the same image. An op that
moves boxes is also called as (image, seed, boxes=float32 (k, 4)) and then gives (image, boxes)."""

Boxes = Literal["unchanged", "moved", "unsupported"]
Result = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class InGraph:
    """The same augmentation as a part of a graph: random numbers are drawn on the CPU, the arrays change in the graph.

    Attributes:
        draw: seed -> the random numbers of one image: a vector (k,) of float32 or int32, of the same k for every seed.
        apply: (images float32 (n, s, s, 3), whole numbers 0..255; draws (n, k)) -> images of the same kind, with
            `keras.ops`.
    """

    draw: Callable[[int], np.ndarray]
    apply: Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Op:
    """One augmentation.

    Attributes:
        name: what errors and run files call it.
        apply: (image uint8 (h, w, 3), seed) -> uint8 of the same shape. It may write into the image it is given.
        config: its options, JSON-safe.
        provider: who it comes from: a plugin with its version, "keras", or "user".
        boxes: what becomes of boxes (see `AugmentationSpec.boxes`).
        in_graph: how it runs in a graph; None: it does not.
        own_draws: image -> whether it draws from elsewhere than its seed, so that a run cannot be resumed bit for bit;
            None: it may not.
        on: whether it is given the array of an example, or the example as its modality reads it.
    """

    name: str
    apply: Apply
    config: dict[str, Any] = field(default_factory=dict)
    provider: str = "user"
    boxes: Boxes = "unsupported"
    in_graph: InGraph | None = None
    on: Literal["array", "example"] = "array"
    own_draws: Callable[[np.ndarray], bool] | None = None


def resolve(augment: Any, *, modality: str | None = None) -> tuple[Op, ...]:
    """The ops that `augment=` means, in the order they are applied.

    Args:
        augment: None; a name ("flip", "zoo_vision:flip"); a name with options (`{"rotation": {"degrees": 20}}`, several
            in one mapping are applied in its order); a Keras layer; a function (image, seed) -> image; an `Op`; or a
            list of these.
        modality: what the examples of the model are; None: pictures.

    Raises:
        UnknownNameError: nobody provides the name; near misses are suggested.
        OptionError: an augmentation of another modality, an option that is unknown or does not fit, or something that
            is none of these.
    """
    return _resolved(augment, assumed() if modality is None else modality)


def _resolved(augment: Any, modality: str) -> tuple[Op, ...]:
    if augment is None:
        return ()
    if isinstance(augment, Op):
        return (augment,)
    if isinstance(augment, str):
        return (_named(augment, {}, modality),)
    if isinstance(augment, Mapping):
        return tuple(_named(name, options or {}, modality) for name, options in augment.items())
    if isinstance(augment, Sequence):
        return tuple(op for item in augment for op in _resolved(item, modality))
    return (_of_code(augment, modality),)


def _of_code(augment: Any, modality: str) -> Op:
    """A Keras layer or a function as an op."""
    if _is_keras_layer(augment):
        from zoo.augment.keras_layers import layer_op

        return layer_op(augment, bounded=has_pictures(modality))
    if callable(augment) and not isinstance(augment, type):
        return _function(augment)
    hint = " (a class: make an instance of it)" if isinstance(augment, type) else ""
    raise OptionError(
        f"augment= takes names, {{name: options}}, Keras layers and functions (image, seed), or a list of them; "
        f"got {augment!r}{hint}"
    )


def check_boxes_follow(ops: Sequence[Op]) -> None:
    """Refuse ops that would move the picture but not the boxes.

    Raises:
        OptionError: an op that does not say what becomes of boxes; names it.
    """
    for op in ops:
        if op.boxes == "unsupported":
            raise OptionError(
                f"augmentation {op.name!r} of {op.provider} does not say what becomes of boxes, so it cannot be used "
                f"with a head that answers with a box. A function that moves them takes (image, seed, boxes=None) "
                f"and gives (image, boxes) when there are some"
            )


def transform(ops: Sequence[Op], *, seed: int, epoch: int) -> Callable[[np.ndarray, int, np.ndarray | None], Result]:
    """All ops as one function of (image, index, boxes), for one epoch.

    Each op gets a seed of its own, sha256 of (seed, epoch, index, place of the op): the result depends on nothing else,
    so that a run that is resumed, or has another number of threads, sees the same images. At the first image each op is
    applied twice to see that it keeps shape and dtype and that the same seed gives the same image.

    Args:
        ops: from `resolve`.
        seed: of the run.
        epoch: number of the pass over the data.

    Returns:
        (image uint8 (h, w, 3 or 1), index into the dataset, boxes float32 (k, 4) as shares 0..1 or None) -> uint8
        image of the same shape, and the boxes where they are now (None without); safe to call from several threads.

    Raises:
        OptionError: (from the function) an op that breaks those rules; names the op.
    """
    return _Changes(tuple(ops), seed, epoch)


class _Changes:
    """All ops of one epoch: those on arrays when it is called, those on examples as `on_example`."""

    def __init__(self, ops: tuple[Op, ...], seed: int, epoch: int) -> None:
        self._ops, self._seed, self._epoch = ops, seed, epoch
        self._unchecked = set(range(len(ops)))

    def on_example(self, example: Any, index: int) -> Any:
        """Return an example changed by the ops that are given examples."""
        for place, op in enumerate(self._ops):
            if op.on == "example":
                example = op.apply(example, derive(self._seed, self._epoch, index, place))
        return example

    def __call__(self, image: np.ndarray, index: int, boxes: np.ndarray | None = None) -> Result:
        unchecked = self._unchecked
        gray_picture = image.ndim == 3 and image.shape[-1] == 1 and image.dtype == np.uint8
        if gray_picture:
            image = in_colors(image)  # ops see colors whatever the model takes
        for place, op in enumerate(self._ops):
            if op.on == "example":
                continue
            op_seed = derive(self._seed, self._epoch, index, place)
            before = image
            again = before.copy() if place in unchecked else None
            image, moved = _apply(op, before, op_seed, boxes)
            _check_result(op, image, before)
            if again is not None:
                unchecked.discard(place)
                _check_repeats(op, again, op_seed, boxes, (image, moved))
            boxes = moved
        return (gray(image) if gray_picture else image), boxes


def _check_repeats(op: Op, again: np.ndarray, seed: int, boxes: np.ndarray | None, first: Result) -> None:
    """Refuse an op that gives other results for the same seed; of a Keras layer that draws by itself say so."""
    if op.own_draws is not None and op.own_draws(again):
        warnings.warn(
            f"augmentation {op.name!r} draws its random numbers by itself (tf.random and the like), not from the seed "
            f"of the run: this run cannot be repeated or resumed bit for bit. A keras.random.SeedGenerator in the "
            f"layer makes it so",
            ZooNotice,
            stacklevel=2,
        )
        return
    repeated, same = _apply(op, again, seed, boxes)
    if not np.array_equal(first[0], repeated) or not _same(first[1], same):
        raise OptionError(
            f"augmentation {op.name!r} gave two different results for the same seed; it must draw all its "
            "randomness from the seed it is given (np.random.default_rng(seed))"
        )


def _apply(op: Op, image: np.ndarray, seed: int, boxes: np.ndarray | None) -> Result:
    if boxes is None or op.boxes != "moved":
        return op.apply(image, seed), boxes
    before = image.copy()  # an op may write into its image
    result = op.apply(image, seed, boxes=boxes.copy())
    if not (isinstance(result, tuple) and len(result) == 2):
        raise OptionError(f"augmentation {op.name!r} must give (image, boxes) when it gets boxes")
    changed, moved = result
    moved = np.asarray(moved, dtype=np.float32)
    if moved.shape != boxes.shape or not (moved.min() >= 0 and moved.max() <= 1) or _sides(moved).min() < 0:
        raise OptionError(
            f"augmentation {op.name!r} made boxes {moved.tolist()} of {boxes.tolist()}; they must stay (k, 4): x_min, "
            f"y_min, x_max, y_max in 0..1, never inside out"
        )
    if (_sides(moved).prod(axis=1) < _SEEN * _sides(boxes).prod(axis=1)).any():
        return before, boxes  # the object has left the picture: this image stays as it was
    return changed, moved


_SEEN = 0.25
"""Share of a box's area that must stay in the picture: of less there is nothing to learn where the object is."""


def _same(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    return one is two if one is None or two is None else np.array_equal(one, two)


def _sides(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, 2:] - boxes[:, :2]


def derive(*parts: int) -> int:
    """A seed of 31 bits (what every random generator takes) from the parts."""
    digest = hashlib.sha256(" ".join(str(int(part)) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _check_result(op: Op, image: Any, before: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != before.dtype or image.shape != before.shape:
        actual = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        values = ", values 0..255" if before.dtype == np.uint8 else ""
        raise OptionError(
            f"augmentation {op.name!r} gave {actual}; it must give what it gets: {before.dtype} {before.shape}{values}"
        )


def _named(name: str, options: Mapping[str, Any], modality: str) -> Op:
    # Here, not at the top of the module: only a name needs the plugins to be looked up.
    from zoo.plugin import call_factory, guarded, registry

    entry = registry().get("augmentations", name)
    if entry.spec.modality != modality:
        raise OptionError(
            f"augmentation {entry.id!r} is for examples of {entry.spec.modality!r}, and the model takes {modality!r}"
        )
    made = call_factory(entry, entry.spec.factory, options=dict(options))
    whose = f"augmentation {entry.id!r}"
    if not callable(made):
        raise PluginError(
            f"the factory of {whose} of {entry.provider} gave a {type(made).__name__}, not a function (image, seed)"
        )
    check = _fault_of(entry.spec.boxes) if has_pictures(modality) else None
    apply = guarded(entry.provider, whose, made, check=check)
    in_graph = None
    if entry.spec.placement == "either":
        if not callable(getattr(made, "draw", None)) or not callable(getattr(made, "in_graph", None)):
            raise PluginError(
                f"augmentation {entry.id!r} of {entry.provider} declares placement='either', and what its factory "
                f"gives has no draw(seed) and in_graph(images, drawn)"
            )
        in_graph = InGraph(
            guarded(entry.provider, f"{whose}: draw", made.draw),
            guarded(entry.provider, f"{whose}: in_graph", made.in_graph),
        )
    return Op(entry.name, apply, dict(options), str(entry.provider), entry.spec.boxes, in_graph, entry.spec.on)


def _fault_of(boxes: Boxes) -> Callable[[Any], str]:
    """What is wrong with what an augmentation of a plugin returned; its shape is checked where the image is known."""

    def fault(value: Any) -> str:
        image = value[0] if boxes == "moved" and isinstance(value, tuple) and value else value
        if isinstance(image, np.ndarray) and image.dtype == np.uint8:
            return ""
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        return f"returned {got}; it must return what it gets: an image uint8 (h, w, 3), values 0..255"

    return fault


def _function(function: Callable[..., Any]) -> Op:
    name = getattr(function, "__name__", type(function).__name__)
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError) as error:
        raise OptionError(f"augmentation {name!r} must be callable as (image, seed) -> image: {error}") from error
    module = getattr(function, "__module__", None) or type(function).__module__
    moves = "boxes" in inspect.signature(function).parameters
    described = {"function": f"{module}:{getattr(function, '__qualname__', name)}"}
    return Op(name, function, described, "user", "moved" if moves else "unsupported")


def _is_keras_layer(item: Any) -> bool:
    keras = sys.modules.get("keras")  # who has a layer has imported keras
    return keras is not None and isinstance(item, keras.Layer)
