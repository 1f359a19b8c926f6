"""Heads that read the map of a base: a plugin's attention pooling is built, trained, saved, loaded and embedded."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers.plugins import install, plugin_site

import zoo
from zoo.errors import OptionError
from zoo.features import extract
from zoo.features.vectors import vectors
from zoo.specs import Preprocessing
from zoo.testing import tiny_backbone, tiny_dataset

EXAMPLE = Path(__file__).parents[2] / "plugins" / "zoo-example" / "src" / "zoo_example" / "heads.py"
SCALE = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
Fitted = tuple[zoo.TransferModel, zoo.Run, str]
PLUGIN = """
from zoo import hookimpl

@hookimpl
def zoo_heads():
    from zoo_t_looks.heads import SPECS
    return [spec.model_copy(update={"factory": "zoo_t_looks.heads:attention", "options": None})
            for spec in SPECS if spec.name == "attention"]
"""


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The attention head of zoo-example, in a plugin of its own."""
    with plugin_site(tmp_path_factory.mktemp("site")) as site:
        install(site, "looks", PLUGIN)
        code = EXAMPLE.read_text(encoding="utf-8").replace("from zoo_example.label_sets import OUTPUTS", "OUTPUTS = ()")
        code = code.replace('task="multi-output",\n        outputs=OUTPUTS,', 'task="any",')
        (site / "zoo_t_looks" / "heads.py").write_text(code, encoding="utf-8")
        yield "looks:attention"


def built(head: object, **options: object) -> zoo.TransferModel:
    return zoo.build(tiny_backbone(), head, **{"preprocessing": SCALE} | options)


@pytest.fixture(scope="module")
def fitted(looks: str) -> Fitted:
    """A model that was trained on kept maps, its run, and what was said meanwhile."""
    model, said = built(zoo.classifier(["red", "green", "blue"], head=looks)), io.StringIO()
    with contextlib.redirect_stdout(said):
        run = model.fit(tiny_dataset(), recipe="head", epochs=30, learning_rate=3e-2, verbose=1)
    return model, run, said.getvalue()


def test_it_gets_the_map_and_learns_from_kept_maps(fitted: Fitted) -> None:
    model, run, _ = fitted
    assert model.composition.head.input_shape == (None, 4, 4, 24)
    assert model.composition.identity.features == "map"
    assert run.validation.accuracy > 0.8  # chance is a third
    first = run.record.phases[0]
    assert first.kept == "4 x 4 x 24 numbers for each of 36 examples, 0.1 MB"
    pixels = np.stack([tiny_dataset().image(0)])
    kept = model.composition.features.predict(pixels.astype(np.float32), verbose=0)
    base = tiny_backbone().predict(pixels.astype(np.float32) * 2 / 255 - 1, verbose=0)
    np.testing.assert_allclose(kept, base, atol=1e-5)


def test_what_is_kept_is_said(fitted: Fitted) -> None:
    assert "the head reads maps: 4 x 4 x 24 numbers for each of 36 examples, 0.1 MB are kept in" in fitted[2]


def test_maps_that_do_not_fit_the_cache_are_refused_first(looks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE_LIMIT", "20KB")
    model = built(zoo.classifier(["red", "green", "blue"], head=looks))
    with pytest.raises(OptionError, match="ZOO_CACHE_LIMIT"):
        model.fit(tiny_dataset(seed=3), recipe="head", epochs=1, verbose=0)


def test_saved_it_loads_here_and_in_plain_keras(fitted: Fitted, tmp_path: Path) -> None:
    model, _, _ = fitted
    path = model.save(tmp_path / "looks.keras")
    pixels = np.stack([tiny_dataset().image(index) for index in range(6)]).astype(np.float32)
    expected = model.keras_model.predict(pixels, verbose=0)
    again = zoo.load(path)
    assert again.composition.head.input_shape == (None, 4, 4, 24)
    np.testing.assert_allclose(again.keras_model.predict(pixels, verbose=0), expected, atol=1e-6)
    plain = keras.saving.load_model(path, compile=False)  # HeadConformance does it where zoo is not installed
    np.testing.assert_allclose(plain.predict(pixels, verbose=0), expected, atol=1e-6)


def test_the_probe_is_refused(looks: str) -> None:
    model = built(zoo.classifier(["red", "green", "blue"], head=looks))
    with pytest.raises(OptionError, match="reads maps of 4 x 4 x 24: take recipe='head', or 'lp-ft'"):
        model.fit(tiny_dataset(), recipe="probe", verbose=0)


@pytest.mark.slow
def test_lp_ft_trains_the_last_stage(looks: str) -> None:
    model = built(zoo.classifier(["red", "green", "blue"], head=looks))
    run = model.fit(tiny_dataset(), recipe="lp-ft", epochs=1, verbose=0)
    assert next(phase.name for phase in run.record.phases) == "features"
    assert run.record.phases[-1].stages == ("stage2",)


def test_what_compares_examples_pools_the_maps(fitted: Fitted) -> None:
    model, _, _ = fitted
    data = tiny_dataset(count=6)
    vector = model.embed(data).array
    cells = model.embed(data, features="map").array
    assert vector.shape == (6, 24)
    assert cells.shape == (6, 4, 4, 24)
    np.testing.assert_allclose(vector, cells.mean((1, 2)), rtol=1e-5, atol=1e-6)
    kept = extract(model.composition.features, data, np.arange(6), intake=model.composition.intake)
    np.testing.assert_allclose(vectors(kept, np.array([4, 1])), vector[[4, 1]], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_auto_measures_pooled_maps_and_trains_the_head(looks: str) -> None:
    model = built(zoo.classifier(["red", "green", "blue"], head=looks))
    run = model.fit(tiny_dataset(), epochs=1, verbose=0)
    assert run.record.plan.recipe.name == "head"
    assert "Cross-validated on 30 training images: linear probe" in " ".join(run.reasons)


def test_a_stage_and_a_layer_of_the_caller(looks: str) -> None:
    model = built(zoo.classifier(["a", "b"], head=looks), features="stage1")
    assert model.composition.head.input_shape == (None, 8, 8, 16)
    spatial = keras.Sequential([keras.layers.Conv2D(4, 1), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(2)])
    model = built(zoo.classifier(["a", "b"], head=spatial), features="stage1:map")
    assert model.composition.head.input_shape == (None, 8, 8, 16)


@pytest.mark.slow
def test_tokens_come_as_a_sequence_with_the_class_token_in_front(looks: str) -> None:
    model = zoo.build("vit_tiny_patch16_augreg", zoo.classifier(["a", "b"], head=looks), weights=None, input_size=32)
    assert model.composition.head.input_shape == (None, 5, 192)  # a class token and 2 x 2 patches
    assert model.composition.identity.prefix_tokens == 1
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    cells = model.composition.features.predict(x.astype(np.float32), verbose=0)
    np.testing.assert_allclose(model.embed(x).array, cells[:, 1:].mean(1), rtol=1e-4, atol=1e-5)


def test_words_that_do_not_go_together(looks: str) -> None:
    with pytest.raises(OptionError, match="this head reads one vector an example"):
        built(zoo.classifier(["a", "b"]), features="map")
    with pytest.raises(OptionError, match="this head reads maps, which are not pooled"):
        built(zoo.classifier(["a", "b"], head=looks), features="avg")
    flat = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(8)])
    with pytest.raises(OptionError, match="needs \\(n, h, w, c\\) or \\(n, t, c\\)"):
        zoo.build(flat, zoo.classifier(["a", "b"], head=looks), preprocessing=None)
