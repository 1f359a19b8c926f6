"""Commands of plugins: shown without import, run when asked for, harmless when broken; manifests written from hooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.plugins import install, plugin_site

from zoo.plugin import use_manager

COMMANDS = """
import os, signal, sys
import click
from zoo import hookimpl
from zoo.errors import DataError
from zoo.specs import CommandSpec

@click.command()
@click.argument("whom")
def greet(whom):
    "Greet somebody."
    click.echo(f"hello {whom}")
    return 5

@click.command()
@click.argument("how")
def fail(how):
    if how == "zoo": raise DataError("no birds\\nanywhere")
    if how == "bug": raise ZeroDivisionError("wings / 0")
    if how == "file": open("/no/such/file")
    if how == "ctrl-c":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
        os.kill(os.getpid(), signal.SIGINT)
    if how == "exit": sys.exit(7)
    if how == "leave": click.get_current_context().exit(9)

not_a_command = 3

@hookimpl
def zoo_commands():
    return [
        CommandSpec(name="greet", summary="Greets.", target="zoo_t_birds.plugin:greet"),
        CommandSpec(name="fail", target="zoo_t_birds.plugin:fail"),
        CommandSpec(name="list", summary="Not zoo's own.", target="zoo_t_birds.plugin:greet"),
        CommandSpec(name="odd", target="zoo_t_birds.plugin:not_a_command"),
    ]
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with plugin_site(tmp_path / "site") as folder:
        yield folder


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory, zoo_process) -> Iterator[Path]:
    """The package of a plugin with commands, and with the manifest that zoo wrote for it."""
    with plugin_site(tmp_path_factory.mktemp("birds") / "site") as folder:
        package = folder / install(folder, "birds", COMMANDS)
        done = zoo_process("plugins", "manifest", "birds", "--write")
        assert done.code == 0, done.err
        assert done.out.strip() == str(package / "zoo-plugin.json")
        yield package


def test_manifest_printed_and_written_are_the_same(birds: Path, zoo) -> None:
    printed = zoo("plugins", "manifest", "birds").out
    assert printed == (birds / "zoo-plugin.json").read_text()
    assert [row["name"] for row in json.loads(printed)["contributes"]["commands"]] == ["greet", "fail", "list", "odd"]
    assert not list(birds.glob("*.part"))


def test_commands_are_shown_without_importing_the_plugin_and_run_when_asked_for(birds: Path, zoo_process) -> None:
    (birds / "plugin.py").write_text("raise SystemError('imported')")
    shown = zoo_process("--help")
    broken = zoo_process("greet", "you")
    (birds / "plugin.py").write_text(COMMANDS)
    assert (shown.code, shown.err) == (0, "")
    assert "greet" in shown.out
    assert "Greets." in shown.out
    broken.fails("zoo-t-birds 1.0 failed", "imported", "pip install -U")
    assert zoo_process("greet", "you") == type(shown)(0, "hello you\n", "")  # and the 5 it returns is no exit code


def test_a_command_of_zoo_is_not_replaced(birds: Path, zoo) -> None:
    assert "birds:list" in zoo("--help").out
    assert zoo("list", "lite0", "--json").json()[0]["name"] == "efficientnet_lite0"
    assert zoo("birds:list", "you").out == "hello you\n"


def test_no_plugins(birds: Path, zoo_process) -> None:
    zoo_process("--no-plugins", "greet", "you").fails("no command 'greet'", code=2)
    states = {row["plugin"]: row["state"] for row in zoo_process("--no-plugins", "plugins", "--json").json()}
    assert states["birds"] == "disabled"
    assert states["zoo_vision"] == "indexed"


def test_near_misses_over_the_commands_of_plugins(birds: Path, zoo) -> None:
    zoo("gret").fails("no command 'gret'", "'greet'", code=2)
    zoo("lits").fails("no command 'lits'", "'list'", code=2)
    zoo("odd").fails("'birds:odd'", "int", "click.Command")


def test_every_failure_is_one_line_and_an_exit_code(birds: Path, zoo) -> None:
    zoo("fail", "zoo").fails("zoo: no birds anywhere")
    zoo("fail", "bug").fails("'birds:fail' of zoo-t-birds 1.0", "ZeroDivisionError: wings / 0", "ZOO_DEBUG=1", "report")
    zoo("fail", "file").fails("No such file", "/no/such/file")
    zoo("fail").fails("Missing argument 'HOW'", "`zoo fail --help`", code=2)
    assert zoo("fail", "leave").code == 9


def test_exit_and_interrupt(birds: Path, zoo_process) -> None:
    assert zoo_process("fail", "exit").code == 7
    interrupted = zoo_process("fail", "ctrl-c")
    assert (interrupted.code, interrupted.err.splitlines()[-1]) == (130, "zoo: interrupted")
    assert "Traceback" not in interrupted.err


