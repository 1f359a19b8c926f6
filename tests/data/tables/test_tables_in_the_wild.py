"""Tables as other programs write them: nothing is lost or misread without a word."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import from_csv, load
from zoo.errors import DataError
from zoo.registry import ZooNotice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        Image.new("RGB", (200, 100), (number * 10,) * 3).save(tmp_path / f"{number}.png")
    return tmp_path


def write(folder: Path, header: str, cells: list[str], *, first: str = "") -> Path:
    path = folder / "t.csv"
    lines = [header, *(f"{number}.png,{cell}" for number, cell in enumerate(cells))]
    path.write_text(first + "\n".join(lines) + "\n", encoding="utf-8", newline="")
    return path


# -- quotes and lines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        ["a", "b", '"a', "b", "a", "b"],
        ["a", "b", '"a', "b", "a", 'b"'],  # closed at the very end
        ["a", '"b', "a", '"b', "a", "b"],  # closed by the next one that is not closed
        ["a", "b", "a", "b", "a", '"b'],
        ["a", '"b" c', "a", "b", "a", "b"],
    ],
)
def test_a_quote_that_is_not_closed_is_refused(folder: Path, cells: list[str]) -> None:
    with pytest.raises(DataError, match=r't\.csv, line \d: .*quote \("\)'):
        from_csv(write(folder, "file,label", cells))


def test_a_quoted_cell_may_hold_a_line_end(folder: Path) -> None:
    path = write(folder, "file,label,note", ['a,"two\nlines"', "b,x", 'a,"say ""hi"""', "b,x", "a,x", "b,x"])
    with pytest.warns(ZooNotice, match="unused: note"):
        assert from_csv(path).targets.tolist() == [0, 1, 0, 1, 0, 1]


def test_the_separator_line_of_excel_and_a_bar_between_cells(folder: Path) -> None:
    body = "\n".join(f"{number}.png;{'ab'[number % 2]}" for number in range(6))
    for first in ("sep=;\n", '"sep=;"\r\n'):
        (folder / "t.csv").write_text(f"{first}file;label\n{body}\n", newline="")
        assert from_csv(folder / "t.csv").targets.tolist() == [0, 1, 0, 1, 0, 1]
    (folder / "t.csv").write_text("sep=;\nfile;label\n0.png;a;c\n")
    with pytest.raises(DataError, match="line 3 has 3 cells"):
        from_csv(folder / "t.csv")
    (folder / "t.csv").write_text("file|label\n0.png|a\n1.png|b\n")
    assert from_csv(folder / "t.csv").labels == ("a", "b")


# -- labels in cells --------------------------------------------------------------------------------------------------

TAGS = [["a", "b"], ["a"], ["b"], ["b", "c"], ["c"], ["a", "c"]]
HOT = [[float(label in row) for label in "abc"] for row in TAGS]


def test_separators_are_found_or_asked(folder: Path) -> None:
    def table(joint: str) -> Path:
        return write(folder, "file,labels", [f'"{joint.join(row)}"' for row in TAGS])

    with pytest.warns(ZooNotice, match="'|' between them"):
        assert from_csv(table("|")).targets.tolist() == HOT
    assert from_csv(table("; ")).targets.tolist() == HOT
    for joint in (",", " ", "/", "+"):
        with pytest.raises(DataError, match=rf"such as 'a\{joint}b' hold several labels\? .*--separator '\{joint}'"):
            from_csv(table(joint))
        assert from_csv(table(joint), separator=joint).targets.tolist() == HOT
        assert from_csv(table(joint), task="multilabel").targets.tolist() == HOT
        assert load(table(joint), labels=("c", "a", "b"), task="multilabel").labels == ("c", "a", "b")
        assert len(from_csv(table(joint), task="classification").labels) == 6


def test_names_of_classes_may_hold_spaces_and_commas(folder: Path) -> None:
    for names in (
        ["golden retriever", "black cat", "white cat", "black dog", "white dog", "poodle"],
        ["BMW 1", "BMW 2", "Audi 1", "Audi 2", "VW 1", "VW 2"],
        ['"Paris, France"', '"Nice, France"', '"Rome, Italy"', '"Bari, Italy"', "Monaco", "Malta"],
    ):
        assert len(from_csv(write(folder, "file,label", names)).labels) == 6


