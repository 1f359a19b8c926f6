"""What a modality can offer whose examples may be folders of files that another modality reads one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class ClaimsFolders(Protocol):
    """A modality that sees by their content whether folders are its examples: frames of a clip, or photos of their own.

    A class behind `Modality` that has this method is one; `ModalitySpec.folder_extensions` says which folders it is
    asked about. A modality without it is never seen in folders, and has to be named.
    """

    def claims_folders(self, folders: Sequence[Path]) -> bool:
        """Return whether these folders are examples, beyond doubt.

        Args:
            folders: some of a data set, two or more; each holds files of `folder_extensions`, and no folders.
        """
        ...
