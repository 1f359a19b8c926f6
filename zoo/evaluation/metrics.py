"""The figures of an evaluation, computed from scores and targets; scikit-learn does the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError, OptionError
from zoo.evaluation.calibration import expected_calibration_error, reliability
from zoo.evaluation.result import (
    BoxEvaluation,
    ClassFigures,
    ClassificationEvaluation,
    Evaluation,
    LabelFigures,
    MultilabelEvaluation,
    MultiOutputEvaluation,
    OutputFigures,
    RegressionEvaluation,
)
from zoo.evaluation.uncertainty import RESAMPLES, Statistic, average_precisions, bootstrap, mean_of, wilson
from zoo.outputs import THRESHOLD as _THRESHOLD
from zoo.outputs import as_boxes, check_boxes, parts
from zoo.specs import Output, Task

_TOO_WIDE = 0.10
"""An interval of the accuracy wider than this gets a note: the set cannot tell models apart."""

_TOO_WIDE_SHARE = 0.20
"""The same for the mean absolute error, as a share of itself."""

_FEW = 30
"""With fewer examples the bootstrap is too narrow, whatever it says."""

_WORK = 50_000_000
"""Resamples times examples times labels, at most: seconds. There are never fewer than 200."""


def evaluate_scores(
    scores: np.ndarray,
    targets: np.ndarray,
    *,
    labels: Sequence[str] = (),
    ids: Sequence[str] = (),
    hashes: Sequence[str] = (),
    task: Task = "classification",
    skipped: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Measure what a model said against what is true.

    Args:
        scores: (n, k): probabilities 0..1 (each row adds up to 1 in a classification), or values for a regression.
        targets: int64 (n,) class indices; multi-hot (n, k); or values (n, k) or (n,).
        labels: names of the k outputs; their numbers if left out.
        ids: names of the n examples; their numbers if left out.
        hashes: of the content of the n examples, by which evaluations are compared; () where unknown.
        task: "classification", "multilabel", "regression" or "box".
        skipped: (id, reason) of examples that could not be read; kept as they are.
        notes: what a reader must know; kept, with more added (set too small, classes without examples).

    Returns:
        The evaluation of the task.

    Raises:
        DataError: nothing to measure, shapes that do not fit, NaN, scores that are no probabilities.
        OptionError: an unknown task.
    """
    if task not in _MEASURES:
        raise OptionError(f"there is no task {task!r}; tasks are {', '.join(_MEASURES)}")
    scores, targets = np.asarray(scores, dtype=np.float64), np.asarray(targets)
    if scores.ndim == 1 and task == "regression":
        scores = scores[:, None]
    if scores.ndim != 2 or 0 in scores.shape:
        raise DataError(
            f"nothing to measure: scores must have shape (n, k) with n and k at least 1; got {scores.shape}"
        )
    if len(targets) != len(scores):
        raise DataError(f"{len(scores)} rows of scores but {len(targets)} targets")
    bad = ~np.isfinite(scores).all(axis=1)
    if bad.any():
        raise DataError(f"{bad.sum()} of {len(scores)} rows of scores hold NaN or infinite values")
    labels = tuple(labels) or tuple(str(index) for index in range(scores.shape[1]))
    ids = tuple(ids) or tuple(str(index) for index in range(len(scores)))
    if len(labels) != scores.shape[1] or len(ids) != len(scores):
        raise DataError(f"scores of shape {scores.shape} do not fit {len(ids)} ids and {len(labels)} labels")
    if hashes and len(hashes) != len(scores):
        raise DataError(f"{len(scores)} rows of scores but {len(hashes)} hashes")
    common = {"labels": labels, "ids": ids, "hashes": tuple(hashes), "scores": scores, "skipped": tuple(skipped)}
    return _MEASURES[task](scores, targets, common, tuple(notes))


