"""The one decoder and the one resize rule, against golden files and against what the formats mean."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from zoo.data import decode, resize
from zoo.errors import DataError
from zoo.pictures.reading import EXTENSIONS, MAX_PIXELS, read_header
from zoo.specs import ResizeRule

GOLDEN = Path(__file__).parent / "golden"
_spec = importlib.util.spec_from_file_location("make_golden", Path(__file__).parent / "make_golden.py")
make_golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_golden)


def saved(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


# -- golden files -----------------------------------------------------------------------------------------------------


def test_decoder_gives_the_golden_pixels():
    expected = np.load(GOLDEN / "decoded.npz", allow_pickle=False)
    inputs = sorted(path.name for path in GOLDEN.iterdir() if path.suffix != ".npz")
    assert inputs == sorted(expected.files)
    assert len(inputs) >= 14
    for name in inputs:
        pixels = decode(GOLDEN / name)
        np.testing.assert_array_equal(pixels, expected[name], err_msg=name)
        assert pixels.flags.writeable


@pytest.mark.parametrize("name", make_golden.RULES)
def test_resize_gives_the_golden_pixels(name):
    expected = np.load(GOLDEN / "resized.npz", allow_pickle=False)
    image = decode(GOLDEN / "rgb.bmp")
    before = image.copy()
    np.testing.assert_array_equal(resize(image, make_golden.SIZE, make_golden.RULES[name]), expected[name])
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("rgb.jpg", 12), ("rotated.jpg", 12), ("cmyk.jpg", 14), ("photo.webp", 60), ("rgb16.png", 0), ("rgba.png", 255)],
)
def test_golden_pixels_show_the_picture_that_was_drawn(name, tolerance):
    """Golden files alone would also freeze a mistake: the colors are those of the picture, up to the lossy format."""
    drawn = decode(GOLDEN / "rgb.bmp").astype(int)
    if name == "rotated.jpg":
        drawn = np.rot90(drawn, -1)
    got = decode(GOLDEN / name).astype(int)
    assert got.shape == drawn.shape
    if name == "rgba.png":
        alpha = np.linspace(0, 255, drawn.shape[1]).astype(np.uint8)[None, :, None] / 255
        np.testing.assert_allclose(got, drawn * alpha + 255 * (1 - alpha), atol=1.0)
    else:
        assert np.abs(got - drawn).mean() <= tolerance


# -- what the formats mean --------------------------------------------------------------------------------------------

SMALL = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
UPRIGHT = {  # EXIF orientation -> stored pixels to seen pixels, by the Exif standard
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if form == "WEBP" else {}
    data = saved(Image.fromarray(SMALL), form, exif=exif, **lossless)
    np.testing.assert_array_equal(decode(data), UPRIGHT[orientation](SMALL))


def test_sixteen_bit_values_are_scaled_not_clipped(tmp_path):
    values = np.array([[0, 128, 129, 257], [32768, 40000, 65406, 65535]], np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)
    for form in ("PNG", "TIFF", "PPM"):
        got = decode(saved(Image.fromarray(values), form))
        np.testing.assert_array_equal(got, expected[:, :, None].repeat(3, 2), err_msg=form)


def test_sixteen_bit_gray_may_have_a_transparent_value():
    values = np.array([[1000, 65535], [1000, 0]], np.uint16)
    data = make_golden.png((16, 0), make_golden.rows_of(values), 2, 2, (b"tRNS", (1000).to_bytes(2, "big")))
    np.testing.assert_array_equal(decode(data)[:, :, 0], [[255, 255], [255, 0]])


def test_transparent_pixels_are_white():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (200, 100, 50, 255)
    rgba[0, 1] = (200, 100, 50, 0)
    got = decode(saved(Image.fromarray(rgba), "PNG"))
    np.testing.assert_array_equal(got[0], [(200, 100, 50), (255, 255, 255)])
    np.testing.assert_array_equal(got[1], 255)
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([9, 8, 7, 200, 0, 0])
    got = decode(saved(palette, "PNG", transparency=0))
    np.testing.assert_array_equal(got, [[(255, 255, 255), (200, 0, 0)]])


def test_gray_one_bit_and_cmyk_become_rgb():
    ones = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    np.testing.assert_array_equal(decode(saved(ones, "PNG"))[:, :, 1], [[0, 255], [255, 0]])
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    for form in ("JPEG", "TIFF"):
        np.testing.assert_allclose(decode(saved(cyan, form))[8, 8], (0, 255, 255), atol=3)


def test_first_frame_of_a_moving_picture():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(data)[0, 0], (255, 0, 0))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_lose_the_picture():
    good = saved(Image.fromarray(SMALL), "PNG")
    data = saved(Image.fromarray(SMALL), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\xff\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(data), decode(good))


def test_real_photos_are_decoded_in_full(shared_data):
    """No shortcut such as Pillow's `draft`, which gives a smaller JPEG than the file holds."""
    for folder in sorted((shared_data / "flowers5").iterdir()):
        path = sorted(folder.iterdir())[7]
        np.testing.assert_array_equal(decode(path), np.asarray(Image.open(path).convert("RGB")))
        np.testing.assert_array_equal(decode(path.read_bytes()), decode(path))


