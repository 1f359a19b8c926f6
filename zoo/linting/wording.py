"""Findings about some images of a dataset: a warning where few have a peculiarity, good to know where most do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zoo.data import Dataset
from zoo.data.findings import Example, Finding, Severity


def minority(
    dataset: Dataset,
    kind: str,
    which: list[int],
    message: str,
    advice: str,
    detail: Callable[[int], str] = lambda index: "",
    *,
    largest_share: float = 1.0,
) -> Finding | None:
    """A peculiarity: a warning where a few images have it, merely good to know where most do: then the data is so.

    Args:
        dataset: whose images they are.
        kind: see `Finding`.
        which: indices of the images.
        message: with `{n}` and `{all}`.
        advice: see `Finding`.
        detail: what to say of each.
        largest_share: from which share on it is not worth a word.
    """
    share = len(which) / max(len(dataset), 1)
    if share >= largest_share:
        return None
    return finding_of(dataset, kind, "warning" if share < 0.2 else "info", which, message, advice, detail)


def finding_of(
    dataset: Dataset,
    kind: str,
    severity: Severity,
    which: Sequence[int],
    message: str,
    advice: str,
    detail: Callable[[int], str] = lambda index: "",
) -> Finding | None:
    """Return a finding about some images, or None where there are none; arguments as of `minority`."""
    if not which:
        return None
    text = message.format(n=len(which), all=len(dataset))
    if len(which) == 1:
        text = text.replace(" pictures are ", " pictures is ").replace(" pictures have ", " pictures has ")
        text = text.replace(" files are ", " files is ").replace(" files begin ", " files begins ")
    return Finding(
        kind, severity, text, advice, len(which), tuple(Example(i, dataset.ids[i], detail(i)) for i in which)
    )
