"""What features depend on, as a key: the graph, its weights, the images, the resize rule, the engine, the versions."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.augment import Op
from zoo.data import Dataset
from zoo.modality import Intake


def graph_digest(model: Any) -> str | None:
    """sha256 of a Keras model: its layers with their settings and connections, and every weight.

    Layers' names do not count: Keras numbers them by what was built before in the process.

    Returns:
        The digest; None for a network with code that is not Keras's own (layers, functions, Lambda): what such code
        does can change without a trace in settings and weights.
    """
    try:
        config = model.get_config()
    except NotImplementedError:
        return None
    if _foreign(config):
        return None
    total = hashlib.sha256(json.dumps(_anonymous(config, {}), sort_keys=True, default=repr).encode())
    for weight in model.weights:
        value = np.ascontiguousarray(weight)
        total.update(f"{value.dtype}{value.shape}".encode())
        total.update(value.tobytes())
    return total.hexdigest()


def _foreign(value: Any) -> bool:
    """Whether a config names code outside Keras."""
    if isinstance(value, dict):
        if "class_name" in value and "module" in value:
            module = str(value["module"])
            if value["class_name"] == "Lambda" or module.split(".")[0] != "keras":
                return True
        return any(_foreign(item) for item in value.values())
    return any(_foreign(item) for item in value) if isinstance(value, list | tuple) else False


def _anonymous(value: Any, numbers: dict[str, str]) -> Any:
    """A config with every layer's name replaced by its number in the order of mention, and nothing else.

    What may be trained is left out: it changes nothing in a forward pass, and changes from one phase to the next.
    """

    def number(name: Any) -> Any:
        return numbers.setdefault(name, f"#{len(numbers)}") if isinstance(name, str) else name

    def endpoint(item: Any) -> Any:
        # [name, node, tensor], or a structure of such triples.
        if isinstance(item, list | tuple):
            return [number(item[0]), *item[1:]] if item and isinstance(item[0], str) else [endpoint(i) for i in item]
        return {key: endpoint(inner) for key, inner in item.items()} if isinstance(item, dict) else item

    if isinstance(value, dict):
        plain: dict[str, Any] = {}
        for key, item in value.items():
            if key == "name":
                plain[key] = number(item)
            elif key in ("keras_history", "input_layers", "output_layers"):
                plain[key] = endpoint(item)
            elif key != "trainable":
                plain[key] = _anonymous(item, numbers)
        return plain
    return [_anonymous(item, numbers) for item in value] if isinstance(value, list | tuple) else value


def images_digest(dataset: Dataset) -> str:
    """sha256 over the content of the images, in order; names do not count.

    Raises:
        DataError: a file cannot be read.
    """
    total = hashlib.sha256()
    for digest in dataset.hashes():
        total.update(bytes.fromhex(digest))
    return total.hexdigest()


def features_key(graph: str, dataset: Dataset, *, intake: Intake, dtype: str, engine: str) -> dict[str, Any]:
    """Everything that features depend on, JSON-ready.

    Args:
        graph: digest of the network from inputs to features, preprocessing included.
        dataset: the images, in order.
        intake: what turns an example into the array that the network takes.
        dtype: of the stored values, "float32" or "float16".
        engine: what computes, with its versions.
    """
    import PIL

    return {
        "graph": graph,
        "images": images_digest(dataset),
        "count": len(dataset),
        "intake": intake.model_dump(mode="json"),
        "dtype": dtype,
        "engine": engine,
        "versions": {"pillow": PIL.__version__},
    }


def augmentation_key(ops: Sequence[Op], *, seed: int, view: int) -> dict[str, Any] | None:
    """What an augmented view of images depends on besides the images, JSON-ready.

    A plugin's op is told by its name, options, the plugin's version, and the file its function is written in; a layer
    of Keras by its settings. Its automatic name and its own seed do not count: zoo sets the state of its generators.

    Args:
        ops: the augmentation, in order.
        seed: of the run.
        view: number of the view.

    Returns:
        The key; None where an op is code that can change without a trace: a function or a layer of the user's own.
    """
    described = []
    for op in ops:
        config: Any = op.config
        code = ""
        if op.provider == "keras":
            layer = config.get("layer")
            if not isinstance(layer, dict) or _foreign(layer):
                return None
            config = _seedless(_anonymous(layer, {}))
        elif op.provider == "user" or not (code := _source(op.apply)):
            return None
        described.append({"name": op.name if code else "", "provider": op.provider, "config": config, "code": code})
    return {"ops": described, "seed": seed, "view": view, "numpy": np.__version__}


def _seedless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _seedless(item) for key, item in value.items() if key != "seed"}
    return [_seedless(item) for item in value] if isinstance(value, list | tuple) else value


def _source(function: Any) -> str:
    """sha256 of the file that a function is written in; "" if there is none."""
    name = getattr(function, "__module__", None) or type(function).__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    except OSError:
        return ""
