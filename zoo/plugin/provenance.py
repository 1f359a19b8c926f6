"""Which plugins a model was made with: recorded in runs and saved files, checked when one is loaded."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import PluginError, UnsafeFileError, ZooError
from zoo.keras_internals import layers_inside
from zoo.plugin.locate import target_of
from zoo.plugin.manager import manager
from zoo.plugin.usage import recording
from zoo.registry import CORE, DISTRIBUTION, LOCAL, SINGULAR, Entry, ZooNotice

__all__ = ["loading", "needed", "recording", "rows", "say_what_changed", "say_what_is_needed", "with_fit"]

PREPROCESSING = "preprocessing"
"""Kind of the row that says whose numbers turn an array into the network's input."""

_TEXTS = ("kind", "id", "plugin", "distribution", "version")
_GRAPH = {"backbones", "heads"}
"""Kinds whose code builds a part of what is saved; augmentations, datasets and recipes leave nothing in it."""


# -- what was used -----------------------------------------------------------------------------------------------


def rows(entries: Iterable[Entry], *, preprocessing: bool = False, label_set: bool = False) -> list[dict[str, Any]]:
    """The record of the entries that were used.

    Args:
        entries: what `recording` remembered.
        preprocessing: whether the preprocessing came with the backbone.
        label_set: whether the labels came with the backbone.

    Returns:
        One row for each: kind, id (`plugin:name`), plugin, distribution, version, target (the import string of its
        code, None where there is none), portable (built from Keras layers only; None for what leaves nothing in the
        model).
    """
    recorded = []
    for entry in entries:
        recorded.append(_row(entry, entry.kind))
        if entry.kind == "backbones" and preprocessing:
            recorded.append({**_row(entry, PREPROCESSING), "target": None, "portable": None})
        name = entry.data.get("label_set")
        if entry.kind == "backbones" and label_set and name:
            recorded.append(_row(manager().registry().get("label_sets", str(name)), "label_sets"))
    return recorded


def _row(entry: Entry, kind: str) -> dict[str, Any]:
    provider = entry.provider
    return {
        "kind": kind,
        "id": entry.id,
        "plugin": provider.plugin,
        "distribution": provider.distribution,
        "version": provider.version,
        "target": target_of(entry),
        "portable": bool(entry.spec.portable) if kind in _GRAPH else None,
    }


def with_fit(
    before: Sequence[dict[str, Any]], fit: Sequence[dict[str, Any]], *, continues: bool
) -> list[dict[str, Any]]:
    """The record of a model after a fit: recipe and datasets of it, and of those before if it continues from them."""
    kept = [row for row in before if continues or row["kind"] not in ("datasets", "recipes")]
    return kept + [row for row in fit if row not in kept]


def needed(serving: Any) -> list[dict[str, Any]]:
    """The code beside Keras without which a model cannot be loaded.

    Args:
        serving: a Keras model.

    Returns:
        One row for each module that a layer of the model comes from: module, classes, and the plugin, distribution and
        version it belongs to (None each for code of the user). Empty: the model loads with plain Keras.
    """
    classes: dict[str, set[str]] = {}
    for layer in layers_inside(serving):
        module = type(layer).__module__
        if module.partition(".")[0] != "keras":
            classes.setdefault(module, set()).add(type(layer).__name__)
    recorded = []
    for module in sorted(classes):
        owner = next((r for r in manager().records() if f"{module}.".startswith(f"{r.package}.")), None)
        recorded.append(
            {
                "module": module,
                "classes": sorted(classes[module]),
                "plugin": owner.id if owner else None,
                "distribution": owner.provider.distribution if owner else None,
                "version": owner.provider.version if owner else None,
            }
        )
    return recorded


def how_to_get(distribution: str, version: str) -> str:
    """What to type to have a distribution at a version, or a plugin that is one file of somebody's own."""
    if version == LOCAL:
        return f"the file {distribution}, named in ZOO_PLUGIN_PATH"
    return f"pip install {distribution}=={version}"


def say_what_is_needed(code: Sequence[Mapping[str, Any]]) -> None:
    """Warn, once for a file, that it does not load with plain Keras alone, and say what it needs."""
    if not code:
        return
    parts = "; ".join(
        f"{', '.join(row['classes'])} of {row['module']} "
        + (f"({row['distribution']} {row['version']})" if row["distribution"] else "(code of your own)")
        for row in code
    )
    installs = "; ".join(how_to_get(row["distribution"], row["version"]) for row in code if row["distribution"])
    advice = f" Who loads it needs: {installs}." if installs else ""
    warnings.warn(
        f"this file needs code beside Keras to load: {parts}.{advice} SavedModel, ONNX and LiteRT exports of "
        f"model.keras_model run alone",
        ZooNotice,
        stacklevel=3,
    )


# -- when a file is loaded ---------------------------------------------------------------------------------------


