"""zoo.compare: runs, the pretrained classifier and a self-made network on the same examples, with what they cost."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.errors import DataError, OptionError, UnknownNameError, WeightsError, ZooError
from zoo.evaluation import Evaluation, MultiOutputEvaluation, load_run
from zoo.evaluation.compared import Compared, Comparison, aligned
from zoo.evaluation.predictions import HASH_DIGITS
from zoo.features.latency import milliseconds
from zoo.head_request import Head
from zoo.model import TransferModel, build
from zoo.model import load as load_model
from zoo.restriction import Classes, restrict
from zoo.specs import Output, PhaseSpec, Preprocessing, RecipeSpec
from zoo.tasks import of
from zoo.training import Run, RunFolder

PRETRAINED, SCRATCH = "pretrained", "scratch"
"""Yardsticks that `compare` makes itself."""

_LARGEST_SCRATCH = 128
"""Side of the self-made network's input, at most: larger ones take long and have more to learn."""


def compare(
    models: Sequence[Any] | Mapping[str, Any],
    *,
    data: Any = None,
    answer: str | None = None,
    trained_on: Any = None,
    classes: Classes | None = None,
    backbone: str | None = None,
    epochs: int = 20,
    seed: int = 0,
    directory: str | os.PathLike[str] | None = None,
    timings: bool = True,
    progress: Any = None,
) -> Comparison:
    """Compare models on the same examples: runs with each other, and with two yardsticks.

    Runs are compared by what they said of the examples held out, which is in their folders: the test split if all have
    one, else the validation split.

    Args:
        models: runs, folders of runs, evaluations, trained models (with `data`), "pretrained" (the classifier that came
            with the backbone, limited to the classes, untouched: see `zoo.restrict`) and "scratch" (a small
            convolutional network trained on the runs' training images from random weights). A mapping gives names.
        data: labeled data to measure all of them on, in place of what the runs held out; models are loaded for it.
        answer: which of several answers to compare.
        trained_on: the data of the runs, which the yardsticks need; None: found again by its path or name.
        classes: for "pretrained": class -> what it means to the classifier, as in `zoo.restrict`; None: by its name.
        backbone: for "pretrained": whose classifier; None: that of the first run.
        epochs: for "scratch": passes over the data.
        seed: for "scratch": of its weights and of the order of examples.
        directory: for "scratch": folder of its run; default a new one under `runs/`.
        timings: whether to measure milliseconds per image, for which the models of runs are loaded.
        progress: called with (images done, images in all) while yardsticks or models on `data` answer.

    Returns:
        The models from the best down: `.verdict` in words, `.table()`, `.figure()`, `.against(a, b)`, `.to_dict()`.

    Raises:
        DataError: they were not measured on the same examples, or against other labels.
        OptionError: fewer than two models, something that cannot be compared, or data that cannot be found again.
    """
    named = _named(models)
    job = _Job(
        data=None if data is None else data_room.load(data),
        given=trained_on,
        classes=classes,
        backbone=backbone,
        epochs=epochs,
        seed=seed,
        directory=directory,
        timings=timings,
        progress=progress,
    )
    job.runs = {name: item for name, item in named.items() if isinstance(item, Run)}
    part, notes = ("", []) if job.data is not None else _part(job.runs)
    job.part = part
    rows: dict[str, Compared] = {}
    left_out: dict[str, str] = {}
    for name, item in named.items():
        if item == PRETRAINED:
            try:
                rows[name] = job.pretrained(name)
            except (OptionError, UnknownNameError, WeightsError) as error:
                if classes is not None or backbone is not None:
                    raise  # asked for in so many words
                left_out[name] = str(error)
        elif item == SCRATCH:
            rows[name] = job.scratch(name)
        else:
            rows[name] = job.given_one(name, item)
    told = aligned({name: row.evaluation for name, row in rows.items()}, answer=answer) if rows else {}
    notes += job.notes
    for name, row in rows.items():
        notes += [f"{name}: {note}" for note in row.evaluation.notes if "were trained on" in note]
    return Comparison(
        [replace(row, evaluation=told[name]) for name, row in rows.items()],
        data=job.where(),
        left_out=left_out,
        notes=notes,
    )


