"""What layers are set to for the time of a phase, so that a start file can be written as it was before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def settings_of(layers: Sequence[Any]) -> list[tuple[Any, str, Any]]:
    """Return (layer, name, value) of what is another within a phase.

    Dropout of frozen stages is off then, and BatchNorm synchronized.
    """
    names = ("rate", "stddev", "synchronized")
    return [
        (layer, name, getattr(layer, name))
        for layer in layers
        for name in names
        if isinstance(getattr(layer, name, None), float | bool)
    ]


def put_back(values: Sequence[tuple[Any, str, Any]]) -> None:
    """Give each layer its value again."""
    for layer, name, value in values:
        setattr(layer, name, value)
