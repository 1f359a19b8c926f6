"""What every spec is made of: names, import strings, tasks, and the base classes that are frozen and strict."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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


class Digest(Spec):
    """A published checksum."""

    algorithm: Literal["sha256", "md5"] = Field(description="how it was computed")
    value: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$")] = Field(description="in hexadecimal digits")
