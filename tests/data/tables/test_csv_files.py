"""CSV files: what the columns are, found out or said; and one clear error where they do not tell."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import check, from_csv, from_files, is_table, load, split
from zoo.errors import DataError, OptionError
from zoo.linting import inspect
from zoo.registry import ZooNotice
from zoo.specs import BOX_LABELS, Output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four pictures of 40 x 20 pixels, each of its own gray, in img/."""
    root = tmp_path_factory.mktemp("table")
    (root / "img").mkdir()
    for number in range(24):
        Image.new("RGB", (40, 20), (number * 10,) * 3).save(root / "img" / f"{number}.png")
    return root


@pytest.fixture
def table(folder: Path):
    """Writes a table: the header, and a function from a number to the rest of its line."""

    def write(header: str, row, count: int = 24, name: str = "t.csv") -> Path:
        lines = [header, *(f"img/{number}.png{row(number)}" for number in range(count))]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder / name

    return write


def answers(data) -> tuple:
    return data.task, data.labels, data.targets.tolist()


# -- what one column is -----------------------------------------------------------------------------------------------


def test_text_is_a_class_and_an_image_is_what_its_line_names(table):
    path = table("file,species", lambda n: f",{'cat' if n % 3 else 'dog'}")
    data = load(str(path))
    assert answers(data) == ("classification", ("cat", "dog"), [int(n % 3 == 0) for n in range(24)])
    assert (data.name, data.ids[7], data.source) == ("t.csv", "img/7.png", str(path))
    assert data.image(7)[0, 0].tolist() == [70, 70, 70]
    assert load(path, labels=("dog", "cat", "cow")).targets.tolist() == [int(n % 3 != 0) for n in range(24)]
    with pytest.raises(DataError, match="Not among the labels: 'dog'"):
        load(path, labels=("cat", "cow"))


@pytest.mark.parametrize(
    ("header", "row", "task", "labels", "targets"),
    [
        ("file,price", lambda n: f",{n / 2}", "regression", ("price",), [[n / 2] for n in range(24)]),
        ("file,age", lambda n: f",{n}", "regression", ("age",), [[n] for n in range(24)]),
        ("file,class", lambda n: f",{n % 3 + 9}", "classification", ("9", "10", "11"), [n % 3 for n in range(24)]),
        ("file,label", lambda n: f",{n % 2}.0", "classification", ("0", "1"), [n % 2 for n in range(24)]),
        ("file,label", lambda n: f",00{n % 2 + 7}", "classification", ("007", "008"), [n % 2 for n in range(24)]),
        ("file,label", lambda n: (",1", ",01")[n % 2], "classification", ("01", "1"), [1 - n % 2 for n in range(24)]),
        ("file,sick", lambda n: f",{n % 2}", "classification", ("0", "1"), [n % 2 for n in range(24)]),
        ("file,tags", lambda n: ",b; a" if n else ",", "multilabel", ("a", "b"), [[0, 0], *[[1, 1]] * 23]),
        ("file,red,big", lambda n: f",{n % 2},1", "multilabel", ("red", "big"), [[n % 2, 1] for n in range(24)]),
        ("file,a,b", lambda n: f",{n % 2},{1 - n % 2}", "classification", ("a", "b"), [1 - n % 2 for n in range(24)]),
        ("file,x,y", lambda n: f",{n},0.5", "regression", ("x", "y"), [[n, 0.5] for n in range(24)]),
        (",file,age", None, "regression", ("age",), [[n] for n in range(24)]),
        ("file;label", lambda n: f";{'ab'[n % 2]}", "classification", ("a", "b"), [n % 2 for n in range(24)]),
        ("file,label,,", lambda n: f",{'ab'[n % 2]},,", "classification", ("a", "b"), [n % 2 for n in range(24)]),
        ("where,kind", lambda n: f",{'ab'[n % 2]},", "classification", ("a", "b"), [n % 2 for n in range(24)]),
    ],
)  # fmt: skip
def test_columns_are_understood(table, folder, header, row, task, labels, targets):
    if row is None:  # as pandas writes its index
        path = folder / "t.csv"
        path.write_text("\ufeff" + header + "\n" + "".join(f"{n},img/{n}.png,{n}\n" for n in range(24)))
    else:
        path = table(header, row)
    assert answers(load(path)) == (task, labels, targets)


