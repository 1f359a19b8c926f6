"""Dataset: images with their answers, in an order, each readable on its own; the base class of every source."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from PIL import Image

from zoo.data.classes import class_counts
from zoo.data.findings import Finding
from zoo.data.modalities import assumed, files_of, kind_of
from zoo.data.naming import by_name
from zoo.data.pools import ordered_map
from zoo.data.positions import as_indices
from zoo.data.relabeling import arranged, relabeled
from zoo.errors import DataError, OptionError, did_you_mean
from zoo.matching import listed
from zoo.modality import Thumbnail
from zoo.pictures.reading import Header
from zoo.printing import printable
from zoo.specs import BOX_LABELS, Output, Task
from zoo.tasks import as_array, as_float32, named, pack

SPLITS = ("train", "validation", "test")
"""Names that `Dataset.splits` may hold."""


class Dataset:
    """Images with their answers.

    A source of its own (a plugin's, say) subclasses this and says how one image is read: `read(row)`, and where that
    is cheaper than decoding, `digest(row)` and `problem(row)`. A *row* numbers the images of the source and never
    changes; an *index* numbers the images of this dataset (a subset has fewer, in its own order). Users and zoo
    call `image(index)`, `hashes()`, `subset(indices)`, `relabel(labels)`.

    Attributes:
        name: what reports call it.
        modality: what its examples are.
        task: "classification", "multilabel", "regression", "box" or "multi-output".
        labels: class names (otherwise names of the columns); () when unknown.
        ids: one name per image, e.g. `daisy/100080576.jpg`.
        targets: classification: int64 class indices (n,); else float32 (n, k), of several answers side by side, class
            indices as whole numbers; None when unlabeled.
        outputs: the answers of a multi-output dataset, in the order of the columns; () of any other.
        splits: indices of the splits the source itself makes ("train", "validation", "test"); {} when it makes none.
        reading: what reading the data came upon: files left out, answers by position.
        left_out: class -> ending -> number of files that do not end like an image; {} where that is not known.
        groups: name of each image's group (a patient, a burst), which `split` keeps on one side, "" for none; () when
            no image has one.
        source: the path or name it was loaded by, for a run that is resumed; None where there is none, and of a subset.
    """

    source: str | None = None
    reading: tuple[Finding, ...] = ()
    left_out: Mapping[str, Mapping[str, int]] = MappingProxyType({})

    def __init__(
        self,
        name: str,
        *,
        ids: Sequence[str],
        targets: Any = None,
        labels: Sequence[str] = (),
        task: Task = "classification",
        splits: Mapping[str, Any] | None = None,
        outputs: Sequence[Output] = (),
        groups: Sequence[str] = (),
        columns: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Args as the attributes; with `outputs`, targets is a mapping from the name of each answer to its values.

        `columns` are names and cells of what else is known of each image, for `grouped`.
        """
        self.name = name
        # What is shown, stored and compared from here on are texts that can be printed and written as UTF-8.
        self.ids: tuple[str, ...] = tuple(printable(identity) for identity in ids)
        self.answer(targets, labels, task, outputs)
        self.splits: dict[str, np.ndarray] = self._check_splits(splits or {})
        self.groups: tuple[str, ...] = self._check_groups(groups)
        self._columns = {key: tuple(cells) for key, cells in (columns or {}).items()}
        self._rows = np.arange(len(self.ids))
        # Shared by all subsets of the same source: a row is hashed and looked at once.
        self._digests: dict[int, str] = {}
        self._problems: dict[int, str | None] = {}
        self._headers: dict[int, Header] = {}

    def answer(self, targets: Any, labels: Sequence[str], task: Task, outputs: Sequence[Output] = ()) -> None:
        """Set the answers of all images; arguments as the attributes, checked.

        Raises:
            DataError: answers that do not fit the task, the labels or the number of images.
        """
        self.outputs: tuple[Output, ...] = tuple(outputs)
        self.task: Task = "multi-output" if self.outputs else task
        if self.outputs:
            labels = [label for output in self.outputs for label in output.labels]
            if targets is not None:
                if not isinstance(targets, Mapping):
                    raise DataError(f"{self.name}: with outputs= targets must be a mapping, one entry an answer")
                targets = pack(self.outputs, targets, self.name)
        if task == "box":
            labels = BOX_LABELS
        self.labels: tuple[str, ...] = tuple(printable(str(label)) for label in labels)
        self.targets: np.ndarray | None = None if targets is None else self.check_targets(targets)

    @cached_property
    def modality(self) -> str:
        """What its examples are: where a source does not say it, those that arrays are taken for."""
        return assumed()

    # -- what a source says -----------------------------------------------------------------------------------------
    def read(self, row: int) -> Any:
        """The example of a row of the source, as its modality reads it; an array the caller may write into.

        An image is uint8 (height, width, 3) RGB.

        Raises:
            DataError: the example cannot be read; the message names it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define read(row)")

    def digest(self, row: int) -> str:
        """sha256 of the content of a row: here of the example as it is read; a file's is that of its bytes."""
        return self._content_digest(row)

    def problem(self, row: int) -> str | None:
        """A cheap look at a row: why it cannot be an image, or None. Decodes nothing."""
        return None

    def show(self, row: int) -> Thumbnail:
        """What reports, lint pages and notebooks show of a row.

        Raises:
            DataError: it cannot be read.
        """
        return kind_of(self.modality).code.show(self.read(row))

    def preview(self, row: int, side: int) -> Image.Image:
        """A row of images for a look at it, at least `side` on both sides unless the image is less; cheap for files."""
        return Image.fromarray(self.read(row))

    # -- what everybody uses ----------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        kind = f"{self.n_classes} classes" if self.task == "classification" and self.targets is not None else self.task
        words = files_of(self.modality).words
        return f"<{type(self).__name__} {self.name!r}: {len(self)} {words}, {kind if self.labeled else 'unlabeled'}>"

    @property
    def labeled(self) -> bool:
        """Whether the answers are known."""
        return self.targets is not None

    @property
    def n_classes(self) -> int:
        """Number of outputs: of labels, or where they have no names, of the targets."""
        if self.labels or self.targets is None:
            return len(self.labels)
        if self.task == "classification":
            return int(self.targets.max(initial=-1)) + 1
        return int(self.targets.shape[1])

    def example(self, index: int) -> Any:
        """The example at an index, as its modality reads it: an image is uint8 (height, width, 3) RGB, a fresh array.

        Raises:
            DataError: the example is damaged; the message names its file.
            IndexError: there is no such index.
        """
        return self.read(int(self._rows[index]))

    def image(self, index: int) -> Any:
        """The same as `example`, by the name that it has for images."""
        return self.example(index)

    def thumbnail(self, index: int) -> Thumbnail:
        """What reports show of an example: see `show`."""
        return self.show(int(self._rows[index]))

    def at_hand(self, shape: tuple[int, ...]) -> bool:
        """Whether every image lies in memory as uint8 of this shape: threads would cost more than reading it."""
        return False

    def hashes(self) -> tuple[str, ...]:
        """sha256 of every image's content (of a file: of its bytes), in order; computed once.

        Raises:
            DataError: a file cannot be read.
        """
        rows = self._rows.tolist()
        ordered_map(self._known_digest, [row for row in rows if row not in self._digests])
        return tuple(self._digests[row] for row in rows)

    def unreadable(self) -> dict[int, str]:
        """Index -> reason of every image whose file header shows that it cannot be read; looked up once.

        A header can be right and the rest damaged: that shows when the image is decoded (`batches` skips it then).
        """
        rows = self._rows.tolist()
        ordered_map(self._known_problem, [row for row in rows if row not in self._problems])
        reasons = ((index, self._problems[row]) for index, row in enumerate(rows))
        return {index: reason for index, reason in reasons if reason is not None}

    def header(self, index: int) -> Header | None:
        """What the header of an image's file says, looked up once; None where there is no file, or no image in it."""
        return self._known_header(int(self._rows[index]))

    def glimpse(self, index: int, side: int) -> Image.Image:
        """An image for a look at it: see `preview`."""
        return self.preview(int(self._rows[index]), side)

    def readable(self) -> Self:
        """This dataset without the images that `unreadable` names."""
        bad = self.unreadable()
        return self.subset([index for index in range(len(self)) if index not in bad]) if bad else self

    def counts(self) -> dict[str, int]:
        """Images per class, in label order, classes without images included (classification only)."""
        if self.task != "classification" or self.targets is None:
            return {}
        names = self.labels or tuple(str(number) for number in range(self.n_classes))
        return class_counts(self.targets, names)

    def fingerprint(self) -> str:
        """sha256 over task, labels, and content, answer and group of every image in order; file names do not matter."""
        meaning: list[Any] = ["zoo dataset 1", self.task, self.labels]
        if self.outputs:
            meaning.append([(output.name, output.task) for output in self.outputs])
        if self.groups:
            meaning.append(self.groups)
        total = hashlib.sha256(json.dumps(meaning).encode())
        for digest in self.hashes():
            total.update(bytes.fromhex(digest))
        if self.targets is not None:
            total.update(np.ascontiguousarray(self.targets).tobytes())
        return total.hexdigest()

    def subset(self, indices: Any, name: str | None = None) -> Self:
        """Some of the images, in the order given; the source's splits are kept as far as they are in it.

        Args:
            indices: positions in this dataset, int (m,).
            name: what to call it; default the same name.
        """
        chosen = as_indices(indices, len(self))
        clone = copy.copy(self)
        clone.name = name or self.name
        clone.source = None
        clone._rows = self._rows[chosen]
        clone.ids = tuple(self.ids[index] for index in chosen)
        clone.targets = None if self.targets is None else self.targets[chosen]
        clone.splits = {key: np.flatnonzero(np.isin(chosen, members)) for key, members in self.splits.items()}
        clone.groups = tuple(self.groups[index] for index in chosen) if self.groups else ()
        return clone

    def grouped(self, by: str | Callable[[str], str] | Sequence[str]) -> Self:
        """The same images in groups, which `split` never parts: pictures of one patient, frames of one film.

        Args:
            by: "folder": files in the same folder; a column of the table the images were listed in; a function from an
                image's id to the name of its group; "name:" and a pattern, see `naming.by_pattern`; or such a
                name for each image, "" for none.

        Raises:
            OptionError: there is no such column, there are too few names, or no name has the pattern.
        """
        names = by_name(by, self.ids)
        if isinstance(by, str) and by in self._columns:
            names = [self._columns[by][row] for row in self._rows.tolist()]
        if names is None:
            known = ", ".join(map(repr, self._columns)) or "none: only a table has them"
            near = did_you_mean(str(by), self._columns)
            raise OptionError(f"{self.name}: group={by!r} is neither 'folder' nor a column.{near} Columns: {known}")
        clone = copy.copy(self)
        clone.source = None
        clone.groups = clone._check_groups(names)
        return clone

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Return name -> cells, one an example, of the table that the examples were listed in; {} without one."""
        return {name: tuple(cells[row] for row in self._rows.tolist()) for name, cells in self._columns.items()}

    def with_splits(self, splits: Mapping[str, Any]) -> Self:
        """Return the same examples with other splits: names -> indices."""
        clone = self.subset(np.arange(len(self)))
        clone.splits = clone._check_splits(splits)
        return clone

    def arrange(self, outputs: Sequence[Output]) -> Self:
        """Return the same images with their several answers in the order, and with the labels, given; by name.

        Raises:
            DataError: an answer is missing or of another kind, or its labels differ.
        """
        return arranged(self, outputs)

    def relabel(self, labels: Sequence[str]) -> Self:
        """Return the same images with their answers in the order of `labels` (those of a head, say).

        Where both sides have names they are matched by name: exactly, or where that is unique but for case and the
        form of accents. By position only where this dataset has no names; `reading` says so then.

        Args:
            labels: names in the wanted order. Classes that this dataset lacks are allowed; columns are not.

        Raises:
            DataError: a class or column of this dataset is not among them, or a column is missing; whole numbers that
                can be read as names and as positions.
        """
        return relabeled(self, labels)

    def noting(self, finding: Finding | None) -> Self:
        """Return the same images with one more thing that reading came upon."""
        clone = copy.copy(self)
        clone.reading = self.reading if finding is None or finding in self.reading else (*self.reading, finding)
        return clone

    def _known_digest(self, row: int) -> str:
        if row not in self._digests:
            # A subclass that reads something else, under the parent's digest, would pass for the parent.
            own = definer(type(self), "read"), definer(type(self), "digest")
            stale = own[0] is not own[1] and issubclass(own[0], own[1])
            self._digests[row] = self._content_digest(row) if stale else self.digest(row)
        return self._digests[row]

    def _content_digest(self, row: int) -> str:
        return kind_of(self.modality).code.digest(self.read(row))

    def _known_problem(self, row: int) -> str | None:
        if row not in self._problems:
            self._problems[row] = self.problem(row)
        return self._problems[row]

    def _known_header(self, row: int) -> Header | None:
        self._known_problem(row)  # a source of files reads the header for it
        return self._headers.get(row)

    # -- checks -----------------------------------------------------------------------------------------------------
    def check_targets(self, targets: Any) -> np.ndarray:
        """Return targets as `targets` holds them.

        Raises:
            DataError: they do not fit the task, the labels or the number of images.
        """
        answers = as_array(targets, f"{self.name}: targets")
        if len(answers) != len(self.ids):
            raise DataError(f"{self.name}: {len(self.ids)} images and {len(answers)} targets")
        if self.task == "classification":
            if answers.ndim != 1 or answers.dtype.kind not in "iu":
                raise DataError(
                    f"{self.name}: class indices must be integers (n,); got {answers.dtype} {answers.shape}"
                )
            answers = answers.astype(np.int64)
            if answers.size and answers.min() < 0:
                raise DataError(f"{self.name}: class indices must not be negative; got {answers.min()}")
            if answers.size and self.labels and answers.max() >= len(self.labels):
                raise DataError(
                    f"{self.name}: class indices go up to {answers.max()}, but with {len(self.labels)} labels "
                    f"({listed(self.labels)}) the last is {len(self.labels) - 1}; numbers start at 0"
                )
            return answers
        values = as_float32(named(self.task).numbered(self.labels, answers, self.name))
        if values is None or values.ndim != 2:
            raise DataError(f"{self.name}: targets must be finite numbers (n, k); got {answers.dtype} {answers.shape}")
        named(self.task).check_targets(values, self.name)
        if self.labels and not self.outputs and len(self.labels) != values.shape[1]:
            raise DataError(f"{self.name}: {values.shape[1]} values an image and {len(self.labels)} labels")
        return values

    def _check_splits(self, splits: Mapping[str, Any]) -> dict[str, np.ndarray]:
        unknown = sorted(set(splits) - set(SPLITS))
        if unknown:
            raise OptionError(f"{self.name}: splits are called {', '.join(SPLITS)}; got {', '.join(unknown)}")
        checked = {name: as_indices(members, len(self.ids)) for name, members in splits.items()}
        together = np.concatenate([np.empty(0, np.int64), *checked.values()])
        if len(np.unique(together)) != len(together):
            raise DataError(f"{self.name}: an image is in two splits")
        return checked

    def _check_groups(self, groups: Sequence[str]) -> tuple[str, ...]:
        if len(groups) not in (0, len(self.ids)):
            raise OptionError(f"{self.name}: {len(self.ids)} images and {len(groups)} names of groups")
        return tuple(map(str, groups)) if any(groups) else ()


def definer(kind: type, method: str) -> type:
    """The class whose method an object of a kind has."""
    return next(base for base in kind.__mro__ if method in vars(base))
