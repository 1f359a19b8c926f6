"""The modality `signal`: numbers in a row, as an instrument writes them; a CSV file holds one signal a line."""

from __future__ import annotations

import csv
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field
from zoo.errors import DataError, OptionError
from zoo.modality import Intake, Modality, Problem, Ref, Thumbnail
from zoo.specs import AugmentationSpec, BackboneSpec, ModalitySpec

SPECS = (
    ModalitySpec(
        name="signal",
        summary="numbers in a row; a CSV file holds one signal a line",
        modality="zoo_example.signals:Signals",
        extensions=(".csv",),
        default_backbone="zoo_example:waves",
    ),
)
"""The modality of this plugin."""

BACKBONES = (
    BackboneSpec(
        name="waves",
        summary="two convolutions over time, from random weights",
        family="convolutional network over time",
        paper="none: a small network to learn from",
        modality="signal",
        builder="zoo_example.networks:waves",
        builder_options={"channels": 8},
        intake_options={"length": 64},
        output="tokens",
        cuts=("wide_out", "narrow_out"),
        portable=True,
    ),
    BackboneSpec(
        name="bands",
        summary="energy in bands of frequency: nothing in it trains, a probe reads it",
        family="bank of filters",
        paper="none: sums of squares",
        modality="signal",
        builder="zoo_example.networks:bands",
        builder_options={"bands": 8},
        intake_options={"length": 64},
        output="vector",
        pooling="own",
        cuts=("energy",),
        portable=True,
    ),
)
"""Its backbones."""

AUGMENTATIONS = (
    AugmentationSpec(
        name="shift-signal",
        summary="a signal moved in time, its end put before its beginning",
        modality="signal",
        factory="zoo_example.signals:shift",
    ),
    AugmentationSpec(
        name="scale-signal",
        summary="a signal made up to a tenth louder or quieter, before it is cut to length",
        modality="signal",
        factory="zoo_example.signals:scale",
        on="example",
    ),
)
"""Its augmentations: on the array that the intake makes, and on the example before that."""