def evaluate_outputs(
    scores: np.ndarray,
    targets: np.ndarray,
    outputs: Sequence[Output],
    *,
    ids: Sequence[str] = (),
    hashes: Sequence[str] = (),
    skipped: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Measure a model with one or several answers.

    Args:
        scores: (n, columns): the answers side by side.
        targets: as `zoo.outputs.parts` takes them apart.
        outputs: the answers.
        ids: names of the n examples.
        hashes: of the content of the n examples.
        skipped: (id, reason) of examples that could not be read.
        notes: what a reader must know.

    Returns:
        The evaluation of the single answer, or of all.
    """
    common: dict[str, Any] = {"ids": ids, "hashes": hashes, "skipped": tuple(skipped), "notes": tuple(notes)}
    if len(outputs) == 1:
        return evaluate_scores(scores, targets, labels=outputs[0].labels, task=outputs[0].task, **common)
    answers = {
        output.name: evaluate_scores(own, true, labels=output.labels, ids=ids, hashes=hashes, task=output.task)
        for output, own, true in parts(outputs, scores, targets)
    }
    inner = [f"{name}: {note}" for name, answer in answers.items() for note in answer.notes]
    return MultiOutputEvaluation(
        labels=tuple(label for output in outputs for label in output.labels),
        ids=tuple(ids) or next(iter(answers.values())).ids,
        hashes=tuple(hashes),
        targets=targets,
        scores=np.asarray(scores, dtype=np.float64),
        skipped=common["skipped"],
        notes=(*common["notes"], *inner),
        answers=answers,
    )


def headline_of(
    scores: np.ndarray, targets: np.ndarray, outputs: Sequence[Output], scales: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """`headline` for one or several answers: the weighted sum of the losses, and each answer's metric.

    Args:
        scores: (n, columns).
        targets: as `zoo.outputs.parts` takes them apart.
        outputs: the answers.
        scales: name of each regression -> the unit of each of its values, in which its loss counts.
    """
    if len(outputs) == 1:
        return headline(scores, targets, task=outputs[0].task, scale=scales.get(outputs[0].name, 1.0))
    figures = {"loss": 0.0}
    for output, own, true in parts(outputs, scores, targets):
        for name, value in headline(own, true, task=output.task, scale=scales.get(output.name, 1.0)).items():
            if name == "loss":
                figures["loss"] += output.weight * value
            else:
                figures[f"{output.name}_{name}"] = value
    return figures


def headline(
    scores: np.ndarray, targets: np.ndarray, *, task: Task = "classification", scale: np.ndarray | float = 1.0
) -> dict[str, float]:
    """Loss and one metric, under the names that Keras uses in a history; fast enough for every epoch.

    Args:
        scores: as for `evaluate_scores`.
        targets: as for `evaluate_scores`.
        task: "classification": cross-entropy and accuracy; "multilabel": binary cross-entropy and the share of single
            labels right; "regression": mean square error in units of `scale`, and mean absolute error; "box": mean
            absolute error, twice.
        scale: unit of each value of a regression, in which its loss counts.

    Returns:
        `{"loss": ..., "accuracy": ...}`, or `{"loss": ..., "mae": ...}` for a regression.
    """
    scores, targets = np.asarray(scores, dtype=np.float64), np.asarray(targets)
    if task == "classification":
        true = _clipped(_normalized(scores))[np.arange(len(scores)), targets]
        return {"loss": float(-np.log(true).mean()), "accuracy": float((scores.argmax(axis=1) == targets).mean())}
    if task == "multilabel":
        right = (scores > _THRESHOLD) == (targets > _THRESHOLD)
        return {"loss": _binary_log_loss(scores, targets), "accuracy": float(right.mean())}
    difference = scores.reshape(len(scores), -1) - targets.reshape(len(targets), -1)
    if task == "box":
        return dict.fromkeys(("loss", "mae"), float(np.abs(difference).mean()))
    return {"loss": float(((difference / scale) ** 2).mean()), "mae": float(np.abs(difference).mean())}


def _classification(
    scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...]
) -> ClassificationEvaluation:
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    n, k = scores.shape
    if targets.ndim != 1 or not np.issubdtype(targets.dtype, np.integer):
        raise DataError(f"targets of a classification are class indices (n,); got {targets.shape} of {targets.dtype}")
    if targets.min() < 0 or targets.max() >= k:
        raise DataError(f"class indices must lie in 0..{k - 1}; found {int(targets.min())}..{int(targets.max())}")
    _require_probabilities(scores)
    if not np.allclose(scores.sum(axis=1), 1.0, atol=1e-3):
        raise DataError(
            "the scores of an example must add up to 1 in a classification; pass softmax outputs, not logits"
        )
    everything = list(range(k))
    predicted = scores.argmax(axis=1)
    confusion = confusion_matrix(targets, predicted, labels=everything)
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=everything, zero_division=np.nan
    )
    right = int(np.diag(confusion).sum())
    interval = wilson(right, n)
    labels = common["labels"]
    table = reliability(scores, targets)
    return ClassificationEvaluation(
        **common,
        targets=targets.astype(np.int64),
        notes=(*notes, *_too_small(n, interval, "accuracy"), *_without_examples(labels, support)),
        accuracy=right / n,
        interval=interval,
        error=1 - right / n,
        log_loss=float(log_loss(targets, _normalized(scores), labels=everything)) if k > 1 else 0.0,
        top5=top_k_share(scores, targets, 5) if k > 5 else None,
        balanced_accuracy=float(recall[support > 0].mean()),
        ece=expected_calibration_error(table),
        reliability=table,
        per_class=tuple(
            ClassFigures(
                label=label,
                precision=float(precision[index]),
                recall=float(recall[index]),
                f1=float(f1[index]),
                support=int(support[index]),
                predicted=int(confusion[:, index].sum()),
            )
            for index, label in enumerate(labels)
        ),
        confusion=confusion.astype(np.int64),
    )


def _multilabel(
    scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...]
) -> MultilabelEvaluation:
    from sklearn.metrics import average_precision_score, precision_recall_fscore_support

    if targets.shape != scores.shape or not np.isin(targets, (0, 1)).all():
        raise DataError(
            f"targets of a multilabel task are 0 or 1, in the shape of the scores {scores.shape}; "
            f"got shape {targets.shape} of {targets.dtype}"
        )
    _require_probabilities(scores)
    true, told = targets.astype(bool), scores > _THRESHOLD
    # scikit-learn takes a single label for two classes, no and yes.
    columns = range(scores.shape[1]) if scores.shape[1] > 1 else [1]
    precision, recall, f1, _ = precision_recall_fscore_support(true, told, labels=columns, zero_division=np.nan)
    support = true.sum(axis=0)
    labels = common["labels"]
    average = [
        float(average_precision_score(true[:, index], scores[:, index])) if support[index] else math.nan
        for index in range(len(labels))
    ]
    defined = [value for value in average if not math.isnan(value)]
    right = int((true == told).all(axis=1).sum())
    interval = wilson(right, len(scores))
    return MultilabelEvaluation(
        **common,
        targets=targets,
        notes=(*notes, *_too_small(len(scores), interval, "subset accuracy"), *_without_examples(labels, support)),
        subset_accuracy=right / len(scores),
        interval=interval,
        mean_average_precision=float(np.mean(defined)) if defined else math.nan,
        map_interval=bootstrap(mean_average_precision(scores, true), len(scores), resamples=_resamples(scores)),
        log_loss=_binary_log_loss(scores, targets),
        per_class=tuple(
            LabelFigures(
                label=label,
                average_precision=average[index],
                precision=float(precision[index]),
                recall=float(recall[index]),
                f1=float(f1[index]),
                support=int(support[index]),
            )
            for index, label in enumerate(labels)
        ),
    )


def _regression(
    scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...]
) -> RegressionEvaluation:
    from sklearn.metrics import mean_absolute_error, mean_squared_error

    values = targets.reshape(len(targets), -1).astype(np.float64)
    if values.shape != scores.shape:
        raise DataError(f"targets of shape {targets.shape} do not fit scores of shape {scores.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{(~np.isfinite(values).all(axis=1)).sum()} of {len(values)} targets are NaN or infinite")
    mae = mean_absolute_error(values, scores, multioutput="raw_values")
    mse = mean_squared_error(values, scores, multioutput="raw_values")
    labels = common["labels"]
    r2 = [_r2(values[:, index], scores[:, index]) for index in range(len(labels))]
    constant = [label for label, value in zip(labels, r2, strict=True) if math.isnan(value)]
    if constant:
        notes = (*notes, f"R2 is not defined for {', '.join(constant)}: all targets are the same")
    resamples = _resamples(scores)
    mae_interval, rmse_interval, r2_interval = (
        bootstrap(figure, len(scores), resamples=resamples)
        for figure in (
            mean_of(np.abs(scores - values).mean(axis=1)),
            _root(mean_of(((scores - values) ** 2).mean(axis=1))),
            _explained(scores, values),
        )
    )
    return RegressionEvaluation(
        **common,
        targets=values,
        notes=(*notes, *_too_small_for_errors(len(scores), float(mae.mean()), mae_interval)),
        mae=float(mae.mean()),
        mse=float(mse.mean()),
        rmse=math.sqrt(mse.mean()),
        r2=float(np.mean(r2)),
        mae_interval=mae_interval,
        rmse_interval=rmse_interval,
        r2_interval=(math.nan, math.nan) if constant else r2_interval,
        per_output=tuple(
            OutputFigures(label, float(mae[index]), math.sqrt(mse[index]), r2[index])
            for index, label in enumerate(labels)
        ),
    )


def top_k_share(scores: np.ndarray, targets: np.ndarray, k: int) -> float:
    """Share of the examples with the true class among the k of highest score; of equal ones the first counts first."""
    first = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((first == targets[:, None]).any(axis=1).mean())


def intersection_over_union(told: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Area of the intersection of boxes over the area of their union (Everingham et al. 2010, PASCAL VOC, section 4.2).

    Args:
        told: (n, 4), x_min, y_min, x_max, y_max; inside out counts as empty.
        true: (n, 4), with areas above 0.

    Returns:
        (n,), 0..1.
    """
    told, true = np.asarray(told, np.float64), np.asarray(true, np.float64)
    sides = np.minimum(told[:, 2:], true[:, 2:]) - np.maximum(told[:, :2], true[:, :2])
    common = np.clip(sides, 0, None).prod(axis=1)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (told, true)]
    return common / (areas[0] + areas[1] - common)


