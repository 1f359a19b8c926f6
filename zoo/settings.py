"""Where zoo keeps things and what the environment variables say."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import OptionError

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
"""What a model computes in, by Keras's names of the dtype policies; weights are float32 in all of them."""


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def offline() -> bool:
    """True when `ZOO_OFFLINE=1`: nothing may touch the network."""
    return _flag("ZOO_OFFLINE")


def strict_plugins() -> bool:
    """True when `ZOO_STRICT_PLUGINS=1`: a broken plugin raises instead of being recorded."""
    return _flag("ZOO_STRICT_PLUGINS")


def preferred_plugins() -> tuple[str, ...]:
    """`ZOO_PREFER="birds,wings"`: ids of plugins, the most wanted first.

    Where two third-party plugins provide one bare name, the one that stands first here is meant. A name that comes with
    zoo itself is never replaced.
    """
    return tuple(part.strip() for part in os.environ.get("ZOO_PREFER", "").split(",") if part.strip())


def debug() -> bool:
    """True when `ZOO_DEBUG=1`: the command line shows tracebacks."""
    return _flag("ZOO_DEBUG")


def cache_dir() -> Path:
    """What zoo can fetch or compute again: weights, features. `ZOO_CACHE_DIR` overrides."""
    return _folder("ZOO_CACHE_DIR", "user_cache_path")


def cache_limit(text: str | None = None) -> int:
    """Most bytes of features that are kept; the least recently used go first.

    Args:
        text: a size such as "500MB"; None: `ZOO_CACHE_LIMIT`, else 20GB.

    Raises:
        OptionError: it is not a size.
    """
    size = text if text is not None else os.environ.get("ZOO_CACHE_LIMIT", "20GB")
    number = size.strip().upper().removesuffix("B")
    factor = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(number[-1:], 1)
    try:
        limit = float(number.rstrip("KMGT")) * factor
    except ValueError:
        limit = -1
    if not 0 <= limit < float("inf"):
        raise OptionError(f"{size!r} (ZOO_CACHE_LIMIT) must be a size such as 500MB or 20GB")
    return int(limit)


def features_dtype() -> str:
    """How features are kept: "float32", or "float16" with `ZOO_FEATURES=float16`: half the disk.

    Raises:
        OptionError: the variable is neither.
    """
    value = os.environ.get("ZOO_FEATURES", "float32").strip().lower()
    if value not in ("float32", "float16"):
        raise OptionError(f"ZOO_FEATURES={value!r} must be float32 or float16")
    return value


ENGINES = ("keras", "pool", "onnx", "auto")


def engine() -> str:
    """Return what computes features: `ZOO_ENGINE`, "keras" (in this process) unless set.

    One of `ENGINES`, "auto" being the fastest by measurement, or the name of an engine of a plugin; which there are,
    only who looks it up knows (`zoo.features.engines.choice`).
    """
    return os.environ.get("ZOO_ENGINE", "").strip().lower() or "keras"


def data_dir() -> Path:
    """Where data sets and weight files lie that the user placed or downloaded. `ZOO_DATA_DIR` overrides."""
    return _folder("ZOO_DATA_DIR", "user_data_path")


def _folder(variable: str, function: str) -> Path:
    value = os.environ.get(variable)
    if value:
        return Path(value).expanduser().absolute()
    import platformdirs

    return Path(getattr(platformdirs, function)("zoo", appauthor=False))


def runs_dir() -> Path:
    """Where runs are written: `ZOO_RUNS_DIR`, else `runs/` in the working directory."""
    return Path(os.environ.get("ZOO_RUNS_DIR") or "runs")


def mirror() -> str | None:
    """`ZOO_MIRROR`: a base url that replaces scheme and host of every download, or None.

    A mirror may be plain http: every file is checked against its published digest, and a file without a
    published digest is refused over plain http.
    """
    return os.environ.get("ZOO_MIRROR") or None
