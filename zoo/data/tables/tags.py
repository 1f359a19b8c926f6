"""Several labels in one cell: what stands between them, found where it is certain, else asked."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from zoo.data.tables.columns import has_comma
from zoo.errors import DataError
from zoo.matching import places
from zoo.registry import ZooNotice
from zoo.specs import AnswerTask

_SURE = (";", "|")
"""Names of classes hold neither: a cell with one holds several labels."""

_POSSIBLE = (",", "/", "+", "&", " ")
"""Names of classes may hold them; where cells are combinations of the same few words, it is asked."""


def labels_in(cell: str, separator: str) -> list[str]:
    """Return the labels in a cell."""
    return [label.strip() for label in cell.split(separator) if label.strip()]


def separator_of(
    cells: Sequence[str], column: str, what: str, task: AnswerTask | None, labels: Sequence[str]
) -> str | None:
    """Return what stands between the labels in the cells of a column, or None if each cell is one class.

    Args:
        cells: the cells.
        column: its name.
        what: the table, for errors.
        task: "multilabel" or "classification" where it is said.
        labels: of a head, or ().

    Raises:
        DataError: cells can be read in two ways.
    """
    if task not in (None, "multilabel", "classification"):
        return None
    if labels:
        return _of_labels(cells, task, labels)
    if task == "classification":
        return None
    certain = next((separator for separator in _SURE if any(separator in cell for cell in cells)), None)
    if certain is not None:
        if certain != ";":
            warnings.warn(
                f"{what}: column {column} holds several labels with {certain!r} between them (separator= says "
                "otherwise)",
                ZooNotice,
                stacklevel=2,
            )
        return certain
    combined = next((separator for separator in _POSSIBLE if _combinations(cells, separator)), None)
    if task == "multilabel":
        return combined or ";"
    if combined is not None:
        _ask(combined, cells, column, what)
    return None


def _of_labels(cells: Sequence[str], task: AnswerTask | None, labels: Sequence[str]) -> str | None:
    """What stands between the labels of a head in the cells; None if each cell is one of them."""
    if task == "classification" or None not in places(sorted(set(cells)), labels):
        return ";" if task == "multilabel" else None
    return next((s for s in (*_SURE, *_POSSIBLE) if _all_are(cells, s, labels)), ";")


def _ask(combined: str, cells: Sequence[str], column: str, what: str) -> None:
    such = next(cell for cell in cells if len(labels_in(cell, combined)) > 1)
    raise DataError(
        f"{what}: does a cell of column {column} such as {such!r} hold several labels? Then say separator={combined!r} "
        f"(on the command line --separator {combined!r}). If it is the name of one class, say task='classification' "
        "(--task classification)"
    )


def _all_are(cells: Sequence[str], separator: str, labels: Sequence[str]) -> bool:
    parts = sorted({label for cell in cells for label in labels_in(cell, separator)})
    return any(separator in cell for cell in cells) and None not in places(parts, labels)


def _combinations(cells: Sequence[str], separator: str) -> bool:
    """Whether the cells are combinations of fewer words than there are different cells.

    But for a comma, one of the words must stand alone too: "BMW 1", "BMW 2", "Audi 1" are names.
    """
    different = {cell for cell in cells if cell}
    if not any(separator in cell and not has_comma(cell) for cell in different):
        return False
    words = {label for cell in different for label in labels_in(cell, separator)}
    joined = {label for cell in different if separator in cell for label in labels_in(cell, separator)}
    return len(words) < len(different) and (separator == "," or bool(joined & different))
