"""Groups by a pattern in the names of files."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.data.naming import by_pattern
from zoo.errors import OptionError


def test_what_the_parentheses_match_is_the_group():
    names = ["a/3_anna_07.wav", "b_x_c/4_ben_1.wav", "plain.wav"]
    assert by_pattern("_([^_]+)_", names) == ["anna", "ben", ""]
    assert by_pattern("anna|ben", names) == ["anna", "ben", ""]
    for pattern, message in (("(", "no regular expression"), ("zoe", "in no name")):
        with pytest.raises(OptionError, match=message):
            by_pattern(pattern, names)


def test_a_dataset_keeps_them_on_one_side():
    data = zoo.Arrays(np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1], labels=("a", "b"))
    grouped = data.grouped("name:([01])|([23])")
    assert grouped.groups == ("0", "1", "", "")
    with pytest.raises(OptionError, match="nor a column"):
        data.grouped("nme:x")
