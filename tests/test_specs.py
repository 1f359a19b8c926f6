"""The vocabulary: strict, frozen, and exported as a JSON schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from tools.build_schema import RUN_TARGET, TARGET, run_text, text
from zoo.specs import Catalog, HeadSpec, Preprocessing, WeightSource

ROOT = Path(__file__).parent.parent


def test_unknown_fields_bad_names_and_changes_are_refused() -> None:
    good = {"name": "owls", "factory": "zoo_birds.heads:build"}
    spec = HeadSpec.model_validate(good)
    with pytest.raises(ValidationError, match="frozen"):
        spec.name = "wrens"
    for wrong in ({"color": "gray"}, {"name": "Owls!"}, {"factory": "os.system"}, {"task": "magic"}):
        with pytest.raises(ValidationError):
            HeadSpec.model_validate(good | wrong)


def test_specs_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValidationError, match="channels"):
        Preprocessing(mean=(0.0,), std=(1.0, 1.0))
    with pytest.raises(ValidationError, match="positive"):
        Preprocessing(std=(1.0, 0.0, 1.0))
    row = {"id": "a", "filename": "a.h5", "format": "keras-h5", "includes_top": False, "license": "MIT"}
    row |= {"license_source": "x", "trained_on": "x"}
    with pytest.raises(ValidationError, match="https"):
        WeightSource.model_validate(row | {"kind": "url", "url": "http://example.org/a.h5"})
    with pytest.raises(ValidationError, match="distribution"):
        WeightSource.model_validate(row | {"kind": "wheel"})


@pytest.mark.parametrize(
    "file",
    [
        "registry.json",
        *(
            f"plugins/{p}/zoo-plugin.json"
            for p in ("zoo_vision", "zoo_flowers", "zoo_classics", "zoo_tables", "zoo_video")
        ),
    ],
)
def test_the_catalog_and_every_manifest_fit_the_vocabulary(file: str) -> None:
    Catalog.model_validate(json.loads((ROOT / file).read_text(encoding="utf-8")))


def test_the_exported_schema_is_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == text(), "run: python -m tools.build_schema"
    assert RUN_TARGET.read_text(encoding="utf-8") == run_text(), "run: python -m tools.build_schema"
