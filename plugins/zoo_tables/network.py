"""The network of tables: an embedding of each category beside the numbers, then dense layers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from zoo.errors import OptionError

if TYPE_CHECKING:
    from zoo_tables.intake import TableIntake


def build_mlp(
    intake: TableIntake, *, units: tuple[int, ...] = (256, 128, 64), dropout: float = 0.0, activation: str = "silu"
) -> Any:
    """Return the network, from what the intake's front gives (n, d) to a vector (n, units[-1]).

    Args:
        intake: says which columns are numbers and how many categories the others have.
        units: width of each dense layer, at least 1.
        dropout: share of units dropped after each layer while training, 0 to 1.
        activation: Keras activation of the layers.

    Raises:
        OptionError: an option has a value that cannot be used.
    """
    import keras

    if not units or min(units) < 1 or not 0 <= dropout < 1:
        raise OptionError(f"units={list(units)} and dropout={dropout} must be widths from 1, and a share below 1")
    inputs = keras.Input(intake.array_shape, name="columns")
    plain = intake.plain_width or (0 if intake.categories else 1)
    parts = [inputs[:, :plain]] if plain else []
    for place, column in enumerate(intake.categories, plain):
        size = len(column.categories) + 1
        # Whole numbers before any layer: half precision would round codes from 2048.
        code = keras.ops.cast(inputs[:, place], "int32")
        parts.append(keras.layers.Embedding(size, width_of(size), name=f"embedding_{_slug(column.name, place)}")(code))
    x = keras.layers.Concatenate(name="row")(parts) if len(parts) > 1 else parts[0]
    for number, width in enumerate(units, 1):
        x = keras.layers.Dense(width, activation=activation, name=f"dense{number}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout{number}")(x)
    return keras.Model(inputs, x, name="table_mlp")


def width_of(size: int) -> int:
    """Return how long the vectors of some categories are: 1.6 n^0.56, at most 50 (fastai's rule)."""
    return int(min(50, max(2, round(1.6 * size**0.56))))


def _slug(name: str, place: int) -> str:
    """A column's name as part of a layer's; its place keeps two apart."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or f"column{place}"
