"""What a model was made with: in run.json and in saved files; what `zoo.load` says when that is not there any more."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.plugins import forget, install, plugin_site

import zoo
from zoo.errors import PluginError, UnknownNameError, UnsafeFileError
from zoo.plugin import use_manager
from zoo.registry import ZooNotice

HOOKS = """
from zoo import hookimpl
from zoo.specs import AugmentationSpec, DatasetSpec, HeadSpec, PhaseSpec, RecipeSpec

@hookimpl
def zoo_heads():
    return [
        HeadSpec(name="crest", factory="zoo_t_birds.parts:crest"),
        HeadSpec(name="song", factory="zoo_t_birds.parts:song", portable=False),
    ]

@hookimpl
def zoo_augmentations():
    return [AugmentationSpec(modality="image", name="dim", factory="zoo_t_birds.parts:dim")]

@hookimpl
def zoo_datasets():
    return [DatasetSpec(modality="image", name="nest", loader="zoo_t_birds.parts:nest", license="CC0-1.0")]

@hookimpl
def zoo_recipes():
    return [RecipeSpec([PhaseSpec(name="tune", unfreeze=1, epochs=1)], name="quick")]
"""
PARTS = """
def crest(features, *, outputs, seed):
    import keras
    return keras.layers.Dense(outputs, name="logits")(features)

def song(features, *, outputs, seed):
    import keras
    from zoo_t_birds.layers import Whistle
    return keras.layers.Dense(outputs, name="logits")(Whistle()(features))

def dim():
    return lambda image, seed: image // 2

def nest():
    from zoo.testing import tiny_dataset
    return tiny_dataset()
"""
LAYERS = """
import keras

@keras.saving.register_keras_serializable("zoo_t_birds")
class Whistle(keras.layers.Layer):
    def call(self, x):
        return keras.ops.tanh(x)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with plugin_site(tmp_path / "site") as folder:
        package = folder / install(folder, "birds", HOOKS, manifest=True)
        (package / "parts.py").write_text(PARTS)
        (package / "layers.py").write_text(LAYERS)
        yield folder


def build(head: str, **more: object) -> zoo.TransferModel:
    from zoo.specs import Preprocessing
    from zoo.testing import tiny_backbone

    numbers = Preprocessing(scale=2 / 255, mean=(1, 1, 1))
    labels = zoo.head(head, labels=["red", "green", "blue"])
    return zoo.build(tiny_backbone(), head=labels, preprocessing=numbers, **more)


def uninstall(site: Path) -> None:
    for path in site.iterdir():
        shutil.rmtree(path)
    forget()
    use_manager(None)


def another_version(site: Path, version: str) -> None:
    info = site / "zoo_t_birds-1.0.dist-info"
    (info / "METADATA").write_text((info / "METADATA").read_text().replace("1.0", version))
    info.rename(site / f"zoo_t_birds-{version}.dist-info")
    use_manager(None)


def row(kind: str, name: str, target: str | None, portable: bool | None = None) -> dict[str, object]:
    return {
        "kind": kind,
        "id": f"birds:{name}",
        "plugin": "birds",
        "distribution": "zoo-t-birds",
        "version": "1.0",
        "target": target and f"zoo_t_birds.parts:{target}",
        "portable": portable,
    }


IMAGE = {
    "kind": "modalities",
    "id": "zoo_vision:image",
    "plugin": "zoo_vision",
    "distribution": "zoo-sdk",
    "version": zoo.__version__,
    "target": "zoo_vision.images:Images",
    "portable": None,
}
"""Whose the examples are: recorded as of every other modality."""


@pytest.fixture
def saved(site: Path, tmp_path: Path) -> Path:
    model = build("crest", augment=["dim"])
    run = model.fit("nest", recipe="birds:quick", directory=tmp_path / "run")
    assert run.directory == tmp_path / "run"
    return model.save(tmp_path / "m.keras")


def test_runs_and_files_record_every_provider(saved: Path, tmp_path: Path) -> None:
    expected = [
        IMAGE,
        row("heads", "crest", "crest", True),
        row("augmentations", "dim", "dim"),
        row("recipes", "quick", None),
        row("datasets", "nest", "nest"),
    ]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["results"]["providers"] == expected
    with zipfile.ZipFile(saved) as archive:
        record = json.loads(archive.read("zoo.json"))
    assert (record["providers"], record["code"]) == (expected, [])


def recipe_of(run: zoo.Run) -> list[str]:
    return [one["id"] for one in run.record.to_json()["results"]["providers"] if one["kind"] == "recipes"]


def test_the_recipe_of_a_run_is_recorded_however_it_was_asked_for(site: Path, tmp_path: Path) -> None:
    model = build("crest")
    assert recipe_of(model.fit("nest", epochs=1, cache=False)) == ["zoo_vision:head"]  # chosen
    model.reset()
    assert recipe_of(model.fit("nest", recipe=zoo.Recipe([zoo.Phase(name="own", epochs=1)]))) == []
    model.reset()
    model.unfreeze(model.composition.stages[-1].name)
    assert recipe_of(model.fit("nest", epochs=1)) == ["zoo_vision:lp-ft"]
    assert recipe_of(model.fit("nest", recipe="quick")) == ["zoo_vision:lp-ft", "birds:quick"]  # it continues


