"""What a modality can offer so that augmentations of its examples can be checked: examples that it makes up."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class DrawsExamples(Protocol):
    """A modality that can make up an example, on which the conformance kit tries augmentations.

    A class behind `Modality` that has this method is one; nothing else is needed.
    """

    def drawn(self, seed: int) -> Any:
        """Return an example as `read` returns one, with enough in it for a change to show.

        Args:
            seed: another one gives another example, the same one the same.
        """
        ...
