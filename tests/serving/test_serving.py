"""The server: answers as predict does, batches, limits, one clear error a fault, a graceful end."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from helpers.tiny_onnx import LABELS, tiny_onnx
from PIL import Image

from zoo.exported import open_exported
from zoo.serving.app import application
from zoo.serving.asking import Limits
from zoo.serving.batching import Batcher, OverloadedError

TestClient: Any = pytest.importorskip("starlette.testclient", reason="the extra `serve` is not installed").TestClient


def png(color: tuple[int, int, int], size: tuple[int, int] = (20, 12)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, color).save(stream, "PNG")
    return stream.getvalue()


GREEN = png((10, 200, 30))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_exported(tiny_onnx(tmp_path_factory.mktemp("serving") / "colors.onnx"))


@pytest.fixture(scope="module")
def client(model: Any) -> Iterator[Any]:
    with TestClient(application(model, "colors.onnx", Limits(bytes=100_000, pixels=10_000))) as client:
        yield client


def test_every_way_of_asking_gets_what_predict_says(client: Any, model: Any) -> None:
    expected = model.predict(GREEN)[0].to_dict(2)
    del expected["source"]
    assert expected["label"] == "green"
    encoded = base64.b64encode(GREEN).decode()
    for options in (
        {"content": GREEN, "headers": {"content-type": "image/png"}},
        {"content": GREEN},
        {"files": {"file": ("a.png", GREEN, "image/png")}},
        {"json": {"file": encoded}},
        {"json": {"file": f"data:image/png;base64,{encoded}"}},
    ):
        response = client.post("/predict?top=2", **options)
        assert response.status_code == 200, response.text
        assert response.json() == expected


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"content": b""}, 400, "empty"),
        ({"content": b"x" * 100_001}, 413, "too_large"),
        ({"content": b"no picture"}, 422, "no_image"),
        ({"content": GREEN[:60]}, 422, "bad_image"),
        ({"content": png((0, 0, 0), (101, 100))}, 413, "too_many_pixels"),
        ({"content": GREEN, "headers": {"content-type": "text/plain"}}, 415, "unsupported_type"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "bad_json"),
        ({"json": ["file"]}, 422, "no_image"),
        ({"json": {"file": "!"}}, 422, "bad_base64"),
        ({"files": {}, "data": {"a": "b"}, "headers": {"content-type": "multipart/form-data"}}, 400, "bad_form"),
        ({"content": GREEN, "params": {"top": "0"}}, 422, "bad_top"),
    ],
)
def test_each_fault_is_one_clear_json_error(client: Any, options: dict[str, Any], status: int, code: str) -> None:
    response = client.post("/predict", **options)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    assert response.json()["error"]["message"]
    assert client.post("/predict", content=GREEN).status_code == 200  # and it goes on


def test_other_addresses_and_methods(client: Any) -> None:
    assert client.get("/nothing").json()["error"]["code"] == "not_found"
    assert client.get("/predict").json()["error"]["code"] == "wrong_method"
    assert client.get("/health").json()["status"] == "ok"
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {"/predict", "/health", "/metrics"}
    start = client.get("/").text
    assert all(label in start for label in LABELS)


def test_a_name_of_the_model_cannot_write_into_the_page(model: Any) -> None:
    with TestClient(application(model, "<script>alert(1)</script>")) as client:
        assert "<script>alert" not in client.get("/").text


def test_requests_that_arrive_together_are_one_batch_and_nothing_is_lost(client: Any) -> None:
    colors = [(255 * (n % 3 == 0), 255 * (n % 3 == 1), 255 * (n % 3 == 2)) for n in range(48)]
    before = _figure(client, "zoo_batches_total")
    with ThreadPoolExecutor(16) as pool:
        labels = list(pool.map(lambda color: client.post("/predict", content=png(color)).json()["label"], colors))
    assert labels == [LABELS[n % 3] for n in range(48)]
    assert _figure(client, "zoo_batches_total") - before < 48
    assert _figure(client, "zoo_examples_total") >= 48
    assert 'zoo_requests_total{status="200"}' in client.get("/metrics").text


def _figure(client: Any, name: str) -> int:
    match = re.search(rf"^{name} (\d+)$", client.get("/metrics").text, re.MULTILINE)
    assert match is not None
    return int(match[1])


def test_a_model_that_fails_is_an_error_of_those_who_asked_only() -> None:
    def answer(examples: Any) -> list[Any]:
        if "bad" in examples:
            raise ValueError("x")
        return [example * 2 for example in examples]

    async def run() -> None:
        batcher = Batcher(answer, most=1, waiting=2)
        batcher.start()
        with pytest.raises(ValueError, match="x"):
            await batcher.ask("bad")
        assert await batcher.ask("ab") == "abab"
        waiting = [asyncio.create_task(batcher.ask("a")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await batcher.ask("c")
        await batcher.stop()  # answers what waits first
        assert [await task for task in waiting] == ["aa", "aa"]

    asyncio.run(run())


def test_the_process_serves_without_tensorflow_and_ends_gracefully(tmp_path: Path) -> None:
    """A request that is under way when SIGTERM comes is answered."""
    path = tiny_onnx(tmp_path / "colors.onnx")
    process = subprocess.Popen(
        [sys.executable, "-m", "zoo.cli", "serve", str(path), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        match = re.search(r"http://[\d.:]+/", process.stdout.readline())
        assert match is not None
        answers: list[Any] = []
        slow = threading.Thread(target=lambda: answers.append(httpx.post(match[0] + "predict", content=_slowly(GREEN))))
        assert httpx.get(match[0] + "health", timeout=30).json()["model"] == "colors.onnx"
        slow.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        slow.join(30)
        assert answers[0].json()["label"] == "green"
        assert process.wait(30) in (0, -signal.SIGTERM, 143)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()


def _slowly(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), len(data) // 6 + 1):
        yield data[start : start + len(data) // 6 + 1]
        time.sleep(0.1)


def test_json_of_the_command_line_is_that_of_the_server(
    client: Any, model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo.cli.main import main

    (tmp_path / "green.png").write_bytes(GREEN)
    assert main(["predict", str(tmp_path / "green.png"), "--model", str(model.path), "--json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    del printed["source"]
    assert printed == client.post("/predict", content=GREEN).json()
    assert np.isclose(sum(row["score"] for row in printed["top"]), 1)
