"""A repository of the Hugging Face Hub as a backbone: the row whose network its weights are for, and its numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoo.compose.bases import BuildRequest
from zoo.errors import OptionError, WeightsError, did_you_mean
from zoo.plugin import registry
from zoo.registry import Entry
from zoo.specs import BackboneSpec, Preprocessing, ResizeRule
from zoo.specs.preprocessing import Size, as_size
from zoo.untrusted import parse_json
from zoo.weights import Store
from zoo.weights.sources.hub import repository_and_revision

SCHEME = "hf://"

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
"""The files of a repository that timm pushes."""

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


def of_repository(request: BuildRequest) -> BuildRequest:
    """Return the request for a row and weights that `hf://owner/name[@revision]` means; any other request as it is.

    A repository that a row names is that row with its weights. Of any other, `config.json` says the architecture, as
    timm writes it; the network is that of a row with the same one, and preprocessing and input size are what the
    configuration says. Nothing of the repository is run.

    Args:
        request: what is asked for.

    Raises:
        OptionError: weights are named beside the repository, which has its own.
        WeightsError: the repository cannot be read, or no row has its architecture; near ones are named.
    """
    if not isinstance(request.backbone, str) or not request.backbone.startswith(SCHEME):
        return request
    address = request.backbone
    if request.weights != "pretrained":
        raise OptionError(
            f"{address} brings its weights; to load others, name a backbone of the catalog: "
            "zoo.build(NAME, weights=...)"
        )
    repository, revision = repository_and_revision(address)
    at = f"{SCHEME}{repository}" + (f"@{revision}" if revision else "")
    listed = _row_of(repository)
    if listed is not None:
        entry, source = listed
        weights = f"{at}/{source.path or source.filename}" if revision else source.id
        return replace(request, backbone=entry.id, weights=weights)
    config = _config(repository, revision, request.progress)
    entry = _row_with(_architecture(config, at), at)
    return replace(
        request,
        backbone=entry.id,
        weights=f"{at}/{WEIGHTS}",
        preprocessing=_preprocessing(config, at) if request.preprocessing == "pretrained" else request.preprocessing,
        input_size=request.input_size or _input_size(config, entry.spec),
    )


def _row_of(repository: str) -> tuple[Entry, Any] | None:
    """The row that names the repository, with its source there."""
    for entry in registry().entries("backbones"):
        spec: BackboneSpec = entry.spec
        for source in spec.weights:
            if source.repository == repository:
                return entry, source
    return None


def _config(repository: str, revision: str | None, progress: Any) -> Mapping[str, Any]:
    held = Store().fetch_hub(repository, CONFIG, revision or "main", progress=progress)
    config = parse_json(held.path.read_bytes(), f"{CONFIG} of {repository}")
    if not isinstance(config, dict):
        raise WeightsError(f"{CONFIG} of {repository} is no configuration: expected an object, got {config!r:.100}")
    return config


def _architecture(config: Mapping[str, Any], address: str) -> str:
    name = config.get("architecture")
    if isinstance(name, str) and name:
        return name
    others = json.dumps(config.get("architectures") or config.get("model_type") or "none")[:100]
    raise WeightsError(
        f"{address} is no repository that timm wrote: its {CONFIG} has no 'architecture' (it says {others}). "
        "Weights whose tensors have timm's names load as weights= of a backbone of the catalog"
    )


def _row_with(architecture: str, address: str) -> Entry:
    """The first row whose network has an architecture of timm."""
    known: dict[str, Entry] = {}
    for entry in registry().entries("backbones"):
        spec: BackboneSpec = entry.spec
        for source in spec.weights:
            if source.timm:
                known.setdefault(source.timm.partition(".")[0], entry)
    if architecture in known:
        return known[architecture]
    raise WeightsError(
        f"{address} holds weights of {architecture!r}, a network that no row of the catalog builds."
        f"{did_you_mean(architecture, known)} zoo.backbones() lists what there is"
    )


def _preprocessing(config: Mapping[str, Any], address: str) -> Preprocessing:
    numbers = _pretrained(config)
    mean, std = _colors(numbers.get("mean")), _colors(numbers.get("std"))
    if not (mean and std and min(std) > 0):
        raise WeightsError(
            f"{address}: its {CONFIG} says no mean and std of its inputs (three numbers each, std above 0); give "
            "preprocessing="
        )
    interpolation = numbers.get("interpolation")
    crop = numbers.get("crop_pct")
    return Preprocessing(
        resize=ResizeRule(
            crop_fraction=crop if isinstance(crop, int | float) and 0 < crop <= 1 else 1.0,
            interpolation=interpolation if interpolation in _INTERPOLATIONS else "bicubic",
        ),
        scale=1 / 255,
        mean=mean,
        std=std,
        source=f"{CONFIG} of {address}",
    )


def _pretrained(config: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = config.get("pretrained_cfg")
    return inner if isinstance(inner, dict) else config


def _colors(values: Any) -> tuple[float, ...]:
    """One number a color, or () where there are none."""
    if not isinstance(values, list) or len(values) != 3:
        return ()
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return tuple(numbers) if len(numbers) == 3 and all(map(math.isfinite, numbers)) else ()


def _input_size(config: Mapping[str, Any], spec: BackboneSpec) -> Size | None:
    """The size that the configuration says, (channels, height, width) there; None: that of the row."""
    size = _pretrained(config).get("input_size")
    if isinstance(size, list) and len(size) == 3 and all(isinstance(side, int) and side > 0 for side in size):
        return as_size(size[1], size[2])
    return spec.input.default_size