@pytest.mark.parametrize(
    ("header", "box"),
    [
        ("x_min,y_min,x_max,y_max", (0.25, 0.1, 0.5, 1)),
        ("left,top,right,bottom", (10, 2, 20, 20)),
        ("xmin,ymin,xmax,ymax", (10, 2, 20, 21)),  # one past the last pixel
    ],
)
def test_boxes_in_shares_and_in_pixels(table, header, box):
    path = table(f"file,{header}", lambda n: "," + ",".join(map(str, box)))
    data = load(path)
    assert data.task == "box"
    assert data.labels == BOX_LABELS
    np.testing.assert_allclose(data.targets, [[0.25, 0.1, 0.5, 1.0]] * 24)
    both = load(
        table(f"filename,width,height,class,{header}", lambda n: f",9,9,{'ab'[n % 2]}," + ",".join(map(str, box)))
    )
    assert [(output.name, output.task, output.labels) for output in both.outputs] == [
        ("class", "classification", ("a", "b")),
        ("box", "box", BOX_LABELS),
    ]
    np.testing.assert_allclose(both.targets[3], [1, 0.25, 0.1, 0.5, 1.0])
    assert both.source == str(path)


def test_a_box_of_a_turned_picture_is_one_of_the_upright_picture(tmp_path):
    picture = Image.new("RGB", (40, 20))
    note = picture.getexif()
    note[0x112] = 6
    picture.save(tmp_path / "a.jpg", exif=note)
    (tmp_path / "t.csv").write_text("file,left,top,right,bottom\na.jpg,0,0,10,40\n")
    np.testing.assert_allclose(load(tmp_path / "t.csv").targets, [[0, 0, 0.5, 1.0]])


# -- what is said -----------------------------------------------------------------------------------------------------


