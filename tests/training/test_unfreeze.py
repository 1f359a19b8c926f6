"""model.freeze, model.unfreeze and model.trainable_report: what they set, what they say, and what the next fit does."""

from __future__ import annotations

import math

import pytest
from helpers.tiny import tiny_model

from zoo.errors import OptionError
from zoo.specs import PhaseSpec, RecipeSpec


@pytest.fixture
def model():
    return tiny_model()


def test_what_is_unfrozen_trains_and_the_report_says_so(model, pictures) -> None:
    names = [stage.name for stage in model.composition.stages]
    model.freeze(until=names[-3])
    before = {row["stage"]: row for row in model.trainable_report()}
    assert [name for name in names if before[name]["trainable"]] == names[-2:]
    assert {row["batchnorm"] for row in before.values()} == {"frozen", "none"}
    backbone = model.composition.backbone
    assert sum(row["parameters"] for name, row in before.items() if name != "head") == backbone.count_params()
    trainable = sum(math.prod(weight.shape) for weight in backbone.trainable_weights)
    assert sum(row["trainable"] for name, row in before.items() if name != "head") == trainable > 0
    run = model.fit(pictures, epochs=1, batch_size=8, validation=None)
    trained = {item.stage for item in run.receipts if item.says == "trained"}
    assert trained == {*names[-2:], "head"}
    assert not [text for text in run.notices if "by hand" in text]
    assert list(model.trainable_report()) == list(before.values())  # and stays so after the fit
    with pytest.raises(
        OptionError, match=f"{names[-2]}, {names[-1]} were unfrozen, and recipe 'probe' trains no stage"
    ):
        model.fit(pictures, recipe="probe")
    model.freeze()
    assert {row["trainable"] for row in model.trainable_report() if row["stage"] != "head"} == {0}
    model.unfreeze(names[1])
    assert [row["stage"] for row in model.trainable_report() if row["trainable"]] == [names[1], "head"]
    model.unfreeze()
    assert all(row["trainable"] for row in model.trainable_report() if row["parameters"])
    with pytest.raises(OptionError, match="no stage 'stage9'"):
        model.unfreeze("stage9")


def test_the_report_of_a_recipe_has_the_rate_of_every_stage(model) -> None:
    top, below = model.composition.stages[-1].name, model.composition.stages[-2].name
    phase = PhaseSpec(name="tune", unfreeze=2, epochs=1, learning_rate=0.01, stage_rates={top: 10.0}, batchnorm="adapt")
    rows = {row["stage"]: row for row in model.trainable_report(RecipeSpec([phase]))}
    assert rows[top]["learning_rate"] == pytest.approx(0.1)
    assert rows[below]["learning_rate"] == rows["head"]["learning_rate"] == 0.01
    assert rows[top]["batchnorm"] == rows[below]["batchnorm"] == "trains"
    assert rows["stem"] | {"layers": 0, "parameters": 0} == {
        "stage": "stem",
        "layers": 0,
        "parameters": 0,
        "trainable": 0,
        "learning_rate": None,
        "batchnorm": "frozen",
    }
    assert model.trainable_report(RecipeSpec([phase])).render()
    with pytest.raises(OptionError, match="solves the head exactly"):
        model.trainable_report("probe")
