"""The hooks of zoo: what a plugin module may define. Each returns spec objects and does nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from zoo.specs import AugmentationSpec, BackboneSpec, CommandSpec, DatasetSpec, HeadSpec, LabelSet

hookspec = pluggy.HookspecMarker("zoo")
hookimpl = pluggy.HookimplMarker("zoo")


class ZooSpecs:
    """The hooks. A plugin module defines plain functions of these names, decorated with `@zoo.hookimpl`."""

    @hookspec
    def zoo_backbones(self) -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
        """Backbones: rows like those of registry.json. Since 0.1."""

    @hookspec
    def zoo_heads(self) -> Iterable[HeadSpec]:  # type: ignore[empty-body]
        """Heads: what turns features into answers. Since 0.1.

        Example:
            ```python
            @zoo.hookimpl
            def zoo_heads():
                return [HeadSpec(name="birds", labels=("owl", "wren"), factory="zoo_vision.heads:linear")]
            ```
        """

    @hookspec
    def zoo_augmentations(self) -> Iterable[AugmentationSpec]:  # type: ignore[empty-body]
        """Augmentations: random changes of training examples. Since 0.1."""

    @hookspec
    def zoo_datasets(self) -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
        """Datasets that can be named. Since 0.1."""

    @hookspec
    def zoo_label_sets(self) -> Iterable[LabelSet]:  # type: ignore[empty-body]
        """Label sets of pretrained classifiers. Since 0.1."""

    @hookspec
    def zoo_commands(self) -> Iterable[CommandSpec]:  # type: ignore[empty-body]
        """Subcommands of `zoo`. Since 0.1."""


HOOKS = {
    "backbones": "zoo_backbones",
    "heads": "zoo_heads",
    "augmentations": "zoo_augmentations",
    "datasets": "zoo_datasets",
    "label_sets": "zoo_label_sets",
    "commands": "zoo_commands",
}
"""Kind of contribution -> name of its hook."""
