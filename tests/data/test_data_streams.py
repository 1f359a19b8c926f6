"""tf.data and keras PyDataset: read once, images and answers together."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import tiny_model

import zoo
from zoo.data import load, spool
from zoo.errors import DataError
from zoo.registry import ZooNotice
from zoo.specs import BOX_LABELS, Output

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    raw = load_digits()
    return np.rint(raw.images[:70] * 15.9375).astype(np.uint8), raw.target[:70]


def test_forms_of_a_tf_dataset(digits):
    x, y = digits
    color = x[..., None].repeat(3, -1)
    one_hot = np.eye(10, dtype=np.float32)[y]
    for data in (
        tf.data.Dataset.from_tensor_slices((color, y)),
        tf.data.Dataset.from_tensor_slices((color, y)).batch(16),
        tf.data.Dataset.from_tensor_slices((color.astype(np.float32), one_hot)).batch(16),
        tf.data.Dataset.from_tensor_slices((x[..., None], one_hot)),
        tf.data.Dataset.from_tensor_slices((x, y)),
        tf.data.Dataset.from_tensor_slices((x, y)).batch(16),
    ):
        read = load(data)
        assert read.task == "classification"
        assert read.targets.tolist() == y.tolist()
        np.testing.assert_array_equal(read.image(37), color[37])
    unlabeled = load(tf.data.Dataset.from_tensor_slices(color).batch(8))
    assert unlabeled.targets is None
    assert len(unlabeled) == 70


def test_images_and_answers_stay_together_when_the_source_shuffles(digits):
    x, y = digits
    x = x.copy()
    x[:, 0, 0] = y  # each image carries its answer
    read = load(tf.data.Dataset.from_tensor_slices((x, y)).shuffle(70, reshuffle_each_iteration=True).batch(8))
    assert [int(read.image(index)[0, 0, 0]) for index in range(70)] == read.targets.tolist()
    assert read.targets.tolist() != y.tolist()


def test_image_dataset_from_directory(few_flowers):
    """What Keras makes of a folder: labels come along, and can be renumbered."""
    for mode in ("int", "categorical"):
        data = keras.utils.image_dataset_from_directory(
            few_flowers, image_size=(40, 48), batch_size=7, label_mode=mode, shuffle=False, verbose=0
        )
        read = load(data)
        assert read.labels == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
        assert read.counts() == dict.fromkeys(read.labels, 12)
        assert read.image(0).shape == (40, 48, 3)
        assert load(data, labels=read.labels[::-1]).targets.tolist() == [4 - target for target in read.targets]


def test_images_of_any_size():
    def give():
        for side in (3, 9, 5):
            yield np.full((side, side + 5, 3), side, np.uint8), side % 2

    spec = (tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int32))
    read = load(tf.data.Dataset.from_generator(give, output_signature=spec))
    assert [read.image(index).shape for index in range(3)] == [(3, 8, 3), (9, 14, 3), (5, 10, 3)]
    assert read.targets.tolist() == [1, 1, 1]


class Pages(keras.utils.PyDataset):
    def __init__(self, x, y, size=16):
        super().__init__()
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, number):
        place = slice(number * self.size, (number + 1) * self.size)
        return self.x[place], self.y[place]


def test_py_dataset(digits):
    x, y = digits
    read = load(Pages(x[..., None], y), labels=tuple("0123456789"))
    assert read.labels == tuple("0123456789")
    assert read.targets.tolist() == y.tolist()
    np.testing.assert_array_equal(read.image(69)[..., 1], x[69])


def test_streams_that_cannot_be_used(digits, monkeypatch):
    x, y = digits
    pairs = tf.data.Dataset.from_tensor_slices((x[..., None], y))
    for data, message in (
        (pairs.repeat(), "never ends"),
        (pairs.take(0), "is empty"),
        (tf.data.Dataset.from_tensor_slices((x[..., None], y, y)), "gives 3 things at a time"),
        (tf.data.Dataset.from_tensor_slices({"image": x, "label": y}), "gives dicts with image, label"),
        (tf.data.Dataset.from_tensor_slices((x[..., None] / -2.0, y)), r"must lie in 0\.\.255"),
        (
            tf.data.Dataset.from_tensor_slices((x[:64].reshape(64, 64), y[:64])).batch(4).batch(2).batch(2).batch(2),
            "expected images",
        ),
    ):
        with pytest.raises(DataError, match=message):
            load(data)
    with pytest.warns(UserWarning, match="look divided by 255"):
        load(pairs.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label)))


# -- more than memory should hold -------------------------------------------------------------------------------------


def drawn(count: int, side: int = 16) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of pictures of many sizes' worth, darker and lighter ones by turns."""
    for start in range(0, count, 50):
        draw = np.random.default_rng(start)
        pictures = draw.integers(0, 100, (50, side, side, 3), dtype=np.uint8)
        pictures[1::2] += 120
        yield pictures, np.arange(50) % 2


def test_what_goes_to_disk_is_what_stays_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))
    few = load(drawn(200))
    monkeypatch.setattr(spool, "IN_MEMORY", 60_000)
    many = load(drawn(200))
    assert isinstance(many._images, spool.Spool)
    assert not isinstance(few._images, spool.Spool)
    assert many.fingerprint() == few.fingerprint()
    np.testing.assert_array_equal(many.targets, few.targets)
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(many.image, range(200)))
    for index, picture in enumerate(read):
        np.testing.assert_array_equal(picture, few.image(index))
    np.testing.assert_array_equal(many.subset([150, 3]).image(1), few.image(3))
    assert list(tmp_path.glob("zoo-stream-*")) == []  # the file has no name: nothing can be left of it


