"""What a modality is: how one example is read, shaped, shown and checked. None is defined here."""

from __future__ import annotations

from zoo.modality.intake import Intake

__all__ = ["Intake"]
