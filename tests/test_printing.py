"""Names from outside are printed by one function: nothing steers the terminal, everything can be written as UTF-8."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest

import zoo
from zoo.data import Arrays
from zoo.errors import DataError, ZooError
from zoo.printing import printable
from zoo.registry import ZooNotice
from zoo.specs import Output
from zoo.whole_file import json_bytes


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("daisy", "daisy"),
        (
            "Gänseblümchen 雛菊 \u200cگل\u200c ok",
            "Gänseblümchen 雛菊 \u200cگل\u200c ok",
        ),  # joiners are letters
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\r\u2028c\u0085", r"a\nb\r\u2028c\x85"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("exe\u202egpj", r"exe\u202egpj"),
        ("\udfff", r"\udfff"),
    ],
)
def test_names_are_written_out(text: str, printed: str) -> None:
    assert printable(text) == printed
    assert printable(printed) == printed
    printed.encode()


def test_errors_and_notices_can_be_printed() -> None:
    error = DataError("x: \x1b[31m" + os.fsdecode(b"\xe9") + "\nsecond line")
    assert str(error) == "x: \\x1b[31m\\xe9\nsecond line"
    assert str(ZooError(3)) == "3"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("bell \x07", ZooNotice, stacklevel=1)
    assert str(caught[0].message) == r"bell \x07"


def test_labels_and_ids_can_be_printed_wherever_they_come_from() -> None:
    x = np.zeros((2, 4, 4, 3), np.uint8)
    x[0] = 200
    data = Arrays(x, [0, 1], labels=["a\x1b", "b"], ids=["one\x07", os.fsdecode(b"\xe9")])
    assert (data.labels, data.ids) == ((r"a\x1b", "b"), (r"one\x07", r"\xe9"))
    assert data.relabel(["b", "a\x1b"]).targets.tolist() == [1, 0]
    assert zoo.classifier(["a\x1b", "b"]).labels == (r"a\x1b", "b")
    assert Output(labels=("\x07",)).labels == (r"\x07",)


def test_json_holds_a_path_that_is_not_utf8() -> None:
    import json

    path = os.fsdecode(b"/photos/caf\xe9")
    assert json.loads(json_bytes({"source": path})) == {"source": path}
    assert json_bytes({"source": "é"}) == '{"source": "é"}'.encode()