def _box(scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...]) -> BoxEvaluation:
    check_boxes(targets, "targets")
    told = as_boxes(scores)
    overlap = intersection_over_union(told, targets)
    right = int((overlap >= _THRESHOLD).sum())
    interval = wilson(right, len(scores))
    return BoxEvaluation(
        **common,
        targets=targets,
        notes=(*notes, *_too_small(len(scores), interval, "share of boxes that overlap by half")),
        mean_iou=float(overlap.mean()),
        iou_interval=bootstrap(mean_of(overlap), len(scores), resamples=_resamples(scores)),
        right=right / len(scores),
        interval=interval,
        mae=float(np.abs(told - targets).mean()),
    )


_MEASURES = {
    "classification": _classification,
    "multilabel": _multilabel,
    "regression": _regression,
    "box": _box,
}


def mean_average_precision(scores: np.ndarray, true: np.ndarray) -> Statistic:
    """The mean average precision as a figure to resample; labels that nothing drawn has are left out of the mean.

    Args:
        scores: (n, k).
        true: bool (n, k).
    """
    single = [average_precisions(scores[:, index], true[:, index]) for index in range(scores.shape[1])]

    def statistic(counts: np.ndarray) -> np.ndarray:
        values = np.stack([figure(counts) for figure in single], axis=1)
        defined = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            result: np.ndarray = np.where(defined, values, 0.0).sum(axis=1) / defined.sum(axis=1)
        return result

    return statistic


