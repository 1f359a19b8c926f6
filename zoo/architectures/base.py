"""Build the network proper of a backbone: its architecture, at one input size, with weights or at random."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

from zoo.architectures.loading import load
from zoo.architectures.resemblance import resembles
from zoo.errors import OptionError, PluginError, WeightsError
from zoo.specs import BackboneSpec, Size, sides, size_in_words

if TYPE_CHECKING:
    from zoo.weights import StoredFile


def build_base(
    spec: BackboneSpec,
    *,
    weights: StoredFile | None,
    input_size: Size,
    include_top: bool = False,
    seed: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Build a backbone without preprocessing.

    Args:
        spec: the backbone's row.
        weights: a file of weights, with or without the classifier; None: random weights.
        input_size: side of the input, or (height, width), in px.
        include_top: keep the pretrained classifier, ending in logits.
        seed: for random weights; the same seed gives the same weights, and no global state is left changed.
        options: of the network, as `BackboneSpec.options` has validated them.

    Returns:
        A model from preprocessed float32 images (n, height, width, channels) to a feature map (n, h, w, channels), to
        tokens (n, count, channels), to features (n, feature_dim) where the network pools by itself, or to logits (n,
        classes).

    Raises:
        OptionError: the size is too small, or there is no classifier to include.
        WeightsError: the file does not fit this backbone, or is damaged.
        PluginError: the builder cannot be imported or does not return such a model.
    """
    if min(sides(input_size)) < spec.input.min_size:
        raise OptionError(
            f"input_size={input_size} is too small for {spec.name}: at least {spec.input.min_size} px, "
            f"{size_in_words(spec.input.default_size)} by default"
        )
    if any(side % spec.input.multiple_of for side in sides(input_size)):
        step = spec.input.multiple_of
        down = max(min(sides(input_size)) // step, 1) * step
        raise OptionError(
            f"input_size={input_size} is no multiple of {step} px, the patch of {spec.name}: "
            f"take {down} or {down + step}"
        )
    if include_top and weights is not None and weights.includes_top is False:
        raise WeightsError(
            f"{weights.path.name} holds no classifier of {spec.name}; use a file that includes the top, "
            "or build with include_top=False"
        )
    builder = _builder(spec)
    with seeded(seed):
        model = builder(include_top=include_top, input_size=input_size, **spec.builder_options, **(options or {}))
    _check(spec, model, include_top)
    if weights is not None:
        _load(model, weights, spec, include_top=include_top)
    return model


def _load(model: keras.Model, weights: StoredFile, spec: BackboneSpec, *, include_top: bool) -> None:
    """Load a file; where it does not fit, the message ends with what it looks like."""
    module = importlib.import_module(spec.builder.partition(":")[0])
    try:
        load(
            model,
            weights,
            include_top=include_top,
            preprocessing=spec.preprocessing,
            from_keras=getattr(module, "from_keras", None),
            from_onnx=getattr(module, "from_onnx", None),
        )
    except WeightsError as error:
        if type(error) is not WeightsError or "does not fit" not in str(error):
            raise
        hint = resembles(weights, model, spec.name)
        if not hint:
            raise
        end = "" if str(error).endswith(".") else "."
        raise WeightsError(f"{error}{end}{hint}") from error


def _builder(spec: BackboneSpec) -> Callable[..., keras.Model]:
    module, _, attribute = spec.builder.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"cannot import the builder {spec.builder!r} of backbone {spec.name}: {error}") from error


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Keras draws the seed of every initializer and Dropout from Python's `random`: set it, then put it back.

    (`keras.utils.set_random_seed` would also reset NumPy and TensorFlow for the whole process.)
    """
    state = random.getstate()
    if seed is not None:
        random.seed(seed)
    try:
        yield
    finally:
        if seed is not None:
            random.setstate(state)


def _check(spec: BackboneSpec, model: keras.Model, include_top: bool) -> None:
    """A builder's answer must be one tensor in, one of the right rank out."""
    if not isinstance(model, keras.Model) or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise PluginError(
            f"the builder {spec.builder!r} of backbone {spec.name} must return a keras.Model, one in, one out"
        )
    channels = spec.input.channels
    if len(model.input_shape) == 4 and model.input_shape[3] not in (channels, None):
        raise PluginError(
            f"the builder {spec.builder!r} of backbone {spec.name} must return a network that takes "
            f"(n, side, side, {channels}), as its row says; it takes {model.input_shape}"
        )
    rank, expected = len(model.output.shape), 2 if include_top else _rank(spec)
    if rank != expected:
        what = "logits (n, classes)" if include_top else _SHAPES[expected]
        raise PluginError(
            f"the builder {spec.builder!r} of backbone {spec.name} must return {what}, "
            f"found a tensor of shape {model.output.shape}"
        )


_SHAPES = {2: "features (n, channels)", 3: "tokens (n, count, channels)", 4: "a feature map (n, side, side, channels)"}


def _rank(spec: BackboneSpec) -> int:
    """Axes of what a base without classifier gives."""
    return 2 if spec.pooling == "own" else 3 if spec.output == "tokens" else 4
