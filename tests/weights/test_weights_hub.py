"""Weights of the Hugging Face Hub against a hub on this machine: commit and sha256, tokens, every fault."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.fake_hub import FakeHub
from weight_case import FAST, make_source

from zoo.errors import DigestError, DownloadError, OfflineError, OptionError, WeightsError
from zoo.specs import Digest, WeightSource
from zoo.weights import Store

REPOSITORY, FILE = "timm/tiny", "model.safetensors"
CONTENT = (2).to_bytes(8, "little") + b"{}" + bytes(3_000_000)
OTHER = CONTENT[:-1] + b"\1"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def row(**changes: object) -> WeightSource:
    hub = {"kind": "hub", "url": None, "repository": REPOSITORY, "filename": FILE, "format": "safetensors"}
    return make_source(**(hub | {"bytes": None, "digest": None} | changes))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with FakeHub() as hub:
        hub.push(REPOSITORY, "main", {FILE: CONTENT})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("zoo.weights.sources.hub.PAUSES", (0.0, 0.0, None))
        yield hub


@pytest.fixture
def store() -> Store:
    return Store(policy=FAST)


def test_the_first_use_pins_commit_and_sha256(hub: FakeHub, store: Store) -> None:
    commit = hub.branches[REPOSITORY, "main"]
    stored = store.fetch(row())
    assert stored.sha256 == SHA256
    assert "recorded just now" in stored.note
    assert store.pins.all() == {f"hub:{REPOSITORY}/{FILE}": {"sha256": SHA256, "bytes": len(CONTENT), "commit": commit}}
    asked = len(hub.requests)
    assert store.fetch(row()).path == stored.path
    assert len(hub.requests) == asked


def test_a_branch_that_moved_changes_nothing(hub: FakeHub, store: Store, tmp_path: Path) -> None:
    """The pinned commit is asked for, also on a machine that has the lock only."""
    store.fetch(row())
    hub.push(REPOSITORY, "main", {FILE: OTHER})
    assert store.fetch(row()).sha256 == SHA256
    elsewhere = Store(tmp_path / "elsewhere", policy=FAST)
    elsewhere.pins.merge(store.pins.all())
    assert elsewhere.fetch(row()).sha256 == SHA256


def test_other_bytes_than_the_pinned_ones_are_refused(hub: FakeHub, store: Store, tmp_path: Path) -> None:
    store.fetch(row())
    hub.commits[REPOSITORY, hub.branches[REPOSITORY, "main"]] = {FILE: OTHER}  # history was rewritten
    hub.cdn.files.clear()
    elsewhere = Store(tmp_path / "elsewhere", policy=FAST)
    elsewhere.pins.merge(store.pins.all())
    with pytest.raises(DigestError, match="is not the file that is known"):
        elsewhere.fetch(row())
    assert hub.cdn.files == {f"/{hub.branches[REPOSITORY, 'main']}/{FILE}": OTHER}
    assert store.fetch(row()).sha256 == SHA256  # what is here goes on


def test_a_pinned_revision_with_digest_needs_no_lock(hub: FakeHub, store: Store) -> None:
    commit = hub.branches[REPOSITORY, "main"]
    hub.push(REPOSITORY, "main", {FILE: OTHER})
    pinned = row(revision=commit, digest=Digest(algorithm="sha256", value=SHA256))
    assert store.fetch(pinned).sha256 == SHA256
    assert store.pins.all() == {}
    assert all(f"/resolve/{commit}/" in path for _, path, _ in hub.requests)


def test_a_private_repository_gets_the_token_and_nobody_else(
    hub: FakeHub, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub.token = "hf_secretsecret"
    with pytest.raises(DownloadError, match=r"401.*HF_TOKEN"):
        store.fetch(row())
    monkeypatch.setenv("HF_TOKEN", hub.token)
    with caplog.at_level(logging.DEBUG):
        assert store.fetch(row()).sha256 == SHA256
    assert hub.requests[-1][2] == "Bearer hf_secretsecret"
    assert all("Authorization" not in seen.headers for seen in hub.cdn.requests)
    assert "hf_secretsecret" not in caplog.text
    assert not any(b"hf_secretsecret" in path.read_bytes() for path in store.root.parent.rglob("*") if path.is_file())


def test_a_wrong_token_never_shows(hub: FakeHub, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "hf_right"
    monkeypatch.setenv("HF_TOKEN", "hf_wrongwrong")
    with pytest.raises(DownloadError) as caught:
        store.fetch(row(revision=hub.branches[REPOSITORY, "main"]))
    assert "hf_wrongwrong" not in str(caught.value)


@pytest.mark.parametrize("tag", ["../../x", "/etc/passwd", "0" * 64, SHA256[:-1] + ("0" if SHA256[-1] != "0" else "1")])
def test_a_hostile_etag_names_no_file_and_vouches_for_nothing(
    tag: str, hub: FakeHub, store: Store, tmp_path: Path
) -> None:
    hub.faults.linked_etag = tag
    if len(tag) == 64:
        with pytest.raises(DigestError, match="announced"):
            store.fetch(row())
        with pytest.raises(DigestError, match="is not the file that is known"):
            store.fetch(row(digest=Digest(algorithm="sha256", value=SHA256)))
        assert not store.pins.all()
    else:
        assert store.fetch(row()).sha256 == SHA256
    assert {path.parent.name for path in tmp_path.rglob(SHA256)} <= {SHA256[:2]}


def test_another_commit_than_the_one_asked_for_is_refused(hub: FakeHub, store: Store) -> None:
    commit = hub.branches[REPOSITORY, "main"]
    hub.faults.commit = "../../../x"
    with pytest.raises(DigestError, match="another commit"):
        store.fetch(row(revision=commit))
    with pytest.raises(DownloadError, match="does not say which commit"):
        store.fetch(row())


def test_a_flipped_byte_on_the_way_is_refused(hub: FakeHub, store: Store) -> None:
    hub.cdn.files[f"/{hub.branches[REPOSITORY, 'main']}/{FILE}"] = OTHER
    with pytest.raises(DigestError, match="announced"):
        store.fetch(row())
    assert not store.pins.all()
    assert not list(store.root.rglob("*.part"))


def test_a_cut_connection_is_resumed(hub: FakeHub, store: Store) -> None:
    hub.cdn.faults.drop_after = [1_500_000]
    assert store.fetch(row()).sha256 == SHA256
    assert any("Range" in seen.headers for seen in hub.cdn.requests)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_another_try_cannot_mend_is_said_at_once(status: int, hub: FakeHub, store: Store) -> None:
    for source in (row(), row(revision=hub.branches[REPOSITORY, "main"])):
        hub.faults.statuses, before = [status], len(hub.requests)
        with pytest.raises(DownloadError, match=rf"answers {status}.*\("):
            store.fetch(source)
        assert len(hub.requests) == before + 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(status: int, hub: FakeHub, store: Store) -> None:
    hub.faults.statuses = [status]
    assert store.fetch(row()).sha256 == SHA256


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_keeps_failing_is_given_up(status: int, hub: FakeHub, store: Store) -> None:
    for source in (row(), row(revision=hub.branches[REPOSITORY, "main"])):
        hub.faults.statuses = [status] * 10
        with pytest.raises(DownloadError, match=str(status)):
            store.fetch(source)


@pytest.mark.parametrize("variable", ["ZOO_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_asks_nobody(variable: str, hub: FakeHub, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(OfflineError, match=FILE):
        store.fetch(row())
    assert hub.requests == []
    monkeypatch.delenv(variable) if variable == "HF_HUB_OFFLINE" else monkeypatch.setenv(variable, "0")
    store.fetch(row())
    monkeypatch.setenv(variable, "1")
    assert store.fetch(row()).sha256 == SHA256


@pytest.mark.parametrize(
    "endpoint", ["http://mirror.example.org", "ftp://127.0.0.1", "https://", "https://h?x=1", "file:///etc"]
)
def test_endpoints_that_are_none(endpoint: str, hub: FakeHub, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(OptionError, match="HF_ENDPOINT"):
        store.fetch(row())


@pytest.mark.parametrize(
    "changes",
    [
        {"repository": "../x"},
        {"repository": "a/.."},
        {"path": "../x"},
        {"path": "/x"},
        {"path": "a//b"},
        {"revision": "../x"},
    ],
)
def test_names_that_lead_elsewhere(changes: dict[str, str], hub: FakeHub, store: Store) -> None:
    with pytest.raises(WeightsError, match="mended"):
        store.fetch(row(**changes))
    assert hub.requests == []


def test_a_file_in_the_cache_of_huggingface_hub_is_hashed_and_used(
    hub: FakeHub, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.branches[REPOSITORY, "main"]
    cache = tmp_path / "hub"
    place = cache / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / commit / FILE
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    vouched = row(revision=commit, digest=Digest(algorithm="sha256", value=SHA256))
    assert store.fetch(vouched).path == place
    assert hub.requests == []
    place.write_bytes(OTHER)
    assert store.fetch(vouched).path != place


def test_a_lock_that_is_damaged_is_never_ignored(hub: FakeHub, store: Store) -> None:
    store.fetch(row())
    store.pins.path.write_text('{"version": 1, "pins": {"x": {"sha256": "no"}}}')
    with pytest.raises(WeightsError, match="not a lock of weights"):
        store.fetch(row())
