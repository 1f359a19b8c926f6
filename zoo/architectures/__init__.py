"""Networks: the architecture of a backbone, its weights, and its stages; Keras is loaded at the first use of a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.lazy import lazily

if TYPE_CHECKING:
    from zoo.architectures.base import build_base
    from zoo.architectures.stages import Stage, find_stages, layer_table

__all__ = ["Stage", "build_base", "find_stages", "layer_table"]

__getattr__ = lazily(
    __name__,
    {
        "Stage": "zoo.architectures.stages",
        "build_base": "zoo.architectures.base",
        "find_stages": "zoo.architectures.stages",
        "layer_table": "zoo.architectures.stages",
    },
)