# -- what is not an image ---------------------------------------------------------------------------------------------


def test_errors_name_the_file_and_the_reason(tmp_path, shared_data):
    photo = next(iter(sorted((shared_data / "flowers5" / "daisy").glob("*.jpg"))))
    half = tmp_path / "half.jpg"
    half.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    empty = tmp_path / "empty.png"
    empty.touch()
    text = tmp_path / "text.jpg"
    text.write_text("hello, I am not a picture")
    for path, reason in (
        (half, "truncated"),
        (empty, "the file is empty"),
        (text, "not an image in a format zoo reads (JPEG, PNG"),
        (tmp_path / "gone.jpg", "there is no such file"),
        (tmp_path, "it is a folder"),
    ):
        with pytest.raises(DataError) as caught:
            decode(path)
        assert str(caught.value).startswith(f"{path}: "), str(caught.value)
        assert reason in str(caught.value)
    assert decode(photo).shape[2] == 3
    assert read_header(half) == read_header(photo)  # a torn file's header is whole
    with pytest.raises(DataError, match="the file is empty"):
        read_header(empty)
    with pytest.raises(DataError, match="not an image"):
        read_header(text)


def test_the_header_of_a_png_is_read_without_its_pixels(tmp_path, monkeypatch):
    Image.fromarray(SMALL).save(tmp_path / "a.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decodes"))
    assert (read_header(tmp_path / "a.png").width, read_header(tmp_path / "a.png").orientation) == (SMALL.shape[1], 1)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decompression_bomb_is_refused_by_its_header(tmp_path):
    side = int(MAX_PIXELS**0.5) + 1
    for width in (side, 100_000):
        bomb = make_golden.png((8, 2), b"\0" * 1000, width, width)
        with pytest.raises(DataError, match="decompression bomb"):
            decode(bomb)
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb)
    with pytest.raises(DataError, match="decompression bomb"):
        read_header(path)


def test_postscript_is_never_handed_to_ghostscript(tmp_path):
    data = saved(Image.fromarray(SMALL), "EPS")
    assert Image.open(io.BytesIO(data)).format == "EPS"  # Pillow would take it
    with pytest.raises(DataError, match="not an image in a format zoo reads"):
        decode(data)
    assert ".eps" not in EXTENSIONS


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(path.name for path in GOLDEN.iterdir() if path.suffix != ".npz")),
    changes=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 400),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_give_an_image_or_a_data_error(name, changes, cut):
    data = bytearray((GOLDEN / name).read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    try:
        image = decode(bytes(data[: len(data) - cut] if cut else data))
    except DataError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


# -- the resize rule --------------------------------------------------------------------------------------------------

RULES = st.builds(
    ResizeRule,
    mode=st.sampled_from(["crop", "stretch", "pad"]),
    crop_fraction=st.sampled_from([1.0, 0.875, 0.9, 0.5]),
    interpolation=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
)


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 90), width=st.integers(1, 90), size=st.integers(1, 64), rule=RULES, level=st.integers(0, 255)
)
def test_resize_gives_the_square_and_keeps_a_plain_color(height, width, size, rule, level):
    image = np.full((height, width, 3), level, np.uint8)
    result = resize(image, size, rule)
    assert result.shape == (size, size, 3)
    assert result.dtype == np.uint8
    if rule.mode == "pad":
        assert set(np.unique(result)) <= {0, level}
        assert result.max() == level
    else:
        assert (result == level).all()


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 40), rule=RULES, seed=st.integers(0, 2**32 - 1))
def test_an_image_of_the_right_size_is_untouched(size, rule, seed):
    image = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    assert resize(image, size, rule) is image


