"""An exported ONNX file made by hand: which color a picture has. Made in milliseconds, without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zoo.export.formats import Cargo
from zoo.export.formats.onnx_format import Onnx

LABELS = ("red", "green", "blue")
SIZE = 8


def scores(batch: np.ndarray) -> np.ndarray:
    """What the file answers: softmax of the mean colors, divided by 32."""
    logits = batch.astype(np.float32).mean(axis=(1, 2)) / 32
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def record() -> dict[str, Any]:
    return {
        "schema_version": 2,
        "zoo": "0.1.0",
        "outputs": [{"name": "answer", "task": "classification", "labels": list(LABELS), "weight": 1.0}],
        "intake": {
            "kind": "image",
            "size": SIZE,
            "rule": {"mode": "stretch", "crop_fraction": 1.0, "interpolation": "bilinear"},
            "channels": 3,
        },
        "identity": {"backbone": "tiny", "provider": "the tests", "weights": "given", "features": "avg"},
        "head_state": "fitted",
        "export": {"input_dtype": "uint8", "tolerance": 1e-4},
    }


def tiny_onnx(path: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["pixels"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["means", "scale"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["answers"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colors",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor("scale", TensorProto.FLOAT, [], [32.0])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    inputs = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3)).astype(np.uint8)
    Onnx().attach(path, Cargo(record(), "# colors", inputs, scores(inputs)))
    return path
