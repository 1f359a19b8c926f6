"""Datasets from folders, files, arrays and names; relabeling, subsets, hashes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import Arrays, Dataset, ImageFiles, check, concatenate, decode, load
from zoo.errors import DataError, OptionError
from zoo.registry import ZooNotice

FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def picture(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 5), (value, value, value)).save(path)
    return path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two class folders: three cats (one deeper down), two dogs, and what has to be ignored."""
    root = tmp_path / "pets"
    for number, name in enumerate(("cat/b.png", "cat/a.PNG", "cat/more/deep/c.png", "dog/a.png", "dog/b.png")):
        picture(root / name, number * 40)
    picture(root / ".cache" / "x.png", 1)
    picture(root / "cat" / ".hidden.png", 1)
    picture(root / "__MACOSX" / "._a.png", 1)
    (root / "cat" / "notes.txt").write_text("not a picture")
    (root / "LICENSE.txt").write_text("at the top")
    return root


# -- folders ----------------------------------------------------------------------------------------------------------


def test_class_folders(pets):
    data = load(pets)
    assert isinstance(data, ImageFiles)
    assert data.name == "pets"
    assert data.task == "classification"
    assert data.labels == ("cat", "dog")
    assert data.ids == ("cat/a.PNG", "cat/b.png", "cat/more/deep/c.png", "dog/a.png", "dog/b.png")
    assert data.targets.dtype == np.int64
    assert data.targets.tolist() == [0, 0, 0, 1, 1]
    assert data.splits == {}
    assert [int(data.image(index)[0, 0, 0]) for index in range(5)] == [40, 0, 80, 120, 160]
    assert data.counts() == {"cat": 3, "dog": 2}
    assert load(str(pets)).ids == load(Path(pets)).ids == load(str(pets) + os.sep).ids == data.ids


def test_real_photos(shared_data):
    data = load(shared_data / "flowers5")
    assert data.labels == FLOWERS
    assert data.counts() == dict.fromkeys(FLOWERS, 250)
    image = data.image(700)
    assert image.dtype == np.uint8
    assert max(image.shape) <= 320
    assert "1250 images, 5 classes" in repr(data)


def test_a_flat_folder_files_and_one_file_are_unlabeled(pets, monkeypatch):
    flat = load(pets / "dog")
    assert flat.ids == ("a.png", "b.png")
    assert flat.targets is None
    assert flat.labels == ()
    files = load([pets / "cat" / "b.png", str(pets / "dog" / "a.png")])
    assert [int(files.image(index)[0, 0, 0]) for index in range(2)] == [0, 120]
    assert len(load(str(pets / "dog" / "a.png"))) == 1
    monkeypatch.chdir(pets / "dog")
    assert load("a.png").ids == ("a.png",)
    with pytest.raises(DataError, match=r"no such image file: .*gone\.png"):
        load([pets / "dog" / "a.png", pets / "gone.png"])


def test_folders_that_cannot_be_used(pets, tmp_path):
    for path, message in (
        (tmp_path / "nowhere", r"there is no folder .*nowhere"),
        (pets / "LICENSE.txt" / "x", r"is a file, not a folder"),
        (pets / "__MACOSX", r"holds neither class folders nor images"),
    ):
        with pytest.raises(DataError, match=message):
            load(path)
    picture(pets / "stray.png", 3)
    with pytest.raises(DataError, match=r"1 images \(such as stray.png\) next to 2 class folders \(such as cat\)"):
        load(pets)
    empty = tmp_path / "empty"
    (empty / "a").mkdir(parents=True)
    (empty / "b").mkdir()
    with pytest.raises(DataError, match=r"the 2 folders \(a, b\) are empty \(\."):
        load(empty)


def test_unreadable_folder_is_named():
    """As an ordinary user: root may read everything."""
    root = Path(tempfile.mkdtemp())
    try:
        picture(root / "a" / "x.png", 1)
        picture(root / "b" / "x.png", 2)
        root.chmod(0o755)
        (root / "a").chmod(0o755)
        (root / "b").chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(DataError, match=rf"the folder {root}/b cannot be read: Permission denied"):
                load(root)
        finally:
            os.seteuid(user)
    finally:
        (root / "b").chmod(0o755)
        shutil.rmtree(root)


