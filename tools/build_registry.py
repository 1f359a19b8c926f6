"""Write `registry.json` and `layers.json`: curated facts, and everything that can be read off the networks.

python -m tools.build_registry            # writes both files
python -m tools.build_registry --check    # exit code 1 and a list of rows if they are out of date
python -m tools.build_registry vgg16      # these rows only; the others stay as they are
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

from tools import curated, curated_timm
from tools.curated import Backbone
from zoo.architectures import find_stages, layer_table
from zoo.architectures.facts import facts
from zoo.specs import Catalog

ROOT = Path(__file__).resolve().parent.parent
REGISTRY, LAYERS = ROOT / "registry.json", ROOT / "layers.json"
COLUMNS = ["name", "type", "output_shape", "params", "stage"]
LABEL_SET = "imagenet1k"
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"
"""`keras.applications.imagenet_utils` expects this digest of imagenet_class_index.json."""

BACKBONES: tuple[Backbone, ...] = (*curated.BACKBONES, *curated_timm.BACKBONES)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="backbones to look at; all by default")
    parser.add_argument("--check", action="store_true", help="change nothing; say which rows are out of date")
    parser.add_argument("--class-index", type=Path, help="imagenet_class_index.json; else the labels stay as they are")
    options = parser.parse_args(arguments)

    old = json.loads(REGISTRY.read_text()) if REGISTRY.exists() else {"contributes": {}}
    rows = {row["name"]: row for row in old["contributes"].get("backbones", [])}
    tables = json.loads(LAYERS.read_text()) if LAYERS.exists() else {}
    stale = []
    for backbone in BACKBONES:
        if options.names and backbone.name not in options.names:
            continue
        row, table = build_row(backbone)
        if rows.get(backbone.name) != row or tables.get(backbone.name) != table:
            stale.append(backbone.name)
        rows[backbone.name], tables[backbone.name] = row, table
        print(f"{backbone.name}: {row['params']:,} weights, {len(row['stages'])} stages", file=sys.stderr, flush=True)
    if options.check:
        print("\n".join(f"out of date: {name}" for name in stale) or "registry.json and layers.json are up to date")
        return 1 if stale else 0
    order = [backbone.name for backbone in BACKBONES if backbone.name in rows]
    labels = _label_set(options.class_index) if options.class_index else old["contributes"]["label_sets"][0]
    labels["groups"] = {name: [list(ends) for ends in ranges] for name, ranges in curated.GROUPS.items()}
    catalog = {
        "schema_version": "1.0",
        "plugin": "zoo",
        "generated_by": "python -m tools.build_registry",
        "contributes": {"backbones": [rows[name] for name in order], "label_sets": [labels]},
    }
    Catalog.model_validate(catalog)
    REGISTRY.write_text(_registry_text(catalog), encoding="utf-8")
    LAYERS.write_text(_layers_text({name: tables[name] for name in order}), encoding="utf-8")
    print(
        f"wrote {REGISTRY.name} ({REGISTRY.stat().st_size:,} bytes) and {LAYERS.name} ({LAYERS.stat().st_size:,} bytes)"
    )
    return 0


def build_row(backbone: Backbone) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row of a backbone and its layer table, in JSON-ready form."""
    base, table = build_base(backbone)
    top = build(backbone, include_top=True) if backbone.has_top else None
    computed = facts(base, top, backbone.cuts)
    family = backbone.family
    row: dict[str, Any] = {
        "name": backbone.name,
        "summary": backbone.summary,
        "aliases": list(backbone.aliases),
        "tags": list(family.tags),
        "family": family.name,
        "paper": family.paper,
        "modality": "image",
        "builder": backbone.builder,
        "builder_options": backbone.options,
        "input": {
            "default_size": backbone.default_size,
            "min_size": backbone.min_size,
            "channels": 3,
            "multiple_of": backbone.multiple_of,
        },
        "preprocessing": {
            "resize": backbone.resize or family.resize,
            **(backbone.preprocessing or family.preprocessing),
        },
        "output": backbone.output,
        "prefix_tokens": backbone.prefix_tokens,
        "cuts": list(backbone.cuts),
        **computed,
        "pooling": backbone.pooling,
        "top_layers": list(family.top_layers) if backbone.has_top else [],
        "label_set": LABEL_SET if backbone.has_top else None,
        "weights": [_weights(backbone, source) for source in _sources(backbone)],
        "accuracy": _accuracy(backbone),
        "portable": True,
    }
    return row, table


def build(backbone: Backbone, *, include_top: bool) -> Any:
    """The network at its default size, all kernels zero; what was built before is forgotten."""
    import keras

    keras.utils.clear_session()  # also lets layer names count from zero
    module, _, attribute = backbone.builder.partition(":")
    builder = getattr(importlib.import_module(module), attribute)
    with undrawn():
        return builder(include_top=include_top, input_size=backbone.default_size, **backbone.options)


@contextmanager
def undrawn() -> Iterator[None]:
    """All kernels start as zeros: drawing random numbers takes a third of the time that building a network does."""
    import keras

    with (
        mock.patch.object(keras.initializers.VarianceScaling, "__call__", _zeros),
        mock.patch.object(keras.initializers.TruncatedNormal, "__call__", _zeros),
    ):
        yield


