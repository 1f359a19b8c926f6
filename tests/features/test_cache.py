"""The feature cache: what makes a hit and what a miss, what is damaged is found, and a kill costs one shard."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import tiny_model
from PIL import Image

from zoo.data import ImageFiles, load
from zoo.errors import OptionError
from zoo.features import extract
from zoo.features.cache import Entry, damaged, entries, evict, features_root, remove
from zoo.features.identity import graph_digest
from zoo.specs import ResizeRule
from zoo_vision.intake import ImageIntake

RULE = ResizeRule()
SIZE = 32
INTAKE = ImageIntake(size=SIZE, rule=RULE)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seventy small pictures in two classes, one of them damaged."""
    random = np.random.default_rng(0)
    for number in range(70):
        path = tmp_path / "photos" / ("a" if number % 2 else "b") / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 50, 3)).astype(np.uint8)).save(path)
    broken = tmp_path / "photos" / "a" / "041.png"
    broken.write_bytes(broken.read_bytes()[:700])
    return tmp_path / "photos"


def network(seed: int = 0, scale: float = 1 / 255, size: int = SIZE):
    import keras

    pixels = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(scale)(pixels)
    x = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))


def run(model, folder: Path, **options):
    data = ImageFiles.from_folder(folder)
    settings = {"intake": INTAKE, "cache": True} | options
    return extract(model, data, np.arange(len(data)), **settings)


def test_a_second_pass_computes_nothing_and_gives_the_same_bits(folder: Path) -> None:
    model = network()
    plain, first, second = run(model, folder, cache=False), run(model, folder), run(model, folder)
    assert (first.computed, second.computed) == (69, 0)
    assert first.entry == second.entry != ""
    for found in (first, second):
        np.testing.assert_array_equal(found.values, plain.values)
        np.testing.assert_array_equal(found.positions, plain.positions)
        assert found.skipped == plain.skipped
    assert [name for name, _ in first.skipped] == ["a/041.png"]
    assert first.values.dtype == np.float32
    np.testing.assert_array_equal(second.of(np.array([60, 0, 33])), plain.of(np.array([60, 0, 33])))


def test_what_makes_a_miss(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    assert run(model, folder).computed == 69
    assert run(network(seed=1), folder).computed == 69
    assert run(network(scale=1 / 127), folder).computed == 69
    assert run(model, folder, intake=ImageIntake(size=SIZE, rule=ResizeRule(mode="stretch"))).computed == 69
    assert run(network(size=40), folder, intake=ImageIntake(size=40, rule=RULE)).computed == 69
    weights = model.get_weights()
    changed = [weight.copy() for weight in weights]
    changed[-1][0] = np.nextafter(changed[-1][0], 2)  # one weight, by one unit in the last place
    model.set_weights(changed)
    assert run(model, folder).computed == 69
    model.set_weights(weights)
    assert run(model, folder).computed == 0
    monkeypatch.setattr("zoo.features.engines.InProcess.identity", "keras of another world")
    assert run(model, folder).computed == 69
    monkeypatch.undo()
    picture = folder / "b" / "000.png"
    data = bytearray(picture.read_bytes())
    stamps = picture.stat()
    data[-20] ^= 1  # one bit in the trailing checksum: the same pixels or none, but not the same file
    picture.write_bytes(bytes(data))
    os.utime(picture, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    monkeypatch.setenv("ZOO_CACHE_DIR", os.environ["ZOO_CACHE_DIR"])
    assert run(model, folder).computed >= 68


def test_what_changes_nothing_is_a_hit(folder: Path, tmp_path: Path) -> None:
    model = network()
    assert run(model, folder).computed == 69
    for picture in folder.rglob("*.png"):
        picture.touch()
    assert run(model, folder).computed == 0
    shutil.move(folder, tmp_path / "elsewhere")
    assert run(model, tmp_path / "elsewhere").computed == 0
    model.trainable = False
    assert run(model, tmp_path / "elsewhere").computed == 0
    # The same network built later has other automatic names, and the same digest.
    again = network()
    assert [layer.name for layer in again.layers] != [layer.name for layer in model.layers]
    assert graph_digest(again) == graph_digest(model)


def test_names_like_settings_and_code_of_others_are_told_apart(folder: Path) -> None:
    import keras

    def activated(name: str):
        pixels = keras.Input((SIZE, SIZE, 3))
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 32, offset=-4)(pixels))
        return keras.Model(pixels, keras.layers.Activation(name, name=name)(x))

    assert run(activated("relu"), folder).computed == 69
    assert run(activated("tanh"), folder).computed == 69  # a layer called what its setting says

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    def own(x):
        return x

    pixels = keras.Input((SIZE, SIZE, 3))
    for layer in (Own(), keras.layers.Lambda(lambda x: x), keras.layers.Activation(own)):
        model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(layer(pixels)))
        assert graph_digest(model) is None
        assert [run(model, folder).computed for _ in range(2)] == [69, 69]  # its code can change without a trace