def test_a_run_that_is_resumed_still_says_whose_recipe_it_was(site: Path, tmp_path: Path) -> None:
    import keras

    def stop(epoch: int, logs: object) -> None:
        raise KeyboardInterrupt

    model = build("crest")
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            "nest",
            recipe="quick",
            epochs=2,
            directory=tmp_path / "run",
            checkpoint_every=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch and stop(epoch, logs))],
        )
    assert recipe_of(zoo.resume(tmp_path / "run")) == ["birds:quick"]


def test_a_missing_plugin_is_said_and_the_model_predicts(saved: Path, site: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
    with_plugin = zoo.load(saved)
    before = with_plugin.predict_scores(pixels)
    uninstall(site)
    with pytest.warns(ZooNotice) as said:
        model = zoo.load(saved)
    (text,) = [str(one.message) for one in said if "made with" in str(one.message)]
    assert text == (
        "m.keras was made with zoo-t-birds 1.0 (head 'birds:crest', augmentation 'birds:dim', recipe 'birds:quick', "
        "dataset 'birds:nest'), "
        "whose plugin 'birds' is not installed: the model predicts without it, because its parts are portable; to "
        "build or train it anew: pip install zoo-t-birds==1.0"
    )
    np.testing.assert_array_equal(model.predict_scores(pixels), before)
    again = model.save(tmp_path / "again.keras")  # the record outlives the plugin
    with zipfile.ZipFile(again) as archive:
        assert json.loads(archive.read("zoo.json"))["providers"] == [
            IMAGE,
            row("heads", "crest", "crest", True),
            row("augmentations", "dim", "dim"),
            row("recipes", "quick", None),
            row("datasets", "nest", "nest"),
        ]


def test_another_version_is_said(saved: Path, site: Path) -> None:
    another_version(site, "2.1")
    with pytest.warns(ZooNotice, match=r"made with zoo-t-birds 1\.0.*and zoo-t-birds 2\.1 is installed.*==1\.0"):
        zoo.load(saved)


def test_disabled_and_broken_plugins_are_said(saved: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PLUGINS", "")
    use_manager(None)
    with pytest.warns(ZooNotice, match="is disabled by ZOO_PLUGINS: the model predicts without it"):
        zoo.load(saved)
    monkeypatch.delenv("ZOO_PLUGINS")
    (site / "zoo_t_birds" / "zoo-plugin.json").write_text("{")
    use_manager(None)
    with pytest.warns(ZooNotice, match="is broken .JSONDecodeError"):
        zoo.load(saved)


def test_nothing_is_said_where_nothing_changed(saved: Path, recwarn: pytest.WarningsRecorder) -> None:
    zoo.load(saved)
    assert not [one for one in recwarn if issubclass(one.category, ZooNotice)]


def test_names_of_zoo_are_recorded_with_preprocessing_and_labels() -> None:
    model = zoo.build("efficientnet_lite0", augment=["flip"])
    found = [(one["kind"], one["id"], one["distribution"]) for one in model.state.providers]
    assert found == [
        ("backbones", "zoo:efficientnet_lite0", "zoo-sdk"),
        ("preprocessing", "zoo:efficientnet_lite0", "zoo-sdk"),
        ("label_sets", "zoo:imagenet1k", "zoo-sdk"),
        ("modalities", "zoo_vision:image", "zoo-sdk"),
        ("augmentations", "zoo_vision:flip", "zoo-sdk"),
    ]


def test_what_is_not_portable_says_so_and_names_what_to_install(site: Path, tmp_path: Path) -> None:
    model = build("song")
    model.fit("nest", recipe="head", epochs=1)
    needs = r"Whistle of zoo_t_birds\.layers \(zoo-t-birds 1\.0\).*pip install zoo-t-birds==1\.0"
    with pytest.warns(ZooNotice, match=needs):
        path = model.save(tmp_path / "song.keras")

    # Where the plugin is installed it loads, also in a process that has not seen it.
    program = f"import zoo; print(zoo.load({str(path)!r}).keras_model.count_params())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == str(model.keras_model.count_params()), done.stderr

    uninstall(site)
    expected = (
        r"song\.keras cannot be loaded: it holds layers of zoo_t_birds\.layers, saved with zoo-t-birds 1\.0\. "
        r"Try: pip install zoo-t-birds==1\.0 The plugin 'birds' is not installed\."
    )
    with pytest.raises(PluginError, match=expected):
        zoo.load(path)
    with pytest.raises(UnknownNameError, match="song"):
        build("song")


def test_a_version_that_cannot_build_it_any_more_is_named(site: Path, tmp_path: Path) -> None:
    from keras.saving import get_custom_objects

    model = build("song")
    with pytest.warns(ZooNotice):
        path = model.save(tmp_path / "song.keras")
    (site / "zoo_t_birds" / "layers.py").write_text("")
    forget()
    get_custom_objects().pop("zoo_t_birds>Whistle")
    another_version(site, "2.1")
    with pytest.raises(PluginError, match=r"saved with zoo-t-birds 1\.0 \(2\.1 is installed\)\. Try: pip install"):
        zoo.load(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("providers", [{"kind": "heads"}]),
        ("providers", 3),
        ("code", [{}]),
        ("code", [{"module": "antigravity", "plugin": "birds", "distribution": "zoo-t-birds", "version": "1.0"}]),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(saved: Path, tmp_path: Path, key: str, value: object) -> None:
    other = tmp_path / "other.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "zoo.json":
                data = json.dumps({**json.loads(data), key: value}).encode()
            new.writestr(name, data)
    with pytest.raises(UnsafeFileError):
        zoo.load(other)
    assert "antigravity" not in sys.modules
