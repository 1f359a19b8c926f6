"""What users write in options, and what goes out: amounts, key=value pairs, JSON, one-line texts, option types."""

from __future__ import annotations

import json
import math

import click
import pytest

from zoo.cli.output import Notes, one_line, print_json
from zoo.cli.pages import type_name
from zoo.cli.parameters import BYTES, COUNT, HeldOut, items_with_options, named_options, names
from zoo.errors import OptionError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "value"),
    [("10M", 10e6), ("10m", 10e6), ("5.3e6", 5.3e6), ("250k", 250e3), ("1.5G", 1.5e9), ("1B", 1e9), ("12", 12)],
)
def test_counts(text: str, value: float) -> None:
    assert COUNT.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("50MB", 50e6), ("50 mb", 50e6), ("50M", 50e6), ("1GB", 1e9), ("2MiB", 2 * 2**20), ("300B", 300), ("4kB", 4e3)],
)
def test_sizes(text: str, value: float) -> None:
    assert BYTES.convert(text, None, None) == value


@pytest.mark.parametrize("text", ["", "M", "10Q", "-5M", "1.2.3", "10 MB of it", "nan"])
def test_amounts_that_are_none(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not an amount"):
        BYTES.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "value"), [("0.2", 0.2), ("100", 100), ("0", 0), ("20%", 0.2), ("held_out/", "held_out/")]
)
def test_held_out(text: str, value: object) -> None:
    found = HeldOut().convert(text, None, None)
    assert found == value
    assert type(found) is type(value)
    with pytest.raises(UnknownNameError, match="no dataset"):
        HeldOut().convert("helt_out", None, None)


SCHEMA = {"properties": {"units": {"type": "array"}, "activation": {"type": "string"}, "dropout": {"type": "number"}}}


@pytest.mark.parametrize(
    ("pair", "options"),
    [
        ("dropout=0.3", {"dropout": 0.3}),
        ("units=256,128", {"units": [256, 128]}),
        ("units=[256, 128]", {"units": [256, 128]}),
        ("units=256", {"units": [256]}),
        ("activation=relu", {"activation": "relu"}),
        ("activation=1", {"activation": "1"}),
        ("unknown=true", {"unknown": True}),
        ("unknown=a=b", {"unknown": "a=b"}),
    ],
)
def test_named_options(pair: str, options: dict[str, object]) -> None:
    assert named_options([pair], SCHEMA, flag="--head-option") == options


@pytest.mark.parametrize("pairs", [["dropout"], ["=3"], ["dropout=0.1", "dropout=0.2"]])
def test_named_options_that_are_refused(pairs: list[str]) -> None:
    with pytest.raises(click.UsageError, match="head-option"):
        named_options(pairs, SCHEMA, flag="--head-option")


def test_names() -> None:
    assert names(["flip, zoom", "noise", ""]) == ["flip", "zoom", "noise"]


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": math.nan, "b": [math.inf, 1.5], "c": {"é": None}})

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is not JSON")

    assert json.loads(capsys.readouterr().out, parse_constant=refuse) == {"a": None, "b": [None, 1.5], "c": {"é": None}}


def test_one_line() -> None:
    assert one_line("a\n  b\tc ") == "a b c"
    assert one_line("red\x1b[31m.jpg") == "red\\x1b[31m.jpg"
    assert one_line("Blüte.jpg") == "Blüte.jpg"


def test_notes_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    notes("two\nlines")
    notes("two lines")
    assert capsys.readouterr() == ("", "note: two lines\n")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "number >= 0, < 1"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"enum": ["reflect", "constant"]}, "'reflect' or 'constant'"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({}, "anything"),
    ],
)
def test_type_names(option: dict[str, object], text: str) -> None:
    assert type_name(option) == text


@pytest.mark.parametrize(
    ("texts", "items"),
    [
        (["flip,rotation"], [("flip", []), ("rotation", [])]),
        (["flip", " rotation , "], [("flip", []), ("rotation", [])]),
        (["cutout:share=0.5"], [("cutout", ["share=0.5"])]),
        (["cutout:share=0.5,fill=0,flip"], [("cutout", ["share=0.5", "fill=0"]), ("flip", [])]),
        (["cutout:share=0.5:fill=0"], [("cutout", ["share=0.5", "fill=0"])]),
        (["zoo_vision:noise:stddev=3,zoo_vision:flip"], [("zoo_vision:noise", ["stddev=3"]), ("zoo_vision:flip", [])]),
        (["mix:shares=[1,2],flip"], [("mix", ["shares=[1,2]"]), ("flip", [])]),
        (["mix:path=C:/x"], [("mix", ["path=C:/x"])]),
        ([], []),
    ],
)
def test_names_with_options(texts: list[str], items: list[tuple[str, list[str]]]) -> None:
    assert items_with_options(texts) == items


def test_an_option_without_a_name_is_refused() -> None:
    with pytest.raises(click.UsageError, match="without a name"):
        items_with_options(["share=0.5"])


def test_options_of_a_backbone_are_read_as_its_row_says() -> None:
    from zoo.cli.verbs.fit import backbone_options

    assert backbone_options("mnist_cnn", ("filters=16,32", "units=64")) == {"filters": [16, 32], "units": [64]}
    assert backbone_options("mnist_cnn", ()) == {}
    with pytest.raises(OptionError, match=r"filtres: .*Known options: activation"):
        backbone_options("mnist_cnn", ("filtres=16",))
    with pytest.raises(OptionError, match="filters"):
        backbone_options("vgg16", ("filters=16",))
