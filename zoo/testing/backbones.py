"""What every backbone has to keep to: `BackboneConformance`."""

from __future__ import annotations

import importlib
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zoo.pictures.colors import gray
from zoo.specs import Size, sides
from zoo.testing.norms import PUBLISHED, first_norms, misfit, preprocessed
from zoo.testing.suite import EntryConformance

TOLERANCE = 1e-4
"""Largest difference, relative to the largest feature, that counts as the same: float32 through many layers."""

REFERENCES = ("reference_preprocessing", "preprocess_input", "preprocess")
"""What a module with a builder may call its reference: raw pixels to what the network was trained on."""


_DRAWN = 12
"""Examples that the intake of another modality than images is fitted on."""


class BackboneConformance(EntryConformance):
    """The checks of a backbone. It is built with random weights; nothing is downloaded.

    One of another modality than images is tried on examples that the modality draws (`zoo.modality.DrawsExamples`).

    Example:
        ```python
        class TestOwlNet(BackboneConformance):
            name = "owlnet"
            reference_preprocessing = owlnet.preprocess
        ```

    Attributes:
        name: the backbone, bare or as "plugin:name".
        reference_preprocessing: the function of the original network: float32 RGB pixels 0..255 (n, s, s, 3) -> what
            the network was trained on. Without it a function `reference_preprocessing`, `preprocess_input` or
            `preprocess` beside the builder is taken, if there is one.
        weights: path of a weight file, for the checks that need real weights; default those at hand offline.
    """

    abstract = True
    kind: ClassVar[str] = "backbones"
    reference_preprocessing: ClassVar[Callable[[np.ndarray], Any] | None] = None
    weights: ClassVar[Any] = None

    # -- what checks look at -------------------------------------------------------------------------------------
    def _of_pictures(self) -> bool:
        return bool(self.spec.modality == "image")

    def _for_pictures_only(self) -> None:
        """Skip a check of sizes, colors or a classifier, which only networks of pictures have."""
        if not self._of_pictures():
            self.skip(f"it is about pictures, and {self.spec.name} takes examples of {self.spec.modality!r}")

    def _intake(self) -> Any:
        """The intake of another modality, fitted on examples that it draws."""
        from zoo.data.modalities import kind_of
        from zoo.modality import DrawsExamples

        kind = kind_of(self.spec.modality)
        code: Any = kind.code
        if not isinstance(code, DrawsExamples):
            self.skip(f"the modality {self.spec.modality} draws no examples to try it on: give it drawn(seed)")
        return self.keep(
            "intake", lambda: kind.fit((code.drawn(seed) for seed in range(_DRAWN)), self.spec.intake_options)
        )

    def network(self, size: Size | None = None, *, seed: int = 0, weights: Any = None, top: bool = False) -> Any:
        """The network proper, as zoo builds it."""
        if not self._of_pictures():
            from zoo.compose.other_bases import build_other_base

            return build_other_base(self.entry, self._intake(), self.spec.builder_options, seed)
        from zoo.architectures import build_base

        size = size or self.spec.input.default_size
        return build_base(self.spec, weights=weights, input_size=size, include_top=top, seed=seed)

    def _built(self) -> Any:
        self.need("check_builds")
        return self.keep("network", self.network)

    def _facts(self) -> dict[str, Any]:
        from zoo.architectures.facts import facts

        base = self._built()
        return self.keep("facts", lambda: facts(base, cuts=self.spec.cuts))

    def _small(self) -> Size:
        """A side at which a pass costs little."""
        return self._at_most_default(64)

    # -- building ------------------------------------------------------------------------------------------------
    def check_builds(self) -> None:
        """`zoo.build` with this backbone fails."""
        base = self.keep("network", self.network)
        if not self._of_pictures():
            return  # what it takes is held against its intake when it is built
        size, channels = self.spec.input.default_size, self.spec.input.channels
        expected = (None, *sides(size), channels)
        if tuple(base.input_shape) != expected:
            self.fail(f"asked for input_size={size} it takes {base.input_shape}; expected {expected}")

    def check_smallest_size(self) -> None:
        """The smallest input size of the listing does not work."""
        self.need("check_builds")
        self._for_pictures_only()
        size = self.spec.input.min_size
        try:
            actual = self._features(self.network(size), self._photos(size))
        except Exception as error:
            self.fail(f"at min_size={size} it fails: {type(error).__name__}: {error}")
        if 0 in actual.shape:
            self.fail(f"at min_size={size} nothing is left of the picture: features {actual.shape}")

    def check_features_finite(self) -> None:
        """Features are NaN or infinite, and every probability with them."""
        base = self._built()
        actual = self._features(base, self._photos(self.spec.input.default_size))
        if not np.isfinite(actual).all():
            self.fail("features of ordinary photos are NaN or infinite")

    def check_same_seed_same_weights(self) -> None:
        """Two runs from scratch with the same seed start from different weights."""
        self.need("check_builds")
        first, second = (self.network(self._small(), seed=7).get_weights() for _ in range(2))
        if not _same(first, second):
            self.fail(
                "built twice with the same seed it has different weights: use Keras's initializers without a seed "
                "of their own, or none at all that draw from elsewhere"
            )

    # -- what is declared ----------------------------------------------------------------------------------------
    def check_stages(self) -> None:
        """`features="stage3"` and fine-tuning of the last stages take other layers than the listing says."""
        actual = self._facts()["stages"]
        declared = [stage.model_dump() for stage in self.spec.stages]
        if not (declared or self._of_pictures()):
            return  # they depend on what the intake was fitted on
        if [stage["name"] for stage in declared] != [stage["name"] for stage in actual]:
            self.fail(f"declared are the stages {_names(declared)}, found {_names(actual)}")
        for said, seen in zip(declared, actual, strict=True):
            odd = [f"{key}={said[key]} (found {seen[key]})" for key in seen if said[key] != seen[key]]
            if odd:
                self.fail(f"stage {said['name']!r}: declared {', '.join(odd)}")

    def check_layers(self) -> None:
        """`zoo show` describes another network than the user gets."""
        actual, declared = self._facts()["layers"], self.spec.layers.model_dump()
        if not (declared["total"] or self._of_pictures()):
            return
        odd = [f"{key}={declared[key]} (found {actual[key]})" for key in actual if declared[key] != actual[key]]
        if odd:
            self.fail(f"layer summary: declared {'; '.join(odd)}")

    def check_counts(self) -> None:
        """The user chooses by size or cost, and gets a network of another one."""
        actual = self._facts()
        for key in ("feature_dim", "params", "macs"):
            declared = getattr(self.spec, key)
            said = declared is not None if self._of_pictures() else bool(declared)
            if said and declared != actual[key]:
                self.fail(f"declared {key}={declared:,}, found {actual[key]:,}")

    def check_classifier(self) -> None:
        """The pretrained classifier cannot be built, or names classes that it does not have."""
        self.need("check_builds")
        self._for_pictures_only()
        if self.spec.params_top is None and self.spec.label_set is None:
            return
        top = self.network(top=True)
        if self.spec.params_top is not None and top.count_params() != self.spec.params_top:
            self.fail(f"declared params_top={self.spec.params_top:,}, found {top.count_params():,}")
        if self.spec.label_set:
            labels = self.plugins.registry().get("label_sets", self.spec.label_set).spec.labels
            if top.output_shape[-1] != len(labels):
                self.fail(f"{top.output_shape[-1]} outputs, and {len(labels)} labels in {self.spec.label_set!r}")
        missing = set(self.spec.top_layers) - {layer.name for layer in top.layers}
        if missing:
            self.fail(f"top_layers names {', '.join(sorted(missing))}, which the network does not have")

    def check_sources(self) -> None:
        """The user cannot tell whether the weights may be used, nor which file is meant by a name."""
        ids = [source.id for source in self.spec.weights]
        if len(set(ids)) != len(ids):
            self.fail(f"two weight sources have the same id: {', '.join(ids)}")
        for source in self.spec.weights:
            for field in ("license", "license_source", "trained_on"):
                if not getattr(source, field).strip():
                    self.fail(f"weight source {source.id!r}: {field} is empty")

    # -- preprocessing -------------------------------------------------------------------------------------------
    def check_preprocessing_plausible(self) -> None:
        """The network sees numbers on a scale it never met, and every feature is wrong without any error."""
        self._for_pictures_only()
        pre = self.spec.preprocessing
        if len(pre.mean) != self.spec.input.channels:
            self.fail(f"mean and std have {len(pre.mean)} channels, the input has {self.spec.input.channels}")
        top = 255 * pre.scale
        for channel, (mean, std) in enumerate(zip(pre.mean, pre.std, strict=True)):
            spread = top / std
            if mean and not 0.02 * top <= mean <= 0.98 * top:
                self.fail(
                    f"channel {channel}: scale={pre.scale:.6g} makes pixels 0..{top:.6g}, and mean={mean:.6g} lies "
                    f"outside: mean and std are meant after scale"
                )
            if not 0.5 <= spread <= 512:
                self.fail(
                    f"channel {channel}: pixels become {-mean / std:.4g}..{(top - mean) / std:.4g}; no network is "
                    f"trained on that: mean and std are meant after scale={pre.scale:.6g}"
                )

    def check_preprocessing_is_the_reference(self) -> None:
        """Red and blue are exchanged, or the scale differs from the original's, and accuracy quietly falls."""
        self.need("check_preprocessing_plausible")
        given = inspect.getattr_static(type(self), "reference_preprocessing")  # not bound: it takes pixels, not a suite
        reference = getattr(given, "__func__", given) or self._beside_the_builder()
        if reference is None:
            self.skip(
                "no reference to compare with: give the test class `reference_preprocessing`, the function of the "
                "original network"
            )
        photos = self._raw_photos(48)
        expected = np.asarray(reference(photos.copy()), np.float32)
        actual = preprocessed(photos, self.spec.preprocessing)
        if expected.shape != actual.shape or np.abs(actual - expected).max() > 1e-4 * np.abs(expected).max():
            guess = ""
            turned = actual[..., ::-1]
            if expected.shape == turned.shape and np.abs(turned - expected).max() <= 1e-4 * np.abs(expected).max():
                guess = ": the channels come in the opposite order"
            self.fail(f"the declared preprocessing gives other numbers than the reference function{guess}")

    def check_preprocessing_fits_the_weights(self) -> None:
        """The declared numbers are not those the weights were trained with, and accuracy quietly falls."""
        self.need("check_preprocessing_plausible", "check_builds")
        base = self.network(self._middle(), weights=self._real_weights())
        norms = list(first_norms(base))
        if not norms:
            self.skip("the network has no BatchNorm, whose statistics would tell what it was trained on")
        photos = self._raw_photos(self._middle())
        declared = misfit(base, norms, preprocessed(photos, self.spec.preprocessing))
        flip = self.spec.preprocessing.channel_order == "BGR"
        for name, (scale, mean, std) in PUBLISHED.items():
            numbers = self.spec.preprocessing.model_copy(
                update={"scale": scale, "mean": mean[::-1] if flip else mean, "std": std[::-1] if flip else std}
            )
            actual = misfit(base, norms, preprocessed(photos, numbers))
            if actual < 0.5 * declared and declared > 1:
                self.fail(
                    f"on ordinary photos the first BatchNorm layers see statistics that are off by {declared:.2g} with "
                    f"the declared preprocessing, and by {actual:.2g} with {name}"
                )

    def _middle(self) -> Size:
        return self._at_most_default(128)

    def _at_most_default(self, side: int) -> Size:
        """A side, or the default size where that is smaller or no square."""
        default = self.spec.input.default_size
        return min(default, max(self.spec.input.min_size, side)) if isinstance(default, int) else default

    def _beside_the_builder(self) -> Callable[[np.ndarray], Any] | None:
        module = importlib.import_module(self.spec.builder.partition(":")[0])
        actual: Callable[[np.ndarray], Any] | None = next(
            (getattr(module, name) for name in REFERENCES if callable(getattr(module, name, None))), None
        )
        return actual

    def _real_weights(self) -> Any:
        from zoo.errors import WeightsError
        from zoo.weights import resolve

        if self.weights is None and not self.spec.weights:
            self.skip("no weights are declared")
        try:
            return resolve(self.spec, self.weights or "pretrained")
        except WeightsError as error:
            self.skip(f"its weights are not here: {str(error)[:200]}")

    # -- behavior -----------------------------------------------------------------------------------------------
    def check_batchnorm_stays_frozen(self) -> None:
        """Training the head shifts the statistics of the pretrained network, and what it had learned is lost."""
        self.need("check_builds")
        import keras

        from zoo.architectures import find_stages
        from zoo.training.freeze import freeze

        size = self._small()
        base = self.network(size)
        photos = self._photos(size)
        for unfreeze in (0, "all"):
            freeze(base, find_stages(base, self.spec.cuts), unfreeze=unfreeze, batchnorm="frozen")
            watched = {weight.path: weight for weight in base.weights if "seed_generator" not in weight.path}
            if unfreeze == "all":  # statistics are weights that no gradient ever reaches
                open_ones = {id(weight) for weight in base.trainable_weights}
                watched = {path: weight for path, weight in watched.items() if id(weight) not in open_ones}
            elif base.trainable_weights:
                self.fail(f"frozen whole, {base.trainable_weights[0].path!r} is still trainable")
            before = {path: keras.ops.convert_to_numpy(weight) for path, weight in watched.items()}
            base(keras.ops.convert_to_tensor(photos), training=True)
            after = {path: keras.ops.convert_to_numpy(weight) for path, weight in watched.items()}
            moved = [path for path in watched if not np.array_equal(before[path], after[path])]
            if moved:
                self.fail(f"frozen, and called with training=True, {len(moved)} weights moved, first {moved[0]!r}")

    def check_saves_and_loads(self) -> None:
        """The saved model does not load, or gives other features than the one that was trained."""
        self.need("check_features_finite")
        import keras

        base, photos = self._saved_case()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "base.keras")
            base.save(path)
            loaded = keras.saving.load_model(path, compile=False)
        if not _close(self._features(loaded, photos), self._features(base, photos)):
            self.fail("saved and loaded, it gives other features: does get_config hold every argument?")

    def check_portable(self) -> None:
        """The saved model, said to be plain Keras, cannot be loaded where the plugin is not installed."""
        self.need("check_saves_and_loads")
        from zoo.testing.heads import absent_packages
        from zoo.testing.isolation import PlainKeras

        if not self.spec.portable:
            return  # promised nothing; `zoo` says so when a model is saved
        base, photos = self._saved_case()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "base.keras")
            base.save(path)
            try:
                (actual,) = PlainKeras.predict(path, photos, absent=absent_packages(self.plugins, self.entry))
            except RuntimeError as error:
                self.fail(
                    f"declared portable, but saved it does not load without the plugin: {str(error)[:300]}. "
                    f"Use Keras layers and ops only, or declare portable=False"
                )
        if not _close(actual, self._features(base, photos)):
            self.fail("loaded where the plugin is not installed, it gives other features")

    def _saved_case(self) -> tuple[Any, np.ndarray]:
        size = self._small()
        return self.keep("small", lambda: self.network(size)), self._photos(size)

    # -- photos --------------------------------------------------------------------------------------------------
    def _raw_photos(self, size: Size) -> np.ndarray:
        """Crops of two photos in their own colors, or gray if the network is, float32 (8, height, width, c), 0..255."""
        from PIL import Image
        from sklearn.datasets import load_sample_images

        height, width = sides(size)
        shape = width, height
        crops = [
            Image.fromarray(photo[top : top + side, left : left + side]).resize(shape, Image.Resampling.BILINEAR)
            for photo in load_sample_images().images
            for side, top, left in ((427, 0, 0), (427, 0, 213), (256, 100, 50), (256, 60, 330))
        ]
        photos = np.stack([np.asarray(crop) for crop in crops])
        return (gray(photos) if self.spec.input.channels == 1 else photos).astype(np.float32)

    def _photos(self, size: Size) -> np.ndarray:
        """What the network takes of two photos; of other modalities of two examples that they draw."""
        if not self._of_pictures():
            from zoo.data.modalities import kind_of

            code: Any = kind_of(self.spec.modality).code
            import keras

            intake = self._intake()
            arrays = np.stack([intake.shape(code.drawn(seed)) for seed in range(2)])
            return np.asarray(intake.front(keras.ops.convert_to_tensor(arrays)))
        return preprocessed(self._raw_photos(size)[::4], self.spec.preprocessing)

    def _features(self, base: Any, photos: np.ndarray) -> np.ndarray:
        return np.asarray(base(photos, training=False))


def _names(stages: list[dict[str, Any]]) -> str:
    return ", ".join(stage["name"] for stage in stages) or "none"


def _same(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return len(before) == len(after) and all(map(np.array_equal, before, after))


def _close(actual: np.ndarray, expected: np.ndarray) -> bool:
    if actual.shape != expected.shape:
        return False
    return bool(np.abs(actual - expected).max() <= TOLERANCE * max(1e-6, np.abs(expected).max()))
