"""A weight file on a real server under its official path, and a store of one's own."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from helpers.http_server import FileServer
from weight_case import FAST, FILENAME, OFFICIAL, SHA256

from zoo.weights import Store


@pytest.fixture(scope="session")
def payload(shared_data: Path) -> bytes:
    data = (shared_data / "weights" / "imagenet" / FILENAME).read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256
    return data


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("ZOO_MIRROR", raising=False)


@pytest.fixture
def server(payload: bytes, monkeypatch: pytest.MonkeyPatch):
    with FileServer({OFFICIAL: payload}) as running:
        monkeypatch.setenv("ZOO_MIRROR", running.url)
        yield running


@pytest.fixture
def store() -> Store:
    return Store(policy=FAST)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*command, "-out", str(files[0]), "-keyout", str(files[1])], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"openssl cannot make a certificate here: {error}")
    return files
