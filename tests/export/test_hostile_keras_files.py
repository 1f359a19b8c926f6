"""zoo.load on files that nobody vouches for: an error of zoo or a model, little memory, no code."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers.mutation import flipped, members_of, mutated_json, zipped

import zoo
from zoo.errors import OptionError, UnsafeFileError, ZooError
from zoo.testing.tiny import tiny_backbone

QUICK, SLOW, FULL = 120, 800, 5_000


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = zoo.build(tiny_backbone(), zoo.classifier(["a", "b"]), preprocessing=None)
    return model.save(tmp_path_factory.mktemp("good") / "m.keras")


@pytest.fixture(scope="module")
def members(good: Path) -> dict[str, bytes]:
    return members_of(good.read_bytes())


def changed(members: dict[str, bytes], path: Path, **changes: Any) -> Path:
    """A file with some members replaced: `config=`, `record=` as JSON values, others as bytes."""
    names = {"config": "config.json", "record": "zoo.json", "weights": "model.weights.h5", "metadata": "metadata.json"}
    content = {
        names.get(key, key): value if isinstance(value, bytes) else json.dumps(value).encode()
        for key, value in changes.items()
    }
    path.write_bytes(zipped({**members, **content}))
    return path


def with_layer(members: dict[str, bytes], path: Path, layer: dict[str, Any]) -> Path:
    """The file of a model whose one Dense layer is replaced by what another node says."""
    x = keras.Input((8,))
    config = json.loads(keras.Model(x, keras.layers.Dense(2)(x)).to_json())
    entry = next(item for item in config["config"]["layers"] if item["class_name"] == "Dense")
    entry.pop("build_config", None)
    entry.update(layer)
    return changed(members, path, config=config)


def node(name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {
        "class_name": name,
        "module": module,
        "registered_name": None,
        "config": {"name": "x", "trainable": True, "dtype": "float32", **config},
    }


def value(kind: str, content: Any, dtype: str | None = None) -> dict[str, Any]:
    return {"class_name": kind, "config": {"value": content, "dtype": dtype}}


def function(name: str, module: str | None) -> dict[str, Any]:
    return {"class_name": "function", "config": name, "module": module, "registered_name": name}


# -- anything at random -----------------------------------------------------------------------------------------------


def damage(members: dict[str, bytes], whole: bytes, rng: np.random.Generator) -> bytes:
    """One of the ways a file goes wrong; members are damaged with their checksums put right."""
    config, record = json.loads(members["config.json"]), json.loads(members["zoo.json"])
    match int(rng.integers(6)):
        case 0:
            return flipped(whole, rng)
        case 1 | 2:
            return zipped({**members, "config.json": json.dumps(mutated_json(config, rng)).encode()})
        case 3:
            return zipped({**members, "zoo.json": json.dumps(mutated_json(record, rng)).encode()})
        case 4:
            return zipped({**members, "model.weights.h5": flipped(members["model.weights.h5"], rng)})
        case _:
            name = list(members)[int(rng.integers(4))]
            return zipped({**members, name: flipped(members[name], rng)}, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    "count", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow), pytest.param(FULL, marks=pytest.mark.soak)]
)
def test_damaged_files_give_errors_of_zoo(count: int, good: Path, members: dict[str, bytes], tmp_path: Path) -> None:
    rng, whole, path = np.random.default_rng(13), good.read_bytes(), tmp_path / "m.keras"
    refused = longest = 0
    for _ in range(count):
        path.write_bytes(damage(members, whole, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                zoo.load(path)
        except ZooError as error:
            refused += 1
            longest = max(longest, len(str(error)))
        keras.utils.clear_session(free_memory=False)
    assert refused > count * 0.6
    assert longest < 2000
    assert zoo.load(good).labels == ("a", "b")


# -- bombs ------------------------------------------------------------------------------------------------------------

CHILD = """
import resource, sys
import keras, zoo
for path in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try: zoo.load(path); said = "LOADED"
    except Exception as error: said = type(error).__name__
    print(path.rpartition("/")[2], said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, sep="|")
