"""Rows of the networks that zoo builds by itself: facts of tools/timm.json, with what that file does not say.

One entry a family: paper, and words to search by. Figures, licenses and preprocessing are timm's; its id is an alias
of the row.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from tools.curated import IMAGENET, IMAGENET_21K, Backbone, Family, License, convnext

_SAID = json.loads(Path(__file__).with_name("timm.json").read_text(encoding="utf-8"))
ROWS: dict[str, dict[str, Any]] = {row["name"]: row for row in _SAID["rows"]}
_SIZES = {"dinov2": 224}
"""Side of the input by default where timm's is not what most people should pay for: 518 pixels are 1369 patches."""

_FAMILIES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("timm_families.json").read_text(encoding="utf-8")
)
"""Beginning of the name of a row -> family, paper, tags; the longest one counts."""

_DATA = {
    "lvd142m": "LVD-142M (self-supervised)",
    "lvd1689m": "LVD-1689M (self-supervised)",
    "dinov3_lvd1689m": "LVD-1689M (distilled from DINOv3)",
    "webli": "WebLI (images and texts)",
    "v2_webli": "WebLI (images and texts)",
    "openai": "400 million images with texts, collected by OpenAI",
    "ns_jft_in1k": "ImageNet-1k (ILSVRC 2012) and JFT-300M without labels (noisy student)",
    "in12k_ft_in1k": "12 thousand classes of ImageNet, then ImageNet-1k (ILSVRC 2012)",
}
_SPDX = {"apache-2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "cc-by-nc-4.0": "CC-BY-NC-4.0", "mit": "MIT"}


def backbone(row: dict[str, Any]) -> Backbone:
    """The row of a network of timm."""
    said = _FAMILIES[max((key for key in _FAMILIES if row["name"].startswith(key)), key=len)]
    source = weight_source(row)
    license = License(source["license"], source["license_source"])
    family = Family(said["family"], said["paper"], license, {}, {}, tags=tuple(said["tags"]))
    size = next((side for start, side in _SIZES.items() if row["name"].startswith(start)), row["size"])
    side, top1, top5 = min(row["figures"], key=lambda figure: abs(figure[0] - size), default=(0, None, None))
    patch = row["options"].get("patch", 1)
    return Backbone(
        row["name"],
        family,
        f"{said['family']}, weights {source['id']} of timm",
        row["builder"],
        row["options"],
        size,
        _min_size(row, patch),
        top1,
        top5,
        aliases=(row["timm"],),
        resize={"mode": row["mode"], "crop_fraction": row["crop"], "interpolation": row["interpolation"]},
        accuracy_source=f"{_SAID['figures']}, {row['timm']}, {side} px" if row["figures"] else None,
        has_top=row["classes"] == 1000,
        weights=(source,),
        preprocessing={
            "scale": 1 / 255,
            "mean": row["mean"],
            "std": row["std"],
            "source": f"timm {_SAID['timm']}, pretrained_cfg of {row['timm']}",
        },
        multiple_of=patch,
        **structure(row),
    )


def structure(row: dict[str, Any]) -> dict[str, Any]:
    """Cells, cuts and pooling of the network of a row."""
    module, _, function = row["builder"].partition(":")
    prefix = "" if function == "build" else f"{function}_"
    cuts = getattr(importlib.import_module(module), f"{prefix}cuts")(**row["options"])
    if module.endswith("vit"):
        pooling = row["options"].get("pooling", "cls")
        return {"output": "tokens", "prefix_tokens": row["prefix_tokens"], "pooling": pooling, "cuts": cuts}
    return {"cuts": cuts, "pooling": "own" if _pools(row) else "avg"}


def weight_source(row: dict[str, Any]) -> dict[str, Any]:
    """The file of safetensors on the hub; its commit and digest are pinned at first use."""
    tag = row["timm"].partition(".")[2]
    return {
        "id": tag,
        "kind": "hub",
        "filename": "model.safetensors",
        "repository": row["repository"],
        "timm": row["timm"],
        "format": "safetensors",
        "includes_top": row["classes"] == 1000,
        "bytes": None,
        "digest": None,
        "license": _SPDX.get(row["license"], row["license"]),
        "license_source": f"timm {_SAID['timm']}, pretrained_cfg of {row['timm']}",
        "trained_on": _trained_on(tag),
    }


def _trained_on(tag: str) -> str:
    if tag in _DATA:
        return _DATA[tag]
    return IMAGENET_21K if "in21k" in tag or "in22k" in tag else IMAGENET


def _pools(row: dict[str, Any]) -> bool:
    """Whether the network has layers of its own between its last cells and what the classifier reads."""
    if row["builder"].endswith(("convnext:build", ":vgg")):
        return True
    return row["builder"].endswith("mobile:build") and row["options"].get("head_position", "pooled") == "pooled"


def _min_size(row: dict[str, Any], patch: int) -> int:
    if row["builder"].endswith(":vgg"):
        return 224  # the first wide layer reads 7x7 cells
    return 2 * patch if patch > 1 else 32


def _convnext(name: str, application: str, top1: float, trained_on: str | None = None) -> Backbone:
    row = ROWS[name]
    return convnext(row, application, top1, structure(row), weights=(weight_source(row),), trained_on=trained_on)


_KERAS: tuple[Backbone, ...] = (
    _convnext("convnext_tiny", "ConvNeXtTiny", 0.813),
    _convnext("convnext_small", "ConvNeXtSmall", 0.823),
    _convnext("convnext_base", "ConvNeXtBase", 0.853, IMAGENET_21K),
    _convnext("convnext_large", "ConvNeXtLarge", 0.863, IMAGENET_21K),
    _convnext("convnext_xlarge", "ConvNeXtXLarge", 0.867, IMAGENET_21K),
)
_OWN = {one.name for one in _KERAS}

BACKBONES: tuple[Backbone, ...] = (*_KERAS, *(backbone(row) for name, row in ROWS.items() if name not in _OWN))
