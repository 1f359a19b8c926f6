"""One class a format, behind one protocol: it writes a model, and opens what it wrote in its own runtime."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from zoo.errors import OptionError, did_you_mean
from zoo.export.formats.interface import Answer, Cargo, Format, Quantization, needed

__all__ = ["EXTENSIONS", "Answer", "Cargo", "Format", "Quantization", "by_name", "name_of", "needed"]

_CLASSES = {
    "keras": "zoo.export.formats.keras_format:KerasFormat",
    "savedmodel": "zoo.export.formats.saved_model:SavedModel",
    "onnx": "zoo.export.formats.onnx_format:Onnx",
    "litert": "zoo.export.formats.litert:LiteRt",
    "openvino": "zoo.export.formats.openvino:OpenVino",
}
"""Name -> class, imported when used."""

EXTENSIONS = {".keras": "keras", ".onnx": "onnx", ".tflite": "litert", ".xml": "openvino"}
"""End of a file's name -> format; a folder is a SavedModel."""


def by_name(name: str, **options: Any) -> Format:
    """Return a format, zoo's own or that of a plugin.

    Args:
        name: "keras", "savedmodel", "onnx", "litert", "openvino", or the format of a plugin.
        **options: what zoo's own formats take: `quantize`, `samples`.

    Raises:
        OptionError: there is no such format, or it cannot do what the options say.
    """
    if name in _CLASSES:
        module, _, attribute = _CLASSES[name].partition(":")
        made: Callable[..., Format] = getattr(import_module(module), attribute)
        return made(**options)
    from zoo.errors import UnknownNameError
    from zoo.export.formats.of_plugin import OfPlugin
    from zoo.plugin import registry

    try:
        entry = registry().get("formats", name)
    except UnknownNameError as error:
        names = sorted([*_CLASSES, *(entry.name for entry in registry().entries("formats"))])
        raise OptionError(
            f"there is no format {name!r}.{did_you_mean(name, names)} Formats: {', '.join(names)}"
        ) from error
    if options.get("quantize") is not None:
        raise OptionError(
            f"quantize={options['quantize']!r}: the format {entry.id!r} has no quantization that zoo knows"
        )
    return OfPlugin(entry)


def name_of(path: Path) -> str:
    """Return the name of the format that a file or folder has, by its name.

    Raises:
        OptionError: no format has files of that name.
    """
    if path.is_dir() or not path.suffix:
        return "savedmodel"
    if path.suffix in EXTENSIONS:
        return EXTENSIONS[path.suffix]
    from zoo.plugin import registry

    fitting = [entry for entry in registry().entries("formats") if path.name.endswith(entry.spec.extension)]
    if len(fitting) == 1:
        return str(fitting[0].id)
    raise OptionError(
        f"{path.name!r}: which format is that? The name of a file ends in {', '.join(EXTENSIONS)}, a folder is a "
        f"SavedModel; or say it, format='onnx'"
    )
