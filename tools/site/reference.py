"""The generated pages of the reference: the public API from docstrings, the command line from its own help."""

from __future__ import annotations

from importlib import import_module

import click

import zoo

NAMES = {
    "Build, load, restrict": ("build", "load", "resume", "restrict", "TransferModel"),
    "Heads": ("Head", "classifier", "multilabel", "regressor", "locator", "multi_output", "head", "head_for"),
    "Data": ("Dataset", "ImageFiles", "Arrays", "dataset", "from_files", "from_csv", "lint"),
    "Recipes and phases": ("Recipe", "Phase"),
    "Results": ("Run", "load_run", "Evaluation", "Prediction", "compare", "report"),
    "Choose and embed": ("recommend", "embed", "Embeddings", "neighbors", "fetch"),
    "Look around": (
        "backbones", "describe", "heads", "datasets", "augmentations", "recipes", "plugins", "which", "hookimpl",
    ),
    "Errors": ("ZooError",),
}  # fmt: skip
"""Page of the reference -> public names of zoo on it."""

MODULES = {
    "zoo.specs": "What can be asked: frozen, declarative descriptions.",
    "zoo.specs.record": "What was done: `run.json` is a `RunRecord`, `zoo.json` in a saved model a `ModelRecord`.",
    "zoo.modality": "What a modality and an intake are.",
    "zoo.testing": "For tests of plugins: conformance suites, tiny networks and data.",
    "zoo.plots": "Figures for a paper or a page.",
    "zoo.errors": "Every error that zoo raises on purpose.",
    "zoo.settings": "What the environment sets.",
}
"""Modules with a page of their own, and what it opens with."""


SECOND_NAMES = {"Recipe": "zoo.specs.recipes.RecipeSpec", "Phase": "zoo.specs.recipes.PhaseSpec"}
"""Public names that are short for another: where their docstring is."""


def pages() -> dict[str, str]:
    """Return the pages: path below docs -> Markdown."""
    return {**python_pages(), **command_pages()}


# -- Python --------------------------------------------------------------------------------------------------------


def python_pages() -> dict[str, str]:
    """Return a page for each group of public names and each public module."""
    rest = [name for name in zoo.__all__ if name != "__version__" and not any(name in part for part in NAMES.values())]
    groups = {**NAMES, **({"More": tuple(rest)} if rest else {})}
    index = [
        "# Python",
        "",
        "Generated from the docstrings. `import zoo` imports neither Keras nor TensorFlow; every name is loaded at its "
        "first use.",
        "",
    ]
    made = {}
    for place, (title, names) in enumerate(groups.items(), start=1):
        file = f"{place:02d}-{title.lower().replace(',', '').replace(' ', '-')}.md"
        made[file] = "\n".join([f"# {title}", "", *(_entry("zoo", name) for name in names)])
        index.append(f"- [{title}]({file}): " + ", ".join(f"`zoo.{name}`" for name in names))
    for module, opening in MODULES.items():
        file = f"{module}.md"
        made[file] = _module_page(module, opening)
        index.append(f"- [`{module}`]({file}): {opening}")
    index += [
        "",
        "JSON Schemas: [registry and manifests](../../schema.json), [`run.json`](../../run_schema.json).",
    ]
    made["index.md"] = "\n".join(index) + "\n"
    return {f"reference/python/{name}": text for name, text in made.items()}


def _module_page(module: str, opening: str) -> str:
    names = _exported(module)
    lines = [f"# {module}", "", opening, ""]
    if names:
        lines += [_entry(module, name) for name in names]
    else:
        lines += [f"::: {module}", "    options:", "      show_root_heading: false", "      show_root_toc_entry: false"]
    return "\n".join(lines) + "\n"


def _exported(module: str) -> list[str]:
    """The names of a module, without second names of what is there already."""
    names = getattr(import_module(module), "__all__", [])
    return [name for name in names if not name.startswith("_") and name not in SECOND_NAMES]


def _entry(module: str, name: str) -> str:
    """What mkdocstrings replaces by the docstring of a name."""
    path = SECOND_NAMES.get(name, f"{module}.{name}")
    return f"::: {path}\n    options:\n      heading: {module}.{name}\n      toc_label: {name}\n"


# -- the command line ------------------------------------------------------------------------------------------------


def command_pages() -> dict[str, str]:
    """Return a page for each command of zoo with its help, and one that lists them."""
    from zoo.cli.main import VERBS, cli

    lines = ["# Command line", "", "Generated from `--help`. `--json` on every listing and result.", ""]
    made = {}
    root = click.Context(cli, info_name="zoo")
    for section, verbs in VERBS.items():
        lines += [f"## {section}", ""]
        for verb, summary in verbs.items():
            command = cli.get_command(root, verb)
            if command is None:
                raise LookupError(f"zoo {verb} is listed, and is no command")
            made[f"reference/cli/{verb}.md"] = "\n".join(_help(command, verb, root, level=1))
            lines.append(f"- [`zoo {verb}`]({verb}.md): {summary}")
        lines.append("")
    made["reference/cli/index.md"] = "\n".join(lines)
    return made


def _help(command: click.Command, name: str, parent: click.Context, *, level: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    lines = [f"{'#' * level} {context.command_path}", "", "```text", command.get_help(context), "```", ""]
    if isinstance(command, click.Group):
        for part in command.list_commands(context):
            inner = command.get_command(context, part)
            if inner is not None:
                lines += _help(inner, part, context, level=2)
    return lines
