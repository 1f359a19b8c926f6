"""An evaluation in sentences, by task: how good, how sure, where it fails."""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from zoo.evaluation import (
    BoxEvaluation,
    ClassificationEvaluation,
    Evaluation,
    MultilabelEvaluation,
    MultiOutputEvaluation,
    RegressionEvaluation,
    quoted,
)
from zoo.evaluation.of_boxes import EDGES
from zoo.tasks import intersection_over_union

SURE = 0.9
"""A mistake at this probability or above is one to look at: the photo is odd, or its label is wrong."""

WIDE = 0.10
"""An interval of a share wider than this says little."""

_OFF = 0.05
"""Confidence further than this from accuracy is worth a sentence."""

Words = tuple[list[str], list[str], list[str]]
"""Sentences: how good, how sure, where it fails."""


@singledispatch
def words(evaluation: Evaluation) -> Words:
    """Return sentences: how good, how sure, and where it fails."""
    raise TypeError(f"there are no words for {type(evaluation).__name__}")


@words.register
def _of_several(evaluation: MultiOutputEvaluation) -> Words:
    parts: Words = ([], [], [])
    for name, answer in evaluation.answers.items():
        for lines, own in zip(parts, words(answer), strict=True):
            lines += [line if line.startswith(f"{name}: ") else f"{name}: {line}" for line in own]
    return parts


@words.register
def _of_classes(evaluation: ClassificationEvaluation) -> Words:
    support = np.asarray(evaluation.confusion).sum(axis=1)
    most = int(support.argmax())
    good = [
        f"Right on {percent(evaluation.accuracy)} of {evaluation.count} examples it was not trained on. Always saying "
        f"{quoted(evaluation.labels[most])} would be right on {percent(support[most] / support.sum())}."
    ]
    sure = _share_sure(evaluation.interval, evaluation.count)
    confidence = float(evaluation.scores.max(axis=1).mean())
    gap = confidence - evaluation.accuracy
    if abs(gap) > _OFF:
        sure.append(
            f"It is {'overconfident' if gap > 0 else 'underconfident'}: on average {percent(confidence)} sure, but "
            f"right {percent(evaluation.accuracy)} of the time."
        )
    return good, sure, _failing_classes(evaluation)


def _failing_classes(evaluation: ClassificationEvaluation) -> list[str]:
    if evaluation.right.all():
        return ["Nowhere, on these examples."]
    counts = np.asarray(evaluation.confusion)
    support, hits = counts.sum(axis=1), np.diag(counts)
    recall = np.divide(hits, support, out=np.full(len(counts), np.nan), where=support > 0)
    worst = int(np.nanargmin(recall))
    lines = [f"Weakest class: {quoted(evaluation.labels[worst])} ({hits[worst]} of {support[worst]} found)."]
    mistakes = int(counts.sum() - hits.sum())
    for true, predicted, count, total in evaluation.confused_pairs(1):
        if count > 1 or mistakes == 1:
            lines.append(f"Most often {quoted(true)} is predicted as {quoted(predicted)}: {count} of {total}.")
    certain = evaluation.confident_mistakes(SURE)
    if certain:
        lines.append(f"It was at least {100 * SURE:.0f} % sure of {certain} of its mistakes.")
    return lines


@words.register
def _of_labels(evaluation: MultilabelEvaluation) -> Words:
    rows = [row for row in evaluation.per_class if not math.isnan(row.average_precision)]
    sure = _share_sure(evaluation.interval, evaluation.count)
    if not rows:
        none = f"None of the {evaluation.count} examples has a label, so nothing is known of finding one."
        return [f"{none} No label was predicted for {percent(evaluation.subset_accuracy)} of them."], sure, []
    common = np.asarray(evaluation.targets).mean(axis=0)
    good = [
        f"Mean average precision {evaluation.mean_average_precision:.3f} over {len(evaluation.labels)} labels; every "
        f"label is right on {percent(evaluation.subset_accuracy)} of {evaluation.count} examples it was not trained "
        "on.",
        f"By chance the mean average precision would be {common[common > 0].mean():.3f}.",
    ]
    low, high = evaluation.map_interval
    if not math.isnan(low):
        sure.insert(0, f"The mean average precision lies between {low:.3f} and {high:.3f} (95 % interval).")
    worst = min(rows, key=lambda row: row.average_precision)
    fails = [f"Weakest label: {quoted(worst.label)} (average precision {worst.average_precision:.3f})."]
    missed = min(rows, key=lambda row: row.recall if not math.isnan(row.recall) else 2)
    if missed.recall < 1:
        share = percent(missed.recall)
        fails.append(f"{quoted(missed.label)} is missed most often: found on {share} of the examples that have it.")
    return good, sure, fails


