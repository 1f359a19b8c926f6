"""Entry point of the command line: finds the verb, runs it, and turns every failure into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

import click

from zoo import settings
from zoo._version import __version__
from zoo.cli.flags import in_flags
from zoo.cli.output import notes, one_line
from zoo.errors import PluginError, ZooError, did_you_mean

if TYPE_CHECKING:
    from zoo.registry import Entry

VERBS: dict[str, dict[str, str]] = {
    "Look around": {
        "list": "List backbones, filtered and sorted.",
        "show": "Describe a backbone, a head, a dataset or an augmentation.",
        "heads": "List heads, or show one with its options.",
        "datasets": "List datasets, or show one.",
        "augmentations": "List augmentations, or show one with its options.",
        "recipes": "List recipes, or show one with its phases.",
        "which": "Say who provides a name, and where its code stands.",
        "site": "Write the catalog of this installation as pages for a browser.",
    },
    "Train and use": {
        "demo": "Show what zoo does: name photos, then learn real digits.",
        "lint": "Say what is wrong with your data, before anything is trained on it.",
        "recommend": "Say which backbone suits your data, measured on it.",
        "fit": "Train a head (and more) on your data, and measure it.",
        "runs": "List runs with their figures, or open the report of one.",
        "resume": "Go on with a run that was killed or interrupted.",
        "report": "Write what a run came to as one page, with pictures.",
        "receipts": "Prove what a run trained, and what it left as it was.",
        "evaluate": "Measure a model on labeled data.",
        "predict": "Say what is on images, or in whatever files the model takes.",
        "embed": "Write one vector an image, by a pretrained network.",
        "compare": "Say which of several runs is better, and how sure that is.",
    },
    "Hand over": {
        "export": "Write a model in the format of another runtime, checked against predict.",
        "check": "Replay the examples that travel in an exported file.",
        "serve": "Serve a model over HTTP.",
        "card": "Write the model card of a run.",
        "push": "Put a model with its card on the Hugging Face Hub.",
    },
    "Manage": {
        "doctor": "Say what this installation consists of, and what is wrong with it.",
        "cache": "Look after the features that were kept.",
        "weights": "Look after the weight files on this machine.",
        "plugins": "List, check and diagnose plugins, or start a new one.",
    },
}
"""Section of the help -> verb -> its line there. Written out here so that the help imports no verb."""

BUILT_IN = {name for section in VERBS.values() for name in section}
"""Names of zoo's own commands, which no plugin can replace."""

_COMMAND = "zoo.cli.command"
"""Key under which a context remembers whose command of a plugin runs."""

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as in a shell."""


class LazyGroup(click.Group):
    """A group that imports a verb when it runs, and shows the commands of plugins without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, zoo's own first."""
        return [*(name for section in VERBS.values() for name in section), *_plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now; None if there is none."""
        if cmd_name in BUILT_IN:
            command: click.Command = import_module(f"zoo.cli.verbs.{cmd_name}").command
            return command
        return _plugin_command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, with near misses over the commands of plugins too."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None and name not in BUILT_IN:
            ctx.meta[_COMMAND] = _command_entry(name)
        if command is None and not name.startswith("-"):
            raise click.UsageError(f"There is no command {name!r}.{did_you_mean(name, self.list_commands(ctx))}", ctx)
        in_flags.command = command
        return super().resolve_command(ctx, args) if command is None else (name, command, args[1:])

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns is dropped, so that only `ctx.exit(code)` sets an exit code.

        A command of a plugin may exit with a code of its own; what else it raises says whose it is.
        """
        try:
            super().invoke(ctx)
        except (ZooError, click.ClickException, click.Abort, click.exceptions.Exit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            entry = ctx.meta.get(_COMMAND)
            if entry is None or isinstance(error, BrokenPipeError):
                raise
            from zoo.plugin.calling import shown

            hint = "" if settings.debug() else "; set ZOO_DEBUG=1 for the traceback, and report it to its author"
            raise PluginError(f"command {entry.id!r} of {entry.provider} failed: {shown(error)}{hint}") from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands first: they are what somebody who asks for help looks for."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in sections."""
        for title, section in VERBS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()))
        try:
            extra = {name: one_line(str(entry.data.get("summary", ""))) for name, entry in _plugin_commands().items()}
        except ZooError as error:
            notes(f"commands of plugins are not shown: {error}")
            return
        if extra:
            with formatter.section("From plugins"):
                formatter.write_dl(list(extra.items()))


