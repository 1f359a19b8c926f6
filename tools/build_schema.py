"""Writes docs/schema.json and docs/run_schema.json: the JSON schemas of catalogs and manifests, and of run.json.

Run: python -m tools.build_schema
"""

from __future__ import annotations

import json
from pathlib import Path

from zoo.specs import json_schema
from zoo.specs.record import RunRecord

TARGET = Path(__file__).parent.parent / "docs" / "schema.json"


RUN_TARGET = TARGET.with_name("run_schema.json")


def text() -> str:
    """Return the schema of catalogs as it is written."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def run_text() -> str:
    """Return the schema of run.json as it is written."""
    return json.dumps(RunRecord.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    RUN_TARGET.write_text(run_text(), encoding="utf-8")
