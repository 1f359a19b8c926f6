"""Weight files for tests: a base made as sensitive as a pretrained one, written as Keras writes weight files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.specs import Preprocessing

FAMILIES = {
    "vgg16": 64,
    "resnet50": 64,
    "mobilenet_v2": 64,
    "efficientnet_b0": 64,
    "densenet121": 64,
    "convnext_tiny": 64,
    "inception_v3": 75,
    "nasnet_mobile": 64,
}
"""The families that the invariants are checked over, at a small input size (efficientnet_lite0 has real weights)."""


def calibrated_weights(name: str, size: int, folder: Path) -> Path:
    """The path of a no-top weight file for a backbone, written once into the folder, whoever asks first.

    Calibration is the dear part, and a run has several workers: they take turns and share what is there.
    """
    import h5py
    from filelock import FileLock
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    from zoo.architectures import build_base
    from zoo.plugin import registry
    from zoo.testing.calibration import calibrated, sample_photos

    path = folder / f"{name}_{size}_notop.h5"
    with FileLock(f"{path}.lock"):
        if path.exists():
            return path
        spec = registry().get("backbones", name).spec
        base = build_base(spec, weights=None, input_size=size, seed=7)
        # On pixels as the network will see them: EfficientNet fitted to -1..1 explodes on mean-and-std pixels, and
        # then amplifies rounding errors a thousand times.
        calibrated(base, preprocessed(sample_photos(size), spec.preprocessing))
        unfinished = path.with_suffix(".part")
        with h5py.File(unfinished, "w") as file:
            save_weights_to_hdf5_group(file, base)
        unfinished.rename(path)
    return path


def preprocessed(pixels: np.ndarray, numbers: Preprocessing) -> np.ndarray:
    """The row's numbers applied in NumPy: what compose does in the graph."""
    x = pixels.astype(np.float32)
    if numbers.channel_order == "BGR":
        x = x[..., ::-1]
    return (x * np.float32(numbers.scale) - np.float32(numbers.mean)) / np.float32(numbers.std)
