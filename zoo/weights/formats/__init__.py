"""Weight files as data: which format the bytes are of, and one reader for each.

Formats are told by what is inside a file and never by its name: `.h5`, `.hdf5` and `.weights.h5` of Keras, whole
`.keras` files, `.safetensors`, state dicts of PyTorch (`.pth`, `.pt`), `.npz`, and `.onnx`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from zoo.errors import UnsafeFileError, WeightsError
from zoo.untrusted import opened_archive, regular_file, shown

__all__ = ["EXTENSIONS", "NAMES", "Format", "check_format", "format_of"]

Format = Literal["keras-h5", "keras-file", "torch-pth", "safetensors", "npz", "onnx"]
"""How the bytes of a weight file are laid out."""

NAMES: dict[Format, str] = {
    "keras-h5": "an HDF5 file",
    "keras-file": "a .keras file",
    "torch-pth": "a PyTorch file",
    "safetensors": "a safetensors file",
    "npz": "an .npz file",
    "onnx": "an ONNX file",
}
"""What a file of each format is called in messages."""

EXTENSIONS = (".h5", ".hdf5", ".weights.h5", ".keras", ".safetensors", ".pth", ".pt", ".npz", ".onnx")
"""Endings of names by which `weights=` is taken for a file that may be missing; the content decides the format."""


def format_of(path: Path) -> Format | None:
    """Return the format of a file by its content.

    Args:
        path: the file.

    Returns:
        The format; None: it is none that zoo reads.

    Raises:
        OSError: the file cannot be read.
    """
    if not regular_file(path):
        return None
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "keras-h5"
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if head.startswith(b"\x80\x02"):
        return "torch-pth"
    if head[8:9] == b"{":  # eight bytes say how long the header is, and the header is JSON
        return "safetensors"
    # A protocol buffer whose first field is a small version; then the name of its maker, the graph, or the operators.
    if head[:1] == b"\x08" and 3 <= head[1] <= 32 and head[2:3] in (b"\x12", b"\x3a", b"\x42"):
        return "onnx"
    return None


def _archive(path: Path) -> Format | None:
    """The format of a zip archive by its members."""
    try:
        with opened_archive(path, lambda name: 1 << 40) as archive:
            names = archive.names
    except UnsafeFileError:
        # Damaged: by its suffix, so that its reader says what is wrong with it.
        suffixes: dict[str, Format] = {".keras": "keras-file", ".npz": "npz"}
        return suffixes.get(path.suffix.lower(), "torch-pth")
    if "config.json" in names and "model.weights.h5" in names:
        return "keras-file"
    if any(name.endswith("data.pkl") for name in names):
        return "torch-pth"
    return "npz" if names and all(name.endswith(".npy") for name in names) else None


def check_format(path: Path, layout: Format, name: str) -> None:
    """Refuse a file whose content is not of its format.

    Args:
        path: the file.
        layout: the format it should have.
        name: what the file is called in the message.

    Raises:
        WeightsError: for instance when a web page was saved in place of the weights.
    """
    if format_of(path) == layout:
        return
    with path.open("rb") as file:
        head = file.read(16)
    raise WeightsError(
        f"{name} is not {NAMES[layout]}: it starts with {shown(head)}. Get the file again, or name another one."
    )
