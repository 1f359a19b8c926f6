"""The backbone of tables, as a row of the catalog."""

from __future__ import annotations

from zoo.specs import BackboneSpec

SPECS = (
    BackboneSpec(
        name="table_mlp",
        summary="an embedding of each category beside the numbers, then dense layers; trained from random weights",
        family="MLP",
        paper="Guo and Berkhahn 2016, Entity Embeddings of Categorical Variables, arXiv 1604.06737",
        modality="table",
        builder="zoo_tables.network:build_mlp",
        builder_options={"units": [256, 128, 64], "dropout": 0.0, "activation": "silu"},
        intake_options={"kinds": {}, "drop": [], "min_count": 5},
        output="vector",
        pooling="own",
        recipe="table",
        portable=True,
        tags=("from scratch",),
    ),
)
