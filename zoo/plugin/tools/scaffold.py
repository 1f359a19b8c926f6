"""Starts a plugin: a complete project (package, manifest, tests, license, CI) from the template inside the wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from zoo._version import __version__
from zoo.errors import OptionError, PluginError, did_you_mean
from zoo.plugin.manager import manager
from zoo.plugin.manifest import MANIFEST
from zoo.plugin.tools.trial_import import try_import
from zoo.registry import DISTRIBUTION, SINGULAR, Entry

TEMPLATE = Path(__file__).parent / "template"
"""The template's files; `.tmpl`, so that neither pytest nor a linter takes them for code."""

LONGEST_NAME = 30
"""Characters of a name: the lines of the template stay within 120."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


_LONGEST_IMPORT = 120 - len("from zoo.specs import ")


@dataclass(frozen=True)
class Kind:
    """A kind of thing that a new plugin can provide.

    Attributes:
        plural: what the registry calls it.
        module: the module of the package that holds its specs and its code.
        spec: the class of its specs.
        suffix: what follows the plugin's name in the name of the example.
    """

    plural: str
    module: str
    spec: str
    suffix: str = ""


KINDS = {
    "head": Kind("heads", "heads", "HeadSpec"),
    "dataset": Kind("datasets", "datasets", "DatasetSpec"),
    "augmentation": Kind("augmentations", "augmentations", "AugmentationSpec", "-dim"),
    "backbone": Kind("backbones", "backbones", "BackboneSpec", "-net"),
    "label-set": Kind("label_sets", "label_sets", "LabelSet"),
    "command": Kind("commands", "commands", "CommandSpec"),
    "recipe": Kind("recipes", "recipes", "RecipeSpec"),
    "modality": Kind("modalities", "modalities", "ModalitySpec"),
}
"""What `--kind` takes, in the order of the generated files."""


def create(
    name: str,
    kinds: Iterable[str],
    *,
    directory: Path | None = None,
    author: str = "",
    taken: Collection[str] = (),
) -> Path:
    """Write the project of a new plugin; whole or not at all.

    The plugin of the name "birds" is the distribution `zoo-birds` with the package and plugin id `zoo_birds`; its
    examples are called "birds", "birds-dim" and "birds-net".

    Args:
        name: lower case letters, digits and single dashes, from a letter on, at most 30 characters; a leading "zoo-" is
            dropped.
        kinds: what it provides, keys of `KINDS`: "head", "dataset", "recipe" and so on.
        directory: the project's folder, which must not exist or be empty; default `zoo-NAME` in the working directory.
        author: for the license and the metadata.
        taken: names of commands that are zoo's own.

    Returns:
        The project's folder.

    Raises:
        OptionError: a name, kind or author that cannot be used, or a folder that holds something.
    """
    slug = _slug(name)
    chosen = _chosen(kinds)
    _refuse_names_of_zoo(slug, chosen, taken)
    target = directory if directory is not None else Path(f"zoo-{slug}")
    _check_is_free(target)
    existed = target.exists()
    files = render(slug, chosen, author=author)
    # Made under another name and renamed: an error leaves nothing behind. A folder that is there stays the same one: it
    # may be the working directory, or a link.
    workshop = Path(tempfile.mkdtemp(dir=target if existed else target.absolute().parent, prefix=f".zoo-{slug}-"))
    try:
        for name_in_project, text in files.items():
            place = workshop / name_in_project
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        package = f"zoo_{slug.replace('-', '_')}"
        (workshop / "src" / package / MANIFEST).write_text(_manifest(package, workshop / "src"), encoding="utf-8")
        if existed:
            for path in workshop.iterdir():
                os.replace(path, target / path.name)
            workshop.rmdir()
        else:
            workshop.chmod(0o755)
            os.replace(workshop, target)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise
    return target


def _check_is_free(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OptionError(f"{str(target)!r} exists and is not an empty folder: take another --directory")
    if not target.absolute().parent.is_dir():
        raise OptionError(
            f"the folder {str(target.absolute().parent)!r}, in which the project would lie, does not exist"
        )


def render(slug: str, kinds: Iterable[str], *, author: str = "") -> dict[str, str]:
    """The files of the project, without the manifest: path -> text.

    Args:
        slug: the name, without "zoo-".
        kinds: keys of `KINDS`.
        author: for the license and the metadata.

    Raises:
        OptionError: the author's name holds control characters.
    """
    chosen = [kind for kind in KINDS if kind in set(kinds)]
    package, distribution = f"zoo_{slug.replace('-', '_')}", f"zoo-{slug}"
    who = " ".join(author.split()) or f"the authors of {distribution}"
    if not who.isprintable():
        raise OptionError(f"the author {author!r} holds characters that cannot be printed")
    values = {
        "name": slug,
        "package": package,
        "distribution": distribution,
        "title": "".join(part.capitalize() for part in slug.split("-")),
        "author": who,
        "author_toml": json.dumps(who, ensure_ascii=False),
        "provides": _enumerated(chosen),
        "first": slug + KINDS[chosen[0]].suffix,
        "specs": _imported(sorted(KINDS[kind].spec for kind in chosen)),
        "zoo_version": __version__,
        "augment": "",
        "labels_import": "",
        "head_data": "",
    }
    values |= _together(slug, package, chosen)
    values["hooks"] = _texts("hooks", chosen, values).rstrip("\n")
    together = ["head-dataset"] if values["head_data"] else []
    values["use"] = _texts("use", [*together, *chosen], values)
    return {path: _text(f"{source}.tmpl", values) for path, source in _sources(package, chosen).items()}


def _enumerated(kinds: Sequence[str]) -> str:
    """`a head, a dataset and an augmentation`."""
    articles = [f"{'an' if kind[0] in 'aeiou' else 'a'} {SINGULAR[KINDS[kind].plural]}" for kind in kinds]
    return " and ".join(filter(None, [", ".join(articles[:-1]), articles[-1]]))


def _imported(names: Sequence[str]) -> str:
    """Names as they stand behind `import`, in one line or one a line, as ruff formats them."""
    line = ", ".join(names)
    return line if len(line) <= _LONGEST_IMPORT else "(\n    " + ",\n    ".join(names) + ",\n)"


def _together(slug: str, package: str, chosen: Sequence[str]) -> dict[str, str]:
    """What kinds that belong together say of each other."""
    values = {}
    if {"head", "augmentation"} <= set(chosen):
        values["augment"] = f'    augment=["{slug}-dim"],\n'
    if {"head", "dataset"} <= set(chosen):  # they belong together: the head answers with the dataset's classes
        values["labels_import"] = f"\nfrom {package}.datasets import LABELS\n"
        values["head_data"] = f'        labels=LABELS,\n        dataset="{package}:{slug}",\n'
    return values


def _sources(package: str, chosen: Sequence[str]) -> dict[str, str]:
    """Path of each file of the project -> its template."""
    sources = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "LICENSE": "LICENSE",
        ".gitignore": "gitignore",
        ".github/workflows/ci.yml": "ci.yml",
        f"src/{package}/__init__.py": "package/__init__.py",
        f"src/{package}/plugin.py": "package/plugin.py",
        "tests/test_plugin.py": "tests/test_plugin.py",
    }
    for kind in chosen:
        module = KINDS[kind].module
        sources[f"src/{package}/{module}.py"] = f"package/{module}.py"
        sources[f"tests/test_{module}.py"] = f"tests/test_{module}.py"
    return sources


def _text(source: str, values: dict[str, str]) -> str:
    return Template((TEMPLATE / source).read_text(encoding="utf-8")).substitute(values)


def _texts(folder: str, parts: Sequence[str], values: dict[str, str]) -> str:
    return "".join(_text(f"{folder}/{part}.tmpl", values) for part in parts)


def _slug(name: str) -> str:
    slug = name.strip().removeprefix("zoo-")
    if not _NAME.fullmatch(slug) or len(slug) > LONGEST_NAME:
        raise OptionError(
            f"{name!r} cannot be the name of a plugin: it takes lower case letters, digits and single dashes, starts "
            f"with a letter, and has at most {LONGEST_NAME} characters, such as 'sea-birds'"
        )
    return slug


def _chosen(kinds: Iterable[str]) -> list[str]:
    chosen = []
    for kind in kinds:
        flat = kind.strip().lower().replace("_", "-").replace(" ", "-")
        flat = flat if flat in KINDS else flat.removesuffix("s")
        if flat not in KINDS:
            raise OptionError(f"there is no kind {kind!r}.{did_you_mean(kind, KINDS)} Kinds: {', '.join(KINDS)}.")
        chosen.append(flat)
    if not chosen:
        raise OptionError(f"--kind says what the plugin provides: {', '.join(KINDS)}")
    return [kind for kind in KINDS if kind in chosen]


def _refuse_names_of_zoo(slug: str, kinds: list[str], taken: Collection[str]) -> None:
    """Names that users would never get: zoo's own win unqualified."""
    package = f"zoo_{slug.replace('-', '_')}"
    own = {record.id for record in manager().records() if record.provider.first_party} | {"zoo_testing"}
    if package in own or f"zoo-{slug}" == DISTRIBUTION:
        raise OptionError(f"{package!r} is zoo's own: take another name")
    registry = manager().known()
    for kind in kinds:
        name = slug + KINDS[kind].suffix
        entries = registry.entries(KINDS[kind].plural)
        if _is_of_zoo(name, entries) or (kind == "command" and name in taken):
            raise OptionError(f"there is a {SINGULAR[KINDS[kind].plural]} {name!r} in zoo already: take another name")


def _is_of_zoo(name: str, entries: Iterable[Entry]) -> bool:
    return any(entry.provider.first_party and name in entry.spellings for entry in entries)


def _manifest(package: str, source: Path) -> str:
    trial = try_import(package, f"{package}.plugin", paths=(str(source),))
    if trial.manifest is None:
        raise PluginError(f"the new plugin does not work: {'; '.join(problem.what for problem in trial.problems)}")
    return trial.manifest
