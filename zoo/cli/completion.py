"""Completion of commands and options in bash, zsh and fish: the script of click, and the line that loads it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from zoo.errors import OptionError

SHELLS = ("bash", "zsh", "fish")

_VARIABLE = "_ZOO_COMPLETE"
"""What the script asks zoo through; click looks for this name."""


def install(shell: str | None, command: click.Command) -> tuple[Path, Path | None]:
    """Write the completion script of a shell, and the line that loads it into the settings of the shell.

    Args:
        shell: "bash", "zsh" or "fish"; None: the one that the variable SHELL names.
        command: what is completed.

    Returns:
        The script, and the file that has a new line; None where none was needed.

    Raises:
        OptionError: the shell is none of these, or its files cannot be written.
    """
    from click.shell_completion import get_completion_class

    shell = shell or Path(os.environ.get("SHELL", "")).name
    completion = get_completion_class(shell) if shell in SHELLS else None
    if completion is None:
        raise OptionError(f"completion for {shell!r} is not there: name one of {', '.join(SHELLS)}")
    script, settings, line = _places(shell)
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(completion(command, {}, "zoo", _VARIABLE).source(), encoding="utf-8")
        if settings is None:
            return script, None
        text = settings.read_text(encoding="utf-8") if settings.exists() else ""
        if line in text:
            return script, None
        settings.write_text(f"{text.rstrip()}\n\n{line}\n".lstrip(), encoding="utf-8")
    except OSError as error:
        raise OptionError(f"completion cannot be installed: {error}") from error
    return script, settings


def _places(shell: str) -> tuple[Path, Path | None, str]:
    """Where the script goes, which file loads it, and by which line."""
    home = Path.home()
    if shell == "bash":
        script = home / ".local" / "share" / "zoo" / "complete.bash"
        return script, home / ".bashrc", f'[ -f "{script}" ] && . "{script}"'
    if shell == "zsh":
        folder = home / ".zfunc"
        return folder / "_zoo", home / ".zshrc", f'fpath+="{folder}"; autoload -Uz compinit; compinit'
    return home / ".config" / "fish" / "completions" / "zoo.fish", None, ""
