"""What training comes to on two logical CPUs, and on one; as a program, since TensorFlow divides a CPU only once.

`two_devices.py FOLDER` writes FOLDER/found.json: name of a case -> figures.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

COUNT = 46
"""Images: 37 to train on and 9 held out. The last batch of 8 has 5: three on one device, two on the other. That of 9 or
12 has one, and nothing is left for the other device; likewise that of 8 of those held out."""


def head() -> Any:
    """A user's head with BatchNorm."""
    import keras

    layers = keras.layers
    first = layers.Dense(12, use_bias=False)  # a bias in front of BatchNorm would move by rounding alone
    return keras.Sequential([first, layers.BatchNormalization(), layers.ReLU(), layers.Dense(3)])


def build(strategy: Any, task: str = "classification", *, dropout: float = 0.0, **options: Any) -> Any:
    """The tiny base with a head, in the scope of the strategy if there is one."""
    import keras

    import zoo
    from zoo.specs import Preprocessing
    from zoo.testing.tiny import tiny_backbone

    base = tiny_backbone()  # before the seed: the first of a process is calibrated, which draws numbers
    keras.utils.set_random_seed(3)
    numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
    wanted: Any = head()
    if dropout:
        wanted = keras.Sequential([keras.layers.Dropout(dropout), *wanted.layers])
    if task == "regression":
        wanted = zoo.regressor(["width", "height"])
    with strategy.scope() if strategy else nullcontext():
        return zoo.build(base, wanted, preprocessing=numbers, **options)


def recipe(*, batch_size: int = 8, unfreeze: int = 0, **changes: Any) -> Any:
    """One phase of plain gradient descent: Adam makes a step of rounding where there is no gradient."""
    import zoo

    phase = {"name": "descent", "optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "epochs": 2}
    return zoo.Recipe(
        name="exact", phases=[zoo.Phase(**{**phase, "batch_size": batch_size, "unfreeze": unfreeze, **changes})]
    )


def compare(
    strategy: Any, folder: Path, how: Any, task: str = "classification", augment: Any = None, **options: Any
) -> dict[str, Any]:
    """Largest difference of a weight, of the loss and of a score, each as a share of the largest of its kind."""
    from zoo.testing.tiny import tiny_dataset

    told = {"validation": 9, "seed": 5, "cached_prefix": False, **options}
    data = tiny_dataset(task, count=COUNT)
    runs = []
    before: list[np.ndarray] = []
    for number, mine in enumerate((None, strategy)):
        model = build(mine, task, augment=augment)
        before = model.keras_model.get_weights()
        runs.append(model.fit(data, recipe=how, directory=folder / str(number), **told))
    one, two = runs
    weights = [run.model.keras_model.get_weights() for run in runs]
    moved = [share(old, new) for new, old in zip(weights[0], before, strict=True) if new.ndim > 1]
    data_x = np.stack([data.image(index) for index in range(COUNT)])
    return {
        "moved": max(moved),
        "weights": max(share(b, a) for a, b in zip(*weights, strict=True)),
        "history": max(share(np.array(two.history[name]), np.array(one.history[name])) for name in one.history),
        "scores": share(two.model.predict_scores(data_x), one.model.predict_scores(data_x)),
        "evaluation": [str(run.validation) for run in runs],
        "devices": [json.loads((run.directory / "run.json").read_text())["plan"]["devices"] for run in runs],
        "apart": apart(two.model),
        "receipts": [(row.stage, row.part, row.says) for row in two.receipts],
        "prefix": two.phases[-1].get("cached_prefix"),
        "synchronized": [layer.synchronized for layer in norms(two.model)],
    }


def share(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference as a share of the largest number."""
    return float(np.abs(found - wanted).max(initial=0.0) / max(np.abs(wanted).max(initial=0.0), 1e-12))


def norms(model: Any) -> list[Any]:
    """Every BatchNorm of a model."""
    from zoo.training.freeze import is_batchnorm, leaves

    return [leaf for layer in model.keras_model.layers for leaf in leaves(layer) if is_batchnorm(leaf)]


def apart(model: Any) -> int:
    """Weights whose copies on the two devices are not the same, bit for bit."""
    copies = [weight.value.values for weight in model.keras_model.weights]
    return sum(not np.array_equal(first.numpy(), second.numpy()) for first, second in copies)


class Cut(Exception):
    """Stands for whatever ends a process."""


def resumed(strategy: Any, folder: Path) -> dict[str, Any]:
    """A run that was cut within an epoch, on two devices, beside one that was not."""
    import keras

    import zoo
    from zoo.testing.tiny import tiny_dataset

    data = tiny_dataset(count=COUNT)

    def fit(name: str, *callbacks: Any) -> Any:
        model = build(strategy, dropout=0.3)
        how = recipe(optimizer="adam", momentum=0.0, epochs=4)
        told = {"validation": 9, "seed": 5, "directory": folder / name, "checkpoint_every": 0.0}
        return model.fit(data, recipe=how, callbacks=callbacks, **told)

    def stop(batch: int, logs: Any) -> None:
        seen.append(batch)
        if len(seen) == 7:
            raise Cut

    seen: list[int] = []
    try:
        fit("cut", keras.callbacks.LambdaCallback(on_train_batch_end=stop))
    except Cut:
        pass
    else:
        raise AssertionError("the run was to be cut")
    whole, done = fit("whole"), zoo.resume(folder / "cut", data)
    weights = [run.model.keras_model.get_weights() for run in (whole, done)]
    return {
        "place": json.loads((folder / "whole" / "run.json").read_text())["plan"]["devices"],
        "same weights": all(np.array_equal(a, b) for a, b in zip(*weights, strict=True)),
        "same history": whole.history == done.history,
        "apart": apart(done.model),
        "synchronized": [layer.synchronized for layer in norms(done.model)],
    }


def main(folder: Path) -> None:
    """Run every case."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    cases = {
        "head": lambda at: compare(strategy, at, recipe(), class_weight="balanced"),
        "clipped": lambda at: compare(strategy, at, recipe(batch_size=9, clip=0.05, weight_decay=0.01)),
        "values": lambda at: compare(strategy, at, recipe(batch_size=7), "regression"),
        "images": lambda at: compare(
            strategy, at, recipe(unfreeze=2, batch_size=12, augment_in="graph"), augment=["flip", "zoom"]
        ),
        "behind prefix": lambda at: compare(strategy, at, recipe(unfreeze=1), cached_prefix=True),
        "adapt": lambda at: compare(strategy, at, recipe(unfreeze="all", batchnorm="adapt", learning_rate=0.01)),
        "resume": lambda at: resumed(strategy, at),
    }
    found = {}
    for name in sys.argv[2:] or cases:
        found[name] = cases[name](folder / name.replace(" ", "-"))
    (folder / "found.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