# -- yes and no -------------------------------------------------------------------------------------------------------


def test_true_and_false_are_ones_and_zeros(folder: Path) -> None:
    path = write(folder, "file,cat,dog", [f"{number % 2 == 0},{number % 2 == 1}" for number in range(6)])
    data = from_csv(path)
    assert (data.labels, data.targets.tolist()) == (("cat", "dog"), [0, 1] * 3)
    turned = load(path, labels=("dog", "CAT"))
    assert [turned.labels[target] for target in turned.targets] == ["CAT", "dog"] * 3
    mixed = write(folder, "file,cat,dog", [f"{number % 2 == 0},true" for number in range(6)])
    assert from_csv(mixed).targets.tolist() == [[1, 1], [0, 1]] * 3
    assert from_csv(write(folder, "file,label", ["True", "False"] * 3)).labels == ("False", "True")
    with pytest.raises(DataError, match=r"must hold 0 and 1, or True and False.*dog \(text"):
        from_csv(write(folder, "file,cat,dog", ["1,yes", "0,no"] * 3), answers=["cat", "dog"], task="multilabel")


def test_columns_meet_the_labels_of_a_head_by_name(folder: Path) -> None:
    path = write(folder, "file,high,red", [f"{int(n < 2)},{n % 2}" for n in range(6)])
    for labels in (("red", "high"), ("Red", "HIGH")):
        for data in (
            load(from_csv(path), labels=labels, task="multilabel"),
            load(path, labels=labels, task="multilabel"),
        ):
            assert data.labels == labels
            assert data.targets.tolist() == [[n % 2, int(n < 2)] for n in range(6)]
    with pytest.raises(DataError, match="do not fit the labels"):
        load(path, labels=("red", "blue"), task="multilabel")


# -- boxes ------------------------------------------------------------------------------------------------------------


def test_units_of_boxes_are_judged_for_the_whole_table(folder: Path) -> None:
    header = "file,x_min,y_min,x_max,y_max"
    shares = [f"0.1,0.2,0.9,{1.0004 if number == 3 else 0.8}" for number in range(6)]
    data = from_csv(write(folder, header, shares))
    np.testing.assert_allclose(data.targets[[0, 3]], [[0.1, 0.2, 0.9, 0.8], [0.1, 0.2, 0.9, 1.0]])
    pixels = from_csv(write(folder, header, ["20,20,180,80"] * 6))
    np.testing.assert_allclose(pixels.targets[5], [0.1, 0.2, 0.9, 0.8])
    for few, many, message in (
        (
            "20,20,180,80",
            "0.1,0.2,0.9,0.8",
            r"line 4 holds px \(\[20\.0, 20\.0, 180\.0, 80\.0\]\), the others shares",
        ),
        ("0.1,0.2,0.9,0.8", "20,20,180,80", r"line 4 holds shares 0\.\.1 .*the others px"),
    ):
        with pytest.raises(DataError, match=f"mixed units: {message}"):
            from_csv(write(folder, header, [few if number == 2 else many for number in range(6)]))
    with pytest.raises(DataError, match="is no box inside"):
        from_csv(write(folder, header, ["-0.1,0.2,0.9,0.8"] * 6))


# -- paths ------------------------------------------------------------------------------------------------------------


def test_odd_cells_are_skipped_and_named(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    path = folder / "t.csv"
    odd = {"~nosuchuser/x.png": "there is no such file", "x" * 300 + ".png": "too long", "pipe.png": "named pipe"}
    path.write_text(
        "file,label\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(6)) + "".join(f"{c},a\n" for c in odd)
    )
    data = from_csv(path)
    assert len(data.readable()) == 6
    for (index, reason), (cell, message) in zip(data.unreadable().items(), odd.items(), strict=True):
        assert data.ids[index] == cell
        assert message in reason


def test_accents_on_disk_and_in_the_table_may_have_different_forms(folder: Path) -> None:
    one, other = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    (folder / "0.png").rename(folder / f"{other}.png")
    (folder / "t.csv").write_text(f"file,label\n{one}.png,caf{one}\n1.png,caf{other}\n2.png,b\n", encoding="utf-8")
    data = from_csv(folder / "t.csv")
    assert data.unreadable() == {}
    assert data.labels == ("b", f"caf{one}")
