"""Exports: written whole and checked, opened as models, replayed; what answers otherwise is never written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.plugins import install
from helpers.tiny import tiny_model

import zoo
from zoo.cli.main import main
from zoo.errors import EngineError, OptionError, PluginError, UnsafeFileError, UntrainedHeadError
from zoo.export.examples import drawn
from zoo.export.formats.onnx_format import Onnx
from zoo.export.listing import exports_of, fastest
from zoo.export.replaying import replay

pytestmark = pytest.mark.tensorflow("exports are written on the TensorFlow backend")

FILES = ("m.onnx", "m.tflite", "saved", "m.keras")


def opened(folder: Path, name: str) -> Any:
    return zoo.load(folder / name, trust=True)


@pytest.mark.parametrize("name", FILES)
def test_an_exported_file_answers_as_predict_does(
    name: str, trained: zoo.TransferModel, exported: Path, pictures: tuple[np.ndarray, np.ndarray], photo: Path
) -> None:
    model = opened(exported, name)
    raw = drawn((32, 32, 3), "uint8", 5, seed=3)
    expected = trained.predict_scores(raw)
    np.testing.assert_allclose(model.predict_scores(raw), expected, rtol=1e-4, atol=1e-5)
    swapped = model.predict_scores(raw[..., ::-1].copy())
    assert np.abs(swapped - expected).max() > 0.01  # the answers do depend on the pixels
    assert model.labels == trained.labels == ("left", "right", "mean")
    mine, answer = trained.predict(photo)[0], model.predict(str(photo))[0]
    assert answer.answers["side"].label == mine.answers["side"].label
    assert answer.answers["light"].values["mean"] == pytest.approx(mine.answers["light"].values["mean"], rel=1e-4)
    assert answer.source == mine.source


def test_evaluate_of_an_exported_file_is_that_of_the_model(
    trained: zoo.TransferModel, exported: Path, pictures: tuple[np.ndarray, np.ndarray]
) -> None:
    images, sides = pictures
    data = images, {"side": sides, "light": images.mean(axis=(1, 2, 3))}
    with pytest.warns(UserWarning, match="trained on"):
        expected = trained.evaluate(data)
    with pytest.warns(UserWarning, match="trained on"):
        measured = opened(exported, "m.onnx").evaluate(data)
    assert measured.answers["side"].accuracy == expected.answers["side"].accuracy
    np.testing.assert_allclose(measured.answers["light"].scores, expected.answers["light"].scores, rtol=1e-4)


def test_what_was_measured_is_on_record(exported: Path) -> None:
    rows = exports_of(exported)
    assert set(rows) == set(FILES)
    for name, row in rows.items():
        assert row["difference"] <= row["tolerance"] == 1e-4
        assert row["milliseconds"] > 0
        assert row["versions"]["keras"]
        assert row["input_dtype"] == ("float32" if name == "m.keras" else "uint8")
        assert row["same_top"] == row["examples"]
    assert rows["saved"]["encoded_difference"] < 0.05  # of a PNG, resized in TensorFlow
    assert not rows["saved"]["generated"]
    assert fastest(exported).name in ("m.onnx", "m.tflite")
    (exported / "m.onnx").stat()
    assert not list(exported.glob(".*"))  # nothing is left beside


def test_the_file_alone_says_its_labels(exported: Path) -> None:
    import onnx

    properties = {prop.key for prop in onnx.load(exported / "m.onnx").metadata_props}
    assert {"zoo.json", "README.md", "zoo_examples.npz"} <= properties
    with zipfile.ZipFile(exported / "m.tflite") as archive:
        assert archive.read("labels.txt").decode().split() == ["left", "right", "mean"]
    record = json.loads((exported / "saved" / "assets.extra" / "zoo.json").read_text())
    assert [output["name"] for output in record["outputs"]] == ["side", "light"]
    graph = onnx.load(exported / "m.onnx").graph
    assert [output.name for output in graph.output] == ["side", "light"]
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


@pytest.mark.parametrize("name", FILES[:3])
def test_examples_travel_and_are_replayed(name: str, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = opened(exported, name)
    result = replay(model)
    assert result.same
    assert result.examples == (1 if name == "saved" else 4)
    other = model.cargo.expected + np.float32(1.0)
    model.__dict__["cargo"] = type(model.cargo)(model.cargo.record, "", model.cargo.inputs, other)
    assert not replay(model).same  # it can fail
    assert main(["check", str(exported / name)]) == 0
    assert "the same answers" in capsys.readouterr().out


@pytest.mark.slow
def test_what_answers_otherwise_is_not_written(
    trained: zoo.TransferModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first layer whose output is wrong in the file is named: here everything behind the last convolution."""
    from zoo.export.formats import onnx_format

    def wrong(self: Onnx, path: Path) -> Any:
        record, answer = self.opened(path)
        session = onnx_format._session(path)
        spoiled = any(node.op_type == "GlobalAveragePool" or "pool" in node.name for node in _nodes(path))
        assert session is not None
        assert record is not None
        return (lambda batch: answer(batch) + 0.5) if spoiled else answer

    monkeypatch.setattr(Onnx, "open", wrong)
    with pytest.raises(EngineError, match=r"differ from predict by up to .* most on drawn example \d") as caught:
        trained.export(tmp_path / "m.onnx")
    assert "GlobalAveragePooling" in str(caught.value)
    assert not list(tmp_path.iterdir())