@words.register
def _of_values(evaluation: RegressionEvaluation) -> Words:
    true = np.asarray(evaluation.targets, np.float64).reshape(evaluation.scores.shape)
    good, fails = [], []
    for place, row in enumerate(evaluation.per_output):
        values = true[:, place]
        what = "The value" if row.label == "0" else row.label
        plain = np.abs(values - values.mean()).mean()
        explained = "" if math.isnan(row.r2) else f" It explains {percent(max(row.r2, 0.0))} of the variance."
        good.append(
            f"{what}: off by {row.mae:.4g} on average, on {evaluation.count} examples it was not trained on. Always "
            f"saying the mean would be off by {plain:.4g}.{explained}"
            + (" So it has learned nothing that generalizes." if row.mae >= plain > 0 else "")
        )
        fails.append(f"{what}: {_worst_range(values, evaluation.scores[:, place])}")
    low, high = evaluation.mae_interval
    sure = (
        [] if math.isnan(low) else [f"The mean absolute error lies between {low:.4g} and {high:.4g} (95 % interval)."]
    )
    sure.append(_spread(evaluation.example_losses()))
    return good, sure, fails


@words.register
def _of_boxes(evaluation: BoxEvaluation) -> Words:
    always = np.tile(evaluation.targets.mean(axis=0), (evaluation.count, 1))
    plain = float(intersection_over_union(always, evaluation.targets).mean())
    good = [
        f"The predicted box overlaps the true one by {percent(evaluation.mean_iou)} on average (intersection over "
        f"union), by at least half on {percent(evaluation.right)} of {evaluation.count} examples it was not trained "
        f"on. Always saying the mean box would overlap by {percent(plain)}."
    ]
    sure = _share_sure(evaluation.interval, evaluation.count)
    low, high = evaluation.iou_interval
    if not math.isnan(low):
        sure.insert(0, f"The mean overlap lies between {percent(low)} and {percent(high)} (95 % interval).")
    lost = int((evaluation.example_losses() >= 1).sum())
    fails = [f"{lost} box{' misses' if lost == 1 else 'es miss'} the object entirely."] if lost else []
    corners = np.abs(evaluation.scores - evaluation.targets).mean(axis=0)
    off = percent(float(corners.max()))
    fails.append(f"The {EDGES[int(corners.argmax())]} edge is off most: by {off} of the picture on average.")
    return good, sure, fails


def _share_sure(interval: tuple[float, float], count: int) -> list[str]:
    low, high = interval
    lines = [f"With {count} examples the true share lies between {percent(low)} and {percent(high)} (95 % interval)."]
    if high - low > WIDE:
        lines.append("With so few examples a difference of a few points means nothing.")
    return lines


def _spread(losses: np.ndarray) -> str:
    tenth = max(len(losses) // 10, 1)
    share = np.sort(losses)[-tenth:].sum() / max(losses.sum(), 1e-12)
    return f"The worst tenth of the examples makes {percent(float(share))} of the error."


def _worst_range(values: np.ndarray, predicted: np.ndarray) -> str:
    """The third of the values, by size, with the largest error, and to which side it errs."""
    order = np.argsort(values, kind="stable")
    thirds = [rows for rows in np.array_split(order, 3) if len(rows)]
    rows = max(thirds, key=lambda some: float(np.abs(predicted[some] - values[some]).mean()))
    errors = predicted[rows] - values[rows]
    mean, bias = float(np.abs(errors).mean()), float(errors.mean())
    side = "" if abs(bias) < 0.5 * mean else f", mostly too {'high' if bias > 0 else 'low'}"
    return (
        f"worst between {values[rows].min():.4g} and {values[rows].max():.4g}, where it is off by {mean:.4g} on "
        f"average{side}."
    )


def percent(share: float) -> str:
    """Return a share in hundredths; "-" for NaN."""
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"
