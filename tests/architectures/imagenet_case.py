"""The ImageNet photos of the shared data, prepared as published evaluations do."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
from helpers.pretrained import preprocessed
from PIL import Image

from zoo.specs import BackboneSpec


@cache
def photos(shared_data: Path, size: int, fraction: float, interpolation: str) -> np.ndarray:
    """uint8 (800, size, size, 3): shorter side to size / fraction, then the center."""
    side, kind = round(size / fraction), Image.Resampling[interpolation.upper()]
    pixels = []
    for file in files(shared_data):
        image = Image.open(file).convert("RGB")
        scale = side / min(image.size)
        image = image.resize([max(side, round(length * scale)) for length in image.size], kind)
        left, top = ((length - size) // 2 for length in image.size)
        pixels.append(np.asarray(image.crop((left, top, left + size, top + size))))
    return np.stack(pixels)


@cache
def files(shared_data: Path) -> tuple[Path, ...]:
    return tuple(sorted((shared_data / "imagenet_samples").iterdir()))


@cache
def targets(shared_data: Path) -> np.ndarray:
    """The class of each photo: its name begins with the WordNet id."""
    index = json.loads((shared_data / "reference" / "imagenet_class_index.json").read_text())
    number = {wnid: int(key) for key, (wnid, _) in index.items()}
    return np.array([number[file.name.split("_")[0]] for file in files(shared_data)])


def accuracy(model, spec: BackboneSpec, shared_data: Path) -> tuple[float, float]:
    """Top-1 and top-5 of a model that ends in logits, with the preprocessing of its row."""
    rule = spec.preprocessing.resize
    pixels = photos(shared_data, spec.input.default_size, rule.crop_fraction, rule.interpolation)
    logits = np.concatenate(
        [
            model.predict(preprocessed(pixels[start : start + 100], spec.preprocessing), verbose=0)
            for start in range(0, len(pixels), 100)
        ]
    )
    best, truth = np.argsort(-logits, axis=1)[:, :5], targets(shared_data)
    return float((best[:, 0] == truth).mean()), float((best == truth[:, None]).any(1).mean())
