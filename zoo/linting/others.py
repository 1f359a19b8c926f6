"""Looks at examples of other modalities than images: unreadable ones, and what the modality itself says of each."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from zoo.data import Dataset
from zoo.data.findings import Finding
from zoo.data.modalities import kind_of
from zoo.data.pools import ordered_map
from zoo.errors import DataError
from zoo.linting.copies import exact_copies
from zoo.linting.labels import across_splits, of_labels
from zoo.linting.wording import finding_of
from zoo.modality import Problem

CHECKS = (
    *("unreadable", "exact duplicates", "leakage", "groups across splits", "contradicting labels"),
    *("labels missing in a split", "few examples", "uneven classes", "names that differ only in case"),
)
"""What is looked for in every modality; a look at length adds what the modality says of each example."""


def inspect_others(dataset: Dataset, *, quick: bool) -> list[Finding]:
    """Return what was found; arguments as of `zoo.linting.inspection.inspect`."""
    reasons = dataset.unreadable()
    problems: dict[int, list[Problem]] = {}
    if not quick:
        left = [index for index in range(len(dataset)) if index not in reasons]
        for index, (reason, seen) in zip(left, ordered_map(lambda i: _look(dataset, i), left), strict=True):
            if reason:
                reasons[index] = reason
            problems[index] = seen
    readable = np.array([index not in reasons for index in range(len(dataset))], bool)
    unreadable = finding_of(
        dataset, "unreadable", "warning", sorted(reasons), "{n} of {all} examples cannot be read",
        "They are skipped; replace or delete them", lambda index: reasons[index],
    )  # fmt: skip
    findings = [unreadable, *_said(dataset, problems), *exact_copies(dataset, readable)]
    findings += [*dataset.reading, across_splits(dataset), *of_labels(dataset, readable)]
    return [finding for finding in findings if finding is not None]


def _look(dataset: Dataset, index: int) -> tuple[str, list[Problem]]:
    """Why an example cannot be read, and what its modality says of it."""
    try:
        return "", list(kind_of(dataset.modality).code.problems(dataset.example(index)))
    except DataError as error:
        return str(error), []


def _said(dataset: Dataset, problems: dict[int, list[Problem]]) -> list[Finding | None]:
    """A finding for each thing that the modality says, with all examples of which it says it."""
    of_problem: dict[Problem, list[int]] = defaultdict(list)
    for index, seen in sorted(problems.items()):
        for problem in seen:
            of_problem[problem].append(index)
    return [
        finding_of(
            dataset, dataset.modality, problem.severity, which, f"{{n}} of {{all}} examples: {_plain(problem.what)}",
            problem.advice or "Look at them",
        )
        for problem, which in of_problem.items()
    ]  # fmt: skip


def _plain(text: str) -> str:
    """A text of a plugin, to stand in a pattern for numbers."""
    return text.replace("{", "{{").replace("}", "}}")
