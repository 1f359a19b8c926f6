"""The listings: filters, columns that fit the terminal, JSON rows; pages of backbones, heads, datasets; near misses."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

import zoo as library


def test_list_json_is_what_python_lists(zoo) -> None:
    rows = zoo("list", "--json").json()
    assert rows == list(library.backbones())
    assert {row["name"] for row in rows} >= {"vgg16", "efficientnet_lite0", "resnet50"}


def test_list_filters_with_human_amounts(zoo) -> None:
    rows = zoo("list", "--max-params", "10M", "--max-size", "30MB", "--sort", "top1", "--json").json()
    assert rows == list(library.backbones(max_params=10e6, max_size=30e6, sort="top1"))
    assert 0 < len(rows) < len(library.backbones())
    figures = [row["top1"] for row in rows if row["top1"] is not None]
    assert figures == sorted(figures, reverse=True)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("vgg1", {"vgg16", "vgg19", "vgg16_torchvision"}), ("VGG1?", {"vgg16", "vgg19"}), ("vgg19", {"vgg19"})],
)
def test_list_pattern_is_a_part_of_the_name_or_a_shell_pattern(zoo, pattern: str, names: set[str]) -> None:
    assert {row["name"] for row in zoo("list", pattern, "--json").json()} == names


def test_list_with_all_filters(zoo) -> None:
    arguments = ["--family", "vgg", "--source", "url", "--min-top1", "0.7", "--license"]
    license = zoo("list", "vgg16", "--json").json()[0]["license"]
    assert len(zoo("list", *arguments, license, "--json").json()) == 2
    assert zoo("list", *arguments, "no such license", "--json").json() == []


def test_list_without_a_hit_says_so(zoo) -> None:
    result = zoo("list", "zzz")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("note: no backbone passes")


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
@pytest.mark.parametrize("verb", ["list", "heads", "datasets", "augmentations", "plugins"])
def test_tables_fit_the_terminal(zoo, monkeypatch: pytest.MonkeyPatch, verb: str, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = zoo(verb)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= columns


@pytest.mark.parametrize(
    ("columns", "heading"),
    [
        (80, ["name", "params", "size", "top1", "license"]),
        (100, ["name", "params", "size", "top1", "license", "here"]),
    ],
)
def test_the_list_keeps_what_matters_and_one_line_a_backbone(
    zoo, monkeypatch: pytest.MonkeyPatch, columns: int, heading: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = zoo("list").out.splitlines()
    assert len(lines) == 1 + len(library.backbones())
    assert set(heading) <= set(lines[0].split())


def test_a_pipe_gets_every_column_and_no_broken_row(zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = zoo("list").out.splitlines()
    assert lines[0].split() == list(library.backbones().columns)
    assert len(lines) == 1 + len(library.backbones())


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command writes to a real (pseudo) terminal."""
    outer, inner = pty.openpty()
    variables = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "zoo.cli", *arguments],
        stdout=inner,
        stderr=subprocess.PIPE,
        env={**variables, "TERM": "xterm", **environment},
    )
    os.close(inner)
    text = b""
    while True:
        try:
            chunk = os.read(outer, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not chunk:
            break
        text += chunk
    os.close(outer)
    assert process.wait() == 0
    return text.decode()


def test_color_on_a_terminal_only_and_not_against_the_users_will(zoo) -> None:
    assert "\x1b[" in on_a_terminal("heads")
    assert "\x1b[" not in on_a_terminal("heads", NO_COLOR="1")
    assert "\x1b[" not in zoo("heads").out


def test_show_a_backbone(zoo) -> None:
    assert zoo("show", "vgg16").out == f"{library.describe('vgg16')}\n"
    data = zoo("show", "vgg16", "--json").json()
    assert (data["kind"], data["name"], data["feature_dim"]) == ("backbones", "vgg16", 512)
    assert "layer_table" not in data


def test_show_layers(zoo) -> None:
    table = zoo("show", "vgg16", "--layers", "--json").json()["layer_table"]
    described = json.loads(json.dumps(list(library.describe("vgg16").layers)))
    assert table[1:] == described[1:]  # Keras numbers the names of inputs
    assert [row["name"] for row in table if row["name"].startswith("block5")]
    assert "block5_conv3" in zoo("show", "vgg16", "--layers").out
    zoo("show", "mlp", "--layers").fails("'zoo_vision:mlp' is a head", "only backbones")


def test_show_finds_heads_datasets_and_augmentations_too(zoo) -> None:
    result = zoo("show", "flowers5")
    assert result.out.startswith("zoo_flowers:flowers5: ")
    assert "daisy, dandelion, roses, sunflowers, tulips" in result.out
    assert "also a dataset of this name: `zoo datasets show flowers5`" in result.err
    assert zoo("datasets", "show", "flowers5", "--json").json()["kind"] == "datasets"
    assert zoo("show", "digits", "--json").json()["kind"] == "datasets"
    assert zoo("show", "rotation", "--json").json()["kind"] == "augmentations"
    assert zoo("show", "zoo_flowers:flowers5", "--json").json()["kind"] == "heads"


@pytest.mark.parametrize(
    ("name", "near"),
    [("vgg17", "'vgg16'"), ("flower5", "'flowers5'"), ("rotatoin", "'rotation'"), ("digit", "'digits'")],
)
def test_show_suggests_over_all_kinds(zoo, name: str, near: str) -> None:
    zoo("show", name).fails(f"named '{name}'", "Did you mean", near)


def test_heads_show_lists_the_options_with_type_default_and_description(zoo) -> None:
    schema = zoo("heads", "show", "mlp", "--json").json()["option_schema"]["properties"]
    assert schema["units"]["items"] == {"type": "integer"}
    lines = zoo("heads", "show", "mlp").out.splitlines()
    assert lines[0].startswith("zoo_vision:mlp: ")
    units = next(line for line in lines if line.startswith("units"))
    assert "list of integer" in units
    assert "256" in units
    assert schema["units"]["description"] in units
    zoo("heads", "show", "mpl").fails("no head named 'mpl'", "'mlp'")


@pytest.mark.parametrize("kind", ["heads", "datasets", "augmentations", "plugins"])
def test_listings_as_json_are_what_python_lists(zoo, kind: str) -> None:
    expected = json.loads(json.dumps(list(getattr(library, kind)())))
    assert zoo(kind, "--json").json() == expected
    assert expected
    if kind == "plugins":
        assert zoo(kind, "list", "--json").json() == expected
        zoo(kind, "--json", "list").fails("--json", "after 'list'", code=2)


def test_list_sorted_by_what_is_not_there(zoo) -> None:
    zoo("list", "--sort", "parms").fails("cannot sort by 'parms'", "'params'")
