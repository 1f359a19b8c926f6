"""Rows of tiny networks for tests: what timm's tiny networks are in tests/architectures/frozen, as backbones of zoo."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tools.timm_networks import random_tensors
from zoo.plugin import registry
from zoo.registry import Entry

FROZEN = Path(__file__).parents[1] / "architectures" / "frozen"
NETWORKS: dict[str, Any] = json.loads((FROZEN / "networks.json").read_text(encoding="utf-8"))


def tiny_entry(name: str, weights: list[dict[str, Any]] | None = None) -> Entry:
    """The entry of a tiny network as the registry would have it, under its own name; with weights only if given."""
    network = NETWORKS[name]
    options = network["options"]
    whole = registry().get("backbones", "deit_tiny" if "patch" in options else "mobilenetv4_conv_small_050")
    module = importlib.import_module(network["builder"].partition(":")[0])
    prefix = options.get("registers", 0) + int(options.get("class_token", True)) if "patch" in options else 0
    own = options.get("pooling") == "own" if "patch" in options else options.get("head_position", "pooled") == "pooled"
    pooling = "own" if own else options.get("pooling", "cls") if "patch" in options else "avg"
    data = {
        **whole.data,
        "name": f"tiny_{name}",
        "aliases": [],
        "builder": network["builder"],
        "builder_options": {**options, "classes": 10},
        "input": {
            "default_size": network["size"],
            "min_size": 16,
            "channels": 3,
            "multiple_of": options.get("patch", 1),
        },
        "prefix_tokens": prefix,
        "cuts": list(module.cuts(**options)),
        "pooling": pooling,
        "params_top": None,
        "label_set": None,
        "weights": weights or [],
        "accuracy": [],
    }
    return Entry(whole.kind, whole.provider, data)


def write_weights(name: str, path: Path) -> Path:
    """The weights that timm's outputs were frozen with, as a safetensors file."""
    from safetensors.numpy import save_file

    shapes = {key: (tuple(shape), floating) for key, (shape, floating) in NETWORKS[name]["shapes"].items()}
    save_file(random_tensors(shapes, 0), path)
    return path


@contextmanager
def tiny_rows(*names: str, **weights: list[dict[str, Any]]) -> Iterator[None]:
    """Within, `zoo.build("tiny_vit", ...)` and its like find the tiny networks.

    Args:
        names: of networks without published weights.
        weights: name of a network -> the weights of its row.
    """
    rows = {f"tiny_{name}": tiny_entry(name, weights.get(name)) for name in (*names, *weights)}
    get, entries = type(registry()).get, type(registry()).entries

    def get_too(self: Any, kind: str, name: str) -> Any:
        bare = name.rpartition(":")[2]
        return rows[bare] if kind == "backbones" and bare in rows else get(self, kind, name)

    def entries_too(self: Any, kind: str) -> Any:
        return [*entries(self, kind), *(rows.values() if kind == "backbones" else ())]

    with mock.patch.multiple(type(registry()), get=get_too, entries=entries_too):
        yield
