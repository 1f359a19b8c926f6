"""Networks: the architecture of a backbone, its pretrained weights, and its stages."""

from zoo.architectures.base import build_base

__all__ = ["build_base"]
