"""The figures of a run in words: how good, how sure, where it fails, what to try next."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from zoo.data import is_table
from zoo.evaluation import (
    BoxEvaluation,
    ClassificationEvaluation,
    Evaluation,
    MultilabelEvaluation,
    MultiOutputEvaluation,
    RegressionEvaluation,
)
from zoo.tasks import intersection_over_union, of

SURE = 0.9
"""A mistake at this probability or above is one to look at: the photo is odd, or its label is wrong."""

_WIDE = 0.10
"""An interval of a share wider than this says little."""

_LITTLE_LEFT = 0.98
_GAP = 0.10
"""So much better on what it was trained on: it has learned those examples by heart."""

_BY_HEART = 0.5
"""So much smaller an error on what it was trained on than on others."""

_UNEVEN = 5
"""The largest class has so many times the examples of the smallest."""


@dataclass(frozen=True)
class Verdict:
    """What a reader wants to know first; sentences.

    Attributes:
        good: how good it is, and beside what.
        sure: how sure that is.
        fails: where it fails.
        next: what to try, the most promising first; with what to type.
    """

    good: tuple[str, ...]
    sure: tuple[str, ...]
    fails: tuple[str, ...]
    next: tuple[str, ...]


def verdict(evaluation: Evaluation, record: Mapping[str, Any], split: str) -> Verdict:
    """The verdict on a run.

    Args:
        evaluation: on examples held out, with its examples.
        record: the content of run.json.
        split: "validation" or "test": which examples.
    """
    good, sure, fails = _words(evaluation)
    if split == "validation" and _was_chosen_on(record):
        sure.append(
            "The epoch that was kept was chosen by these same examples, so the figures are a little too good: "
            "test=0.2 holds out others that nothing is chosen by."
        )
    return Verdict(tuple(good), tuple(sure), tuple(fails), tuple(_next(evaluation, record)))


def _was_chosen_on(record: Mapping[str, Any]) -> bool:
    phases = record["recipe"]["phases"]
    return any(phase["solver"] == "gradient" and (phase["patience"] or phase["keep"] == "best") for phase in phases)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _share_sure(interval: tuple[float, float], count: int) -> list[str]:
    low, high = interval
    lines = [f"With {count} examples the true share lies between {_percent(low)} and {_percent(high)} (95 % interval)."]
    if high - low > _WIDE:
        lines.append(
            "That is wide: a model whose figure differs by a few points from this one cannot be told from it on so few."
        )
    return lines


Words = tuple[list[str], list[str], list[str]]


@singledispatch
def _words(evaluation: Evaluation) -> Words:
    """How good, how sure, and where it fails."""
    raise TypeError(f"there are no words for {type(evaluation).__name__}")


@_words.register
def _(evaluation: MultiOutputEvaluation) -> Words:
    parts: Words = ([], [], [])
    for name, answer in evaluation.answers.items():
        for lines, own in zip(parts, _words(answer), strict=True):
            lines += [line if line.startswith(f"{name}: ") else f"{name}: {line}" for line in own]
    return parts


@_words.register
def _(evaluation: ClassificationEvaluation) -> Words:
    counts = np.asarray(evaluation.confusion)
    support = counts.sum(axis=1)
    most = int(support.argmax())
    good = [
        f"Right on {_percent(evaluation.accuracy)} of {evaluation.count} examples it was not trained on. Always saying "
        f"{evaluation.labels[most]!r} would be right on {_percent(support[most] / support.sum())}."
    ]
    sure = _share_sure(evaluation.interval, evaluation.count)
    confidence = float(evaluation.scores.max(axis=1).mean())
    gap = confidence - evaluation.accuracy
    if abs(gap) > 0.05:
        sure.append(
            f"Its probabilities are too {'high' if gap > 0 else 'low'}: {_percent(confidence)} on average, where it is "
            f"right on {_percent(evaluation.accuracy)}."
        )
    fails = []
    recall = np.divide(np.diag(counts), support, out=np.full(len(counts), np.nan), where=support > 0)
    if np.nanmin(recall) == 1:
        return good, sure, ["Nowhere, on these examples."]
    worst = int(np.nanargmin(recall))
    fails.append(f"{evaluation.labels[worst]!r} is found least: {counts[worst, worst]} of {support[worst]}.")
    wrong = counts - np.diag(np.diag(counts))
    true, told = map(int, np.unravel_index(int(wrong.argmax()), wrong.shape))
    if wrong[true, told] > 1 or wrong.sum() == 1:
        fails.append(
            f"Most often {evaluation.labels[true]!r} is taken for {evaluation.labels[told]!r}: {wrong[true, told]} of "
            f"{support[true]}."
        )
    certain = evaluation.confident_mistakes(SURE)
    if certain:
        fails.append(f"{_many(certain, 'mistake')} made with a probability of {SURE} or more.")
    return good, sure, fails


def _many(count: int, thing: str) -> str:
    return f"{count} {thing} was" if count == 1 else f"{count} {thing}s were"


@_words.register
def _(evaluation: MultilabelEvaluation) -> Words:
    rows = [row for row in evaluation.per_class if not math.isnan(row.average_precision)]
    sure = _share_sure(evaluation.interval, evaluation.count)
    if not rows:
        none = f"None of the {evaluation.count} examples has a label, so that nothing is known of finding one."
        return [f"{none} No label was told on {_percent(evaluation.subset_accuracy)} of them."], sure, []
    good = [
        f"Mean average precision {evaluation.mean_average_precision:.3f} over {len(evaluation.labels)} labels; every "
        f"label is right on {_percent(evaluation.subset_accuracy)} of {evaluation.count} examples it was not trained "
        "on."
    ]
    common = np.asarray(evaluation.targets).mean(axis=0)
    good.append(f"By chance the mean average precision would be {common[common > 0].mean():.3f}.")
    worst = min(rows, key=lambda row: row.average_precision)
    sure = _share_sure(evaluation.interval, evaluation.count)
    low, high = evaluation.map_interval
    if not math.isnan(low):
        sure.insert(0, f"The mean average precision lies between {low:.3f} and {high:.3f} (95 % interval).")
    fails = [f"{worst.label!r} is told worst: average precision {worst.average_precision:.3f}."]
    missed = min(rows, key=lambda row: row.recall if not math.isnan(row.recall) else 2)
    if missed.recall < 1:
        fails.append(
            f"{missed.label!r} is missed most often: found on {_percent(missed.recall)} of those that have it."
        )
    return good, sure, fails


@_words.register
def _(evaluation: RegressionEvaluation) -> Words:
    true = np.asarray(evaluation.targets, np.float64).reshape(evaluation.scores.shape)
    good, fails = [], []
    for place, row in enumerate(evaluation.per_output):
        values = true[:, place]
        what = "The value" if row.label == "0" else row.label
        plain = np.abs(values - values.mean()).mean()
        explained = "" if math.isnan(row.r2) else f" It explains {_percent(max(row.r2, 0.0))} of the variance."
        good.append(
            f"{what}: off by {row.mae:.4g} on average, on {evaluation.count} examples it was not trained on. Always "
            f"saying the mean would be off by {plain:.4g}.{explained}"
            + (" So it has learned nothing that holds for others." if row.mae >= plain > 0 else "")
        )
        fails.append(f"{what}: {_worst_range(values, evaluation.scores[:, place])}")
    low, high = evaluation.mae_interval
    sure = (
        [] if math.isnan(low) else [f"The mean absolute error lies between {low:.4g} and {high:.4g} (95 % interval)."]
    )
    sure.append(_spread(evaluation.example_losses()))
    return good, sure, fails


def _spread(losses: np.ndarray) -> str:
    tenth = max(len(losses) // 10, 1)
    share = np.sort(losses)[-tenth:].sum() / max(losses.sum(), 1e-12)
    return f"The worst tenth of the examples makes {_percent(float(share))} of the error."


def _worst_range(values: np.ndarray, told: np.ndarray) -> str:
    """The third of the values, by size, with the largest error, and to which side it errs."""
    order = np.argsort(values, kind="stable")
    thirds = [rows for rows in np.array_split(order, 3) if len(rows)]
    rows = max(thirds, key=lambda some: float(np.abs(told[some] - values[some]).mean()))
    errors = told[rows] - values[rows]
    mean, bias = float(np.abs(errors).mean()), float(errors.mean())
    side = "" if abs(bias) < 0.5 * mean else f", mostly too {'high' if bias > 0 else 'low'}"
    return (
        f"worst between {values[rows].min():.4g} and {values[rows].max():.4g}, where it is off by {mean:.4g} on "
        f"average{side}."
    )


@_words.register
def _(evaluation: BoxEvaluation) -> Words:
    always = np.tile(evaluation.targets.mean(axis=0), (evaluation.count, 1))
    plain = float(intersection_over_union(always, evaluation.targets).mean())
    good = [
        f"The box told overlaps the true one by {_percent(evaluation.mean_iou)} on average (intersection over union), "
        f"by at least half on {_percent(evaluation.right)} of {evaluation.count} examples it was not trained on. "
        f"Always saying the mean box would overlap by {_percent(plain)}."
    ]
    low, high = evaluation.iou_interval
    sure = _share_sure(evaluation.interval, evaluation.count)
    if not math.isnan(low):
        sure.insert(0, f"The mean overlap lies between {_percent(low)} and {_percent(high)} (95 % interval).")
    lost = int((evaluation.example_losses() >= 1).sum())
    fails = [f"{_many(lost, 'box').replace('boxs', 'boxes')} beside the object altogether." if lost else ""]
    corners = np.abs(evaluation.scores - evaluation.targets).mean(axis=0)
    edge = ("left", "upper", "right", "lower")[int(corners.argmax())]
    fails.append(f"The {edge} edge is off most: by {_percent(float(corners.max()))} of the picture on average.")
    return good, sure, [line for line in fails if line]


def _next(evaluation: Any, record: Mapping[str, Any]) -> list[str]:
    """What to try, by what the figures show; a folder or name by a command, a table or arrays in Python."""
    source = record["config"]["data"]["source"]
    typed = source is not None and not is_table(source)  # of a table the command would have to name the columns too

    def code(command: str, python: str) -> str:
        return f"`{command.replace('DATA', shlex.quote(source))}`" if typed else f"`{python}`"

    single = isinstance(evaluation, ClassificationEvaluation)
    tuned = [phase for phase in record["phases"] if phase.get("stages")]
    figure = _headline(evaluation)
    trained, held_out = _last(record["history"], "accuracy"), _last(record["history"], "val_accuracy")
    by_heart = trained is not None and held_out is not None and trained - held_out > _GAP
    error, held_error = _last(record["history"], "mae"), _last(record["history"], "val_mae")
    lines = []
    faults = [finding for finding in (record.get("lint") or {}).get("findings", ()) if finding["severity"] == "error"]
    if faults:
        lines.append(
            f"Mend the data first: {faults[0]['message']}. {code('zoo lint DATA', 'zoo.lint(data)')} says more."
        )
    if figure is not None and figure >= _LITTLE_LEFT:
        lines.append("Little is left to gain on examples like these: measure it on photos from elsewhere.")
    if single and evaluation.confident_mistakes(SURE) >= 3:
        doubt = code("zoo lint DATA", "zoo.lint(data)")
        lines.append(f"Look at the sure mistakes below for wrong labels; {doubt} doubts others.")
    if by_heart:
        augmented = code("zoo fit DATA --augment flip,rotation", 'zoo.build(..., augment=["flip", "rotation"])')
        lines.append(
            f"On what it was trained on it is right on {_percent(trained or 0)}: it knows those by heart. More photos "
            f"help most, then augmentation: {augmented}."
        )
    if error is not None and held_error is not None and error < _BY_HEART * held_error:
        lines.append(
            f"On what it was trained on it is off by {error:.3g}, on others by {held_error:.3g}: it knows those by "
            "heart. More examples help most."
        )
    answers = list(evaluation.answers.values()) if isinstance(evaluation, MultiOutputEvaluation) else [evaluation]
    if not all(of(answer).by_label for answer in answers) and record["model"]["features"] == "avg":
        lines.append(
            "The mean over the last map forgets where things lie and how they are turned: "
            '`zoo.build(..., features="stage2:gem")` keeps more of it.'
        )
    if not tuned and (figure is None or figure < _LITTLE_LEFT):
        tune = code("zoo fit DATA --recipe lp-ft", 'model.fit(data, recipe="lp-ft")')
        lines.append(f"The base stayed frozen. Fine-tune its last stage: {tune}.")
    if single:
        support = np.asarray(evaluation.confusion).sum(axis=1)
        if support.min() * _UNEVEN < support.max():
            weighted = code("zoo fit DATA --class-weight balanced", 'model.fit(data, class_weight="balanced")')
            lines.append(f"Classes are uneven: {weighted} gives rare ones their due.")
    if single and evaluation.interval[1] - evaluation.interval[0] > _WIDE:
        lines.append("Hold out more examples (validation=0.3), so that figures tell models apart.")
    if single and (figure is None or figure < _LITTLE_LEFT):
        better = code("zoo recommend DATA", "zoo.recommend(data)")
        lines.append(f"Another backbone may suit these photos better: {better} measures that.")
    if not single:
        lines.append("More examples where it fails help most; then a larger input_size, since small things may decide.")
    return lines[:3]


def _headline(evaluation: Evaluation) -> float | None:
    if isinstance(evaluation, MultiOutputEvaluation) or not evaluation.headline.larger_is_better:
        return None
    return evaluation.headline.value


def _last(history: Mapping[str, Sequence[float]], name: str) -> float | None:
    values = history.get(name)
    return float(values[-1]) if values else None
