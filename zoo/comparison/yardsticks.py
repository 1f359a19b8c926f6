"""Yardsticks of a comparison: the pretrained classifier as it came, and a self-made network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from zoo.building import build
from zoo.comparison.compared import Compared
from zoo.comparison.entrants import Entrants
from zoo.comparison.pictures import Pictures
from zoo.data import Dataset
from zoo.errors import OptionError
from zoo.evaluation import quoted
from zoo.head_request import Head
from zoo.restriction import Classes, restrict
from zoo.run import Run
from zoo.specs import Output, PhaseSpec, Preprocessing, RecipeSpec, sides
from zoo.tasks import of

PRETRAINED, SCRATCH = "pretrained", "scratch"
"""Yardsticks that `compare` makes itself."""

_LARGEST_SCRATCH = 128
"""Side of the self-made network's input, at most: larger ones take long and have more to learn."""


@dataclass(frozen=True)
class Scratch:
    """How the self-made network is trained.

    Attributes:
        epochs: passes over the data; None: 20.
        seed: of its weights and of the order of examples.
        directory: folder of its run; None: a new one under `runs/`.
    """

    epochs: int | None = None
    seed: int = 0
    directory: str | os.PathLike[str] | None = None


@dataclass(frozen=True)
class Yardsticks:
    """Models that `compare` makes itself, to put the others in proportion.

    Attributes:
        entrants: what is compared.
        pictures: what the runs were trained and measured on.
        classes: class -> what it means to the pretrained classifier; None: by its name.
        backbone: whose classifier; None: that of the first run.
        training: how the self-made network is trained.
    """

    entrants: Entrants
    pictures: Pictures
    classes: Classes | None
    backbone: str | None
    training: Scratch

    def pretrained(self, name: str) -> Compared:
        """Return the classifier that came with the backbone, limited to the classes, on the same examples."""
        like = self.pictures.like()
        if not of(like).one_class:
            raise OptionError(f"a pretrained classifier gives classes; the run does {like.task}")
        backbone = self.backbone or self.pictures.first.record.plan.model.backbone
        meanings = self.classes or like.labels
        names = [str(label) for label in meanings]
        if set(names) != set(like.labels):
            raise OptionError(f"classes= names {', '.join(names)}; the runs have {', '.join(like.labels)}")
        model = restrict(backbone, meanings, unknown="keep", progress=None)
        never = [label for label, outputs in (model.composition.identity.restricted or {}).items() if not outputs]
        if never:
            labels = ", ".join(quoted(label) for label in never)
            self.entrants.notes.append(f"{name} does not know {labels}, and is always wrong there.")
        evaluation = model.evaluate(self._measured_on(), verbose=0, progress=self.entrants.progress)
        total = int(model.composition.backbone.count_params())  # without the matrices that pick and add up
        return Compared(
            name, evaluation, seconds=0.0, parameters=total, trained=0, ms=self.entrants.milliseconds(model)
        )

    def scratch(self, name: str) -> Compared:
        """Return a self-made network trained on the training images of the runs, on the same examples."""
        like, run = self.pictures.like(), self.pictures.first
        assert run.record.results is not None
        size = min(_LARGEST_SCRATCH, *sides(run.record.results.intake["size"]))
        model = build(
            self_made(size, seed=self.training.seed),
            Head(name="linear", outputs=(Output.model_validate({"task": like.task, "labels": like.labels}),)),
            preprocessing=Preprocessing(scale=1 / 255),
            augment=_augmentation(run) or None,
            seed=self.training.seed,
        )
        recipe = RecipeSpec(
            [PhaseSpec(name="scratch", unfreeze="all", epochs=self.training.epochs or 20, learning_rate=1e-3)],
            name="self-made",
        )
        done = model.fit(
            self.pictures.held_apart(self.entrants.data),
            validation=0.2 if run.validation is not None else 0.0,
            test=0.2 if run.test is not None else 0.0,
            recipe=recipe,
            seed=self.training.seed,
            directory=self.training.directory,
            verbose=0,
            progress=self.entrants.progress,
        )
        return self.entrants.compared(name, done)

    def _measured_on(self) -> Dataset:
        """The examples that are compared on."""
        if self.entrants.data is not None:
            return self.entrants.data
        return self.pictures.of(getattr(self.pictures.first, self.entrants.part))


def _augmentation(run: Run) -> list[dict[str, Any]]:
    """The named augmentations of the first run, so that the yardstick is not worse for the lack of them."""
    return [{op.name: op.options} for op in run.record.plan.augmentation if op.provider not in ("user", "keras")]


def self_made(size: int, *, seed: int = 0) -> Any:
    """Build the network one writes oneself before one knows of transfer: four convolutions, pooling, a dense layer.

    As in Chollet, "Deep Learning with Python", first edition, section 5.2.3, with Dropout as in 5.2.5, and "same"
    padding so that small pictures will do; without the classifier.

    Args:
        size: side of its input in px, at least 16.
        seed: of its random weights.

    Returns:
        A Keras model from float32 (n, size, size, 3), values 0..1, to features (n, 512).
    """
    import keras

    image = keras.Input((size, size, 3))
    x = image
    for number, width in enumerate((32, 64, 128, 128)):
        x = keras.layers.Conv2D(
            width,
            3,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + number),
        )(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(0.5, seed=seed)(x)
    x = keras.layers.Dense(512, activation="relu", kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 9))(
        x
    )
    return keras.Model(image, x, name="self_made")
