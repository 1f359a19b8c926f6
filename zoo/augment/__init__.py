"""Augmentation: random changes of training images, each a function of (seed, epoch, index); never in what is served."""

from zoo.augment.in_graph import check_in_graph
from zoo.augment.ops import InGraph, Op, check_boxes_follow, resolve, transform

__all__ = ["InGraph", "Op", "check_boxes_follow", "check_in_graph", "resolve", "transform"]
