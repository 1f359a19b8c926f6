"""What is kept of each example to train a head that reads maps or tokens: how large it is, and where it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from zoo.compose import Composition
from zoo.errors import OptionError
from zoo.features.cache import features_root, free_disk
from zoo.settings import cache_limit, features_dtype


@dataclass(frozen=True)
class KeptMaps:
    """Maps or token sequences that a head is trained on.

    Attributes:
        shape: of one.
        count: examples and views.
        bytes: of all of them.
    """

    shape: tuple[int, ...]
    count: int
    bytes: int

    def __str__(self) -> str:
        size = f"{self.bytes / 1e9:.2f} GB" if self.bytes >= 1e9 else f"{self.bytes / 1e6:.1f} MB"
        return f"{' x '.join(map(str, self.shape))} numbers for each of {self.count:,} examples, {size}"

    def where(self, *, cache: bool) -> str:
        """Return where they are while the head is trained."""
        return f"kept in {features_root()}" if cache else "held in memory"

    def require_room(self, *, cache: bool) -> None:
        """Refuse maps that the cache cannot hold.

        Raises:
            OptionError: they are larger than the limit of the cache, or than the free disk.
        """
        free = free_disk()
        if not cache or self.bytes <= min(cache_limit(), free):
            return
        raise OptionError(
            f"this head reads maps, and they are kept while it is trained: {self}. The cache may hold "
            f"{cache_limit() / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB free. Raise "
            f"ZOO_CACHE_LIMIT or set ZOO_CACHE_DIR to another disk; ZOO_FEATURES=float16 needs half; a smaller "
            f"input_size= or a head that reads vectors needs less"
        )


def kept_maps(composition: Composition, count: int) -> KeptMaps | None:
    """Return what is kept to train a head that reads maps; None for a head that reads vectors.

    Args:
        composition: the model.
        count: examples and views.
    """
    shape = tuple(composition.features.output_shape[1:]) if composition.features is not None else ()
    if len(shape) < 2:
        return None
    return KeptMaps(shape, count, count * math.prod(shape) * np.dtype(features_dtype()).itemsize)
