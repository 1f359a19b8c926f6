"""From whatever the user has to examples of a modality that a plugin provides: to learn from, or to be answered."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.collection import Collection, Held, Members, items_of, labeled, path_in
from zoo.data.dataset import Dataset
from zoo.data.gathering import IMAGES_LIMIT, endless, gathered, is_array, limited
from zoo.data.listing import below, is_example
from zoo.data.modalities import Kind
from zoo.data.streams import class_names_of, elements_of, is_stream, pair_of
from zoo.errors import DataError
from zoo.paths import expanded, matching
from zoo.registry import ZooNotice
from zoo.specs import Output, Task


def collect(data: Any, kind: Kind, labels: Sequence[str], task: Task | None, outputs: Sequence[Output]) -> Dataset:
    """Return a dataset of what is no table, name or Dataset; arguments as of `zoo.data.load`.

    Raises:
        DataError: the data cannot be used as given.
    """
    how: dict[str, Any] = {"labels": labels, "task": task, "outputs": outputs}
    if isinstance(data, str | os.PathLike):
        pattern = matching(data) if isinstance(data, str) else None
        if pattern is not None:
            return labeled(pattern, None, kind, name="files", **how)
        if not os.path.isfile(expanded(data)):
            return Collection.from_folder(data, kind)
        return labeled([Path(data)], None, kind, name=Path(data).name, **how)
    if is_stream(data) or isinstance(data, Iterator):
        return _of_stream(data, kind, how)
    if isinstance(data, tuple) and len(data) == 2:
        x, y = data
        answers = list(y) if isinstance(y, Iterator) else y
        return labeled(items_of(x), answers, kind, name="arrays", **how)
    return labeled(items_of(data), None, kind, name="arrays", **how)


def is_file_of_examples(path: Any, kind: Kind) -> bool:
    """Return whether what ends like a table is a file of examples: its first line names no columns."""
    if kind.spec.table != "files" or not kind.files.has(Path(path)) or not os.path.isfile(expanded(path)):
        return False
    with expanded(path).open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline()
    for cell in first.replace(";", ",").replace("\t", ",").split(","):
        try:
            float(cell)
            return True
        except ValueError:
            continue
    return False


def _of_stream(data: Any, kind: Kind, how: dict[str, Any]) -> Dataset:
    """What a stream or generator gives, read once: single items, pairs, or batches of them."""
    name = type(data).__name__
    items: list[Any] = []
    answers: list[Any] = []
    elements = iter(elements_of(data)[0])
    first = list(islice(elements, 1))
    if first and not isinstance(first[0], tuple | list):
        return labeled(list(limited(chain(first, elements))), None, kind, name=name, **how)
    for element in chain(first, elements):
        rows, theirs = _rows(*pair_of(element, name))
        items += rows
        answers += theirs
        if len(items) > IMAGES_LIMIT:
            raise endless(name, IMAGES_LIMIT, "`.take(n)`")
    if not items:
        raise DataError(f"{name} is empty")
    known = None if all(answer is None for answer in answers) else np.asarray(answers)
    own = class_names_of(data)
    if own and known is not None and not how["outputs"]:  # its numbers are places among its own names
        how = {**how, "labels": own}
    return labeled(items, known, kind, name=name, **how)


def _rows(x: Any, y: Any) -> tuple[list[Any], list[Any]]:
    """The examples of an element and their answers: one, or those of a batch."""
    several = y is not None and np.ndim(y) > 0 and hasattr(x, "__len__") and len(x) == len(y)
    return (_plain(x), list(np.asarray(y))) if several else ([x], [y])


def _plain(batch: Any) -> list[Any]:
    """The rows of a batch; texts that a tensor holds as bytes are texts again."""
    return [item.decode() if isinstance(item, bytes) else item for item in items_of(batch)]


def named_examples(source: Any, kind: Kind, *, strict: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield named examples from whatever the caller has, to be answered.

    Args:
        source: a path, a pattern or a folder; an example in memory, or an array, list, series or generator of them; a
            dataset; a stream. Of several files those that cannot be read are skipped with a notice.
        kind: the modality.
        strict: refuse a list with a file that cannot be read, instead of skipping it.

    Raises:
        DataError: what was given alone, or all of several, is no example or cannot be read.
    """
    if isinstance(source, Dataset):
        if source.modality != kind.name:
            raise DataError(f"{source.name} holds examples of {source.modality!r}, the model takes {kind.name!r}")
        yield from ((name, source.example(index)) for index, name in enumerate(source.ids))
    elif is_stream(source):
        rows = (row for element in elements_of(source)[0] for row in _plain(pair_of(element, "the stream")[0]))
        yield from ((str(index), kind.code.take(row)) for index, row in enumerate(rows))
    elif (path := path_in(source, kind)) is not None:
        yield from _several([path], kind, strict=False) if path.is_dir() else _one(path, kind, 0)
    elif isinstance(source, tuple) and (whole := _alone(source, kind)) is not None:
        yield "0", whole
    elif (members := _members(source, kind)) is not None:
        yield from _several(members, kind, strict)
    else:
        yield from _given(source, kind)


