"""Records of runs that nobody made, for what reads records."""

from __future__ import annotations

from typing import Any

from zoo.specs import PhaseSpec, RecipeSpec
from zoo.specs.record import DataFacts, DataSource, Identity, Parameters, Plan, Results, RunRecord


def a_plan(**changes: Any) -> Plan:
    """A plan with one phase on a head."""
    fields: dict[str, Any] = {
        "recipe": RecipeSpec([PhaseSpec(name="head", epochs=1)]),
        "seed": 0,
        "data": DataSource(source=None, fingerprint="f" * 64),
        "validation": 0.2,
        "test": 0,
        "cache": True,
        "model": Identity(backbone="zoo:tiny", provider="nobody", weights="given", features="avg", head="linear"),
    }
    return Plan(**fields | changes)


def a_record(*, plan: Plan | None = None, lint: Any = None, **changes: Any) -> RunRecord:
    """A finished run."""
    plan = plan or a_plan()
    results = Results(
        data=DataFacts(name="photos", fingerprint="f" * 64, train=8, validation=2, test=0),
        lint=lint,
        intake={"kind": "image", "size": 32},
        parameters=Parameters(total=10, trained=1),
    )
    fields: dict[str, Any] = {
        "zoo": "0.1",
        "state": "finished",
        "started": "2026-11-30T00:00:00+00:00",
        "plan": plan,
        "plan_sha256": plan.sha256,
        "results": results,
    }
    return RunRecord(**fields | changes)
