"""One decoder and one resize rule for every picture zoo reads: Pillow, uint8 RGB out."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from zoo.errors import DataError
from zoo.paths import irregular
from zoo.printing import printable

if TYPE_CHECKING:
    from zoo.specs import ResizeRule, Size

MAX_PIXELS = 89_478_485
"""Largest picture that is decoded, in pixels (256 MB as RGB): where Pillow warns of a decompression bomb."""

EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
)
"""File name endings that count as images, lower case."""

UNREAD = (".heic", ".heif", ".jxl")
"""Endings of photos that zoo does not read: in a folder it says so of each, and does not pass over them."""

# Formats Pillow may use. EPS is left out on purpose: Pillow would run Ghostscript on the file.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "MPO", "PPM", "JPEG2000", "AVIF")

# Formats whose mode "I" (32-bit integers in memory) holds 16-bit values. Elsewhere the range is not defined.
_SIXTEEN_BIT_AS_I = frozenset({"PNG", "PPM"})

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what puts the picture upright (Exif 2.32, tag 0x0112)."""

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class UnreadableImageError(DataError):
    """A file that is not a whole image. `reason` says why, without the file's name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = printable(reason)


Source = str | os.PathLike[str] | bytes | io.IOBase | Image.Image
"""Where one picture can be: in a file, in the bytes of one, in an open file, or in Pillow's hands."""


def decode(source: Source) -> np.ndarray:
    """Read one picture as upright RGB.

    EXIF rotation is applied. Gray becomes three equal channels; 16-bit values are divided by 257 and rounded
    (Pillow itself drops the low byte of 16-bit color: at most one level less); CMYK, palettes and 1-bit pictures are
    converted by Pillow; transparent pixels are laid over white. Of moving pictures the first frame is read. Color
    profiles are ignored, as ImageNet's were. Pillow's `draft` mode (a smaller JPEG straight from the decoder) is
    not used: it changes the pixels.

    Args:
        source: path of a file, the bytes of one, a file open for reading bytes (read from its beginning), or a Pillow
            image, which is not changed.

    Returns:
        uint8 (height, width, 3), a new array.

    Raises:
        DataError: the file is missing, damaged, truncated, too large (`MAX_PIXELS`), or not an image; names the file.
    """
    try:
        if isinstance(source, Image.Image):
            return _pixels(source)
        with _open(source) as picture:
            return _pixels(picture)
    except Exception as error:
        # Pillow's parsers raise whatever damaged bytes provoke: OSError, SyntaxError, struct.error, zlib.error,
        # OverflowError, MemoryError ... One bad file must never end a long run with anything but a DataError.
        raise UnreadableImageError(_name(source), _reason(error, source)) from error


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an image file says.

    Attributes:
        format: as Pillow calls it: JPEG, PNG, ...
        mode: as Pillow calls it: RGB, L, CMYK, ...
        width: in pixels, upright.
        height: in pixels, upright.
        orientation: of EXIF, 1 (upright) to 8.
        transparent: whether pixels can be transparent.
        sixteen_bit: whether a channel has 16 bits.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int = 1
    transparent: bool = False
    sixteen_bit: bool = False


def read_header(path: str | os.PathLike[str]) -> Header:
    """The header of an image file; decodes no pixels. EXIF that a PNG holds behind its pixels is not seen.

    Raises:
        DataError: it is not that of an image zoo reads.
    """
    try:
        with _open(path) as picture:
            _check_dimensions(picture)
            turn = _orientation(picture, Image.Image.getexif)  # that of a PNG would decode the pixels first
            width, height = _stored_size(picture)
            if turn >= 5:
                width, height = height, width
            return Header(
                format=picture.format or "",
                mode=picture.mode,
                width=width,
                height=height,
                orientation=turn,
                transparent=picture.has_transparency_data,
                sixteen_bit=picture.mode.startswith("I;16") or _png_depth(path, picture) == 16,
            )
    except Exception as error:  # as in `decode`
        raise UnreadableImageError(os.fspath(path), _reason(error, path)) from error


