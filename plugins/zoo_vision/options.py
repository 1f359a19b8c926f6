"""Options of the heads of zoo_vision, and what those of its augmentations have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class AugmentationOptions(BaseModel):
    """Base of the options of augmentations."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Linear(BaseModel):
    """Options of the linear head."""

    model_config = ConfigDict(extra="forbid")

    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of features dropped while training")


class Mlp(BaseModel):
    """Options of the mlp head."""

    model_config = ConfigDict(extra="forbid")

    units: list[int] = Field(default=[256], min_length=1, description="width of each hidden layer")
    dropout: float = Field(default=0.3, ge=0, lt=1, description="share of units dropped after each hidden layer")
    activation: str = Field(default="relu", description="Keras activation of the hidden layers")