def test_link_to_a_parent_folder_ends(pets):
    (pets / "cat" / "loop").symlink_to(pets / "cat")
    assert load(pets).counts() == {"cat": 3, "dog": 2}


def test_named_pipe_does_not_block(pets):
    os.mkfifo(pets / "cat" / "pipe.png")
    assert len(load(pets)) == 5


def test_split_folders_are_splits(tmp_path):
    for split, count in (("train", 4), ("val", 2), ("test", 1)):
        for label in ("cat", "dog"):
            for number in range(count):
                picture(tmp_path / "pets" / split / label / f"{number}.png", number)
    data = load(tmp_path / "pets")
    assert data.labels == ("cat", "dog")
    assert {name: len(members) for name, members in data.splits.items()} == {"train": 8, "validation": 4, "test": 2}
    assert all(data.ids[index].startswith("val/") for index in data.splits["validation"])
    assert data.targets[data.splits["test"]].tolist() == [0, 1]
    part = data.subset(np.flatnonzero(data.targets == 1))
    assert {name: len(members) for name, members in part.splits.items()} == {"train": 4, "validation": 2, "test": 1}
    assert all(part.ids[index].startswith("train/dog") for index in part.splits["train"])
    picture(tmp_path / "pets" / "extra" / "cat" / "0.png", 1)
    with pytest.raises(DataError, match="beside them 'extra': is that a split or a class"):
        load(tmp_path / "pets")
    shutil.rmtree(tmp_path / "pets" / "extra")
    shutil.rmtree(tmp_path / "pets" / "val" / "dog")
    with pytest.raises(DataError, match="has no class folder 'dog'; another split"):
        load(tmp_path / "pets")


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "bus", "ship"):
        picture(tmp_path / "things" / name / "a.png", 1)
    assert load(tmp_path / "things").labels == ("bus", "ship", "train")
    assert load(tmp_path / "things").splits == {}


# -- labels -----------------------------------------------------------------------------------------------------------


def test_labels_of_a_head_renumber_the_classes(shared_data):
    data = load(shared_data / "flowers5")
    turned = load(shared_data / "flowers5", labels=FLOWERS[::-1])
    assert turned.labels == FLOWERS[::-1]
    names = [FLOWERS[::-1][target] for target in turned.targets]
    assert names == [identity.split("/")[0] for identity in turned.ids]
    assert data.targets[0] == 0  # the first dataset is as it was
    more = load(shared_data / "flowers5", labels=("lily", *FLOWERS))
    assert more.counts() == {"lily": 0, **dict.fromkeys(FLOWERS, 250)}


def test_labels_that_do_not_fit_name_both_sides(pets):
    with pytest.raises(DataError) as caught:
        load(pets, labels=("cat", "bird", "fish"))
    text = str(caught.value)
    assert "Not among the labels: 'dog'." in text
    assert "Labels that the data lacks: 'bird', 'fish'." in text
    assert load(pets, labels=("DOG", "Cat")).targets.tolist() == [1, 1, 1, 0, 0]
    with pytest.raises(DataError, match=r"Only the case differs, and of more than one: 'dog' is 'DOG' there"):
        load(pets, labels=("cat", "Dog", "DOG"))
    with pytest.raises(DataError, match="Did you mean 'dogs'"):
        load(pets, labels=("cat", "dogs"))
    with pytest.raises(OptionError, match="'cat' is there more than once"):
        load(pets, labels=("cat", "cat", "dog"))
    with pytest.raises(OptionError, match="must be a list of names"):
        load(pets, labels="cat")


# -- arrays -----------------------------------------------------------------------------------------------------------


def test_arrays_of_real_digits():
    from sklearn.datasets import load_digits

    raw = load_digits()
    x = (raw.images * 15).astype(np.float64)
    before = x.copy()
    data = load((x, raw.target))
    assert data.labels == ()
    assert data.n_classes == 10
    image = data.image(3)
    assert image.shape == (8, 8, 3)
    np.testing.assert_array_equal(image[..., 0], np.rint(x[3]))
    np.testing.assert_array_equal(image[..., 0], image[..., 2])
    image[:] = 7  # belongs to the caller
    np.testing.assert_array_equal(x, before)
    named = load((x, raw.target), labels=[str(n) for n in range(10)])
    assert named.labels == tuple("0123456789")
    with pytest.raises(DataError, match="class indices go up to 9, but with 3 labels"):
        load((x, raw.target), labels=("a", "b", "c"))


