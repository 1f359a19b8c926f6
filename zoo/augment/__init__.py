"""Augmentation: random changes of training images, each a function of (seed, epoch, index); never in what is served."""

from zoo.augment.ops import Op, resolve, transform

__all__ = ["Op", "resolve", "transform"]
