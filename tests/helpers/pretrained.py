"""Weight files for tests: a base made as sensitive as a pretrained one, written as Keras writes weight files."""

from __future__ import annotations

from pathlib import Path

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
    """The path of a no-top weight file for a backbone, written once into the folder."""
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    from zoo.architectures import build_base
    from zoo.plugin import registry
    from zoo.testing import calibrated

    path = folder / f"{name}_{size}_notop.h5"
    if not path.exists():
        base = build_base(registry().get("backbones", name).spec, weights=None, input_size=size, seed=7)
        calibrated(base)
        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, base)
    return path