def _alone(source: tuple[Any, ...], kind: Kind) -> Any:
    """A tuple as one example, such as samples and their rate; None where it is several."""
    try:
        return kind.code.take(source)
    except DataError:
        return None


def _members(source: Any, kind: Kind) -> Iterable[Any] | None:
    """The members of a collection; None of what may be one example itself."""
    if isinstance(source, str):
        return matching(source) if source.lower().endswith(kind.spec.extensions or ("\0",)) else None
    if isinstance(source, Iterator):
        return limited(source)
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        return items_of(source)
    if isinstance(source, Mapping) or _is_numbers(source):
        return None
    return gathered(source)


def _is_numbers(source: Any) -> bool:
    """Whether a list holds bare numbers: it may be one example, and is no collection of them."""
    if not isinstance(source, list | tuple) or not source:
        return False
    return isinstance(source[0], int | float | np.number) and not isinstance(source[0], bool)


def _given(source: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
    """One example in memory; or an array of them, where the whole is none."""
    try:
        yield "0", kind.code.take(source)
        return
    except DataError:
        if not is_array(source) or np.ndim(source) < 2:
            raise
    for index, row in enumerate(np.asarray(source)):
        yield str(index), kind.code.take(row)


def _whole(item: Any, kind: Kind) -> list[Any]:
    """The examples that an item stands for: those in a folder, unless the folder is one example; else the item."""
    path = path_in(item, kind)
    return _files(path, kind) if path is not None and path.is_dir() and not is_example(path, kind.files) else [item]


def _files(folder: Path, kind: Kind) -> list[Path]:
    files, _ = below(folder, kind.files)
    if not files:
        raise DataError(f"the folder {str(folder)!r} holds no examples of {kind.name!r} ({kind.files.shown})")
    return files


def _one(item: Any, kind: Kind, number: int) -> Iterator[tuple[str, Any]]:
    members = Members(kind)
    members.add(item, number)
    for place, member in enumerate(members.items):
        if place in members.faults:
            raise DataError(f"{members.ids[place]}: {members.faults[place]}")
        example = member.example if isinstance(member, Held) else kind.code.read(member)
        yield members.ids[place], example


def _several(items: Iterable[Any], kind: Kind, strict: bool) -> Iterator[tuple[str, Any]]:
    read = skipped = 0
    last: DataError | None = None
    for number, item in enumerate(chain.from_iterable(_whole(item, kind) for item in items)):
        try:
            for pair in _one(item, kind, number):
                yield pair
                read += 1
        except DataError as error:
            if strict or path_in(item, kind) is None:
                raise
            skipped, last = skipped + 1, error
            warnings.warn(f"skipped: {error}", ZooNotice, stacklevel=2)
    if last is not None and not read:
        raise last if skipped == 1 else DataError(f"none of the {skipped} examples can be read; the last: {last}")