def test_a_head_finds_its_columns(table):
    path = table("file,species,age,sex,red,big", lambda n: f",{'ab'[n % 2]},{n},{'mf'[n // 12]},{n % 2},1")
    assert load(path, labels=("m", "f")).targets.tolist() == [n // 12 for n in range(24)]
    assert load(path, labels=("big", "red"), task="multilabel").targets[1].tolist() == [1, 1]
    assert load(path, labels=("age",), task="regression").targets[5].tolist() == [5]
    # Labels in a cell, and never two of them: without a word a class, for such a head one label of several.
    tags = table("file,tag", lambda n: f",{('a', 'b', '')[n % 3]}", name="tags.csv")
    seen = load(tags, labels=("b", "a", "c"), task="multilabel")
    assert answers(seen) == (
        "multilabel",
        ("b", "a", "c"),
        [[[0, 1, 0], [1, 0, 0], [0, 0, 0]][n % 3] for n in range(24)],
    )
    with pytest.raises(DataError, match="no answer in column tag in lines 4, 7"):
        load(tags)
    piped = table("file,tag", lambda n: f",{('a|b', 'b')[n % 2]}", name="piped.csv")
    assert from_csv(piped, separator="|").targets.tolist() == [[1, 1], [0, 1]] * 12
    assert from_csv(piped, task="classification").labels == ("a|b", "b")
    outputs = (
        Output(name="sex", labels=("f", "m")),
        Output(name="body", task="regression", labels=("age",)),
        Output(name="looks", task="multilabel", labels=("big", "red")),
    )
    data = load(path, outputs=outputs)
    assert data.targets[[0, 13]].tolist() == [[1, 0, 1, 0], [0, 13, 1, 1]]
    with pytest.raises(
        DataError, match=r"has not what the head answers as coat .* a column 'coat' must be among species"
    ):
        load(path, outputs=(Output(name="coat", labels=("f", "m")), outputs[1]))


def test_columns_that_are_named(table):
    path = table("file,species,age,sex", lambda n: f",{'ab'[n % 2]},{n},{'mf'[n // 12]}")
    assert answers(from_csv(path, answers="Sex")) == ("classification", ("f", "m"), [int(n < 12) for n in range(24)])
    several = from_csv(path, answers=["species", "age"])
    assert [(o.name, o.task, o.labels) for o in several.outputs] == [
        ("species", "classification", ("a", "b")),
        ("age", "regression", ("age",)),
    ]
    assert several.targets[5].tolist() == [1, 5]
    capital = table("file,Kind of thing,Age", lambda n: f",{'ab'[n % 2]},{n}", name="c.csv")
    head = from_csv(capital, answers=["Kind of thing", "Age"])
    assert [output.name for output in head.outputs] == ["kind_of_thing", "age"]
    assert load(capital, outputs=head.outputs).targets.tolist() == head.targets.tolist()
    assert from_csv(path, answers="age", task="classification").labels == tuple(map(str, range(24)))
    with pytest.raises(OptionError, match=r"answers='aeg' is not a column\. Did you mean 'age'"):
        from_csv(path, answers="aeg")
    with pytest.warns(ZooNotice, match="learned from it is label; unused: age"):
        load(table("file,label,age", lambda n: f",{'ab'[n % 2]},{n}"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(table("file,id,label", lambda n: f",{n},{'ab'[n % 2]}"))


def test_the_sources_own_splits_and_groups(table):
    path = table("path,label,split,patient", lambda n: f",{'ab'[n % 2]},{('train', 'Val', 'test')[n // 8]},p{n // 4}")
    with pytest.warns(ZooNotice, match="patient"):
        data = load(path)
    assert {name: members.tolist() for name, members in data.splits.items()} == {
        "train": list(range(8)),
        "validation": list(range(8, 16)),
        "test": list(range(16, 24)),
    }
    plain = from_csv(path, split="", group="patient", answers="label")
    assert plain.splits == {}
    parts = split(plain, validation=0.3, test=0.2)
    sides = [{plain.groups[index] for index in part} for part in (parts.train, parts.validation, parts.test)]
    assert all(sides)
    assert sum(map(len, sides)) == len(set().union(*sides)) == 6
    assert any("6 groups of images, each kept on one side" in note for note in parts.notes)
    assert plain.subset([9, 0]).groups == ("p2", "p0")
    assert "groups across splits" not in {finding.kind for finding in inspect(data.grouped("patient"), quick=True)}
    films = [f",{'ab'[n % 2]},{('train', 'test')[n // 14]},f{n // 4}" for n in range(24)]
    straddling = table("path,label,split,film", films.__getitem__, name="films.csv")
    (seen,) = [f for f in inspect(load(straddling, group="film"), quick=True) if f.kind == "groups across splits"]
    assert (seen.severity, seen.count) == ("error", 1)
    assert seen.message == "1 of 6 groups is on two sides of the source's own split"
    assert str(seen.examples[0]) == "img/12.png = img/14.png (f3: 2 in train, 2 in test)"
    assert plain.fingerprint() != from_csv(path, split="", answers="label").fingerprint()
    assert plain.grouped("split").groups[0] == "train"
    with pytest.raises(OptionError, match=r"group='patent' is neither 'folder' nor a column\. Did you mean 'patient'"):
        load(plain, group="patent")


# -- what cannot be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("file,species,age", lambda n: f",{'ab'[n % 2]},{n}",
         r"which columns are to be learned\? There are species \(text, 2 different, such as 'a'\); "
         r"age \(numbers 0 to 23, 24 different\). Say one \(answers='species'"),
        ("file,rating", lambda n: f",{n % 5}",
         r"are the 5 different whole numbers in column rating \(0 to 4\) classes, or values .*--task"),
        ("file,label,x0,y0,x1,y1", lambda n: ",a,30,0,20,9", r"line 2: \[30\.0, 0\.0, 20\.0, 9\.0\] is no box inside"),
        ("file,x0,y0,x1,y1", lambda n: f",0,0,{20 + n},9", r"line 24: .* is no box inside of 22.png of 40 x 20 px"),
        ("file,label", lambda n: "," + "ab"[n % 2] * (n != 3), "no answer in column label in line 5"),
        ("file,price", lambda n: f",{n / 7}" if n else ",nan", "column price must hold a number .*; line 2: 'nan'"),
        ("file,price", lambda n: f",{n / 7}" if n % 8 else ",n/a", "in every line; lines 2, 10, 18: 'n/a'"),
        ("file;price", lambda n: f";{n},5", r"column price writes numbers with a comma \(0,5\): write them with a"),
        ("file,label,split", lambda n: f",a,{('train', 'new')[n % 2]}", "line 3: column split says 'new'; splits are"),
        ("file,label", lambda n: ",a,b", "line 2 has 3 cells; 2 columns are named"),
        ("file,label,label", lambda n: ",a,b", "two columns 'label'"),
        ("img/0.png,cat", lambda n: ",a", "its first line must name the columns"),
    ],
)  # fmt: skip
def test_what_is_not_clear_or_wrong_is_told_in_one_error(table, header, row, message):
    with pytest.raises(DataError, match=message):
        load(table(header, row))


