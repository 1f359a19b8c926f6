"""Evaluations of different models, brought to the same order of examples and labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError, OptionError
from zoo.evaluation import Evaluation, MultiOutputEvaluation, evaluate_scores, quoted


def aligned(evaluations: dict[str, Evaluation], *, answer: str | None = None) -> dict[str, Evaluation]:
    """Return the same evaluations with examples and labels in the order of the first.

    Examples are the same if their content is, whatever they are called; where that is not known, if their names are.

    Args:
        evaluations: name of the model -> its evaluation.
        answer: which of several answers to compare.

    Raises:
        DataError: they were not measured on the same examples, or these have other labels or targets.
        OptionError: several answers, and none was named.
    """
    ordered = {name: _answer(name, evaluation, answer) for name, evaluation in evaluations.items()}
    (first_name, first), *others = ordered.items()
    by_content = all(evaluation.hashes for evaluation in ordered.values())
    keys = _keys(first, by_content)
    for name, evaluation in others:
        _check_same_question(first_name, first, name, evaluation)
        row_of = {key: row for row, key in enumerate(_keys(evaluation, by_content))}
        common = sum(key in row_of for key in keys)
        if common < len(keys) or len(row_of) > len(keys):
            raise DataError(
                f"{first_name} and {name} were not measured on the same examples: {len(keys)} and {len(row_of)}, "
                f"{common} of them in common. Train them with the same data, validation=, test= and seed=, or measure "
                f"all of them on data of its own: compare(..., data=)"
            )
        ordered[name] = _ordered(evaluation, first, np.array([row_of[key] for key in keys], np.int64))
        wrong = int((np.abs(ordered[name].targets - first.targets).reshape(len(keys), -1) > 1e-6).any(axis=1).sum())
        if wrong:
            raise DataError(f"{first_name} and {name} were measured against other answers for {wrong} of {len(keys)}")
    return ordered


def _check_same_question(first_name: str, first: Evaluation, name: str, evaluation: Evaluation) -> None:
    """Raise DataError where two models answer different questions."""
    if evaluation.task != first.task:
        raise DataError(f"{first_name} does {first.task} and {name} {evaluation.task}: there is no common figure")
    if set(evaluation.labels) != set(first.labels) or len(evaluation.labels) != len(first.labels):
        raise DataError(
            f"{first_name} knows {_quoted(first.labels)}, {name} {_quoted(evaluation.labels)}: only models with the "
            "same labels can be compared"
        )


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(quoted(label) for label in labels[:8]) + (", ..." if len(labels) > 8 else "")


def _answer(name: str, evaluation: Evaluation, answer: str | None) -> Evaluation:
    if not isinstance(evaluation, MultiOutputEvaluation):
        return evaluation
    if answer is None or answer not in evaluation.answers:
        names = ", ".join(evaluation.answers)
        raise OptionError(f"{name} gives several answers: say which to compare, answer= takes one of {names}")
    return evaluation[answer]


def _keys(evaluation: Evaluation, by_content: bool) -> list[tuple[Any, ...]]:
    """What an example is known by; of copies the first, the second and so on, by their targets."""
    names = evaluation.hashes if by_content else evaluation.ids
    counts = Counter(names)
    if max(counts.values()) == 1:
        return [(name,) for name in names]
    order = sorted(range(len(names)), key=lambda row: (names[row], evaluation.truth(row)))
    seen: dict[str, int] = defaultdict(int)
    keys: list[tuple[Any, ...]] = [()] * len(names)
    for row in order:
        keys[row] = (names[row], seen[names[row]])
        seen[names[row]] += 1
    return keys


def _ordered(evaluation: Evaluation, like: Evaluation, rows: np.ndarray) -> Evaluation:
    """The same evaluation, its examples in the order of rows and its labels in that of another."""
    columns = np.array([evaluation.labels.index(label) for label in like.labels], np.int64)
    if (rows == np.arange(len(rows))).all() and (columns == np.arange(len(columns))).all():
        return evaluation
    targets = evaluation.ordered_targets(rows, columns)
    return evaluate_scores(
        evaluation.scores[rows][:, columns],
        targets,
        labels=like.labels,
        ids=[evaluation.ids[row] for row in rows],
        hashes=[evaluation.hashes[row] for row in rows] if evaluation.hashes else (),
        task=evaluation.task,
        skipped=evaluation.skipped,
    )
