"""The listings of the public API: backbones, heads, recipes and so on, and plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoo.catalogue import BACKBONE_COLUMNS, Filters, backbone_row, select
from zoo.plugin.at_hand import AtHand, measured
from zoo.plugin.manager import manager
from zoo.table import Table


def backbones(
    name: str | None = None,
    *,
    family: str | None = None,
    max_params: float | None = None,
    max_size: float | None = None,
    max_macs: float | None = None,
    min_top1: float | None = None,
    license: str | Sequence[str] | None = None,
    source: str | None = None,
    available: bool | None = None,
    sort: str = "name",
) -> Table:
    """The backbones that pass every filter, as a table; imports neither TensorFlow nor a plugin.

    Args:
        name: a shell pattern such as "resnet*".
        family: architecture family, e.g. "ResNetV2".
        max_params: most weights without the classifier.
        max_size: largest weight file, in bytes.
        max_macs: most multiply-adds of one image at the default size.
        min_top1: lowest published ImageNet top-1 accuracy, 0..1.
        license: license of the weights, e.g. "Apache-2.0"; or several. Case does not matter.
        source: how the weights arrive: "url", "wheel", "file" or "hub".
        available: True: only those whose weights are on this machine; False: only the others.
        sort: a column; "top1", "top5" and "here" sort from the best down, everything else upward.

    Returns:
        A table of `name`, `family`, `params` and `size` in bytes without the classifier, `params_top` and `size_top`
        with it, `input` in px, `macs` (multiply-adds of one image), `top1` and `top5` as published, `ms` an image
        where measured on this machine (by `zoo.recommend`), `license`, `source`, `here` and `provider`.

    Raises:
        OptionError: sort is not a column.
    """
    at_hand, figures = AtHand(), measured()
    rows = (
        backbone_row(entry, here=at_hand.has(entry.data.get("weights")), ms=figures.get(entry.id))
        for entry in manager().registry().entries("backbones")
    )
    filters = Filters(
        name=name,
        family=family,
        max_params=max_params,
        max_size=max_size,
        max_macs=max_macs,
        min_top1=min_top1,
        license=license,
        source=source,
        available=available,
    )
    return Table(select(rows, filters, sort=sort), columns=BACKBONE_COLUMNS)


def heads() -> Table:
    """The heads of all plugins."""
    return _simple("heads", "name", "task", "labels", "dataset", "summary")


def augmentations() -> Table:
    """The augmentations of all plugins."""
    return _simple("augmentations", "name", "modality", "options", "summary")


def datasets() -> Table:
    """The datasets of all plugins."""
    return _simple("datasets", "name", "modality", "task", "labels", "bytes", "license", "summary")


def recipes() -> Table:
    """The recipes of all plugins: name, names of the phases, summary."""
    return _simple("recipes", "name", "phases", "summary")


def plugins() -> Table:
    """The installed plugins, their state and what they provide."""
    return Table(
        [record.row() for record in manager().records()],
        columns=("plugin", "distribution", "version", "state", "manifest", "provides", "error"),
    )


_DEFAULTS = {"task": "classification"}


def _simple(kind: str, *columns: str) -> Table:
    rows = []
    for entry in manager().registry().entries(kind):
        row = {column: entry.data.get(column, _DEFAULTS.get(column)) for column in columns}
        if "options" in columns:
            schema = entry.data.get("option_schema")
            options = schema.get("properties") if isinstance(schema, Mapping) else None
            row["options"] = sorted(options) if isinstance(options, Mapping) else []
        if "phases" in columns:
            phases = row["phases"] if isinstance(row["phases"], list | tuple) else ()
            row["phases"] = [str(phase.get("name")) for phase in phases if isinstance(phase, Mapping)]
        rows.append({**row, "provider": entry.provider.plugin})
    return Table(rows, columns=(*columns, "provider"))
