"""What every augmentation has to keep to: `AugmentationConformance`."""

from __future__ import annotations

import copy
import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np

from zoo.errors import ZooError
from zoo.testing.drawn import Drawn
from zoo.testing.suite import OptionConformance

SEEDS = range(1, 49)
"""As many different seeds as a check tries."""

SIDE = 96
"""Side of the pictures with a rectangle, in px."""

RECTANGLES = ((14, 18, 42, 40), (52, 46, 80, 76))
"""Places of the bright rectangle: x_min, y_min, x_max, y_max in px; off the center, and clear of the border, which
an augmentation may mirror."""

TOLERANCE = 4
"""Pixels of `SIDE` by which a box may be off: interpolation blurs the corners of a turned rectangle."""


GRAPH_LEVELS = 2
"""Levels of 0..255 by which pixels from the graph may differ: it interpolates with other rounding."""


class AugmentationConformance(OptionConformance):
    """The checks of an augmentation.

    Example:
        ```python
        class TestBirdsCrop(AugmentationConformance):
            name = "birds-crop"
        ```

    Attributes:
        name: the augmentation, bare or as "plugin:name".
        options: options to make it with; default its own defaults.
    """

    abstract = True
    kind: ClassVar[str] = "augmentations"

    # -- what checks look at -------------------------------------------------------------------------------------
    def function(self) -> Any:
        """What the factory makes: (example, seed) -> example."""
        if self._drawn() is not None:
            return self.call()
        self.keep("plain", self._answers_without)  # before the factory has had a chance to change anything
        return self.call()

    def _drawn(self) -> Drawn | None:
        """What draws examples that are no pictures; None of pictures."""
        if self.spec.modality == "image":
            return None
        from zoo.data.modalities import kind_of
        from zoo.modality import DrawsExamples

        code: Any = self.keep("modality", lambda: kind_of(self.spec.modality).code)
        if not isinstance(code, DrawsExamples):
            self.skip(f"the modality {self.spec.modality} draws no examples to try it on: give it drawn(seed)")
        return Drawn(code, arrays=self.spec.on == "array")

    def _same(self, one: Any, other: Any) -> bool:
        drawn = self._drawn()
        return np.array_equal(one, other) if drawn is None else drawn.digest(one) == drawn.digest(other)

    def _photo(self, height: int = 64, width: int = 64) -> Any:
        """A photo; of other modalities an example."""
        drawn = self._drawn()
        if drawn is not None:
            return drawn.example()
        from zoo.testing.calibration import sample_photos

        photo: np.ndarray = self.keep("photo", lambda: sample_photos(96, count=1)[0].astype(np.uint8))
        return photo[:height, :width].copy()

    def _examples(self) -> list[Any]:
        """The photo under many seeds."""
        return self.keep("results", lambda: [self.function()(self._photo(), seed) for seed in SEEDS])

    # -- what it gives -------------------------------------------------------------------------------------------
    def check_returns_only_the_example(self) -> None:
        """The augmentation changes the labels, so that the model is taught what is not in the picture."""
        apply = self.function()
        try:
            inspect.signature(apply).bind(None, 0)
        except TypeError as error:
            self.fail(f"it must be callable as (example, seed): {error}")
        result = apply(self._photo(), 1)
        if (drawn := self._drawn()) is not None:
            if fault := drawn.fault(self._photo(), result):
                self.fail(fault)
        elif not isinstance(result, np.ndarray):
            self.fail(f"it gave a {type(result).__name__}; it must give the example alone, as a NumPy array")

    def check_dtype_kept(self) -> None:
        """Training stops at the first batch, or sees pictures on another scale than those of a prediction."""
        self.need("check_returns_only_the_example")
        if (drawn := self._drawn()) is not None:
            expected = drawn.dtypes(self._photo())
            for result in self._examples():
                if drawn.dtypes(result) != expected:
                    self.fail(f"an example of {', '.join(expected)} comes back as {', '.join(drawn.dtypes(result))}")
            return
        actual = {str(result.dtype) for result in self._examples()} - {"uint8"}
        if actual:
            types = ", ".join(actual)
            self.fail(f"a uint8 picture comes back as {types}: round, clip to 0..255, and .astype(np.uint8)")

    def check_shape_kept(self) -> None:
        """Training stops at the first batch, since the pictures no longer have the size of the model."""
        self.need("check_returns_only_the_example")
        apply = self.function()
        if (drawn := self._drawn()) is not None:
            try:
                drawn.shaped(self._examples())
            except (ZooError, ValueError) as error:
                self.fail(f"a model cannot take what it gives: {error}")
            return
        for height, width in ((64, 64), (33, 33), (96, 64)):
            for seed in SEEDS[:8]:
                actual = apply(self._photo(height, width), seed).shape
                if actual != (height, width, 3):
                    self.fail(f"a picture of shape {(height, width, 3)} comes back as {actual} (seed {seed})")

    def check_input_left_alone(self) -> None:
        """The user's own array is changed, and the second epoch augments what the first one left."""
        self.need("check_returns_only_the_example")
        apply, picture = self.function(), self._photo()
        before = copy.deepcopy(picture)
        for seed in SEEDS[:16]:
            apply(picture, seed)
            if not self._same(picture, before):
                self.fail(f"it wrote into the example it was given (seed {seed}): copy it first")

    # -- its randomness ------------------------------------------------------------------------------------------
    def check_same_seed_same_example(self) -> None:
        """A run cannot be repeated or resumed: the same seed gives other pictures."""
        self.need("check_returns_only_the_example")
        first = self._examples()
        backward, again = self.function(), list(first)
        for index in reversed(range(len(first))):  # in another order, by another function
            again[index] = backward(self._photo(), SEEDS[index])
        changed = [seed for seed, one, other in zip(SEEDS, first, again, strict=True) if not self._same(one, other)]
        if changed:
            self.fail(
                f"seed {changed[0]} gave two different pictures: draw everything from np.random.default_rng(seed)"
            )

    def check_safe_in_threads(self) -> None:
        """With several threads, as zoo reads data, one picture is changed with the random numbers of another."""
        self.need("check_same_seed_same_example")
        apply = self.function()
        with ThreadPoolExecutor(8) as pool:
            actual = list(pool.map(lambda seed: apply(self._photo(), seed), SEEDS))
        if not all(map(self._same, actual, self._examples())):
            self.fail("called from several threads it gives other pictures: keep nothing between calls")

    def check_does_something(self) -> None:
        """The user asks for the augmentation and trains without it."""
        self.need("check_returns_only_the_example")
        first = self._examples()[0]
        if all(self._same(first, result) for result in self._examples()):
            what = "the example itself" if self._same(first, self._photo()) else "the same example"
            self.fail(f"{len(SEEDS)} seeds all give {what}, with the options {dict(self.options) or 'by default'}")

    # -- where it runs -------------------------------------------------------------------------------------------
    def check_not_at_inference(self) -> None:
        """Predictions and exported models change with the augmentation that was trained with."""
        self.need("check_dtype_kept", "check_shape_kept", "check_same_seed_same_example")
        from zoo.augment import resolve

        if (drawn := self._drawn()) is not None:
            before = drawn.shaped([drawn.example(seed) for seed in range(4)])
            self.function()(self._photo(), 1)
            after = drawn.shaped([drawn.example(seed) for seed in range(4)])
            if not all(map(np.array_equal, before, after)):
                self.fail("once it was used, examples that are predicted become other arrays than before")
            return
        self.function()(self._photo(), 1)
        without, expected, graph = self._kept["plain"]
        augment = {self.entry.id: self.usable_options()}
        model = self._model(augment)
        for op in resolve(augment):
            op.apply(self._photo(), 1)
        for when, one in (("with it", model), ("without it", self._model(None)), ("without it, before,", without)):
            for _ in range(2):
                if not np.array_equal(one.predict_scores(self._pictures()), expected):
                    self.fail(f"a model built {when} predicts differently from one in a process that never used it")
            if _graph(one) != graph:
                self.fail(f"the graph of a model built {when} is another: augmentation is no part of what is served")

    def check_same_in_the_graph(self) -> None:
        """With `augment_in="graph"` the model is trained on other pictures than from the pipeline."""
        self.need("check_dtype_kept", "check_shape_kept", "check_same_seed_same_example")
        if self.spec.placement == "pipeline" or self._drawn() is not None:
            return  # it never runs there
        apply = self.function()
        if not callable(getattr(apply, "draw", None)) or not callable(getattr(apply, "in_graph", None)):
            self.fail("declares placement='either', but what its factory gives has no draw(seed) and in_graph")
        seeds = SEEDS[:16]
        drawn = np.stack([apply.draw(seed) for seed in seeds])
        images = np.stack([self._photo()] * len(seeds)).astype(np.float32)
        actual = np.asarray(apply.in_graph(images, drawn), np.float32)
        expected = np.stack([apply(self._photo(), seed) for seed in seeds])
        if actual.shape != expected.shape:
            self.fail(f"pictures of shape {expected.shape} come back from in_graph as {actual.shape}")
        far = np.abs(actual - expected) > GRAPH_LEVELS
        if far.mean() > 0.01:
            self.fail(f"{far.mean():.0%} of the pixels from in_graph are more than {GRAPH_LEVELS} levels off")

    def _answers_without(self) -> tuple[Any, np.ndarray, str]:
        """A model, its answers and its graph, without any augmentation."""
        model = self._model(None)
        return model, model.predict_scores(self._pictures()), _graph(model)

    def _pictures(self) -> list[np.ndarray]:
        return [self._photo(96, 64), self._photo(32, 32), self._photo(64, 64)]

    def _model(self, augment: Any) -> Any:
        import zoo
        from zoo.specs import Preprocessing
        from zoo.testing.tiny import tiny_backbone

        model = zoo.build(
            tiny_backbone(),
            zoo.head("linear", labels=["a", "b", "c"]),
            preprocessing=Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0)),
            augment=augment,
        )
        model.state.head_state = "fitted"  # any weights will do to compare answers
        return model

    # -- boxes ---------------------------------------------------------------------------------------------------
    def check_boxes_form(self) -> None:
        """Training on boxes stops with an error, or the boxes of the user's own data are changed."""
        self.need("check_same_seed_same_example")
        if self.spec.boxes != "moved" or self._drawn() is not None:
            return  # it never sees boxes
        apply, picture = self.function(), self._photo()
        boxes = np.array([[0.2, 0.3, 0.5, 0.6], [0.4, 0.1, 0.9, 0.8]], np.float32)
        before = boxes.copy()
        for seed in SEEDS[:16]:
            result = apply(picture.copy(), seed, boxes=boxes)
            if not (isinstance(result, tuple) and len(result) == 2):
                self.fail(f"called with boxes= it must give (example, boxes); it gave a {type(result).__name__}")
            example, actual = result
            if not np.array_equal(boxes, before):
                self.fail(f"it wrote into the boxes it was given (seed {seed}): copy them first")
            if not np.array_equal(example, apply(picture.copy(), seed)):
                self.fail(f"with boxes= it gives another picture than without (seed {seed})")
            self._refuse_odd_boxes(actual, boxes.shape, seed)

    def _refuse_odd_boxes(self, actual: Any, shape: tuple[int, ...], seed: int) -> None:
        if not isinstance(actual, np.ndarray) or actual.dtype != np.float32 or actual.shape != shape:
            form = f"{actual.dtype} {actual.shape}" if isinstance(actual, np.ndarray) else type(actual).__name__
            self.fail(f"boxes float32 {shape} come back as {form}")
        if not (actual >= 0).all() or not (actual <= 1).all() or (actual[:, :2] > actual[:, 2:]).any():
            self.fail(f"box {actual.tolist()} (seed {seed}): x_min <= x_max, y_min <= y_max, all in 0..1")

    def check_boxes_follow_the_pixels(self) -> None:
        """The picture is turned and its box is not: the model learns to look beside the object."""
        self.need("check_dtype_kept", "check_shape_kept", "check_boxes_form")
        if self._drawn() is not None:
            return  # boxes are on pictures only
        if self.spec.boxes == "unsupported":
            self.skip("declares boxes='unsupported': zoo refuses it for models that answer with boxes")
        for place in RECTANGLES:
            if self.spec.boxes == "unchanged":
                self._stays(place)
            else:
                self._moves_with(place)

    def _stays(self, place: tuple[int, int, int, int]) -> None:
        """Every result resembles the picture, and their mean has its edges where the rectangle was.

        The first finds what jumps (a mirror), the second what moves a little. Noise, erased parts and negatives are no
        movement: they average out, or change the sign only.
        """
        from scipy import ndimage

        apply, picture = self.function(), _rectangle(place)
        plain = picture.mean(axis=2) - picture.mean()
        mean, elsewhere = np.zeros(plain.shape), 0
        for seed in SEEDS:
            changed = apply(picture.copy(), seed).mean(axis=2)
            changed = changed - changed.mean()
            smooth = ndimage.uniform_filter(changed, 5)
            likeness = (smooth * plain).sum() / max(1e-6, np.linalg.norm(smooth) * np.linalg.norm(plain))
            elsewhere += abs(likeness) < 0.3
            mean += changed * np.sign(likeness or 1)
        if elsewhere > len(SEEDS) // 20:
            self.fail(
                f"declares boxes='unchanged', but for {elsewhere} of {len(SEEDS)} seeds a bright rectangle is no "
                f"longer where it was: move the boxes too (boxes='moved'), or declare 'unsupported'"
            )
        left, top, right, bottom = place
        x, y, step = (left + right) // 2, (top + bottom) // 2, 3
        contrast = mean[top + step : bottom - step, left + step : right - step].mean() - np.median(mean)
        edges = {
            "left": mean[y - 4 : y + 4, left + step].mean() - mean[y - 4 : y + 4, left - step].mean(),
            "right": mean[y - 4 : y + 4, right - step].mean() - mean[y - 4 : y + 4, right + step].mean(),
            "upper": mean[top + step, x - 4 : x + 4].mean() - mean[top - step, x - 4 : x + 4].mean(),
            "lower": mean[bottom - step, x - 4 : x + 4].mean() - mean[bottom + step, x - 4 : x + 4].mean(),
        }
        name, edge = min(edges.items(), key=lambda item: item[1])
        if edge < 0.6 * abs(contrast) or contrast <= 0:
            self.fail(
                f"declares boxes='unchanged', but over {len(SEEDS)} seeds the {name} edge of a bright rectangle does "
                f"not stay where it was: move the boxes too (boxes='moved'), or declare 'unsupported'"
            )

    def _moves_with(self, place: tuple[int, int, int, int]) -> None:
        """What is bright in the result lies where the box that came back says."""
        apply, picture = self.function(), _rectangle(place)
        boxes = np.array([place], np.float32) / SIDE
        wrong = []
        for seed in SEEDS:
            changed, moved = apply(picture.copy(), seed, boxes=boxes.copy())
            claimed = moved[0] * SIDE
            actual = _bright(changed, claimed)
            if actual is None or np.abs(actual - claimed).max() > TOLERANCE:
                wrong.append((seed, claimed, actual))
        if len(wrong) > len(SEEDS) // 10:
            seed, claimed, actual = wrong[0]
            where = "no bright pixels there" if actual is None else f"bright pixels lie at {actual.round().tolist()}"
            self.fail(
                f"for {len(wrong)} of {len(SEEDS)} seeds box and pixels disagree; seed {seed}: box "
                f"{claimed.round().tolist()}, {where} (x_min, y_min, x_max, y_max in px of {SIDE})"
            )


