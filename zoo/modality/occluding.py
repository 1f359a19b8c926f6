"""What a modality can offer so that reports explain an answer: an example without each of its parts, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Occludes(Protocol):
    """A modality whose examples have parts that can be left out: the words of a text.

    A class behind `Modality` that has this method is one; nothing else is needed. A report then says which parts of an
    example speak for the answer: those without which its score falls most.
    """

    def without(self, example: Any) -> Iterator[tuple[str, Any]]:
        """Yield the name of each part, as people read it, and the example without it.

        Args:
            example: as the modality reads it. Of one with very many parts some hundred are enough.
        """
        ...
