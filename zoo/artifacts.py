"""The verbs that write a model and hand it on (save, export, card, push); what `TransferModel` builds on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import data as data_room
from zoo.errors import DataError, OptionError
from zoo.features import forward
from zoo.fitting.state import ModelState

if TYPE_CHECKING:
    from zoo.export.exporting import Subject
    from zoo.specs.exports import ExportRecord

_MOST_EXAMPLES, _MOST_SAMPLES = 32, 200
"""Examples that a file is compared on, and samples that ranges of int8 are measured on; more are not read."""


_FORWARD = 32


class Artifacts:
    """A model that can be written.

    Args:
        state: what is known of it.
    """

    def __init__(self, state: ModelState) -> None:
        self.state = state
        self._run: Any = None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a `.keras` file that plain Keras loads without zoo; labels travel in it.

        Args:
            path: a name that ends in `.keras`; an existing file is replaced.

        Raises:
            OptionError: the name does not end in `.keras`, or its folder does not exist.
            FrozenError: somebody else moved BatchNorm of a pretrained base, which the file would pass on as frozen.
        """
        self.state.check_untouched()
        return self.state.save(path)

    def export(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,
        *,
        quantize: str | None = None,
        samples: Any = None,
        examples: Any = None,
    ) -> Path:
        """Write the model in a format of another runtime, checked: what the file answers is compared with `predict`.

        The file is written beside its place, opened in its own runtime, compared on raw uint8 px, one by one and in
        a batch, and then renamed. `export.json` beside it says by how much it differs and how fast it is. Labels, task,
        how examples become inputs, and up to four examples with their answers travel in the file (`zoo check FILE`).

        Args:
            path: `m.onnx`, `m.tflite`, `m.xml` (OpenVINO), `m.keras`, or a folder for a SavedModel.
            format: "onnx", "savedmodel", "litert", "openvino", "keras", or the format of a plugin. None: by the path.
            quantize: of LiteRT: "float16" (half the size), "int8" (a quarter; for processors without floating point).
            samples: for "int8": examples like those to come, as `predict` takes them; the first 200 are used.
            examples: what the file is compared on, as `predict` takes it (the first 32); the first four travel in the
                file. None: drawn at random, so that no photo of yours leaves with it.

        Returns:
            The path.

        Raises:
            OptionError: path, format or an option cannot be used, or this model cannot be written in that format.
            EngineError: the file answers otherwise than `predict`; it names the example and the layer most likely at
                fault, and nothing is left of the file.
            UntrainedHeadError: the head was never trained.
        """
        return self.export_measured(path, format=format, quantize=quantize, samples=samples, examples=examples)[0]

    # -- the card and the Hub ------------------------------------------------------------------------------------
    def card(self, *, license: str | None = None, name: str | None = None) -> str:
        """Return the model card: data, figures with intervals, recipe, licenses, versions, all from records.

        Args:
            license: of the model, as the Hub calls it ("apache-2.0"); None: left to the author.
            name: what the model is called; None: from backbone and data.

        Returns:
            Markdown with YAML on top, valid for the Hub. What no record holds is left out.

        Raises:
            OptionError: the license is no identifier.
        """
        from zoo.reporting.card import card

        return card(self.state.record(), self._run_record(), license=license, name=name)

    def push(
        self,
        repository: str,
        *,
        license: str | None = None,
        name: str | None = None,
        private: bool | None = None,
        branch: str = "main",
        files: Mapping[str, str | os.PathLike[str]] | None = None,
    ) -> str:
        """Put the model with its card on the Hugging Face Hub, in one commit.

        Args:
            repository: "owner/name"; it is made if there is none.
            license: of the model; one that the license of weights or data does not allow is refused.
            name: what the card calls it.
            private: whether a new repository is private; None: as your settings say.
            branch: where to.
            files: further files, such as exports: path in the repository -> path here.

        Returns:
            The address of the commit, for `zoo.load`: it never changes, whatever happens to the branch.

        Raises:
            OptionError: names or licenses that do not go together; nothing was sent.
            OfflineError: the network is forbidden.
            DownloadError: the Hub cannot be reached, or refuses.
            UntrainedHeadError: the head was never trained.
        """
        from zoo.export.hub import MODEL, HubAddress, push
        from zoo.reporting.card import card, conflicts

        self.state.require_trained("push")
        record, run = self.state.record(), self._run_record()
        clashes = conflicts(record, run, license)
        if license is not None and clashes:
            raise OptionError(f"nothing was pushed: {' '.join(clashes)} Choose another license")
        with tempfile.TemporaryDirectory(prefix="zoo-push-") as folder:
            content: dict[str, Path | bytes] = {MODEL: self.save(Path(folder, MODEL))}
            content |= {path: Path(file) for path, file in (files or {}).items()}
            picture = self._confusion(Path(folder, "confusion_matrix.png"))
            if picture is not None:
                content[picture.name] = picture
            text = card(
                record,
                run,
                license=license,
                name=name,
                file=f"{HubAddress(repository)}".partition("@")[0],
                picture=picture.name if picture is not None else "",
            )
            content["README.md"] = text.encode()
            message = f"{record.identity.backbone} by zoo {record.zoo}"
            return str(push(content, repository, private=private, branch=branch, message=message))

    def remember(self, run: Any) -> None:
        """Let the card speak of a training.

        Args:
            run: a `Run`: that of the last fit, or one that `zoo.load_run` read.
        """
        self._run = run

    def _run_record(self) -> Any | None:
        return None if self._run is None else self._run.record

    def _confusion(self, path: Path) -> Path | None:
        """The picture of the confusion matrix, of up to 40 classes."""
        evaluations = {} if self._run is None else self._run.evaluations()
        evaluation: Any = evaluations.get("test") or evaluations.get("validation")
        if getattr(evaluation, "confusion", None) is None or not 2 <= len(self.state.composition.labels) <= 40:
            return None
        from zoo.plots import confusion_matrix

        confusion_matrix(evaluation).savefig(path, dpi=100)
        return path

    def export_measured(
        self, path: str | os.PathLike[str], *, format: str | None, quantize: str | None, samples: Any, examples: Any
    ) -> tuple[Path, ExportRecord]:
        """Return the path, and what was measured; arguments and errors as for `export`."""
        from zoo.export.exporting import Request, export

        self.state.require_trained("export")
        self.state.check_untouched()
        target = Path(path)
        subject = self._subject()
        shaped, names, files = self._shaped(subject, examples, _MOST_EXAMPLES, "examples")
        drawn_from, _, _ = self._shaped(subject, samples, _MOST_SAMPLES, "samples")
        request = Request(target, format, quantize, drawn_from, shaped, names, files)
        return target, export(subject, request)

    def _subject(self) -> Subject:
        from zoo.export.exporting import Subject

        composition = self.state.composition
        return Subject(
            serving=composition.serving,
            intake=composition.intake,
            outputs=composition.outputs,
            record=self.state.record().to_json(),
            predict=lambda inputs: np.concatenate(list(forward(composition.scoring, _chunks(inputs), _FORWARD))),
            card=self.card(),
        )

    def _shaped(
        self, subject: Subject, source: Any, most: int, what: str
    ) -> tuple[np.ndarray | None, list[str], list[bytes]]:
        """Examples as the model takes them, their names, and the bytes of their files, where they are files."""
        if source is None:
            return None, [], []
        names: list[str] = []
        arrays: list[np.ndarray] = []
        whole = subject.intake.array_dtype
        for name, example in data_room.examples_for(subject.intake.kind, source):
            array = np.asarray(subject.intake.shape(example))
            arrays.append(np.rint(array).astype(whole) if whole == "uint8" else array.astype(whole))
            names.append(name)
            if len(arrays) == most:
                break
        if not arrays:
            raise DataError(f"{what}= holds no examples")
        return np.stack(arrays), names, _bytes_of(names)


def _chunks(inputs: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(inputs), _FORWARD):
        yield inputs[start : start + _FORWARD]


def _bytes_of(names: Sequence[str]) -> list[bytes]:
    """The bytes of the first few examples, as long as they are JPEG and PNG files."""
    files: list[bytes] = []
    for path in map(Path, names[:8]):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png") or not path.is_file():
            break
        files.append(path.read_bytes())
    return files