def test_files_that_are_no_table(folder, tmp_path):
    for name, text, message in (
        ("none.csv", None, "there is no file .*none.csv"),
        ("empty.csv", "file,label\n", "holds no line below the names"),
        ("utf16.csv", "file,label\nimg/0.png,ä".encode("utf-16"), "not UTF-8"),
        ("quote.csv", 'file,label\n"img/0.png,a\n', "quote.csv"),
        ("where.csv", "a,b\nx,y\n", r"which column is to be learned\? There are a \(text"),
        ("gone.csv", "file,label\nnowhere/0.png,a\n", "none of its 1 images is there, such as .*root= says another"),
        (
            "twice.csv",
            "file,label\nimg/0.png,a\nimg/1.png,a\nimg/0.png,b\n",
            "names img/0.png in lines 2, 4: .*one line",
        ),
        ("split.csv", "file,label\nimg/0.png,a\n,b\n", "no image is named in line 3"),
    ):
        path = folder / name
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(DataError, match=message):
            load(path)
    assert is_table("a/b.CSV")
    assert not is_table("a/b.png")
    path = tmp_path / "elsewhere.csv"
    path.write_text("file,label\n0.png,a\n1.png,b\n2.png,b\ngone.png,a\n")
    data = from_csv(path, root=folder / "img")
    assert data.unreadable() == {3: "there is no such file"}
    assert "1 of 4 files is not a readable image" in check(data)[0]
    assert data.source is None
    path.write_text("file,label\nimg\\0.png,a\nimg\\1.png,b\n")  # as Windows writes a path
    assert from_csv(path, root=folder).unreadable() == {}


# -- files with a function --------------------------------------------------------------------------------------------


def test_files_with_a_function_or_with_answers(folder):
    paths = [folder / "img" / f"{number}.png" for number in (3, 1, 2)]
    data = from_files(paths, lambda path: "odd" if int(path.stem) % 2 else "even")
    assert answers(data) == ("classification", ("even", "odd"), [1, 1, 0])
    assert data.image(1)[0, 0, 0] == 10
    assert answers(load((paths, lambda path: int(path.stem) / 4))) == ("regression", (), [[0.75], [0.25], [0.5]])
    assert answers(load((paths, ["b", "a", "b"]), labels=("b", "a"))) == ("classification", ("b", "a"), [0, 1, 0])
    assert answers(load((paths, [["x", "y"], [], {"y"}]))) == ("multilabel", ("x", "y"), [[1, 1], [0, 0], [0, 1]])
    outputs = (Output(name="kind", labels=("even", "odd")), Output(name="size", task="regression", labels=("size",)))
    both = load((paths, lambda path: {"kind": "odd", "size": 2.5}), outputs=outputs)
    assert both.targets.tolist() == [[1, 2.5]] * 3
    assert from_files((folder / "img").glob("1*.png")).targets is None
    for label, message in (
        (lambda path: None, r"label\('.*3.png'\) gave None"),
        (["a", "b"], "3 images and 2 answers"),
        (["a", 3.5, None], "must be numbers, or text"),
    ):
        with pytest.raises(DataError, match=message):
            from_files(paths, label)
    with pytest.raises(DataError, match="list of image files is empty"):
        from_files(folder.glob("*.gif"))
    with pytest.raises(DataError, match="got the single path"):
        from_files(str(paths[0]))
