"""Models as files: the `.keras` format, labels inside."""

from __future__ import annotations

from zoo.export.keras_file import read, recorded, save

__all__ = ["read", "recorded", "save"]
