"""`zoo cache` on entries that a fit wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zoo.cli.main import main


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two entries, the first not used for long."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    from zoo.features.cache import Entry, features_root

    names = []
    for number in range(2):
        key = {"count": 40, "size": 64, "dtype": "float32", "graph": str(number)}
        entry = Entry(features_root(), key, count=40, row_bytes=2**20)
        with entry.locked():
            for shard in entry.missing():
                members = list(entry.members(shard))
                entry.write(shard, np.ones((len(members), 3), np.float32), members, [])
            entry.finish()
        import os

        os.utime(entry.folder / "entry.json", (number, number))
        names.append(entry.name)
    return names


def test_listing_information_and_path(kept: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["cache", "ls", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["entry"] for row in rows] == [name[:12] for name in kept]
    assert {(row["images"], row["side"], row["state"]) for row in rows} == {(40, 64, "whole")}
    assert main(["cache", "ls"]) == 0
    assert kept[1][:12] in capsys.readouterr().out
    assert main(["cache", "info", kept[1][:9]]) == 0
    assert "key graph" in capsys.readouterr().out
    assert main(["cache", "info", "zzz"]) == 1
    assert "0 entries begin with 'zzz'" in capsys.readouterr().err
    assert main(["cache", "path"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "cache" / "features")


def test_verify_names_what_is_damaged(kept: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["cache", "verify"]) == 0
    shard = tmp_path / "cache" / "features" / kept[0] / "00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    capsys.readouterr()
    assert main(["cache", "verify"]) == 1
    assert f"{kept[0][:12]}  damaged: 00001.safetensors" in capsys.readouterr().out


def test_gc_takes_the_oldest_first(kept: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["cache", "gc"]) == 0
    assert "0 entries deleted" in capsys.readouterr().out
    assert main(["cache", "gc", "--limit", "2.5KB", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deleted"] == [kept[0]]
    assert main(["cache", "gc", "--limit", "little"]) == 1
    assert "must be a size" in capsys.readouterr().err
    assert main(["cache", "gc", "--limit", "0"]) == 0
    assert not list((tmp_path / "cache" / "features").iterdir())
    assert main(["cache", "ls"]) == 0
    assert "nothing is kept yet" in capsys.readouterr().out
