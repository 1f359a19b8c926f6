"""Boxes in a table: shares or px, judged for the table as a whole; mixed units are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.data.pools import ordered_map
from zoo.data.tables.reading import Table
from zoo.errors import DataError
from zoo.pictures.reading import UnreadableImageError, read_header
from zoo.tasks.box import SLACK


def boxes_of(table: Table, columns: Sequence[str], values: np.ndarray, paths: Sequence[Path]) -> np.ndarray:
    """Return boxes as shares of the upright picture: float32 (n, 4), x_min, y_min, x_max, y_max.

    Args:
        table: the table, for errors.
        columns: the four columns, in order.
        values: their numbers (n, 4): all of them shares 0..1 (rounding may take one past 1), or all of them px.
        paths: the pictures, whose sizes px are divided by.

    Raises:
        DataError: shares and px in one table; a box that is not inside of its picture, or inside out.
    """
    boxes = values.copy()
    small = np.asarray((boxes <= 1 + SLACK).all(axis=1))
    if small.any() and not small.all():
        mostly_sides = small.mean() <= 0.5
        few = np.flatnonzero(small if mostly_sides else ~small).tolist()
        units = ("shares 0..1", "px") if mostly_sides else ("px", "shares 0..1")
        raise DataError(
            f"{table.name}: boxes in mixed units: {table.where(few)} {'holds' if len(few) == 1 else 'hold'} {units[0]} "
            f"({boxes[few[0]].tolist()}), the others {units[1]}. Write all of {', '.join(columns)} in one of them"
        )
    limits = np.ones((len(boxes), 2))
    if small.all():
        boxes = np.where((boxes >= -SLACK) & (boxes <= 1 + SLACK), np.clip(boxes, 0, 1), boxes)
    else:
        limits = sizes(paths)
        boxes[np.isnan(limits[:, 0])] = 0, 0, 1, 1  # that image is skipped, whatever its box
        limits[np.isnan(limits)] = 1
        # The number of the last column, or the picture's width: tables count in either way.
        over = boxes[:, 2:] - limits
        boxes[:, 2:] = np.where((over > 0) & (over <= 1), limits, boxes[:, 2:])
    wrong = np.flatnonzero(
        (boxes < 0).any(1) | (boxes[:, 2:] > limits).any(1) | (boxes[:, :2] >= boxes[:, 2:]).any(axis=1)
    )
    if len(wrong):
        row = int(wrong[0])
        what = "(shares 0..1)" if small.all() else f"of {limits[row, 0]:g} x {limits[row, 1]:g} px"
        raise DataError(
            f"{table.name}, line {table.lines[row]}: {boxes[row].tolist()} is no box inside of {paths[row].name} "
            f"{what}: {', '.join(columns)} must hold its edges in this order, in px or as shares 0..1"
        )
    shares: np.ndarray = (boxes / np.tile(limits, 2)).astype(np.float32)
    return shares


def sizes(paths: Sequence[Path]) -> np.ndarray:
    """Return float64 (n, 2): width and height of each image, upright, from its header; NaN of what is no image."""

    def size(path: Path) -> tuple[float, float]:
        try:
            header = read_header(path)
        except UnreadableImageError:
            return np.nan, np.nan
        return header.width, header.height

    return np.array(ordered_map(size, paths), np.float64)