def preview(path: str | os.PathLike[str], side: int) -> Image.Image:
    """An upright RGB picture from a file, for a look at it: a JPEG is decoded straight to a smaller size.

    Its pixels are not those that `decode` gives. The whole file is read, so damage shows.

    Args:
        path: the file.
        side: the preview is no smaller than this on both sides, unless the picture is.

    Raises:
        DataError: as for `decode`.
    """
    try:
        with _open(path) as picture:
            _check_dimensions(picture)
            picture.draft(None, (side, side))
            picture.load()
            turn = _UPRIGHT.get(_orientation(picture))
            plain = _rgb(picture)
            return plain.copy() if turn is None else plain.transpose(turn)
    except Exception as error:  # as in `decode`
        raise UnreadableImageError(os.fspath(path), _reason(error, path)) from error


def resize(image: np.ndarray, size: Size, rule: ResizeRule) -> np.ndarray:
    """Bring a picture to the model's size, a square mostly, by the one rule.

    An image that already has the size comes back untouched (the same array) whatever the rule, also with
    `crop_fraction` below 1: somebody has prepared it, and cutting its border off would undo that.

    crop: as small as fills `floor(size / crop_fraction)` on both sides (of a square: its shorter side becomes that),
    the other side in proportion (rounded down), then the center (offset rounded half to even): as torchvision's Resize
    and CenterCrop and timm do it. stretch: both sides to `size`. pad: as large as fits into `size` (of a square: its
    longer side becomes that), black borders, the picture in the middle.
    Resampling is Pillow's, antialiased, with `reducing_gap=None` (no shortcut).

    Args:
        image: uint8 (height, width, 3).
        size: side of the result, or (height, width), in pixels.
        rule: mode, crop fraction and interpolation.

    Returns:
        uint8 (height, width, 3).

    Raises:
        DataError: wrong shape or dtype, or a picture so long and narrow that it would grow beyond `MAX_PIXELS`.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise DataError(f"an image must be uint8 (height, width, 3); got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    high, wide = (size, size) if isinstance(size, int) else size
    if (height, width) == (high, wide):
        return image
    interpolation = _FILTERS[rule.interpolation]
    if rule.mode == "stretch":
        return np.array(Image.fromarray(image).resize((wide, high), interpolation))
    if rule.mode == "pad":
        scale = min(high / height, wide / width)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        canvas = np.zeros((high, wide, 3), np.uint8)
        top, left = (high - inner[1]) // 2, (wide - inner[0]) // 2
        canvas[top : top + inner[1], left : left + inner[0]] = np.asarray(
            Image.fromarray(image).resize(inner, interpolation)
        )
        return canvas
    # 1e-9: 224 / 0.875 must be 256 whatever the last bit of the quotient is.
    tall, broad = (max(side, math.floor(side / rule.crop_fraction + 1e-9)) for side in (high, wide))
    new = (broad, broad * height // width) if broad * height >= tall * width else (tall * width // height, tall)
    if new[0] * new[1] > MAX_PIXELS:
        raise DataError(f"a picture of {width} x {height} pixels is too long and narrow to crop to {wide} x {high}")
    picture = Image.fromarray(image).resize(new, interpolation)
    left, top = round((new[0] - wide) / 2), round((new[1] - high) / 2)
    return np.array(picture.crop((left, top, left + wide, top + high)))


@cache
def _formats() -> tuple[str, ...]:
    """The formats this build of Pillow has; naming one it lacks would be a KeyError inside `Image.open`."""
    Image.init()
    try:
        pillow_heif = import_module("pillow_heif")  # an extra: photos of telephones
    except ImportError:
        return tuple(name for name in _FORMATS if name in Image.OPEN)
    pillow_heif.register_heif_opener()
    return tuple(name for name in (*_FORMATS, "HEIF") if name in Image.OPEN)


def _open(source: Source) -> Image.Image:
    if isinstance(source, str | os.PathLike):
        if reason := irregular(source):
            raise ValueError(reason)
        return Image.open(source, formats=_formats())
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=_formats())
    assert not isinstance(source, Image.Image)
    if source.seekable():
        source.seek(0)
    data = source.read()
    if not isinstance(data, bytes):
        raise ValueError("the file is open for text: open it with 'rb'")
    return Image.open(io.BytesIO(data), formats=_formats())


def _pixels(picture: Image.Image) -> np.ndarray:
    _check_dimensions(picture)
    picture.load()
    turn = _UPRIGHT.get(_orientation(picture))
    plain = _rgb(picture)
    return np.array(plain if turn is None else plain.transpose(turn))


def _name(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "filename" if isinstance(source, Image.Image) else "name", None)
    kind = "Pillow image" if isinstance(source, Image.Image) else "image given as bytes"
    return name if isinstance(name, str) and name else kind


def _stored_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height as the file holds them; of a turned TIFF Pillow tells the upright ones before it is loaded."""
    tags = getattr(picture, "tag_v2", {}) if picture.format == "TIFF" else {}
    return tags.get(ExifTags.Base.ImageWidth, picture.size[0]), tags.get(ExifTags.Base.ImageLength, picture.size[1])


