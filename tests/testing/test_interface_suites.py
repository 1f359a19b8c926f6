"""The suites of weight sources, file formats and modalities: what conforms passes, each fault is found by its check."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.plugins import install, plugin_site

from zoo.plugin.hookspecs import ZooSpecs
from zoo.testing import FormatConformance, ModalityConformance, SourceConformance

SUITES = {
    "zoo_sources": (SourceConformance, "nest"),
    "zoo_formats": (FormatConformance, "copied"),
    "zoo_modalities": (ModalityConformance, "song"),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with plugin_site(tmp_path / "site") as folder:
        yield folder


@pytest.fixture
def songs(tmp_path: Path) -> str:
    folder = tmp_path / "songs"
    folder.mkdir()
    for name, notes in (("owl", "1 2 3"), ("wren", "4 5"), ("finch", "6 7 8 9")):
        (folder / f"{name}.song").write_text(notes)
    return str(folder)


def failed(hook: str, site: Path, songs: str, changes: list[tuple[str, str]]) -> tuple[list[str], int]:
    """Names of the checks that fail on the example of a hook, changed; and how many pass."""
    (block,) = re.findall(r"```python\n(.*?)```", getattr(ZooSpecs, hook).__doc__ or "", re.DOTALL)
    code = textwrap.dedent(block).replace("zoo_birds.plugin", "zoo_t_birds.plugin")
    for old, new in changes:
        assert old in code, old
        code = code.replace(old, new)
    install(site, "birds", code)
    suite, name = SUITES[hook]
    fields: dict[str, Any] = {"name": name}
    if suite is ModalityConformance:
        fields["source"] = lambda self: songs
    if suite is SourceConformance:
        fields["address"] = lambda self: f"nest://{songs}/owl.song"
    case = type("TestIt", (suite,), fields)()
    outcomes = [case.run(check) for check in case.checks()]
    return [one.check for one in outcomes if one.outcome == "failed"], sum(one.outcome == "passed" for one in outcomes)


@pytest.mark.parametrize("hook", SUITES)
def test_the_example_passes_every_check(hook: str, site: Path, songs: str) -> None:
    assert failed(hook, site, songs, []) == ([], len(SUITES[hook][0].checks()))


def _method(code: str) -> tuple[str, str]:
    """A change that puts a method into the class of the modality."""
    return "def show(self, example):", f"def {code}\n\n    def show(self, example):"


FAULTS = {
    "no fetch": ("zoo_sources", [("def fetch", "def bring")], "check_can_be_made"),
    "brings nothing": (
        "zoo_sources",
        [('shutil.copyfile(address.removeprefix("nest://"), target)', "pass")],
        "check_brings_the_bytes",
    ),
    "other bytes": (
        "zoo_sources",
        [('shutil.copyfile(address.removeprefix("nest://"), target)', "target.write_bytes(str(target).encode())")],
        "check_brings_the_bytes",
    ),
    "own scheme": ("zoo_sources", [('("nest://",)', '("https://",)')], "check_schemes"),
    "odd scheme": ("zoo_sources", [('("nest://",)', '("nest",)')], "check_schemes"),
    "writes nothing": ("zoo_formats", [("model.save(path)", "pass")], "check_writes_and_opens"),
    "leaves files": (
        "zoo_formats",
        [("model.save(path)", "model.save(path); open(str(path) + '.part', 'w').close()")],
        "check_writes_and_opens",
    ),
    "other answers": (
        "zoo_formats",
        [("return model.predict_on_batch", "return lambda x: 2 * model.predict_on_batch(x)")],
        "check_writes_and_opens",
    ),
    "no show": ("zoo_modalities", [("def show", "def display")], "check_shows"),
    "other name": ("zoo_modalities", [('name = "song"\n    ext', 'name = "tune"\n    ext')], "check_is_a_modality"),
    "random order": (
        "zoo_modalities",
        [
            ("class Songs(Modality):", "turns = iter(99 * [False, True])\n\n\nclass Songs(Modality):"),
            ('sorted(path.glob("*.song"))', "sorted(path.glob('*.song'), reverse=next(turns))"),
        ],
        "check_examples_repeat",
    ),
    "one digest": ("zoo_modalities", [_method("digest(self, example): return 64 * '0'")], "check_digest"),
    "no digest": ("zoo_modalities", [_method("digest(self, example): return 'abc'")], "check_digest"),
    "other kind": ("zoo_modalities", [('kind: str = "song"', 'kind: str = "tune"')], "check_intake"),
    "needs examples": ("zoo_modalities", [("if notes else 0.0", "if True else 0.0")], "check_inputs"),
    "front of its own": (
        "zoo_modalities",
        [("return inputs - self.mean", "import keras; return type('Own', (keras.layers.Layer,), {})()(inputs)")],
        "check_front",
    ),
    "front trains": (
        "zoo_modalities",
        [("return inputs - self.mean", "import keras; return keras.layers.Dense(2)(inputs)")],
        "check_front",
    ),
    "takes anything": (
        "zoo_modalities",
        [("except (TypeError, ValueError) as error:", "except RuntimeError as error:")],
        "check_takes",
    ),
    "other shape": ("zoo_modalities", [("return (self.length,)", "return (self.length + 1,)")], "check_intake"),
    "other inputs": (
        "zoo_modalities",
        [("keras.Input((self.length,)", "keras.Input((self.length + 1,)")],
        "check_inputs",
    ),
    "shows nothing": (
        "zoo_modalities",
        [('Thumbnail(text=" ".join(f"{note:g}" for note in example[:20]))', "Thumbnail()")],
        "check_shows",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_check(fault: str, site: Path, songs: str) -> None:
    hook, changes, check = FAULTS[fault]
    names, _ = failed(hook, site, songs, changes)
    assert names == [check]


def test_a_modality_without_a_source_of_examples_says_what_is_missing(site: Path, songs: str) -> None:
    failed("zoo_modalities", site, songs, [])
    case = type("TestIt", (ModalityConformance,), {"name": "song"})()
    result = case.run("check_examples_repeat")
    assert (result.outcome, "define source(self)" in str(result.detail)) == ("skipped", True)
