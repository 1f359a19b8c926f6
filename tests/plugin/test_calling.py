"""Every call of a plugin's code: whatever it raises or returns, the message names plugin, distribution and version."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.plugins import install

import zoo
from zoo.errors import DataError, OptionError, PluginError
from zoo.plugin import call_factory, guard_methods, guarded, registry
from zoo.plugin.calling import calling, short, shown
from zoo.registry import Provider

BIRDS = Provider("birds", "zoo-t-birds", "1.0")
WHOSE = r"of zoo-t-birds 1\.0 \(plugin birds\)"


class Panic(BaseException):
    pass


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("moult"), "ValueError: moult"),
        (SystemExit(0), r"it called sys\.exit\(0\)"),
        (SystemExit(), r"it called sys\.exit\(\)"),
        (Panic("panic"), "Panic: panic"),
        (asyncio.CancelledError(), "CancelledError"),
        (GeneratorExit(), "GeneratorExit"),
        (MemoryError(), "MemoryError"),
        (Unspeakable(), r"Unspeakable: \(its text cannot be shown\)"),
        (PluginError("something within"), "something within"),
    ],
)
def test_whatever_is_raised_says_whose_it_is(error: BaseException, words: str) -> None:
    with pytest.raises(PluginError, match=f"head 'owls' {WHOSE}.*{words}") as caught, calling(BIRDS, "head 'owls'"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OptionError("no such option"), DataError("no such file")])
def test_errors_of_zoo_and_ctrl_c_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, calling(BIRDS, "head 'owls'"):
        raise error
    assert caught.value is error


def test_long_and_unspeakable_values_are_shown_shortly() -> None:
    assert len(shown(ValueError("x" * 10_000))) < 1000
    assert len(short("x" * 10_000)) < 1000
    assert short(Unspeakable()) == "<Unspeakable>"


def test_a_guarded_function_keeps_its_name_and_checks_what_it_returns() -> None:
    def dusk(value: int) -> int:
        return value

    call = guarded(BIRDS, "augmentation 'dusk'", dusk, check=lambda value: "" if value else "returned nothing")
    assert (call(3), call.__name__) == (3, "dusk")
    with pytest.raises(PluginError, match=f"augmentation 'dusk' {WHOSE} returned nothing"):
        call(0)


class Nest:
    def read(self, row: int) -> int:
        return 1 // row

    def digest(self, row: int) -> str:
        return "egg"


class HighNest(Nest):
    def read(self, row: int) -> int:
        return super().read(row) + 1


def test_methods_are_guarded_in_place_once_and_where_they_are_defined() -> None:
    for _ in range(2):
        guard_methods(BIRDS, "dataset 'nest'", HighNest, ["read", "digest", "problem"])
    assert HighNest().read(1) == 2
    with pytest.raises(PluginError, match=f"dataset 'nest': read {WHOSE} failed: ZeroDivisionError") as caught:
        HighNest().read(0)
    assert "failed: PluginError" not in str(caught.value)
    assert "digest" not in vars(HighNest)
    assert isinstance(pickle.loads(pickle.dumps(HighNest())), HighNest)


DATASETS = """
import zoo, sys
import numpy as np
from zoo.specs import AugmentationSpec, DatasetSpec

class Pictures(zoo.Dataset):
    how = None
    def __init__(self, how):
        super().__init__("pictures", ids=[str(n) for n in range(8)], targets=[0, 1] * 4, labels=("a", "b"))
        self.how = how
    def read(self, row):
        if self.how == "raises":
            raise ValueError("moult")
        if self.how == "exits":
            sys.exit(0)
        return {"none": None, "float": np.zeros((8, 8, 3)), "gray": np.zeros((8, 8), np.uint8)}[self.how]

def raises(): return Pictures("raises")
def exits(): return Pictures("exits")
def none(): return Pictures("none")
def float(): return Pictures("float")
def gray(): return Pictures("gray")

def nothing(): return None
def number(): return lambda picture, seed: 3
def quits():
    def change(picture, seed):
        sys.exit(0)
    return change

@zoo.hookimpl
def zoo_datasets():
    for name in ("raises", "exits", "none", "float", "gray"):
        yield DatasetSpec(modality="image", name=f"t-{name}", loader=f"zoo_t_birds.plugin:{name}", license="CC0-1.0")
    yield DatasetSpec(modality="image", name="t-nothing", loader="zoo_t_birds.plugin:nothing", license="CC0-1.0")

@zoo.hookimpl
def zoo_augmentations():
    for name in ("nothing", "number", "quits"):
        yield AugmentationSpec(modality="image", name=f"t-{name}", factory=f"zoo_t_birds.plugin:{name}")
