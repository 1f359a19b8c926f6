"""The yardstick on raw pixels: scikit-learn's digits, and the errors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from zoo.data import Arrays
from zoo.errors import DataError
from zoo.evaluation import raw_baseline


@pytest.fixture(scope="module")
def digits() -> Arrays:
    source = load_digits()
    return Arrays(np.round(source.images * 255 / 16).astype(np.uint8), source.target, name="digits")


def test_digits_reach_the_known_figure(digits: Arrays) -> None:
    train, test = train_test_split(np.arange(1797), test_size=0.2, random_state=0, stratify=digits.targets)
    accuracy = raw_baseline(digits, train, test, seed=0)
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x = load_digits().data
    scaler = StandardScaler().fit(x[train])
    reference = LogisticRegression(C=0.1, max_iter=500).fit(scaler.transform(x[train]), digits.targets[train])
    assert accuracy >= 0.95
    assert accuracy == pytest.approx(reference.score(scaler.transform(x[test]), digits.targets[test]), abs=0.015)
    assert raw_baseline(digits, train, test, seed=0) == accuracy


def test_shuffled_labels_are_at_chance(digits: Arrays) -> None:
    shuffled = Arrays(
        np.stack([digits.image(index)[..., 0] for index in range(600)]),
        np.random.default_rng(0).permutation(digits.targets[:600]),
    )
    assert raw_baseline(shuffled, np.arange(400), np.arange(400, 600)) < 0.2


def test_size_is_the_images_own_or_the_one_asked(digits: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    import zoo.features.probe as room

    real = room.fit_probe
    monkeypatch.setattr(
        room, "fit_probe", lambda values, *a, **k: widths.append(values.shape[1]) or real(values, *a, **k)
    )
    train, test = np.arange(100), np.arange(100, 150)
    raw_baseline(digits, train, test)
    raw_baseline(digits, train, test, size=4)
    assert widths == [8 * 8 * 3, 4 * 4 * 3]


def test_without_classes_or_images_it_says_so(digits: Arrays) -> None:
    unlabeled = Arrays(np.full((4, 8, 8), 200, np.uint8), name="nameless")
    with pytest.raises(DataError, match="nameless has no class"):
        raw_baseline(unlabeled, np.array([0, 1]), np.array([2]))
    with pytest.raises(DataError, match="got 2 and 0"):
        raw_baseline(digits, np.array([0, 1]), np.array([], int))


def test_importing_the_room_stays_light() -> None:
    code = (
        "import sys, zoo.evaluation; "
        "print([name for name in ('keras', 'tensorflow', 'sklearn', 'scipy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
