"""What hooks return: each spec on its own, one problem for one mistake, whatever was raised."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from helpers.plugins import GOOD, install

from zoo.plugin import Manager, manager
from zoo.plugin.hooks import MOST_SPECS, Hooks
from zoo.registry import ZooNotice

HEAD = """
import zoo
from zoo.specs import HeadSpec

def head(name):
    return HeadSpec(name=name, labels=("a", "b"), factory="zoo_vision.heads:linear")

@zoo.hookimpl
def zoo_heads():
"""


def results(body: str) -> tuple[list[str], list[str]]:
    """Names of the heads that hooks of this body provide, and the problems."""
    module = ModuleType("zoo_t_module")
    exec(HEAD + "\n".join("    " + line for line in body.splitlines()), vars(module))
    hooks = Hooks()
    hooks.register("birds", module)
    specs, problems = hooks.results(module)
    return [spec.name for spec in specs["heads"]], [problem.what for problem in problems]


@pytest.mark.parametrize(
    "body", ["return head('owls')", "return None", "return 3", "return 'owls'", "return {'owls': head('owls')}"]
)
def test_something_in_place_of_a_list_is_one_problem(body: str) -> None:
    names, problems = results(body)
    assert names == []
    assert len(problems) == 1
    assert problems[0].startswith("zoo_heads must return HeadSpec objects in a list, or yield them; it returned ")


@pytest.mark.parametrize(
    "end", ["raise ValueError('moult')", "import sys; sys.exit(1)", "raise BaseException('panic')", "head('No Name')"]
)
def test_a_generator_that_fails_keeps_what_it_gave(end: str) -> None:
    names, problems = results(f"yield head('owls')\nyield head('wrens')\n{end}\nyield head('never')")
    assert names == ["owls", "wrens"]
    assert len(problems) == 1
    assert problems[0].startswith("zoo_heads failed: ")


def test_a_generator_without_an_end_is_ended() -> None:
    names, problems = results("number = 0\nwhile True:\n    number += 1\n    yield head(f'head{number}')")
    assert len(names) == MOST_SPECS
    assert len(problems) == 1
    assert "does not end" in problems[0]


def test_what_cannot_be_shown_is_named_by_its_type() -> None:
    body = "class Odd:\n    def __repr__(self):\n        raise RuntimeError\nyield Odd()\nyield head('owls')"
    names, problems = results(body)
    assert names == ["owls"]
    assert problems == ["zoo_heads must return HeadSpec objects; it returned <Odd>"]


WRAPPER = """
import zoo
@zoo.hookimpl(wrapper=True)
def zoo_heads():
    heads = yield
    return []
"""


def test_a_wrapper_of_the_hooks_of_others_is_not_called(site: Path) -> None:
    install(site, "wraps", WRAPPER)
    install(site, "birds", GOOD.format(name="owls"))
    with pytest.warns(ZooNotice, match="wraps the hooks of other plugins"):
        registry = manager().registry()
    assert registry.get("heads", "owls").id == "birds:owls"


INTERRUPTS = """
import zoo
from zoo.specs import HeadSpec
from zoo_t_switch import interrupt

if interrupt == "import":
    raise KeyboardInterrupt

@zoo.hookimpl
def zoo_heads():
    yield HeadSpec(name="finches", labels=("a", "b"), factory="zoo_vision.heads:linear")
    if interrupt == "hook":
        raise KeyboardInterrupt
"""


@pytest.mark.parametrize("where", ["import", "hook"])
def test_a_listing_that_was_interrupted_is_made_whole(site: Path, where: str) -> None:
    import sys

    (site / "zoo_t_switch.py").write_text(f"interrupt = {where!r}")
    install(site, "abird", GOOD.format(name="owls"))
    install(site, "midway", INTERRUPTS)
    install(site, "zbird", GOOD.format(name="wrens"))
    plugins = Manager()
    with pytest.raises(KeyboardInterrupt):
        plugins.registry()
    sys.modules["zoo_t_switch"].interrupt = ""
    if "zoo_t_midway.plugin" in sys.modules:
        sys.modules["zoo_t_midway.plugin"].interrupt = ""
    for _ in range(2):
        names = [entry.id for entry in plugins.registry().entries("heads") if not entry.provider.first_party]
        assert names == ["midway:finches", "abird:owls", "zbird:wrens"]
    assert [record.error for record in plugins.records()] == [""] * len(plugins.records())


def test_a_plugin_that_asks_for_names_while_it_is_imported_gets_those_known_so_far(site: Path) -> None:
    install(site, "asks", "import zoo\nnames = [row['name'] for row in zoo.heads()]\n" + GOOD.format(name="owls"))
    names = {entry.name for entry in manager().registry().entries("heads")}
    assert {"linear", "owls"} <= names
