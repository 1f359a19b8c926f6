"""Answers meet labels by name wherever both sides have names; two readings that differ are refused."""

from __future__ import annotations

import unicodedata
from collections import UserList
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.data import Arrays, check, load
from zoo.errors import DataError, OptionError
from zoo.matching import class_numbers, match, places
from zoo.specs import Output

X = np.full((4, 6, 5, 3), 9, np.uint8)
CAFE = unicodedata.normalize("NFC", "Café"), unicodedata.normalize("NFD", "Café")
TWELVE = tuple(sorted(map(str, range(12))))
"""As folders 0..11 are sorted: 0, 1, 10, 11, 2, ..."""


class Frame:
    """What zoo uses of a DataFrame: columns with names, and numbers."""

    def __init__(self, columns: dict[Any, list[Any]]) -> None:
        self.columns = list(columns)
        self.values = np.array(list(columns.values())).T

    def to_numpy(self) -> np.ndarray:
        return self.values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)


def test_names_are_matched_exactly_first_then_folded_where_unique() -> None:
    assert places(["b", "B", "a "], ["a", "b", "B"]) == [1, 2, 0]
    assert places(["CAT"], ["Cat", "cat"]) == [None]
    assert places(["Cat", "CAT"], ["cat"]) == [None, None]  # two classes of the data must not become one
    assert places([CAFE[1], "STRASSE"], ["straße", CAFE[0]]) == [1, 0]
    assert match([], ["a"], "x").tolist() == []
    with pytest.raises(DataError, match=r"x: .*Not among the labels: 'dog'\. Labels that the data lacks: 'Dog', 'DOG'"):
        match(["dog"], ["Dog", "DOG"], "x")


@pytest.mark.parametrize(
    ("numbers", "labels", "places"),
    [
        ([0, 2, 1], (), [0, 2, 1]),
        ([0, 2, 1], ("a", "b", "c"), [0, 2, 1]),
        ([0, 9, 3], tuple("0123456789"), [0, 9, 3]),
        ([0, 1, 1], TWELVE, [0, 1, 1]),  # the same either way
        ([10, 30, 20], ("10", "20", "30"), [0, 2, 1]),  # names: there is no position 10
        ([0, 2, 1], ("10", "20", "30"), [0, 2, 1]),  # positions: there is no name 0
        ([1, 5, 2], tuple("12345"), [0, 4, 1]),
        ([1, 2, 1], tuple("12345"), None),
        ([2, 3], TWELVE, None),
        ([0, 1], ("2", "0", "1"), None),
    ],
)
def test_whole_numbers_are_names_positions_or_refused(
    numbers: list[int], labels: Any, places: list[int] | None
) -> None:
    if places is None:
        with pytest.raises(DataError, match=r"By name \d is the class .*by position it is the class .*astype\(str\)"):
            class_numbers(np.array(numbers), labels, "x")
    else:
        assert class_numbers(np.array(numbers), labels, "x").tolist() == places


def test_numbers_that_are_names_are_refused_everywhere() -> None:
    y = np.array([2, 3, 10, 0])
    for answers in (y, y.astype(float), list(y), np.eye(12)[y]):
        with pytest.raises(DataError, match="labels are numbers in another order"):
            load((X, answers), labels=TWELVE)
    assert [TWELVE[k] for k in load((X, y.astype(str)), labels=TWELVE).targets] == ["2", "3", "10", "0"]
    with pytest.raises(DataError, match="labels are numbers in another order"):
        Arrays(X, y).relabel(TWELVE)
    assert Arrays(X, y, labels=TWELVE).relabel(TWELVE[::-1]).targets.tolist() == [11 - k for k in y]  # by their numbers
    output = Output(name="kind", labels=TWELVE)
    other = Output(name="size", task="regression", labels=("size",))
    with pytest.raises(DataError, match="labels are numbers in another order"):
        load((X, {"kind": y, "size": [1.0] * 4}), outputs=(output, other))


def test_columns_are_matched_by_name() -> None:
    red, big = [1.0, 0, 1, 1], [0.0, 0, 1, 0]
    named = Arrays(X, np.stack([red, big], 1), labels=("red", "big"), task="multilabel")
    assert named.relabel(("Big", "red")).targets.tolist() == np.stack([big, red], 1).tolist()
    frame = Frame({"BIG": big, "red": red})
    for task in ("multilabel", "regression"):
        assert load((X, frame), labels=("red", "big"), task=task).targets.tolist() == np.stack([red, big], 1).tolist()
    assert load((X, frame)).labels == ("BIG", "red")
    for labels in (("red", "blue"), ("red", "big", "blue"), ("red",)):
        with pytest.raises(DataError, match="the classes do not fit the labels"):
            named.relabel(labels)
        with pytest.raises(DataError, match="the classes do not fit the labels"):
            load((X, frame), labels=labels, task="multilabel")
    plain = load((X, np.stack([red, big], 1)), labels=("red", "big"), task="multilabel")
    assert plain.targets.tolist() == np.stack([red, big], 1).tolist()
    (finding,) = plain.reading
    assert finding.message == 'columns without names answer the labels in their order: 0 is "red", 1 is "big"'
    price = Arrays(X, [[1.0], [2.0], [3.0], [4.5]], labels=("price",), task="regression")
    assert price.relabel(("value",)).labels == ("value",)  # zoo's own name for a value without one
    with pytest.raises(DataError, match="Not among the labels: 'price'"):
        price.relabel(("age",))