@contextmanager
def loading(path: Path, record: Mapping[str, Any]) -> Iterator[None]:
    """Around the loading of a saved model: makes the layers of plugins known to Keras, and says what is missing.

    Raises:
        PluginError: the file needs code of a plugin that is missing, disabled or broken, or that cannot build it in the
            version that is installed; names the distribution and the version it was saved with.
        UnsafeFileError: the record is damaged.
    """
    code = record.get("code", [])
    if not isinstance(code, list) or not all(
        isinstance(row, dict) and isinstance(row.get("module"), str) for row in code
    ):
        raise UnsafeFileError(f"{path} is damaged: its record does not say properly what code it needs")
    for row in code:
        _import_for(path, row)
    try:
        yield
    except (TypeError, ValueError) as error:
        if not code:
            raise
        raise PluginError(f"{path} cannot be built: {_wants(code)} {type(error).__name__}: {error}") from error


def _import_for(path: Path, row: Mapping[str, Any]) -> None:
    """Import the module that a layer of the file comes from, if it belongs to the plugin that the file names."""
    plugin = row.get("plugin")
    if not plugin:
        return  # code of the user, who has to have it registered with Keras
    state = _state(str(plugin), str(row.get("distribution")))
    records = {record.id: record for record in manager().records()}
    if state is None:
        if not f"{row['module']}.".startswith(f"{records[str(plugin)].package}."):
            # A file is data: it may not have other modules imported than those of the plugin it names.
            raise UnsafeFileError(f"{path} says that {row['module']!r} belongs to the plugin {plugin!r}; it does not")
        try:
            manager().activate(str(plugin))
            importlib.import_module(row["module"])
            return
        except ZooError as error:
            state = f"is broken ({error})"
        except Exception as error:  # whatever the plugin's module raises
            state = f"cannot be imported ({type(error).__name__}: {error})"
    raise PluginError(f"{path} cannot be loaded: {_wants([row])} The plugin {plugin!r} {state}.")


def _wants(code: Sequence[Mapping[str, Any]]) -> str:
    """What a file needs and how to get it, with the version that is here if it is another one."""
    texts = []
    for row in code:
        if not row.get("distribution"):
            texts.append(f"it holds layers of {row['module']}, code of whoever saved it: import that module first.")
            continue
        here = _installed(str(row["distribution"]))
        other = f" ({here} is installed)" if here not in (None, row["version"]) else ""
        texts.append(
            f"it holds layers of {row['module']}, saved with {row['distribution']} {row['version']}{other}. "
            f"Try: {how_to_get(row['distribution'], row['version'])}"
        )
    return " ".join(texts)


def say_what_changed(path: Path, providers: Any) -> None:
    """A notice for each plugin that a saved model was made with and that is missing here, or has another version.

    The model itself is loaded at this point: it predicts. What zoo-sdk provides is left out, since it is here.

    Args:
        path: the file.
        providers: the rows of its record.

    Raises:
        UnsafeFileError: the record is damaged.
    """
    if not isinstance(providers, list) or not all(map(_is_whole, providers)):
        raise UnsafeFileError(f"{path} is damaged: its record does not say properly what it was made with")
    for (plugin, distribution, version), group in _by_version(providers).items():
        state = _state(plugin, distribution)
        here = _installed(distribution)
        if state is None and here == version:
            continue
        what = ", ".join(f"{SINGULAR.get(row['kind'], row['kind'])} {row['id']!r}" for row in group)
        text = f"{path.name} was made with {distribution} {version} ({what}), "
        if state is None:
            text += (
                f"and {distribution} {here} is installed: the model predicts as it was saved; to build or train it "
                f"anew as it was: {how_to_get(distribution, version)}"
            )
        else:
            text += (
                f"whose plugin {plugin!r} {state}: the model predicts without it, because its parts are portable; to "
                f"build or train it anew: {how_to_get(distribution, version)}"
            )
        warnings.warn(text, ZooNotice, stacklevel=3)


def _is_whole(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), str) for key in _TEXTS)


def _by_version(providers: Sequence[dict[str, Any]]) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Plugin, distribution and version -> what came from there, without what zoo-sdk provides."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in providers:
        if row["plugin"] != CORE and row["distribution"] != DISTRIBUTION:
            groups.setdefault((row["plugin"], row["distribution"], row["version"]), []).append(row)
    return groups


def _state(plugin: str, distribution: str) -> str | None:
    """What stands in the way of using a plugin, in words; None if nothing does."""
    for record in manager().records():
        if record.id == plugin and record.provider.distribution == distribution:
            if record.state == "disabled":
                return "is disabled by ZOO_PLUGINS"
            if record.state == "broken":
                return f"is broken ({record.error})"
            return None
    return "is not installed"


def _installed(distribution: str) -> str | None:
    """The version of a distribution that is here; None if it has no plugin here."""
    return next((r.provider.version for r in manager().records() if r.provider.distribution == distribution), None)
