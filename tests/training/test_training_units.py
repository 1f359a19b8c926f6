"""Order of examples, recipes and the freezing of small nets."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.descending import descend

from zoo.errors import OptionError
from zoo.specs import Output
from zoo.training.descent.sources import Rows, order
from zoo.training.freeze import freeze, leaves, quiet_dropout
from zoo.training.recipes.choosing import choose, named
from zoo.training.runs.folder import _new_directory as new_directory
from zoo.training.runs.folder import write_json


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    np.testing.assert_array_equal(order(50, seed=3, epoch=2), order(50, seed=3, epoch=2))
    assert sorted(order(50, seed=3, epoch=2)) == list(range(50))
    assert (order(50, seed=3, epoch=2) != order(50, seed=3, epoch=1)).any()
    assert (order(50, seed=4, epoch=2) != order(50, seed=3, epoch=2)).any()


def test_every_example_comes_once_an_epoch_in_training_and_in_validation() -> None:
    """Through Keras's own `fit`, for sizes that the batch does not divide."""
    import keras

    seen: dict[str, list[list[float]]] = {"train": [], "validation": []}

    class Recorded(Rows):
        def take(self, chosen, epoch):
            name = "train" if len(self) == 10 else "validation"
            seen[name].append([epoch, *chosen.tolist()])
            return super().take(chosen, epoch)

    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    x = np.linspace(-1, 1, 17, dtype=np.float32)[:, None]
    y = (x[:, 0] > 0).astype(np.int64)
    phase = named("head").phases[0].model_copy(update={"epochs": 3, "batch_size": 4})
    train, validation = Recorded(x[:10], y[:10]), Recorded(x[10:], y[10:])
    told = {"layers": [], "outputs": (Output(),), "from_logits": True, "scales": {}}
    history = descend(model, phase, train, validation, seed=1, **told)
    # Keras looks at the first batch or two before it starts.
    assert max(len(seen["train"]) - 9, len(seen["validation"]) - 6) <= 2
    trained = [index for entry in seen["train"][-9:] for index in entry[1:]]
    assert trained == [index for epoch in range(3) for index in order(10, seed=1, epoch=epoch).tolist()]
    validated = [index for entry in seen["validation"][-6:] for index in entry[1:]]
    assert validated == 3 * list(range(7))
    logits = np.asarray(model(x[10:]))
    assert history["val_accuracy"][-1] == pytest.approx((logits.argmax(axis=1) == y[10:]).mean())


def test_recipes_change_their_last_gradient_phase() -> None:
    changed = choose("lp-ft", epochs=7, learning_rate=1e-5)
    assert changed.phases[-1].epochs == 7
    assert changed.phases[-1].learning_rate == 1e-5
    assert named("lp-ft").phases[-1].epochs == 6
    with pytest.raises(OptionError, match="must be a positive"):
        choose("lp-ft", learning_rate=-1)


@pytest.fixture
def net():
    import keras

    from zoo.architectures import find_stages

    down = keras.Sequential([keras.layers.BatchNormalization(), keras.layers.Conv2D(8, 3, strides=2, padding="same")])
    x = inputs = keras.Input((32, 32, 3))
    for width in (4, 6):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(inputs, down(x))
    return model, find_stages(model)


def test_freezing_reaches_into_nested_models(net) -> None:
    import keras

    model, stages = net
    names = freeze(model, stages, unfreeze=1, batchnorm="frozen")
    assert names == [stages[-1].name]
    inside = [leaf for stage in stages[-1:] for layer in stage.layers for leaf in leaves(layer)]
    assert {type(leaf).__name__: leaf.trainable for leaf in inside if leaf.weights} == {
        "BatchNormalization": False,
        "Conv2D": True,
    }
    assert len(model.trainable_weights) == 2
    assert freeze(model, stages, unfreeze="all", batchnorm="train") == [stage.name for stage in stages]
    assert len(model.trainable_weights) == len(model.weights) - 2 * 3
    assert isinstance(model.layers[-1], keras.Sequential)


def test_weights_of_a_layer_around_others_are_frozen_with_it() -> None:
    import keras

    from zoo.architectures import Stage

    class Scaled(keras.layers.Layer):
        def build(self, shape) -> None:
            self.inner = keras.layers.Dense(2)
            self.inner.build(shape)
            self.scale = self.add_weight((2,), initializer="ones")

        def call(self, x):
            return self.inner(x) * self.scale

    inputs = keras.Input((3,))
    layer = Scaled()
    model = keras.Model(inputs, layer(inputs))
    stages = [Stage(name="stage1", stride=1, channels=2, layers=(layer,), cut=None)]
    freeze(model, stages, unfreeze=0)
    assert model.trainable_weights == []
    freeze(model, stages, unfreeze="all")
    assert len(model.trainable_weights) == 3


def test_dropout_is_quiet_in_frozen_stages_only_and_comes_back_after_an_error(net) -> None:
    import keras

    model, stages = net
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    home = {dropout: next(stage.name for stage in stages if dropout in stage.layers) for dropout in dropouts}
    assert home[dropouts[0]] != home[dropouts[1]]
    seen: list[float] = []

    def fail_inside() -> None:
        with quiet_dropout(stages, [home[dropouts[1]]]):
            seen.extend(layer.rate for layer in dropouts)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_inside()
    assert seen == [0.0, 0.5]
    assert [layer.rate for layer in dropouts] == [0.5, 0.5]


def test_run_folders_never_collide_and_json_is_whole_or_absent(tmp_path) -> None:
    first, second = new_directory(tmp_path, name="a"), new_directory(tmp_path, name="a")
    assert first != second
    write_json(first / "run.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(first / "run.json", {"a": object()})
    assert (first / "run.json").read_text() == '{\n "a": 1\n}\n'
    assert [path.name for path in first.iterdir()] == ["run.json"]