def test_one_hot_columns_need_names_or_all_classes() -> None:
    dummies = Frame({"a": [1, 0, 0, 1], "e": [0, 1, 0, 0], "d": [0, 0, 1, 0]})
    assert load((X, dummies), labels=tuple("abcde")).targets.tolist() == [0, 4, 3, 0]
    assert load((X, dummies)).labels == ("a", "e", "d")
    assert load((X, Frame({0: [1, 0, 1, 0], 1: [0, 1, 0, 1]})), labels=("x", "y")).targets.tolist() == [0, 1, 0, 1]
    for width in (3, 6):
        with pytest.raises(DataError, match=f"one-hot answers with {width} columns for 5 classes"):
            load((X, np.eye(width)[[0, 1, 2, 0]]), labels=tuple("abcde"))


def test_several_answers_are_matched_by_name() -> None:
    outputs = (Output(name="kind", labels=("a", "b")), Output(name="tags", task="multilabel", labels=("red", "big")))
    data = Arrays(X, {"kind": list("abab"), "tags": [[1, 0]] * 4}, outputs=outputs)
    turned = (
        Output(name="tags", task="multilabel", labels=("Big", "red")),
        Output(name="kind", labels=("B", "a", "c")),
    )
    assert data.arrange(turned).targets.tolist() == [[0, 1, k] for k in (1, 0, 1, 0)]
    with pytest.raises(DataError, match="the head answers tags"):
        data.arrange((Output(name="tags", task="multilabel", labels=("big", "blue")), outputs[0]))


def test_what_goes_by_position_is_said() -> None:
    data = load((X, [0, 1, 2, 0]), labels=("daisy", "rose", "tulip", "lily"))
    (finding,) = data.reading
    assert finding.message.endswith('positions among the labels: 0 is "daisy", 1 is "rose", 2 is "tulip", ...')
    assert any("positions among the labels" in note for note in check(data, training=False))
    assert load((X, ["daisy", "rose", "rose", "daisy"]), labels=("daisy", "rose")).reading == ()
    assert load((X, [0, 1, 1, 0])).reading == ()


def test_class_weight_by_name_or_by_a_number_with_one_meaning() -> None:
    from zoo.training.checks import check_class_weight

    folders = SimpleNamespace(task="classification", labels=TWELVE, width=12)
    assert check_class_weight(folders, {"10": 5}) == {2: 5.0}
    assert check_class_weight(folders, {0: 2}) == {0: 2.0}
    with pytest.raises(OptionError, match='By name 10 is the class "10", by position it is the class "8"'):
        check_class_weight(folders, {10: 5})
    flowers = SimpleNamespace(task="classification", labels=("Daisy", "rose"), width=2)
    assert check_class_weight(flowers, {"daisy": 3, np.int64(1): 2}) == {0: 3.0, 1: 2.0}
    with pytest.raises(OptionError, match="names class 'lily'"):
        check_class_weight(flowers, {"lily": 1})


def test_class_names_from_whatever_lists_them() -> None:
    abc = ("a", "b", "c")
    for classes in (np.unique(list("cab")), {"b": 1, "a": 0, "c": 2}, set(abc), dict.fromkeys(abc).keys(), abc):
        assert zoo.classifier(classes).labels == abc
    assert zoo.classifier(np.unique([7, 3])).labels == ("3", "7")
    with pytest.raises(DataError, match=r"class names as a mapping need the numbers 0\.\.1"):
        zoo.classifier({"a": 1, "b": 2})


def test_a_stream_that_says_its_classes_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.data import streams

    class Iterator(UserList[Any]):
        num_batches = 1
        class_indices: dict[str, int] | None = None

    monkeypatch.setattr(streams, "_is_py_dataset", lambda data: isinstance(data, Iterator))
    stream = Iterator([(X, np.array([0, 1, 2, 2]))])
    stream.class_indices = {"tulip": 0, "daisy": 1, "rose": 2}
    data = load(stream, labels=("daisy", "rose", "tulip"))
    assert [data.labels[k] for k in data.targets] == ["tulip", "daisy", "rose", "rose"]
    stream.class_indices = {label: place for place, label in enumerate(TWELVE)}  # numbers are its own positions
    assert [TWELVE[k] for k in load(stream, labels=TWELVE).targets] == ["0", "1", "10", "10"]
