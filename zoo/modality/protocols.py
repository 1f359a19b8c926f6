"""The protocol Modality, and the small values that pass between it and the core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

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
    """

    png: bytes | None = None
    text: str = ""


@runtime_checkable
class Modality(Protocol):
    """How the examples of one kind are found, read, shaped, shown and checked.

    Attributes:
        name: "image", "audio", "text", "table", "video", or a name of the plugin's own.
        extensions: which files of a folder are examples, in lower case with the dot.
    """

    name: str
    extensions: tuple[str, ...]

    def examples(self, source: Any) -> Iterator[Ref]:
        """Yield where each example is, in the same order each time; a file is one, or many, or a folder is one."""
        ...

    def read(self, ref: Ref) -> Example:
        """Return one example, decoded.

        Raises:
            zoo.errors.DataError: it cannot be read; the message names the file.
        """
        ...

    def fit(self, training: Iterable[Example]) -> Intake:
        """Return the intake, fitted on the training part alone: vocabulary, categories, mean and deviation."""
        ...

    def digest(self, example: Example) -> str:
        """Return the sha256 of an example's content, as 64 hexadecimal digits."""
        ...

    def problems(self, example: Example | Ref) -> Iterator[Problem]:
        """Yield what is wrong with an example, or with the file that it would be read from."""
        ...

    def show(self, example: Example) -> Thumbnail:
        """Return what reports show of it."""
        ...
