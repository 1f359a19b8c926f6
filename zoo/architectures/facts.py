"""Read the computed fields of a backbone's row off the network itself: parameters, multiply-adds, layers, stages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from zoo.architectures.stages import find_stages, topological

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
_DROPOUTS = (keras.layers.Dropout, keras.layers.SpatialDropout2D)


def facts(base: keras.Model, top: keras.Model | None = None, cuts: Sequence[str] = ()) -> dict[str, Any]:
    """The computed fields of a `BackboneSpec`.

    Args:
        base: the network without its classifier, at its default size.
        top: the same with its classifier, if it has one.
        cuts: the layers that end its stages; empty: by structure.

    Returns:
        `stages`, `layers`, `feature_dim`, `params`, `params_top`, `macs` as JSON-ready data.
    """
    return {
        "stages": [
            {
                "name": stage.name,
                "stride": stage.stride,
                "channels": stage.channels,
                "layers": len(stage.layers),
                "params": sum(layer.count_params() for layer in stage.layers),
                "batchnorm": _count(stage.layers, keras.layers.BatchNormalization),
                "cut": stage.cut is not None,
            }
            for stage in find_stages(base, cuts)
        ],
        "layers": {
            "by_type": dict(sorted(Counter(type(layer).__name__ for layer in base.layers).items())),
            "total": len(base.layers),
            "depth": _count(base.layers, (*_CONVOLUTIONS, keras.layers.Dense)),
            "batchnorm": _count(base.layers, keras.layers.BatchNormalization),
            "dropout": _count(base.layers, _DROPOUTS),
        },
        "feature_dim": int(base.output.shape[-1]),
        "params": base.count_params(),
        "params_top": None if top is None else top.count_params(),
        "macs": multiply_adds(base),
    }


def multiply_adds(model: keras.Model) -> int:
    """Multiplications with a following addition for one image, in convolutions, dense layers and attention.

    Every weight of a kernel is used once per cell of the output (biases, normalizations and activations are left
    out, as in most papers); a product of matrices counts as what it is.
    """
    products = sum(
        math.prod(outputs[0].shape[1:]) * int(read[0].shape[-1])
        for operation, outputs, read in topological(model)
        if type(operation).__name__ == "Matmul"
    )
    return sum(layer_multiply_adds(layer) for layer in model.layers) + products


def layer_multiply_adds(layer: Any) -> int:
    """Multiplications with a following addition for one image in a layer, or in the layers of a nested model."""
    if isinstance(layer, keras.Model):
        return sum(layer_multiply_adds(item) for item in layer.layers)
    if not isinstance(layer, (*_CONVOLUTIONS, keras.layers.Dense)):
        return 0
    cells = math.prod(layer.output.shape[1:-1])
    kernels = [weight for weight in layer.weights if weight.path.rsplit("/", 1)[-1].endswith("kernel")]
    return sum(math.prod(kernel.shape) * cells for kernel in kernels)


def _leaves(layers: Any) -> Iterator[Any]:
    """Layers, and in place of a nested model its layers."""
    for layer in layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer.layers)
        else:
            yield layer


def _count(layers: Any, kinds: Any) -> int:
    return sum(isinstance(layer, kinds) for layer in _leaves(layers))
