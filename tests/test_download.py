"""Real weights from a real server under their official path become a model; a fault leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.http_server import FileServer, closed_port

import zoo
from zoo.errors import DigestError, DownloadError, OfflineError, WeightsError

FILE = "mobilenet_2_5_224_tf_no_top.h5"
OFFICIAL = f"/tensorflow/keras-applications/mobilenet/{FILE}"


@pytest.fixture
def payload(shared_data: Path) -> bytes:
    return (shared_data / "weights" / "imagenet" / FILE).read_bytes()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    return tmp_path / "cache"


def build() -> zoo.TransferModel:
    return zoo.build("mobilenet_025", head=zoo.classifier(["a", "b"]))


def test_downloaded_checked_stored_and_loaded(
    payload: bytes, cache: Path, shared_data: Path, photos: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    with FileServer({OFFICIAL: payload}) as server:
        monkeypatch.setenv("ZOO_MIRROR", server.url)
        seen: list[tuple[int, int | None]] = []
        model = zoo.build(
            "mobilenet_025", head=zoo.classifier(["a", "b"]), progress=lambda done, total: seen.append((done, total))
        )
        assert server.transfers == 1
        assert seen[-1][0] == len(payload)
        build()
        assert server.transfers == 1  # the second time from the store
    # The same features as Keras's own MobileNet with alpha 0.25 and this file, on real photos.
    reference = keras.applications.MobileNet(
        alpha=0.25,
        include_top=False,
        pooling="avg",
        input_shape=(224, 224, 3),
        weights=str(shared_data / "weights" / "imagenet" / FILE),
    )
    x = photos.astype(np.float32)
    expected = reference.predict(keras.applications.mobilenet.preprocess_input(x.copy()), verbose=0)
    found = model.composition.features.predict(x, verbose=0)
    swapped = model.composition.features.predict(x[..., ::-1].copy(), verbose=0)
    scale = np.abs(expected).max()
    assert np.abs(swapped - expected).max() / scale > 100 * 1e-4  # channels matter
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * scale)

    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.delenv("ZOO_MIRROR")
    build()  # offline, from the store


@pytest.mark.parametrize("fault", ["flipped byte", "truncated", "dead server"])
def test_one_clear_error_and_no_file_left_behind(
    payload: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    flipped = bytearray(payload)
    flipped[len(flipped) // 2] ^= 1
    body = {"flipped byte": bytes(flipped), "truncated": payload[:-1000], "dead server": payload}[fault]
    with FileServer({OFFICIAL: body}) as server:
        monkeypatch.setenv("ZOO_MIRROR", server.url if fault != "dead server" else f"http://127.0.0.1:{closed_port()}")
        with pytest.raises((DigestError, DownloadError, WeightsError)) as caught:
            build()
    assert FILE in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_offline_says_what_is_missing_and_where_to_put_it(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo import settings

    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(OfflineError) as caught:
        build()
    place = settings.data_dir() / "weights" / FILE
    for part in (f"https://storage.googleapis.com{OFFICIAL}", "dbdb03ee", "2.1 MB", str(place)):
        assert part in str(caught.value), part
    place.parent.mkdir(parents=True)
    place.write_bytes(payload)
    build()
