"""Accuracy of `auto` beside the named recipes on images no fit saw, and of lp-ft beside the probe over seeds.

Run: python benchmarks/recipes.py FOLDER_OF_DATA_SETS OUT.jsonl [MOST_IMAGES]      # of each set; default all

A line of OUT is a fit; those that are there already are not done again, so a run that was stopped goes on. Features and
outputs of frozen stages are kept beside OUT. At the end the tables are printed from what is in OUT.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import zoo
from zoo import data

BACKBONE = "efficientnet_lite0"
SETS = ("rsscn7", "chest_xray3", "cats_vs_dogs", "mednist6", "cifar10_subset", "digits")
RECIPES = ("probe", "auto", "lp-ft", "full", "head", "surgical", "gradual")
SIZE = 128
"""Pixels, for the comparison of recipes."""

FLOWERS = "flowers5"
FLOWERS_SIZE = 224
SEEDS = range(5)


def wanted(most: int | None) -> list[dict[str, Any]]:
    """What is to be fitted: every recipe on every set, what takes long last; lp-ft on flowers5 over seeds."""
    seeds = [
        {"data": FLOWERS, "recipe": recipe, "seed": seed, "size": FLOWERS_SIZE, "validation": 0.2, "test": 0.0}
        for recipe in ("probe", "lp-ft")
        for seed in SEEDS
    ]
    sets = [
        {"data": name, "recipe": recipe, "seed": 0, "size": SIZE, "validation": 0.1, "most": most, "test": 0.25}
        for name in SETS
        for recipe in RECIPES
    ]
    slow = ("surgical", "gradual")
    return [*sorted(sets, key=lambda task: task["recipe"] in slow), *seeds]


def load(root: Path, name: str, most: int | None) -> data.Dataset:
    """A data set, or at most so many of its images, each class with its share."""
    found = data.load(name if name == "digits" else root / name)
    if most is None or most >= len(found):
        return found
    return found.subset(data.split(found, validation=0.0, test=most / len(found), seed=1).test)


def fit(root: Path, task: dict[str, Any]) -> dict[str, Any]:
    """One fit, with what it reached on the images held out: the test part, or the validation part without one."""
    files = load(root, task["data"], task.get("most"))
    keras.utils.clear_session()
    model = zoo.build(BACKBONE, head=zoo.classifier(list(files.labels)), input_size=task["size"])
    start, load_now = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        run = model.fit(
            files,
            validation=task["validation"],
            test=task["test"],
            recipe=task["recipe"],
            seed=task["seed"],
            directory=Path(folder) / "run",
        )
    judged = run.validation if run.test is None else run.test
    return {
        **task,
        "chosen": run.recipe.name,
        "accuracy": judged.accuracy,
        "count": judged.count,
        "train": run.record.results.data.train,
        "seconds": round(time.perf_counter() - start, 1),
        "load": round(load_now, 1),
        "val_accuracy": run.history.get("val_accuracy"),
        "val_loss": run.history.get("val_loss"),
        "phases": [phase.model_dump(mode="json", exclude_defaults=True) for phase in run.recipe.phases],
        "reasons": run.reasons,
    }


def tables(rows: list[dict[str, Any]]) -> None:
    """Print what was measured."""
    for recipe in ("probe", "lp-ft"):
        values = [row["accuracy"] for row in rows if row["data"] == FLOWERS and row["recipe"] == recipe]
        if values:
            spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
            print(
                f"{FLOWERS} {recipe}: mean {np.mean(values):.4f}, standard deviation {spread:.4f} of "
                f"{[round(value, 3) for value in values]}"
            )
    print(f"| data | trained on | judged on | {' | '.join(RECIPES)} | auto chose | points below the best |")
    print("|" + "---|" * (5 + len(RECIPES)))
    lost = []
    for name in SETS:
        found = {row["recipe"]: row for row in rows if row["data"] == name}
        if "auto" not in found:
            continue
        accuracies = {recipe: row["accuracy"] for recipe, row in found.items()}
        below = 100 * (max(accuracies.values()) - accuracies["auto"])
        lost.append(below)
        cells = " | ".join(f"{accuracies[recipe]:.3f}" if recipe in accuracies else "" for recipe in RECIPES)
        auto = found["auto"]
        print(f"| {name} | {auto['train']} | {auto['count']} | {cells} | {auto['chosen']} | {below:.1f} |")
    if lost:
        print(f"auto is below the best named recipe by {np.mean(lost):.2f} points on average over {len(lost)} sets")


def main(root: str, out: str, most: str = "") -> None:
    """Fit what is not in OUT yet, and print the tables."""
    path = Path(out)
    os.environ.setdefault("ZOO_CACHE_DIR", str(path.parent.absolute() / "cache"))
    print(f"{platform.platform()}, {os.cpu_count()} cores, keras {keras.__version__}, load {os.getloadavg()[0]:.1f}")
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    tasks = wanted(int(most) if most else None)
    for task in tasks:
        if any(all(row[key] == value for key, value in task.items()) for row in rows):
            continue
        rows.append(fit(Path(root), task))
        with path.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print({key: rows[-1][key] for key in ("data", "recipe", "seed", "chosen", "accuracy", "seconds")}, flush=True)
    tables([row for row in rows if any(all(row[key] == value for key, value in task.items()) for task in tasks)])


if __name__ == "__main__":
    main(*sys.argv[1:])
