"""A small plugin that conforms, written into a folder as pip would; tests change one thing and see what notices."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo.plugin import Manager
from zoo.plugin.discovery import GROUP
from zoo.plugin.manifest import make_manifest
from zoo.testing.isolation import entry_points_in

PACKAGE = "zoo_t_owls"

PLUGIN = '''
"""The hooks."""
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from zoo import hookimpl
from zoo.specs import AugmentationSpec, BackboneSpec, DatasetSpec, HeadSpec, LabelSet, PhaseSpec, RecipeSpec
from zoo.specs import TrainedHead

LABELS = ("barn", "tawny", "eagle")
HERE = Path(__file__).parent
HEAD = {}
AUGMENTATION = {"boxes": "moved"}
RECIPE = {}
TUNE = {"unfreeze": 1}
DATASET = {
    "labels": LABELS, "splits": {"train": 18, "test": 6}, "license": "CC0-1.0", "source": "made up",
    "options": "zoo_t_owls.plugin:PhotoOptions",
}


class HeadOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = Field(default=8, gt=0, description="units of the hidden layer")


class PhotoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    side: int = Field(default=8, gt=0, description="side of the photos, in pixels")


@hookimpl
def zoo_heads():
    trained = TrainedHead.model_validate(json.loads((HERE / "trained.json").read_text()))
    return [
        HeadSpec(
            name="owls", summary="a hidden layer", factory="zoo_t_owls.parts:head",
            options="zoo_t_owls.plugin:HeadOptions", trained=(trained,), **HEAD,
        )
    ]


@hookimpl
def zoo_augmentations():
    turn = "zoo_t_owls.parts:turn"
    return [AugmentationSpec(modality="image", name="owl-turn", summary="mirror", factory=turn, **AUGMENTATION)]


@hookimpl
def zoo_datasets():
    return [DatasetSpec(modality="image", name="owl-photos", summary="owls", loader="zoo_t_owls.parts:load", **DATASET)]


@hookimpl
def zoo_label_sets():
    return [LabelSet(name="owls3", summary="three owls", labels=LABELS)]


@hookimpl
def zoo_backbones():
    return [BackboneSpec.model_validate(json.loads((HERE / "owlnet.json").read_text()))]
'''

RECIPES = """

@hookimpl
def zoo_recipes():
    phases = [PhaseSpec(name="probe", solver="convex"), PhaseSpec(name="tune", epochs=1, **TUNE)]
    return [RecipeSpec(phases, name="owl-tune", summary="the probe, then the top stage", **RECIPE)]
