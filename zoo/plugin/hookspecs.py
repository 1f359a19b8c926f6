"""The hooks of zoo: what a plugin module may define. Each returns spec objects and does nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from zoo.plugin.hookspecs_of_parts import PartSpecs
from zoo.specs import (
    AugmentationSpec,
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    HeadSpec,
    LabelSet,
    RecipeSpec,
)

hookspec = pluggy.HookspecMarker("zoo")
hookimpl = pluggy.HookimplMarker("zoo")


class ZooSpecs(PartSpecs):
    """The hooks. A plugin module defines plain functions of these names, decorated with `@zoo.hookimpl`.

    The rules are the same for all of them:

    - The module is the value of an entry point in the group `zoo.plugins`; the name of the entry point is the plugin's
      id. `zoo plugins new` writes a project that has all of it.
    - A hook takes no arguments and returns (or yields) specs: the same ones each time, without looking at anything that
      may change. A spec is data; code is named by an import string, of the plugin's own distribution or of zoo.
    - The module is imported to make the manifest, and when something of the plugin is used. So it imports neither
      TensorFlow nor Keras: factories do, inside.
    - What raises, or returns something else, is left out with a record (`zoo plugins doctor`); the rest stays in use.
    """

    @hookspec
    def zoo_backbones(self) -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
        """Backbones: networks from inputs to features, for `zoo.build(NAME, ...)`.

        The builder is called as `builder(include_top=..., input_size=..., **builder_options)` and returns a
        `keras.Model` from preprocessed inputs, float32 (n, input_size, input_size, channels), to a feature map (with
        include_top: to logits). Its weights are random: zoo sets the seed and reads the pretrained ones. Figures such
        as stages, layers and params are read off the network; `BackboneConformance` prints those it finds.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import BackboneSpec, InputSpec, LayerSummary, Preprocessing, StageSpec

            @zoo.hookimpl
            def zoo_backbones():
                yield BackboneSpec(
                    modality="image",
                    name="finch-net",
                    summary="one convolution",
                    family="Finch",
                    paper="none",
                    builder="zoo_birds.plugin:build",
                    input=InputSpec(default_size=64, min_size=8),
                    preprocessing=Preprocessing(scale=1 / 255),
                    stages=(StageSpec(name="stem", stride=4, channels=8, layers=2, params=224, cut=True),),
                    layers=LayerSummary(
                        by_type={"Conv2D": 1, "InputLayer": 1}, total=2, depth=1, batchnorm=0, dropout=0
                    ),
                    feature_dim=8,
                    params=224,
                    portable=True,
                )

            def build(include_top, input_size):
                import keras

                inputs = keras.Input((input_size, input_size, 3))
                return keras.Model(inputs, keras.layers.Conv2D(8, 3, 4, padding="same", activation="relu")(inputs))
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_heads(self) -> Iterable[HeadSpec]:  # type: ignore[empty-body]
        """Heads: what turns features into answers, for `zoo.build(..., head=NAME)`.

        The factory is called as `factory(features, outputs=..., seed=..., **options)` with a Keras tensor (n, d), and
        returns a tensor (n, outputs) of logits (for regression: values). With `reads="map"` it gets what the base gives
        before pooling: a feature map (n, h, w, c), or a sequence of tokens (n, t, c) with class token and registers in
        front, both of known size; `plugins/zoo-example` has such a head. Options are fields of a pydantic model; they
        are checked before the factory sees them. Built from Keras layers and ops only, a head is `portable`: a saved
        model then needs no plugin. A layer of your own makes it `portable=False`; put it at the top of a module of your
        package, with `@keras.saving.register_keras_serializable`, so that `zoo.load` finds it.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from pydantic import BaseModel, ConfigDict, Field
            from zoo.specs import HeadSpec

            class Options(BaseModel):
                model_config = ConfigDict(extra="forbid")
                units: int = Field(default=16, gt=0, description="width of the hidden layer")

            @zoo.hookimpl
            def zoo_heads():
                yield HeadSpec(
                    name="birds200",
                    summary="a hidden layer, then one output for each class",
                    factory="zoo_birds.plugin:build",
                    options="zoo_birds.plugin:Options",
                )

            def build(features, *, outputs, seed=0, units=16):
                import keras

                def initial(offset):
                    return keras.initializers.GlorotUniform(seed=seed + offset)

                x = keras.layers.Dense(units, activation="relu", kernel_initializer=initial(1))(features)
                return keras.layers.Dense(outputs, kernel_initializer=initial(0), dtype="float32")(x)
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_augmentations(self) -> Iterable[AugmentationSpec]:  # type: ignore[empty-body]
        """Augmentations: random changes of training examples, for `zoo.build(..., augment=[NAME])`.

        The factory is called as `factory(**options)` and returns a function (example, seed) -> example; of an image,
        uint8 (h, w, 3) -> uint8 of the same shape. All randomness comes from the seed, and the label must stay true. It
        runs on the CPU while training only, and is in nothing that is saved or served.

        With `placement="either"` it also runs in the training graph: the function has two methods more, `draw(seed)`,
        which gives the random numbers of one image (a vector of float32 or int32, always as long), and
        `in_graph(images, drawn)`, which makes the same change with `keras.ops` to a batch: float32 (n, h, w, 3) of
        whole numbers 0..255, and the drawn vectors (n, k).

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import AugmentationSpec

            @zoo.hookimpl
            def zoo_augmentations():
                yield AugmentationSpec(
                    modality="image",
                    name="birds-dusk",
                    summary="darker, by up to a half",
                    factory="zoo_birds.plugin:dusk",
                    boxes="unchanged",
                )

            def dusk():
                def apply(picture, seed):
                    import numpy as np

                    return (picture * np.random.default_rng(seed).uniform(0.5, 1)).astype(np.uint8)

                return apply
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_datasets(self) -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
        """Datasets that can be named, for `model.fit(NAME)`, `zoo.classifier(NAME)` and `zoo fit NAME`.

        The loader is called as `loader(**options)` and returns a `zoo.Dataset`: `zoo.ImageFiles.from_folder(path)`,
        `zoo.Arrays(x, y, labels=...)`, or a class of your own. The order of examples is the same each time. Files come
        through `zoo.fetch`, which keeps to `ZOO_OFFLINE` and checks digests. The license must be stated.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import DatasetSpec

            @zoo.hookimpl
            def zoo_datasets():
                yield DatasetSpec(
                    modality="image",
                    name="birds200",
                    summary="four gray squares",
                    labels=("dark", "light"),
                    loader="zoo_birds.plugin:load",
                    license="CC0-1.0",
                    source="painted by zoo-birds",
                )

            def load():
                import numpy as np

                pictures = np.stack([np.full((32, 32, 3), gray, np.uint8) for gray in (10, 20, 230, 240)])
                return zoo.Arrays(pictures, [0, 0, 1, 1], labels=("dark", "light"), name="birds200")
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_label_sets(self) -> Iterable[LabelSet]:  # type: ignore[empty-body]
        """Label sets: the classes of pretrained classifiers, in the order of their outputs.

        A backbone names that of its classifier with `BackboneSpec.label_set`. A label set is data; nothing is called.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import LabelSet

            @zoo.hookimpl
            def zoo_label_sets():
                yield LabelSet(name="owls", summary="two owls", labels=("barn owl", "tawny owl"), source="a guide")
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_commands(self) -> Iterable[CommandSpec]:  # type: ignore[empty-body]
        """Subcommands of `zoo`, as `zoo NAME`.

        The target is a `click.Command`. Help shows name and summary from the manifest; the command is imported when it
        runs. A name of zoo's own stays zoo's: the command is then typed in full, `zoo PLUGIN:NAME`.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import click
            import zoo
            from zoo.specs import CommandSpec

            @zoo.hookimpl
            def zoo_commands():
                yield CommandSpec(name="sing", summary="Sings.", target="zoo_birds.plugin:sing")

            @click.command("sing")
            def sing():
                "Sing."
                click.echo("tsee-tsee")
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_recipes(self) -> Iterable[RecipeSpec]:  # type: ignore[empty-body]
        """Recipes: how a model is trained, for `model.fit(data, recipe=NAME)` and `zoo fit --recipe NAME`.

        A recipe is data, a list of phases; nothing is called. Say what trains so that it fits many bases: "all",
        "each", "chosen" or a number of stages from the top. Stages by name are those of one family. The names "auto"
        and "own", and names that end like a recipe file (.yaml, .yml, .json), mean something else to `fit`.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import PhaseSpec, RecipeSpec

            @zoo.hookimpl
            def zoo_recipes():
                yield RecipeSpec(
                    name="birds-gentle",
                    summary="the probe, then the top stage at a very low learning rate",
                    phases=(
                        PhaseSpec(name="probe", solver="convex"),
                        PhaseSpec(name="tune", unfreeze=1, epochs=2, learning_rate=1e-5, optimizer="adamw"),
                    ),
                    source="a field guide",
                )
            ```

        Since 0.1.
        """


HOOKS = {
    "backbones": "zoo_backbones",
    "heads": "zoo_heads",
    "augmentations": "zoo_augmentations",
    "datasets": "zoo_datasets",
    "label_sets": "zoo_label_sets",
    "commands": "zoo_commands",
    "recipes": "zoo_recipes",
    "metrics": "zoo_metrics",
    "engines": "zoo_engines",
    "sources": "zoo_sources",
    "formats": "zoo_formats",
    "modalities": "zoo_modalities",
}
"""Kind of contribution -> name of its hook."""
