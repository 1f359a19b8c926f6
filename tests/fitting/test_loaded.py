"""Models that come from a file go on as those that were built."""

from __future__ import annotations

from pathlib import Path

import zoo
from zoo.specs import PhaseSpec, RecipeSpec


def test_what_is_frozen_in_a_file_trains_in_a_later_fit(tmp_path: Path) -> None:
    """The variables of a loaded base must be ones whose gradients are looked at."""
    from zoo.testing.tiny import tiny_backbone, tiny_dataset

    data = tiny_dataset(count=24)
    model = zoo.build(tiny_backbone(), zoo.classifier(data.labels), preprocessing=None)
    model.fit(data, recipe="probe", directory=tmp_path / "first", verbose=0)
    loaded = zoo.load(model.save(tmp_path / "m.keras"))
    tune = PhaseSpec(name="tune", solver="gradient", unfreeze=1, epochs=1, batch_size=8, keep="last")
    recipe = RecipeSpec(name="tuned", phases=(PhaseSpec(name="probe", solver="convex"), tune))
    run = loaded.fit(data, recipe=recipe, cached_prefix=False, directory=tmp_path / "run", verbose=0)
    base = [item for item in run.receipts if item.trains and item.stage != "head"]
    assert {item.says for item in base} == {"trained"}
