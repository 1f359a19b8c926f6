"""Keras on JAX: nothing of TensorFlow is needed, and what comes out is what TensorFlow gives (`make test-jax`)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import both_backends

import zoo
from zoo.errors import OptionError
from zoo.registry import ZooNotice
from zoo.specs import ResizeRule
from zoo_vision.intake import ImageIntake

ROOT = Path(__file__).parent.parent.parent

on_jax = pytest.mark.skipif(os.environ.get("KERAS_BACKEND") != "jax", reason="make test-jax runs it")


def with_tensorflow(*arguments: object) -> None:
    """Run `both_backends.py` in the environment that has TensorFlow."""
    python = os.environ.get("ZOO_TENSORFLOW_PYTHON")
    if python is None:
        pytest.skip("ZOO_TENSORFLOW_PYTHON must name a Python with zoo and TensorFlow, as make test-jax does")
    paths = [str(ROOT / name) for name in ("", "plugins", "tests")]
    done = subprocess.run(
        [python, both_backends.__file__, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, as a share of the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_a_backend_that_nothing_was_tried_on_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keras

    from zoo.testing.tiny import tiny_backbone

    model = zoo.build(tiny_backbone(), head=zoo.classifier(["a", "b"]), preprocessing=None)
    path = model.save(tmp_path / "model.keras")
    base = tiny_backbone()
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(OptionError, match=r"'torch'.*tensorflow and jax only.*KERAS_BACKEND"):
        zoo.build(base, head=zoo.classifier(["a", "b"]), preprocessing=None)
    with pytest.raises(OptionError, match="'torch'"):
        zoo.load(path)


@on_jax
def test_this_environment_has_no_tensorflow() -> None:
    """So whatever passes here needs none."""
    import keras

    assert keras.config.backend() == "jax"
    assert importlib.util.find_spec("tensorflow") is None
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("tensorflow")


@on_jax
@pytest.mark.parametrize("engine", ["onnx", "pool"])
def test_other_engines_leave_it_to_keras_and_say_so(engine: str) -> None:
    from zoo.data import Arrays
    from zoo.features import extract
    from zoo.testing.tiny import tiny_backbone

    x = np.zeros((3, 32, 32, 3), np.uint8)
    with pytest.warns(ZooNotice, match=f"from Keras in this process, not from {engine}: .* jax "):
        found = extract(
            tiny_backbone(), Arrays(x), np.arange(3), intake=ImageIntake(size=32, rule=ResizeRule()), engine=engine
        )
    assert len(found) == 3


@pytest.fixture(scope="module")
def both(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each backend measured: the photos, and a folder for each."""
    import shutil

    folder = tmp_path_factory.mktemp("backends")
    for kind in sorted((shared_data / "flowers5").iterdir()):
        (folder / "photos" / kind.name).mkdir(parents=True)
        for file in sorted(kind.iterdir())[:16]:
            shutil.copy(file, folder / "photos" / kind.name / file.name)
    with_tensorflow("measure", folder / "photos", folder / "tensorflow")
    both_backends.measure(folder / "photos", folder / "jax")
    return {name: folder / name for name in ("photos", "tensorflow", "jax")}


@on_jax
def test_features_probe_and_fine_tuning_are_those_of_tensorflow(both: dict[str, Path]) -> None:
    figures = {name: json.loads((both[name] / "figures.json").read_text()) for name in ("tensorflow", "jax")}
    arrays = {name: np.load(both[name] / "arrays.npz") for name in ("tensorflow", "jax")}
    there, here = figures["tensorflow"], figures["jax"]
    assert (there["backend"], here["backend"]) == ("tensorflow", "jax")
    swapped = apart(arrays["jax"]["features"][::-1], arrays["tensorflow"]["features"])
    assert swapped > 0.1  # in another order it would show
    assert apart(arrays["jax"]["features"], arrays["tensorflow"]["features"]) < 1e-4
    assert here["accuracy"] == there["accuracy"] > 0.5
    assert apart(arrays["jax"]["probe"], arrays["tensorflow"]["probe"]) < 1e-3

    # Before fine-tuning the base is the same bit for bit, and what is frozen stays so.
    frozen = [item for item in here["receipts"] if item[2] == "frozen" and item[0] != "head"]
    assert frozen == [item for item in there["receipts"] if item[2] == "frozen" and item[0] != "head"]
    assert {item[1] for item in frozen} == {"weights", "batchnorm"}
    assert [item[2] for item in here["receipts"]] == [item[2] for item in there["receipts"]]
    for name, values in there["history"].items():
        np.testing.assert_allclose(here["history"][name], values, rtol=1e-3, atol=1e-4, err_msg=name)
    start = zoo.build("efficientnet_lite0", head=zoo.classifier(["a", "b"]), input_size=both_backends.SIZE)
    moved = 0
    for index, (path, weight) in enumerate(zip(here["weights"], start.composition.backbone.get_weights(), strict=True)):
        found, expected = (arrays[name][f"weight{index}"] for name in ("jax", "tensorflow"))
        if np.array_equal(expected, weight):
            np.testing.assert_array_equal(found, weight, err_msg=path)
        else:
            moved += 1
            assert apart(found - weight, expected - weight) < 1e-2, path  # a share of the way it went
    assert moved > 5


@on_jax
def test_a_model_saved_on_one_backend_answers_and_looks_the_same_on_the_other(
    both: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("jax", "tensorflow"):
        file = both[name] / "tuned" / "model.keras"
        both_backends.read(both["photos"], file, tmp_path / "here.npz")
        with_tensorflow("read", both["photos"], file, tmp_path / "there.npz")
        here, there = np.load(tmp_path / "here.npz"), np.load(tmp_path / "there.npz")
        for told in ("scores", "heat"):
            assert apart(here[told][::-1], there[told]) > 1e-2
            assert apart(here[told], there[told]) < 1e-4, told


@on_jax
def test_a_run_says_what_it_was_computed_with(both: dict[str, Path]) -> None:
    record = json.loads((both["jax"] / "tuned" / "run.json").read_text())
    assert record["plan"]["environment"]["backend"] == "jax"
    assert record["results"]["versions"]["jax"] == importlib.metadata.version("jax")
    assert record["results"]["versions"]["jaxlib"]
    assert "tensorflow" not in record["results"]["versions"]
    other = json.loads((both["tensorflow"] / "tuned" / "run.json").read_text())
    assert other["versions"]["tensorflow"]
    assert "jax" not in other["versions"]
