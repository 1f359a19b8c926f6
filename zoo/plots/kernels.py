"""What named kernels do to a photo: convolution by hand, as the first layer of a network does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.data.ranges import as_uint8
from zoo.errors import DataError, OptionError, did_you_mean
from zoo.pictures.colors import gray
from zoo.plots.style import PAGE, paper, tiles

KERNELS: dict[str, np.ndarray] = {
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], float),
    "edge": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], float),
    "emboss": np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], float),
    "vertical": np.array([[-1, 1, -1]] * 3, float),
    "horizontal": np.array([[-1] * 3, [1] * 3, [-1] * 3], float),
    "corner": np.array([[-1, -1, -1], [-1, 1, 1], [-1, 1, 1]], float),
}
"""Name -> kernel (rows, columns). They are not flipped: a layer computes a cross-correlation."""


def filtered(picture: np.ndarray, kernel: np.ndarray, *, padding: int = 0) -> np.ndarray:
    """Return what a kernel makes of a picture: at each place the sum of products with what lies under it.

    Args:
        picture: (height, width) or (height, width, channels), each channel by itself.
        kernel: (rows, columns), not flipped.
        padding: zeros on each side.

    Returns:
        float64 (height - rows + 1 + 2 padding, width - columns + 1 + 2 padding, ...), values of any sign and size.

    Raises:
        OptionError: the kernel does not fit into the picture.
    """
    around = [(padding, padding)] * 2 + [(0, 0)] * (picture.ndim - 2)
    padded = np.pad(picture.astype(float), around)
    rows, columns = kernel.shape
    if padded.shape[0] < rows or padded.shape[1] < columns:
        raise OptionError(f"a kernel of {rows} x {columns} does not fit into {padded.shape[0]} x {padded.shape[1]}")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(0, 1))
    return np.asarray((windows * kernel).sum(axis=(-2, -1)))


@paper
def kernels(image: Any, names: str | Sequence[str] | np.ndarray | None = None) -> Any:
    """A photo, and what kernels of three by three make of it.

    Kernels that keep the brightness (their numbers add up to one) are shown in color, cut off at 0 and 255; of the
    others what is above 0 is shown, as a ReLU leaves it, on a scale of its own.

    Args:
        image: a path, an array (height, width, 3) with values 0..255, or a Pillow image.
        names: "blur", "sharpen", "edge", "emboss", "vertical", "horizontal", "corner", several of these, or a kernel of
            one's own (rows, columns); None: all of them.

    Returns:
        A matplotlib Figure, a page wide.

    Raises:
        OptionError: a kernel that is not there.
        DataError: the image cannot be read.
    """
    pictures = [as_uint8(picture) for _, picture in data_room.images(image)]
    if len(pictures) != 1:
        raise DataError(f"kernels are shown on one photo; got {len(pictures)}")
    chosen = _chosen(names)
    figure, axes = tiles(len(chosen) + 1, across=4, width=PAGE, extra=0.2)
    axes[0].imshow(pictures[0])
    axes[0].set_title("photo", loc="left")
    for single, (name, kernel) in zip(axes[1:], chosen.items(), strict=True):
        if np.isclose(kernel.sum(), 1):
            single.imshow(np.clip(np.rint(filtered(pictures[0], kernel)), 0, 255).astype(np.uint8))
        else:
            single.imshow(np.maximum(filtered(gray(pictures[0])[..., 0], kernel), 0), cmap="gray")
        single.set_title(name, loc="left")
    return figure


def _chosen(names: str | Sequence[str] | np.ndarray | None) -> dict[str, np.ndarray]:
    if isinstance(names, np.ndarray):
        if names.ndim != 2:
            raise OptionError(f"a kernel has rows and columns; got the shape {names.shape}")
        return {"kernel": names.astype(float)}
    listed = list(KERNELS) if names is None else [names] if isinstance(names, str) else list(names)
    for name in listed:
        if name not in KERNELS:
            near = did_you_mean(str(name), KERNELS)
            raise OptionError(f"there is no kernel {name!r}.{near} Kernels: {', '.join(KERNELS)}")
    return {name: KERNELS[name] for name in listed}
