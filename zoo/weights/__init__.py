"""Sources of pretrained weights and the verified, content-addressed local store."""

from __future__ import annotations

from zoo.weights.choice import resolve
from zoo.weights.door import fetch
from zoo.weights.files import Progress, StoredFile
from zoo.weights.store import Store
from zoo.weights.transfer import TransferPolicy

__all__ = ["Progress", "Store", "StoredFile", "TransferPolicy", "fetch", "resolve"]
