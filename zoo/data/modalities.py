"""Modalities by name: seen in manifests, loaded when used; a folder's modality by the endings of its files."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from zoo.errors import DataError, PluginError, UnknownNameError, UnsafeFileError
from zoo.modality import ClaimsFolders, Intake, Modality, SharesEndings
from zoo.plugin.modalities import assumed, has_pictures, provided
from zoo.registry import Entry, ZooNotice
from zoo.specs import ModalitySpec

__all__ = [
    "FileKinds",
    "Kind",
    "assumed",
    "files_of",
    "has_pictures",
    "kind_of",
    "modality_of_path",
    "picture_files",
    "provided",
    "read_intake",
]

_METHODS = ("examples", "read", "take", "fit", "digest", "problems", "show")
_OF_INTAKES = ("shape", "inputs", "front")

_ENOUGH = 2000
"""Files whose endings are counted: more say nothing new."""


@dataclass(frozen=True)
class FileKinds:
    """Which files of a folder are examples.

    Attributes:
        word: one example, in messages.
        extensions: ends of the names of files that are read, lower case.
        passed: ends of files that are such examples too, and that no reader here understands.
        folders: a folder that holds files with such ends is one example.
        pictures: whether they are pictures, which show by their content what they are, whatever their names end with.
    """

    word: str
    extensions: tuple[str, ...]
    passed: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    pictures: bool = False

    @property
    def words(self) -> str:
        """Return several examples, in messages."""
        return f"{self.word}s"

    @property
    def an(self) -> str:
        """Return one example with its article."""
        return f"an {self.word}"

    def has(self, path: Path) -> bool:
        """Return whether a file is an example by its name."""
        return path.name.lower().endswith(self.extensions + self.passed)

    @property
    def shown(self) -> str:
        """Return some of the endings, for messages."""
        more = ", ..." if len(self.extensions) > 6 else ""
        return ", ".join(self.extensions[:6]) + more


@dataclass(frozen=True)
class Kind:
    """A modality that a plugin provides.

    Attributes:
        entry: its entry.
    """

    entry: Entry

    @property
    def name(self) -> str:
        """Return its name."""
        return self.entry.name

    @property
    def spec(self) -> ModalitySpec:
        """Return its row."""
        spec: ModalitySpec = self.entry.spec
        return spec

    @property
    def files(self) -> FileKinds:
        """Return which files are its examples."""
        spec = self.spec
        return FileKinds(spec.word, spec.extensions, spec.unread, spec.folder_extensions, spec.pictures)

    @cached_property
    def code(self) -> Modality:
        """Return the modality itself; failures of its methods say whose they are."""
        from zoo.plugin import calling, guard_methods, load_target

        what = f"modality {self.entry.id!r}"
        cls = load_target(self.entry, self.spec.modality)
        with calling(self.entry.provider, what):
            made: Modality = cls()
        if not isinstance(made, Modality):
            raise PluginError(f"{what} of {self.entry.provider}: {cls.__name__} is no zoo.modality.Modality")
        guard_methods(self.entry.provider, what, type(made), _METHODS)
        guard_methods(self.entry.provider, f"intake of {what}", made.intake, _OF_INTAKES)
        return made

    def fit(self, training: Any, options: Mapping[str, Any]) -> Intake:
        """Return the intake of some examples; see `Modality.fit`.

        Raises:
            PluginError: it returned something else.
        """
        intake = self.code.fit(training, dict(options))
        if not isinstance(intake, Intake) or intake.kind != self.name:
            raise PluginError(
                f"modality {self.entry.id!r} of {self.entry.provider}: fit returned {type(intake).__name__}, not an "
                f"Intake of kind {self.name!r}"
            )
        return intake


def kind_of(name: str) -> Kind:
    """Return a modality by its name, bare or as `plugin:name`.

    Raises:
        UnknownNameError: nobody provides it.
    """
    from zoo.plugin import registry

    return Kind(registry().get("modalities", name))


def files_of(modality: str) -> FileKinds:
    """Return which files are examples of a modality."""
    return kind_of(modality).files


def picture_files() -> FileKinds:
    """Return which files are pictures."""
    return files_of(assumed())


def kind_of_arrays(rank: int) -> Kind | None:
    """Return the modality whose examples a Keras model of the caller's takes as they are; None: nobody provides one.

    Args:
        rank: axes of its input, the batch aside.
    """
    return next((kind_of(spec.name) for spec in provided() if rank in spec.own_ranks), None)


def modality_of_path(path: str | os.PathLike[str]) -> str:
    """Return whose examples a file or the files of a folder are, by their endings.

    Raises:
        DataError: as many files of one modality as of another.
    """
    endings = {spec.name: spec.extensions + spec.unread for spec in provided()}
    counts: Counter[str] = Counter()
    for name in _names(Path(path)):
        counts.update(modality for modality, ends in endings.items() if ends and name.lower().endswith(ends))
    ranked = counts.most_common()
    if not ranked:
        return assumed()
    best = sorted(name for name, count in ranked if count == ranked[0][1])
    best = _by_content(best, endings, Path(path))
    if len(best) > 1:
        raise DataError(
            f"{path} holds as many examples of {' as of '.join(map(repr, best))} by the endings of its files "
            f"({ranked[0][1]} each): name a backbone of the one that is meant, or give a folder of one kind"
        )
    return _of_whole_folders(Path(path)) or best[0]


def _of_whole_folders(path: Path) -> str:
    """The modality whose examples the folders of a data set are, each of them one; "" where there is none."""
    if not path.is_dir():
        return ""
    from zoo.data.layouts import split_of
    from zoo.data.whole_folders import example_folders

    for spec in provided():
        folders = example_folders(path, spec.folder_extensions, split_of) if spec.folder_extensions else []
        code: Any = kind_of(spec.name).code if folders else None
        if isinstance(code, ClaimsFolders) and code.claims_folders(folders):
            warnings.warn(
                ZooNotice(
                    f"{path}: each folder of files is read as one example of {spec.name!r}, since its files are like "
                    "frames that follow one another. To read each file as an example, name a backbone of theirs"
                ),
                stacklevel=2,
            )
            return spec.name
    return ""


def _by_content(best: list[str], endings: Mapping[str, tuple[str, ...]], path: Path) -> list[str]:
    """Those of two modalities with files of the same endings that say that the first such file is theirs."""
    if len(best) != 2:
        return best
    shared = tuple(set(endings[best[0]]) & set(endings[best[1]]))
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix.lower() in shared)
    codes: list[Any] = [kind_of(name).code for name in best] if shared and files else []
    if not codes or not all(isinstance(code, SharesEndings) for code in codes):
        return best
    return [name for name, code in zip(best, codes, strict=True) if code.claims(files[0])] or best


def _names(path: Path) -> list[str]:
    """Names of the files of a folder, or of a file itself; no more than are needed to tell."""
    if not path.is_dir():
        return [path.name]
    names: list[str] = []
    for _, folders, files in os.walk(path):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        names += [file for file in files if not file.startswith(".")]
        if len(names) >= _ENOUGH:
            break
    return names


def read_intake(content: Mapping[str, Any], made_with: Sequence[Any] = ()) -> Intake:
    """Return the intake that a record holds.

    Args:
        content: as JSON holds it.
        made_with: rows of the plugins that the model was made with, to say what is missing.

    Raises:
        UnsafeFileError: it is damaged.
        PluginError: no plugin that is here provides its modality; names the distribution.
    """
    name = content.get("kind")
    if not isinstance(name, str):
        raise UnsafeFileError("the record says no intake")
    try:
        cls = kind_of(name).code.intake
    except UnknownNameError as error:
        raise PluginError(f"its examples are {name!r}, and no plugin here knows them. {_missing(made_with)}") from error
    try:
        return cls.model_validate(dict(content))
    except ValidationError as error:
        raise UnsafeFileError(f"the record says no known intake: {str(error)[:200]}") from error


def _missing(made_with: Sequence[Any]) -> str:
    from zoo.plugin.provenance import how_to_get

    kinds = {row.kind: row for row in made_with}
    row = kinds.get("modalities") or kinds.get("backbones")
    return (
        ""
        if row is None
        else f"It was made with {row.distribution} {row.version}: {how_to_get(row.distribution, row.version)}"
    )
