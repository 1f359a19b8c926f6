"""The Dockerfile of an export: its text, and its parts carried out where no engine of containers runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from helpers.tiny_onnx import LABELS, tiny_onnx
from PIL import Image

from zoo.errors import OptionError
from zoo.export.container import dockerfile, write_dockerfile
from zoo.specs.exports import ExportRecord

ROOT = Path(__file__).parents[2]


def record(format_name: str) -> ExportRecord:
    return ExportRecord(
        format=format_name, sha256="0" * 64, bytes=1, input_shape=(8, 8, 3), input_dtype="uint8", examples=4,
        generated=True, tolerance=1e-4, difference=0.0, mean_difference=0.0, milliseconds=1.0,
        milliseconds_in_batch=1.0, batch_size=8, machine="x86_64", written="2026-11-30T00:00:00+00:00",
    )  # fmt: skip


def steps(text: str) -> dict[str, list[str]]:
    """Instruction -> what each of that name says, in order."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    instructions: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            instructions.setdefault(word, []).append(rest)
    return instructions


def test_an_onnx_file_is_served_without_tensorflow(tmp_path: Path) -> None:
    install = steps(dockerfile(tmp_path / "m.onnx", record("onnx")))["RUN"][0]
    assert "tensorflow" not in install
    assert "--no-deps zoo-sdk==" in install
    assert "'zoo-sdk[serve,litert]==" in dockerfile(tmp_path / "m.tflite", record("litert"))
    assert "'zoo-sdk[serve]==" in dockerfile(tmp_path / "saved", record("savedmodel"))


def test_only_what_belongs_to_the_file_is_copied(tmp_path: Path) -> None:
    for name in ("m.onnx", "m.onnx.zoo", "export.json", "photo.jpg"):
        (tmp_path / name).write_bytes(b"x")
    target = write_dockerfile(tmp_path / "m.onnx", record("onnx"))
    copied = [f"--chown=zoo {name} ./{name}" for name in ("m.onnx", "m.onnx.zoo", "export.json")]
    assert steps(target.read_text())["COPY"] == copied
    assert (tmp_path / "Dockerfile.dockerignore").read_text() == "*\n!m.onnx\n!m.onnx.zoo\n!export.json\n"
    write_dockerfile(tmp_path / "m.onnx", record("onnx"))  # its own is written anew
    target.write_text("FROM scratch\n")
    with pytest.raises(OptionError, match=r"does not serve m\.onnx: move it away"):
        write_dockerfile(tmp_path / "m.onnx", record("onnx"))
    assert target.read_text() == "FROM scratch\n"
    with pytest.raises(OptionError, match="for a Dockerfile"):
        dockerfile(tmp_path / "my model.onnx", record("onnx"))


def test_a_folder_keeps_its_name_in_the_image(tmp_path: Path) -> None:
    """Of a folder Docker copies what is in it."""
    (tmp_path / "saved").mkdir()
    text = write_dockerfile(tmp_path / "saved", record("savedmodel")).read_text()
    assert steps(text)["COPY"] == ["--chown=zoo saved ./saved/"]
    assert json.loads(steps(text)["CMD"][0])[:3] == ["zoo", "serve", "saved"]


@pytest.mark.slow
def test_its_steps_carried_out_serve_the_model(tmp_path: Path) -> None:
    context, home, venv = tmp_path / "context", tmp_path / "home", tmp_path / "venv"
    context.mkdir()
    home.mkdir()
    exported = tiny_onnx(context / "colors.onnx")
    parts = steps(write_dockerfile(exported, record("onnx")).read_text())
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    for command in parts["RUN"][0].split("&&"):
        words = [str(ROOT) if word.startswith("zoo-sdk==") else word for word in shlex.split(command)]
        subprocess.run([venv / "bin" / "python", "-m", *words, "-q", "--disable-pip-version-check"], check=True)
    for copy in parts["COPY"]:
        _, source, target = copy.split()
        (home / target).write_bytes((context / source).read_bytes())
    program, *arguments = json.loads(parts["CMD"][0])
    arguments[arguments.index("--port") + 1] = "0"
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "KERAS"))}
    server = subprocess.Popen(
        [venv / "bin" / program, *arguments], cwd=home, stdout=subprocess.PIPE, text=True, env=variables
    )
    try:
        assert server.stdout is not None
        address = "http://127.0.0.1:" + re.findall(r":(\d+)/", server.stdout.readline())[0]
        health = parts["HEALTHCHECK"][0].removeprefix("CMD ").replace("http://127.0.0.1:8000", address)
        assert subprocess.run([venv / "bin" / "python", *shlex.split(health)[1:]], check=False).returncode == 0
        photo = tmp_path / "green.png"
        Image.new("RGB", (20, 12), (10, 200, 30)).save(photo)
        answer = httpx.post(f"{address}/predict", content=photo.read_bytes(), timeout=30).json()
        assert answer["label"] == "green"
        assert answer["label"] in LABELS
        server.send_signal(getattr(signal, parts["STOPSIGNAL"][0]))
        began = time.monotonic()
        assert server.wait(30) in (0, -signal.SIGTERM)
        assert time.monotonic() - began < 15
    finally:
        server.kill()
        server.wait()
    modules = subprocess.run([venv / "bin" / "python", "-c", "import tensorflow"], capture_output=True, check=False)
    assert modules.returncode != 0  # nothing of it was there to be imported
