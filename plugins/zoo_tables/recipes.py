"""How the network of tables is trained."""

from __future__ import annotations

from zoo.specs import PhaseSpec, RecipeSpec

SPECS = (
    RecipeSpec(
        name="table",
        summary="everything from random weights, with weight decay",
        phases=(
            PhaseSpec(
                name="scratch",
                unfreeze="all",
                batchnorm="train",
                epochs=20,
                batch_size=64,
                optimizer="adamw",
                weight_decay=0.01,
                learning_rate=2e-3,
            ),
        ),
        source="measured on HDB resale prices, see docs/tables_of_rows.md",
    ),
)
