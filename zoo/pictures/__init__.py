"""Pictures, for whoever reads them: one decoder, one resize rule, the forms they come in, and their shades of gray.

A plugin whose examples are pictures, or hold some, imports these; they import NumPy and Pillow only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.lazy import lazily

if TYPE_CHECKING:
    from zoo.pictures.colors import gray, gray_in_graph, in_colors
    from zoo.pictures.forms import digest_of_picture, picture, png_of
    from zoo.pictures.reading import MAX_PIXELS, UnreadableImageError, decode, resize

__all__ = [
    "MAX_PIXELS",
    "UnreadableImageError",
    "decode",
    "digest_of_picture",
    "gray",
    "gray_in_graph",
    "in_colors",
    "picture",
    "png_of",
    "resize",
]

__getattr__ = lazily(
    __name__,
    {
        "MAX_PIXELS": "zoo.pictures.reading",
        "UnreadableImageError": "zoo.pictures.reading",
        "decode": "zoo.pictures.reading",
        "digest_of_picture": "zoo.pictures.forms",
        "gray": "zoo.pictures.colors",
        "gray_in_graph": "zoo.pictures.colors",
        "in_colors": "zoo.pictures.colors",
        "picture": "zoo.pictures.forms",
        "png_of": "zoo.pictures.forms",
        "resize": "zoo.pictures.reading",
    },
)
