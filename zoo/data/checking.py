"""Looking at data before any long work: what cannot work is an error, what a user should know is a notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zoo.data.classes import class_answers, class_counts
from zoo.data.dataset import Dataset
from zoo.data.layouts import endings, why_unlabeled
from zoo.data.modalities import files_of
from zoo.errors import DataError


def check(dataset: Dataset, *, labels: Sequence[str] | None = None, training: bool = True) -> list[str]:
    """Look at a dataset; cheap: file headers only, no image is decoded.

    Args:
        dataset: what to look at. Files whose header is damaged are left out of the counts; `dataset.readable()` is the
            dataset without them.
        labels: the labels of the head it is for, if any.
        training: whether it will be trained on. For prediction and evaluation fewer things have to hold.

    Returns:
        Notices, one sentence each: files that are skipped, how many images per class. What a user should know of the
        data before training on it (uneven classes, copies, files left out) `zoo.linting` says, once.

    Raises:
        DataError: no readable image; labels that do not fit; and for training: no answers, one class only, fewer
            images than classes, a class without images.
    """
    if len(dataset) == 0:
        raise DataError(f"{dataset.name} holds no {files_of(dataset.modality).words}")
    if labels is not None and not dataset.outputs:
        dataset = dataset.relabel(labels)
    bad, word = dataset.unreadable(), files_of(dataset.modality).word
    if len(bad) == len(dataset):
        raise DataError(
            f"none of the {len(bad)} files of {dataset.name} is a readable {word}: {_examples(dataset, bad)}"
        )
    notices = []
    if bad:
        what = f"is not a readable {word} and is" if len(bad) == 1 else f"are not readable {word}s and are"
        notices.append(f"{len(bad)} of {len(dataset)} files {what} skipped: {_examples(dataset, bad)}")
    if not training:  # before a training `lint` says it
        notices += [finding.message for finding in dataset.reading]
    good = dataset.readable()
    if good.targets is None:
        if training:
            raise DataError(why_unlabeled(dataset.name, dataset.source, files_of(dataset.modality)))
        return [*notices, f"{len(good)} {word}s without labels"]
    if good.task != "classification":
        notices.append(_describe_values(good))
    for what, names, classes in class_answers(good):
        counts = class_counts(classes, names)
        if training:
            _check_trainable(what, len(good), counts, dataset)
        text = _describe_classes(len(good), counts, word)
        notices.append(what.removeprefix(f"{good.name}: ") + f": {text}" if good.outputs else text)
    return notices


def _describe_classes(total: int, counts: dict[str, int], word: str) -> str:
    shown = ", ".join(f"{label} {count}" for label, count in list(counts.items())[:10])
    more = f", and {len(counts) - 10} more classes" if len(counts) > 10 else ""
    return f"{total} {word}s in {len(counts)} classes: {shown}{more}"


def _check_trainable(what: str, total: int, counts: dict[str, int], dataset: Dataset) -> None:
    if len(counts) < 2:
        raise DataError(
            f"{what} has one class only ({', '.join(counts)}); there is nothing to tell apart. Give at least two "
            "classes (of a folder: two class folders)."
        )
    word = files_of(dataset.modality).word
    empty = [label for label, count in counts.items() if not count]
    if empty:
        shown = [_with_files(label, dataset.left_out.get(label, {})) for label in empty[:10]]
        more = f" and {len(empty) - 10} more" if len(empty) > 10 else ""
        raise DataError(
            f"{what}: no readable {word} of {', '.join(shown)}{more}; {total} of the other classes. Every class needs "
            f"{word}s to train on: add some, or take the class out."
        )


def _with_files(label: str, left_out: Mapping[str, int]) -> str:
    """A class without images, and what its folder holds instead."""
    count = sum(left_out.values())
    files = "1 file" if count == 1 else f"{count} files"
    return repr(label) + (f" ({files} there: {endings(left_out)})" if count else "")


def _describe_values(dataset: Dataset) -> str:
    assert dataset.targets is not None
    words = files_of(dataset.modality).words
    if dataset.outputs:
        answers = ", ".join(f"{output.name} ({output.task} of {output.width})" for output in dataset.outputs)
        return f"{len(dataset)} {words}, several answers each: {answers}"
    if dataset.task == "multilabel":
        means = dataset.targets.mean(axis=0)
        names = dataset.labels or tuple(str(number) for number in range(dataset.n_classes))
        shares = ", ".join(f"{name} {share:.0%}" for name, share in zip(names[:10], means[:10], strict=True))
        return f"{len(dataset)} {words}, {dataset.n_classes} labels each yes or no: {shares}"
    low, high = np.min(dataset.targets), np.max(dataset.targets)
    return f"{len(dataset)} {words}, {dataset.n_classes} value(s) each to predict, from {low:g} to {high:g}"


def _examples(dataset: Dataset, bad: dict[int, str]) -> str:
    shown = ", ".join(f"{dataset.ids[index]} ({reason})" for index, reason in list(bad.items())[:3])
    return shown + (f", and {len(bad) - 3} more" if len(bad) > 3 else "")
