"""The start page in headless Chromium: a chosen photo is sent, and the answer stands there with its probabilities."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.tiny_onnx import tiny_onnx
from PIL import Image

DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DRIVER is None, reason="there is no chromedriver here: apt-get install chromium-driver"),
]

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,800"]


@pytest.fixture
def browser() -> Iterator[Callable[[str, str, Any], Any]]:
    """(method, path, content) -> value, as WebDriver answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen([str(DRIVER), f"--port={port}"], stdout=subprocess.DEVNULL)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for _ in range(100):
            try:
                client.get("/status")
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        options = {"goog:chromeOptions": {"args": ARGUMENTS}}
        created = client.post("/session", json={"capabilities": {"alwaysMatch": options}}).json()["value"]
        session = f"/session/{created['sessionId']}"
        yield lambda method, path, content: client.request(method, session + path, json=content).json()["value"]
        client.delete(session)
    driver.terminate()
    driver.wait(20)


def test_a_photo_is_answered_on_the_page(tmp_path: Path, browser: Callable[[str, str, Any], Any]) -> None:
    path = tiny_onnx(tmp_path / "colors.onnx")
    Image.new("RGB", (40, 30), (10, 200, 30)).save(tmp_path / "green.png")
    (tmp_path / "text.png").write_text("no picture")
    server = subprocess.Popen(
        [sys.executable, "-m", "zoo.cli", "serve", str(path), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        match = re.search(r"http://[\d.:]+/", server.stdout.readline())
        assert match is not None
        browser("POST", "/url", {"url": match[0]})
        (element,) = browser("POST", "/element", {"using": "css selector", "value": "#file"}).values()
        for name, state in (("green.png", "This is: green"), ("text.png", "Error: the file is not a picture")):
            browser("POST", f"/element/{element}/value", {"text": str(tmp_path / name)})
            for _ in range(100):
                shown = browser("POST", "/execute/sync", {"script": "return document.body.innerText", "args": []})
                if state in shown:
                    break
                time.sleep(0.1)
            assert state in shown
            assert ("99.2 %" in shown) == (name == "green.png")
        wide = browser("POST", "/execute/sync", {"script": "return document.body.scrollWidth", "args": []})
        assert wide <= 500
    finally:
        server.terminate()
        server.wait(20)
