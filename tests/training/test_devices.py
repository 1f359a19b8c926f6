"""Several devices: a step on two is a step on one, and what would not be exact is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import two_devices

from zoo.errors import OptionError, ResumeError
from zoo.testing.tiny import tiny_dataset
from zoo.training.descent import devices

PROGRAM = Path(two_devices.__file__)

ROUNDING = 1e-5
"""Of float32 sums in another order, as a share of the largest number."""

STRATEGIES = pytest.mark.tensorflow("MirroredStrategy is part of it")

EXACT = ["head", "clipped", "values", "images", "behind prefix", "adapt"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program found; TensorFlow divides the CPU of a process only once, before it starts."""
    folder = tmp_path_factory.mktemp("two")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent.parent), *sys.path])}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    figures: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return figures


@STRATEGIES
@pytest.mark.slow
@pytest.mark.parametrize("case", EXACT)
def test_two_devices_end_where_one_does(found: dict[str, Any], case: str) -> None:
    figures = found[case]
    assert figures["devices"] == [None, ["CPU:0", "CPU:1"]]
    assert figures["moved"] > 0.001, "training must move more than the rounding that is allowed"
    assert figures["weights"] < ROUNDING
    assert figures["history"] < ROUNDING
    assert figures["scores"] < ROUNDING
    assert figures["evaluation"][0] == figures["evaluation"][1]
    assert figures["apart"] == 0, "both devices hold the same weights and moving statistics"
    assert not any(figures["synchronized"]), "the saved model has the BatchNorm that the user gave"
    moved = {(stage, part): says for stage, part, says in figures["receipts"]}
    assert "MOVED" not in moved.values()
    adapted = case == "adapt"
    assert (moved["stage2", "batchnorm"] == "trained") == adapted


@STRATEGIES
@pytest.mark.slow
def test_a_cached_prefix_goes_with_two_devices(found: dict[str, Any]) -> None:
    assert found["behind prefix"]["prefix"] == "stage1"


@STRATEGIES
@pytest.mark.slow
def test_a_run_on_two_devices_goes_on_there(found: dict[str, Any]) -> None:
    assert found["resume"] == {
        "place": ["CPU:0", "CPU:1"],
        "same weights": True,
        "same history": True,
        "apart": 0,
        "synchronized": [False] * len(found["resume"]["synchronized"]),
    }


@pytest.fixture(scope="module")
def lone() -> Any:
    """A strategy of one device, which goes without dividing the CPU."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0"])


@STRATEGIES
def test_a_model_remembers_the_strategy_it_was_built_in(lone: Any, tmp_path: Path) -> None:
    model = two_devices.build(lone)
    data = tiny_dataset(count=20)
    run = model.fit(data, recipe=two_devices.recipe(epochs=1), validation=4, directory=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["plan"]["devices"] == ["CPU:0"]
    assert model.composition.rows.optimizer.iterations.value.distribute_strategy is lone
    plain = two_devices.build(None)
    same = plain.fit(data, recipe=two_devices.recipe(epochs=1), validation=4, directory=tmp_path / "plain")
    for mine, other in zip(model.keras_model.get_weights(), plain.keras_model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    assert str(run.validation) == str(same.validation)
    with lone.scope(), pytest.raises(OptionError, match="built outside of it: build or load the model in the scope"):
        plain.fit(data, recipe="head")


@STRATEGIES
def test_half_precision_that_looks_at_one_device_only_is_refused(lone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(lone), "num_replicas_in_sync", 2)
    with pytest.raises(OptionError, match=r"overflow on the first of them only\. Take 'mixed_bfloat16'"):
        devices.check(_composition(lone, precision="mixed_float16"))
    devices.check(_composition(lone, precision="mixed_bfloat16"))


@STRATEGIES
@pytest.mark.slow
def test_many_hosts_are_refused_with_the_issue_of_keras() -> None:
    program = (
        "import json, os, sys\n"
        "os.environ['TF_CONFIG'] = json.dumps({'cluster': {'worker': ['127.0.0.1:0']}, "
        "'task': {'type': 'worker', 'index': 0}})\n"
        "import tensorflow as tf\nimport zoo\nfrom zoo.testing.tiny import tiny_backbone, tiny_dataset\n"
        "with tf.distribute.MultiWorkerMirroredStrategy().scope():\n"
        "    model = zoo.build(tiny_backbone(), zoo.classifier(['red', 'green', 'blue']), preprocessing=None)\n"
        "    try:\n        model.fit(tiny_dataset())\n"
        "    except zoo.ZooError as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert "github.com/keras-team/keras/issues/20585" in done.stdout, done.stderr[-2000:]


@STRATEGIES
def test_another_kind_of_strategy_is_refused() -> None:
    import tensorflow as tf

    other = tf.distribute.experimental.CentralStorageStrategy(["CPU:0"], "CPU:0")
    with pytest.raises(OptionError, match="built under CentralStorageStrategy; zoo trains on the devices of one mach"):
        devices.check(_composition(other))


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_every_device_has_a_share_of_every_batch(count: int) -> None:
    for examples in range(1, 70):
        copies = devices.fewest_copies(examples, count)
        share = -(-copies * examples // count)  # as TensorFlow divides: upward, until nothing is left
        assert copies * examples - (count - 1) * share > 0
        assert copies == 1 or examples < count * count, "a large batch is given once"
        assert copies <= count


@STRATEGIES
def test_devices_that_are_not_there(lone: Any) -> None:
    with pytest.raises(OptionError, match=r"no device GPU:7 here; there are CPU:0"):
        devices.mirrored(["CPU:0", "GPU:7"])
    with pytest.raises(ResumeError, match=r"begun on GPU:7.*no device GPU:7 here"):
        devices.as_before(["GPU:7"])
    with lone.scope(), pytest.raises(ResumeError, match=r"begun without a strategy, .* has CPU:0: resume outside"):
        devices.as_before(None)


def _composition(strategy: Any, **identity: Any) -> Any:
    """As much of a composition as is looked at."""
    from types import SimpleNamespace

    return SimpleNamespace(
        training=SimpleNamespace(_distribute_strategy=strategy),
        identity=SimpleNamespace(**{"precision": "float32"} | identity),
    )
