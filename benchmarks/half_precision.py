"""The probe on features kept in float32 and in float16: same photos, same split; accuracy and log loss held out.

Run: python benchmarks/half_precision.py FOLDER_OF_SETS SET [SET ...]
"""

from __future__ import annotations

import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import zoo


def main(root: str, *names: str) -> None:
    """Print a line for each set."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ZOO_CACHE_DIR"] = f"{scratch}/cache"
        for name in names:
            told, scores = [], []
            for dtype in ("float32", "float16"):
                os.environ["ZOO_FEATURES"] = dtype
                model = zoo.build("efficientnet_lite0", head=zoo.classifier(f"{root}/{name}"))
                run = model.fit(f"{root}/{name}", validation=0.3, recipe="probe", directory=f"{scratch}/{name}-{dtype}")
                assert run.validation is not None
                told.append(f"{run.validation.accuracy:.4f} / {run.validation.log_loss:.4f}")
                scores.append(np.concatenate([w.ravel() for w in model.composition.head.get_weights()]))
            moved = np.linalg.norm(scores[1] - scores[0]) / np.linalg.norm(scores[0])
            print(
                f"{name}: {run.validation.count} held out, float32 {told[0]}, float16 {told[1]}, head moved {moved:.1e}"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
