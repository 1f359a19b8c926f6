"""Every engine keeps one contract: Keras's features, in order, the same bits again, whoever is killed or late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import Arrays, Dataset, ImageFiles, batches, concatenate
from zoo.data.parcel import cannot_travel, pack, unpack
from zoo.errors import EngineError, OptionError
from zoo.features import extract
from zoo.features.cache import Entry, entries
from zoo.features.engines import Answer, InProcess, Job, Task, choice, onnx_runtime, pool
from zoo.features.engines.choice import ENGINES, by_name, fastest
from zoo.registry import ZooNotice
from zoo.specs import ResizeRule
from zoo_vision.intake import ImageIntake

RULE = ResizeRule()
SIZE = 32
INTAKE = ImageIntake(size=SIZE, rule=RULE)
TOLERANCE = {"keras": 1e-6, "pool": 1e-5, "onnx": 1e-5}
"""Largest difference from plain Keras, as a share of the largest feature."""

OTHERS = pytest.mark.tensorflow("the pool and ONNX Runtime compute networks of this backend only")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred and seven small pictures; number 5 is damaged, and so are all from 64 to 95."""
    root = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(107):
        path = root / f"{number:03d}.png"
        Image.fromarray(random.integers(0, 256, (40, 50, 3)).astype(np.uint8)).save(path)
        if number == 5 or 64 <= number < 96:
            path.write_bytes(path.read_bytes()[:700])
    return root


GOOD = np.array([number for number in range(107) if number != 5 and not 64 <= number < 96])


def network(seed: int = 0):
    import keras

    pixels = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 64, offset=-2)(pixels)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def expected(model, folder: Path) -> np.ndarray:
    """What plain `keras predict` gives for the readable pictures."""
    data = ImageFiles.from_folder(folder)
    pixels = np.concatenate([batch.arrays for batch in batches(data, GOOD, intake=INTAKE)])
    return model.predict(pixels.astype(np.float32), verbose=0)


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def told(answers: list[Answer]) -> dict[int, Answer]:
    return {answer.shard: answer for answer in answers}


# -- the contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "keras" else OTHERS) for name in ENGINES])
def test_every_engine_gives_keras_features_shard_by_shard(name: str, model, folder: Path, expected) -> None:
    data = ImageFiles.from_folder(folder)
    job = Job(model, data, INTAKE)
    bounds = [(0, 32), (32, 64), (64, 64), (64, 96), (96, 107)]  # the third is empty, the fourth unreadable
    tasks = [Task(number, range(*bound)) for number, bound in enumerate(bounds)]
    again = [Task(10 + number, range(*bound)) for number, bound in enumerate(bounds[:4])]
    engine, done = ENGINES[name](), []
    assert engine.refuses(job) == ""
    with closing(engine.run(job, [*again[::-1], *tasks], done.append)) as running:
        found = told(list(running))
    assert sorted(found) == [0, 1, 2, 3, 4, 10, 11, 12, 13]
    assert sum(done) == 107 + 96
    values = np.concatenate([found[number].values for number in range(5)])
    positions = np.concatenate([found[number].positions for number in range(5)])
    np.testing.assert_array_equal(positions, GOOD)
    assert values.dtype == np.float32
    assert apart(values[::-1], expected) > 1e-3  # in another order it would show
    assert apart(values, expected) < TOLERANCE[name]
    assert [len(found[number].values) for number in range(5)] == [31, 32, 0, 0, 11]
    assert found[2].values.shape == found[3].values.shape == (0, 16)
    assert [number for number, _ in found[3].skipped] == list(range(64, 96))
    assert [number for number, _ in found[0].skipped] == [5]
    assert "truncated" in found[0].skipped[0][1]
    for number in range(4):  # the same task, at another time, in the pool perhaps in another process
        np.testing.assert_array_equal(found[number].values, found[10 + number].values)
        assert found[number].skipped == found[10 + number].skipped


