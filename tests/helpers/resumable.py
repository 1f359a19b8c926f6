"""A run worth killing: two phases, Dropout, BatchNorm, augmentation, a schedule, early stopping; a few seconds in all.

As a program: `resumable.py fit|resume DATA RUN` trains, or goes on, in a process of its own.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from zoo.specs import PhaseSpec, Preprocessing, RecipeSpec

RECIPE = RecipeSpec(
    name="two-phases",
    phases=(
        PhaseSpec(name="head", solver="gradient", epochs=3, learning_rate=3e-3, batch_size=8),
        PhaseSpec(name="fine-tune", solver="gradient", unfreeze=2, epochs=6, learning_rate=3e-3, batch_size=8),
    ),
)


def write_photos(folder: Path, count: int = 60) -> Path:
    """The tiny pictures as a folder of class folders."""
    from PIL import Image

    from zoo.testing.tiny import tiny_dataset

    data = tiny_dataset(count=count)
    for index in range(count):
        target = folder / data.labels[data.targets[index]]
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.image(index)).save(target / f"{index:03d}.png")
    return folder


def model() -> Any:
    """A tiny Keras model with BatchNorm and Dropout in every stage, and a head with both."""
    import keras

    import zoo
    from zoo.testing.tiny import tiny_backbone

    plain = tiny_backbone()
    x = image = keras.Input((32, 32, 3))
    for layer in plain.layers[1:]:
        x = layer(x)
        if isinstance(layer, keras.layers.ReLU):
            x = keras.layers.Dropout(0.2)(x)
    base = keras.Model(image, x, name="tiny_dropout")
    head = zoo.classifier(["red", "green", "blue"], head="mlp", units=[12], dropout=0.3)
    numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
    return zoo.build(base, head, preprocessing=numbers, augment=["flip", {"rotation": {"degrees": 20}}], seed=3)


def callbacks() -> list[Any]:
    """Early stopping in the second phase, that goes back to the best epoch."""
    import keras

    return [keras.callbacks.EarlyStopping("val_accuracy", patience=1, restore_best_weights=True)]


class Cut(Exception):
    """Stands for whatever ends a process."""


def cut_at(epoch: int, batch: int) -> Any:
    """A callback that ends the run before this batch of this epoch; as what it is, it has no state."""
    import keras

    now = {}

    def on_batch(index: int, logs: Any) -> None:
        if (now["epoch"], index) == (epoch, batch):
            raise Cut

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda number, logs: now.update(epoch=number), on_train_batch_end=on_batch
    )


def digest(trained: Any) -> str:
    """sha256 of all weights."""
    total = hashlib.sha256()
    for weight in trained.keras_model.get_weights():
        total.update(np.ascontiguousarray(weight).tobytes())
    return total.hexdigest()


def fit(data: Any, run: Path, **options: Any) -> Any:
    """The run, uninterrupted unless somebody does."""
    told = {"recipe": RECIPE, "validation": 0.25, "seed": 5, "directory": run, "checkpoint_every": 0.0}
    trained = model()
    return trained.fit(data, **{**told, "callbacks": callbacks(), **options})


def main(verb: str, data: str, run: str) -> None:
    import zoo

    if verb == "fit":
        fit(data, Path(run))
    else:
        zoo.resume(run, callbacks=callbacks(), checkpoint_every=0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
