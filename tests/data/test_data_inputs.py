"""One reader for everything a picture can be: the same pixels by path, Pillow image, bytes, open file, array."""

from __future__ import annotations

import io
import itertools
import os
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.data import Arrays, decode, gathering, images, load
from zoo.errors import DataError
from zoo.pictures.reading import read_header
from zoo.registry import ZooNotice

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)


def only(source: Any) -> np.ndarray:
    ((_, image),) = images(source)
    return image


def turned(orientation: int) -> Image.Exif:
    note = Image.Exif()
    note[0x112] = orientation
    return note


def kinds() -> dict[str, tuple[Image.Image, dict[str, Any]]]:
    plain = Image.fromarray(PIXELS)
    alpha = Image.fromarray(np.dstack([PIXELS, PIXELS[..., 0]]))
    return {
        "plain.png": (plain, {}),
        "turned.jpg": (plain, {"exif": turned(6)}),
        "turned.tif": (plain, {"tiffinfo": {274: 6}}),
        "turned8.png": (plain, {"exif": turned(8)}),
        "cmyk.jpg": (plain.convert("CMYK"), {}),
        "palette.gif": (plain.quantize(16), {}),
        "alpha.png": (alpha, {}),
        "gray_alpha.png": (alpha.convert("LA"), {}),
        "one_bit.png": (plain.convert("1"), {}),
        "sixteen.png": (Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 109), {}),
    }


@pytest.mark.parametrize("name", kinds())
def test_a_picture_is_the_same_in_every_form(name: str, tmp_path: Path) -> None:
    picture, options = kinds()[name]
    path = tmp_path / name
    picture.save(path, **options)
    expected, header = decode(path), read_header(path)
    assert expected.shape == (header.height, header.width, 3)
    assert expected.shape[:2] == ((30, 20) if name.startswith("turned") else (20, 30))
    data = path.read_bytes()
    buffer = io.BytesIO()
    picture.save(buffer, format=Image.registered_extensions()[path.suffix], **options)  # its position is the end
    opened = Image.open(path)
    with path.open("rb") as file:
        forms: list[Any] = [path, str(path), data, bytearray(data), io.BytesIO(data), buffer, file, opened, [opened]]
        for form in forms:
            np.testing.assert_array_equal(only(form), expected)
    np.testing.assert_array_equal(only(Image.open(path).copy() if "sixteen" not in name else opened), expected)
    many = Arrays([data, Image.open(path), io.BytesIO(data), str(path)], [0, 1, 0, 1])
    for index in range(4):
        np.testing.assert_array_equal(many.image(index), expected)
    np.testing.assert_array_equal(load(([Image.open(path), path], ["a", "b"])).image(0), expected)


def test_a_turned_file_is_upright_once_in_every_orientation(tmp_path: Path) -> None:
    for orientation in range(1, 9):
        for suffix, options in ((".png", {"exif": turned(orientation)}), (".tif", {"tiffinfo": {274: orientation}})):
            path = tmp_path / f"{orientation}{suffix}"
            Image.fromarray(PIXELS).save(path, **options)  # type: ignore[arg-type]
            header = read_header(path)
            assert decode(path).shape == (header.height, header.width, 3), path
            assert header.orientation == orientation
        np.testing.assert_array_equal(decode(tmp_path / f"{orientation}.tif"), decode(tmp_path / f"{orientation}.png"))


def tiff(path: Path, values: np.ndarray, bits: int, photometric: int) -> Path:
    """Writes a gray TIFF by hand: Pillow writes neither 12 bits nor 16 bits with 0 as white."""
    if bits == 12:
        pairs = zip(values.reshape(-1)[::2].tolist(), values.reshape(-1)[1::2].tolist(), strict=True)
        data = b"".join(bytes([a >> 4, ((a & 15) << 4) | (b >> 8), b & 255]) for a, b in pairs)
    else:
        data = values.astype("<u2" if bits == 16 else "u1").tobytes()
    height, width = values.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height)]
    tags.append((279, len(data)))
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + struct.pack("<I", 0))
    return path