def _nodes(path: Path) -> Any:
    import onnx

    return onnx.load(path).graph.node


def test_float16_and_int8_are_smaller_and_within_their_tolerance(
    single: zoo.TransferModel, pictures: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    expected = single.predict_scores(pictures[0])
    single.export(tmp_path / "half.tflite", quantize="float16")
    single.export(tmp_path / "m.tflite", quantize="int8", samples=pictures[0])
    rows = exports_of(tmp_path)
    assert rows["m.tflite"]["tolerance"] == 0.35
    assert (rows["m.tflite"]["examples"], rows["m.tflite"]["generated"]) == (16, False)
    assert rows["half.tflite"]["difference"] < 0.02
    answers = opened(tmp_path, "m.tflite").predict_scores(pictures[0])
    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.9
    assert not np.array_equal(answers, expected)
    assert fastest(tmp_path) is None  # quantized files are never chosen unasked


@pytest.mark.slow
def test_int8_that_loses_the_labels_is_not_written(
    trained: zoo.TransferModel, pictures: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """Values around 100 share the range of the logits here: the classes come out the same whatever the picture."""
    with pytest.raises(EngineError, match=r"of 16 examples keep their first label.*float16"):
        trained.export(tmp_path / "m.tflite", quantize="int8", samples=pictures[0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("m.tflite", {"quantize": "int8"}, "samples="),
        ("m.onnx", {"quantize": "int8"}, "'litert' has"),
        ("m.onnx", {"format": "onx"}, "Did you mean 'onnx'"),
        ("m.bin", {}, "which format is that"),
        ("m.tflite", {"format": "onnx"}, "ends in .onnx"),
        ("absent/m.onnx", {}, "does not exist"),
        ("m.xml", {}, "pip install openvino"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    path: str, options: dict[str, Any], words: str, trained: zoo.TransferModel, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=words):
        trained.export(tmp_path / path, **options)
    assert not list(tmp_path.iterdir())


def test_a_head_that_was_never_trained_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(UntrainedHeadError, match="export"):
        tiny_model().export(tmp_path / "m.onnx")


# -- reading ----------------------------------------------------------------------------------------------------------


def test_a_saved_model_is_code_and_opened_only_when_trusted(exported: Path) -> None:
    with pytest.raises(OptionError, match="trust=True"):
        zoo.load(exported / "saved")


def test_an_exported_file_does_not_train(exported: Path) -> None:
    with pytest.raises(OptionError, match="does not train"):
        zoo.load(exported / "m.onnx").fit()
    with pytest.raises(OptionError, match="augment="):
        zoo.load(exported / "m.onnx", augment="flip")


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
def test_damaged_files_are_one_clear_error(name: str, exported: Path, tmp_path: Path) -> None:
    data = (exported / name).read_bytes()
    for content in (b"", data[:100], data[: len(data) // 2]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises((UnsafeFileError, OptionError)):
            zoo.load(tmp_path / name).predict_scores(np.zeros((32, 32, 3), np.uint8))


def test_a_foreign_onnx_file_has_no_labels(exported: Path, tmp_path: Path) -> None:
    import onnx

    content = onnx.load(exported / "m.onnx")
    del content.metadata_props[:]
    onnx.save(content, tmp_path / "m.onnx")
    with pytest.raises(OptionError, match="was not exported by zoo"):
        zoo.load(tmp_path / "m.onnx")


def test_an_onnx_file_cannot_read_others(exported: Path, tmp_path: Path) -> None:
    """Weights as external data would be read from a path of the file's choice."""
    import onnx

    content = onnx.load(exported / "m.onnx")
    (tmp_path / "secret").write_bytes(bytes(1 << 16))
    tensor = next(tensor for tensor in content.graph.initializer if tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    (tmp_path / "m.onnx").write_bytes(content.SerializeToString())
    with pytest.raises(UnsafeFileError, match="ONNX Runtime"):
        zoo.load(tmp_path / "m.onnx")


# -- the command line -------------------------------------------------------------------------------------------------

COLD = """
import sys
from zoo.cli.main import main
code = main(["predict", sys.argv[1], "--model", sys.argv[2]])
heavy = {"tensorflow", "keras", "sklearn", "pydantic", "zoo.plugin"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


def test_a_cold_start_imports_neither_tensorflow_nor_keras(
    trained: zoo.TransferModel, exported: Path, photo: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLD, str(photo), str(exported / "m.onnx")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer = trained.predict(photo)[0].answers["side"]
    assert f"side: {answer.text(2)}" in done.stdout


def test_the_folder_of_a_run_answers_by_its_fastest_export(
    exported: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo.cli.models import file_of

    assert file_of(str(exported)) == fastest(exported)
    with pytest.raises(OptionError, match=r"model\.keras"):
        file_of(str(tmp_path))
    (tmp_path / "model.keras").write_bytes(b"x")
    assert file_of(str(tmp_path)) == tmp_path / "model.keras"


@pytest.mark.slow
def test_zoo_export_says_what_it_measured(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(exported / "m.keras"), str(tmp_path / "m.onnx"), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["format"] == "onnx"
    assert written["difference"] < 1e-4
    assert main(["export", "absent.keras", str(tmp_path / "n.onnx")]) == 1
    assert "there is no model file 'absent.keras'" in capsys.readouterr().err


# -- formats of plugins -----------------------------------------------------------------------------------------------

COPIED = """
import zoo
from zoo.specs import FormatSpec

class Copied:
    def write(self, model, path, record):
        assert record["outputs"][0]["labels"]
        model.save(path)
    def open(self, path):
        import keras
        return keras.saving.load_model(path, compile=False).predict_on_batch

class Raises(Copied):
    def write(self, model, path, record):
        raise ValueError("moult")

class Nothing(Copied):
    def write(self, model, path, record):
        pass

class Lies(Copied):
    def open(self, path):
        import numpy as np
        return lambda batch: np.full((len(batch), 2), 0.5)

@zoo.hookimpl
def zoo_formats():
    for name in ("Copied", "Raises", "Nothing", "Lies"):
        yield FormatSpec(name=name.lower(), summary="x", format=f"zoo_t_birds.plugin:{name}", extension=".copied.keras")
"""


@pytest.fixture
def site(tmp_path: Path) -> Any:
    from helpers.plugins import plugin_site

    (tmp_path / "site").mkdir()
    with plugin_site(tmp_path / "site") as folder:
        yield folder


def test_the_format_of_a_plugin_is_used_checked_and_opened(
    site: Path, tmp_path: Path, pictures: tuple[np.ndarray, np.ndarray], single: zoo.TransferModel
) -> None:
    install(site, "birds", COPIED)
    model = single
    path = model.export(tmp_path / "m.copied.keras", format="copied")
    assert sorted(item.name for item in tmp_path.iterdir() if item.is_file()) == [
        "export.json",
        "m.copied.keras",
        "m.copied.keras.zoo",
    ]
    again: Any = zoo.load(path, format="copied")
    assert again.labels == ("left", "right")
    np.testing.assert_allclose(again.predict_scores(pictures[0]), model.predict_scores(pictures[0]), atol=1e-5)
    for name, error, words in (
        ("raises", PluginError, "format 'birds:raises' of .* failed in write.*moult"),
        ("nothing", PluginError, "left nothing"),
        ("lies", EngineError, "differ from predict"),
    ):
        with pytest.raises(error, match=words):
            model.export(tmp_path / "n.copied.keras", format=name)
    assert not (tmp_path / "n.copied.keras").exists()
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UnsafeFileError, match="belongs to another"):
        zoo.load(path, format="copied")


# -- killed -----------------------------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
from zoo.export.places import partial_place
target = Path(sys.argv[1])
with partial_place(target) as place:
    place.write_bytes(bytes(1 << 22))
    print("half", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_a_killed_export_leaves_no_half_file_and_the_next_one_clears_up(rounds: int, tmp_path: Path) -> None:
    from zoo.export.places import partial_place

    target = tmp_path / "m.onnx"
    target.write_bytes(b"the one before")
    for number in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        time.sleep(0.01 * (number % 5))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert target.read_bytes() == b"the one before"
    assert list(tmp_path.glob(".m.onnx-*.partial"))
    with partial_place(target):
        assert len(list(tmp_path.glob(".m.onnx-*.partial"))) == 1
    assert [item.name for item in tmp_path.iterdir()] == ["m.onnx"]
