"""Checks the config of a `.keras` file before Keras sees it: classes from a list, sizes within reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo.errors import UnsafeFileError
from zoo.export.known_classes import DATA, activations, keras_class
from zoo.untrusted import shown

MOST_UNITS = 1_000_000
"""A file that describes a wider layer than this is a bomb, not a model."""

MOST_LAYERS = 20_000
"""Objects that a config describes; the largest of keras.applications has 5,000."""

_WIDTHS = {
    **dict.fromkeys(("units", "filters", "vocabulary_size", "input_dim", "output_dim", "max_tokens"), MOST_UNITS),
    **dict.fromkeys(("fft_length", "sequence_length", "frame_length", "frame_step", "num_mel_bins"), 8192),
}
"""Keys of sizes, and the largest; filters of Fourier transforms are made when a layer is built, not read."""

_LARGEST = 1 << 24
"""Of every other whole number of a config, but for those that are no sizes."""

_NO_SIZES = frozenset({"seed", "salt", "vocabulary", "shared_object_id"})

_DTYPES = frozenset({"bool", "float16", "bfloat16", "float32", "float64"}) | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}

_FROM_FILES = ("vocabulary", "idf_weights")
"""What lookup layers read from a file, or from an address, when it is a text."""


class UnknownClassError(UnsafeFileError):
    """A class that is neither of Keras nor registered. `module`: where the file says it comes from."""

    def __init__(self, module: str, message: str) -> None:
        super().__init__(message)
        self.module = module


def check_config(config: Any) -> bool:
    """Check that a config names nothing but parts of Keras that are known to be harmless, or classes registered here.

    What a name means is decided as Keras does, whatever its own setting of what is unsafe: a class or function that
    this process registered with Keras first, then the module and the name.

    Args:
        config: what the member `config.json` holds.

    Returns:
        Whether it names classes or functions that this process registered, which are not Keras's.

    Raises:
        UnsafeFileError: it names something else, or describes sizes beyond reason.
    """
    registered, layers = False, 0
    for key, value in _values(config):
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            _check_size(key, value)
        elif isinstance(value, dict) and "class_name" in value:
            layers += 1
            registered |= _check_object(value)
            if layers > MOST_LAYERS:
                raise UnsafeFileError(f"it describes more than {MOST_LAYERS} objects")
        elif isinstance(value, dict) and "registered_name" in value:
            raise UnsafeFileError("it describes an object without a class")
    return registered


def _values(config: Any) -> Iterator[tuple[str, Any]]:
    """Every value with the key it stands under; what is in a list stands under the key of the list."""
    todo: list[tuple[str, Any]] = [("", config)]
    while todo:
        key, value = todo.pop()
        yield key, value
        if isinstance(value, dict):
            todo += value.items()
        elif isinstance(value, list):
            todo += [(key, item) for item in value]


def _check_size(key: str, value: float) -> None:
    limit = _WIDTHS.get(key)
    if limit is None and (isinstance(value, float) or key in _NO_SIZES):
        return
    if abs(value) > (limit or _LARGEST):
        raise UnsafeFileError(f"it describes a layer with {shown(key)[1:-1]}={shown(value)}")


def _check_object(node: dict[str, Any]) -> bool:
    """Whether the class or function of a node is one that this process registered.

    Raises:
        UnsafeFileError: it is neither that nor one of Keras that is allowed.
    """
    import keras

    name, module = node["class_name"], node.get("module")
    if not isinstance(name, str) or not isinstance(module, str | None):
        raise UnsafeFileError("it describes an object whose class is not a name")
    if name in DATA:
        _check_data(name, node.get("config"))
        return False
    called = node.get("config") if name == "function" else node.get("registered_name", name)
    if not isinstance(called, str | None):
        raise UnsafeFileError("it describes a function that is not named")
    if called and keras.saving.get_registered_object(called) is not None:
        return True
    _check_known(node, name, module, called)
    return False


def _check_known(node: dict[str, Any], name: str, module: str | None, called: str | None) -> None:
    """A class or function that this process did not register must be one of Keras that is allowed."""
    if name == "function":
        if module != "builtins" or called not in activations():
            raise UnsafeFileError(f"it names the function {shown(called)}, which is not an activation of Keras")
        return
    if keras_class(module or "", name) is None:
        raise UnknownClassError(
            module or "",
            f"it holds a {shown(name)} of {shown(module)}, which is not among the parts of Keras that hold data only, "
            f"and nothing here registered it with Keras",
        )
    config = node.get("config")
    if not isinstance(config, dict):
        raise UnsafeFileError(f"it holds a {shown(name)} without its options")
    for key in _FROM_FILES:
        if not isinstance(config.get(key), list | None):
            raise UnsafeFileError(f"it holds a {shown(name)} whose {key} would be read from {shown(config[key])}")


def _check_data(name: str, config: Any) -> None:
    """A dtype that is a text of a million letters makes a gigabyte of a list of thousands."""
    if not isinstance(config, dict | None):
        raise UnsafeFileError(f"it holds a {shown(name)} without its value")
    dtype = (config or {}).get("dtype")
    if name in {"__numpy__", "__tensor__"} and (not isinstance(dtype, str) or dtype not in _DTYPES):
        raise UnsafeFileError(f"it holds an array of the type {shown(dtype)}")
