"""Batches: right pixels in the right order, damaged files skipped, threads gone when the work is over."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from zoo.data import Arrays, Dataset, batches, load, resize
from zoo.errors import DataError, OptionError
from zoo.specs import ResizeRule
from zoo_vision.intake import ImageIntake

RULE = ResizeRule(mode="crop", crop_fraction=0.875, interpolation="bicubic")
SQUARE = {size: ImageIntake(size=size, rule=RULE) for size in (8, 32, 64)}


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("zoo-")}


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = threads()
    yield
    assert threads() == before


def test_pixels_and_order(few_flowers):
    data = load(few_flowers)
    order = np.random.default_rng(0).permutation(len(data))
    found = list(batches(data, order, intake=SQUARE[64], batch_size=13, workers=3))
    assert [len(batch.positions) for batch in found] == [13, 13, 13, 13, 8]
    np.testing.assert_array_equal(np.concatenate([batch.positions for batch in found]), order)
    pixels = np.concatenate([batch.arrays for batch in found])
    assert pixels.dtype == np.uint8
    for place, index in enumerate(order):
        np.testing.assert_array_equal(pixels[place], resize(data.image(index), 64, RULE))


def test_number_of_threads_changes_nothing(few_flowers):
    data = load(few_flowers)
    runs = [
        np.concatenate([b.arrays for b in batches(data, range(len(data)), intake=SQUARE[32], workers=workers)])
        for workers in (1, 4)
    ]
    np.testing.assert_array_equal(*runs)


def test_damaged_files_are_skipped_told_and_the_batches_stay_full(few_flowers):
    data = load(few_flowers)
    victim = data.path(3)
    victim.write_bytes(victim.read_bytes()[:2000])
    data.path(20).write_bytes(b"")
    told = []
    found = list(
        batches(
            data,
            range(40),
            intake=SQUARE[32],
            batch_size=16,
            on_skip=lambda name, reason: told.append((name, reason)),
        )
    )
    assert [len(batch.positions) for batch in found] == [16, 16, 6]
    assert not {3, 20} & set(np.concatenate([batch.positions for batch in found]))
    assert [name for name, _ in told] == [data.ids[3], data.ids[20]]
    assert "truncated" in told[0][1]
    assert told[1][1] == "the file is empty"
    with pytest.warns(UserWarning, match=f"skipped {data.ids[3]}: .*truncated"):
        list(batches(data, [2, 3], intake=SQUARE[32]))
    assert list(batches(data, [3, 20], intake=SQUARE[32], on_skip=lambda *_: None)) == []
    assert list(batches(data, [], intake=SQUARE[32])) == []


def test_transform_gets_the_resized_image_and_its_index(photos):
    data = Arrays(photos)
    before = photos.copy()
    seen = {}

    def brand(image, index, boxes):
        seen[index] = image.shape
        image[:4, :4] = index  # in place: must not reach the caller's array
        return image, boxes

    for size in (224, 48):
        (batch,) = batches(data, [5, 2, 7], intake=ImageIntake(size=size, rule=RULE), transform=brand)
        assert batch.arrays[:, 0, 0, 0].tolist() == [5, 2, 7]
        assert seen == dict.fromkeys((5, 2, 7), (size, size, 3))
    np.testing.assert_array_equal(photos, before)


def test_errors_come_through_and_end_the_threads(photos):
    data = Arrays(photos)

    def broken(image, index, boxes):
        if index == 3:
            raise ZeroDivisionError("from the transform")
        return image, boxes

    with pytest.raises(ZeroDivisionError, match="from the transform"):
        list(batches(data, range(8), intake=SQUARE[32], transform=broken))
    with pytest.raises(OptionError, match=r"the transform of 0 gave float32 \(32, 32, 3\)"):
        list(
            batches(
                data,
                range(8),
                intake=SQUARE[32],
                transform=lambda image, index, boxes: (image.astype(np.float32), boxes),
            )
        )

    def refuse(name, reason):
        raise KeyError(name)

    class Half(Dataset):
        def read(self, row):
            if row % 2:
                raise DataError(f"{row} is damaged")
            return np.zeros((4, 4, 3), np.uint8)

    half = Half("half", ids=[str(number) for number in range(100)])
    with pytest.raises(KeyError):
        list(batches(half, range(100), intake=SQUARE[8], on_skip=refuse))


class Counted(Dataset):
    """Counts what was read."""

    def __init__(self, count: int, pause: float = 0.0) -> None:
        super().__init__("counted", ids=[str(number) for number in range(count)])
        self.reads = 0
        self.pause = pause

    def read(self, row: int) -> np.ndarray:
        self.reads += 1
        time.sleep(self.pause)
        return np.full((4, 4, 3), row % 256, np.uint8)


def test_reading_ahead_is_bounded():
    data = Counted(5000)
    stream = batches(data, range(5000), intake=SQUARE[8], batch_size=16, workers=2)
    next(stream)
    previous = -1
    while previous != data.reads:  # until the threads have nothing left to do
        previous = data.reads
        time.sleep(0.05)
    assert 16 <= data.reads <= 16 + 2 * 16 + 8 * 4
    stream.close()


def test_closing_early_ends_the_threads_and_drops_the_work():
    data = Counted(400, pause=0.002)
    stream = batches(data, range(400), intake=SQUARE[8], batch_size=8, workers=2)
    next(stream)
    assert threads()
    stream.close()
    assert not threads()
    assert data.reads < 100
    never_started = batches(data, range(400), intake=SQUARE[8])
    assert not threads()
    del never_started


def test_wrong_arguments_are_refused_at_once(photos):
    data = Arrays(photos)
    for options in ({"batch_size": 0}, {"batch_size": 8.0}, {"workers": 0}):
        with pytest.raises(OptionError, match="must be a whole number of 1 or more"):
            batches(data, [0], intake=SQUARE[8], **options)
    with pytest.raises(DataError, match=r"indices must lie in 0\.\.7"):
        batches(data, [8], intake=SQUARE[8])


def test_pixels_at_hand_are_read_without_threads_and_others_with(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)

    def no_threads(*args, **kwargs):
        raise AssertionError("a thread")

    monkeypatch.setattr("zoo.data.batching.ThreadPoolExecutor", no_threads)
    found = [*batches(Arrays(pixels), [4, 0, 2], intake=SQUARE[8], batch_size=2)]
    assert [batch.positions.tolist() for batch in found] == [[4, 0], [2]]
    assert np.array_equal(np.concatenate([batch.arrays for batch in found]), pixels[[4, 0, 2]])
    for other, size in ((Arrays(pixels), 9), (Arrays(pixels / 1.0), 8), (Arrays(list(pixels)), 8)):
        with pytest.raises(AssertionError, match="a thread"):
            next(batches(other, [0], intake=ImageIntake(size=size, rule=RULE)))