def _plugin_commands() -> dict[str, Entry]:
    """What to type -> command of a plugin: the bare name where it means this one only, else the full name."""
    from zoo.plugin import registry

    names = registry()
    return {
        entry.name if entry.name not in BUILT_IN and names.meaning("commands", entry.name) is entry else entry.id: entry
        for entry in names.entries("commands")
    }


def _command_entry(name: str) -> Entry | None:
    from zoo.errors import UnknownNameError
    from zoo.plugin import registry

    try:
        return registry().get("commands", name)
    except UnknownNameError:
        return None


def _plugin_command(name: str) -> click.Command | None:
    from zoo.plugin import load_target

    entry = _command_entry(name)
    if entry is None:
        return None
    command = load_target(entry, entry.spec.target)
    if not isinstance(command, click.Command):
        raise PluginError(
            f"command {entry.id!r} of {entry.provider} names {entry.spec.target!r}, which is a "
            f"{type(command).__name__} and not a click.Command"
        )
    return command


def _no_plugins(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        os.environ["ZOO_PLUGINS"] = ""


def _install_completion(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    from zoo.cli.completion import install

    script, changed = install(value or None, ctx.command)
    click.echo(f"{script} is written" + (f", and a line in {changed} loads it" if changed else ""))
    click.echo("open a new terminal, then: zoo <Tab>")
    ctx.exit()


FIRST_STEPS = """\
zoo: transfer learning on Keras 3. What to try first:

  zoo predict photo.jpg --backbone efficientnet_lite0   name what is on a photo, with nothing trained
  zoo lint photos/                                      what is wrong with your photos (one folder per class)
  zoo fit photos/ --out mine.keras                      train on them, and measure
  zoo runs --open last                                  the report: how good, how sure, where it fails
  zoo predict photo.jpg --model mine.keras              use the model

zoo --help lists all commands, zoo COMMAND --help explains one, zoo doctor says whether all is well."""
"""What `zoo` alone prints."""


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=False,
)
@click.version_option(__version__, message="zoo %(version)s")
@click.option(
    "--no-plugins",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_no_plugins,
    help="Leave out plugins that do not come with zoo.",
)
@click.option(
    "--install-completion",
    is_flag=False,
    flag_value="",
    metavar="[bash|zsh|fish]",
    is_eager=True,
    expose_value=False,
    callback=_install_completion,
    help="Complete commands and options in your shell, and end.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A model zoo for transfer learning on Keras 3.

    \b
    Example:
      zoo fit photos/ --out mine.keras
      zoo predict cat.jpg --model mine.keras
    """
    if ctx.invoked_subcommand is None:
        click.echo(FIRST_STEPS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments after the program's name; default those of the process.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. After SIGTERM the process ends with 143.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is loaded, by whatever comes to need it
    notes.clear()
    in_flags.command = None
    _print_any_text()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = cli.main(args=None if argv is None else list(argv), prog_name="zoo", standalone_mode=False)
            sys.stdout.flush()
            return int(code or 0)
        except (KeyboardInterrupt, click.Abort):
            return _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) went away: there is nobody to tell. Python flushes stdout once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx is not None else "zoo"
            return _fail(f"{error.format_message()} See `{where} --help`.", error.exit_code)
        except click.ClickException as error:
            return _fail(error.format_message(), error.exit_code)
        except (ZooError, OSError) as error:
            return _fail(in_flags(str(error)), 1, debug=True)
        except Exception as error:  # the last resort: whatever happened, a user gets one line that helps to report it
            return _fail_within(error)


def _print_any_text() -> None:
    """A file name that the terminal cannot show must never end the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _fail_within(error: Exception) -> int:
    hint = "" if settings.debug() else "; set ZOO_DEBUG=1 for the traceback, and please report this"
    return _fail(f"internal error: {type(error).__name__}: {error}{hint}", 1, debug=True)


def _fail(text: str, code: int, *, debug: bool = False) -> int:
    if debug and settings.debug():
        traceback.print_exc()
    click.echo(f"zoo: {one_line(text)}", err=True)
    return code


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as one line on stderr; Python would print where in the code it was raised."""
    from zoo.registry import ZooNotice

    if issubclass(category, ZooNotice):
        notes(str(message))
    else:
        click.echo(f"warning: {one_line(str(message))}", err=True)