"""
"""A hook that is there when it is asked for: to try a recipe takes seconds."""

PARTS = '''
"""Factories."""
import gc
import itertools
import os
import random
import socket
import time

import keras
import numpy as np

import zoo

LABELS = ("barn", "tawny", "eagle")


def head(features, *, outputs, seed, width):
    glorot = keras.initializers.GlorotUniform
    x = keras.layers.Dense(width, activation="relu", kernel_initializer=glorot(seed=seed))(features)
    x = keras.layers.Dense(outputs, kernel_initializer=glorot(seed=seed + 1), dtype="float32")(x)
    return x


def turn():
    def apply(image, seed, boxes=None):
        draw = np.random.default_rng(seed)
        turned = draw.random() < 0.5
        image = image.copy()
        if turned:
            image = image[:, ::-1].copy()
        if boxes is None:
            return image
        boxes = boxes.copy()
        if turned:
            boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]
        return image, boxes

    return apply


class Photos(zoo.Arrays):
    pass


def load(side):
    x = np.random.default_rng(0).integers(0, 256, (24, side, side, 3), np.uint8)
    y = np.arange(24) % 3
    ids = [f"owl {index}" for index in range(24)]
    splits = {"train": np.arange(18), "test": np.arange(18, 24)}
    return Photos(x, y, labels=LABELS, ids=ids, splits=splits, name="owl-photos")


def net(include_top, input_size):
    image = keras.Input((input_size, input_size, 3))
    x = image
    for width in (8, 16):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    if include_top:
        x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x)


def reference_preprocessing(pixels):
    return pixels / 127.5 - 1
'''

OWLNET: dict[str, Any] = {
    "name": "owlnet",
    "summary": "two convolutions",
    "family": "OwlNet",
    "modality": "image",
    "paper": "none",
    "builder": f"{PACKAGE}.parts:net",
    "input": {"default_size": 32, "min_size": 16},
    "preprocessing": {"scale": 2 / 255, "mean": [1.0, 1.0, 1.0], "source": "made up"},
    "label_set": "owls3",
    "weights": [
        {
            "id": "owls",
            "kind": "file",
            "filename": "owlnet.h5",
            "format": "keras-h5",
            "includes_top": False,
            "license": "CC0-1.0",
            "license_source": "made up",
            "trained_on": "nothing",
        }
    ],
    "portable": True,
}


def write(
    folder: Path,
    *,
    parts: Iterable[tuple[str, str]] = (),
    plugin: Iterable[tuple[str, str]] = (),
    owlnet: Any = None,
    manifest: Any = None,
    trained: Any = None,
    id: str = "owls",
    facts: bool = True,
    recipes: bool = False,
) -> Manager:
    """Install the plugin into a folder of `sys.path`, changed.

    Args:
        folder: where.
        parts: (text of the factories, what stands there instead).
        plugin: the same for the hooks.
        owlnet: called with the row of the backbone, to change it.
        manifest: called with the manifest, to change it.
        trained: called with the record of the trained weights.
        id: name of the entry point.
        facts: read the backbone's row off the network; without, it says nothing that is true.
        recipes: whether it provides a recipe.

    Returns:
        A manager that sees the plugin and those of zoo.
    """
    hooks = PLUGIN + RECIPES if recipes else PLUGIN
    package = folder / PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(_changed(PARTS, parts))
    (package / "plugin.py").write_text(hooks)
    (package / "head.bin").write_bytes(b"hoot")
    (package / "files.txt").write_text(hashlib.sha256(b"owl").hexdigest() + "\n")
    record = {
        "backbone": "efficientnet_lite0",
        "weights_sha256": "00",
        "input_size": 224,
        "resize": {},
        "file": f"{PACKAGE}:head.bin",
        "sha256": hashlib.sha256(b"hoot").hexdigest(),
        "training_files": f"{PACKAGE}:files.txt",
        "validation_accuracy": 1.0,
        "validation_count": 1,
        "made_by": "hand",
    }
    if trained:
        trained(record)
    (package / "trained.json").write_text(json.dumps(record))
    row = json.loads(json.dumps(OWLNET)) | _facts(facts, (package / "parts.py").read_text())
    if owlnet:
        owlnet(row)
    (package / "owlnet.json").write_text(json.dumps(row))
    # The manifest of the hooks as they are, or where they no longer give one, as they were.
    (package / "plugin.py").write_text(_changed(hooks, plugin))
    try:
        text = make_manifest(id, f"{PACKAGE}.plugin")
    except Exception:
        forget()
        (package / "plugin.py").write_text(hooks)
        text = make_manifest(id, f"{PACKAGE}.plugin")
        (package / "plugin.py").write_text(_changed(hooks, plugin))
    forget()
    data = json.loads(text)
    if manifest:
        data = manifest(data)
    if data is not None:
        (package / "zoo-plugin.json").write_text(json.dumps(data))
    info = folder / f"{PACKAGE}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-t-owls\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{id} = {PACKAGE}.plugin\n")
    return Manager(entry_points_in(folder))


def forget() -> None:
    """Let the plugin be imported anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] in (PACKAGE, "jax")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    # Bytecode is kept by second and size: a change of the same length within a second would go unseen.
    sys.dont_write_bytecode = True


def _facts(read: bool, code: str) -> dict[str, Any]:
    """The computed fields of the backbone's row; read off the network once for each version of its code."""
    if not read:
        return json.loads(json.dumps(_NOTHING))
    if code not in _KNOWN:
        from zoo.architectures.facts import facts

        parts = importlib.import_module(f"{PACKAGE}.parts")
        found = facts(parts.net(include_top=False, input_size=32), parts.net(include_top=True, input_size=32))
        _KNOWN[code] = json.dumps(found)
        forget()
    return json.loads(_KNOWN[code])


_KNOWN: dict[str, str] = {}


_NOTHING: dict[str, Any] = {
    "stages": [],
    "layers": {"by_type": {}, "total": 0, "depth": 0, "batchnorm": 0, "dropout": 0},
    "feature_dim": 16,
    "params": 0,
}


def _changed(text: str, changes: Iterable[tuple[str, str]]) -> str:
    for old, new in changes:
        assert old in text, f"not in the plugin: {old}"
        text = text.replace(old, new)
    return text
