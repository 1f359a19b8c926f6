"""The modality of texts: one file an example, one line an example, or a cell of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoo.errors import DataError, OptionError
from zoo.modality import Modality, Problem, Ref, Thumbnail
from zoo_text.intake import TextIntake
from zoo_text.units import WordCounts, WordIds, WordPieces

EXTENSIONS = (".txt",)

LARGEST = 16 << 20
"""Bytes of the largest file that is one text."""

_WORDS = 20_000
"""Most words that are numbered."""

_SHOWN = 280
"""Characters of a text that a report shows."""


class TextOptions(BaseModel):
    """Options of a model of texts, `zoo.build(..., options={...})`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Literal["counts", "ids", "pieces"] = Field(
        default="counts", description="what a text becomes: counts of words and pairs, ids of words, word pieces"
    )
    most: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="largest number of terms or words; None: 20,000, and 8,000 terms of more than 5,000 texts",
    )
    least: int = Field(
        default=2, ge=1, description="of counts: texts that must have a term; of ids: how often a word must occur"
    )
    length: int | None = Field(
        default=None,
        ge=4,
        le=4096,
        description="ids or pieces of every text; None: so that 95 % of the training part fit, 256 at most",
    )
    vocabulary: str | None = Field(
        default=None, description="of pieces: `distribution:path`, the vocab.txt of an installed distribution"
    )
    sha256: str | None = Field(default=None, description="published digest of the vocabulary")


class Texts(Modality):
    """Texts: a Python str."""

    name = "text"
    extensions = EXTENSIONS
    intake = TextIntake

    def read(self, ref: Ref) -> str:
        """Return the text of a file: UTF-8, with or without a byte order mark; what is not is read as Windows-1252.

        With a part, the line of that number, from 0; empty lines do not count.

        Raises:
            DataError: the file cannot be read, holds bytes that are no text, or has more than 16 MB.
        """
        try:
            size = Path(ref.path).stat().st_size
            if size > LARGEST:
                raise DataError(f"{ref.path} has {size / 1e6:.0f} MB; a text is one example of 16 MB at most")
            text = _decoded(Path(ref.path).read_bytes(), ref.path)
        except OSError as error:
            raise DataError(f"cannot read {ref.path}: {error.strerror or error}") from error
        if ref.part is None:
            return text
        kept = lines(text)
        if ref.part >= len(kept):
            raise DataError(f"{ref.path} has {len(kept)} lines that are not empty, and none of number {ref.part}")
        return kept[ref.part]

    def take(self, item: Any) -> str:
        """Return a text that is in memory.

        Args:
            item: a str; or bytes of UTF-8.

        Raises:
            DataError: it is something else.
        """
        if isinstance(item, bytes):
            return _decoded(item, "these bytes")
        if isinstance(item, str):
            return str(item)
        raise DataError(f"a text is a str; got {type(item).__name__}")

    def fit(self, training: Iterable[Any], options: Mapping[str, Any]) -> TextIntake:
        """Return the intake, its vocabulary that of the training part.

        Args:
            training: texts.
            options: see `TextOptions`.

        Raises:
            OptionError: an option that there is not, or a value that cannot be used.
            WeightsError: the vocabulary of the word pieces is not installed, or was changed.
        """
        try:
            chosen = TextOptions(**options)
        except ValidationError as error:
            first = error.errors()[0]
            raise OptionError(f"option {'.'.join(map(str, first['loc']))!r} of texts: {first['msg']}") from error
        if chosen.form == "counts":
            return TextIntake(units=WordCounts.fit(training, chosen.most, chosen.least))
        if chosen.form == "ids":
            return TextIntake(units=WordIds.fit(training, chosen.most or _WORDS, chosen.least, chosen.length))
        return TextIntake(units=_pieces(training, chosen))

    def problems(self, example: Any) -> Iterator[Problem]:
        """Yield texts without a word."""
        if not any(character.isalnum() for character in example):
            yield Problem("warning", "it has no words", "remove it, or look whether the file is whole")

    def drawn(self, seed: int) -> str:
        """Return sixty words of a short vocabulary, in a random order."""
        import numpy as np

        words = (
            "old",
            "new",
            "river",
            "house",
            "garden",
            "winter",
            "walks",
            "reads",
            "slowly",
            "near",
            "under",
            "bright",
        )
        return " ".join(np.random.default_rng(seed).choice(words, 60).tolist())

    def without(self, example: str) -> Iterator[tuple[str, str]]:
        """Yield each word and the text without it, wherever it stands; words count alike in either case."""
        for word in dict.fromkeys(re.findall(r"\w+", example.lower())):
            yield word, re.sub(rf"\b{re.escape(word)}\b", " ", example, flags=re.IGNORECASE)

    def show(self, example: Any) -> Thumbnail:
        """Return the beginning of the text."""
        text = " ".join(example.split())
        return Thumbnail(text=text if len(text) <= _SHOWN else text[:_SHOWN].rsplit(" ", 1)[0] + " ...")


def lines(text: str) -> list[str]:
    """Return the lines of a text that are not empty, without the white space around them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _pieces(training: Iterable[str], chosen: TextOptions) -> WordPieces:
    import zoo

    if chosen.vocabulary is None or ":" not in chosen.vocabulary:
        raise OptionError("word pieces need the option vocabulary, as distribution:path/to/vocab.txt")
    distribution, _, path = chosen.vocabulary.partition(":")
    file = zoo.installed_file(distribution, path, sha256=chosen.sha256)
    pieces = tuple(file.read_text(encoding="utf-8").splitlines())
    length = chosen.length or _length_of_pieces(training, pieces)
    return WordPieces(pieces=pieces, length=length)


def _length_of_pieces(training: Iterable[str], pieces: tuple[str, ...]) -> int:
    import numpy as np

    from zoo_text.units import piece_numbers

    lengths = [len(piece_numbers(pieces, text)) for text in training]
    return int(min(max(np.quantile(lengths, 0.95), 16), 256)) if lengths else 64


def _decoded(content: bytes, name: str) -> str:
    if b"\0" in content[:4096] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is no text: it holds zero bytes")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