"""


@pytest.mark.parametrize("name", ["t-raises", "t-exits", "t-none", "t-float", "t-gray"])
def test_reading_an_example_says_whose_dataset_it_is(site: Path, name: str) -> None:
    install(site, "birds", DATASETS)
    data = zoo.dataset(name)
    for some in (data, data.subset([3, 4]), data.relabel(["b", "a"])):
        with pytest.raises(PluginError, match=f"dataset 'birds:{name}': read {WHOSE}"):
            some.image(0)


def test_a_loader_that_returns_something_else_is_named(site: Path) -> None:
    install(site, "birds", DATASETS)
    with pytest.raises(PluginError, match="'birds:t-nothing' of zoo-t-birds"):
        zoo.dataset("t-nothing")


def test_what_an_augmentation_raises_or_returns_says_whose_it_is(site: Path) -> None:
    from zoo.augment import resolve, transform

    install(site, "birds", DATASETS)
    with pytest.raises(PluginError, match=f"'birds:t-nothing' {WHOSE} gave a NoneType"):
        resolve("t-nothing")
    picture = np.zeros((8, 8, 3), np.uint8)
    for name in ("t-number", "t-quits"):
        with pytest.raises(PluginError, match=f"'birds:{name}' {WHOSE}"):
            transform(resolve(name), seed=0, epoch=0)(picture, 0, None)


OPTIONS = """
import zoo
from pydantic import BaseModel, field_validator
from zoo.specs import HeadSpec

class Raises(BaseModel):
    units: int = 1
    @field_validator("units")
    @classmethod
    def check(cls, value):
        raise KeyError("moult")

class NoModel:
    pass

def function(): pass

@zoo.hookimpl
def zoo_heads():
    for name in ("Raises", "NoModel", "function", "missing"):
        yield HeadSpec(name=name.lower(), factory="zoo_t_birds.plugin:function", options=f"zoo_t_birds.plugin:{name}")
"""


@pytest.mark.parametrize("name", ["raises", "nomodel", "function", "missing"])
def test_models_of_options_that_fail_or_are_none_say_whose_they_are(site: Path, name: str) -> None:
    install(site, "birds", OPTIONS)
    entry = registry().get("heads", name)
    with pytest.raises(PluginError, match=f"'birds:{name}' {WHOSE}"):
        call_factory(entry, entry.spec.factory, options={"units": 2})


BUILDERS = """
import sys
import zoo
from zoo.specs import BackboneSpec, InputSpec, LayerSummary, Preprocessing

def spec(name, channels=3):
    return BackboneSpec(
        modality="image",
        name=f"t-{name}", family="f", paper="p", builder=f"zoo_t_birds.plugin:{name}",
        input=InputSpec(default_size=32, min_size=8, channels=channels), preprocessing=Preprocessing(),
        layers=LayerSummary(by_type={}, total=1, depth=1, batchnorm=0, dropout=0), feature_dim=1, params=1,
        portable=True,
    )

def network(channels):
    import keras
    pixels = keras.Input((32, 32, channels))
    return keras.Model(pixels, keras.layers.Conv2D(4, 3, 4)(pixels))

def raises(include_top, input_size): raise ValueError("moult")
def exits(include_top, input_size): sys.exit(0)
def none(include_top, input_size): return None
def arguments(): return None
def gray(include_top, input_size): return network(1)
def flat(include_top, input_size):
    import keras
    base = network(3)
    return keras.Model(base.input, keras.layers.Flatten()(base.output))

@zoo.hookimpl
def zoo_backbones():
    for name in ("raises", "exits", "none", "arguments", "gray", "flat"):
        yield spec(name)
    yield spec("two", channels=2)
"""


@pytest.mark.parametrize("name", ["raises", "exits", "none", "arguments", "gray", "flat"])
def test_a_builder_that_fails_or_returns_something_else_says_whose_it_is(site: Path, name: str) -> None:
    install(site, "birds", BUILDERS)
    with pytest.raises(PluginError, match=f"backbone 'birds:t-{name}' {WHOSE}"):
        zoo.build(f"t-{name}", head=zoo.classifier(["a", "b"]), weights=None)


def test_other_channels_than_three_or_one_are_refused_at_build(site: Path) -> None:
    install(site, "birds", BUILDERS)
    with pytest.raises(OptionError, match=f"'birds:t-two' {WHOSE} takes 2 channels"):
        zoo.build("t-two", head=zoo.classifier(["a", "b"]), weights=None)


def ends(code: str) -> Callable[[], Any]:
    return lambda: sys.exit(code)


def test_a_message_given_to_exit_is_shown() -> None:
    with pytest.raises(PluginError, match=r"sys\.exit\('bye'\)"), calling(BIRDS, "head"):
        ends("bye")()
