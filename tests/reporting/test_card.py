"""The model card: facts on record and nothing else; licenses that clash are named; foreign text stays text."""

from __future__ import annotations

import pytest
import yaml
from helpers.tiny_onnx import record

from zoo.errors import OptionError
from zoo.reporting.card import card, conflicts
from zoo.specs.record import ModelRecord


def model_record(**identity: str) -> ModelRecord:
    content = {key: value for key, value in record().items() if key in ModelRecord.model_fields}
    return ModelRecord.model_validate({**content, "identity": {**content["identity"], **identity}})


def front(text: str) -> dict[str, object]:
    loaded = yaml.safe_load(text.split("---\n")[1])
    assert isinstance(loaded, dict)
    return loaded


def test_what_is_not_on_record_is_left_out() -> None:
    text = card(model_record())
    assert front(text) == {
        "library_name": "keras",
        "tags": ["zoo", "transfer-learning", "image"],
        "pipeline_tag": "image-classification",
    }
    assert "Not measured by the training" in text
    assert "To be written by the author" in text
    assert "None" not in text


def test_foreign_text_stays_text() -> None:
    text = card(model_record(), name="<img src=x onerror=alert(1)>\n# [x](javascript:y) | `z`", license="mit")
    assert "<img" not in text
    assert "\n# [x]" not in text
    assert "\\[x\\](javascript:y) \\| \\`z\\`" in text
    assert front(text)["license"] == "mit"
    with pytest.raises(OptionError, match="license="):
        card(model_record(), license="mit\nx: !!python/object:os.system")


def test_licenses_that_clash_are_named() -> None:
    from zoo.plugin import registry

    entries = registry().entries("backbones")
    limited = next(
        (entry, source) for entry in entries for source in entry.spec.weights if source.license == "CC-BY-NC-4.0"
    )
    entry, source = limited
    made = model_record(backbone=entry.id, weights=source.id)
    (sentence,) = conflicts(made, None, "apache-2.0")
    assert "pretrained weights (CC-BY-NC-4.0) forbids commercial use, which 'apache-2.0' allows" in sentence
    assert conflicts(made, None, "cc-by-nc-4.0") == []
    assert sentence in card(made, license="apache-2.0").replace("\\_", "_")
    free = model_record(backbone="zoo:efficientnet_lite0", weights="imagenet")
    assert conflicts(free, None, "apache-2.0") == []
