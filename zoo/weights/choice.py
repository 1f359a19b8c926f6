"""From what a user wrote for `weights=` to the file it means."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import WeightsError, unknown
from zoo.fetching.files import Progress
from zoo.specs import BackboneSpec, WeightSource
from zoo.weights.formats import EXTENSIONS
from zoo.weights.store import Store
from zoo.weights.stored import StoredFile


def resolve(
    spec: BackboneSpec,
    weights: str | os.PathLike[str] | None,
    *,
    include_top: bool = False,
    store: Store | None = None,
    progress: Progress | None = None,
) -> StoredFile | None:
    """The weight file that `weights=` means for a backbone.

    Args:
        spec: the backbone.
        weights: `"pretrained"` (the best source at hand), the id of one of the backbone's sources, a path to a
            weight file, an address (`https://`, `hf://owner/name/file`, or of a plugin's source), or None for random
            weights.
        include_top: the classifier's weights are wanted too. Without, a file that has them serves as well.
        store: where files are kept; default the user's store.
        progress: told about the bytes of a download.

    Returns:
        The checked file, or None when `weights` is None. There are never random weights in place of a file.

    Raises:
        UnknownNameError: neither a path nor an id of the backbone; the message lists the ids.
        WeightsError: the file is not to be had, or has no classifier although one is wanted.
    """
    if weights is None:
        return None
    store = store or Store()
    if not isinstance(weights, str):
        return store.local(Path(weights))
    if weights == "pretrained":
        return store.fetch(best(spec, include_top, store), progress=progress)
    ids = {source.id: source for source in spec.weights}
    if weights in ids:
        _check_top(spec, ids[weights], include_top)
        return store.fetch(ids[weights], progress=progress)
    fetched = store.fetch_address(weights, progress=progress)
    if fetched is not None:
        return fetched
    if _looks_like_a_path(weights):
        return store.local(Path(weights))
    raise unknown(f"weights of {spec.name}", weights, [*ids, "pretrained"])


def _check_top(spec: BackboneSpec, source: WeightSource, include_top: bool) -> None:
    if include_top and not source.includes_top:
        raise _no_classifier(spec, f"the weights {source.id!r} of {spec.name} have no classifier")


def best(spec: BackboneSpec, include_top: bool, store: Store) -> WeightSource:
    """The source to use: at hand before a download, a download before asking the user, then the fitting one."""
    if not spec.weights:
        raise WeightsError(
            f'no pretrained weights are known for {spec.name}. Pass weights="path/to/file", or weights=None for '
            "random weights."
        )
    fitting = [source for source in spec.weights if source.includes_top or not include_top]
    if not fitting:
        raise _no_classifier(spec, f"none of the weights of {spec.name} have a classifier")
    return min(
        fitting,
        key=lambda source: (not store.has(source), source.kind != "url", source.includes_top != include_top),
    )


def _no_classifier(spec: BackboneSpec, found: str) -> WeightsError:
    having = [repr(source.id) for source in spec.weights if source.includes_top]
    advice = f"Use weights={' or '.join(having)}" if having else 'Pass weights="path/to/file" that has one'
    return WeightsError(f"the classifier of {spec.name} was asked for, but {found}. {advice}.")


def _looks_like_a_path(text: str) -> bool:
    separators = {"/", os.sep, os.altsep} - {None}
    suffix = Path(text).suffix.lower()
    return any(mark in text for mark in separators if mark) or suffix in EXTENSIONS or Path(text).exists()
