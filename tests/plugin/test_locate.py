"""`zoo.which`: every provider of a name, with file and line, and nothing imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.plugins import install, plugin_site

import zoo
from zoo.errors import OptionError, UnknownNameError
from zoo.plugin.locate import find_code
from zoo.registry import ZooNotice

CODE = """
from zoo import hookimpl
from zoo.specs import CommandSpec, HeadSpec, LabelSet
from {package}.parts import build as build

@hookimpl
def zoo_heads():
    return [HeadSpec(name="owls", aliases=("strix",), labels=("a", "b"), factory="{package}.plugin:build")]

@hookimpl
def zoo_label_sets():
    return [LabelSet(name="owls", labels=("a", "b"))]
"""
PARTS = """
import os

try:
    import numpy
except ImportError:
    numpy = None
else:
    def build(features, *, outputs, seed):
        return features

class Tool: ...
SIZE: int = 3
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with plugin_site(tmp_path) as folder:
        for plugin in ("birds", "cats"):
            package = folder / f"zoo_t_{plugin}"
            code = CODE.format(package=package.name)
            install(folder, plugin, code.replace("from zoo_t", "# from zoo_t"), manifest=True)
            (package / "plugin.py").write_text(code)
            (package / "parts.py").write_text(PARTS)
        yield folder


def test_every_provider_with_file_and_line(site: Path) -> None:
    rows = list(zoo.which("owls"))
    assert [(row["kind"], row["id"], row["meant"]) for row in rows] == [
        ("heads", "birds:owls", False),
        ("heads", "cats:owls", False),
        ("label_sets", "birds:owls", False),
        ("label_sets", "cats:owls", False),
    ]
    assert rows[0]["where"] == f"{site / 'zoo_t_birds' / 'parts.py'}:9"  # through `from ... import`, `try` and `else`
    assert (rows[0]["distribution"], rows[0]["version"], rows[0]["state"]) == ("zoo-t-birds", "1.0", "indexed")
    file, line = Path(rows[2]["file"]), rows[2]["line"]
    assert file.name == "zoo-plugin.json"
    assert '"name": "owls"' in file.read_text().splitlines()[line - 1]
    assert not [name for name in sys.modules if name.startswith("zoo_t_")]


def test_what_a_name_means(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PREFER", "cats")
    assert [row["id"] for row in zoo.which("owls", "head") if row["meant"]] == ["cats:owls"]
    assert [row["id"] for row in zoo.which("strix", "heads") if row["meant"]] == ["cats:owls"]
    assert [row["id"] for row in zoo.which("birds:OWLS", "label-sets")] == ["birds:owls"]


def test_unknown_names_and_kinds(site: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"nobody provides the name 'owl'\. Did you mean 'owls'"):
        zoo.which("owl")
    with pytest.raises(UnknownNameError, match="no dataset named 'owls'"):
        zoo.which("owls", "dataset")
    with pytest.raises(OptionError, match=r"no kind 'haed'.*'heads'"):
        zoo.which("owls", "haed")


def test_a_command_of_zoo_is_meant_where_it_is_known(site: Path) -> None:
    code = CODE.replace("zoo_heads", "zoo_commands").replace("HeadSpec(", "CommandSpec(")
    code = code.replace('aliases=("strix",), labels=("a", "b"), factory', "target").replace('"owls"', '"fit"', 1)
    install(site, "tits", code.format(package="zoo_t_birds"), manifest=True)
    own = {"fit": "zoo.cli.verbs.fit:command"}
    rows = list(zoo.which("fit", built_in=own))
    assert [(row["id"], row["meant"]) for row in rows] == [("tits:fit", False), ("zoo fit", True)]
    assert Path(rows[1]["file"]).name == "fit.py"
    assert [(row["id"], row["meant"]) for row in zoo.which("tits:fit", built_in=own)] == [("tits:fit", True)]
    with pytest.raises(UnknownNameError, match="no head named 'fit'"):
        zoo.which("fit", "head", built_in=own)


def test_names_of_broken_plugins_are_shown(site: Path) -> None:
    path = site / "zoo_t_birds" / "zoo-plugin.json"
    path.write_text(path.read_text().replace(">=0.1,<1", ">=99"))
    with pytest.warns(ZooNotice):
        states = {row["id"]: (row["state"], row["meant"]) for row in zoo.which("owls", "head")}
    assert states == {"birds:owls": ("broken", False), "cats:owls": ("indexed", True)}


def test_first_party_names() -> None:
    (row,) = zoo.which("resnet50")
    assert row["id"] == "zoo:resnet50"
    assert row["where"].partition(":")[0].endswith("zoo/architectures/applications.py")
    (labels,) = zoo.which("imagenet1k")
    assert labels["kind"] == "label_sets"
    assert labels["target"] is None
    assert Path(labels["file"]).name == "registry.json"
    assert labels["line"] > 0


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("zoo_t_birds.parts:Tool", ("parts.py", 12)),
        ("zoo_t_birds.parts:SIZE", ("parts.py", 13)),
        ("zoo_t_birds.parts:nothing", ("parts.py", None)),
        ("zoo_t_birds.plugin:build", ("parts.py", 9)),
        ("zoo_t_birds.nowhere:build", (None, None)),
        ("zoo_t_nobody:build", (None, None)),
        ("zoo_t_birds:build", ("__init__.py", None)),
    ],
)
def test_code_is_found_by_reading(site: Path, target: str, found: tuple[str | None, int | None]) -> None:
    file, line = find_code(target)
    assert (file.name if file else None, line) == found


def test_a_file_that_does_not_parse_is_still_a_file(site: Path) -> None:
    (site / "zoo_t_birds" / "parts.py").write_text("def build(")
    assert find_code("zoo_t_birds.parts:build") == (site / "zoo_t_birds" / "parts.py", None)