"""


def blanks(members: dict[str, bytes], path: Path, name: str) -> Path:
    """A member behind 300 MB of blanks, which fold to 300 KB."""
    with zipfile.ZipFile(path, "w") as archive:
        for other, data in members.items():
            kind = zipfile.ZIP_DEFLATED if other == name else zipfile.ZIP_STORED
            archive.writestr(other, b" " * (300 << 20) + data if other == name else data, kind)
    return path


def h5_bomb(members: dict[str, bytes], path: Path) -> Path:
    """Numbers that the file does not hold: chunks that were never written."""
    import h5py

    weights = path.with_suffix(".h5")
    weights.write_bytes(members["model.weights.h5"])
    with h5py.File(weights, "a") as file:
        name = next(name for name in _datasets(file) if file[name].ndim == 2)
        del file[name]
        file.create_dataset(name, (40_000, 40_000), "<f4", chunks=(1000, 1000))
    return changed(members, path, weights=weights.read_bytes())


def _datasets(file: Any) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names


WIDE = {
    "einsum": node("EinsumDense", equation="abc,cd->abd", output_shape=[None, 2_000_000_000]),
    "dense": node("Dense", units=2_000_000_000),
    "conv": node("Conv2D", filters=1_000_000, kernel_size=[32, 32]),
    "embedding": node("Embedding", input_dim=1_000_000, output_dim=1_000_000),
    "lstm": node("LSTM", units=1_000_000),
    "attention": node("MultiHeadAttention", num_heads=100_000, key_dim=100_000),
    "normalization": node("Dense", units=900_000),
    "spectrogram": node("STFTSpectrogram", frame_length=10**6, frame_step=1, fft_length=1 << 22),
    "constant": node("Dense", units=3, kernel_initializer=value("__numpy__", ["x"] * 100, "U99999999")),
}


def test_bombs_are_refused_with_little_memory(members: dict[str, bytes], tmp_path: Path) -> None:
    bombs = [with_layer(members, tmp_path / name, layer) for name, layer in WIDE.items()]
    bombs += [blanks(members, tmp_path / f"blanks in {name}", name) for name in members]
    bombs.append(h5_bomb(members, tmp_path / "chunks"))
    done = subprocess.run([sys.executable, "-c", CHILD, *bombs], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        name, said, grown = line.split("|")
        assert said == "UnsafeFileError", name
        assert int(grown) < 400, name
    assert len(done.stdout.splitlines()) == len(bombs)


def test_a_refused_bomb_leaves_nothing_to_initialize(members: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError):
        zoo.load(with_layer(members, tmp_path / "m.keras", WIDE["conv"]))
    with keras.StatelessScope():
        pass  # Keras makes the weights of what is left over: 4 TB


@pytest.mark.parametrize("what", ["short values", "depth", "deep record"])
def test_json_that_swells_is_refused(what: str, members: dict[str, bytes], tmp_path: Path) -> None:
    text = {
        "short values": {"config": b"[" + b"{}," * 3_000_000 + b"{}]"},
        "depth": {"config": b"[" * 100_000 + b"]" * 100_000},
        "deep record": {"record": b'{"zoo_file": 1, "outputs": ' + b"[" * 500 + b"]" * 500 + b"}"},
    }[what]
    with pytest.raises(UnsafeFileError, match=r"values|deep|JSON"):
        zoo.load(changed(members, tmp_path / "m.keras", **text))


# -- the archive ------------------------------------------------------------------------------------------------------


def test_archives_that_are_not_plain_are_refused(good: Path, members: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "m.keras"

    def refused(message: str) -> None:
        with pytest.raises(UnsafeFileError, match=message):
            zoo.load(path)

    path.write_bytes(zipped({**members, "assets/../../x": b"outside"}))
    refused("not a model that zoo wrote")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "w") as archive:
            for name in [*members, "config.json"]:
                archive.writestr(name, members[name])
    refused("twice")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    refused("unusual")
    whole = bytearray(good.read_bytes())
    entry = whole.index(b"PK\x01\x02")
    for offset, field, message in (
        (8, b"\x01\x00", "encrypted"),
        (24, b"\xf0\xff\xff\xff", "unfolds"),
        (42, b"\x07\x00\x00\x00", "share|damaged"),
    ):
        broken = whole[: entry + offset] + field + whole[entry + offset + len(field) :]
        path.write_bytes(broken)
        refused(message)
    path.write_bytes(b"")
    refused("damaged")
    with pytest.raises(OptionError, match="no model file"):
        zoo.load(tmp_path)


def test_a_long_list_of_members_is_refused_unread(members: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(zipped({**members, **{f"{index:050}": b"" for index in range(20_000)}}))
    with pytest.raises(UnsafeFileError, match="list of members"):
        zoo.load(path)


# -- names of classes -------------------------------------------------------------------------------------------------

STRINGS = "keras.src.layers.preprocessing.string_lookup"

CODE = {
    "Lambda": node("Lambda", function="x"),
    "__lambda__": node("Activation", activation=value("__lambda__", "x")),
    "TFSMLayer": node("TFSMLayer", filepath="/tmp/x", call_endpoint="serve"),
    "TFSMLayer by its module": node("TFSMLayer", "keras.src.export.tfsm_layer", filepath="/tmp/x"),
    "TFSMLayer by another door": node("TFSMLayer", "keras._tf_keras.keras.layers", filepath="/tmp/x"),
    "TFSMLayer by its export": node("TFSMLayer", "keras.export", filepath="/tmp/x"),
    "TorchModuleWrapper": node("TorchModuleWrapper", module="x"),
    "JaxLayer": node("JaxLayer", call_fn="x"),
    "a file of words": node("StringLookup", vocabulary="/etc/passwd"),
    "an address of words": node("TextVectorization", vocabulary="http://127.0.0.1/words"),
    "a file of numbers": node("IntegerLookup", vocabulary="/etc/passwd"),
    "a file of words by its module": node("StringLookup", STRINGS, vocabulary="/etc/passwd"),
    "a file of words inside": node("TimeDistributed", layer=node("StringLookup", vocabulary="/etc/passwd")),
    "a file of words in disguise": node("StringLookup", vocabulary=value("__bytes__", "/etc/passwd")),
    "a function that writes": node("Activation", activation=function("save_model", "keras.saving")),
    "a function of Python": node("Activation", activation=function("exec", "builtins")),
    "a setting": node("Activation", activation=function("enable_unsafe_deserialization", "keras.config")),
    "a process": node("Popen", "subprocess", args=["true"]),
    "a model of keras_hub": node("BertTokenizer", "keras_hub.models", vocabulary="/etc/passwd"),
    "an optimizer": node("Adam", "keras.optimizers"),
    "no module": node("Dense", None, units=2),
    "a class that is a list": {**node("Dense", units=2), "class_name": ["Dense"]},
    "a type of TensorFlow": node("Activation", activation=value("__typespec__", [])),
}


@pytest.mark.parametrize("unsafe", [False, True], ids=["safe", "unsafe allowed"])
@pytest.mark.parametrize("what", CODE)
def test_what_runs_or_reads_is_refused_whatever_keras_allows(
    what: str, unsafe: bool, members: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.backend.common import global_state

    path = with_layer(members, tmp_path / "m.keras", CODE[what])
    if unsafe:
        keras.config.enable_unsafe_deserialization()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(keras.saving, "deserialize_keras_object", lambda *_, **__: pytest.fail("it reached Keras"))
            with pytest.raises(UnsafeFileError, match="is not loaded"):
                zoo.load(path)
    finally:
        global_state.set_global_attribute("safe_mode_saving", True)


def test_what_keras_writes_for_a_layer_is_allowed() -> None:
    """Every class of the list is what Keras resolves the name to, and activations, operations and values pass."""
    from keras.src.saving import serialization_lib

    from zoo.export import known_classes
    from zoo.export.config_check import check_config

    for module, names in known_classes._NAMES.items():
        for name in names:
            same = serialization_lib._retrieve_class_or_fn(name, None, module, "class", {}, {})
            assert known_classes.keras_class(module, name) is same, (module, name)
    x = keras.Input((4, 4, 3))
    y = keras.layers.Conv2D(4, 1, activation=keras.activations.silu, kernel_regularizer="l2")(x * 2 + 1)
    y = keras.ops.relu(keras.layers.Activation("gelu")(y))
    y = keras.layers.Normalization(mean=np.zeros(4), variance=np.ones(4))(y)
    model = keras.Model(x, keras.layers.Dense(2, dtype="mixed_bfloat16", kernel_constraint="non_neg")(y))
    assert check_config(json.loads(model.to_json())) is False


def test_layers_that_this_process_registered_are_loaded(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("hostile_files")
    class ByHand(keras.layers.Layer):
        """Makes its variable from an array, which Keras cannot do without memory."""

        def build(self, shape: Any) -> None:
            self.factor = keras.Variable(np.float32(3))

        def call(self, x: Any) -> Any:
            return self.factor * x

    x = keras.Input((32, 32, 3))
    model = zoo.build(keras.Model(x, ByHand()(x)), zoo.classifier(["a", "b"]), preprocessing=None)
    with pytest.warns(UserWarning, match="needs code"):
        path = model.save(tmp_path / "m.keras")
    photo = np.full((1, 32, 32, 3), 9, np.uint8)
    np.testing.assert_array_equal(zoo.load(path).keras_model(photo), model.keras_model(photo))
