"""What every head has to keep to: `HeadConformance`."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zoo.testing.suite import CheckSkipped, OptionConformance

WIDTHS = (5, 64, 1280)
"""Widths of features to build on: narrower and wider than what authors try."""

MAPS = ((3, 5, 5), (7, 7, 64), (1, 1, 1280))
"""Maps (h, w, c) for a head that reads maps: not square, square, and of one place only."""

SEQUENCES = ((17, 24), (50, 64))
"""Sequences (t, c) for a head that reads maps, as vision transformers give them."""

TOLERANCE = 1e-5
"""Largest difference, relative to the largest answer, that counts as the same: float32 rounding."""


class HeadConformance(OptionConformance):
    """The checks of a head.

    Example:
        ```python
        class TestBirds(HeadConformance):
            name = "birds200"
        ```

    Attributes:
        name: the head, bare or as "plugin:name".
        options: options to build it with; default its own defaults.
        outputs: number of outputs to ask for, of a head that takes any number.
        sequences: of a head that reads maps, whether it takes sequences of tokens (n, t, c) as well.
    """

    abstract = True
    kind: ClassVar[str] = "heads"
    outputs: ClassVar[int] = 3
    sequences: ClassVar[bool] = True

    # -- what checks look at -------------------------------------------------------------------------------------
    @property
    def width(self) -> int:
        """Number of outputs asked for: those of its labels, if they are fixed."""
        fixed = sum(output.width for output in self.spec.outputs) or len(self.spec.labels)
        return fixed or (4 if self.spec.task == "box" else self.outputs)

    @property
    def fixed(self) -> bool:
        """Whether the head brings its labels, so that it is never asked for another number of outputs."""
        return bool(self.spec.labels or self.spec.outputs)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the features of one example that it must build on."""
        if self.spec.reads == "map":
            return MAPS + (SEQUENCES if self.sequences else ())
        return tuple((width,) for width in WIDTHS)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that most checks look at."""
        return (4, 4, 24) if self.spec.reads == "map" else (24,)

    def network(
        self,
        shape: tuple[int, ...] | None = None,
        outputs: int | None = None,
        *,
        seed: int = 0,
        dtype: str = "float32",
    ) -> Any:
        """The head alone: a keras.Model from features (n, *shape) to what the factory makes of them."""
        import keras

        inputs = keras.Input(shape or self.shape, dtype=dtype)
        return keras.Model(inputs, self.call(inputs, outputs=outputs or self.width, seed=seed))

    def model(self) -> Any:
        """The head on a tiny base, as `zoo.build` makes it."""
        import zoo
        from zoo.specs import Preprocessing
        from zoo.testing.tiny import tiny_backbone

        return zoo.build(
            tiny_backbone(), self._asked(), preprocessing=Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
        )

    def _asked(self) -> Any:
        import zoo

        name, options = self.entry.id, self.usable_options()
        if self.fixed:
            return zoo.head(name, **options)
        if self.spec.task == "box":
            return zoo.locator(head=name, **options)
        task = "classification" if self.spec.task == "any" else self.spec.task
        return zoo.head(name, labels=[f"class {index}" for index in range(self.width)], task=task, **options)

    def _tiny(self) -> Any:
        return self.keep("model", self.model)

    def _pictures(self) -> np.ndarray:
        from zoo.testing.tiny import tiny_dataset

        data = tiny_dataset(count=6)
        return np.stack([data.image(index) for index in range(len(data))]).astype(np.float32)

    # -- the tensor ----------------------------------------------------------------------------------------------
    def check_builds_on_any_width(self) -> None:
        """The head works on the author's backbone, and on another one the user's build fails."""
        for shape in self.shapes:
            dimensions = ", ".join(map(str, shape))
            try:
                head = self.network(shape)
                result = head(_features(4, shape), training=False)
            except CheckSkipped:
                raise
            except Exception as error:
                self.fail(f"it does not build on features (n, {dimensions}): {type(error).__name__}: {error}")
            if len(result.shape) != 2 or result.shape[0] != 4:
                self.fail(f"features (4, {dimensions}) give {tuple(result.shape)}; expected (4, outputs)")

    def check_outputs_honored(self) -> None:
        """The user's data has five classes and the head answers with another number of them."""
        self.need("check_builds_on_any_width")
        for outputs in (self.width,) if self.fixed or self.spec.task == "box" else (self.width, 2, 7):
            actual = self.network(outputs=outputs).output.shape[-1]
            if actual != outputs:
                self.fail(f"asked for outputs={outputs} it gives {actual}")

    def check_output_dtype(self) -> None:
        """Losses and probabilities are computed in half precision, and come out rounded or as NaN."""
        self.need("check_builds_on_any_width")
        actual = str(self.network().output.dtype)
        if actual != "float32":
            self.fail(f"its output is {actual}; it must be float32: give the last layer dtype='float32'")

    def check_mixed_precision(self) -> None:
        """Under mixed precision, which saves memory on a GPU, the logits are float16 and the loss becomes NaN."""
        import keras

        self.need("check_output_dtype")
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        try:
            actual = str(self.network(dtype="float16").output.dtype)
        finally:
            keras.config.set_dtype_policy(before)
        if actual != "float32":
            self.fail(f"under mixed_float16 its output is {actual}: give the last layer dtype='float32'")

    def check_same_seed_same_weights(self) -> None:
        """Two runs with the same seed give different models, and no result can be repeated."""
        self.need("check_builds_on_any_width")
        first, second = (self.network(seed=7).get_weights() for _ in range(2))
        if not _same(first, second):
            self.fail(
                "two heads built with seed=7 have different weights: give every initializer the seed, "
                "such as keras.initializers.GlorotUniform(seed=seed)"
            )

    def check_answers_repeat(self) -> None:
        """The same picture gets another answer each time: something random is on when the model is used."""
        self.need("check_builds_on_any_width")
        head = self.network()
        x = _features(8, self.shape)
        first, second = (np.asarray(head(x, training=False)) for _ in range(2))
        if not np.array_equal(first, second):
            self.fail("two calls with training=False give different answers: dropout and noise are for training only")

    def check_answers_alone(self) -> None:
        """A picture gets another answer when other pictures are predicted along with it."""
        self.need("check_answers_repeat")
        head = self.network()
        x = _features(8, self.shape)
        together, alone = np.asarray(head(x, training=False)), np.asarray(head(x[:1], training=False))
        if not _close(alone, together[:1]):
            self.fail("the answer to one row depends on the other rows of the batch, with training=False")

    # -- on a base -----------------------------------------------------------------------------------------------
    def check_composes(self) -> None:
        """`zoo.build` refuses the head."""
        self.need("check_outputs_honored")
        self._tiny()

    def check_base_stays_frozen(self) -> None:
        """The head opens the pretrained base, and the first epoch destroys what it had learned."""
        self.need("check_composes")
        open_ones = [weight.path for weight in self._tiny().composition.backbone.trainable_weights]
        if open_ones:
            self.fail(
                f"after zoo.build with this head {len(open_ones)} weights of the base are trainable, first "
                f"{open_ones[0]!r}: a head has no business with the base; recipes open it"
            )

    def check_step_changes_only_the_head(self) -> None:
        """Training the head alters the pretrained base behind the user's back."""
        self.need("check_base_stays_frozen")
        before, after = self._step()["base"]
        if not _same(before, after):
            self.fail("one gradient step through the head changed weights of the frozen base")

    def check_head_learns(self) -> None:
        """`fit` runs to its end, and the head has learned nothing."""
        self.need("check_composes")
        if not self._tiny().composition.head.weights:
            return  # a head that has nothing to learn
        before, after = self._step()["head"]
        if _same(before, after):
            self.fail(
                "one gradient step changed no weight of the head: no gradient reaches it, or nothing is trainable"
            )

    def _step(self) -> dict[str, tuple[list[np.ndarray], list[np.ndarray]]]:
        return self.keep("step", self._take_step)

    def _take_step(self) -> dict[str, tuple[list[np.ndarray], list[np.ndarray]]]:
        """The weights of base and head before and after one step of gradient descent."""
        import keras

        composition = self.model().composition
        x, y = self._pictures(), np.random.default_rng(0).uniform(1, 3, (6, self.width)).astype(np.float32)
        parts = {"base": composition.backbone, "head": composition.head}
        before = {name: part.get_weights() for name, part in parts.items()}
        # Any loss will do to see what moves; this one has a gradient for logits, probabilities and values.
        composition.training.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", run_eagerly=True)
        with contextlib.suppress(ValueError):  # no gradient reaches any weight: then nothing moves
            composition.training.train_on_batch(x, y)
        return {name: (before[name], part.get_weights()) for name, part in parts.items()}

    # -- in a file -----------------------------------------------------------------------------------------------
    def check_saves_and_loads(self) -> None:
        """The saved model does not load, or answers differently from the one that was trained."""
        self.need("check_composes", "check_answers_repeat")
        import keras

        model, x = self._tiny(), self._pictures()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.keras_model.save(path)
            loaded = keras.saving.load_model(path, compile=False)
        actual = _arrays(loaded(x, training=False))
        if not all(map(_close, actual, _arrays(model.keras_model(x, training=False)))):
            self.fail("saved and loaded, the model gives other answers: does get_config hold every argument?")

    def check_portable_file(self) -> None:
        """The saved model, said to be plain Keras, cannot be loaded where the plugin is not installed."""
        self.need("check_saves_and_loads")
        from zoo.testing.isolation import PlainKeras

        if not self.spec.portable:
            return  # promised nothing; `zoo` says so when the model is saved
        model, x = self._tiny(), self._pictures()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.keras_model.save(path)
            try:
                actual = PlainKeras.predict(path, x, absent=absent_packages(self.plugins, self.entry))
            except RuntimeError as error:
                self.fail(
                    f"declared portable, but its saved model does not load without the plugin: {str(error)[:300]}. "
                    f"Use Keras layers and ops only, or declare portable=False"
                )
        if not all(map(_close, actual, _arrays(model.keras_model(x, training=False)))):
            self.fail("loaded where the plugin is not installed, the model gives other answers")

    # -- what is declared ----------------------------------------------------------------------------------------
    def check_labels(self) -> None:
        """Two classes have the same name, or one has none: the user cannot tell which was meant."""
        groups = [output.labels for output in self.spec.outputs] or [self.spec.labels]
        for labels in groups:
            twice = sorted({label for label in labels if labels.count(label) > 1})
            if twice:
                self.fail(f"labels given twice: {', '.join(map(repr, twice))}")
            if any(not label.strip() for label in labels):
                self.fail("one of the labels is empty")

    def check_dataset_fits(self) -> None:
        """The dataset that goes with the head has other classes, so `fit` on it is refused."""
        if not self.spec.dataset:
            return
        dataset = self.plugins.registry().get("datasets", self.spec.dataset).spec
        if self.spec.labels and dataset.labels and set(dataset.labels) != set(self.spec.labels):
            odd = sorted(set(dataset.labels) ^ set(self.spec.labels))
            self.fail(f"head and dataset {self.spec.dataset!r} differ in the labels {', '.join(odd[:8])}")
        if self.spec.task not in ("any", dataset.task):
            self.fail(f"the head does {self.spec.task}, its dataset {self.spec.dataset!r} is for {dataset.task}")

    def check_trained_files(self) -> None:
        """The weights shipped with the head are missing, damaged or not the ones that were measured."""
        from zoo.compose import package_file

        for record in self.spec.trained:
            try:
                data = package_file(record.file).read_bytes()
                listed = package_file(record.training_files).read_text(encoding="ascii").split()
            except (OSError, ImportError, UnicodeDecodeError) as error:
                self.fail(f"a file of its trained weights cannot be read: {type(error).__name__}: {error}")
            actual = hashlib.sha256(data).hexdigest()
            if actual != record.sha256:
                self.fail(f"{record.file} has sha256 {actual}, declared is {record.sha256}")
            if not listed or not all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in listed):
                self.fail(f"{record.training_files} must list the sha256 of every training file, one a line")
            self.plugins.registry().get("backbones", record.backbone)


def absent_packages(plugins: Any, entry: Any) -> set[str]:
    """zoo, and the packages of every plugin: what is not there where a portable file is used."""
    return {"zoo", *(record.module.partition(".")[0] for record in plugins.records())}


def _features(count: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(shape[-1]).normal(0, 1, (count, *shape)).astype(np.float32)


def _arrays(outputs: Any) -> list[np.ndarray]:
    import keras

    return [keras.ops.convert_to_numpy(output) for output in keras.tree.flatten(outputs)]


def _same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return len(before) == len(after) and all(map(np.array_equal, before, after))


def _close(actual: np.ndarray, expected: np.ndarray) -> bool:
    if actual.shape != expected.shape:
        return False
    return bool(np.abs(actual - expected).max() <= TOLERANCE * max(1e-6, np.abs(expected).max()))
