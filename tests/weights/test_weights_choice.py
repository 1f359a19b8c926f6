"""What `weights=` means."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.http_server import FileServer
from helpers.mutation import zipped
from weight_case import FILENAME, OFFICIAL, SHA256, make_source

from zoo.errors import OfflineError, UnknownNameError, WeightsError
from zoo.specs import BackboneSpec, InputSpec, LayerSummary, Preprocessing, WeightSource
from zoo.weights import Store, resolve


def spec(*weights: WeightSource) -> BackboneSpec:
    return BackboneSpec(
        modality="image",
        name="mobilenet_025",
        family="MobileNet",
        paper="-",
        builder="a:b",
        input=InputSpec(default_size=224, min_size=32),
        preprocessing=Preprocessing(),
        layers=LayerSummary(by_type={}, total=0, depth=0, batchnorm=0, dropout=0),
        feature_dim=256,
        params=218_544,
        weights=weights,
        portable=True,
    )


TOP = make_source(
    id="imagenet_top",
    includes_top=True,
    url="https://example.org/with_top.h5",
    filename="with_top.h5",
    digest={"algorithm": "sha256", "value": "0" * 64},
)
NO_TOP = make_source()


def test_none_means_random_weights(store: Store):
    assert resolve(spec(NO_TOP), None, store=store) is None


def test_an_id(server: FileServer, store: Store):
    stored = resolve(spec(TOP, NO_TOP), "imagenet", store=store)
    assert stored is not None
    assert (stored.source, stored.sha256) == (NO_TOP, SHA256)


def test_pretrained_takes_the_file_without_top_when_none_is_wanted(server: FileServer, store: Store):
    seen: list[int] = []
    stored = resolve(spec(TOP, NO_TOP), "pretrained", store=store, progress=lambda done, total: seen.append(done))
    assert stored is not None
    assert stored.source == NO_TOP
    assert seen


def test_pretrained_takes_the_file_with_top_when_it_is_wanted(server: FileServer, store: Store):
    with pytest.raises(WeightsError, match=r"with_top\.h5"):  # which this server does not have
        resolve(spec(NO_TOP, TOP), "pretrained", include_top=True, store=store)
    assert [seen.path for seen in server.requests] == ["/with_top.h5"]


def test_what_is_at_hand_comes_before_a_download(server: FileServer, store: Store, payload: bytes):
    with_top = TOP.model_copy(update={"digest": NO_TOP.digest})
    store.fetch(NO_TOP)
    server.requests.clear()
    other = make_source(id="other", url="https://example.org/other.h5", digest={"algorithm": "md5", "value": "0" * 32})
    stored = resolve(spec(other, with_top), "pretrained", store=store)
    assert stored is not None
    assert stored.source == with_top
    assert server.requests == []


def test_a_download_comes_before_what_the_user_would_have_to_fetch(server: FileServer, store: Store):
    wheel = make_source(id="wheel", kind="wheel", url=None, distribution="not-installed-at-all", path="a/b.h5")
    by_hand = make_source(id="by_hand", kind="file", url=None, filename="by_hand.h5", digest=None)
    stored = resolve(spec(by_hand, wheel.model_copy(update={"digest": None}), NO_TOP), "pretrained", store=store)
    assert stored is not None
    assert stored.source == NO_TOP


def test_offline_names_the_file_that_would_be_fetched(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(OfflineError, match=FILENAME):
        resolve(spec(TOP, NO_TOP), "pretrained", store=store)


def test_the_store_of_the_user_is_the_default(server: FileServer, tmp_path: Path):
    stored = resolve(spec(NO_TOP), "imagenet")
    assert stored is not None
    assert stored.path.is_relative_to(tmp_path / "cache" / "weights" / "blobs")


def test_a_path(shared_data: Path, store: Store, monkeypatch: pytest.MonkeyPatch):
    path = shared_data / "weights" / "imagenet" / FILENAME
    monkeypatch.chdir(path.parent)
    for named in (path, str(path), FILENAME, f"./{FILENAME}"):
        stored = resolve(spec(NO_TOP), named, store=store)
        assert stored is not None
        assert (stored.path.resolve(), stored.sha256, stored.includes_top) == (path.resolve(), SHA256, None)


@pytest.mark.parametrize("named", ["missing.h5", "folder/imagenet", "missing.pth", Path("imagenet")])
def test_a_path_that_does_not_exist(store: Store, named: str | Path):
    with pytest.raises(WeightsError, match=r"there is no file|does not exist"):
        resolve(spec(NO_TOP), named, store=store)


def test_a_whole_model_is_a_file_of_weights_too(store: Store, tmp_path: Path):
    (tmp_path / "m.keras").write_bytes(zipped({"config.json": b"{}", "model.weights.h5": b""}))
    stored = resolve(spec(NO_TOP), str(tmp_path / "m.keras"), store=store)
    assert stored is not None
    assert stored.format == "keras-file"


def test_an_unknown_id_lists_the_ids(store: Store):
    with pytest.raises(UnknownNameError) as caught:
        resolve(spec(TOP, NO_TOP), "imagnet", store=store)
    for word in ("imagnet", "mobilenet_025", "Did you mean 'imagenet'", "imagenet_top", "pretrained"):
        assert word in str(caught.value)


@pytest.mark.parametrize("weights", ["pretrained", "imagenet"])
def test_a_classifier_that_is_nowhere(store: Store, weights: str):
    with pytest.raises(WeightsError, match="classifier of mobilenet_025"):
        resolve(spec(NO_TOP), weights, include_top=True, store=store)
    with pytest.raises(WeightsError, match="imagenet_top"):
        resolve(spec(NO_TOP, TOP), "imagenet", include_top=True, store=store)


def test_a_backbone_without_weights(store: Store):
    with pytest.raises(WeightsError, match="weights=None"):
        resolve(spec(), "pretrained", store=store)


def test_the_official_path_is_the_one_of_keras():
    assert OFFICIAL.endswith(f"/mobilenet/{FILENAME}")
