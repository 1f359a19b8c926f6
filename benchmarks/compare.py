"""Cats and dogs in one `zoo.compare`: the untouched classifier, the probe, lp-ft, and a network from scratch.

python benchmarks/compare.py DATA [--epochs 20] [--size 128]      # DATA: a folder with the classes cats and dogs
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import mkdtemp

import zoo

CLASSES = {"cats": "cat", "dogs": "dog"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=20, help="of the network from scratch")
    parser.add_argument("--size", type=int, default=128, help="side of the input of probe and lp-ft")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--test", type=float, default=0.4)
    options = parser.parse_args()
    folder = Path(mkdtemp(prefix="zoo-compare-"))
    runs = {}
    for recipe in ("probe", "lp-ft"):
        model = zoo.build(options.backbone, zoo.classifier(options.data), input_size=options.size)
        runs[recipe] = model.fit(
            options.data, validation=0.1, test=options.test, recipe=recipe, directory=folder / recipe, verbose=0
        )
    found = zoo.compare(
        {**runs, "pretrained": "pretrained", "scratch": "scratch"},
        classes=CLASSES,
        epochs=options.epochs,
        directory=folder / "scratch",
    )
    print(found)
    (folder / "compare.json").write_text(json.dumps(found.to_dict(), indent=1))
    found.figure().savefig(folder / "compare.png", dpi=120)
    print(folder)


if __name__ == "__main__":
    main()
