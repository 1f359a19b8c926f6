"""The whole of zoo in a few minutes: a photo named, then transfer learning on real digits, measured, saved, reloaded.

Run: python examples/quickstart.py [PHOTO]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import zoo
from zoo import data
from zoo.cli.quiet import load_keras
from zoo.evaluation import pixel_baseline

SEED = 0


def name_photo(photo: str) -> None:
    """A photo named by the pretrained classifier (ImageNet) and by the shipped flower head."""
    print(f"\n{photo}")
    imagenet = zoo.build("efficientnet_lite0").predict(photo)[0]
    print("  ImageNet says:", ", ".join(f"{label} {score:.2f}" for label, score in imagenet.top[:3]))
    flower = zoo.build("efficientnet_lite0", head="flowers5").predict(photo)[0]
    print(f"  of five flowers it is most like: {flower.label} ({flower.score:.2f})")


def main() -> None:
    """Run the tour."""
    load_keras()  # without TensorFlow's chatter
    began = time.perf_counter()
    for photo in sys.argv[1:]:
        name_photo(photo)
    if len(sys.argv) == 1:
        print("\n(make quickstart PHOTO=path/to/photo.jpg names a flower on a photo of yours)")

    print("\nDigits: 1,797 real handwritten digits of 8x8 pixels (scikit-learn), one in five held out.")
    digits = zoo.classifier("digits")
    rows = []

    start = time.perf_counter()
    images = data.load("digits")
    parts = data.split(images, validation=0.2, seed=SEED)  # the split that fit makes with this seed
    accuracy = pixel_baseline(images, parts.train, parts.validation, seed=SEED)
    rows.append(("logistic regression on raw pixels", accuracy, time.perf_counter() - start))

    with tempfile.TemporaryDirectory() as folder:
        model = zoo.build("efficientnet_lite0", head=digits, input_size=96)
        start = time.perf_counter()
        probe = model.fit("digits", recipe="probe", seed=SEED, directory=f"{folder}/probe")
        rows.append(("frozen efficientnet_lite0, probe", probe.validation.accuracy, time.perf_counter() - start))

        model.reset()
        start = time.perf_counter()
        tuned = model.fit(
            "digits",
            recipe="lp-ft",
            stages=["stage3", "stage4"],
            epochs=4,
            seed=SEED,
            directory=f"{folder}/lp-ft",
            verbose=2,
        )
        rows.append(("the same, fine-tuned (BatchNorm frozen)", tuned.validation.accuracy, time.perf_counter() - start))

        print(f"\n  {'':44}accuracy   seconds")
        for what, accuracy, seconds in rows:
            print(f"  {what:44}{accuracy:8.3f}{seconds:10.1f}")
        print(
            "\n  Why: digits are far from the photos the base was trained on, so its frozen features give less than raw"
            "\n  pixels do. The further the data from the source, the less frozen features give, and the more"
            "\n  fine-tuning does."
        )
        print(f"\n{tuned.validation}")

        path = model.save(Path(folder) / "digits.keras")
        import keras

        plain = keras.models.load_model(path)
        shown = np.stack([model.composition.intake.shape(images.image(i)) for i in parts.validation[:8]])
        same = np.allclose(plain.predict(shown, verbose=0), zoo.load(path).predict_scores(shown), rtol=1e-5, atol=1e-7)
        print(f"\nSaved {path.stat().st_size / 1e6:.0f} MB; plain Keras and zoo.load predict the same: {same}")
        if not same:
            raise SystemExit("they should")
    print(f"Done in {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
