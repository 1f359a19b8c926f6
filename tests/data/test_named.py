"""Datasets by name with options: in Python, as a mapping, and as the text by which a run loads them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data import load
from zoo.data.named import as_text, has_options
from zoo.errors import DataError, OptionError, UnknownNameError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for label, gray in (("dark", 10), ("light", 200)):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.fromarray(np.full((8, 8, 3), gray + number, np.uint8)).save(tmp_path / label / f"{number}.png")
    return tmp_path


def test_options_of_a_dataset_can_be_given_in_three_ways(photos: Path) -> None:
    named = zoo.dataset("image-folder", path=photos)
    mapping = load({"zoo_vision:image-folder": {"path": str(photos)}})
    assert named.source is not None
    again = load(named.source)
    assert named.labels == mapping.labels == again.labels == ("dark", "light")
    assert named.fingerprint() == mapping.fingerprint() == again.fingerprint() == load(photos).fingerprint()
    assert load({"image-folder": {"path": photos}}, labels=["light", "dark"]).labels == ("light", "dark")
    assert again.source == named.source


def test_options_are_checked(photos: Path) -> None:
    with pytest.raises(OptionError, match=r"path: Field required.*Known options: path"):
        zoo.dataset("image-folder")
    with pytest.raises(OptionError, match="paht"):
        zoo.dataset("image-folder", paht=photos)
    with pytest.raises(OptionError, match="'zoo_classics:digits' has no options; got side"):
        zoo.dataset("digits", side=3)
    with pytest.raises(UnknownNameError, match="image-folder"):
        zoo.dataset("image-fodler", path=photos)
    with pytest.raises(OptionError, match="have names"):
        load({"image-folder": {3: "x"}})


def test_what_looks_like_it_and_is_not_is_refused() -> None:
    with pytest.raises(DataError, match="no dataset with options"):
        load('{"image-folder": ')
    with pytest.raises(DataError, match="no dataset with options"):
        load('{"image-folder": 3}')
    with pytest.raises(DataError, match="cannot read data from dict"):
        load({"a": [1], "b": [2]})
    assert not has_options({"a": 3})
    assert as_text({"a": {"b": object()}}) is None


def test_numbers_of_numpy_are_options_too(photos: Path) -> None:
    assert as_text({"a": {"n": np.int64(3)}}) == '{"a": {"n": 3}}'
