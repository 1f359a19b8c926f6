"""Reads recipes from files: JSON, or YAML of the same shape, as plain data and never as code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from zoo.errors import OptionError
from zoo.specs import RecipeSpec
from zoo.untrusted import regular_file

SUFFIXES = (".yaml", ".yml", ".json")
"""Names that end so are files, not names of recipes."""

MAX_BYTES = 65_536
"""Largest recipe file that is read; those of zoo have under a kilobyte."""


class _Plain(yaml.SafeLoader):
    """YAML without aliases: a few of them, nested, unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed here")
        return super().compose_node(parent, index)


def is_file(name: str) -> bool:
    """Whether what was given for a recipe is meant as a file."""
    return name.lower().endswith(SUFFIXES)


def read_recipe(path: Path) -> RecipeSpec:
    """The recipe in a file: a mapping with `phases`, or a list of phases.

    Raises:
        OptionError: there is no such file, it is too large, or what it says is no recipe; the message says where.
    """
    if path.exists() and not regular_file(path):
        raise OptionError(f"the recipe {str(path)!r} is not a file")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise OptionError(f"the recipe {str(path)!r} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise OptionError(f"{path} is no recipe: it has more than {MAX_BYTES} bytes")
    try:
        content = yaml.load(data.decode("utf-8"), _Plain)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise OptionError(f"{path} is neither JSON nor plain YAML: {' '.join(str(error).split())}") from error
    if isinstance(content, list):
        content = {"phases": content}
    if not isinstance(content, dict):
        raise OptionError(f"{path} is no recipe: it holds {type(content).__name__}, not a mapping or a list")
    try:
        return RecipeSpec.model_validate({"name": _name(path), **content})
    except (ValidationError, TypeError) as error:
        raise OptionError(f"{path} is no recipe: {_problems(error)}") from error


def _name(path: Path) -> str:
    """The name of the file as a name of a recipe."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in path.stem.lower())
    return plain.lstrip("._-") or "own"


def _problems(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'recipe'}: {item['msg']}" for item in error.errors()[:5])
