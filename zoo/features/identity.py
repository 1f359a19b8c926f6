"""What features depend on, as a key: the graph, its weights, the images, the resize rule, the engine, the versions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data import Dataset
from zoo.specs import ResizeRule


def graph_digest(model: Any) -> str:
    """sha256 of a Keras model: its layers with their settings and connections, and every weight.

    Layers' names do not count: Keras numbers them by what was built before in the process.
    """
    total = hashlib.sha256(_anonymous(model.get_config()).encode())
    for weight in model.weights:
        value = np.ascontiguousarray(weight)
        total.update(f"{value.dtype}{value.shape}".encode())
        total.update(value.tobytes())
    return total.hexdigest()


def _anonymous(config: Any) -> str:
    """A config as JSON with every layer's name replaced by its number in the order of the layers."""
    numbers: dict[str, str] = {}
    for name in _layer_names(config):
        numbers.setdefault(name, f"#{len(numbers)}")
    text = json.dumps(_without_trainable(config), sort_keys=True, default=repr)
    return re.sub(r'"([^"\\]+)"', lambda found: json.dumps(numbers.get(found[1], found[1])), text)


def _without_trainable(value: Any) -> Any:
    """What may be trained changes nothing in a forward pass, and changes from one phase to the next."""
    if isinstance(value, dict):
        return {key: _without_trainable(item) for key, item in value.items() if key != "trainable"}
    return [_without_trainable(item) for item in value] if isinstance(value, list | tuple) else value


def _layer_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("name"), str):
            yield value["name"]
        for item in value.values():
            yield from _layer_names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _layer_names(item)


def images_digest(dataset: Dataset) -> str:
    """sha256 over the content of the images, in order; names do not count.

    Raises:
        DataError: a file cannot be read.
    """
    total = hashlib.sha256()
    for digest in dataset.hashes():
        total.update(bytes.fromhex(digest))
    return total.hexdigest()


def features_key(
    model: Any, dataset: Dataset, *, size: int, rule: ResizeRule, dtype: str, engine: str
) -> dict[str, Any]:
    """Everything that features depend on, JSON-ready.

    Args:
        model: the graph from pixels to features, preprocessing included.
        dataset: the images, in order.
        size: side of the input, in pixels.
        rule: the resize rule.
        dtype: of the stored values, "float32" or "float16".
        engine: what computes, with its version.
    """
    import keras
    import PIL

    return {
        "graph": graph_digest(model),
        "images": images_digest(dataset),
        "count": len(dataset),
        "size": size,
        "resize": rule.model_dump(),
        "dtype": dtype,
        "engine": engine,
        "versions": {"keras": keras.__version__, "pillow": PIL.__version__},
    }
