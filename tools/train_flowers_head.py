"""Trains the head flowers5 on efficientnet_lite0 and writes the files that zoo_flowers ships.

Run: python -m tools.train_flowers_head FOLDER    (a folder with one folder a flower)
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from safetensors.numpy import save

import zoo
from zoo import data
from zoo.specs import TrainedHead
from zoo.training.runs.folder import versions

BACKBONE, SEED, VALIDATION = "efficientnet_lite0", 0, 0.2
TARGET = Path(__file__).parent.parent / "plugins" / "zoo_flowers" / "weights"


def main(folder: str) -> None:
    """Train, measure on the fifth held out, write weights, hashes and record."""
    TARGET.mkdir(exist_ok=True)
    model = zoo.build(BACKBONE, head="flowers5")
    with tempfile.TemporaryDirectory() as scratch:
        run = model.fit(folder, validation=VALIDATION, recipe="probe", seed=SEED, directory=Path(scratch) / "run")
    composition = model.composition
    assert composition.head is not None
    tensors = save({f"{index:03d}": value for index, value in enumerate(composition.head.get_weights())})
    photos = data.load(folder, labels=model.labels)
    train = data.split(photos, validation=VALIDATION, seed=SEED).train
    hashes = photos.hashes()
    (TARGET / "flowers5_efficientnet_lite0.safetensors").write_bytes(tensors)
    (TARGET / "training_files.txt").write_text("\n".join(sorted(hashes[index] for index in train)) + "\n")
    used = versions()
    record = TrainedHead(
        backbone=BACKBONE,
        weights_sha256=composition.identity.weights_sha256,
        features=composition.identity.features,
        input_size=model.input_size,
        resize=composition.intake.rule,
        file="zoo_flowers:weights/flowers5_efficientnet_lite0.safetensors",
        sha256=hashlib.sha256(tensors).hexdigest(),
        training_files="zoo_flowers:weights/training_files.txt",
        validation_accuracy=run.validation.accuracy,
        validation_count=run.validation.count,
        made_by=f"python -m tools.train_flowers_head on {len(train)} photos of TensorFlow's flower_photos (longer side "
        f"at most 320 px), {datetime.now(UTC):%Y-%m-%d}, zoo {used['zoo']}, keras {used['keras']}, seed {SEED}",
    )
    (TARGET / "flowers5.json").write_text(json.dumps([record.model_dump(mode="json")], indent=1) + "\n")
    print(run)


if __name__ == "__main__":
    main(sys.argv[1])
