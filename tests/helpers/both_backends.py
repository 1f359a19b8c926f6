"""What both backends must agree on: features, a probe, fine-tuning; written down by one process for each.

`both_backends.py measure PHOTOS FOLDER` does it all; `both_backends.py read PHOTOS FILE OUT` asks a saved model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 96
"""Side of the input, in pixels."""


def measure(photos: Path, folder: Path) -> None:
    """Write `figures.json`, `arrays.npz`, and the model after the probe and after fine-tuning."""
    import keras

    import zoo
    from zoo import data
    from zoo.features import extract
    from zoo.specs import PhaseSpec, RecipeSpec

    folder.mkdir(parents=True, exist_ok=True)
    model = zoo.build("efficientnet_lite0", head=zoo.classifier(photos), input_size=SIZE)
    dataset = data.load(photos)
    found = extract(
        model.composition.features,
        dataset,
        np.arange(len(dataset)),
        intake=model.composition.intake,
    )
    probe = model.fit(photos, recipe="probe", validation=0.3, seed=1, directory=folder / "probe")
    # Dropout and fresh heads draw other numbers on each backend: what is compared has neither.
    tune = PhaseSpec(
        name="tune", solver="gradient", unfreeze=2, epochs=2, batch_size=12, optimizer="sgd", learning_rate=0.01
    )
    start = PhaseSpec(name="probe", solver="convex")
    tuned = model.fit(
        photos,
        recipe=RecipeSpec(name="tuned", phases=(start, tune)),
        validation=0.3,
        seed=1,
        directory=folder / "tuned",
    )
    base = model.composition.backbone
    figures: dict[str, Any] = {
        "backend": keras.config.backend(),
        "accuracy": probe.validation.accuracy,
        "history": tuned.history,
        "receipts": [(item.stage, item.part, item.says, item.before) for item in tuned.receipts],
        "weights": [weight.path for weight in base.weights],
    }
    (folder / "figures.json").write_text(json.dumps(figures))
    arrays = {f"weight{index}": weight for index, weight in enumerate(base.get_weights())}
    np.savez(
        folder / "arrays.npz",
        features=found.values,
        probe=probe.validation.scores,
        tuned=tuned.validation.scores,
        **arrays,
    )


def read(photos: Path, file: Path, out: Path) -> None:
    """Write the scores that a saved model gives some photos, and where it looks (Grad-CAM)."""
    import zoo
    from zoo import data
    from zoo.plots.gradient import grad_cam

    model = zoo.load(file)
    chosen = sorted(photos.rglob("*.jpg"))[::7]
    pixels = np.stack([data.resize(data.decode(photo), SIZE, model.composition.intake.rule) for photo in chosen])
    columns = np.arange(len(chosen)) % len(model.labels)
    before_the_last = model.composition.stages[-2].name  # so that the gradient comes through layers of the base
    np.savez(
        out,
        scores=model.predict_scores(chosen),
        heat=grad_cam(model.composition, pixels, columns, stage=before_the_last),
    )


if __name__ == "__main__":
    {"measure": measure, "read": read}[sys.argv[1]](*map(Path, sys.argv[2:]))
