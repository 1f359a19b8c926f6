"""Augmentation: random changes of training images, each a function of (seed, epoch, index); never in what is served."""

from zoo.augment.ops import Op, check_boxes_follow, resolve, transform

__all__ = ["Op", "check_boxes_follow", "resolve", "transform"]
