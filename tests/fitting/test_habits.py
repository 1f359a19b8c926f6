"""Keras habits: they work, or the answer says what zoo has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zoo
from zoo.errors import OptionError, UntrainedHeadError
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone

NUMBERS = Preprocessing(scale=1 / 255)
LABELS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def xy() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    return (rng.integers(0, 80, (30, 32, 32, 3)) + 60 * y[:, None, None, None]).astype(np.uint8), y


def model(head: Any = None, **options: Any) -> Any:
    return zoo.build(tiny_backbone(), head or zoo.classifier(LABELS), preprocessing=NUMBERS, **options)


def test_fit_and_evaluate_take_x_and_y(xy: Any, tmp_path: Any) -> None:
    x, y = xy
    trained = model()
    with pytest.raises(UntrainedHeadError):
        trained(x.astype("float32"))
    pairs = trained.fit((x, y), recipe="probe", validation=0.3, directory=tmp_path / "1")
    run = model().fit(x, y, recipe="probe", validation_split=0.3, directory=tmp_path / "2")
    assert run.history == pairs.history
    assert run.record.plan.validation == 0.3
    run = model().fit(x[9:], y[9:], recipe="probe", validation_data=(x[:9], y[:9]), directory=tmp_path / "3")
    assert len(run.validation.targets) == 9
    assert trained.evaluate(x, y).accuracy == trained.evaluate((x, y)).accuracy
    given = np.asarray(trained(x[:2].astype("float32")))
    np.testing.assert_allclose(given, trained.predict_scores(x[:2]), atol=1e-6)
    again = model().fit(x, y, recipe="head", epochs=1, validation_split=0.3, directory=tmp_path / "4")
    assert len(zoo.compare(pairs, again, timings=False)) == len(zoo.compare([pairs, again], timings=False)) == 2


def test_a_number_of_classes_is_a_head() -> None:
    for head in (zoo.classifier(3), zoo.classifier(np.int64(3)), zoo.classifier(np.arange(3))):
        assert head.labels == ("0", "1", "2")
    built = zoo.build(tiny_backbone(), classes=3, include_top=False, preprocessing=NUMBERS)
    assert built.labels == ("0", "1", "2")
    with pytest.raises(OptionError, match="keep head="):
        zoo.build(tiny_backbone(), "linear", classes=3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"include_top": False}, "head=zoo.classifier"),
        ({"input_shape": (96, 96, 3)}, "input_size="),
        ({"pooling": "avg"}, "features="),
    ],
)
def test_what_build_has_instead(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        zoo.build("efficientnet_lite0", **given)
    with pytest.raises(TypeError, match="Did you mean 'features'"):
        zoo.build("efficientnet_lite0", feature="avg")


def test_what_a_model_has_instead(xy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = model()
    made.summary()
    assert "Total params" in capsys.readouterr().out
    for name, words in (("layers", "model.keras_model.layers"), ("compile", "recipe="), ("nothing", "no 'nothing'")):
        with pytest.raises(AttributeError, match=words):
            getattr(made, name)
    with pytest.raises(OptionError, match=r"model\.freeze"):
        made.trainable = False
    for given, words in (
        ({"steps_per_epoch": 3}, "zoo.Phase"),
        ({"validation_split": 0.1, "validation_data": xy}, "keep one"),
    ):
        with pytest.raises(OptionError, match=words):
            made.fit(xy, **given)
    with pytest.raises(TypeError, match="Did you mean 'epochs'"):
        made.fit(xy, epoch=3)
    with pytest.raises(OptionError, match="no plain Keras model"):
        zoo.compare(made, made.keras_model, data=xy)


def test_models_and_what_they_give_show_themselves_in_notebooks(xy: Any, tmp_path: Any) -> None:
    trained = model()
    run = trained.fit(xy, recipe="probe", directory=tmp_path / "run")
    shown = [trained, run, run.validation, run.lint, trained.predict(xy[0][:1])[0]]
    assert all(item._repr_html_().startswith("<pre>") for item in shown)
