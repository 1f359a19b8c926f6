"""Fixtures of the whole suite: test data, isolated folders, no network, built models shared per session."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

# Before TensorFlow is imported anywhere.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import pytest

# Traced graphs are millions of objects that stay: the default looks through all of TensorFlow ten times in a fit.
gc.set_threshold(20_000, 10, 5)

# A shell lets its background jobs, and all they start, ignore Ctrl-C: the tests of Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]  # tests.helpers, and tools


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On another backend of Keras (`make test-jax`), what is about TensorFlow is skipped, and says so."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        return
    for item in items:
        mark = item.get_closest_marker("tensorflow")
        if mark is not None:
            item.add_marker(pytest.mark.skip(reason=f"needs TensorFlow: {mark.args[0]}"))


@pytest.fixture(scope="session", autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory):
    """Nothing of the user's folders is read or written, and nothing touches the network unless a test says so."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ZOO_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    patch.setenv("ZOO_DATA_DIR", str(tmp_path_factory.mktemp("data")))
    patch.setenv("ZOO_RUNS_DIR", str(tmp_path_factory.mktemp("runs")))
    patch.setenv("ZOO_OFFLINE", "1")
    patch.delenv("ZOO_MIRROR", raising=False)
    patch.delenv("COLUMNS", raising=False)  # before any other fixture: what is printed is fitted to it
    yield
    patch.undo()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets and small real weights that live beside the repository, not in it."""
    path = Path(os.environ.get("ZOO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(
            f"the test data is not at {path}: set ZOO_TEST_DATA to the folder that holds flowers5, weights, ..."
        )
    return path


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `helpers.pretrained` keeps its weight files: one folder for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "calibrated"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def photos() -> np.ndarray:
    """Eight different crops of scikit-learn's two photos, uint8 (8, 224, 224, 3)."""
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    crops = [
        image[y : y + 224, x : x + 224]
        for image in (china, flower)
        for y, x in ((0, 0), (0, 300), (180, 100), (200, 400))
    ]
    return np.stack(crops)


@pytest.fixture(scope="session")
def pictures(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sixteen pictures of two classes: bright on the left, bright on the right."""
    small = photos[:, ::2, ::2].astype(np.float32)
    ramp = np.linspace(0.2, 1.0, small.shape[2])[None, None, :, None]
    left, right = small * ramp[:, :, ::-1], small * ramp
    return np.rint(np.concatenate([left, right])).astype(np.uint8), np.repeat([0, 1], len(small))


@pytest.fixture
def few_flowers(shared_data: Path, tmp_path: Path) -> Path:
    """Twelve photos of each of the five flowers, as a folder of class folders of one's own."""
    import shutil

    target = tmp_path / "few_flowers"
    for folder in sorted((shared_data / "flowers5").iterdir()):
        (target / folder.name).mkdir(parents=True)
        for file in sorted(folder.iterdir())[:12]:
            shutil.copy(file, target / folder.name / file.name)
    return target
