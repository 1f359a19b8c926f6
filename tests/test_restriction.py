"""zoo.restrict: the pretrained classifier limited to classes, against the same arithmetic in NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import OptionError, UnknownNameError
from zoo.plugin import registry
from zoo.restriction import meanings

FLOWERS = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]


@pytest.fixture(scope="module")
def labels():
    return registry().get("label_sets", "imagenet1k").spec


@pytest.fixture(scope="module")
def pets() -> zoo.TransferModel:
    return zoo.restrict("efficientnet_lite0", {"cats": ["cat"], "dogs": "dog", "goldfish": 1})


def test_names_ids_groups_and_numbers(labels) -> None:
    found, strange = meanings(
        labels, {"a": "Golden Retriever", "b": "n02123045", "c": ["bird", "goldfish"], "d": np.int64(999), "e": "foxes"}
    )
    assert not strange
    assert (found["a"], found["b"], found["d"], found["e"]) == ((207,), (281,), (999,), (277, 278, 279, 280))
    assert len(found["c"]) == 18 + 21 + 20 + 1
    assert meanings(labels, ["daisy", "cats"])[0] == {"daisy": (985,), "cats": (281, 282, 283, 284, 285)}


def test_groups_hold_what_their_name_says(labels) -> None:
    places = {name: meanings(labels, {name: name})[0][name] for name in labels.groups}
    assert len(places["dog"]) == 118  # the breeds of ILSVRC 2012, as Stanford Dogs without its two wild dogs
    names = {name: {labels.labels[place] for place in found} for name, found in places.items()}
    assert names["cat"] == {"tabby", "tiger_cat", "Persian_cat", "Siamese_cat", "Egyptian_cat"}
    assert {"Chihuahua", "Mexican_hairless", "boxer"} < names["dog"]
    assert not names["dog"] & {"sea_lion", "timber_wolf", "dingo", "African_hunting_dog"}
    assert {"cock", "great_grey_owl", "black_grouse", "black_swan", "white_stork", "albatross"} < names["bird"]
    assert not names["bird"] & {"stingray", "European_fire_salamander", "centipede", "tusker", "grey_whale"}
    assert {"tench", "stingray", "barracouta", "puffer"} < names["fish"]
    for name, word in (("spider", "spider"), ("turtle", "turtle"), ("bear", "bear"), ("fox", "fox"), ("crab", "crab")):
        assert any(word in label for label in names[name])
    assert {"thunder_snake", "sidewinder"} < names["snake"]
    assert not names["snake"] & {"triceratops", "trilobite"}


def test_of_the_five_flowers_imagenet_knows_only_daisy(labels) -> None:
    with pytest.raises(OptionError, match=r"has no dandelion, roses, sunflowers, tulips\. Of these .* knows daisy\."):
        zoo.restrict("efficientnet_lite0", FLOWERS)
    with pytest.raises(OptionError, match="knows daisy"):
        zoo.restrict("efficientnet_lite0", FLOWERS, unknown="keep")
    known, strange = meanings(labels, FLOWERS)
    assert [name for name, places in known.items() if places] == ["daisy"]
    assert list(strange) == FLOWERS[1:]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["crane", "daisy"], r"2 classes of imagenet1k are called 'crane': say n02012849, n03126707"),
        ({"cat": "tabby", "pet": ["cat"]}, r"'tabby' is in two classes: 'cat' and 'pet'"),
        ({"cat": ["tabby", "tiger_kat"], "dog": "dog"}, r"no cat \(tabby|no cat \(tiger_kat\).*'tiger_cat'"),
        (["tabby"], "at least two classes"),
        (["tabby", "golden_retreiver"], r"Did you mean 'golden_retriever'"),
        ({"a": 1000, "b": 1}, r"0\.\.999; got 1000"),
        ({"a": "tabby", "b": "dog", "c": []}, r"class 'c' means \[\]: give a name"),
        ({"a": "tabby", "b": b"dog"}, r"class 'b' means b'dog'"),
        ({"a": "tabby", "b": None}, r"class 'b' means None"),
        ("tabby", "a list of names"),
    ],
)
def test_what_cannot_be_told_is_refused_before_anything_is_built(classes, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        zoo.restrict("vgg16", classes)


def test_backbones_without_a_classifier_are_refused() -> None:
    with pytest.raises(OptionError, match="squeezenet was published without a classifier"):
        zoo.restrict("squeezenet", ["tabby", "boxer"])
    with pytest.raises(UnknownNameError, match="vgg16"):
        zoo.restrict("vgg61", ["tabby", "boxer"])
    with pytest.raises(OptionError, match="'error' or 'keep'"):
        zoo.restrict("vgg16", ["tabby", "boxer"], unknown="drop")


def test_probabilities_are_those_of_the_classifier_given_the_classes(
    pets: zoo.TransferModel, shared_data: Path, tmp_path: Path
) -> None:
    files = [*sorted((shared_data / "cats_vs_dogs" / "cats").iterdir())[:3]]
    files += [*sorted((shared_data / "cats_vs_dogs" / "dogs").iterdir())[:3]]
    whole = zoo.build("efficientnet_lite0").predict_scores(files).astype(np.float64)
    expected = np.stack([whole[:, 281:286].sum(1), whole[:, 151:269].sum(1), whole[:, 1]], axis=1)
    expected /= expected.sum(axis=1, keepdims=True)
    found = pets.predict_scores(files)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-7)
    assert [answer.label for answer in pets.predict(files)] == ["cats"] * 3 + ["dogs"] * 3
    again = zoo.load(pets.save(tmp_path / "pets.keras"))
    assert again.labels == ("cats", "dogs", "goldfish")
    np.testing.assert_allclose(again.predict_scores(files), found, rtol=1e-6)
    import keras

    plain = keras.models.load_model(tmp_path / "pets.keras")
    assert plain.output_shape == (None, 3)
    with pytest.raises(OptionError, match="without a head of yours"):
        pets.fit(shared_data / "cats_vs_dogs")


def test_a_class_that_is_not_known_is_never_the_answer(shared_data: Path) -> None:
    model = zoo.restrict("efficientnet_lite0", {"cats": "cat", "dogs": "dog", "yeti": "yeti"}, unknown="keep")
    scores = model.predict_scores(sorted((shared_data / "cats_vs_dogs" / "dogs").iterdir())[:2])
    assert (scores[:, 2] < 1e-20).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)