def test_a_dataset_that_reads_other_pixels_is_another(folder: Path) -> None:
    class Dark(ImageFiles):
        def read(self, row: int) -> np.ndarray:
            return 255 - super().read(row)

    model = network()
    light, dark = ImageFiles.from_folder(folder), Dark.from_folder(folder)
    good = np.array([index for index in range(70) if light.ids[index] != "a/041.png"])
    one = extract(model, light, good, intake=INTAKE, cache=True)
    two = extract(model, dark, good, intake=INTAKE, cache=True)
    assert (one.computed, two.computed) == (69, 69)
    assert np.abs(one.values - two.values).max() > 0.01
    assert light.subset(good).hashes() != dark.subset(good).hashes()


def test_odd_files_in_the_cache_and_folders_that_cannot_be_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, text in enumerate(("[]", '{"key": 5}', "\0")):
        odd = features_root() / f"odd{number}"
        odd.mkdir(parents=True)
        (odd / "entry.json").write_text(text)
    model = network()
    assert run(model, folder).computed == 69
    assert len(entries()) == 4
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", lambda *arguments, **options: (_ for _ in ()).throw(OSError(30, "Read-only")))
        assert run(model, folder).computed == 0
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OptionError, match=r"cannot be written to .*Not a directory.*cache=False"):
        run(model, folder)


def test_features_too_large_for_half_precision_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_FEATURES", "float16")
    with pytest.raises(OptionError, match="65504"):
        run(network(scale=1e6), folder)


@pytest.mark.parametrize("harm", ["flip", "cut", "delete", "receipt", "manifest"])
def test_damage_is_found_and_computed_again(folder: Path, harm: str) -> None:
    model = network()
    before = run(model, folder).values.copy()  # not mapped: the file is about to be harmed
    (entry,) = entries()
    shard = entry.folder / "00000.safetensors"
    data = bytearray(shard.read_bytes())
    if harm == "flip":
        data[len(data) // 2] ^= 4
        shard.write_bytes(data)
    elif harm == "cut":
        shard.write_bytes(data[:-7])
    elif harm == "delete":
        shard.unlink()
    elif harm == "receipt":
        (entry.folder / "00000.json").write_text("{")
        (entry.folder / "entry.json").unlink()
    else:
        (entry.folder / "entry.json").write_text('{"shards": [')
    if harm in ("flip", "cut", "delete"):
        assert damaged(entry) == ["00000.safetensors"]
    again = run(model, folder)
    assert again.computed == (0 if harm == "manifest" else 69)
    np.testing.assert_array_equal(again.values, before)
    (entry,) = entries()
    assert damaged(entry) == []
    assert run(model, folder).computed == 0


def test_half_precision_is_another_entry_and_close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    whole = run(model, folder)
    monkeypatch.setenv("ZOO_FEATURES", "float16")
    half = run(model, folder)
    assert half.computed == 69
    assert half.parts[0].dtype == np.float16
    assert half.values.dtype == np.float32
    np.testing.assert_allclose(half.values, whole.values, rtol=1e-3, atol=1e-4)
    monkeypatch.setenv("ZOO_FEATURES", "int8")
    with pytest.raises(OptionError, match="float32 or float16"):
        run(network(seed=3), folder)


def test_the_least_recently_used_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = [network(seed=seed) for seed in range(3)]
    names = []
    for number, model in enumerate(models):
        names.append(run(model, folder).entry)
        os.utime(features_root() / names[-1] / "entry.json", (1000 + number, 1000 + number))
    assert [entry.name for entry in entries()] == names
    run(models[0], folder)  # used again: now the youngest
    size = entries()[0].bytes
    assert [entry.name for entry in evict(2 * size)] == [names[1]]
    assert {entry.name for entry in entries()} == {names[0], names[2]}
    monkeypatch.setenv("ZOO_CACHE_LIMIT", "1KB")
    assert run(models[1], folder).computed == 69  # larger than the limit: what was just computed stays
    assert {entry.name for entry in entries()} == {names[1]}
    monkeypatch.setenv("ZOO_CACHE_LIMIT", "much")
    with pytest.raises(OptionError, match="ZOO_CACHE_LIMIT"):
        run(models[2], folder)


def test_an_entry_in_work_is_not_deleted(folder: Path) -> None:
    run(network(), folder)
    (listed,) = entries()
    entry = Entry(features_root(), {}, count=1, row_bytes=4)
    entry.folder = listed.folder
    with entry.locked():
        assert not remove(listed)
    assert remove(listed)
    assert entries() == []


def test_a_full_disk_is_one_clear_error_and_finished_shards_stay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.features.cache._MOST_ROWS", 32)
    written = []

    def full(path: Path, data: bytes) -> None:
        written.append(path.name)
        if len(written) > 2:
            raise OSError(28, "No space left on device")
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr("zoo.features.cache.write_whole", full)
        with pytest.raises(OptionError, match=r"No space left on device.*cache=False"):
            run(network(), folder)
    assert run(network(), folder).computed in (37, 38)  # one shard of 32 places was kept


# -- other processes --------------------------------------------------------------------------------------------------

OTHERS = pytest.mark.tensorflow("the pool and ONNX Runtime compute networks of this backend only")
ENGINES = ("keras", pytest.param("onnx", marks=OTHERS), pytest.param("pool", marks=OTHERS))

WORKER = """
import sys, time
import numpy as np
sys.path[:0] = {tests!r}
import zoo.features.cache as cache
from test_cache import network, run
from pathlib import Path
cache._MOST_ROWS = 32
write = cache.Entry.write
def slow(*arguments):
    print("shard", flush=True)
    time.sleep({pause})
    write(*arguments)
cache.Entry.write = slow
found = run(network(), Path({folder!r}), engine={engine!r})
np.save({out!r}, found.values)
print("computed", found.computed, flush=True)
"""


def worker(folder: Path, out: Path, engine: str, pause: float = 0.0) -> subprocess.Popen[str]:
    tests = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    program = WORKER.format(tests=tests, folder=str(folder), out=str(out), pause=pause, engine=engine)
    # What is temporary lies below the test's own folder: its path tells the processes of this test.
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(out.parent)}
    )


