"""Networks: the architecture of a backbone, its pretrained weights, and its stages."""

from zoo.architectures.base import build_base
from zoo.architectures.stages import Stage, find_stages, layer_table

__all__ = ["Stage", "build_base", "find_stages", "layer_table"]
