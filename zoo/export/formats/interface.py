"""The protocol Format, and what travels with a model in every format. Imports NumPy and the standard library only."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from zoo.errors import OptionError, UnsafeFileError
from zoo.untrusted import JsonLimits, parse_json

Quantization = Literal["float16", "int8"]

Answer = Callable[[np.ndarray], np.ndarray]
"""From arrays as the model takes them (n, ...) to its answers: float32 (n, columns), several answers side by side."""

RECORD, CARD, EXAMPLES = "zoo.json", "README.md", "zoo_examples.npz"
"""Names of what travels: members of an archive, files of a folder, keys of metadata."""

LIMITS = JsonLimits(bytes=64 << 20, values=2_000_000)
"""Of the record; that of a model that was trained on a million examples has 20 MB."""

MOST_EXAMPLE_BYTES = 64 << 20


class Format(Protocol):
    """A kind of file that models are written to and answered from."""

    def write(self, model: Any, path: Path, record: Mapping[str, Any]) -> None:
        """Write a model.

        Args:
            model: a Keras model from arrays as the intake gives them to answers, float32; one output, or a list in the
                order of the record's outputs.
            path: where to; nothing is there yet.
            record: `ModelRecord` as JSON.
        """
        ...

    def open(self, path: Path) -> Answer:
        """Return what a file that `write` wrote answers, in the format's own runtime."""
        ...


@dataclass(frozen=True)
class Cargo:
    """What travels with a model, so that the file alone answers with labels and can be checked anywhere.

    Attributes:
        record: `ModelRecord` as JSON, and under "export" how it was exported.
        card: the model card, Markdown.
        inputs: up to four examples as the model takes them, (n, ...).
        expected: what the model answers to them, float32 (n, columns).
    """

    record: Mapping[str, Any]
    card: str = ""
    inputs: np.ndarray = field(default_factory=lambda: np.zeros((0,), np.uint8))
    expected: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def members(self) -> dict[str, bytes]:
        """Return everything as named bytes."""
        stream = io.BytesIO()
        np.savez_compressed(stream, inputs=self.inputs, expected=self.expected)
        return {
            RECORD: json.dumps(self.record, ensure_ascii=False).encode(),
            CARD: self.card.encode(),
            EXAMPLES: stream.getvalue(),
        }

    @classmethod
    def of(cls, members: Mapping[str, bytes], name: str, *, examples: bool = True) -> Cargo:
        """Return what `members` gave, checked.

        Args:
            members: the named bytes.
            name: of the file, for errors.
            examples: whether the examples are read too.

        Raises:
            UnsafeFileError: it is damaged.
        """
        record = read_record(members, name)
        if not examples or not members.get(EXAMPLES):
            return cls(record, members.get(CARD, b"").decode("utf-8", "replace"))
        arrays = _arrays(members[EXAMPLES], name)
        return cls(record, members.get(CARD, b"").decode("utf-8", "replace"), arrays["inputs"], arrays["expected"])


def read_record(members: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Return the record among named bytes.

    Raises:
        OptionError: there is none: zoo did not write the file.
        UnsafeFileError: it is damaged.
    """
    if RECORD not in members:
        raise OptionError(f"{name} was not exported by zoo: it does not say its labels, nor how examples become inputs")
    record = parse_json(members[RECORD], f"{name}: {RECORD}", LIMITS)
    if not isinstance(record, dict) or not isinstance(record.get("outputs"), list) or not record["outputs"]:
        raise UnsafeFileError(f"{name} is damaged: its record does not say what it answers")
    return record


def _arrays(data: bytes, name: str) -> dict[str, np.ndarray]:
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_EXAMPLE_BYTES:
                raise UnsafeFileError(f"{name} is refused: its examples unfold to more than {MOST_EXAMPLE_BYTES} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in ("inputs", "expected")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnsafeFileError(f"{name} is damaged: its examples cannot be read ({str(error)[:100]})") from error


def side_by_side(answers: Any, names: Sequence[str]) -> np.ndarray:
    """Return answers as float32 (n, columns), whatever a runtime gives: an array, a list in order, a dict by name."""
    if isinstance(answers, Mapping):
        answers = [answers[name] for name in names] if len(answers) > 1 else list(answers.values())
    if isinstance(answers, list | tuple):
        return np.concatenate([np.asarray(part, np.float32) for part in answers], axis=1)
    return np.asarray(answers, np.float32)


def output_names(record: Mapping[str, Any]) -> list[str]:
    """Return the names of the answers, in the order of the columns."""
    return [str(output.get("name", "answer")) for output in record["outputs"]]


def needed(what: str, *modules: str, extra: str) -> None:
    """Check that packages are installed.

    Args:
        what: what needs them, for the message.
        *modules: names to import.
        extra: what to install.

    Raises:
        OptionError: one is missing.
    """
    missing = [name for name in modules if find_spec(name.partition(".")[0]) is None]
    if missing:
        raise OptionError(f"{what} needs {', '.join(missing)}: pip install {extra}")


def no_quantization(name: str, quantize: str | None, allowed: Sequence[str] = ()) -> None:
    """Refuse a quantization that a format does not have.

    Raises:
        OptionError: it has none, or another.
    """
    if quantize is not None and quantize not in allowed:
        kinds = f"{name} has {', '.join(map(repr, allowed))}" if allowed else f"{name} has none; 'litert' has"
        raise OptionError(f"quantize={quantize!r}: {kinds}")