def killed_round(folder: Path, tmp_path: Path, engine: str, shards: int, delay: float, expected: np.ndarray) -> None:
    """Kill an extraction at one of its shards, go on in this process, and compare with one that was left alone."""
    root = features_root()
    shutil.rmtree(root, ignore_errors=True)
    process = worker(folder, tmp_path / "killed.npy", engine, pause=0.05)
    assert process.stdout is not None
    for _ in range(shards):
        assert process.stdout.readline() == "shard\n"
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    receipts = [json.loads(path.read_text()) for path in root.glob("*/[0-9]*.json")]
    assert shards - 1 <= len(receipts) <= shards + 1
    again = run(network(), folder, engine=engine)
    assert again.computed == 69 - sum(receipt["rows"] for receipt in receipts)  # nothing finished is computed again
    assert len(entries()) == 1
    np.testing.assert_array_equal(again.values, expected)
    ours = [path for path in Path("/proc").glob("[0-9]*/cmdline") if f"{tmp_path}/zoo-pool" in _text(path)]
    assert ours == []


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_kill_costs_at_most_the_shards_in_work(
    folder: Path, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.features.cache._MOST_ROWS", 32)
    expected = run(network(), folder, engine=engine, cache=False).values
    for shards in (1, 2, 3):
        killed_round(folder, tmp_path, engine, shards, 0.02, expected)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ENGINES)
def test_many_kills(folder: Path, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.features.cache._MOST_ROWS", 32)
    expected = run(network(), folder, engine=engine, cache=False).values
    random = np.random.default_rng(0)
    for _ in range(25):
        killed_round(folder, tmp_path, engine, int(random.integers(1, 4)), float(random.uniform(0, 0.1)), expected)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_two_processes_fill_one_entry_together(folder: Path, tmp_path: Path, engine: str) -> None:
    pair = [worker(folder, tmp_path / f"{number}.npy", engine, pause=0.1) for number in range(2)]
    told = [process.communicate()[0].split()[-1] for process in pair]
    assert all(process.returncode == 0 for process in pair)
    assert sorted(map(int, told)) == [0, 69]
    np.testing.assert_array_equal(np.load(tmp_path / "0.npy"), np.load(tmp_path / "1.npy"))


# -- in a fit ---------------------------------------------------------------------------------------------------------


def test_a_second_fit_with_another_split_and_head_uses_them(few_flowers: Path) -> None:
    import zoo

    first = tiny_model(zoo.classifier(few_flowers))
    one = first.fit(few_flowers, test=0.2)
    assert one.phases[0]["computed"] == one.phases[0]["images"] == 60
    second = tiny_model(zoo.classifier(few_flowers, head="mlp"))
    two = second.fit(few_flowers, recipe="head", epochs=2, seed=5)
    assert two.phases[0]["computed"] == 0
    again = first.fit(few_flowers, test=0.2)
    assert again.phases[0]["computed"] == 0
    assert again.validation.log_loss == one.validation.log_loss
    served = first.evaluate(load(few_flowers))
    assert served.count == 60
    assert first.fit(few_flowers, cache=False).phases[0]["computed"] == 60
    assert json.loads((again.directory / "run.json").read_text())["phases"][0]["computed"] == 0


def test_after_fine_tuning_the_features_are_others(few_flowers: Path) -> None:
    import zoo

    model = tiny_model(zoo.classifier(few_flowers))
    model.fit(few_flowers)
    model.fit(few_flowers, recipe="lp-ft", epochs=1)
    assert model.fit(few_flowers).phases[0]["computed"] == 60  # the base has moved
    model.reset()
    assert model.fit(few_flowers).phases[0]["computed"] == 0