def _root(figure: Statistic) -> Statistic:
    return lambda counts: np.sqrt(figure(counts))


def _explained(scores: np.ndarray, targets: np.ndarray) -> Statistic:
    """R2, the mean over outputs; NaN where the targets drawn do not vary."""

    def statistic(counts: np.ndarray) -> np.ndarray:
        total = counts.sum(axis=1, keepdims=True)
        center = targets.mean(axis=0)  # near 0 the sums of squares keep their digits
        values = targets - center
        spread = counts @ values**2 - (counts @ values) ** 2 / total
        varies = spread > 1e-12 * (counts @ values**2)  # of one example drawn again and again rounding leaves a spread
        left = counts @ (scores - targets) ** 2 / np.where(varies, spread, np.nan)
        result: np.ndarray = (1 - left).mean(axis=1)
        return result

    return statistic


def _resamples(scores: np.ndarray) -> int:
    """How often to resample: as often as can be afforded."""
    return int(np.clip(_WORK // scores.size, 200, RESAMPLES))


def _r2(true: np.ndarray, told: np.ndarray) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(true, told)) if np.ptp(true) > 0 else math.nan


def _require_probabilities(scores: np.ndarray) -> None:
    if scores.min() < 0 or scores.max() > 1 + 1e-6:
        raise DataError(
            f"scores must be probabilities 0..1; found {scores.min():.3g}..{scores.max():.3g}. Pass the model's "
            "probabilities, not its logits"
        )


def _normalized(scores: np.ndarray) -> np.ndarray:
    """Rows that add up to 1 in float64: float32 rounding is not the model's error."""
    return scores / scores.sum(axis=1, keepdims=True)


def _clipped(probabilities: np.ndarray) -> np.ndarray:
    """Away from 0 and 1 by the rounding of float64, as scikit-learn's log_loss does."""
    tiny = np.finfo(np.float64).eps
    return np.clip(probabilities, tiny, 1 - tiny)


def _binary_log_loss(scores: np.ndarray, targets: np.ndarray) -> float:
    p = _clipped(scores)
    return float(-np.where(targets > _THRESHOLD, np.log(p), np.log1p(-p)).mean())


def _too_small(total: int, interval: tuple[float, float], figure: str) -> list[str]:
    low, high = interval
    if high - low <= _TOO_WIDE:
        return []
    return [
        f"only {total} examples: with 95 % confidence the {figure} lies between {low:.3f} and {high:.3f}, "
        "too wide to tell models apart that differ by less"
    ]


def _too_small_for_errors(total: int, mae: float, interval: tuple[float, float]) -> list[str]:
    low, high = interval
    if total >= _FEW and high - low <= _TOO_WIDE_SHARE * mae:
        return []
    if total < 2:
        return ["only 1 example: nothing can be said of how sure the figures are"]
    few = ", and so few give an interval that is itself too narrow" if total < _FEW else ""
    return [
        f"only {total} examples: with 95 % confidence the mean absolute error lies between {low:.4g} and {high:.4g}, "
        f"too wide to tell models apart that differ by less{few}"
    ]


def _without_examples(labels: tuple[str, ...], support: np.ndarray) -> list[str]:
    missing = [label for label, count in zip(labels, support, strict=True) if count == 0]
    if not missing:
        return []
    shown = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
    return [f"no examples of {len(missing)} of {len(labels)} labels ({shown}): means over labels leave them out"]