def test_a_full_disk_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(spool, "IN_MEMORY", 60_000)
    monkeypatch.setattr(spool, "LEFT_FREE", 2**60)
    with pytest.raises(DataError, match=r"does not fit on the disk.*less than .* GB are free.*ZOO_CACHE_DIR"):
        load(drawn(200))


def test_a_model_learns_from_it_as_from_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tiny_model(zoo.classifier(["dark", "light"])).fit(drawn(200), recipe="lp-ft", epochs=1, seed=3)
    monkeypatch.setattr(spool, "IN_MEMORY", 60_000)
    run = tiny_model(zoo.classifier(["dark", "light"])).fit(drawn(200), recipe="lp-ft", epochs=1, seed=3)
    np.testing.assert_array_equal(run.validation.scores, expected.validation.scores)
    assert run.record.plan.data.fingerprint == expected.record.plan.data.fingerprint


MEMORY = """
import resource, sys
import numpy as np
sys.path[:0] = [{tests!r}]
from helpers.tiny import tiny_model
import zoo

def drawn(count):
    for start in range(0, count, 50):
        pictures = np.random.default_rng(start).integers(0, 100, (50, 64, 64, 3), dtype=np.uint8)
        pictures[1::2] += 120
        yield pictures, np.arange(50) % 2

run = tiny_model(zoo.classifier(["dark", "light"])).fit(drawn({count}), recipe="probe", verbose=0)
assert run.validation.accuracy > 0.9
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_stream() -> None:
    """20,000 pictures of 64 x 64 are 246 MB: at most 100 MB more at the peak than of 1,000."""
    peaks = []
    for count in (1_000, 20_000):
        program = MEMORY.format(tests=str(Path(__file__).parents[1]), count=count)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] - peaks[0] <= 100, peaks


# -- answers that only the head can tell apart ------------------------------------------------------------------------

ANSWERS = (
    Output(name="kind", labels=("even", "odd")),
    Output(name="box", task="box", labels=BOX_LABELS),
)


def several(y):
    """Two answers for every digit; the second carries it, so that a mixed-up order shows."""
    return {
        "kind": np.array(["even", "odd"])[y % 2],
        "box": np.stack([y / 20, y * 0.0, y / 20 + 0.5, y * 0 + 1.0], axis=1).astype(np.float32),
    }


@pytest.mark.parametrize("form", ["single", "batches", "pages"])
def test_several_answers_come_as_a_mapping(digits, form):
    x, y = digits
    answers = several(y)
    if form == "pages":
        data = PagesOfSeveral(x[..., None], y)
    else:
        data = tf.data.Dataset.from_tensor_slices((x[..., None], answers))
        data = data.batch(16) if form == "batches" else data
    read = load(data, outputs=ANSWERS)
    assert read.task == "multi-output"
    assert read.targets[:, 0].tolist() == (y % 2).tolist()
    np.testing.assert_array_equal(read.targets[:, 1:], answers["box"])
    np.testing.assert_array_equal(read.image(69)[..., 1], x[69])


class PagesOfSeveral(Pages):
    def __getitem__(self, number):
        x, y = super().__getitem__(number)
        return x, several(y)


def test_the_task_decides_what_the_numbers_of_a_stream_mean(digits):
    """Whole numbers and boxes look like classes and like values: the head says what they are."""
    x, y = digits
    whole = load(tf.data.Dataset.from_tensor_slices((x, y)).batch(16), labels=("value",), task="regression")
    assert whole.task == "regression"
    assert whole.targets[:, 0].tolist() == y.tolist()
    assert load(tf.data.Dataset.from_tensor_slices((x, several(y)["box"])), task="box").labels == BOX_LABELS


def test_answers_of_a_stream_that_do_not_go_together(digits):
    x, y = digits

    class Odd(Pages):
        def __getitem__(self, number):
            return x[:2, ..., None], self.y[number]

    for pages, message in (
        (({"a": y[:2]}, {"b": y[:2]}), r"the same entries in every batch; got a, then b"),
        (({"a": y[:2]}, y[:2]), "a mapping in every batch or in none"),
        (({"a": [0, 1]}, {"a": [[0, 1], [1, 0]]}), "'a' have different shapes"),
        (([0, 1], [[0, 1], [1, 0]]), "its answers have different shapes"),
        (({"a": 1}, {"a": 1}), "one for every example"),
        (([[1], [1, 2]],), "not all of the same shape"),
        ((y[:2], None), "answers in some batches and none in others"),
    ):
        with pytest.raises(DataError, match=message):
            load(Odd(x[: len(pages)], pages, size=1), outputs=ANSWERS)
    with pytest.raises(DataError, match="need outputs="):
        load(Odd(x[:1], [{"a": y[:2]}], size=1))
    with pytest.raises(DataError, match=r"images.* not all of the same shape"):
        load(Pages([[x[0], x[1, :4]]], [[0, 1]], size=1))


def test_a_stream_that_augments_is_noticed_and_one_that_shuffles_is_not(digits):
    pixels, numbers = digits[0][:24], digits[1][:24]
    plain = tf.data.Dataset.from_tensor_slices((pixels, numbers))
    rng = np.random.default_rng(0)

    def darker(x, y):
        # Not by tf.random, which draws the same in every pass where somebody has set its seed.
        return tf.numpy_function(lambda image: np.uint8(image * rng.uniform(0.2, 0.9)), [x], tf.uint8), y

    changed = plain.map(darker).batch(8)
    with pytest.warns(ZooNotice, match="gives other pictures each time it is read: it augments") as said:
        load(changed)
    assert len([note for note in said if "it augments" in str(note.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", ZooNotice)
        load(plain.shuffle(24).batch(8))