def _zeros(_initializer: Any, shape: Any, dtype: Any = None) -> Any:
    import keras

    return keras.ops.zeros(shape, dtype)


def build_base(backbone: Backbone) -> tuple[Any, dict[str, Any]]:
    """The network without classifier, and its layer table."""
    base = build(backbone, include_top=False)
    rows = [list(row) for row in layer_table(base, find_stages(base, backbone.cuts))]
    return base, {"columns": COLUMNS, "rows": rows}


def _sources(backbone: Backbone) -> list[dict[str, Any]]:
    official = keras_weights(backbone) if backbone.application else []
    return [*official, *backbone.weights]


def keras_weights(backbone: Backbone) -> list[dict[str, Any]]:
    """The two weight files of an application as Keras itself would download them; nothing is downloaded."""
    return [keras_application(backbone, include_top)[1] for include_top in (False, True)]


def keras_application(backbone: Backbone, include_top: bool) -> tuple[Any, dict[str, Any]]:
    """An application as Keras builds it for `weights="imagenet"`, without the weights, and the file it asks for."""
    import keras

    application = backbone.application or ""
    asked: dict[str, Any] = {}

    def record(*arguments: Any, **options: Any) -> str:
        names = ("fname", "origin", "untar", "md5_hash", "file_hash", "cache_subdir", "hash_algorithm")
        asked.update({**dict(zip(names, arguments, strict=False)), **options})
        return ""

    size = {"input_shape": (224, 224, 3)} if application.startswith("MobileNetV3") else {}
    # All applications ask through this one module.
    with (
        mock.patch("keras.src.utils.file_utils.get_file", record),
        mock.patch.object(keras.Model, "load_weights", return_value=None),
        undrawn(),
    ):
        model = getattr(keras.applications, application)(include_top=include_top, weights="imagenet", **size)
    return model, weight_file(asked, include_top)


def weight_file(asked: dict[str, Any], include_top: bool) -> dict[str, Any]:
    """What the registry says of a file that Keras asks `get_file` for."""
    url, value = asked["origin"], asked.get("file_hash") or asked.get("md5_hash")
    return {
        "id": "imagenet_top" if include_top else "imagenet",
        "kind": "url",
        "filename": url.rsplit("/", 1)[-1],
        "url": url,
        "format": "keras-h5",
        "includes_top": include_top,
        "bytes": None,
        "digest": {"algorithm": {32: "md5", 64: "sha256"}[len(value)], "value": value} if value else None,
    }


def _weights(backbone: Backbone, source: dict[str, Any]) -> dict[str, Any]:
    license = backbone.family.license
    return {
        "license": license.spdx,
        "license_source": license.source,
        "trained_on": backbone.trained_on or backbone.family.trained_on,
        **source,
    }


def _accuracy(backbone: Backbone) -> list[dict[str, Any]]:
    if backbone.top1 is None:
        return []
    return [
        {
            "dataset": curated.VALIDATION,
            "top1": backbone.top1,
            "top5": backbone.top5,
            "source": backbone.accuracy_source or backbone.family.accuracy_source,
        }
    ]


def _label_set(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != CLASS_INDEX_MD5:
        raise SystemExit(f"{path} is not the class index that keras.applications uses (md5 {CLASS_INDEX_MD5})")
    index = json.loads(data)
    pairs = [index[str(number)] for number in range(len(index))]
    return {
        "name": LABEL_SET,
        "summary": "the 1000 classes of ILSVRC 2012, in the order of every network here",
        "labels": [label for _, label in pairs],
        "ids": [wnid for wnid, _ in pairs],
        "source": "imagenet_class_index.json of keras.applications, md5 " + CLASS_INDEX_MD5,
    }


def _registry_text(catalog: dict[str, Any]) -> str:
    """Readable in a diff: indented, but flat lists and small tables on one line."""
    return _pretty(catalog, 0) + "\n"


def _pretty(value: Any, depth: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= 120 or not isinstance(value, (dict, list)) or not value:
        return flat
    pad, end = "  " * (depth + 1), "\n" + "  " * depth
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_pretty(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(pad + part for part in parts) + end + "}"
    if all(isinstance(item, str) for item in value):
        return "[\n" + _wrapped([json.dumps(item, ensure_ascii=False) for item in value], pad) + end + "]"
    return "[\n" + ",\n".join(pad + _pretty(item, depth + 1) for item in value) + end + "]"


def _wrapped(items: list[str], pad: str) -> str:
    lines, line = [], ""
    for item in items:
        if line and len(pad) + len(line) + len(item) + 2 > 110:
            lines.append(pad + line + ",")
            line = item
        else:
            line = f"{line}, {item}" if line else item
    return "\n".join([*lines, pad + line])


def _layers_text(tables: dict[str, Any]) -> str:
    """One layer a line."""
    parts = []
    for name, table in tables.items():
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in table["rows"])
        parts.append(f'"{name}": {{"columns": {json.dumps(table["columns"])}, "rows": [\n{rows}\n]}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    raise SystemExit(main())
