"""The protocol Modality, and the small values that pass between it and the core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from zoo.modality.digests import digest_of
from zoo.modality.intake import Intake

Example = Any
"""One example decoded: uint8 (height, width, 3); float32 samples and their rate; a text; a row; uint8 (t, h, w, 3)."""


@dataclass(frozen=True)
class Ref:
    """Where one example is: a file, a part of a file, or a folder.

    Attributes:
        name: what reports call it; unique within its source.
        path: the file or folder.
        part: which example of the file, from 0; None: all of it.
    """

    name: str
    path: str
    part: int | None = None


@dataclass(frozen=True)
class Problem:
    """What is wrong with one example, as `zoo lint` says it.

    Attributes:
        severity: "error": it cannot be used; "warning": it can, and something is odd.
        what: what was seen, in one line.
        advice: what to do.
    """

    severity: Literal["error", "warning"]
    what: str
    advice: str = ""


@dataclass(frozen=True)
class Thumbnail:
    """What reports, lint pages and notebooks show of one example.

    Attributes:
        png: a picture (a photo, a spectrogram, a frame) as the bytes of a PNG file; None where there is only text.
        text: a caption, or the example itself where it is text.
        wav: what plays it, as the bytes of a WAV file; None where it makes no sound. Keep it short: a page holds many.
    """

    png: bytes | None = None
    text: str = ""
    wav: bytes | None = None


@runtime_checkable
class Modality(Protocol):
    """How the examples of one kind are found, read, shaped, shown and checked.

    A class that derives from it inherits `examples`, `digest` and `problems`; everything else is its own. It holds no
    state: one is made wherever one is needed, in other processes too.

    Attributes:
        name: as its row says it: "image", "audio", or a name of the plugin's own.
        extensions: which files of a folder are examples, in lower case with the dot.
        intake: the class of its intakes, by which a saved model's is read.
    """

    name: str
    extensions: tuple[str, ...]
    intake: type[Intake]

    def examples(self, source: str | Path) -> Iterator[Ref]:
        """Yield where each example is, in the same order each time; a file is one, or many, or a folder is one.

        Without an own definition each file is one example; of a folder all files with one of `extensions`, by name.

        zoo finds the files of a data set and calls this with one path at a time.

        Args:
            source: a file; a folder of files (all of them, by name); or a folder that is one example, see
                `ModalitySpec.folder_extensions`.

        Raises:
            zoo.errors.DataError: a file cannot be taken apart into examples.
        """
        path = Path(source)
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in self.extensions)
        for file in files:
            yield Ref(file.relative_to(path).as_posix() if path.is_dir() else file.name, str(file))

    def read(self, ref: Ref) -> Example:
        """Return one example, decoded.

        Raises:
            zoo.errors.DataError: it cannot be read; the message names the file.
        """
        ...

    def take(self, item: Any) -> Example:
        """Return what a caller hands over in memory (array, text, mapping, object of a library) as an example.

        Called with one item of a list; with an array as a whole and, where that is refused, with each of its rows; and
        with a row (column -> cell) or a cell of a table, as `ModalitySpec.table` says. The item is not written into.

        Raises:
            zoo.errors.DataError: it is no example; the message says what is.
        """
        ...

    def fit(self, training: Iterable[Example], options: Mapping[str, Any]) -> Intake:
        """Return the intake, fitted on the training part alone: vocabulary, categories, mean and deviation.

        Args:
            training: the examples trained on, read while they are asked for; to be gone through once. Empty when a
                model is built before there are data: the intake then only has to lead to a graph that can be built.
            options: `intake_options` of the backbone's row, with what the caller of `zoo.build` put in their place.

        Raises:
            zoo.errors.OptionError: an option has a value that cannot be used.
            zoo.errors.DataError: the training part cannot be fitted to.
        """
        ...

    def digest(self, example: Example) -> str:
        """Return the sha256 of an example's content, as 64 hexadecimal digits."""
        return digest_of(example)

    def problems(self, example: Example) -> Iterator[Problem]:
        """Yield what is wrong with an example that could be read: silence, no words, a constant."""
        return iter(())

    def show(self, example: Example) -> Thumbnail:
        """Return what reports show of it."""
        ...