def _rectangle(place: tuple[int, int, int, int]) -> np.ndarray:
    """A bright rectangle on dark ground, uint8 (SIDE, SIDE, 3)."""
    picture = np.full((SIDE, SIDE, 3), 50, np.uint8)
    left, top, right, bottom = place
    picture[top:bottom, left:right] = 200
    return picture


def _bright(picture: np.ndarray, claimed: np.ndarray) -> np.ndarray | None:
    """The box around the connected bright pixels that share most with a box; None if none does."""
    from scipy import ndimage

    gray = ndimage.uniform_filter(picture.mean(axis=2), 3)
    low, high = np.percentile(gray, [2, 99.5])
    mask = gray > (low + high) / 2
    if mask.mean() > 0.5:  # a negative
        mask = ~mask
    parts, count = ndimage.label(mask)
    left, top, right, bottom = claimed.round().astype(int)
    shared = np.bincount(parts[top:bottom, left:right].ravel(), minlength=count + 1)[1:]
    if not shared.size or not shared.max():
        return None
    rows, columns = np.nonzero(parts == shared.argmax() + 1)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


def _graph(model: Any) -> str:
    """The serving graph without the running numbers that Keras appends to names."""
    layers = [
        (type(layer).__name__, [tuple(weight.shape) for weight in layer.weights]) for layer in model.keras_model.layers
    ]
    return json.dumps(layers)
