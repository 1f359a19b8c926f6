"""`zoo weights`: what travels from a machine with a network to one without."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest

from zoo.cli.main import main
from zoo.weights import Store

NAME, FILENAME = "mobilenet_025", "mobilenet_2_5_224_tf_no_top.h5"


@pytest.fixture
def usb(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one right file and one that is not what its name says; a machine of its own, offline."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    folder = tmp_path / "usb"
    folder.mkdir()
    (folder / FILENAME).write_bytes((shared_data / "weights" / "imagenet" / FILENAME).read_bytes())
    return folder


def run(*arguments: object, code: int = 0) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        given = main(["weights", *map(str, arguments)])
    assert given == code, out.getvalue() + err.getvalue()
    return out.getvalue() + err.getvalue()


def test_files_travel_by_folder(usb: Path, tmp_path: Path) -> None:
    assert "no weights" in run("ls")
    assert f"{FILENAME}: taken in" in run("import", usb)
    (row,) = json.loads(run("ls", "--json"))
    assert row["file"] == FILENAME
    assert row["size"] == (usb / FILENAME).stat().st_size
    assert row["sha256"][:12] in run("ls")
    assert "1 files, 0 damaged" in run("verify")
    run("fetch", NAME, "--to", tmp_path / "further")
    copies = [path for path in (tmp_path / "further").iterdir() if path.suffix == ".h5"]
    assert [path.read_bytes() for path in copies] == [(usb / FILENAME).read_bytes()]
    assert "0 files deleted" in run("gc")


def test_a_file_that_is_another_one_is_not_taken_in(usb: Path) -> None:
    run("import", usb)
    data = bytearray((usb / FILENAME).read_bytes())
    data[-1] ^= 1
    (usb / FILENAME).write_bytes(data)
    output = run("import", usb, code=1)
    assert FILENAME in output
    assert Store().verify() == []


def test_damage_and_leftovers(usb: Path) -> None:
    run("import", usb)
    store = Store()
    (blob,) = store.shelf.blobs()
    blob.chmod(0o600)
    blob.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "1 damaged" in run("verify", code=1)
    for entry in (store.root / "index").glob("*.json"):
        entry.unlink()
    assert "1 files deleted" in run("gc")
    assert json.loads(run("gc", "--json"))["deleted"] == []


def test_locks_travel(usb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    store.pins.merge({"hub:a/b/c": {"sha256": "a" * 64, "commit": "b" * 40}})
    assert "hub:a/b/c at bbbb" in run("lock")
    run("lock", "--to", tmp_path / "lock.json")
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "other"))
    run("import", usb, "--lock", tmp_path / "lock.json")
    assert Store().pins.get("hub:a/b/c") == {"sha256": "a" * 64, "commit": "b" * 40}
    Store().pins.path.write_text(json.dumps({"version": 1, "pins": {"hub:a/b/c": {"sha256": "c" * 64}}}))
    output = run("import", usb, "--lock", tmp_path / "lock.json", code=1)
    assert "is pinned to sha256 cccc" in output


def test_a_folder_that_is_not_there(usb: Path) -> None:
    assert "there is no folder" in run("import", usb / "none", code=1)
