"""How deep the way of `fit` is: what a newcomer has to step through until the first batch."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.testing.tiny import tiny_backbone, tiny_dataset

ZOO = Path(zoo.__file__).parent
MOST = 12


@pytest.mark.parametrize("recipe", [None, "probe", "head", "lp-ft"])
def test_the_first_batch_is_at_most_twelve_frames_away(
    recipe: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zoo.features.extraction
    import zoo.training.descent.sources

    dataset = tiny_dataset(count=24)
    stacks: list[list[str]] = []

    def watch(module: Any, name: str) -> None:
        really = getattr(module, name)

        def watched(*args: Any, **options: Any) -> Any:
            frames = [frame for frame in traceback.extract_stack() if Path(frame.filename).is_relative_to(ZOO)]
            stacks.append([f"{Path(frame.filename).relative_to(ZOO)}:{frame.name}" for frame in frames])
            return really(*args, **options)

        monkeypatch.setattr(module, name, watched)

    watch(zoo.features.extraction, "_computed")
    watch(zoo.training.descent.sources, "batches")
    model = zoo.build(tiny_backbone(), zoo.classifier(dataset.labels), preprocessing=None)
    model.fit(
        dataset, recipe=recipe, directory=tmp_path / "run", cache=False, verbose=0, validation=0.25, cached_prefix=False
    )
    assert stacks[0][0] == "model.py:fit"
    assert max(map(len, stacks)) <= MOST, max(stacks, key=len)
