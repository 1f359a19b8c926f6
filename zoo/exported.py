"""ExportedModel: an exported file as a model, with the verbs that need no training, in the file's own runtime.

Nothing that this module imports imports Keras or TensorFlow: an ONNX file answers within half a second of a start.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from zoo.errors import DataError, OptionError, UnsafeFileError
from zoo.export.formats import EXTENSIONS, Answer, Cargo, by_name, name_of
from zoo.export.plain import pictures, plain_outputs
from zoo.tasks import Prediction, decode

if TYPE_CHECKING:
    from zoo.evaluation import Evaluation
    from zoo.modality import Intake
    from zoo.specs import Output
    from zoo.specs.record import ModelRecord

_BATCH = 32


class ExportedModel:
    """An exported file: it answers as the model did that it was written from. `zoo.load` opens one.

    Args:
        path: the file or folder.
        format: name of its format.
        record: what travels with it.
        answer: what it answers.
    """

    def __init__(self, path: Path, format: str, record: Mapping[str, Any], answer: Answer) -> None:
        self.path = path
        self.format = format
        self._record = record
        self._answer = answer
        self._plain = plain_outputs(record, path)

    # -- what it is ----------------------------------------------------------------------------------------------
    @property
    def labels(self) -> tuple[str, ...]:
        """Return the class names (names of the columns, of several answers side by side), in output order."""
        return tuple(label for output in self._plain for label in output.labels)

    @property
    def task(self) -> str:
        """Return what it answers."""
        return self._plain[0].task if len(self._plain) == 1 else "multi-output"

    @cached_property
    def record(self) -> ModelRecord:
        """Return what the file says of the model that it was written from.

        Raises:
            UnsafeFileError: it is damaged.
        """
        from zoo.specs.record import ModelRecord
        from zoo.untrusted import contained

        with contained(self.path, "a model"):
            fields = {key: value for key, value in self._record.items() if key in ModelRecord.model_fields}
            return ModelRecord.model_validate(fields)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Return the answers: name, task, labels."""
        return self.record.outputs

    @cached_property
    def intake(self) -> Intake:
        """Return how examples become inputs."""
        from zoo.data.modalities import read_intake

        return read_intake(self.record.intake, self.record.providers)

    @property
    def export_facts(self) -> Mapping[str, Any]:
        """Return how it was exported: versions, tolerance, differences, milliseconds."""
        facts = self._record.get("export")
        return facts if isinstance(facts, Mapping) else {}

    @cached_property
    def cargo(self) -> Cargo:
        """Return all that travels with it: record, card, examples with the answers expected."""
        return cargo_of(self.path, self.format)

    def __repr__(self) -> str:
        return f"ExportedModel({str(self.path)!r}, {self.format}, {self.task} of {len(self.labels)} labels)"

    def fit(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: an exported file does not train.

        Raises:
            OptionError: always.
        """
        raise OptionError(
            f"{self.path} is an exported file and does not train; fit the .keras file it was written from"
        )

    # -- predict and evaluate ------------------------------------------------------------------------------------
    def predict(self, examples: Any, *, batch_size: int = _BATCH) -> list[Prediction]:
        """Say what is on images, or whatever the model takes.

        Args:
            examples: as for `TransferModel.predict`; fractions are rounded where the file takes uint8.
            batch_size: examples in one forward pass.

        Returns:
            One prediction an example, in order (files of a folder by name).

        Raises:
            DataError: an example cannot be read; of images also values outside 0..255.
        """
        names: list[str] = []

        def stream() -> Iterator[Any]:
            for name, example in self._examples(examples, strict=False):
                names.append(name)
                yield example

        answers = self._scores(stream(), batch_size)
        return [decode(self._decoded, row, name) for row, name in zip(answers, names, strict=True)]

    def predict_scores(self, examples: Any, *, batch_size: int = _BATCH) -> np.ndarray:
        """Return the probabilities or values of examples: float32 (n, columns), several answers side by side.

        Arguments and errors as for `predict`.
        """
        return self._scores((example for _, example in self._examples(examples, strict=True)), batch_size)

    def predict_files(self, files: Sequence[str], *, batch_size: int = _BATCH) -> list[Prediction]:
        """Return `predict(files)` for files and folders of pictures, importing the decoder alone where that will do.

        Args:
            files: paths.
            batch_size: images in one forward pass.

        Raises:
            DataError: none of them can be read.
        """
        shape = pictures(self._record, files)
        if shape is None:
            return self.predict(list(files), batch_size=batch_size)
        from zoo.pictures.reading import decode as decode_file

        answers = self._scores((shape(decode_file(file)) for file in files), batch_size, shaped=True)
        return [decode(self._decoded, row, str(file)) for row, file in zip(answers, files, strict=True)]

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Return what the file answers to arrays as its intake gives them: float32 (n, columns).

        Args:
            batch: (n, ...), in the dtype of the signature.

        Raises:
            UnsafeFileError: it has another number of columns than it has labels.
        """
        answers = self._answer(batch)
        if self.labels and answers.shape[1:] != (len(self.labels),):
            raise UnsafeFileError(f"{self.path} is damaged: {len(self.labels)} labels for answers {answers.shape}")
        return answers

    def evaluate(self, data: Any, *, verbose: int | str = "auto", progress: Any = None) -> Evaluation:
        """Measure on labeled data.

        Args:
            data: as for `TransferModel.fit`.
            verbose: as there.
            progress: called with (examples done, examples in all).

        Returns:
            Accuracy, loss, per-class figures and so on. A note says so if the model was trained on some of the files.

        Raises:
            DataError: the data cannot be used.
        """
        from zoo.data import batches
        from zoo.fitting.examples import load_for
        from zoo.fitting.measuring import measure
        from zoo.progress import Display

        whole: Any = self  # task, labels and outputs are all that is looked at
        with Display(verbose) as display:
            count = display.counter("examples", also=progress)
            dataset = load_for(whole, data)
            rows: list[np.ndarray] = []
            positions: list[np.ndarray] = []
            for batch in batches(dataset, np.arange(len(dataset)), intake=self.intake, batch_size=_BATCH):
                rows.append(self.answer(self._typed(batch.arrays)))
                positions.append(batch.positions)
                if count is not None:
                    count(sum(map(len, positions)), len(dataset))
        if not rows:
            raise DataError(f"{dataset.name}: none of its examples can be read")
        return measure(
            whole,
            dataset,
            np.concatenate(positions),
            computed=np.concatenate(rows),
            training_files=self.record.training_files,
        )

    def _examples(self, source: Any, *, strict: bool) -> Iterable[tuple[str, Any]]:
        from zoo import data as data_room

        return data_room.examples_for(self.intake.kind, source, strict=strict)

    @property
    def _decoded(self) -> Any:
        """The answers as `decode` takes them; the plain ones have all that it looks at."""
        outputs: Any = self._plain
        return outputs

    def _scores(self, examples: Iterable[Any], batch_size: int, *, shaped: bool = False) -> np.ndarray:
        if batch_size < 1:
            raise OptionError(f"batch_size={batch_size} must be positive")
        parts: list[np.ndarray] = []
        batch: list[np.ndarray] = []
        for example in examples:
            batch.append(example if shaped else self.intake.shape(example))
            if len(batch) == batch_size:
                parts.append(self.answer(self._typed(np.stack(batch))))
                batch = []
        if batch:
            parts.append(self.answer(self._typed(np.stack(batch))))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.labels)), np.float32)

    def _typed(self, batch: np.ndarray) -> np.ndarray:
        """A batch in the dtype of the signature."""
        dtype = str(self.export_facts.get("input_dtype", "uint8"))
        if batch.dtype == dtype:
            return batch
        if dtype == "uint8":
            return np.rint(batch).astype(np.uint8)
        return batch.astype(dtype)