def test_array_images_are_copies_also_in_color(photos):
    before = photos.copy()
    data = load(photos)
    assert data.targets is None
    data.image(2)[:] = 0
    np.testing.assert_array_equal(photos, before)
    np.testing.assert_array_equal(data.image(2), before[2])


X = np.full((4, 6, 5, 3), 9, np.uint8)


@pytest.mark.parametrize(
    ("y", "task", "targets"),
    [
        ([0, 1, 2, 1], "classification", [0, 1, 2, 1]),
        (np.array([[0], [1], [1], [0]], np.uint8), "classification", [0, 1, 1, 0]),
        ([True, False, True, False], "classification", [1, 0, 1, 0]),
        ([0.0, 1.0, 1.0, 0.0], "classification", [0, 1, 1, 0]),
        (np.eye(3, dtype=np.float32)[[2, 0, 1, 1]], "classification", [2, 0, 1, 1]),
        (["b", "a", "b", "c"], "classification", [1, 0, 1, 2]),
        ([[1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0]], "multilabel", [[1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0]]),
        ([1.5, 2.0, -3.0, 0.0], "regression", [[1.5], [2.0], [-3.0], [0.0]]),
        ([[0.5, 2], [1, 2], [3, 4], [5, 6]], "regression", [[0.5, 2], [1, 2], [3, 4], [5, 6]]),
    ],
)
def test_answers_are_understood(y, task, targets):
    data = load((X, y))
    assert data.task == task
    assert data.targets.dtype == (np.int64 if task == "classification" else np.float32)
    assert data.targets.tolist() == targets


def test_float_class_numbers_are_classes_when_labels_are_known():
    y = np.array([2.0, 0.0, 1.0, 2.0])
    assert load((X, y)).task == "regression"
    assert load((X, y), labels=("a", "b", "c")).targets.tolist() == [2, 0, 1, 2]
    with pytest.raises(DataError, match=r"class numbers must be whole; found 0\.5"):
        load((X, y * 0.25), labels=("a", "b", "c"))
    assert load((X, np.array(["b", "a", "b", "b"])), labels=("b", "a")).targets.tolist() == [0, 1, 0, 0]
    with pytest.raises(DataError, match="Not among the labels: 'c'"):
        load((X, ["a", "b", "c", "a"]), labels=("a", "b"))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, [0, 1], "4 images and 2 answers"),
        (X, [0, 1, -1, 0], "must not be negative"),
        (X, [0, 1, np.nan, 0], "answers that are NaN"),
        (X, np.zeros((4, 2, 2)), r"answers must be \(n,\) or \(n, k\)"),
        (X, [{}, 1, 2, 3], "answers must be numbers, or text"),
        (X[..., 0, 0], None, "expected images"),
        (X.transpose(0, 3, 1, 2), None, "looks channels first"),
        (np.zeros((4, 6, 5, 5), np.uint8), None, "expected images"),
        (X[0], None, "looks like a single image"),
        (X[:0], None, "there are no images"),
        (X * np.float32(-1), None, r"must lie in 0\.\.255, they go from -9 to -9"),
        ((X / 127.5 - 1).astype(np.float32), None, r"looks scaled to -1\.\.1"),
        (X.astype(np.uint16) * 257, None, "looks like 16-bit data"),
        (np.where(np.arange(5)[:, None] == 2, np.nan, X.astype(np.float32)), None, "NaN or infinite"),
        (X.astype(complex), None, "pixels must be numbers"),
        ([X[0], np.zeros((6, 5, 5))], None, r"image 1 has shape \(6, 5, 5\)"),
    ],
)
def test_arrays_that_cannot_be_used(x, y, message):
    with pytest.raises(DataError, match=message):
        Arrays(x, y)


@pytest.mark.parametrize("y", [[[0.9, 0], [0, 0.9]] * 2, [[1, -1], [-1, 1]] * 2, [[2, 0], [0, 2]] * 2, [0.5, 1, 0, 1]])
def test_labels_that_are_given_are_zeros_and_ones(y):
    with pytest.raises(DataError, match="must hold 0 or 1 for every label"):
        Arrays(X, y, task="multilabel")


