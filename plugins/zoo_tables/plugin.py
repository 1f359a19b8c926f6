"""The hooks of zoo_tables."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import BackboneSpec, ModalitySpec, RecipeSpec


@hookimpl
def zoo_modalities() -> tuple[ModalitySpec, ...]:
    """Tables, and arrays as they are."""
    from zoo_tables import rows, vectors

    return rows.SPECS + vectors.SPECS


@hookimpl
def zoo_backbones() -> tuple[BackboneSpec, ...]:
    """The network of tables."""
    from zoo_tables.backbones import SPECS

    return SPECS


@hookimpl
def zoo_recipes() -> tuple[RecipeSpec, ...]:
    """How it is trained."""
    from zoo_tables.recipes import SPECS

    return SPECS
