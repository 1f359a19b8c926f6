"""Options of the classic networks: what the exercises of the lectures change, validated by pydantic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1, le=65_536)]
Counts = tuple[Count, ...]
Share = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "leaky_relu", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "linear"]


class Options(BaseModel):
    """What all of them have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activation: Activation = Field(default="relu", description="behind every layer with weights but the classifier")
    dropout: Share = Field(default=0.0, description="share of outputs dropped behind each dense layer while training")


class Dense(Options):
    """A network of dense layers."""

    units: Counts = Field(default=(512, 512, 512), min_length=1, description="outputs of each hidden layer")
    dropout: Share = Field(default=0.2, description="share of outputs dropped behind each hidden layer")


class Regressor(Dense):
    """A small network of dense layers for values."""

    units: Counts = Field(default=(64, 64), min_length=1, description="outputs of each hidden layer")
    dropout: Share = Field(default=0.0, description="share of outputs dropped behind each hidden layer")


class Convolutional(Options):
    """Blocks of convolutions, each followed by 2x2 max pooling, then dense layers."""

    filters: Counts = Field(default=(32, 64), min_length=1, description="filters of each block")
    kernels: Count | Counts = Field(default=3, description="side of the kernels: one number, or one for each block")
    convolutions: Annotated[int, Field(ge=1, le=8)] = Field(default=1, description="convolutions in each block")
    units: Counts = Field(default=(128,), description="outputs of each dense layer before the classifier")
    padding: Literal["same", "valid"] = Field(default="same", description="of the convolutions")
    batchnorm: bool = Field(default=False, description="BatchNorm behind every layer with weights but the classifier")


class FirstDeck(Convolutional):
    """The CNN of the first deck."""

    units: Counts = Field(default=(100,), description="outputs of each dense layer before the classifier")


class Mnist(Convolutional):
    """The CNN for MNIST."""

    dropout: Share = Field(default=0.5, description="share of outputs dropped behind each dense layer while training")


class Cifar10(Convolutional):
    """The CNN for CIFAR-10."""

    filters: Counts = Field(default=(32, 64, 128), min_length=1, description="filters of each block")
    convolutions: Annotated[int, Field(ge=1, le=8)] = Field(default=2, description="convolutions in each block")
    units: Counts = Field(default=(512,), description="outputs of each dense layer before the classifier")
    batchnorm: bool = Field(default=True, description="BatchNorm behind every layer with weights but the classifier")


class Flowers(Convolutional):
    """The small CNN for photos of flowers."""

    filters: Counts = Field(default=(16, 32, 64), min_length=1, description="filters of each block")


class LeNet(Options):
    """LeNet-5."""

    filters: Counts = Field(default=(6, 16), min_length=2, max_length=2, description="maps of the two convolutions")
    kernel: Count = Field(default=5, description="side of the kernels")
    units: Counts = Field(default=(120, 84), min_length=1, description="outputs of each dense layer")
    activation: Activation = Field(default="tanh", description="behind every layer with weights but the classifier")
    pooling: Literal["average", "max"] = Field(default="average", description="of the two 2x2 poolings")


class AlexNet(Options):
    """AlexNet."""

    units: Counts = Field(default=(4096, 4096), min_length=1, description="outputs of each dense layer")
    dropout: Share = Field(default=0.5, description="share of outputs dropped behind each dense layer while training")
    normalization: bool = Field(
        default=False, description="normalize across channels behind the first two convolutions"
    )


class CrossChannel(AlexNet):
    """The network for pictures of 115 x 51 pixels."""

    units: Counts = Field(default=(4096, 2048), min_length=1, description="outputs of each dense layer")
    normalization: bool = Field(default=True, description="normalize across channels behind the first two convolutions")


class GoogLeNet(Options):
    """GoogLeNet (Inception v1)."""

    dropout: Share = Field(default=0.4, description="share of features dropped before the classifier while training")
    normalization: bool = Field(default=True, description="normalize across channels, twice in the stem")
