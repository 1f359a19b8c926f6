"""A learning rate for each stage, through `fit`."""

from __future__ import annotations

import numpy as np
from helpers.tiny import tiny_model

from zoo.specs import PhaseSpec, RecipeSpec

STEP = {"optimizer": "sgd", "schedule": "constant", "warmup": 0, "clip": None, "steps": 1, "batch_size": 12}


def movement(pictures, rate_of_the_last: float) -> dict[str, np.ndarray]:
    """How far each weight of the base went in one step of plain SGD, in double precision."""
    model = tiny_model()
    before = [np.asarray(w, np.float64) for w in model.composition.backbone.weights]
    phase = PhaseSpec(
        name="step", unfreeze=("stage1", "stage2"), learning_rate=0.01, stage_rates={"stage2": rate_of_the_last}, **STEP
    )
    model.fit(pictures, recipe=RecipeSpec([phase]), validation=None)
    stages = {id(w): stage.name for stage in model.composition.stages for layer in stage.layers for w in layer.weights}
    moved: dict[str, list[np.ndarray]] = {}
    for weight, old in zip(model.composition.backbone.weights, before, strict=True):
        moved.setdefault(stages[id(weight)], []).append((np.asarray(weight, np.float64) - old).ravel())
        moved.setdefault(f"weights of {stages[id(weight)]}", []).append(old.ravel())
    return {name: np.concatenate(values) for name, values in moved.items()}


def test_the_last_stage_at_ten_times_the_rate_moves_ten_times_as_far(pictures) -> None:
    same, ten = movement(pictures, 1.0), movement(pictures, 10.0)
    frozen = [name for name in ten if "weights" not in name and name not in ("stage1", "stage2")]
    assert not np.concatenate([ten[name] for name in frozen]).any()
    np.testing.assert_array_equal(ten["stage1"], same["stage1"])
    assert np.abs(same["stage2"]).max() > 1e-3
    # Weights are float32: each movement is known to half a unit in their last place, 2 ** -24 of weights up to 1.
    scale = max(1.0, np.abs(ten["weights of stage2"]).max())
    np.testing.assert_allclose(ten["stage2"], 10 * same["stage2"], rtol=1e-6, atol=11 * scale * 2.0**-24)