@pytest.mark.parametrize(
    "name", ["keras", pytest.param("onnx", marks=OTHERS), pytest.param("pool", marks=[pytest.mark.slow, OTHERS])]
)
def test_what_an_engine_computed_is_kept_under_its_own_key(
    name: str, model, folder: Path, expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.features.cache._MOST_ROWS", 32)
    monkeypatch.setenv("ZOO_ENGINE", name)
    data = ImageFiles.from_folder(folder)
    order = np.random.default_rng(1).permutation(107)
    seen = []

    def run(**options):
        settings = {"intake": INTAKE, "cache": True, "progress": lambda *done: seen.append(done)} | options
        return extract(model, data, order, **settings)

    first, second = run(), run()
    assert (first.computed, second.computed) == (len(GOOD), 0)
    np.testing.assert_array_equal(second.values, first.values)
    np.testing.assert_array_equal(first.positions, [number for number in order if number in GOOD])
    assert apart(first.of(GOOD), expected) < TOLERANCE[name]
    assert len(first.skipped) == 33
    assert seen[-1] == (107, 107)
    assert seen == sorted(seen)
    if name == "keras":
        return
    assert run(engine="keras").computed == len(GOOD)  # another engine is a miss
    assert run(engine="auto").computed == 0  # whichever is kept
    assert len(entries()) == 2
    # A shard that is lost is the only one computed again.
    (entry,) = (entry for entry in entries() if entry.name == first.entry)
    (entry.folder / "entry.json").unlink()
    (entry.folder / "00001.json").unlink()
    before = first.values.copy()
    third = run()
    assert third.computed == len(first.parts[1])
    np.testing.assert_array_equal(third.values, before)


def test_an_answer_that_comes_twice_counts_once(model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Twice(InProcess):
        identity = "twice"

        def run(self, job, tasks, tell):
            for answer in super().run(job, tasks, tell):
                yield answer
                yield answer

    monkeypatch.setattr("zoo.features.cache._MOST_ROWS", 32)
    monkeypatch.setattr("zoo.features.extraction.by_name", lambda asked, job: Twice())
    data = ImageFiles.from_folder(folder)
    found = extract(model, data, np.arange(107), intake=INTAKE, cache=True)
    assert found.computed == len(found) == len(GOOD)
    monkeypatch.undo()
    np.testing.assert_array_equal(found.values, extract(model, data, np.arange(107), intake=INTAKE).values)


# -- how images travel to other processes -----------------------------------------------------------------------------


def test_files_arrays_and_both_joined_arrive_as_they_were(folder: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    files = ImageFiles.from_folder(folder).subset([3, 5, 0])
    gray = Arrays(random.integers(0, 256, (4, 9, 7)).astype(np.uint8))
    mixed = Arrays([random.uniform(0, 255, (5, 6 + n, 3)) for n in range(3)])
    data = concatenate(concatenate(files, gray).subset([6, 0, 2]), mixed).subset([5, 1, 0, 2, 3])
    assert cannot_travel(data) == ""
    pack(data, tmp_path)
    found = unpack(tmp_path)
    assert found.ids == data.ids
    for index in range(5):
        np.testing.assert_array_equal(found.image(index), data.image(index))
    found.image(0)[:] = 0  # an array of the caller's own
    np.testing.assert_array_equal(found.image(0), data.image(0))


@OTHERS
def test_datasets_and_networks_with_code_of_their_own_stay_with_keras(folder: Path) -> None:
    import keras

    class Dark(ImageFiles):
        def read(self, row: int) -> np.ndarray:
            return 255 - super().read(row)

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    pixels = keras.Input((SIZE, SIZE, 3))
    own = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(Own()(pixels)))
    plain, dark = ImageFiles.from_folder(folder), Dark.from_folder(folder)
    half = keras.Model(pixels, keras.layers.Conv2D(2, 3, dtype="mixed_bfloat16")(pixels))
    assert "Dark" in cannot_travel(concatenate(plain, dark))
    for name, job in (
        ("pool", Job(network(), dark, INTAKE)),
        ("onnx", Job(own, plain, INTAKE)),
        ("onnx", Job(half, plain, INTAKE)),
        ("pool", Job(network(), plain, INTAKE, lambda pixels, number: pixels)),
    ):
        with pytest.warns(ZooNotice, match="come from Keras in this process"):
            assert isinstance(by_name(name, job), InProcess)
        assert isinstance(fastest(Job(own, dark, INTAKE)), InProcess)


# -- the pool, with workers that compute nothing ----------------------------------------------------------------------

CREW = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from zoo.features.engines import worker
from zoo.features.engines.interface import Answer
import json, numpy as np
folder, deeds = Path(sys.argv[1]), json.loads(sys.argv[2])
(folder / ("pid%d" % os.getpid())).touch()
out = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
import threading, queue
orders = queue.Queue()
threading.Thread(target=worker._listen, args=(orders, folder), daemon=True).start()
if "start" in deeds:
    sys.exit("no memory to start")
out.write(worker.READY); out.flush()
def first(shard):
    try:
        (folder / ("done%d" % shard)).touch(exist_ok=False)
        return True
    except FileExistsError:
        return False
while True:
    task = orders.get()
    deed = deeds.get(str(task.shard))
    answer = Answer(task.shard, np.full((len(task.members), 2), task.shard, np.float32), np.array(task.members), ())
    if deed == "die" or (deed == "die once" and first(task.shard)):
        print("no memory", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "half" and first(task.shard):
        out.write(b'{{"shard": 1, "shape": [32, 2], "positions": [], "skipped": []}}\\n1234'); out.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "stop" and first(task.shard):
        os.kill(os.getpid(), signal.SIGSTOP)
    if deed == "sleep":
        time.sleep(600)
    worker.send(out, answer)
    if deed == "twice":
        worker.send(out, answer)
"""

TASKS = [Task(number, range(32 * number, 32 * number + 32)) for number in range(5)]


def crew(folder: Path, deeds: dict[str, str]):
    program = CREW.format(root=str(Path(pool.__file__).parents[3]))
    return pool.answers(
        [sys.executable, "-c", program, str(folder), json.dumps(deeds)], folder, TASKS, 2, lambda n: None
    )


def running(folder: Path) -> list[int]:
    """Processes with the folder on their command line, zombies not counted."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (path / "cmdline").read_bytes() and path.name != str(os.getpid()):
                found.append(int(path.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("deeds", [{"1": "die once", "3": "die once"}, {"1": "half"}, {"2": "stop"}, {"0": "twice"}])
def test_whoever_is_killed_or_late_is_stood_in_for(
    deeds: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_PATIENCE", 5.0)
    found = [(answer.shard, answer.values) for answer in crew(tmp_path, deeds)]
    assert sorted(shard for shard, _ in found) == [0, 1, 2, 3, 4]
    for shard, values in found:
        np.testing.assert_array_equal(values, np.full((32, 2), shard, np.float32))
    if "stop" in deeds.values():
        assert found[-1][0] == 2  # it held nobody up
    assert running(tmp_path) == []


def test_a_shard_that_kills_every_worker_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"3 workers .* over shard 1 .*no memory.*ZOO_ENGINE=keras"):
        list(crew(tmp_path, {"1": "die"}))
    assert running(tmp_path) == []
    with pytest.raises(EngineError, match=r"before it began to work.*no memory to start"):
        list(crew(tmp_path, {"start": "die"}))
    assert running(tmp_path) == []


def test_no_worker_outlives_its_driver(tmp_path: Path) -> None:
    """An iterator that is closed, Ctrl-C, and kill -9."""
    busy = dict.fromkeys(map(str, range(1, 5)), "sleep")
    answers = crew(tmp_path, busy)
    next(answers)
    assert running(tmp_path)
    answers.close()
    assert running(tmp_path) == []
    program = "\n".join(
        (
            f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}",
            "from pathlib import Path; from test_engines import crew",
            f"[print('one', flush=True) for _ in crew(Path({str(tmp_path / 'crew')!r}), {busy!r})]",
        )
    )
    for number in (signal.SIGINT, signal.SIGKILL):
        (tmp_path / "crew").mkdir(exist_ok=True)
        driver = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert driver.stdout is not None
        driver.stdout.readline()
        driver.send_signal(number)
        driver.wait(30)
        driver.stdout.close()
        deadline = time.monotonic() + 20
        while running(tmp_path / "crew") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert running(tmp_path / "crew") == []
    assert not (tmp_path / "crew").exists()  # orphans cleared up before they ended


# -- ONNX Runtime -----------------------------------------------------------------------------------------------------


@OTHERS
def test_a_network_is_converted_once_and_again_when_the_file_is_damaged(
    model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ImageFiles.from_folder(folder)
    conversions, comparisons = [], []
    convert, compare = onnx_runtime._convert, onnx_runtime._compare
    monkeypatch.setattr(onnx_runtime, "_convert", lambda model: conversions.append(1) or convert(model))
    monkeypatch.setattr(onnx_runtime, "_compare", lambda *args: comparisons.append(1) or compare(*args))

    def run():
        return extract(model, data, np.arange(60), intake=INTAKE, engine="onnx").values

    first = run()
    np.testing.assert_array_equal(run(), first)
    assert (len(conversions), len(comparisons)) == (1, 1)
    (file,) = Path(os.environ["ZOO_CACHE_DIR"]).glob("onnx/*.onnx")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    np.testing.assert_array_equal(run(), first)
    assert (len(conversions), len(comparisons)) == (2, 2)
    # Another network under the digest of this one, on another machine: found out by comparing with Keras.
    monkeypatch.setattr(onnx_runtime.platform, "node", lambda: "elsewhere")
    monkeypatch.setattr(onnx_runtime, "_converted", lambda job, identity: convert(network(seed=1)))
    with pytest.raises(EngineError, match=r"gives other features than Keras.*ZOO_ENGINE=keras"):
        run()
    monkeypatch.setattr(onnx_runtime, "_converted", lambda job, identity: b"no network")
    with pytest.raises(EngineError, match="cannot be run by ONNX Runtime"):
        run()


# -- the choice -------------------------------------------------------------------------------------------------------


def test_asking_for_what_is_not_there(model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(model, ImageFiles.from_folder(folder), INTAKE)
    monkeypatch.setenv("ZOO_ENGINE", "ray")
    with pytest.raises(OptionError, match="keras, pool, onnx, auto"):
        extract(model, job.dataset, np.arange(3), intake=INTAKE)
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda name: None)
    with pytest.raises(OptionError, match="pip install onnxruntime"):
        by_name("onnx", job)


class Timed(InProcess):
    """Keras with a delay per image, in seconds, and an error in its numbers."""

    identity = ""

    def __init__(self, name: str, delay: float, error: float) -> None:
        self.identity, self.delay, self.error = name, delay, error

    def run(self, job, tasks, tell):
        for answer in super().run(job, tasks, tell):
            time.sleep(self.delay * len(answer.positions))
            yield Answer(answer.shard, answer.values * (1 + self.error), answer.positions, answer.skipped)


def test_auto_takes_the_clearly_faster_engine_whose_features_agree(
    model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ImageFiles.from_folder(folder).subset(GOOD[:64])

    def chosen(delays: dict[str, tuple[float, float]]) -> str:
        made = {name: (lambda name=name, spec=spec: Timed(name, *spec)) for name, spec in delays.items()}
        monkeypatch.setattr(choice, "ENGINES", made)
        return fastest(Job(model, data, INTAKE)).identity

    slow = (0.02, 0.0)
    assert chosen({"keras": slow, "a": (0.0, 0.0)}) == "keras"  # 64 small images: nothing to gain, nothing is tried
    assert not list(Path(os.environ["ZOO_CACHE_DIR"]).glob("latency/engines-*"))
    monkeypatch.setattr(choice, "WORTH", 0.0)
    monkeypatch.setattr(choice, "CLEARLY", 0.5)  # far from each other, so that a busy machine changes nothing
    assert chosen({"keras": slow, "b": (0.0, 0.0)}) == "b"
    assert chosen({"keras": slow, "c": (0.0, 1e-3)}) == "keras"  # other numbers
    assert chosen({"keras": slow, "d": (0.015, 0.0)}) == "keras"  # hardly faster
    records = [json.loads(path.read_text()) for path in Path(os.environ["ZOO_CACHE_DIR"]).glob("latency/engines-*")]
    assert sorted(name for record in records for name in record if name != "keras") == ["b", "c", "d"]
    # Measured once: another b that is slow now is not looked at again.
    assert chosen({"keras": slow, "b": (0.05, 0.0)}) == "b"


@OTHERS
def test_auto_goes_on_with_what_was_begun(model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.features.cache._MOST_ROWS", 32)
    data = ImageFiles.from_folder(folder)

    def run(engine: str):
        return extract(model, data, np.arange(60), intake=INTAKE, cache=True, engine=engine)

    whole = run("onnx")
    folder_of_entry = next(entry.folder for entry in entries() if entry.name == whole.entry)
    (folder_of_entry / "entry.json").unlink()
    (folder_of_entry / "00000.json").unlink()
    again = run("auto")
    assert again.entry == whole.entry
    assert again.computed == 31
    assert Entry(folder_of_entry.parent, {}, count=1, row_bytes=4).started == 0


@OTHERS
def test_data_sets_of_plugins_read_in_the_driver_all_the_same(model, folder: Path) -> None:
    class Own(Dataset):
        def read(self, row: int) -> np.ndarray:
            return np.full((40, 50, 3), row, np.uint8)

    data = Own("own", ids=[str(number) for number in range(3)])
    with pytest.warns(ZooNotice, match="Own reads its images with code of its own"):
        found = extract(model, data, np.arange(3), intake=INTAKE, engine="pool")
    np.testing.assert_array_equal(found.values, extract(model, data, np.arange(3), intake=INTAKE).values)
