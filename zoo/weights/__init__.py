"""Sources of pretrained weights and the verified, content-addressed local store."""

from __future__ import annotations

from zoo.fetching.files import Progress
from zoo.fetching.transfer import TransferPolicy
from zoo.weights.choice import resolve
from zoo.weights.door import fetch, installed_file
from zoo.weights.store import Store
from zoo.weights.stored import StoredFile

__all__ = ["Progress", "Store", "StoredFile", "TransferPolicy", "fetch", "installed_file", "resolve"]
