"""What a modality can offer where another one has files with the same endings: to say which of them are its own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class SharesEndings(Protocol):
    """A modality that knows its examples from those of another one by their content: a GIF that moves is a clip.

    A class behind `Modality` that has this method is one; nothing else is needed.
    """

    def claims(self, path: str | Path) -> bool:
        """Return whether a file is an example of this modality.

        Args:
            path: a file whose ending is that of examples of another modality too.
        """
        ...
