"""What the tests of architectures share: rows, files as the store hands them out, preprocessing in NumPy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.specs import BackboneSpec, Catalog
from zoo.weights import StoredFile

ROOT = Path(__file__).parents[2]
CATALOG = Catalog.model_validate(json.loads((ROOT / "registry.json").read_text(encoding="utf-8")))
SPECS: dict[str, BackboneSpec] = {spec.name: spec for spec in CATALOG.contributes.backbones}

FEW = {
    "vgg16": 96,
    "resnet50": 96,
    "mobilenet_v2": 96,
    "efficientnet_b0": 96,
    "densenet121": 96,
    "convnext_tiny": 96,
    "inception_v3": 96,
    "nasnet_mobile": 96,
}
"""One model of each kind, at a small input size."""


SMALLEST = {
    spec.family: name for name, spec in sorted(SPECS.items(), key=lambda item: (-item[1].layers.total, -item[1].params))
}
"""Family -> the network of it with the fewest layers, of several the one with the fewest parameters."""

LARGE = frozenset(
    name
    for name, spec in SPECS.items()
    if (spec.layers.total > 350 or spec.params > 60e6) and name not in SMALLEST.values()
)
"""Networks that take most of the time: `make soak` tries them."""


def by_cost(names: Iterable[str], *, quick: Collection[str] = (), slow: Collection[str] | None = None) -> list[Any]:
    """Names of networks as test parameters: for the quick tests, the slow ones, or for `make soak`.

    Args:
        names: of rows.
        quick: those for the quick tests.
        slow: those for the slow tests; None: all that are not large.
    """

    def mark(name: str) -> Any:
        often = name not in LARGE if slow is None else name in slow
        return pytest.mark.slow if often else pytest.mark.soak

    return [name if name in quick else pytest.param(name, marks=mark(name)) for name in names]


def stored(path: Path, *, includes_top: bool | None = None) -> StoredFile:
    """A file as `zoo.weights` describes one the user named."""
    kind = "torch-pth" if path.suffix == ".pth" else "keras-h5"
    return StoredFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), kind, includes_top, None)


def save_legacy(model: Any, path: Path) -> Path:
    """A weight file in the layout of the official ones."""
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)
    return path


def pooled(features: np.ndarray) -> np.ndarray:
    """Global average of feature maps; what the network pools by itself stays."""
    return features.mean((1, 2)) if features.ndim == 4 else features


def free() -> None:
    """Forget every model, and count layer names from zero again."""
    import keras

    keras.utils.clear_session()


def edges(model: Any) -> list[tuple[str, str]]:
    """(read, reader) for every connection, from the model's public configuration."""
    pairs = []
    for layer in model.get_config()["layers"]:
        for node in layer["inbound_nodes"]:
            pairs += [(source, layer["name"]) for source in _sources(node)]
    return pairs


def _sources(value: Any) -> list[str]:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"][0]]
        return [name for item in value.values() for name in _sources(item)]
    if isinstance(value, (list, tuple)):
        return [name for item in value for name in _sources(item)]
    return []
