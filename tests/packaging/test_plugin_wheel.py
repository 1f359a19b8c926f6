"""A plugin from outside the repository: started, edited, built, installed with pip beside zoo, used, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HOOKS = '''

@hookimpl
def zoo_heads() -> tuple[HeadSpec, ...]:
    """A head."""
    return (HeadSpec(name="birds200", summary="for birds", labels=LABELS, factory="zoo_birds.parts:head"),)


@hookimpl
def zoo_augmentations() -> tuple[AugmentationSpec, ...]:
    """An augmentation."""
    crop = "zoo_birds.parts:crop"
    return (AugmentationSpec(modality="image", name="birds-crop", summary="shifts a little", factory=crop),)


@hookimpl
def zoo_datasets() -> tuple[DatasetSpec, ...]:
    """A dataset."""
    return (
        DatasetSpec(
            modality="image",
            name="birds200",
            summary="colored birds",
            labels=LABELS,
            loader="zoo_birds.parts:load",
            license="CC0-1.0",
            source="drawn by the test",
        ),
    )
'''
PARTS = '''"""What a person would write by hand."""

import numpy as np


def head(features, *, outputs, seed=0):
    """Normalized features, then one dense layer."""
    import keras

    x = keras.layers.LayerNormalization(name="birds_norm")(features)
    initial = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(outputs, kernel_initializer=initial, name="logits", dtype="float32")(x)


def crop():
    """A shift by up to four pixels."""

    def apply(picture, seed):
        down, right = np.random.default_rng(seed).integers(-4, 5, 2)
        return np.roll(picture, (int(down), int(right)), axis=(0, 1))

    return apply


def load():
    """Sixty pictures of one color each, with noise."""
    import zoo

    random = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = random.integers(0, 60, (60, 64, 64, 3))
    x[np.arange(60), :, :, y] += 150
    return zoo.Arrays(x.astype(np.uint8), y, labels=("redstart", "greenfinch", "bluetit"), name="birds200")
'''
USE = """
import numpy as np
import zoo

assert [row["id"] for row in zoo.which("birds200") if row["meant"]] == ["zoo_birds:birds200"] * 2
model = zoo.build("efficientnet_lite0", head="birds200", augment=["birds-crop"], input_size=64)
run = model.fit("birds200", recipe="head", epochs=8, directory="run")
assert run.validation.accuracy > 0.9, run.validation.accuracy
pixels = np.random.default_rng(1).integers(0, 60, (6, 64, 64, 3))
pixels[np.arange(6), :, :, np.arange(6) % 3] += 150
answers = model.predict(pixels.astype(np.uint8))
print([answer.label for answer in answers])
np.savez("seen.npz", pixels=pixels, scores=model.predict_scores(pixels.astype(np.uint8)))
model.save("birds.keras")
"""
PLAIN = """
import sys
import keras, numpy as np
model = keras.models.load_model("birds.keras")
seen = np.load("seen.npz")
found = np.asarray(model(seen["pixels"].astype("float32"), training=False))
assert not {"zoo", "zoo_birds"} & set(sys.modules)
print(float(abs(found - seen["scores"]).max()))
"""
AFTERWARD = """
import json, warnings
import numpy as np
import zoo
seen = np.load("seen.npz")
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    model = zoo.load("birds.keras")
difference = float(abs(model.predict_scores(seen["pixels"].astype(np.uint8)) - seen["scores"]).max())
try:
    zoo.build("efficientnet_lite0", head="birds200")
except zoo.ZooError as error:
    missing = str(error)
notices = [str(one.message) for one in said if issubclass(one.category, UserWarning)]
print(json.dumps([difference, [text for text in notices if "made with" in text], missing]))
"""


@pytest.fixture
def environment(wheel_environment) -> Iterator[object]:
    yield wheel_environment
    wheel_environment.pip("uninstall", "-q", "-y", "zoo-birds")


def test_the_life_of_a_plugin(environment, tmp_path: Path) -> None:
    zoo, pip, python = environment.zoo, environment.pip, environment.python

    # Started by zoo, edited by its author.
    zoo("plugins", "new", "birds", "--kind", "label-set", cwd=tmp_path)
    project = tmp_path / "zoo-birds"
    hooks = project / "src" / "zoo_birds" / "plugin.py"
    text = hooks.read_text().replace("import LabelSet", "import AugmentationSpec, DatasetSpec, HeadSpec, LabelSet")
    text = text.replace("\n\n@hookimpl", '\nLABELS = ("redstart", "greenfinch", "bluetit")\n\n\n@hookimpl', 1)
    hooks.write_text(text + HOOKS)
    (project / "src" / "zoo_birds" / "parts.py").write_text(PARTS)

    # Developed: the doctor says that the manifest is stale, the manifest is made anew.
    pip("install", "-q", "-e", project)
    assert "its manifest does not say" in zoo("plugins", "doctor", "zoo-birds", "--import", cwd=tmp_path, code=1)
    zoo("plugins", "manifest", "zoo_birds", "--write", cwd=tmp_path)
    zoo("plugins", "doctor", "zoo-birds", "--import", cwd=tmp_path)
    report = zoo("plugins", "check", "zoo-birds", cwd=tmp_path)
    assert "0 failed" in report
    pip("uninstall", "-q", "-y", "zoo-birds")

    # Published: a wheel, installed with pip.
    pip("wheel", "-q", "--no-deps", "-w", tmp_path / "dist", project)
    (wheel,) = (tmp_path / "dist").iterdir()
    pip("install", "-q", wheel)
    work = tmp_path / "work"
    work.mkdir()
    states = {row["plugin"]: row["state"] for row in json.loads(zoo("plugins", "list", "--json", cwd=work))}
    assert states["zoo_birds"] == "indexed"
    listed = {row["name"]: row["provider"] for row in json.loads(zoo("heads", "--json", cwd=work))}
    assert listed["birds200"] == "zoo_birds"
    assert "site-packages/zoo_birds/parts.py" in zoo("which", "birds200", cwd=work)

    # Used.
    assert "redstart" in python("-c", USE, cwd=work)
    record = json.loads((work / "run" / "run.json").read_text())
    providers = {row["id"]: row["version"] for row in record["results"]["providers"]}
    assert providers["zoo_birds:birds200"] == providers["zoo_birds:birds-crop"] == "0.1.0"
    zoo(
        *("fit", "birds200", "--head", "birds200", "--augment", "birds-crop", "--recipe", "head", "--epochs", 2),
        *("--input-size", 64, "--out", "cli.keras"),
        cwd=work,
    )
    assert (work / "cli.keras").is_file()

    # Removed: the model is what it was, and zoo says what is not there any more.
    pip("uninstall", "-q", "-y", "zoo-birds")
    assert float(python("-c", PLAIN, cwd=work)) < 1e-6
    difference, said, missing = json.loads(python("-c", AFTERWARD, cwd=work).splitlines()[-1])
    assert difference < 1e-6
    assert said == [
        "birds.keras was made with zoo-birds 0.1.0 (head 'zoo_birds:birds200', augmentation 'zoo_birds:birds-crop', "
        "dataset 'zoo_birds:birds200'), whose plugin 'zoo_birds' is not installed: the model predicts without it, "
        "because its parts are portable; to build or train it anew: pip install zoo-birds==0.1.0"
    ]
    assert "no head named 'birds200'" in missing
