"""The row of a backbone, read off the network that its builder makes: for the author who writes the spec."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from zoo.errors import OptionError, UnknownNameError, ZooError
from zoo.plugin import calling, manager
from zoo.registry import Provider
from zoo.specs import Size, sides

_SIDES = (8, 16, 24, 32, 48, 64, 75, 96, 128, 139, 160, 192, 224)
"""Sides that are tried as the smallest input."""


def backbone_figures(
    builder: str, *, input_size: Size = 224, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Compute the fields of a `BackboneSpec` that follow from the network.

    Args:
        builder: the name of a backbone, whose row is made anew; or "package.module:function", called as
            `function(include_top, input_size, **options)`.
        input_size: side of the input in px, the row's `default_size`; that of a named backbone is its own.
        options: `builder_options`; those of a named backbone are its own.

    Returns:
        Fields of the spec as JSON-ready data: builder, builder_options, input, stages, layers, feature_dim, params,
        params_top (None where the builder makes no classifier), macs, portable.

    Raises:
        UnknownNameError: there is no such backbone.
        OptionError: the import string names nothing.
        PluginError: the builder fails.
    """
    from zoo.architectures.facts import facts

    function, provider, target, size, chosen = _builder(builder, input_size, dict(options or {}))

    def network(side: Size, *, top: bool = False) -> Any:
        with calling(provider, f"the builder {target!r}", where=f" with include_top={top}, input_size={side}"):
            return function(include_top=top, input_size=side, **chosen)

    base = network(size)
    row = facts(base, _with_top(network, size))
    custom = {type(layer).__module__.partition(".")[0] for layer in base.layers} - {"keras"}
    return {
        "builder": target,
        "builder_options": chosen,
        "input": {"default_size": size, "min_size": _smallest(network, size), "channels": int(base.input_shape[-1])},
        **row,
        "portable": not custom,
    }


def _builder(name: str, size: Size, options: dict[str, Any]) -> tuple[Any, Provider, str, Size, dict[str, Any]]:
    module, colon, attribute = name.partition(":")
    plugins = manager()
    try:
        entry = plugins.registry().get("backbones", name)
    except UnknownNameError:
        if not colon or ("." not in module and attribute == attribute.lower().replace("_", "-") and "-" in attribute):
            raise
    else:
        spec = entry.spec
        function = plugins.target(entry, spec.builder)
        return function, entry.provider, spec.builder, spec.input.default_size, dict(spec.builder_options)
    provider = Provider(module.partition(".")[0], module, "not a plugin yet")
    try:
        with calling(provider, f"the import of {name!r}"):
            return getattr(importlib.import_module(module), attribute), provider, name, size, options
    except Exception as error:
        raise OptionError(
            f"{name!r} is neither the name of a backbone nor a builder 'package.module:function': {error}"
        ) from error


def _with_top(network: Any, size: Size) -> Any:
    """The network with its classifier; None where the builder makes none."""
    try:
        top = network(size, top=True)
    except ZooError:
        return None
    return top if len(top.output.shape) == 2 else None


def _smallest(network: Any, size: Size) -> int:
    """The smallest of some sides at which the network can be built and something is left of the picture."""
    most = min(sides(size))
    for side in (side for side in _SIDES if side < most):
        try:
            if 0 not in network(side).output.shape[1:]:
                return side
        except ZooError:
            continue
    return most


def as_code(figures: Mapping[str, Any]) -> str:
    """The figures as arguments of a `BackboneSpec`, to be pasted into a plugin."""
    stages = "\n".join(f"        StageSpec({_arguments(stage)})," for stage in figures["stages"])
    lines = [
        "BackboneSpec(",
        "    modality='image',",
        f"    builder={figures['builder']!r},",
        f"    builder_options={figures['builder_options']!r}," if figures["builder_options"] else "",
        f"    input=InputSpec({_arguments(figures['input'])}),",
        f"    stages=(\n{stages}\n    ),",
        f"    layers=LayerSummary({_arguments(figures['layers'])}),",
        *(f"    {name}={figures[name]!r}," for name in ("feature_dim", "params", "params_top", "macs", "portable")),
        "    # what only its author knows: name, summary, family, paper, preprocessing, weights",
        ")",
    ]
    return "\n".join(line for line in lines if line)


def _arguments(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in fields.items())
