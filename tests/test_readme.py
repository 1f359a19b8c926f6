"""Every Python block and every command of the README runs, in order, on real photos.

The commands of "Write a plugin" run in tests/docs, which also holds that no block is missed.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.pages import ROOT, blocks
from helpers.pretrained import calibrated_weights

README = [block for block in blocks(ROOT / "README.md") if block.fate in ("python", "zoo")]


@pytest.fixture(scope="module")
def desk(shared_data: Path, weights_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with the folders the README talks of, and the VGG16 weights in the store."""
    from zoo.plugin import registry
    from zoo.weights import Store

    folder = tmp_path_factory.mktemp("desk")
    for source in sorted((shared_data / "flowers5").iterdir()):
        files = sorted(source.iterdir())
        for name, chosen in (("photos", files[:10]), ("other_photos", files[10:13])):
            target = folder / name / source.name
            target.mkdir(parents=True)
            for number, file in enumerate(chosen, start=1):
                shutil.copy(file, target / f"{number}.jpg")
    shutil.copy(folder / "photos" / "roses" / "1.jpg", folder / "rose.jpg")

    # The official VGG16 file cannot be had here: one of the same layout takes its place in the store.
    store = Store()
    source = next(s for s in registry().get("backbones", "vgg16").spec.weights if s.id == "imagenet")
    file = store.local(calibrated_weights("vgg16", 64, weights_folder))
    blob = store.shelf.blob(file.sha256)
    blob.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file.path, blob)
    store.shelf.record(store._wanted(source), file.sha256, None)
    yield folder
    blob.unlink()
    store.shelf.entry_path(store._wanted(source)).unlink()


def test_python_blocks(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(desk)
    found = [block.text for block in README if block.fate == "python"]
    assert len(found) == 4
    namespace: dict[str, object] = {}
    for code in found:
        exec(compile(code, "README.md", "exec"), namespace)
    said = capsys.readouterr().out
    assert re.search(r"0\.\d+ Prediction\(\w+ [01]\.\d+, photos/roses/1\.jpg\)", said)
    assert (desk / "flowers.keras").is_file()
    last = namespace["model"].predict("photos/roses/1.jpg")[0]  # type: ignore[attr-defined]
    assert last.label == "roses"


def test_commands(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from zoo.cli.main import cli

    monkeypatch.chdir(desk)
    monkeypatch.setenv("ZOO_RUNS_DIR", "runs")
    commands = [line for block in README if block.fate == "zoo" for line in block.text.splitlines()]
    assert len(commands) == 10
    for command in commands:
        arguments = shlex.split(command)[1:]
        if arguments[0] == "fit":
            arguments += ["--epochs", "1", "--input-size", "96"]
        cli(arguments, standalone_mode=False)
        assert capsys.readouterr().out, command
