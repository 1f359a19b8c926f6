"""Commands of plugins: shown without import, run when asked for, harmless when broken; manifests written from hooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_site import install

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
    if how == "ctrl-c": os.kill(os.getpid(), signal.SIGINT)
    if how == "exit": sys.exit(7)
    if how == "leave": click.get_current_context().exit(9)

not_a_command = 3

@hookimpl
def zoo_commands():
    return [
        CommandSpec(name="greet", summary="Greets.", target="PACKAGE.plugin:greet"),
        CommandSpec(name="fail", target="PACKAGE.plugin:fail"),
        CommandSpec(name="list", summary="Not zoo's own.", target="PACKAGE.plugin:greet"),
        CommandSpec(name="odd", target="PACKAGE.plugin:not_a_command"),
    ]
"""


@pytest.fixture
def birds(site: Path, zoo_process) -> str:
    """A plugin with commands, and with the manifest that zoo wrote for it."""
    package = install(site, "birds", COMMANDS.replace("PACKAGE", "zoo_t_birds"))
    done = zoo_process("plugins", "manifest", "birds", "--write")
    assert done.code == 0, done.err
    assert done.out.strip() == str(site / package / "zoo-plugin.json")
    return package


def test_commands_are_shown_without_importing_the_plugin_and_run_when_asked_for(site, birds, zoo_process) -> None:
    (site / birds / "plugin.py").write_text("raise SystemError('imported')")
    shown = zoo_process("--help")
    assert shown.code == 0
    assert "greet" in shown.out
    assert "Greets." in shown.out
    assert "imported" not in shown.out + shown.err
    zoo_process("greet", "you").fails("zoo-t-birds 1.0 failed", "imported", "pip install -U")
    (site / birds / "plugin.py").write_text(COMMANDS.replace("PACKAGE", birds))
    assert zoo_process("greet", "you") == type(shown)(0, "hello you\n", "")


def test_a_command_of_zoo_is_not_replaced(birds, zoo_process) -> None:
    shown = zoo_process("--help").out
    assert "birds:list" in shown
    assert zoo_process("list", "lite0", "--json").json()[0]["name"] == "efficientnet_lite0"
    assert zoo_process("birds:list", "you").out == "hello you\n"


def test_no_plugins(birds, zoo_process) -> None:
    assert "greet" not in zoo_process("--no-plugins", "--help").out
    zoo_process("--no-plugins", "greet", "you").fails("no command 'greet'", code=2)
    states = {row["plugin"]: row["state"] for row in zoo_process("--no-plugins", "plugins", "--json").json()}
    assert states["birds"] == "disabled"
    assert states["zoo_vision"] == "indexed"


def test_near_misses_over_the_commands_of_plugins(birds, zoo_process) -> None:
    zoo_process("gret").fails("no command 'gret'", "'greet'", code=2)
    zoo_process("lits").fails("no command 'lits'", "'list'", code=2)
    zoo_process("odd").fails("'birds:odd'", "int", "click.Command")


def test_a_broken_plugin_breaks_neither_help_nor_list(site, zoo_process) -> None:
    install(site, "broken", "raise RuntimeError('no wings')")
    for arguments in (["--help"], ["list"]):
        result = zoo_process(*arguments)
        assert result.code == 0
        assert len(result.out.splitlines()) > 10
        assert [line for line in result.err.splitlines() if "no wings" in line] == [
            "note: plugin 'broken' of zoo-t-broken is skipped: RuntimeError: no wings"
        ]
    zoo_process("plugins", "manifest", "broken").fails("plugin 'broken'", "RuntimeError: no wings")


def test_every_failure_is_one_line_and_an_exit_code(birds, zoo_process) -> None:
    zoo_process("fail", "zoo").fails("zoo: no birds anywhere")
    zoo_process("fail", "bug").fails("internal error: ZeroDivisionError: wings / 0", "ZOO_DEBUG=1", "report")
    zoo_process("fail", "file").fails("No such file", "/no/such/file")
    zoo_process("fail").fails("Missing argument 'HOW'", "`zoo fail --help`", code=2)
    assert zoo_process("fail", "exit").code == 7
    assert zoo_process("fail", "leave").code == 9
    assert zoo_process("greet", "you").code == 0  # what a command returns is no exit code
    interrupted = zoo_process("fail", "ctrl-c")
    assert (interrupted.code, interrupted.err.split("\n")[-2]) == (130, "zoo: interrupted")
    assert "Traceback" not in interrupted.err


@pytest.mark.parametrize("how", ["zoo", "bug", "file"])
def test_debug_shows_the_traceback(birds, zoo_process, how: str) -> None:
    result = zoo_process("fail", how, ZOO_DEBUG="1")
    assert result.code == 1
    assert result.err.startswith("Traceback")
    assert result.err.splitlines()[-1].startswith("zoo: ")


def test_manifest_printed_and_written_are_the_same(site, birds, zoo_process) -> None:
    printed = zoo_process("plugins", "manifest", "birds").out
    assert printed == (site / birds / "zoo-plugin.json").read_text()
    assert [row["name"] for row in json.loads(printed)["contributes"]["commands"]] == ["greet", "fail", "list", "odd"]
    assert not list((site / birds).glob("*.part"))


def test_manifest_of_what_is_not_there(zoo) -> None:
    zoo("plugins", "manifest", "zoo_flower").fails("no plugin named 'zoo_flower'", "'zoo_flowers'")


def test_manifest_of_a_single_module_has_nowhere_to_lie(site, zoo_process) -> None:
    install(site, "lone", "")
    (site / "zoo_t_single.py").write_text("")
    (site / "zoo_t_lone-1.0.dist-info" / "entry_points.txt").write_text("[zoo.plugins]\nlone = zoo_t_single\n")
    zoo_process("plugins", "manifest", "lone", "--write").fails("'zoo_t_single'", "needs a package")