@pytest.mark.parametrize("how", ["zoo", "bug", "file"])
def test_debug_shows_the_traceback(birds: Path, zoo, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setenv("ZOO_DEBUG", "1")
    result = zoo("fail", how)
    assert result.code == 1
    assert result.err.startswith("Traceback")
    assert result.err.splitlines()[-1].startswith("zoo: ")


def test_a_broken_plugin_breaks_neither_help_nor_list(site: Path, zoo) -> None:
    install(site, "broken", "raise RuntimeError('no wings')")
    for argument, word in (("--help", "Look around"), ("list", "efficientnet_lite0")):
        use_manager(None)  # as a new process would
        result = zoo(argument)
        assert result.code == 0
        assert word in result.out
        assert result.err == "note: plugin 'broken' of zoo-t-broken is skipped: RuntimeError: no wings\n"
    use_manager(None)
    listed = zoo("plugins")
    assert (listed.err, "zoo-t-broken" in listed.out) == ("", True)  # it is not imported for that
    zoo("plugins", "manifest", "broken").fails("plugin 'broken'", "RuntimeError: no wings")


def test_a_manifest_in_strict_mode(site: Path, zoo_process) -> None:
    package = site / install(site, "birds", COMMANDS)
    (package / "zoo-plugin.json").write_text("[" * 100_000)
    strict = {"ZOO_STRICT_PLUGINS": "1"}
    zoo_process("heads", **strict).fails("plugin 'birds' of zoo-t-birds 1.0 failed", "RecursionError")
    assert "zoo-t-birds" in zoo_process("plugins", "list", **strict).out
    examined = zoo_process("plugins", "doctor", **strict)
    assert (examined.code, examined.err) == (1, "")
    assert "BROKEN (manifest): RecursionError" in examined.out


def test_manifest_of_what_is_not_there(zoo) -> None:
    zoo("plugins", "manifest", "zoo_flower").fails("no plugin named 'zoo_flower'", "'zoo_flowers'")


def test_manifest_of_a_single_module_has_nowhere_to_lie(site: Path, zoo) -> None:
    install(site, "lone", "")
    (site / "zoo_t_single.py").write_text("")
    (site / "zoo_t_lone-1.0.dist-info" / "entry_points.txt").write_text("[zoo.plugins]\nlone = zoo_t_single\n")
    zoo("plugins", "manifest", "lone", "--write").fails("'zoo_t_single'", "needs a package")


def test_doctor_imports_nothing_and_exits_1_when_something_is_broken(site: Path, zoo, zoo_process) -> None:
    install(site, "broken", "raise RuntimeError('no wings')")
    result = zoo_process("plugins", "doctor", "zoo-t-broken", "--json")
    (found,) = result.json()["plugins"]
    assert (found["state"], found["manifest"]) == ("discovered", {"present": False, "fresh": None})
    imported = zoo("plugins", "doctor", "broken", "--import")
    assert (imported.code, imported.err) == (1, "")
    for words in ("broken  (zoo-t-broken 1.0)  broken", "RuntimeError: no wings", "try: pip install -U", "1 broken"):
        assert words in imported.out
    assert json.loads(zoo("plugins", "doctor", "broken", "--import", "--json").out)["ok"] is False


def test_doctor_says_which_commands_are_zoos_own(birds: Path, zoo) -> None:
    use_manager(None)
    shadowed = zoo("plugins", "doctor", "--json").json()["shadowed"]
    assert {"kind": "commands", "name": "list", "winner": "zoo list", "ids": ["birds:list"]} in shadowed


def test_which(birds: Path, zoo) -> None:
    use_manager(None)
    (row,) = zoo("which", "greet", "--json").json()
    assert (row["id"], row["meant"], row["file"]) == ("birds:greet", True, str(birds / "plugin.py"))
    assert "def greet" in (birds / "plugin.py").read_text().splitlines()[row["line"] - 1]
    shown = zoo("which", "greet")
    assert f"{birds / 'plugin.py'}:{row['line']}" in shown.out
    stars = {row["id"]: row["meant"] for row in zoo("which", "list", "--json").json()}
    assert stars == {"birds:list": False, "zoo list": True}  # as the doctor says
    assert "Did you mean" in zoo("which", "lits").err
    zoo("which", ":").fails("nobody provides the name ':'")
    zoo("which", "gret").fails("'gret'", "'greet'")


def test_new_writes_a_project_that_can_be_installed(tmp_path: Path, zoo, zoo_process) -> None:
    target = tmp_path / "project"
    made = zoo("plugins", "new", "sea-birds", "--kind", "head,label-set", "--directory", str(target), "--author", "Ann")
    assert (made.code, made.out) == (0, f"{target}\n")
    assert "pip install -e" in made.err
    assert "Copyright (c) Ann" in (target / "LICENSE").read_text()
    assert sorted(path.name for path in (target / "tests").iterdir()) == [
        "test_heads.py",
        "test_label_sets.py",
        "test_plugin.py",
    ]
    zoo("plugins", "new", "sea-birds", "--directory", str(target)).fails("not an empty folder")
    zoo("plugins", "new", "fit", "--kind", "command").fails("'fit' in zoo already")


def test_check_passes_and_fails_with_an_exit_code(site: Path, zoo) -> None:
    labels = """
from zoo import hookimpl
from zoo.specs import LabelSet

@hookimpl
def zoo_label_sets():
    return [LabelSet(name="owls", summary="two owls", labels=("barn", "tawny"))]
"""
    package = site / install(site, "good", labels)
    zoo("plugins", "manifest", "good", "--write")
    use_manager(None)
    good = zoo("plugins", "check", "zoo-t-good")
    assert (good.code, "0 failed" in good.out) == (0, True), good
    (package / "zoo-plugin.json").unlink()
    use_manager(None)
    bad = zoo("plugins", "check", "good", "--json")
    assert bad.code == 1
    assert json.loads(bad.out)["ok"] is False
    zoo("plugins", "check", "goode").fails("no plugin named 'goode'", "'good'")