def test_tiff_of_12_and_16_bits_and_with_0_as_white(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64).astype(int).reshape(8, 8)
    black = {bits: decode(tiff(tmp_path / f"{bits}.tif", ramp >> (16 - bits), bits, 1)) for bits in (8, 12, 16)}
    white = {bits: decode(tiff(tmp_path / f"w{bits}.tif", ramp >> (16 - bits), bits, 0)) for bits in (8, 16)}
    assert [image[[0, -1], [0, -1], 0].tolist() for image in black.values()] == [[0, 255]] * 3
    assert [image[[0, -1], [0, -1], 0].tolist() for image in white.values()] == [[255, 0]] * 2
    assert np.abs(black[12].astype(int) - black[16]).max() <= 1
    np.testing.assert_array_equal(white[16], 255 - black[16])


def test_arrays_with_transparency_are_laid_over_white_as_files_are(tmp_path: Path) -> None:
    rgba = np.dstack([PIXELS, PIXELS[..., 1]])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    expected = decode(tmp_path / "a.png")
    np.testing.assert_array_equal(only(rgba), expected)
    np.testing.assert_array_equal(only(rgba[None]), expected)
    np.testing.assert_array_equal(Arrays(np.stack([rgba, rgba]), [0, 1]).image(1), expected)
    np.testing.assert_array_equal(Arrays([rgba, PIXELS]).image(0), expected)
    assert np.abs(only(rgba.astype(np.float32)) - expected).max() <= 1
    gray = rgba[..., 2:]  # gray and alpha
    Image.fromarray(gray).save(tmp_path / "la.png")
    np.testing.assert_array_equal(only(gray), decode(tmp_path / "la.png"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (PIXELS.transpose(2, 0, 1), r"one image with its channels first .* or 3 gray ones"),
        (PIXELS.transpose(2, 0, 1)[None], "looks channels first"),
        ((PIXELS[None], np.array([1])), "a pair .images, answers."),
        ((np.stack([PIXELS] * 3), ["a", "b", "c"]), "a pair .images, answers."),
        ((np.stack([PIXELS] * 3), np.eye(3)), "a pair .images, answers."),
        ((["a.jpg", "b.jpg"], [0, 1]), "a pair .images, answers."),
        ({"x": PIXELS}, "got a mapping"),
        (3.5, "shape"),
        (object(), "Pillow image, or the bytes of a file; got object"),
        (np.zeros((2, 2, 8, 8, 3), np.uint8), "shape"),
        (PIXELS.astype(np.float32) / 127.5 - 1, r"go from -1 to 1\. It looks scaled to -1\.\.1"),
        (PIXELS.astype(np.uint16) * 257, "It looks like 16-bit data"),
        (np.where(PIXELS[0, 0, 0] == PIXELS, -0.02, PIXELS / 255), "It looks divided by 255, and resized"),
        ("photos/*.nothing", r"no file matches 'photos/\*\.nothing'"),
    ],
)
def test_what_is_no_picture_or_could_be_two_things(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(images(source))


def test_one_gray_picture_and_several_are_told_apart() -> None:
    assert [image.shape for _, image in images(PIXELS[..., 0])] == [(20, 30, 3)]
    assert [image.shape for _, image in images(np.zeros((7, 20, 30), np.uint8) + 9)] == [(20, 30, 3)] * 7
    assert [image.shape for _, image in images(PIXELS[None, ..., 0])] == [(20, 30, 3)]


def test_lists_series_generators_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.new("RGB", (4, 4), (number * 50,) * 3).save(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    names = np.array([str(path) for path in paths])
    for source in (paths, tuple(paths), iter(paths), names, names.astype(object), f"{tmp_path}/*.png", "~/?.png"):
        assert [int(image[0, 0, 0]) for _, image in images(source)] == [0, 50, 100]
    assert [int(image[0, 0, 0]) for _, image in images("~/1.png")] == [50]
    for data in (
        iter(paths),
        names,
        f"{tmp_path}/*.png",
        (names, ["a", "b", "a"]),
        (iter(paths), iter(["a", "b", "a"])),
    ):
        assert len(load(data)) == 3
    assert [name for name, _ in images(load(tmp_path))] == ["0.png", "1.png", "2.png"]
    pictures = [np.full((4, 4, 3), 9, np.uint8), paths[1], Image.open(paths[2])]
    assert [int(load(pictures).image(index)[0, 0, 0]) for index in range(3)] == [9, 50, 100]
    (tmp_path / "[1].png").write_bytes(paths[1].read_bytes())  # a name, not a pattern
    assert int(only("[1].png")[0, 0, 0]) == 50


def test_one_bad_file_in_a_list_is_named_and_the_others_are_answered(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.fromarray(PIXELS).save(good)
    bad.write_bytes(b"")
    with pytest.warns(ZooNotice, match=r"skipped: .*bad\.png: the file is empty"):
        assert [name for name, _ in images([str(good), str(bad), str(good)])] == [str(good)] * 2
    with pytest.raises(DataError, match="the file is empty"):
        list(images([good, bad], strict=True))
    with pytest.raises(DataError, match="the file is empty"):
        list(images(bad))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match="none of the 2 images can be read"):
            list(images([bad, bad]))


def test_a_stream_that_gives_the_same_images_again_and_again_is_refused_early() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)
    pixels[5] = pixels[0]  # a copy is no new beginning
    batches = [(pixels[at : at + 4], np.arange(4) % 2) for at in (0, 4, 8)]
    with pytest.raises(DataError, match="same 12 images over and over"):
        load(itertools.cycle(batches))
    assert len(load(iter(batches * 15))) == 180


def test_what_never_ends_is_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gathering, "IMAGES_LIMIT", 100)
    monkeypatch.setattr(gathering, "ITEMS_LIMIT", 200)
    monkeypatch.setattr("zoo.data.streams.IMAGES_LIMIT", 100)
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    batch = np.zeros((4, 8, 8, 3), np.uint8), np.arange(4) % 2
    for source, limit in (
        (itertools.cycle([PIXELS]), 100),
        (itertools.cycle([str(tmp_path / "a.png")]), 200),
        (itertools.cycle([batch]), 100),
    ):
        with pytest.raises(DataError, match=rf"{limit} were read: zoo stops there"):
            load(source)
    with pytest.raises(DataError, match="100 were read"):
        list(images(itertools.cycle([PIXELS])))
    few = load(iter([batch] * 3))  # a generator that ends
    assert (len(few), few.targets.tolist()) == (12, [0, 1] * 6)
    monkeypatch.setattr(gathering, "IMAGES_LIMIT", 10**6)
    monkeypatch.setattr(gathering, "MEMORY_LIMIT", PIXELS.nbytes * 50)
    with pytest.raises(DataError, match="reads it into memory"):
        load(itertools.cycle([PIXELS]))


