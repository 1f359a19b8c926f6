"""The modality `image`: pictures in files, in arrays, in the hands of Pillow; decoded by one reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import ValidationError

from zoo.errors import DataError, OptionError
from zoo.modality import Intake, Modality, Problem, Ref, Thumbnail
from zoo.pictures import decode, digest_of_picture, in_colors, picture, png_of
from zoo.specs import ModalitySpec
from zoo_vision.intake import ImageIntake

EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
)
"""Ends of the names of files that are read."""

SPECS = (
    ModalitySpec(
        name="image",
        summary="pictures: files of JPEG, PNG, WebP and others, arrays (height, width, 3), Pillow images",
        modality="zoo_vision.images:Images",
        extensions=EXTENSIONS,
        unread=(".heic", ".heif", ".jxl"),
        columns=("image", "image_path", "image_name", "img", "photo", "picture"),
        word="image",
        pictures=True,
        default_backbone="efficientnet_lite0",
        pipeline="image-classification",
    ),
)
"""The modality of this plugin. The weights of its backbone come with the installation: no download at first use."""

_DARK = 8
"""A picture whose brightest value is below this shows nothing."""


class Images(Modality):
    """Pictures: uint8 (height, width, 3), values 0..255, RGB."""

    name = "image"
    extensions = EXTENSIONS
    intake = ImageIntake

    def read(self, ref: Ref) -> np.ndarray:
        """Return the picture of a file, upright; of one that moves the first frame."""
        return decode(ref.path)

    def take(self, item: Any) -> np.ndarray:
        """Return an array (height, width[, channels]), a Pillow image, or the bytes of a file as a picture."""
        array = in_colors(picture(item, "the image"))
        if array.dtype.kind not in "uifb":
            raise DataError(f"pixels must be numbers 0..255; got {array.dtype}")
        if array.dtype != np.uint8 and not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 255):
            raise DataError(f"pixels must lie in 0..255; this image has {array.min():g} to {array.max():g}")
        return array if array.dtype == np.uint8 else array.astype(np.float32)

    def fit(self, training: Iterable[Any], options: Mapping[str, Any]) -> Intake:
        """Return the intake of a size: there is nothing to fit.

        Args:
            training: not read.
            options: size, rule and channels, see `ImageIntake`.

        Raises:
            OptionError: an option has a value that cannot be used, or there is no size.
        """
        if not options.get("size"):
            raise OptionError("a backbone of images needs input=InputSpec(default_size=..., min_size=...)")
        try:
            return ImageIntake(**options)
        except ValidationError as error:
            problem = error.errors()[0]
            raise OptionError(f"{'.'.join(map(str, problem['loc']))} of images: {problem['msg']}") from error

    def digest(self, example: np.ndarray) -> str:
        """Return the sha256 of shape and pixels."""
        return digest_of_picture(example)

    def problems(self, example: np.ndarray) -> Iterator[Problem]:
        """Yield that a picture has one color, or is almost black."""
        if (example == example[:1, :1]).all():
            yield Problem("warning", "the image has one color", "Look whether it was exported well")
        elif example.max() < _DARK:
            yield Problem("warning", "the image is almost black", "Were its values divided by 255?")

    def show(self, example: np.ndarray) -> Thumbnail:
        """Return a small copy."""
        return Thumbnail(png=png_of(Image.fromarray(np.asarray(example).astype(np.uint8))))

    def claims(self, path: str | Path) -> bool:
        """Return whether a GIF, or what else may move, stands still."""
        return not moves(path)


def moves(path: str | Path) -> bool:
    """Return whether a file holds more pictures than one."""
    try:
        with Image.open(path) as opened:
            return bool(getattr(opened, "is_animated", False))
    except (OSError, ValueError, SyntaxError, IndexError, Image.DecompressionBombError):
        return False