def _named(models: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Name -> run, evaluation, model or yardstick; folders are read."""
    if isinstance(models, str) or not isinstance(models, Mapping | Sequence):
        raise OptionError(f"compare takes a list of runs and yardsticks; got {models!r}")
    pairs = models.items() if isinstance(models, Mapping) else ((None, item) for item in models)
    named: dict[str, Any] = {}
    for asked, item in pairs:
        if isinstance(item, str | os.PathLike) and item not in (PRETRAINED, SCRATCH):
            item = load_run(item)
        if isinstance(item, Run):
            name = asked or (item.directory.name if item.directory is not None else item.recipe.name)
        elif isinstance(item, str):
            name = asked or item
        elif isinstance(item, Evaluation | TransferModel):
            name = asked or f"model {len(named) + 1}"
        else:
            raise OptionError(
                f"compare takes runs, their folders, evaluations, models, {PRETRAINED!r} and {SCRATCH!r}; got {item!r}"
            )
        if name in named:
            name = f"{name} ({sum(other.split(' (')[0] == name for other in named) + 1})"
        named[name] = item
    if len(named) < 2:
        raise OptionError("compare takes at least two models")
    return named


def _part(runs: Mapping[str, Run]) -> tuple[str, list[str]]:
    """The split that runs are compared on, and what must be said of it.

    Raises:
        OptionError: no split that all have.
    """
    if not runs:
        return "", []
    for part in ("test", "validation"):
        lacking = [name for name, run in runs.items() if getattr(run, part) is None]
        if not lacking:
            notes = []
            if part == "validation":
                notes.append(
                    "Measured on the validation split: where a recipe chose something by it, such as the epoch to "
                    "keep, that flatters it. fit(test=0.2) holds out a split that nothing is chosen by."
                )
            return part, notes
    raise OptionError(
        f"{', '.join(lacking)} held out nothing, or the answers are not in the folder: there is no split that all runs "
        f"were measured on. Train with validation= or test=, or pass data="
    )


@dataclass
class _Job:
    """A comparison under way."""

    data: data_room.Dataset | None
    given: Any
    classes: Classes | None
    backbone: str | None
    epochs: int
    seed: int
    directory: str | os.PathLike[str] | None
    timings: bool
    progress: Any
    part: str = ""

    def __post_init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.notes: list[str] = []
        self._pictures: data_room.Dataset | None = None

    def where(self) -> str:
        """What the models are measured on, in words."""
        if self.data is not None:
            return self.data.name
        names = dict.fromkeys(str(run.details["data"]["name"]) for run in self.runs.values())
        return f"the {self.part} split of {', '.join(names)}" if names else ""

    # -- what was given ------------------------------------------------------------------------------------------
    def given_one(self, name: str, item: Run | Evaluation | TransferModel) -> Compared:
        """A run, an evaluation or a model as it takes part."""
        if isinstance(item, Evaluation):
            if self.data is not None:
                raise OptionError(f"{name} is an evaluation, which cannot be measured again on data=: pass its model")
            return Compared(name, item)
        if isinstance(item, TransferModel):
            if self.data is None:
                raise OptionError(f"{name} is a model: pass data= to measure all on, or its evaluation")
            found = item.evaluate(self.data, verbose=0, progress=self.progress)
            return Compared(
                name, found, parameters=int(item.composition.scoring.count_params()), ms=self._milliseconds(item)
            )
        model = self._model(name, item) if self.data is not None or self.timings else None
        if self.data is None:
            evaluation = getattr(item, self.part)
        else:
            assert model is not None
            evaluation = model.evaluate(self.data, verbose=0, progress=self.progress)
        counted = item.details.get("parameters", {})
        return Compared(
            name,
            evaluation,
            seconds=sum(float(phase["seconds"]) for phase in item.phases),
            parameters=counted.get("total"),
            trained=counted.get("trained"),
            ms=None if model is None else self._milliseconds(model),
        )

    def _model(self, name: str, run: Run) -> TransferModel | None:
        """The model of a run; without it there are no milliseconds, which is said."""
        if isinstance(run.model, TransferModel):
            return run.model
        assert run.directory is not None
        try:
            return load_model(run.directory / "model.keras")
        except ZooError as error:
            if self.data is not None:
                raise
            self.notes.append(f"{name}: no milliseconds: {error}")
            return None

    def _milliseconds(self, model: TransferModel) -> float | None:
        return milliseconds(model.composition.scoring) if self.timings else None

    # -- yardsticks ----------------------------------------------------------------------------------------------
    def pretrained(self, name: str) -> Compared:
        """The classifier that came with the backbone, limited to the classes, on the same examples."""
        like = self._first()
        if not of(like).one_class:
            raise OptionError(f"a pretrained classifier gives classes; this is {like.task}")
        backbone = self.backbone or str(self._details("model")["backbone"])
        wanted = self.classes or like.labels
        own = list(wanted) if isinstance(wanted, Mapping) else [str(label) for label in wanted]
        if set(own) != set(like.labels):
            raise OptionError(f"classes= names {', '.join(own)}; the runs have {', '.join(like.labels)}")
        model = restrict(backbone, wanted, unknown="keep", progress=None)
        never = [label for label, outputs in model.composition.identity["restricted"].items() if not outputs]
        if never:
            self.notes.append(f"{name} does not know {', '.join(never)}, and is always wrong there.")
        evaluation = model.evaluate(self._measured(), verbose=0, progress=self.progress)
        total = int(model.composition.backbone.count_params())  # without the matrices that pick and add up
        return Compared(name, evaluation, seconds=0.0, parameters=total, trained=0, ms=self._milliseconds(model))

    def scratch(self, name: str) -> Compared:
        """A self-made network trained on the training images of the runs, on the same examples."""
        like, run = self._first(), next(iter(self.runs.values()))
        size = min(_LARGEST_SCRATCH, int(self._details("input_size")))
        model = build(
            self_made(size, seed=self.seed),
            Head(name="linear", outputs=(Output.model_validate({"task": like.task, "labels": like.labels}),)),
            preprocessing=Preprocessing(scale=1 / 255),
            augment=self._augmentation() or None,
            seed=self.seed,
        )
        recipe = RecipeSpec(
            [PhaseSpec(name="scratch", unfreeze="all", epochs=self.epochs, learning_rate=1e-3)], name="self-made"
        )
        pictures = self._held_apart()
        done = model.fit(
            pictures,
            validation=0.2 if run.validation is not None else 0.0,
            test=0.2 if run.test is not None else 0.0,
            recipe=recipe,
            seed=self.seed,
            directory=self.directory,
            verbose=0,
            progress=self.progress,
        )
        return self.given_one(name, done)

    def _details(self, key: str) -> Any:
        if not self.runs:
            raise OptionError(f"{PRETRAINED!r} and {SCRATCH!r} are yardsticks for a run: pass one too")
        return next(iter(self.runs.values())).details[key]

    def _first(self) -> Evaluation:
        """The evaluation of the first run, whose examples and labels the yardsticks take."""
        self._details("model")
        run = next(iter(self.runs.values()))
        found: Evaluation | None = run.test if run.test is not None else run.validation
        if found is None:
            raise OptionError("the first run held out nothing: its labels are not known")
        if isinstance(found, MultiOutputEvaluation):
            raise OptionError(f"{PRETRAINED!r} and {SCRATCH!r} are for a single answer; this run gives several")
        return found

    def _measured(self) -> data_room.Dataset:
        """The examples that are compared on."""
        if self.data is not None:
            return self.data
        run = next(iter(self.runs.values()))
        return self._of(getattr(run, self.part))

    def _of(self, evaluation: Evaluation) -> data_room.Dataset:
        pictures = self._all()
        return pictures.subset(_places(pictures, evaluation))

    def _all(self) -> data_room.Dataset:
        """The pictures that the first run was trained and measured on, found again."""
        if self._pictures is None:
            run = next(iter(self.runs.values()))
            config = {} if run.directory is None else RunFolder.existing(run.directory).record["config"]
            sources = [self.given if self.given is not None else config.get("data", {}).get("source")]
            for part in ("validation", "test"):
                if self.given is None and isinstance(config.get(part), dict):
                    sources.append(config[part]["source"])
            if any(source is None for source in sources):
                raise OptionError(
                    "the run was trained on data without a path or name, and the yardsticks need it: pass trained_on= "
                    "(all of it, with what was held out)"
                )
            like = self._first()
            task = None if of(like).one_class else like.task
            try:
                loaded = [data_room.load(source, labels=like.labels, task=task) for source in sources]
            except DataError as error:
                raise DataError(f"the data of the run, which the yardsticks need (trained_on=): {error}") from error
            pictures = loaded[0] if len(loaded) == 1 else data_room.concatenate(*loaded, name=loaded[0].name)
            self._pictures = pictures.readable()
        return self._pictures

    def _held_apart(self) -> data_room.Dataset:
        """The pictures with the splits of the first run as their own; what any run held out is not trained on."""
        run, pictures = next(iter(self.runs.values())), self._all()
        splits = {
            part: np.unique(_places(pictures, found))
            for part in ("validation", "test")
            if (found := getattr(run, part)) is not None
        }
        hashes = [digest[:HASH_DIGITS] for digest in pictures.hashes()]
        held = {
            digest
            for item in self.runs.values()
            for found in (item.validation, item.test)
            if found is not None
            for digest in found.hashes
        }
        if self.data is not None:
            held |= {digest[:HASH_DIGITS] for digest in self.data.hashes()}
        splits["train"] = np.array([index for index, digest in enumerate(hashes) if digest not in held], np.int64)
        whole = pictures.subset(np.arange(len(pictures)))
        whole.splits = splits
        return whole

    def _augmentation(self) -> list[dict[str, Any]]:
        """The named augmentations of the first run, so that the yardstick is not worse for the lack of them."""
        return [
            {str(row["name"]): {key: value for key, value in row.items() if key not in ("name", "provider")}}
            for row in self._details("augment")
            if row["provider"] not in ("user", "keras")
        ]


def _places(pictures: data_room.Dataset, evaluation: Evaluation) -> np.ndarray:
    """Where the examples of an evaluation are in a dataset, found by their content; copies each in its place.

    Raises:
        DataError: some are not there.
    """
    where: dict[str, list[int]] = {}
    for index, digest in enumerate(pictures.hashes()):
        where.setdefault(digest[:HASH_DIGITS], []).append(index)
    used: dict[str, int] = {}
    places = []
    for digest in evaluation.hashes:
        found, number = where.get(digest, []), used.get(digest, 0)
        if number < len(found):
            places.append(found[number])
        used[digest] = number + 1
    if len(places) < len(evaluation.hashes) or not evaluation.hashes:
        raise DataError(
            f"{len(evaluation.hashes) - len(places)} of the {evaluation.count} examples that the run was measured on "
            f"are not in {pictures.name} any more"
        )
    return np.array(places, np.int64)


def self_made(size: int, *, seed: int = 0) -> Any:
    """The network one writes oneself before one knows of transfer: four convolutions, pooling, a dense layer.

    As in Chollet, "Deep Learning with Python", first edition, section 5.2.3, with Dropout as in 5.2.5, and "same"
    padding so that small pictures will do; without the classifier.

    Args:
        size: side of its input in pixels, at least 16.
        seed: of its random weights.

    Returns:
        A Keras model from float32 (n, size, size, 3), pixels 0..1, to features (n, 512).
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