def test_divided_by_255_is_judged_by_nearly_all_pixels() -> None:
    scaled = PIXELS / np.float32(255)
    scaled[0, 0] = 1.3  # resizing overshoots
    dark = np.zeros((20, 30), np.float32)
    dark[5:8, 5:8] = 200  # few pixels, and those are not scaled
    for source in (scaled, np.stack([scaled, scaled])):
        with pytest.warns(ZooNotice, match="nearly all are at most 1"):
            list(images(source))
    with pytest.warns(ZooNotice, match="look divided by 255"):
        Arrays([scaled, scaled])
    with pytest.warns(ZooNotice, match="in 1 of 2 pictures"):
        Arrays([scaled, PIXELS.astype(np.float32)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Arrays([dark, dark])
        list(images(dark))
        list(images(PIXELS))


def test_paths_that_cannot_be_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.jpg")
    for name, reason in (
        ("pipe.jpg", "no file but a named pipe"),
        ("~nosuchuser/x.jpg", "there is no such file"),
        ("x" * 300 + ".jpg", "File name too long"),
        ("a\0.jpg", "there can be no such file"),
        ("/dev/zero", "no file but a named pipe"),
    ):
        with pytest.raises(DataError, match=reason):
            decode(name)
        with pytest.raises(DataError):
            list(images(name))
        with pytest.raises(DataError):
            load(name)
    Image.fromarray(PIXELS).save("~lock.jpg")
    (tmp_path / "~scratch").mkdir()
    Image.fromarray(PIXELS).save("~scratch/a.png")
    assert len(load(["~lock.jpg"])) == len(load("./~scratch")) == len(load("~scratch")) == 1
    with pytest.raises(DataError, match="open for text"), Path(__file__).open() as file:
        list(images(file))
