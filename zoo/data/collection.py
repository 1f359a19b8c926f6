"""Examples of a modality that a plugin provides: in files, several of them perhaps in one, or in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from zoo.data.answers import understand
from zoo.data.dataset import Dataset
from zoo.data.files import file_digest
from zoo.data.gathering import is_array
from zoo.data.layouts import read_layout
from zoo.data.modalities import Kind, kind_of
from zoo.errors import DataError
from zoo.modality import Ref
from zoo.paths import existing, expanded, irregular
from zoo.specs import Output, Task


@dataclass(frozen=True)
class Held:
    """An example that is in memory."""

    example: Any


@dataclass
class Members:
    """Examples, found in files or taken from memory.

    Attributes:
        kind: their modality.
        items: where each is.
        ids: one name an example.
        owners: of each, the number of the file or item that it came from.
        faults: place of what stands for a file that cannot be taken apart -> why.
    """

    kind: Kind
    items: list[Ref | Held] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)

    def add_path(self, path: Path, name: str, owner: int) -> None:
        """Take in the examples of a file, or a folder that is one."""
        try:
            refs = list(self.kind.code.examples(path))
            fault = "" if refs else "there is no example in it"
        except DataError as error:
            refs, fault = [], str(error)
        if fault:
            self.faults[len(self.items)] = fault
            refs = [Ref(name, str(path))]
        for ref in refs:
            self.items.append(ref)
            self.ids.append(name if ref.part is None else f"{name}#{ref.part}")
            self.owners.append(owner)

    def add(self, item: Any, owner: int) -> None:
        """Take in what a caller hands over: a path, or an example in memory.

        Raises:
            DataError: it is no example.
        """
        path = path_in(item, self.kind)
        if path is not None:
            self.add_path(path, path.as_posix(), owner)
            return
        self.add_item(item, str(owner), owner)

    def add_item(self, item: Any, name: str, owner: int) -> None:
        """Take in an example in memory.

        Raises:
            DataError: it is no example.
        """
        self.items.append(Held(self.kind.code.take(item)))
        self.ids.append(name)
        self.owners.append(owner)


def path_in(item: Any, kind: Kind) -> Path | None:
    """Return the file or folder that an item names; None where it is an example itself.

    A text is a path if there is such a file, or if it ends like an example's file.
    """
    if isinstance(item, os.PathLike):
        return existing(expanded(item))
    if not isinstance(item, str):
        return None
    ends = kind.spec.extensions
    if ends and item.lower().endswith(ends) and "\n" not in item:
        return existing(expanded(item))
    short = 0 < len(item) < 1024 and "\n" not in item and "\0" not in item
    return expanded(item) if short and os.path.exists(expanded(item)) else None


class Collection(Dataset):
    """Examples of a modality that a plugin provides.

    Args:
        members: the examples.
        name: what reports call it.
        **options: targets, labels, task, splits, outputs and so on: see `Dataset`; of files, one entry a file.
    """

    def __init__(self, members: Members, name: str, **options: Any) -> None:
        self.modality = members.kind.name
        self._kind = members.kind
        self._items = members.items
        self._faults = members.faults
        super().__init__(name, ids=members.ids, **_of_each(options, members.owners))

    @classmethod
    def from_folder(cls, path: str | os.PathLike[str], kind: Kind) -> Self:
        """Read a folder: class folders, splits of class folders, or examples without labels, as `ImageFiles` does.

        Args:
            path: the folder.
            kind: the modality.

        Raises:
            DataError: the path does not exist or cannot be read; no examples; a folder that can be read in two ways.
        """
        root = expanded(path)
        layout = read_layout(root, kind.files)
        members = Members(kind)
        for owner, file in enumerate(layout.paths):
            members.add_path(file, file.relative_to(root).as_posix(), owner)
        dataset = cls(
            members,
            root.resolve().name,
            targets=np.array(layout.targets, np.int64) if layout.labels else None,
            labels=layout.labels,
            splits=layout.splits,
        )
        dataset.left_out = layout.left_out
        dataset.reading = tuple(layout.findings)
        return dataset

    def read(self, row: int) -> Any:
        """See `Dataset.read`."""
        if row in self._faults:
            raise DataError(f"{self.ids[row]}: {self._faults[row]}")
        item = self._items[row]
        if isinstance(item, Ref):
            return self._kind.code.read(item)
        return item.example.copy() if isinstance(item.example, np.ndarray) else item.example

    def digest(self, row: int) -> str:
        """The sha256 of a file that is one example, or of the example."""
        item = self._items[row]
        whole = isinstance(item, Ref) and item.part is None and not os.path.isdir(item.path)
        return file_digest(Path(item.path)) if whole and isinstance(item, Ref) else self._content_digest(row)

    def problem(self, row: int) -> str | None:
        """Why the file cannot be read, or None; nothing is decoded."""
        item = self._items[row]
        if row in self._faults or isinstance(item, Held) or os.path.isdir(item.path):
            return self._faults.get(row)
        return irregular(item.path) or (None if os.path.getsize(item.path) else "the file is empty")


def _of_each(options: Mapping[str, Any], owners: Sequence[int]) -> dict[str, Any]:
    """What is known of each file, as of each of its examples."""
    made = dict(options)
    places = np.array(owners, np.int64)
    if len(places) and np.array_equal(places, np.arange(len(places))):
        return made
    targets = made.get("targets")
    if isinstance(targets, Mapping):
        made["targets"] = {key: np.asarray(values)[places] for key, values in targets.items()}
    elif targets is not None:
        made["targets"] = np.asarray(targets)[places]
    made["splits"] = {
        name: np.flatnonzero(np.isin(places, members)) for name, members in (made.get("splits") or {}).items()
    }
    made["columns"] = {name: [cells[owner] for owner in owners] for name, cells in (made.get("columns") or {}).items()}
    return made


def examples(
    x: Any,
    y: Any = None,
    *,
    modality: str,
    labels: Sequence[str] = (),
    name: str = "examples",
    task: Task | None = None,
    outputs: Sequence[Output] = (),
) -> Collection:
    """Make a dataset of examples of a modality: in memory, or paths of their files.

    Args:
        x: a list, series or array of examples, each as the modality takes it (`Modality.take`), or paths of files.
        y: one answer an item, as `zoo.Arrays` takes them; a file's is that of all examples in it. None: unlabeled.
        modality: its name.
        labels: class names in the order wanted; default those of y, sorted.
        name: what reports call it.
        task: what y is; None: found out.
        outputs: the answers of a mapping y.

    Raises:
        UnknownNameError: nobody provides the modality.
        DataError: something that is no example, or answers that cannot be used.
    """
    return labeled(items_of(x), y, kind_of(modality), labels=labels, name=name, task=task, outputs=outputs)


def labeled(
    items: Sequence[Any],
    y: Any,
    kind: Kind,
    *,
    labels: Sequence[str] = (),
    name: str = "examples",
    task: Task | None = None,
    outputs: Sequence[Output] = (),
) -> Collection:
    """Return items with their answers; arguments and errors as of `examples`."""
    members = Members(kind)
    for owner, item in enumerate(items):
        try:
            members.add(item, owner)
        except DataError as error:
            raise DataError(f"{name}, number {owner}: {error}") from error
    if not members.items:
        raise DataError(f"{name}: there are no examples")
    answers = understand(y, len(items), tuple(labels), task, name, outputs, by_number=not labels)
    return Collection(members, name, targets=answers[1], labels=answers[2], task=answers[0], outputs=outputs)


def items_of(x: Any) -> list[Any]:
    """Return the items of a table in memory (its rows), an array (along its first axis) or any collection."""
    if hasattr(x, "to_dict") and hasattr(x, "columns"):
        return list(x.to_dict("records"))
    if is_array(x):
        return list(np.asarray(x))
    if isinstance(x, str | bytes | os.PathLike | Mapping) or not isinstance(x, Iterable):
        raise DataError(f"give a list of examples; got {type(x).__name__}")
    return list(x)
