"""Rows of the modalities that plugins provide; read from manifests, so that asking imports none of them."""

from __future__ import annotations

from zoo.errors import PluginError
from zoo.plugin.manager import manager
from zoo.registry import Entry
from zoo.specs import ModalitySpec


def provided() -> list[ModalitySpec]:
    """Return the rows of all modalities."""
    return [entry.spec for entry in manager().registry().entries("modalities")]


def has_pictures(modality: str) -> bool:
    """Return whether the examples of a modality are pictures: uint8 (height, width, 3)."""
    return any(spec.pictures for spec in provided() if spec.name == modality)


def assumed() -> str:
    """Return the modality that data are taken for of which nothing is said: arrays, lists of files, streams.

    Raises:
        PluginError: no plugin that is at work provides one whose examples are pictures.
    """
    entries: list[Entry] = [entry for entry in manager().registry().entries("modalities") if entry.spec.pictures]
    if not entries:
        raise PluginError("no plugin that is at work provides pictures: zoo's own does (zoo plugins list, zoo doctor)")
    own = [entry for entry in entries if entry.provider.first_party]
    return (own or entries)[0].name
