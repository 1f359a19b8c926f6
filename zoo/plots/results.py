"""Figures of what came out: curves, confusion, the examples the model is most wrong about, values against truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.errors import DataError, OptionError
from zoo.evaluation import (
    BoxEvaluation,
    ClassificationEvaluation,
    Evaluation,
    MultilabelEvaluation,
    RegressionEvaluation,
)
from zoo.evaluation.uncertainty import wilson
from zoo.plots.style import COLORS, COLUMN, MAP, PAGE, colors, new, paper, short, tiles
from zoo.tasks import as_boxes

_NAMED = 20
"""Classes whose names and counts fit on a confusion matrix."""

_MOST_CLASSES = 100


@paper
def learning_curves(run: Any) -> Any:
    """Loss and headline figure by epoch, on training and held-out examples, a line between phases.

    Args:
        run: what `fit` gave: its `history` and `phases` are read. (The probe counts as one epoch.)

    Returns:
        A matplotlib Figure, one column wide.

    Raises:
        OptionError: the run has no history.
    """
    history: Mapping[str, Sequence[float]] = run.history
    names = curve_names(history)
    if not names:
        raise OptionError("the run has no history to draw")
    figure = new(COLUMN, 1.7 * len(names) + 0.3)
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    borders = boundaries(run.phases)
    for axes, name in zip(panels, names, strict=True):
        for key, label, color in ((name, "training", COLORS[0]), (f"val_{name}", "held out", COLORS[1])):
            values = np.array(history.get(key, ()), np.float64)
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, "o-" if len(values) < 20 else "-", color=color, label=label)
        for place in borders[:-1]:
            axes.axvline(place[1] + 0.5, color="0.6", lw=0.8, ls=":")
        axes.set_ylabel(name.replace("_", " "))
        axes.margins(x=0.06, y=0.12)
    if len(borders) > 1:
        for name, last, first in borders:
            panels[0].annotate(
                short(name, 14),
                ((first + last) / 2, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    if any(key.startswith("val_") for key in history):
        panels[0].legend()
    return figure


def curve_names(history: Mapping[str, Sequence[float]]) -> list[str]:
    """The figures of a history that have a panel: the loss first, then those that the task has."""
    shown = [name for name in history if not name.startswith("val_") and not name.startswith("learning_rate")]
    return sorted(shown, key=lambda name: name != "loss")[:3]


def boundaries(phases: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """(name, last epoch, first epoch) of every phase that has epochs, epochs numbered from 1 through all phases."""
    ends, done = [], 0
    for phase in phases:
        epochs = int(phase.get("epochs_done", phase.get("epochs", 1) if "solver" in phase else 0))
        if epochs:
            ends.append((str(phase["name"]), done + epochs, done + 1))
            done += epochs
    return ends


@paper
def confusion_matrix(evaluation: ClassificationEvaluation) -> Any:
    """Which class was predicted for which: true class down, predicted class across.

    Color is the share of the true class, so that rare classes show as well as frequent ones; the numbers are counts.
    With more than 20 classes neither names nor numbers fit, and the colors alone are shown.

    Args:
        evaluation: of a classification.

    Returns:
        A matplotlib Figure.

    Raises:
        AttributeError: the evaluation is of another task.
    """
    counts = np.asarray(evaluation.confusion)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    side = COLUMN if len(counts) <= 10 else min(0.36 * len(counts), PAGE) if len(counts) <= _NAMED else COLUMN
    figure = new(side, side * 0.95)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap=MAP, vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(counts) <= _NAMED:
        names = [short(label, 16) for label in evaluation.labels]
        axes.set_xticks(range(len(counts)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(counts)), names)
        for row, column in np.ndindex(counts.shape):
            if counts[row, column]:
                color = "black" if shares[row, column] > 0.55 else "white"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=7)
    axes.tick_params(length=0)
    return figure


@paper
def most_confused(evaluation: ClassificationEvaluation, k: int = 8) -> Any:
    """Which class is most often predicted for which.

    Args:
        evaluation: of a classification.
        k: pairs at most.

    Returns:
        A matplotlib Figure, one column wide.

    Raises:
        OptionError: nothing was confused.
    """
    pairs = evaluation.confused_pairs(k)
    if not pairs:
        raise OptionError(f"all {evaluation.count} examples are right: nothing was confused")
    figure = new(COLUMN, 0.24 * len(pairs) + 0.5)
    axes = figure.add_subplot()
    places = np.arange(len(pairs))
    axes.barh(places, [count for _, _, count, _ in pairs], color=COLORS[0], height=0.7)
    axes.set_yticks(places, [f"{short(true, 14)} as {short(predicted, 14)}" for true, predicted, _, _ in pairs])
    axes.invert_yaxis()
    for place, (_, _, count, total) in zip(places, pairs, strict=True):
        axes.annotate(
            f"{count} of {total}", (count, place), (3, 0), textcoords="offset points", va="center", fontsize=7
        )
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("examples")
    axes.tick_params(axis="y", length=0)
    return figure


@paper
def reliability_diagram(
    evaluation: ClassificationEvaluation, calibrated: ClassificationEvaluation | None = None
) -> Any:
    """How often the model is right, by how sure it is; where its probabilities mean what they say, on the line.

    Each point is a bin of `evaluation.reliability` that has examples, with Wilson's 95 % interval of its share right;
    below, how many examples each bin has. After DeGroot and Fienberg, "The comparison and evaluation of forecasters",
    The Statistician 32 (1983) 12-22.

    Args:
        evaluation: of a classification.
        calibrated: the same examples at a temperature, as `run.calibrate().after` has them; drawn beside.

    Returns:
        A matplotlib Figure, one column wide.

    Raises:
        AttributeError: the evaluation is of another task.
    """
    shown = [("as it is", evaluation, COLORS[0], "o")]
    shown += [] if calibrated is None else [("calibrated", calibrated, COLORS[1], "s")]
    figure = new(COLUMN, COLUMN * 1.1)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color="0.6", lw=0.8, zorder=1)
    for label, one, color, mark in shown:
        bins = [row for row in one.reliability if row.count]
        sure, right = np.array([(row.confidence, row.accuracy) for row in bins]).T
        ends = np.array([wilson(row.accuracy * row.count, row.count) for row in bins]).T
        apart = np.clip([right - ends[0], ends[1] - right], 0, None)
        upper.errorbar(sure, right, apart, fmt=mark, color=color, lw=0.8, label=f"{label}: error {one.ece:.3f}")
        edges = [one.reliability[0].low, *(row.high for row in one.reliability)]
        lower.stairs([row.count for row in one.reliability], edges, color=color, fill=one is evaluation, lw=1.0)
    upper.set_ylabel("share right")
    upper.set_ylim(-0.03, 1.03)
    lower.set_ylabel("examples")
    lower.set_xlabel("probability of the answer")
    lower.set_xlim(1 / len(evaluation.labels) - 0.02, 1.02)  # the highest of k probabilities is 1 / k at least
    lower.yaxis.get_major_locator().set_params(integer=True, nbins=2)
    upper.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)
    return figure


@paper
def precision_recall(evaluation: MultilabelEvaluation, k: int = 7) -> Any:
    """What each label costs: the share of predictions that is right, by the share that is found, at all thresholds.

    Args:
        evaluation: of several labels.
        k: labels at most, those with the lowest average precision first: there are seven colors.

    Returns:
        A matplotlib Figure, one column wide; the dot is the threshold 0.5.

    Raises:
        OptionError: the evaluation is of another task, or no example has a label.
    """
    from sklearn.metrics import precision_recall_curve

    if not isinstance(evaluation, MultilabelEvaluation):
        raise OptionError(f"precision and recall by threshold are of several labels; this is a {evaluation.task} task")
    rows = [(row, number) for number, row in enumerate(evaluation.per_class) if row.support]
    if not rows:
        raise OptionError("no example has a label: there is nothing to find")
    rows = sorted(rows, key=lambda item: item[0].average_precision)[:k]
    figure = new(COLUMN, COLUMN * 0.9)
    axes = figure.add_subplot()
    for (row, number), color in zip(rows, colors(len(rows)), strict=True):
        right, recall, _ = precision_recall_curve(evaluation.targets[:, number], evaluation.scores[:, number])
        label = f"{short(row.label, 16)} {row.average_precision:.2f}"
        axes.step(recall, right, where="post", color=color, lw=1.0, label=label)
        if not math.isnan(row.precision):
            axes.plot(row.recall, row.precision, "o", color=color)
    axes.set_xlabel("share found (recall)")
    axes.set_ylabel("share right of those predicted (precision)")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    axes.legend(loc="lower left")
    return figure


@paper
def overlaps(evaluation: BoxEvaluation) -> Any:
    """How many boxes overlap the true one by how much (intersection over union); from half on they count as right.

    Args:
        evaluation: of a box.

    Returns:
        A matplotlib Figure, one column wide.

    Raises:
        OptionError: the evaluation is of another task.
    """
    if not isinstance(evaluation, BoxEvaluation):
        raise OptionError(f"overlaps are of boxes; this is an evaluation of a {evaluation.task} task")
    figure = new(COLUMN, 1.7)
    axes = figure.add_subplot()
    counts, edges = np.histogram(1 - evaluation.example_losses(), bins=20, range=(0, 1))
    axes.stairs(counts, edges, color=COLORS[0], fill=True)
    axes.axvline(0.5, color="0.6", lw=0.8, ls=":")
    axes.set_xlim(0, 1)
    axes.set_xlabel("overlap with the true box")
    axes.set_ylabel("examples")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return figure


@paper
def top_losses(evaluation: Evaluation, data: Any, k: int = 9) -> Any:
    """The examples that the model is most wrong about, with what is true and what it said.

    Args:
        evaluation: of one answer; with its examples.
        data: where its pictures are, as for `evaluate`.
        k: pictures at most.

    Returns:
        A matplotlib Figure, a page wide. Boxes are drawn: the true one in blue, the predicted one in orange.

    Raises:
        DataError: the pictures of the evaluation are not in the data.
        OptionError: nothing is wrong, or the evaluation has several answers.
    """
    rows = evaluation.worst_rows(k)
    if not rows:
        raise OptionError(f"all {evaluation.count} examples are right: there is none to show")
    dataset = data_room.load(data)
    place = {name: index for index, name in enumerate(dataset.ids)}
    lost = [evaluation.ids[row] for row in rows if evaluation.ids[row] not in place]
    if lost:
        raise DataError(f"{lost[0]!r} and {len(lost) - 1} more of the evaluation are not in {dataset.name}")
    figure, axes = tiles(len(rows), across=3, width=PAGE, extra=0.4, aspect=0.75)
    for single, row in zip(axes, rows, strict=True):
        picture = dataset.image(place[evaluation.ids[row]])
        true, predicted = evaluation.in_words(row)
        single.imshow(picture)
        if isinstance(evaluation, BoxEvaluation):
            draw_box(single, evaluation.targets[row], picture.shape, COLORS[0])
            draw_box(single, as_boxes(evaluation.scores[row][None])[0], picture.shape, COLORS[1])
        single.set_title(f"{short(predicted, 30)}\nis {short(true, 30)}", loc="left")
    return figure


def draw_box(axes: Any, box: Sequence[float], shape: Sequence[int], color: str) -> None:
    """A box (shares of width and height) on a picture."""
    from matplotlib.patches import Rectangle

    height, width = shape[:2]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    axes.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, ec=color, lw=1.5))


@paper
def predicted_against_true(evaluation: Evaluation, output: int = 0) -> Any:
    """Values predicted against true values; on the line they are equal.

    Args:
        evaluation: of a regression.
        output: which of its values.

    Returns:
        A matplotlib Figure, one column wide.

    Raises:
        OptionError: the evaluation is of another task, or has no such value.
    """
    if not isinstance(evaluation, RegressionEvaluation) or not 0 <= output < len(evaluation.labels):
        raise OptionError(f"this evaluation of a {evaluation.task} task has no value number {output}")
    true, predicted = evaluation.targets.reshape(evaluation.scores.shape)[:, output], evaluation.scores[:, output]
    figure = new(COLUMN, COLUMN * 0.9)
    axes = figure.add_subplot()
    low, high = float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))
    axes.plot([low, high], [low, high], color="0.6", lw=0.8, zorder=1)
    axes.scatter(true, predicted, s=10, color=COLORS[0], alpha=min(1.0, 0.25 + 40 / len(true)), lw=0, zorder=2)
    axes.set_xlabel(f"true {short(evaluation.labels[output])}")
    axes.set_ylabel(f"predicted {short(evaluation.labels[output])}")
    axes.set_aspect("equal", adjustable="datalim")
    return figure
