"""Seconds an epoch of fine-tuning the last stage: through the whole network, and behind the cached prefix, in one run.

Run: python benchmarks/suffix.py FOLDER [EPOCHS]

Weights are random ones where the real ones are not on the machine: for the time they make no difference.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import zoo
from zoo import data
from zoo.architectures import build_base
from zoo.plugin import registry
from zoo.specs import PhaseSpec, RecipeSpec

BACKBONES = ("vgg16", "resnet50", "mobilenet_v2", "efficientnet_b0", "efficientnet_lite0")


class Clock(keras.callbacks.Callback):
    """Seconds of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self._start)


def weight_file(name: str, folder: Path) -> str | Path:
    """The weights that come with an installation, else random ones in a file."""
    if name == "efficientnet_lite0":
        return "pretrained"
    path = folder / f"{name}.weights.h5"
    if not path.exists():
        import h5py
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        base = build_base(registry().get("backbones", name).spec, weights=None, input_size=224, seed=0)
        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, base)
    return path


def main(folder: str, epochs: str = "3") -> None:
    """Print the seconds of an epoch both ways (the fastest after the first, which traces), and their ratio."""
    files = data.load(folder)
    recipe = RecipeSpec(
        name="tune",
        phases=(PhaseSpec(name="tune", solver="gradient", unfreeze=1, epochs=int(epochs), learning_rate=1e-5),),
    )
    print(f"{platform.platform()}, {os.cpu_count()} cores, keras {keras.__version__}, tensorflow {tf.__version__}")
    print(f"{len(files)} photos, the last stage trains, {epochs} epochs, batches of 32")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ZOO_CACHE_DIR"] = f"{scratch}/cache"
        for name in BACKBONES:
            found = {}
            for prefix in (False, True):
                head = zoo.classifier(list(files.labels))
                model = zoo.build(name, head=head, weights=weight_file(name, Path(scratch)), input_size=224)
                clock = Clock()
                run = model.fit(
                    files,
                    validation=0.2,
                    recipe=recipe,
                    cached_prefix=prefix,
                    callbacks=[clock],
                    directory=f"{scratch}/{name}-{prefix}",
                )
                found[prefix] = min(clock.seconds[1:]), run
                keras.utils.clear_session()
            whole, behind = found[False][0], found[True][0]
            phase = found[True][1].phases[-1]
            same = np.allclose(found[False][1].history["loss"], found[True][1].history["loss"], rtol=1e-3)
            print(
                f"{name:20} {whole:7.2f} s  {behind:7.2f} s  {whole / behind:5.1f} times  cut behind "
                f"{phase['cached_prefix']}, prefix once {phase['cached_prefix_seconds']:.1f} s, losses "
                f"{'the same' if same else 'differ'}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
