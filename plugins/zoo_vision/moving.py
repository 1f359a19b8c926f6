"""Moves pixels and boxes by a matrix and a shift, on the CPU and in the training graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Place = tuple[tuple[float, float, float, float], tuple[float, float]]
"""Matrix by rows; shift, in sides of the image."""


class Move:
    """Moves pixels to other places, by what it draws from the seed."""

    def __init__(self, place: Callable[[int], Place]) -> None:
        self._place = place

    def __call__(self, image: np.ndarray, seed: int, boxes: np.ndarray | None = None) -> Any:
        """Return the image moved, and the boxes with it if there are some."""
        (a, b, d, e), (x, y) = self._place(seed)
        height, width = image.shape[:2]
        return warp(image, boxes, ((a, b), (d, e)), (x * width, y * height))

    def draw(self, seed: int) -> np.ndarray:
        """The matrix and the shift."""
        import numpy as np

        matrix, shift = self._place(seed)
        return np.array([*matrix, *shift], np.float32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """As `warp` in a graph: Keras counts from the center of the first pixel, Pillow from its corner."""
        from keras import ops

        height, width = images.shape[1:3]
        x, y = (width - 1) / 2, (height - 1) / 2
        a, b, d, e, right, down = (drawn[:, column] for column in range(6))
        c, f, zero = x - a * x - b * y + right * width, y - d * x - e * y + down * height, ops.zeros_like(a)
        moved = ops.image.affine_transform(
            images,
            ops.stack([a, b, c, d, e, f, zero, zero], axis=1),
            interpolation="bilinear",
            fill_mode="reflect",  # which is what numpy calls symmetric
            data_format="channels_last",
        )
        return ops.floor(moved + _TRUNCATED)


_TRUNCATED = 1e-3
"""Levels by which float32 may fall short of a whole number, before the fraction is cut off as Pillow does."""


def warp(
    image: np.ndarray,
    boxes: np.ndarray | None,
    matrix: tuple[tuple[float, float], tuple[float, float]],
    shift: tuple[float, float] = (0.0, 0.0),
) -> Any:
    """Each pixel of the result is read (bilinear) at matrix @ (its place - center) + center + shift, in (x, y) pixels.

    The image is first widened by its mirror image as far as the corners of the result reach outside. Of boxes, the
    upright box around the moved corners is given, cut off at the border of the picture.
    """
    import numpy as np
    from PIL import Image

    height, width = image.shape[:2]
    center = np.array([width / 2, height / 2])
    turn = np.array(matrix)
    offset = center - turn @ center + np.array(shift)
    if np.array_equal(turn, np.eye(2)) and not offset.any():
        return image if boxes is None else (image, boxes)
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ turn.T + offset
    # One pixel more: bilinear reading needs a neighbor.
    before = np.ceil(np.maximum(0, -corners.min(axis=0))).astype(int) + 1
    after = np.ceil(np.maximum(0, corners.max(axis=0) - (width, height))).astype(int) + 1
    wide = np.pad(image, ((before[1], after[1]), (before[0], after[0]), (0, 0)), mode="symmetric")
    (a, b), (d, e) = turn.tolist()
    c, f = (offset + before).tolist()
    moved = Image.fromarray(wide).transform(
        (width, height), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )
    if boxes is None:
        return np.array(moved)
    around = boxes[:, [[0, 1], [2, 1], [0, 3], [2, 3]]] * (width, height)  # (k, 4 corners, x and y)
    places = (around - offset) @ np.linalg.inv(turn).T / (width, height)
    upright = np.concatenate([places.min(axis=1), places.max(axis=1)], axis=1)
    return np.array(moved), upright.clip(0, 1).astype(np.float32)