def _check_dimensions(picture: Image.Image) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise ValueError(f"it says it is {width} x {height} pixels")
    if width * height > MAX_PIXELS:
        raise Image.DecompressionBombError


def _reason(error: Exception, source: Source) -> str:
    """Why a file cannot be read, in words; also for errors whose own text says nothing to a user."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"it has more than {MAX_PIXELS:,} pixels (a decompression bomb?); make it smaller first"
    if isinstance(source, str | os.PathLike) and os.path.isfile(source) and os.path.getsize(source) == 0:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        if isinstance(source, str | os.PathLike) and os.fspath(source).lower().endswith((".heic", ".heif")):
            return "HEIC is read where pillow-heif is installed: pip install pillow-heif, or export as JPEG"
        return f"not an image in a format zoo reads ({', '.join(_formats())})"
    return str(error) or type(error).__name__


def _orientation(
    picture: Image.Image, notes: Callable[[Image.Image], Image.Exif] = lambda picture: picture.getexif()
) -> int:
    """The EXIF orientation, 1 (upright) to 8; 1 where there is none, or none that makes sense."""
    try:
        orientation = notes(picture).get(ExifTags.Base.Orientation, 1)
    except Exception:
        # Damaged metadata raises anything (SyntaxError, struct.error, KeyError); the pixels are whole all the same.
        return 1
    return orientation if isinstance(orientation, int) and orientation in _UPRIGHT else 1


def _png_depth(path: str | os.PathLike[str], picture: Image.Image) -> int:
    """Bits a channel of a PNG, which Pillow does not tell for color; 0 for other files."""
    if picture.format != "PNG":
        return 0
    with open(path, "rb") as file:
        return file.read(25)[24]  # signature 8, length 4, "IHDR" 4, width 4, height 4, depth 1


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in _SIXTEEN_BIT_AS_I):
        return _from_sixteen_bit(picture)
    if picture.mode in {"I", "F"}:
        raise ValueError(
            "32-bit integer or float pixels have no defined range; convert the file to 8 or 16 bits a channel"
        )
    if picture.has_transparency_data:
        return over_white(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def over_white(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, its transparent pixels laid over white."""
    layer = picture.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    white.alpha_composite(layer)
    return white.convert("RGB")


def _from_sixteen_bit(picture: Image.Image) -> Image.Image:
    """Gray of 16 bits a pixel as 8: 65535 (of a TIFF with 12 bits: 4095) is white, rounded to nearest."""
    tags = getattr(picture, "tag_v2", {})
    bits = tags.get(ExifTags.Base.BitsPerSample, (16,))
    white = 4095 if bits == 12 or bits == (12,) else 65535
    values = np.asarray(picture).astype(np.uint32)
    transparent = picture.info.get("transparency")
    there = None if transparent is None else values == transparent
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # WhiteIsZero: radiology; Pillow turns 8 bits, not 16
        values = white - np.minimum(values, white)
    gray = ((np.minimum(values, white) * 255 + white // 2) // white).astype(np.uint8)
    if there is not None:
        gray[there] = 255
    return Image.fromarray(gray).convert("RGB")
