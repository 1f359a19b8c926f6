"""`.keras`: the format that plain Keras loads, and the only one that can be trained further."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.export.formats.interface import Answer, no_quantization, output_names, side_by_side


class KerasFormat:
    """A `.keras` file with zoo's record as one more member.

    Args:
        quantize: must be None.
        samples: not used.
    """

    def __init__(self, quantize: str | None = None, samples: np.ndarray | None = None) -> None:
        no_quantization("keras", quantize)

    def write(self, model: Any, path: Path, record: Mapping[str, Any]) -> None:
        """Write the serving model; see `Format.write`."""
        from zoo.export.keras_file import save

        save(model, {key: value for key, value in record.items() if key != "code"}, path)

    def open(self, path: Path) -> Answer:
        """Return what the file answers in Keras; see `Format.open`."""
        from zoo.export.keras_file import read

        model, record = read(path)
        names = output_names(record)
        return lambda batch: side_by_side(model.predict_on_batch(np.asarray(batch, np.float32)), names)
