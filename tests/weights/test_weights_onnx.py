"""ONNX files as weights: the initializers, and what is wrong with a file as one kind of error."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from zoo.errors import UnsafeFileError, WeightsError
from zoo.weights.formats import format_of, onnx_file

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def written(path, *tensors):
    graph = onnx.helper.make_graph([], "graph", [], [], initializer=list(tensors))
    onnx.save(onnx.helper.make_model(graph, producer_name="tests"), path)
    return path


def test_initializers_are_read(tmp_path):
    half = onnx.numpy_helper.from_array(VALUES.astype(np.float16), "half")
    listed = onnx.helper.make_tensor("listed", onnx.TensorProto.FLOAT, (2, 3), VALUES.ravel().tolist())
    path = written(tmp_path / "two.onnx", half, listed)
    arrays = onnx_file.read(path)
    assert list(arrays) == ["half", "listed"]
    assert all(np.array_equal(array, VALUES) for array in arrays.values())
    assert format_of(path) == "onnx"


def test_no_more_is_read_than_there_is(tmp_path):
    tensor = onnx.numpy_helper.from_array(VALUES, "weight")
    larger = onnx.TensorProto()
    larger.CopyFrom(tensor)
    larger.dims[0] = 1 << 40
    with pytest.raises(UnsafeFileError, match="with less data"):
        onnx_file.read(written(tmp_path / "larger.onnx", larger))
    with pytest.raises(UnsafeFileError, match="twice"):
        onnx_file.read(written(tmp_path / "twice.onnx", tensor, tensor))
    outside = onnx.TensorProto(name="weight", data_type=onnx.TensorProto.FLOAT, dims=(2, 3))
    outside.data_location = onnx.TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="../../etc/passwd")
    with pytest.raises(UnsafeFileError, match="another file"):
        onnx_file.read(written(tmp_path / "outside.onnx", outside))
    words = onnx.helper.make_tensor("words", onnx.TensorProto.STRING, (1,), [b"text"])
    with pytest.raises(WeightsError, match="words"):
        onnx_file.read(written(tmp_path / "words.onnx", words))


def test_damaged_files(tmp_path):
    whole = written(tmp_path / "whole.onnx", onnx.numpy_helper.from_array(VALUES, "weight")).read_bytes()
    draw = np.random.default_rng(0)
    path = tmp_path / "damaged.onnx"
    for _ in range(200):
        content = bytearray(whole[: draw.integers(1, len(whole) + 1)])
        for place in draw.integers(0, len(content), 3):
            content[place] = draw.integers(256)
        path.write_bytes(content)
        try:
            onnx_file.read(path)
        except WeightsError:
            pass
        except UnsafeFileError:
            pass
    with pytest.raises(WeightsError, match="cannot open"):
        onnx_file.read(tmp_path / "none.onnx")