def is_exported(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is that of an exported file, rather than of one that Keras reads: by its name."""
    target = Path(path)
    if target.is_dir() or not target.suffix:
        return (target / "saved_model.pb").is_file()
    if target.suffix in EXTENSIONS:
        return EXTENSIONS[target.suffix] != "keras"
    from zoo.plugin import registry

    return any(target.name.endswith(entry.spec.extension) for entry in registry().entries("formats"))


def open_exported(path: str | os.PathLike[str], *, format: str | None = None, trust: bool = False) -> ExportedModel:
    """Open an exported file in its own runtime.

    Args:
        path: an ONNX or LiteRT file, the folder of a SavedModel, or a file of another format.
        format: its name; None: by the name of the file.
        trust: whether a SavedModel may be opened: its graph is code, which may read and write files.

    Raises:
        OptionError: there is no such file, zoo did not export it, or it is a SavedModel and not trusted.
        UnsafeFileError: it is damaged.
    """
    target = Path(path)
    if not target.exists():
        raise OptionError(f"there is no model file {str(target)!r}")
    name = format or name_of(target)
    if name == "savedmodel" and not trust:
        raise OptionError(
            f"{str(target)!r} is a SavedModel: its graph is code that may read and write files. If you know where it "
            f"comes from, open it with trust=True"
        )
    made: Any = by_name(name)
    if hasattr(made, "opened"):
        record, answer = made.opened(target)
        if "intake" not in record:
            raise OptionError(
                f"{target} was not exported by zoo: it does not say its labels, nor how examples become inputs"
            )
    else:
        record, answer = cargo_of(target, name).record, made.open(target)
    return ExportedModel(target, name, record, answer)


def cargo_of(path: Path, format: str) -> Cargo:
    """Return what travels with a file: record, card, examples with expected answers.

    Args:
        path: the file or folder.
        format: name of its format.

    Raises:
        OptionError: nothing does.
        UnsafeFileError: it is damaged.
    """
    made: Any = by_name(format)
    if hasattr(made, "cargo"):
        cargo: Cargo = made.cargo(path)
        return cargo
    from zoo.export.sidecar import cargo_beside

    return cargo_beside(path)