@settings(max_examples=40, deadline=None)
@given(height=st.integers(2, 60), width=st.integers(2, 60), mode=st.sampled_from(["stretch", "pad"]))
def test_resize_treats_height_and_width_alike(height, width, mode):
    image = np.random.default_rng(height * 64 + width).integers(0, 256, (height, width, 3), np.uint8)
    rule = ResizeRule(mode=mode)
    turned = resize(np.ascontiguousarray(image.transpose(1, 0, 2)), 32, rule)
    difference = resize(image, 32, rule).transpose(1, 0, 2).astype(int) - turned
    assert np.abs(difference).max() <= 1  # Pillow rounds to uint8 between its horizontal and its vertical pass


@pytest.mark.parametrize(
    ("height", "width", "size", "fraction", "short", "box"),
    [  # worked by hand from torchvision's Resize(short) and CenterCrop(size)
        (300, 200, 224, 0.875, (256, 384), (16, 80)),
        (200, 300, 224, 0.875, (384, 256), (80, 16)),
        (
            240,
            321,
            224,
            1.0,
            (299, 224),
            (38, 0),
        ),  # 224 * 321 // 240 = 299; (299 - 224) / 2 = 37.5 -> 38 (half to even)
        (100, 101, 96, 0.9, (107, 106), (6, 5)),
        (640, 480, 64, 0.875, (73, 97), (4, 16)),  # so much smaller that Pillow's reducing_gap would change pixels
    ],
)
def test_crop_is_that_of_torchvision(height, width, size, fraction, short, box):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    rule = ResizeRule(mode="crop", crop_fraction=fraction, interpolation="bicubic")
    left, top = box
    whole = Image.fromarray(image).resize(short, Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(
        resize(image, size, rule), np.asarray(whole.crop((left, top, left + size, top + size)))
    )


def test_making_smaller_is_antialiased():
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    small = resize(board[:, :, None].repeat(3, 2).astype(np.uint8), 32, ResizeRule(mode="stretch"))
    assert np.abs(small.astype(int) - 127).max() <= 3


def test_pad_puts_the_picture_in_the_middle_of_black():
    image = np.full((10, 40, 3), 200, np.uint8)
    rows = resize(image, 20, ResizeRule(mode="pad")).max(axis=(1, 2))
    np.testing.assert_array_equal(rows, [0] * 7 + [200] * 5 + [0] * 8)


def test_resize_refuses_what_is_not_a_picture():
    rule = ResizeRule()
    for image in (
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ):
        with pytest.raises(DataError, match="must be uint8"):
            resize(image, 4, rule)
    with pytest.raises(DataError, match="too long and narrow"):
        resize(np.zeros((1, 60_000, 3), np.uint8), 224, rule)


def test_reading_data_needs_no_tensorflow(shared_data):
    """In a fresh process: folder, check, split and batches, and TensorFlow and Keras are not loaded."""
    program = (
        "import sys, zoo.data, zoo.augment\n"
        "from zoo_vision.intake import ImageIntake\n"
        f"d = zoo.data.load({str(shared_data / 'mednist6')!r})\n"
        "zoo.data.check(d); s = zoo.data.split(d)\n"
        "b = next(zoo.data.batches(d, s.validation, intake=ImageIntake(size=64)))\n"
        "assert b.arrays.shape == (32, 64, 64, 3)\n"
        "print(sorted(m for m in ('tensorflow', 'keras', 'sklearn', 'matplotlib') if m in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
