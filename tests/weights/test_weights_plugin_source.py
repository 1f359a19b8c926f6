"""Weight sources of plugins: used by rows and by `weights=`, and held to a digest like every other file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.plugins import install, plugin_site
from safetensors.numpy import save

from zoo.errors import DigestError, OfflineError, PluginError, WeightsError
from zoo.specs import Digest, WeightSource
from zoo.weights import Store, resolve
from zoo.weights.sources import kinds, row_of

PLUGIN = """
import shutil
import zoo
from zoo.specs import SourceSpec

@zoo.hookimpl
def zoo_sources():
    yield SourceSpec(name="nest", summary="a folder of ours", source="zoo_t_birds.plugin:Nest", schemes=("nest://",))
    yield SourceSpec(name="lost", summary="brings nothing", source="zoo_t_birds.plugin:Lost", schemes=("lost://",))

class Nest:
    def fetch(self, address, target, progress=None):
        with open(address.removeprefix("nest://") + ".asked", "a") as file:
            file.write("asked ")
        if progress:
            progress(0, None)
        shutil.copyfile(address.removeprefix("nest://"), target)

class Lost:
    def fetch(self, address, target, progress=None):
        if "angry" in address:
            raise ValueError("moult")
"""


@pytest.fixture
def nest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that the source of a plugin brings."""
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    path = tmp_path / "owl.safetensors"
    path.write_bytes(save({"kernel": np.arange(12, dtype=np.float32)}))
    with plugin_site(tmp_path / "site") as site:
        install(site, "birds", PLUGIN)
        yield path


def row(path: Path, **fields: object) -> WeightSource:
    given = {"id": "owl", "kind": "nest", "filename": path.name, "url": f"nest://{path}", "includes_top": False}
    words = {"license": "MIT", "license_source": "here", "trained_on": "owls"}
    return WeightSource.model_validate({**given, **words, **fields})


def asked(path: Path) -> int:
    file = Path(f"{path}.asked")
    return file.read_text().count("asked") if file.is_file() else 0


def test_a_row_names_it_and_it_is_asked_once(nest: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    digest = Digest(algorithm="sha256", value=hashlib.sha256(nest.read_bytes()).hexdigest())
    told: list[tuple[int, int | None]] = []
    file = store.fetch(row(nest, digest=digest), progress=lambda done, total: told.append((done, total)))
    assert (file.sha256, file.format, file.note) == (digest.value, "safetensors", "")
    assert told == [(0, None)]
    assert file.path.read_bytes() == nest.read_bytes()
    store.fetch(row(nest, digest=digest))
    assert asked(nest) == 1
    assert not list((tmp_path / "store" / "partials").iterdir())


def test_bytes_of_another_digest_are_refused_and_not_kept(nest: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(DigestError, match="nest://"):
        store.fetch(row(nest, digest=Digest(algorithm="sha256", value="0" * 64)))
    assert not store.shelf.blobs()
    assert not list((tmp_path / "store" / "partials").iterdir())


def test_without_a_digest_the_first_use_is_pinned_and_held_to(nest: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first = store.fetch(row(nest))
    assert first.sha256 in first.note
    store.shelf.blob(first.sha256).unlink()
    nest.write_bytes(save({"kernel": np.zeros(12, np.float32)}))
    with pytest.raises(DigestError, match="first use recorded"):
        store.fetch(row(nest))


def test_users_write_an_address(nest: Path, tmp_path: Path) -> None:
    from zoo.plugin import registry

    spec = registry().get("backbones", "efficientnet_lite0").spec
    store = Store(tmp_path / "store")
    file = resolve(spec, f"nest://{nest}", store=store)
    assert file is not None
    assert file.address == f"nest://{nest}"
    assert file.format == "safetensors"
    with pytest.raises(WeightsError, match=r"nobody provides weights at cage:// addresses; known are .*nest://"):
        resolve(spec, "cage://owl.h5", store=store)
    nest.write_bytes(b"<html>login</html>" * 10)
    with pytest.raises(WeightsError, match="not a weight file"):
        resolve(spec, f"nest://{nest}", store=Store(tmp_path / "other"))


def test_it_is_not_asked_offline(nest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(OfflineError, match="nest://"):
        Store(tmp_path / "store").fetch(row(nest))
    assert asked(nest) == 0


def test_what_it_does_wrong_is_said_with_its_name(nest: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(WeightsError, match=r"zoo-t-birds.* brought no file for lost://owl.h5"):
        store.fetch_address("lost://owl.h5")
    with pytest.raises(PluginError, match=r"zoo-t-birds.*moult"):
        store.fetch_address("lost://angry.h5")
    with pytest.raises(WeightsError, match="begin with nest://"):
        store.fetch(row(nest, url="cage://owl.h5"))
    with pytest.raises(WeightsError, match="a source that nobody provides"):
        store.fetch(row(nest, kind="cage", url="cage://owl.h5"))
    assert {"nest", "hub", "url"} <= set(kinds())


def test_addresses_of_zoos_own_sources() -> None:
    hub = row_of("hf://timm/owl@" + "a" * 40 + "/model/owl.safetensors")
    assert hub is not None
    assert (hub.kind, hub.repository, hub.path, hub.revision) == (
        "hub", "timm/owl", "model/owl.safetensors", "a" * 40
    )  # fmt: skip
    plain = row_of("https://example.org/owl.h5?download=1")
    assert plain is not None
    assert (plain.kind, plain.filename) == ("url", "owl.h5")
    assert row_of("C:/weights/owl.h5") is None
    assert row_of("owl.h5") is None
    with pytest.raises(WeightsError, match="names no file"):
        row_of("hf://timm/owl")
