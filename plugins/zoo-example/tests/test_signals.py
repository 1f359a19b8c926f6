"""The modality `signal`: each check names the failure that it prevents; and what its networks give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from zoo.errors import DataError
from zoo.testing import ModalityConformance

from zoo_example.signals import SignalIntake, Signals


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("1,2,3,4\n5,6,7\n")
    (tmp_path / "two.csv").write_text("9,8,7,6,5\n")
    TestSignals.folder = tmp_path


class TestSignals(ModalityConformance):
    name = "zoo_example:signal"
    options = {"length": 16}  # noqa: RUF012
    folder = Path()

    def source(self) -> Path:
        """Three signals in two files."""
        return self.folder


def test_a_signal_is_cut_or_filled_with_the_mean() -> None:
    intake = SignalIntake(length=8, mean=5.0, deviation=2.0)
    assert intake.shape(np.arange(3, dtype=np.float32)).tolist() == [0, 1, 2, 5, 5, 5, 5, 5]
    assert intake.shape(np.arange(20, dtype=np.float32)).tolist() == list(range(8))


def test_the_numbers_of_the_training_part() -> None:
    intake = Signals().fit([np.array([1, 2], np.float32), np.array([6], np.float32)], {"length": 8})
    assert (intake.mean, intake.deviation) == (3.0, pytest.approx(np.std([1, 2, 6])))


@pytest.mark.parametrize("item", ["hum", [[1, 2]], [], [1, float("nan")], None])
def test_what_is_no_signal(item: object) -> None:
    with pytest.raises(DataError):
        Signals().take(item)
