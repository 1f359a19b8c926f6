"""Rules to pick a backbone, judged by regret on images held back: by probe on random halves, or by fine-tuning.

Run: python benchmarks/regret.py FOLDER_OF_DATA_SETS [--splits 20] [--most 300] [--first-seed 0]
     python benchmarks/regret.py FOLDER_OF_DATA_SETS --finetune OUT.jsonl

Regret: accuracy held back of the best candidate minus that of the pick, in points. The first command fits probes on one
half of each set, or on a share of it of about MOST images, and asks the other half; features are computed once, in the
cache. The second fine-tunes each candidate on 160 images ("lp-ft", 4 epochs) and asks at most 400 others: an hour or
two; lines that are in OUT.jsonl are not computed again.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from recommend import BACKBONES, DATA_SETS, FILES, SIZES

import zoo
from zoo import data
from zoo.catalogue import backbone_row
from zoo.evaluation import wilson
from zoo.features import extract, fit_probe
from zoo.features.probe import out_of_fold
from zoo.features.scores import grouped_folds, knn_predictions
from zoo.plugin import registry
from zoo.ranking import REPEATS, Ranked, Recommendation
from zoo_vision.intake import ImageIntake

CANDIDATES = [(backbone, size) for backbone in BACKBONES for size in SIZES]
GIVEN, HELD, EPOCHS = 160, 400, 4

Rule = Callable[[list[Ranked]], Ranked]

RULES: dict[str, Rule] = {
    "zoo.recommend": lambda rows: Recommendation(rows, data="", labels=(), images=rows[0].images).best,
    "zoo.recommend, to fine-tune first": lambda rows: Recommendation(
        rows, data="", labels=(), images=rows[0].images
    ).to_fine_tune[0],
    f"accuracy of {REPEATS} cross-validations": lambda rows: max(rows, key=lambda row: (row.accuracy, -row.log_loss)),
    "log loss": lambda rows: min(rows, key=lambda row: row.log_loss),
    "neighbors": lambda rows: max(rows, key=lambda row: row.knn),
    "best published top-1, larger input": lambda rows: max(rows, key=lambda row: (row.top1 or 0, row.input_size)),
}


def weights(backbone: str, root: Path) -> str:
    """What `weights=` takes."""
    return str(root / "weights" / "imagenet" / FILES[backbone]) if backbone in FILES else "pretrained"


def features(root: Path, name: str) -> tuple[dict[tuple[str, int], np.ndarray], data.Dataset]:
    """Pooled features (n, d) of every candidate, and the data."""
    files = data.load(root / name).readable()
    values = {}
    for backbone, size in CANDIDATES:
        head = zoo.classifier(list(files.labels))
        composition = zoo.build(backbone, input_size=size, weights=weights(backbone, root), head=head).composition
        everything = np.arange(len(files))
        rule = composition.intake.rule
        values[backbone, size] = extract(
            composition.features, files, everything, intake=ImageIntake(size=size, rule=rule), cache=True
        ).values
        gc.collect()
    return values, files


def row(
    name: tuple[str, int], values: np.ndarray, targets: np.ndarray, groups: np.ndarray, classes: int
) -> tuple[Ranked, float]:
    """A candidate as `zoo.recommend` measures it on features of the images given, and the C of its probe."""
    answers, losses, cs = [], [], None
    for seed in range(REPEATS):
        folds = grouped_folds(targets, groups, 5, seed=seed)
        probe = out_of_fold(values, targets, folds, n_classes=classes, cs=cs)
        cs = [probe.c]
        answers.append(probe.probabilities.argmax(axis=1) == targets)
        losses.append(probe.log_loss)
    share = np.mean(answers, axis=0)
    knn = float((knn_predictions(values, targets, groups, n_classes=classes) == targets).mean())
    known = backbone_row(registry().get("backbones", name[0]))
    measured = Ranked(
        backbone=name[0], input_size=name[1], features="avg", accuracy=float(share.mean()),
        interval=wilson(float(share.sum()), len(share)), log_loss=float(np.mean(losses)), images=len(share), knn=knn,
        knn_interval=None, logme=None, hscore=None, top1=known["top1"], params=1, macs=0, ms=1.0, size=0,
        license="", seconds=0.0, computed=0, right=(share > 0.5).astype(np.int8),
    )  # fmt: skip
    return measured, probe.c


def few(files: data.Dataset, indices: np.ndarray, most: int, seed: int) -> np.ndarray:
    """About `most` of some images, stratified."""
    if len(indices) <= most:
        return indices
    return indices[data.split(files.subset(indices), validation=0.0, test=most / len(indices), seed=seed).test]


def by_halves(root: Path, splits: int, most: int, first_seed: int) -> None:
    """Print the mean regret of every rule over random halves; spread is over the splits, of the mean over the sets."""
    regret: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name in DATA_SETS:
        values, files = features(root, name)
        targets, groups = files.targets, np.array(files.hashes())
        for seed in range(first_seed, first_seed + splits):
            half = grouped_folds(targets, groups, 2, seed=1000 + seed)
            given, held = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
            if len(given) > most:
                parts = max(2, round(len(given) / most))
                given = given[grouped_folds(targets[given], groups[given], parts, seed=seed) == 0]
            rows, right = [], {}
            for candidate in CANDIDATES:
                known = values[candidate][given]
                measured, c = row(candidate, known, targets[given], groups[given], files.n_classes)
                rows.append(measured)
                probe = fit_probe(known, targets[given], n_classes=files.n_classes, cs=[c])
                told = probe.scores(values[candidate][held]).argmax(axis=1)
                right[rows[-1].name] = float((told == targets[held]).mean())
            for rule, pick in RULES.items():
                regret[rule][name].append(100 * (max(right.values()) - right[pick(rows).name]))
    print(table(regret))


def table(regret: dict[str, dict[str, list[float]]]) -> str:
    """Mean regret of each rule on each set, the mean over the sets, and its spread over the splits."""
    lines = ["| rule | " + " | ".join(DATA_SETS) + " | mean | standard deviation of a split's mean |"]
    lines.append("|" + "---|" * (len(DATA_SETS) + 3))
    for rule, of in regret.items():
        each = np.array([of[name] for name in DATA_SETS])  # (sets, splits)
        mean = each.mean(axis=0)
        spread = f"{mean.std(ddof=1):.2f}" if len(mean) > 1 else ""
        cells = " | ".join(f"{value:.2f}" for value in (*each.mean(axis=1), mean.mean()))
        lines.append(f"| {rule} | {cells} | {spread} |")
    return "\n".join(lines)


def by_fine_tuning(root: Path, out: Path) -> None:
    """Fine-tune every candidate on the same images, then print the regret of every rule against the best."""
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(line["data"], line["backbone"], line["size"]): line["accuracy"] for line in lines}
    regret: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name in DATA_SETS:
        files = data.load(root / name)
        half = data.split(files, validation=0.0, test=0.5, seed=0)
        given, held = few(files, half.train, GIVEN, 1), few(files, half.test, HELD, 1)
        for backbone, size in CANDIDATES:
            if (name, backbone, size) not in done:
                right = fine_tuned(root, backbone, size, files.subset(given), files.subset(held))
                done[name, backbone, size] = right
                with out.open("a") as file:
                    file.write(json.dumps({"data": name, "backbone": backbone, "size": size, "accuracy": right}) + "\n")
        values, files = features(root, name)
        targets, groups = files.targets, np.array(files.hashes())
        rows = [
            row(candidate, values[candidate][given], targets[given], groups[given], files.n_classes)[0]
            for candidate in CANDIDATES
        ]
        best = max(done[name, backbone, size] for backbone, size in CANDIDATES)
        for rule, pick in RULES.items():
            chosen = pick(rows)
            regret[rule][name].append(100 * (best - done[name, chosen.backbone, chosen.input_size]))
        pair = Recommendation(rows, data="", labels=(), images=len(given)).to_fine_tune
        reached = max(done[name, chosen.backbone, chosen.input_size] for chosen in pair)
        regret["the better of zoo.recommend's two to fine-tune"][name].append(100 * (best - reached))
    print(table(regret))


def fine_tuned(root: Path, backbone: str, size: int, given: data.Dataset, held: data.Dataset) -> float:
    """Accuracy held back after fine-tuning."""
    head = zoo.classifier(list(given.labels))
    model = zoo.build(backbone, input_size=size, weights=weights(backbone, root), head=head)
    with tempfile.TemporaryDirectory() as scratch:
        model.fit(given, validation=0.0, recipe="lp-ft", epochs=EPOCHS, directory=f"{scratch}/run")
    network = model.composition
    scores = extract(
        network.scoring,
        held,
        np.arange(len(held)),
        intake=network.intake,
        cache=False,
    )
    right = float((scores.values.argmax(axis=1) == held.targets[scores.positions]).mean())
    del model, network
    keras.utils.clear_session()
    gc.collect()
    return right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--most", type=int, default=300)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--finetune", type=Path)
    asked = parser.parse_args()
    if asked.finetune:
        by_fine_tuning(asked.root, asked.finetune)
    else:
        by_halves(asked.root, asked.splits, asked.most, asked.first_seed)
