"""Writes the golden files of the decoder and the resize rule: run by hand after a wanted change, never by the tests.

    python tests/data/make_golden.py

Pictures are drawn by formula, so that they are nobody's property; expectations come from `zoo.data` as it is now. Look
at the differences before you commit them: every one of them changes what trained models see.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data import decode, resize
from zoo.specs import ResizeRule

GOLDEN = Path(__file__).parent / "golden"
SIZE = 24
RULES = {
    "crop-bilinear": ResizeRule(mode="crop", interpolation="bilinear"),
    "crop875-bicubic": ResizeRule(mode="crop", crop_fraction=0.875, interpolation="bicubic"),
    "stretch-bilinear": ResizeRule(mode="stretch", interpolation="bilinear"),
    "stretch-lanczos": ResizeRule(mode="stretch", interpolation="lanczos"),
    "stretch-nearest": ResizeRule(mode="stretch", interpolation="nearest"),
    "pad-bicubic": ResizeRule(mode="pad", interpolation="bicubic"),
}


def picture(width: int = 53, height: int = 40) -> np.ndarray:
    """Waves of several lengths in the three channels, and a hard edge: uint8 (height, width, 3)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [127.5 + 127.5 * np.sin(x / 3.1 + y / 7.3), 255 * x / (width - 1), 127.5 + 127.5 * np.cos(x * y / 90.0)]
    image = np.rint(np.stack(waves, axis=2)).astype(np.uint8)
    image[:, width // 2 :] = 255 - image[:, width // 2 :]
    return image


def png(header: tuple[int, int], rows: bytes, width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG from raw rows: header is (bit depth, color type). Pillow cannot write all that it reads."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    ihdr = struct.pack(">IIBBBBB", width, height, *header, 0, 0, 0)
    body = [(b"IHDR", ihdr), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in body)


def rows_of(array: np.ndarray) -> bytes:
    """PNG rows without filter: a zero byte before each, 16-bit values with the high byte first."""
    raw = array.astype(">u2") if array.dtype == np.uint16 else array
    return b"".join(b"\0" + row.tobytes() for row in raw)


def write_inputs() -> None:
    """The pictures in every form the decoder must understand."""
    rgb = picture()
    photo = Image.fromarray(rgb)
    exif = Image.Exif()
    exif[0x0112] = 6
    alpha = np.linspace(0, 255, rgb.shape[1]).astype(np.uint8)[None].repeat(rgb.shape[0], 0)
    gray = photo.convert("L")
    photo.save(GOLDEN / "rgb.jpg", quality=90)
    photo.save(GOLDEN / "rotated.jpg", quality=90, exif=exif)
    gray.save(GOLDEN / "gray.jpg", quality=90)
    photo.convert("CMYK").save(GOLDEN / "cmyk.jpg", quality=90)
    photo.save(GOLDEN / "photo.webp", quality=80)
    photo.save(GOLDEN / "rgb.bmp")
    photo.convert("1").save(GOLDEN / "one-bit.png")
    photo.quantize(16).save(GOLDEN / "palette.png")
    photo.quantize(16).save(GOLDEN / "palette-transparent.gif", transparency=3)
    Image.merge("LA", [gray, Image.fromarray(alpha)]).save(GOLDEN / "gray-alpha.png")
    Image.fromarray(np.dstack([rgb, alpha])).save(GOLDEN / "rgba.png")
    wide = (np.asarray(gray).astype(np.uint32) * 257 + np.arange(rgb.shape[1])[None] * 3 % 200).clip(0, 65535)
    Image.fromarray(wide.astype(np.uint16)).save(GOLDEN / "gray16.png")
    Image.fromarray(wide.astype(np.uint16)).save(GOLDEN / "gray16.tif")
    deep = (rgb.astype(np.uint32) * 257).astype(np.uint16)
    (GOLDEN / "rgb16.png").write_bytes(png((16, 2), rows_of(deep), rgb.shape[1], rgb.shape[0]))


def main() -> None:
    """Write inputs and expectations."""
    GOLDEN.mkdir(exist_ok=True)
    write_inputs()
    decoded = {path.name: decode(path) for path in sorted(GOLDEN.iterdir()) if path.suffix != ".npz"}
    np.savez_compressed(GOLDEN / "decoded.npz", **decoded)
    np.savez_compressed(
        GOLDEN / "resized.npz", **{name: resize(decoded["rgb.bmp"], SIZE, rule) for name, rule in RULES.items()}
    )


if __name__ == "__main__":
    main()
