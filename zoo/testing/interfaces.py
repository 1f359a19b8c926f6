"""What weight sources, file formats and modalities have to keep to: `SourceConformance` and its like."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zoo.testing.suite import EntryConformance

TOLERANCE = 1e-4


class SourceConformance(EntryConformance):
    """The checks of a weight source; what it brings is held to a digest by the store whenever it is used.

    Example:
        ```python
        class TestNest(SourceConformance):
            name = "nest"
        ```

    Attributes:
        name: the source, bare or as "plugin:name".
    """

    abstract = True
    kind: ClassVar[str] = "sources"

    def address(self) -> str:
        """Return an address that can be fetched now, without the network if possible; override it."""
        self.skip("the test gives no address: define address(self)")

    def check_can_be_made(self) -> None:
        """Every use of weights from there ends in an error."""
        made = self.plugins.target(self.entry, self.spec.source)()
        if not callable(getattr(made, "fetch", None)):
            self.fail("it has no method fetch(address, target, progress)")

    def check_brings_the_bytes(self) -> None:
        """Weights from there end in an error, or are other ones each time and refused from the second time on."""
        self.need("check_can_be_made", "check_schemes")
        address = self.address()
        if self.spec.schemes and not address.startswith(tuple(self.spec.schemes)):
            self.fail(f"the address {address!r} begins with none of its schemes: {', '.join(self.spec.schemes)}")
        with tempfile.TemporaryDirectory() as folder:
            brought = []
            for name in ("first", "second"):
                target = Path(folder, name)
                self.plugins.target(self.entry, self.spec.source)().fetch(address, target, None)
                if not target.is_file():
                    self.fail(f"fetch({address!r}, target, None) wrote nothing to target")
                brought.append(target.read_bytes())
            others = sorted(path.name for path in Path(folder).iterdir() if path.name not in ("first", "second"))
        if others:
            self.fail(f"fetch left {', '.join(others)} beside the target")
        if brought[0] != brought[1]:
            self.fail(f"asked twice for {address!r}, it brings other bytes: an address must name one file for good")

    def check_schemes(self) -> None:
        """What a user writes is taken for a path, or for the address of another source."""
        odd = [scheme for scheme in self.spec.schemes if not re.fullmatch(r"[a-z][a-z0-9+.-]*://", scheme)]
        taken = [scheme for scheme in self.spec.schemes if scheme in ("https://", "http://", "file://", "hf://")]
        if odd or taken:
            self.fail(
                f"schemes are like 'nest://', and https, http, file and hf are zoo's own; got {', '.join(odd + taken)}"
            )


class FormatConformance(EntryConformance):
    """The checks of a file format: a small model is written, opened again, and asked the same.

    Example:
        ```python
        class TestCopied(FormatConformance):
            name = "copied"
        ```

    Attributes:
        name: the format, bare or as "plugin:name".
    """

    abstract = True
    kind: ClassVar[str] = "formats"

    def check_writes_and_opens(self) -> None:
        """The file cannot be used, or answers other than the model that was trained."""
        import keras

        from zoo.testing.tiny import tiny_backbone, tiny_dataset

        base, dataset = tiny_backbone(), tiny_dataset()
        model = keras.Model(base.input, keras.layers.GlobalAveragePooling2D()(base.output))
        record = {"labels": list(dataset.labels), "input_size": 32}
        pixels = np.stack([dataset.image(index) for index in range(4)]).astype(np.float32)
        expected = model.predict_on_batch(pixels)
        made = self.plugins.target(self.entry, self.spec.format)()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"model{self.spec.extension}")
            made.write(model, path, record)
            if not path.exists():
                self.fail(f"write(model, path, record) left nothing at {path.name}")
            others = sorted(item.name for item in Path(folder).iterdir() if item != path)
            if others:
                self.fail(f"write left {', '.join(others)} beside the file: write under another name and rename")
            actual = np.asarray(made.open(path)(pixels))
        if actual.shape != expected.shape or np.abs(actual - expected).max() > TOLERANCE * np.abs(expected).max():
            self.fail("the file answers other than the model that was written")


class ModalityConformance(EntryConformance):
    """The checks of a modality, on a source of examples that the test gives.

    Example:
        ```python
        class TestSongs(ModalityConformance):
            name = "song"

            def source(self):
                return "tests/songs"
        ```

    Attributes:
        name: the modality, bare or as "plugin:name".
        options: of `fit`, as a backbone's row gives them.
    """

    abstract = True
    kind: ClassVar[str] = "modalities"

    def source(self) -> Any:
        """Return something that `examples` takes, with at least two examples; override it."""
        self.skip("the test gives no source of examples: define source(self)")

    def _modality(self) -> Any:
        return self.keep("modality", lambda: self.plugins.target(self.entry, self.spec.modality)())

    def _examples(self) -> Sequence[Any]:
        self.need("check_is_a_modality")
        modality = self._modality()
        return self.keep("examples", lambda: [modality.read(ref) for ref in modality.examples(self.source())])

    def check_is_a_modality(self) -> None:
        """The modality is listed, and using it ends in an error."""
        from zoo.modality import Intake, Modality

        made = self._modality()
        if not isinstance(made, Modality):
            missing = [name for name in ("name", "extensions", "intake") if not hasattr(made, name)]
            methods = ("examples", "read", "take", "fit", "digest", "problems", "show")
            missing += [name for name in methods if not callable(getattr(made, name, None))]
            self.fail(f"it lacks {', '.join(missing)}")
        declared = self.spec.name, self.spec.extensions
        if (made.name, tuple(made.extensions)) != declared:
            self.fail(f"the spec says {declared}, the class {(made.name, tuple(made.extensions))}")
        if not (isinstance(made.intake, type) and issubclass(made.intake, Intake)):
            self.fail(f"intake is the class of its intakes, under zoo.modality.Intake; got {made.intake!r}")

    def check_examples_repeat(self) -> None:
        """A split is another one each time, and what was trained on is measured on."""
        self.need("check_is_a_modality")
        first, second = ([ref.name for ref in self._modality().examples(self.source())] for _ in range(2))
        if len(first) < 2 or len(set(first)) < len(first):
            self.fail(f"the source must hold two examples or more, each with a name of its own; got {first[:5]}")
        if first != second:
            self.fail("asked twice, it names other examples, or in another order: sort them")

    def check_digest(self) -> None:
        """Copies are not found, or different examples pass for copies."""
        self.need("check_examples_repeat")
        modality, examples = self._modality(), self._examples()
        digests = [modality.digest(example) for example in examples]
        if any(not re.fullmatch(r"[0-9a-f]{64}", str(digest)) for digest in digests):
            self.fail(f"digest must return 64 hexadecimal digits; it returned {digests[0]!r}")
        if digests != [modality.digest(example) for example in examples]:
            self.fail("the same example has another digest the second time")
        if len(set(digests)) == 1:
            self.fail("all examples of the source have one digest")

    def check_intake(self) -> None:
        """A saved model shapes its examples other than the one that was trained."""
        self.need("check_examples_repeat")
        modality, examples = self._modality(), self._examples()
        intake = modality.fit(iter(examples), self.options)
        if intake.kind != self.spec.name:
            self.fail(f"the kind of its intake is {intake.kind!r}, not {self.spec.name!r}")
        again = modality.intake.model_validate(json.loads(json.dumps(intake.model_dump(mode="json"))))
        if again != intake:
            self.fail("made again from its JSON, the intake is another one")
        for example in examples:
            array, same = np.asarray(intake.shape(example)), np.asarray(again.shape(example))
            if not np.array_equal(array, same):
                self.fail("made again from its JSON, the intake gives other arrays")
            if array.shape != tuple(intake.array_shape) or str(array.dtype) != intake.array_dtype:
                self.fail(
                    f"it says {intake.array_dtype} {tuple(intake.array_shape)} and gives {array.dtype} {array.shape}"
                )

    def check_inputs(self) -> None:
        """The serving graph does not take what the intake gives."""
        self.need("check_intake")
        for training in (self._examples(), ()):
            intake = self._modality().fit(iter(training), self.options)
            inputs = intake.inputs()
            if tuple(inputs.shape[1:]) != tuple(intake.array_shape):
                self.fail(f"inputs() takes {tuple(inputs.shape[1:])}, and an example is {tuple(intake.array_shape)}")
            if str(inputs.dtype) != "float32":
                self.fail(f"inputs() takes {inputs.dtype}: a graph takes float32, texts and ids as whole numbers")

    def check_front(self) -> None:
        """A saved model needs the plugin, or answers other than the one that was trained."""
        self.need("check_inputs")
        import keras

        examples = self._examples()
        intake = self._modality().fit(iter(examples), self.options)
        inputs = intake.inputs()
        model = keras.Model(inputs, intake.front(inputs))
        foreign = sorted({type(layer).__module__ for layer in model.layers if type(layer).__module__[:6] != "keras."})
        if foreign:
            self.fail(f"front has layers of {', '.join(foreign)}: Keras layers and ops only")
        if model.trainable_weights:
            self.fail(f"something in front trains: {model.trainable_weights[0].path}; that belongs into a backbone")
        arrays = np.stack([intake.shape(example) for example in examples]).astype(np.float32)
        values = np.asarray(model(arrays))
        again = type(model).from_config(json.loads(json.dumps(model.get_config())))
        again.set_weights(model.get_weights())
        if not np.isfinite(values).all():
            self.fail("front gives NaN or infinite numbers for an example of the source")
        if not np.array_equal(values, np.asarray(again(arrays))):
            self.fail("made again from its config, the graph of front gives other numbers")

    def check_takes(self) -> None:
        """What is read from a file cannot be handed over in memory, or nonsense passes for an example."""
        self.need("check_examples_repeat")
        from zoo.errors import DataError

        modality = self._modality()
        example = self._examples()[0]
        if modality.digest(modality.take(example)) != modality.digest(example):
            self.fail("take(example) of an example that was read gives another example")
        try:
            modality.take(object())
        except DataError:
            return
        except Exception as error:  # whatever a class of somebody else raises is what is to be reported
            self.fail(f"take(object()) raised {type(error).__name__}; it must raise zoo.errors.DataError")
        self.fail("take(object()) raised nothing; it must raise zoo.errors.DataError")

    def check_shows(self) -> None:
        """Reports have an empty place where the example should be."""
        self.need("check_examples_repeat")
        shown = self._modality().show(self._examples()[0])
        if not getattr(shown, "png", None) and not getattr(shown, "text", ""):
            self.fail("show returned neither a picture nor a text")
