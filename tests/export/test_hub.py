"""Models on the Hub: pushed in one commit by the real client to a hub on this machine, loaded by revision."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.fake_hub import FakeHub
from helpers.tiny_onnx import scores, tiny_onnx

import zoo
from zoo.errors import DigestError, DownloadError, OfflineError, OptionError
from zoo.export.hub import HubAddress, push

REPOSITORY = "tester/colors"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    import huggingface_hub.constants

    with FakeHub() as hub:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("ZOO_OFFLINE", "0")
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("zoo.weights.sources.hub.PAUSES", (0.0, 0.0, None))
        hub.token = "hf_rightright"
        monkeypatch.setenv("HF_TOKEN", hub.token)
        yield hub


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    return tiny_onnx(tmp_path / "m.onnx")


def pushed(file: Path, **changes: str) -> HubAddress:
    return push({"m.onnx": file, "README.md": b"# colors\n"}, REPOSITORY, private=None, branch="main", message="x")


def test_what_was_pushed_is_loaded_by_its_commit_and_answers_the_same(hub: FakeHub, onnx_file: Path) -> None:
    address = pushed(onnx_file)
    assert hub.branches[REPOSITORY, "main"] == address.revision
    assert set(hub.commits[REPOSITORY, address.revision]) == {"m.onnx", "README.md"}
    batch = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    model = zoo.load(f"{address}/m.onnx")
    np.testing.assert_allclose(model.predict_scores(batch), scores(batch), rtol=1e-5)


def test_a_branch_that_moves_moves_no_load(hub: FakeHub, onnx_file: Path) -> None:
    first = pushed(onnx_file)
    by_branch = f"hf://{REPOSITORY}/m.onnx"
    assert zoo.load(by_branch).labels == ("red", "green", "blue")
    hub.push(REPOSITORY, "main", {"m.onnx": b"another model"})
    assert zoo.load(by_branch).labels == ("red", "green", "blue")
    assert zoo.load(f"{first}/m.onnx").labels == ("red", "green", "blue")


def test_a_cached_model_loads_offline_and_another_one_says_what_is_missing(
    hub: FakeHub, onnx_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = pushed(onnx_file)
    zoo.load(f"{address}/m.onnx")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    before = len(hub.requests)
    assert zoo.load(f"{address}/m.onnx").labels
    with pytest.raises(OfflineError, match=r"other\.onnx"):
        zoo.load(f"hf://{REPOSITORY}/other.onnx")
    with pytest.raises(OfflineError, match="forbids the network"):
        pushed(onnx_file)
    assert len(hub.requests) == before


def test_a_private_repository_wants_the_token_which_never_shows(
    hub: FakeHub, onnx_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = pushed(onnx_file)
    monkeypatch.setenv("HF_TOKEN", "hf_wrongwrong")
    for refused in (lambda: zoo.load(f"{address}/m.onnx"), lambda: pushed(onnx_file)):
        with pytest.raises(DownloadError, match=r"401.*HF_TOKEN") as caught:
            refused()
        assert "hf_wrongwrong" not in str(caught.value)


def test_a_flipped_byte_is_refused(hub: FakeHub, onnx_file: Path, tmp_path: Path) -> None:
    address = pushed(onnx_file)
    data = bytearray(hub.commits[REPOSITORY, address.revision]["m.onnx"])
    data[len(data) // 2] ^= 1
    hub.cdn.files[f"/{address.revision}/m.onnx"] = bytes(data)
    with pytest.raises(DigestError, match="announced"):
        zoo.load(f"{address}/m.onnx")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_size == len(data)]


@pytest.mark.parametrize("status", [403, 500])
def test_a_hub_that_refuses_is_one_error_and_nothing_is_committed(hub: FakeHub, onnx_file: Path, status: int) -> None:
    hub.faults.statuses = [status] * 8
    with pytest.raises(DownloadError, match=str(status)):
        pushed(onnx_file)
    assert not hub.branches


@pytest.mark.parametrize("name", ["colors", "a/b/c", "../x/y", "a b/c"])
def test_names_that_are_none(hub: FakeHub, name: str, onnx_file: Path) -> None:
    with pytest.raises(OptionError, match="owner/name"):
        push({"m.onnx": onnx_file}, name, private=None, branch="main", message="x")
    with pytest.raises(OptionError, match="hub"):
        zoo.load(f"hf://{name}@main@x")


KILLED = """
import os, signal, sys, threading, time
import huggingface_hub.constants
huggingface_hub.constants.HF_HUB_DISABLE_XET = True
from pathlib import Path
from zoo.export.hub import push
def kill():
    time.sleep(float(sys.argv[2]))
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
push({"m.onnx": Path(sys.argv[1]), "README.md": b"x"}, "tester/colors", private=None, branch="main", message="x")
"""


@pytest.mark.soak
def test_a_killed_push_leaves_no_half_commit(hub: FakeHub, onnx_file: Path) -> None:
    for number in range(50):
        subprocess.run(
            [sys.executable, "-c", KILLED, str(onnx_file), str(0.005 * number)],
            capture_output=True,
            timeout=120,
            env={**os.environ, "HF_ENDPOINT": hub.url},
        )
        for files in hub.commits.values():
            assert set(files) == {"m.onnx", "README.md"}
            assert files["m.onnx"] == onnx_file.read_bytes()


@pytest.mark.tensorflow("the model is trained with it")
def test_a_model_is_pushed_with_a_card_that_the_client_takes(
    hub: FakeHub, pictures: tuple[np.ndarray, np.ndarray], single: zoo.TransferModel
) -> None:
    from huggingface_hub import ModelCard

    model = single
    address = model.push(REPOSITORY, license="apache-2.0", name="left | right <b>")
    files = hub.commits[REPOSITORY, HubAddress.of(address).revision]
    assert set(files) == {"model.keras", "README.md", "confusion_matrix.png"}
    assert any("/validate-yaml" in path for _, path, _ in hub.requests)
    card = ModelCard(files["README.md"].decode())
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "keras"
    assert card.data.pipeline_tag == "image-classification"
    accuracy = model._run.validation.accuracy
    assert {r.metric_type: r.metric_value for r in card.data.eval_results}["accuracy"] == pytest.approx(accuracy)
    for part in ("12 examples for training, 4 to choose", "recipe 'probe'", "To be written by the author", "&lt;b&gt;"):
        assert part in card.text, part
    assert "<b>" not in card.text
    again = zoo.load(address)
    np.testing.assert_allclose(again.predict_scores(pictures[0]), model.predict_scores(pictures[0]), atol=1e-6)
