"""LoRA as a phase: kernels move by products of thin matrices, everything else stands still, and nothing of it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers.tiny import tiny_model

import zoo
from zoo.errors import OptionError
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.testing.tiny import tiny_dataset
from zoo.training.freeze import leaves
from zoo.training.receipts import problems

RANK = 2
LABELS = ["red", "green", "blue"]


def recipe(**changes: Any) -> RecipeSpec:
    settings = {"unfreeze": "all", "lora": RANK, "epochs": 2, "batch_size": 8, "learning_rate": 3e-2, "keep": "last"}
    return RecipeSpec([PhaseSpec(name="probe", solver="convex"), PhaseSpec(name="lora", **{**settings, **changes})])


def model() -> zoo.TransferModel:
    return tiny_model(zoo.classifier(LABELS))


def weights(model: zoo.TransferModel) -> dict[tuple[str, str, int], np.ndarray]:
    return {
        (type(leaf).__name__, f"{stage.name}/{leaf.name}", number): np.array(weight)
        for stage in model.composition.stages
        for layer in stage.layers
        for leaf in leaves(layer)
        for number, weight in enumerate(leaf.weights)
    }


def rank_of(update: np.ndarray) -> int:
    flat = update.reshape(-1, update.shape[-1])
    values = np.linalg.svd(flat, compute_uv=False)
    return int((values > 1e-4 * values.max()).sum())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[zoo.TransferModel, Any, dict[Any, np.ndarray]]:
    made = model()
    before = weights(made)
    run = made.fit(tiny_dataset(), recipe=recipe(), validation=0.25, directory=tmp_path_factory.mktemp("lora") / "run")
    return made, run, before


def test_kernels_move_by_the_rank_and_nothing_else_does(trained: tuple[Any, Any, Any]) -> None:
    made, run, before = trained
    after = weights(made)
    assert set(after) == set(before)  # no variable of the updates is left
    moved = {key for key in before if not np.array_equal(before[key], after[key])}
    kernels = {key for key in before if key[0] in ("Conv2D", "Dense") and key[2] == 0}
    assert moved == kernels != set()
    for key in moved:
        assert 1 <= rank_of(after[key] - before[key]) <= RANK
    assert run.phases[-1]["lora"] == RANK
    assert not problems(run.receipts)
    assert {item.says for item in run.receipts if item.phase == "lora" and item.part == "batchnorm"} == {"frozen"}


def test_the_file_is_plain_and_answers_the_same(trained: tuple[Any, Any, Any], tmp_path: Path) -> None:
    made, run, _ = trained
    path = made.save(tmp_path / "m.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    expected = made.predict_scores(pixels)
    plain = keras.models.load_model(path)
    np.testing.assert_allclose(plain.predict(pixels.astype(np.float32), verbose=0), expected, rtol=1e-5, atol=1e-6)
    assert "lora" not in str(plain.get_config()).lower()
    np.testing.assert_allclose(zoo.load(path).predict_scores(pixels), expected, rtol=1e-5, atol=1e-6)
    # What was measured at the end is what is served: no graph still knows the thin matrices.
    again = made.evaluate(tiny_dataset(), verbose=0)
    loaded = zoo.load(path).evaluate(tiny_dataset(), verbose=0)
    assert again.log_loss == pytest.approx(loaded.log_loss, rel=1e-5)
    assert run.validation is not None


class Passes(keras.callbacks.Callback):
    """Stands where the one that stopped stood."""


class Stops(keras.callbacks.Callback):
    """Ends the process's fit in the second epoch of the phase, as Ctrl-C would."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.params["epochs"] and batch == 1 and self.model.optimizer.iterations > 4:
            raise KeyboardInterrupt


def test_cut_within_the_phase_it_is_begun_again_and_ends_the_same(
    trained: tuple[Any, Any, Any], tmp_path: Path
) -> None:
    _, run, before = trained
    other = model()
    with pytest.raises(KeyboardInterrupt):
        other.fit(tiny_dataset(), recipe=recipe(), validation=0.25, directory=tmp_path / "run", callbacks=[Stops()])
    kept = weights(other)
    assert set(kept) == set(before)
    resumed = zoo.resume(tmp_path / "run", data=tiny_dataset(), callbacks=[Passes()])
    np.testing.assert_array_equal(resumed.validation.scores, run.validation.scores)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="lora is how layers of the base train"):
        recipe(unfreeze=0)
    with pytest.raises(ValueError, match="leave batchnorm frozen"):
        recipe(batchnorm="adapt")
    with pytest.raises(ValueError, match="no use for lora"):
        PhaseSpec(name="probe", solver="convex", lora=2)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.DepthwiseConv2D(3, name="thin")(inputs)
    base = keras.Model(inputs, keras.layers.PReLU()(x))
    flat = zoo.build(base, zoo.classifier(["a", "b"]), preprocessing=None)
    with pytest.raises(OptionError, match="lora= is for dense and convolution layers"):
        flat.fit((np.zeros((8, 8, 8, 3), np.uint8), np.repeat([0, 1], 4)), recipe=recipe())


@keras.saving.register_keras_serializable("zoo_test_low_rank")
class Around(keras.layers.Layer):
    """A layer with a weight of its own around another layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = keras.layers.Dense(4, name="inner")

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(name="token", shape=(shape[-1],), initializer="ones")
        self.inner.build(shape)

    def call(self, x: Any) -> Any:
        return self.inner(x * self.token)

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], 4)


def own_base() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, strides=4, name="conv")(inputs)
    return keras.Model(inputs, Around(name="around")(x))


DATA = (np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8), np.repeat([0, 1], 8))


def test_a_weight_around_other_layers_stands_still() -> None:
    made = zoo.build(own_base(), zoo.classifier(["a", "b"]), preprocessing=None)
    around = made.composition.backbone.get_layer("around")
    before = [np.array(weight) for weight in around.weights]
    made.fit(DATA, recipe=recipe(batch_size=4), validation=None)
    moved = {w.name for w, value in zip(around.weights, before, strict=True) if not np.array_equal(w, value)}
    assert moved == {"kernel"}


def test_a_base_that_has_an_update_already_is_refused_and_stays_whole() -> None:
    base = own_base()
    base.get_layer("conv").enable_lora(2)
    try:
        made = zoo.build(base, zoo.classifier(["a", "b"]), preprocessing=None)
    except zoo.ZooError:
        return  # refused where it is built
    with pytest.raises(OptionError, match="merge it into the kernel first"):
        made.fit(DATA, recipe=recipe(batch_size=4), validation=None)