def test_odd_answers_are_told_in_words():
    for y, task, message in (
        ([[1, 2], [1], [1], [1]], None, "not all of the same shape"),
        ([[0, 0, 1, 1], [0, 0, 1], [0], [0]], "box", "not all of the same shape"),
        (["a", "b", "a", "b"], "regression", "answers of a regression must be numbers; got <U1"),
        ([b"\xff", b"a", b"a", b"a"], None, "not UTF-8"),
        ([1e300, 0, 1, 2], None, "must be finite"),  # as float32 it is infinite
        (["a", None, "a", "a"], None, "answers must be numbers, or text.*None"),
    ):
        with pytest.raises(DataError, match=message):
            Arrays(X, y, task=task)
    for targets, task in (([[1, 2], [1]], "regression"), (3, "classification"), (["a", "b"], "regression")):
        with pytest.raises(DataError, match="targets"):
            Dataset("own", ids=["1", "2"], targets=targets, task=task)


def test_arrays_divided_by_255_are_warned_about():
    with pytest.warns(UserWarning, match="look divided by 255"):
        Arrays(X / 255.0)
    with pytest.warns(UserWarning, match="largest pixel value is 1"):
        Arrays([X[0] // 9, X[1] // 9])
    late = np.zeros((3000, 2, 2), np.uint8)
    late[2999] = 200  # the largest value is in the last block
    Arrays(late)


def test_images_of_different_sizes():
    data = load([np.full((4, 7), 3, np.uint8), np.full((9, 2, 3), 4.0)])
    assert [data.image(index).shape for index in range(2)] == [(4, 7, 3), (9, 2, 3)]


def test_what_is_not_data():
    for thing in (None, 3, {"a": 1}, object(), []):
        with pytest.raises(DataError, match="Give a folder of class folders"):
            load(thing)
    with pytest.raises(DataError, match="empty text"):  # an unset variable of a shell, not the folder one is in
        load("")


# -- what every dataset can do ----------------------------------------------------------------------------------------


def test_hashes_are_those_of_the_files_and_read_once(pets, monkeypatch):
    data = load(pets)
    expected = tuple(hashlib.sha256((pets / name).read_bytes()).hexdigest() for name in data.ids)
    assert data.hashes() == expected
    reads = []
    monkeypatch.setattr(ImageFiles, "digest", lambda self, row: reads.append(row) or "0" * 64)
    part = data.subset([4, 1])
    assert part.hashes() == (expected[4], expected[1])
    assert data.relabel(("dog", "cat")).hashes() == expected
    assert reads == []


def test_array_hashes_follow_content_not_form():
    x = np.random.default_rng(0).integers(0, 256, (3, 5, 7), np.uint8)
    gray = Arrays(x).hashes()
    assert gray == Arrays(x[..., None].astype(np.float32)).hashes() == Arrays(list(x)).hashes()
    assert len(set(gray)) == 3
    assert Arrays(x.transpose(0, 2, 1)).hashes() != gray
    assert Arrays(x.reshape(3, 7, 5)).hashes() != gray


def test_fingerprint_follows_content_labels_and_order(pets, tmp_path):
    data = load(pets)
    first = data.fingerprint()
    shutil.copytree(pets, tmp_path / "elsewhere")
    assert load(tmp_path / "elsewhere").fingerprint() == first
    assert data.relabel(("dog", "cat")).fingerprint() != first
    assert data.subset([1, 0, 2, 3, 4]).fingerprint() != first
    picture(pets / "cat" / "b.png", 99)
    assert load(pets).fingerprint() != first


def test_subset_keeps_images_with_their_answers(pets):
    data = load(pets)
    part = data.subset([4, 0], name="part").subset([1])
    assert (part.ids, part.targets.tolist(), part.labels) == (("cat/a.PNG",), [0], ("cat", "dog"))
    np.testing.assert_array_equal(part.image(0), data.image(0))
    assert len(data.subset([])) == 0
    for wrong in ([5], [-1], [0.5], [[0]]):
        with pytest.raises(DataError, match="indices must"):
            data.subset(wrong)


def test_concatenate_keeps_images_with_their_answers(pets, shared_data):
    data = load(pets)
    joined = concatenate(data, data.subset([3, 0]), data)
    assert joined.ids == (*data.ids, data.ids[3], data.ids[0], *data.ids)
    assert joined.targets.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    assert joined.hashes() == (*data.hashes(), data.hashes()[3], data.hashes()[0], *data.hashes())
    for index, source in ((5, 3), (6, 0), (11, 4), (0, 0)):
        np.testing.assert_array_equal(joined.image(index), data.image(source))
    (pets / "dog" / "a.png").write_bytes(b"broken")
    broken = concatenate(load(pets), load(pets))
    assert sorted(broken.unreadable()) == [3, 8]
    assert broken.readable().targets.tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    with pytest.raises(DataError, match="their labels differ"):
        concatenate(data, load(pets, labels=("dog", "cat")))
    with pytest.raises(DataError, match="their labeled differ"):
        concatenate(load(pets / "dog"), Arrays(X, [0, 0, 1, 1]))


def test_a_source_of_ones_own():
    class Squares(Dataset):
        def read(self, row: int) -> np.ndarray:
            return np.full((4, 4, 3), row, np.uint8)

    data = Squares("squares", ids=["a", "b", "c"], targets=[0, 1, 1], labels=("x", "y"))
    assert data.subset([2]).image(0)[0, 0, 0] == 2
    assert len(set(data.hashes())) == 3
    assert check(data) == ["3 images in 2 classes: x 1, y 2"]
    with pytest.raises(NotImplementedError):
        Dataset("nothing", ids=["a"]).image(0)
    for options, message in (
        ({"targets": [0, 1]}, "3 images and 2 targets"),
        ({"targets": [0, 1, 2], "labels": ("x", "y")}, "class indices go up to 2"),
        ({"targets": [0.0, 1.0, 1.0]}, "must be integers"),
        ({"targets": [[1.0], [2.0], [np.inf]], "task": "regression"}, "finite"),
        ({"splits": {"train": [0, 1], "test": [1]}}, "in two splits"),
        ({"splits": {"train": [3]}}, r"must lie in 0\.\.2"),
    ):
        with pytest.raises(DataError, match=message):
            Squares("squares", ids=["a", "b", "c"], **options)
    with pytest.raises(OptionError, match="splits are called train, validation, test"):
        Squares("squares", ids=["a"], splits={"dev": [0]})


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def plugins():
    """The first-party plugins, whether or not zoo is installed in this environment."""
    from zoo.plugin import Manager, use_manager

    names = ("zoo_vision", "zoo_flowers", "zoo_classics")
    before = use_manager(Manager([EntryPoint(name, f"{name}.plugin", "zoo.plugins") for name in names]))
    yield
    use_manager(before)


def test_a_dataset_by_name(plugins, tmp_path, monkeypatch, pets):
    monkeypatch.chdir(tmp_path)
    digits = load("digits")
    assert (len(digits), digits.labels) == (1797, tuple("0123456789"))
    assert load("zoo_classics:digits").ids == digits.ids
    with pytest.raises(DataError) as caught:
        load("digitz")
    assert "there is no file or folder 'digitz' in" in str(caught.value)
    assert "Did you mean 'digits'" in str(caught.value)
    with pytest.raises(DataError, match="there is no folder digits"):
        load("digits/")  # a separator means a folder
    (tmp_path / "digits").write_text("a file of that name is no folder and no picture")
    assert len(load("digits")) == 1797
    (tmp_path / "digits").unlink()
    shutil.copytree(pets, tmp_path / "digits")
    with pytest.warns(ZooNotice, match="'digits' is the folder .*digits here; .* 'zoo_classics:digits'"):
        assert load("digits").labels == ("cat", "dog")  # an existing folder wins
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load("./digits").labels == ("cat", "dog")  # no doubt what is meant
        assert len(load("zoo_classics:digits")) == 1797


def test_decode_is_what_a_dataset_reads(shared_data):
    path = sorted((shared_data / "chest_xray3" / "covid19").iterdir())[0]
    np.testing.assert_array_equal(load([path]).image(0), decode(path))
