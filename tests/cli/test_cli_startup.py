"""Help and listings load nothing heavy and import no plugin; the help is complete and true."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import click
import pytest

from zoo.cli.main import VERBS

HEAVY = {"tensorflow", "keras", "numpy", "matplotlib", "sklearn", "scipy", "PIL", "httpx", "huggingface_hub", "jinja2"}
PLUGINS = {"zoo_vision", "zoo_flowers", "zoo_classics", "zoo_tables", "zoo_video"}
SPECS = {"pydantic", "pluggy"}
"""A twelfth of a second, which a listing does without: it reads the rows as plain data."""

PROGRAM = """
import contextlib, io, json, sys
from zoo.cli.main import main
with contextlib.redirect_stdout(io.StringIO()) as out:
    code = main({arguments!r})
print(json.dumps([code, len(out.getvalue()), sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


def loaded_by(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=list(arguments))], capture_output=True, text=True, check=True
    )
    code, size, modules = json.loads(done.stdout)
    assert code == 0, done.stderr
    assert size > 50
    return set(modules)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "--max-params", "10M"],
        ["list", "--json"],
        ["heads"],
        ["plugins"],
        ["plugins", "new", "--help"],
        ["which", "linear"],
        ["recipes"],
        ["recipes", "list"],
        ["fit", "--help"],
    ],
)
def test_help_and_listings_load_nothing_heavy(arguments: list[str]) -> None:
    assert not loaded_by(*arguments) & (HEAVY | PLUGINS | SPECS)


@pytest.mark.parametrize(
    "arguments",
    [["show", "resnet50"], ["heads", "show", "mlp"], ["recipes", "show", "lp-ft"], ["plugins", "doctor"]],
)
def test_pages_load_no_tensorflow_and_no_plugin(arguments: list[str]) -> None:
    assert not loaded_by(*arguments) & (HEAVY | PLUGINS)


def test_the_help_says_of_every_verb_what_the_verb_says() -> None:
    for section in VERBS.values():
        for verb, line in section.items():
            command: click.Command = import_module(f"zoo.cli.verbs.{verb}").command
            assert command.name == verb
            assert (command.help or "").splitlines()[0] == line


def commands() -> list[tuple[str, click.Command]]:
    found = []
    for verb in (verb for section in VERBS.values() for verb in section):
        command = import_module(f"zoo.cli.verbs.{verb}").command
        found.append((verb, command))
        if isinstance(command, click.Group):
            found += [(f"{verb} {name}", below) for name, below in command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_every_command_shows_an_example_that_parses(name: str, command: click.Command) -> None:
    lines = [line.strip() for line in (command.help or "").splitlines()]
    examples = [line.split() for line in lines if line.startswith("zoo ")]
    assert examples, f"zoo {name} --help shows no example"
    for example in examples:
        from zoo.cli.main import cli

        at, words = cli, example[1:]
        context = cli.make_context("zoo", list(words), resilient_parsing=False)
        while isinstance(at, click.Group) and words and words[0] in at.list_commands(context):
            at, words = at.get_command(context, words[0]), words[1:]
            assert at is not None
        at.make_context("zoo", list(words))  # raises if an option is unknown or an argument is missing


def test_the_help_names_every_verb_and_both_global_options(zoo) -> None:
    for arguments in (["--help"], ["-h"]):
        result = zoo(*arguments)
        assert result.code == 0
        for word in [*(verb for section in VERBS.values() for verb in section), "--no-plugins", "--version"]:
            assert word in result.out


def test_version(zoo) -> None:
    from zoo import __version__

    assert zoo("--version").out == f"zoo {__version__}\n"
