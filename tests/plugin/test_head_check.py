"""A head of a plugin that is wrong or cannot be saved is refused when the model is built, with its plugin's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.plugins import install

import zoo
from zoo.errors import PluginError
from zoo.testing import tiny_backbone

CODE = """
import zoo
from zoo.specs import HeadSpec

def layers():
    import keras
    return keras.layers

class Lazy:
    pass

def good(features, *, outputs, seed=0):
    return layers().Dense(outputs, dtype="float32")(features)
def none(features, *, outputs, seed=0):
    return None
def several(features, *, outputs, seed=0):
    return [layers().Dense(outputs)(features)]
def layer(features, *, outputs, seed=0):
    return layers().Dense(outputs)
def array(features, *, outputs, seed=0):
    import numpy as np
    return np.zeros((1, outputs))
def wide(features, *, outputs, seed=0):
    return layers().Dense(outputs + 1)(features)
def deep(features, *, outputs, seed=0):
    import keras
    return keras.ops.reshape(layers().Dense(outputs)(features), (-1, outputs, 1))
def elsewhere(features, *, outputs, seed=0):
    import keras
    return layers().Dense(outputs)(keras.Input((3,)))
def batch(features, *, outputs, seed=0):
    import keras
    return layers().Dense(outputs)(keras.ops.sum(features, axis=0, keepdims=True))
def noconfig(features, *, outputs, seed=0):
    import keras
    class Own(keras.layers.Layer):
        def __init__(self, units, secret):
            super().__init__()
            self.dense = keras.layers.Dense(units)
        def call(self, x):
            return self.dense(x)
    return Own(outputs, object())(features)
def local(features, *, outputs, seed=0):
    import keras
    class Own(keras.layers.Dense):
        pass
    return Own(outputs, dtype="float32")(features)
def function(features, *, outputs, seed=0):
    return layers().Dense(outputs)(layers().Lambda(lambda x: 2 * x)(features))
def forgets(features, *, outputs, seed=0):
    import keras
    @keras.saving.register_keras_serializable("zoo_t_birds")
    class Forgets(keras.layers.Layer):
        def __init__(self, units=7, **kwargs):
            super().__init__(**kwargs)
            self.units = units
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], self.units))
        def call(self, x):
            return x @ self.kernel
        def get_config(self):
            return super().get_config()
    return Forgets(outputs)(features)
def raising(features, *, outputs, seed=0):
    import keras
    @keras.saving.register_keras_serializable("zoo_t_birds")
    class Raising(keras.layers.Dense):
        def get_config(self):
            raise KeyError("moult")
    return Raising(outputs)(features)

NAMES = ("good", "none", "several", "layer", "array", "wide", "deep", "elsewhere", "batch", "noconfig", "local",
         "function", "forgets", "raising")

@zoo.hookimpl
def zoo_heads():
    for name in NAMES:
        yield HeadSpec(name=f"t-{name}", factory=f"zoo_t_birds.plugin:{name}", task="any", portable=False)
"""

WRONG = {
    "none": "returned a NoneType",
    "several": "returned a list",
    "layer": "returned a Dense",
    "array": "returned a ndarray",
    "wide": r"returned a tensor of shape \(None, 3\)",
    "deep": "returned a tensor of shape",
    "elsewhere": "made of the features it gets",
    "batch": r"returned a tensor of shape \(1, 2\)",
    "noconfig": "cannot be saved and loaded",
    "local": "cannot be saved and loaded",
    "function": "cannot be saved and loaded",
    "forgets": "get_config",
    "raising": "cannot be saved and loaded: KeyError",
}


def build(name: str) -> zoo.TransferModel:
    return zoo.build(tiny_backbone(), head=zoo.classifier(["a", "b"], head=f"t-{name}"), preprocessing=None)


@pytest.mark.parametrize("name", WRONG)
def test_a_head_that_is_wrong_is_refused_with_its_plugin(site: Path, name: str) -> None:
    install(site, "birds", CODE)
    with pytest.raises(
        PluginError, match=f"'birds:t-{name}' of zoo-t-birds 1.0 .*{WRONG[name]}|{WRONG[name]}"
    ) as caught:
        build(name)
    assert f"'birds:t-{name}' of zoo-t-birds 1.0 (plugin birds)" in str(caught.value)


def test_a_head_that_is_right_passes(site: Path) -> None:
    install(site, "birds", CODE)
    assert build("good").keras_model.output_shape == (None, 2)
