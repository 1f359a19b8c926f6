"""OpenVINO (`.xml` with `.bin` beside it): for Intel processors; only where the package openvino is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import OptionError, UnsafeFileError
from zoo.export.formats.interface import Answer, needed, no_quantization, output_names, side_by_side


class OpenVino:
    """Two files, the graph and its weights; what travels lies in a third beside them.

    Args:
        quantize: must be None.
        samples: not used.
    """

    companions = (".bin",)
    """Ends of the names of the files that belong to one, in place of `.xml`."""

    def __init__(self, quantize: str | None = None, samples: np.ndarray | None = None) -> None:
        no_quantization("openvino", quantize)
        needed("OpenVINO", "openvino", extra="openvino")

    def write(self, model: Any, path: Path, record: Mapping[str, Any]) -> None:
        """Write the model; see `Format.write`.

        Raises:
            OptionError: it holds an operation that OpenVINO lacks.
        """
        try:
            model.export(path, format="openvino", verbose=False)
        except Exception as error:  # the converter raises whatever a graph it does not know provokes
            line = (str(error).splitlines() or [type(error).__name__])[0]
            raise OptionError(f"this model cannot be written as OpenVINO: {line[:300]}") from error

    def open(self, path: Path) -> Answer:
        """Return what the files answer in OpenVINO; see `Format.open`."""
        import openvino

        try:
            compiled = openvino.Core().compile_model(str(path), "CPU")
        except RuntimeError as error:
            raise UnsafeFileError(f"{path} is damaged, or no model of OpenVINO: {str(error)[:200]}") from error
        names = output_names({"outputs": [{"name": f"{index}"} for index in range(len(compiled.outputs))]})
        return lambda batch: side_by_side([compiled(batch)[output] for output in compiled.outputs], names)
