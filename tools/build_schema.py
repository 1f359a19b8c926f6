"""Writes docs/schema.json: the JSON schema of registry.json and of plugin manifests.

Run: python -m tools.build_schema
"""

from __future__ import annotations

import json
from pathlib import Path

from zoo.specs import json_schema

TARGET = Path(__file__).parent.parent / "docs" / "schema.json"


def text() -> str:
    """The schema as it is written."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