class SignalIntake(Intake):
    """Signals cut or filled with zeros to one length; the graph takes away their mean and divides by their spread."""

    kind: Literal["signal"] = "signal"
    length: int = Field(gt=0, description="numbers a signal has in the graph")
    mean: float = Field(default=0.0, description="of all numbers of the training part")
    deviation: float = Field(default=1.0, gt=0, description="standard deviation of the same")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (length,)."""
        return (self.length,)

    @property
    def array_dtype(self) -> str:
        """Return "float32"."""
        return "float32"

    def shape(self, example: np.ndarray) -> np.ndarray:
        """Return a signal cut to the length, or with the mean behind its end."""
        array = np.full(self.length, self.mean, np.float32)
        array[: len(example)] = example[: self.length]
        return array

    def inputs(self) -> Any:
        """Return the input "signal": float32 (n, length)."""
        import keras

        return keras.Input((self.length,), dtype="float32", name="signal")

    def front(self, inputs: Any) -> Any:
        """Return the signals with mean 0 and spread 1, as the training part has them: (n, length, 1)."""
        import keras

        scaled = keras.layers.Rescaling(1 / self.deviation, -self.mean / self.deviation, name="standardized")(inputs)
        return keras.layers.Reshape((self.length, 1), name="steps")(scaled)


class Signals(Modality):
    """Signals: float32 (n,), one a line of a CSV file."""

    name = "signal"
    extensions = (".csv",)
    intake = SignalIntake

    def examples(self, source: str | Path) -> Iterator[Ref]:
        """Yield the lines of a file, or of all files of a folder."""
        path = Path(source)
        if path.is_dir():
            for file in sorted(path.glob("*.csv")):
                yield from self.examples(file)
            return
        for part in range(len(_lines(path))):
            yield Ref(f"{path.name}, line {part + 1}", str(path), part)

    def read(self, ref: Ref) -> np.ndarray:
        """Return one line as numbers."""
        path = Path(ref.path)
        try:
            return self.take(_lines(path)[ref.part or 0])
        except IndexError as error:
            raise DataError(f"{path} has no line {(ref.part or 0) + 1} any more") from error
        except DataError as error:
            raise DataError(f"{path}, line {(ref.part or 0) + 1}: {error}") from error

    def take(self, item: Any) -> np.ndarray:
        """Return numbers in a row as a signal: a list, or an array (n,)."""
        try:
            signal = np.array(item, np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"a signal is a list of numbers: {error}") from error
        if signal.ndim != 1 or not len(signal):
            raise DataError(f"a signal is an array (n,) of numbers; got the shape {signal.shape}")
        if not np.isfinite(signal).all():
            raise DataError("a signal has numbers that are NaN or infinite")
        return signal

    def fit(self, training: Iterable[np.ndarray], options: Mapping[str, Any]) -> SignalIntake:
        """Return the intake with mean and deviation of the training part."""
        length = options.get("length", 64)
        if not isinstance(length, int) or length < 8:
            raise OptionError(f"length={length!r} must be a whole number of 8 or more")
        count = total = squares = 0.0
        for signal in training:
            count += len(signal)
            total += float(signal.sum(dtype=np.float64))
            squares += float((signal.astype(np.float64) ** 2).sum())
        if not count:
            return SignalIntake(length=length)
        mean = total / count
        deviation = max(squares / count - mean**2, 0.0) ** 0.5
        return SignalIntake(length=length, mean=mean, deviation=deviation or 1.0)

    def problems(self, example: np.ndarray) -> Iterator[Problem]:
        """Yield what is odd about a signal."""
        if np.ptp(example) == 0:
            yield Problem("warning", "the signal is constant", "There is nothing in it to learn from: delete it")

    def drawn(self, seed: int) -> np.ndarray:
        """Return a signal of 48 numbers, for the kit to try augmentations on."""
        draw = np.random.default_rng(seed)
        return (50 + 20 * np.sin(np.arange(48) * draw.uniform(0.1, 0.5)) + draw.normal(size=48)).astype(np.float32)

    def show(self, example: np.ndarray) -> Thumbnail:
        """Return the line that the signal draws, and its extent in words."""
        from io import BytesIO

        from PIL import Image, ImageDraw

        width, height = 160, 60
        picture = Image.new("RGB", (width, height), "white")
        spread = float(np.ptp(example)) or 1.0
        x = np.linspace(2, width - 3, len(example))
        y = 3 + (example.max() - example) / spread * (height - 7)
        ImageDraw.Draw(picture).line(list(zip(x.tolist(), y.tolist(), strict=True)), fill="#0072B2", width=1)
        stream = BytesIO()
        picture.save(stream, "PNG")
        text = f"{len(example)} numbers from {example.min():.3g} to {example.max():.3g}"
        return Thumbnail(png=stream.getvalue(), text=text)


def _lines(path: Path) -> tuple[tuple[str, ...], ...]:
    """The lines of a file; read once while it stays as it is, since each line is asked for by itself."""
    try:
        state = os.stat(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return _parsed(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=64)
def _parsed(path: Path, changed: int, size: int) -> tuple[tuple[str, ...], ...]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(tuple(row) for row in csv.reader(file) if row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file: {error}") from error


def shift() -> Any:
    """Return an augmentation of arrays: (array, seed) -> array."""

    def move(array: np.ndarray, seed: int) -> np.ndarray:
        return np.roll(array, int(np.random.default_rng(seed).integers(len(array))))

    return move


def scale() -> Any:
    """Return an augmentation of examples: (signal, seed) -> signal."""

    def louder(signal: np.ndarray, seed: int) -> np.ndarray:
        return signal * np.float32(np.random.default_rng(seed).uniform(0.9, 1.1))

    return louder
