"""TransferModel: the verbs of zoo (build, fit, evaluate, predict, save, load), a thin facade over the rooms."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from zoo import augment as augment_room
from zoo import data as data_room
from zoo import settings
from zoo.compose import Composition, compose, load_trained_head, package_file, take_apart
from zoo.data.inputs import as_uint8
from zoo.errors import DataError, OptionError, UnsafeFileError, UntrainedHeadError
from zoo.evaluation import Evaluation, evaluate_outputs, headline_of
from zoo.export import read, save
from zoo.features import extract, forward
from zoo.outputs import Prediction, decode
from zoo.plugin import provenance
from zoo.registry import ZooNotice
from zoo.specs import Output, Preprocessing, RecipeSpec, ResizeRule
from zoo.training import (
    Run,
    Settings,
    check_class_weight,
    check_recipe,
    choose,
    freeze,
    new_directory,
    resolve,
    train,
    versions,
    write_json,
)

_HASH_DIGITS = 16
"""Digits of each training file's sha256 kept with a model: 64 bits, enough to recognise a file."""


def build(
    backbone: str | Any,
    head: Any = None,
    *,
    weights: str | os.PathLike[str] | None = "pretrained",
    features: str | None = None,
    input_size: int | None = None,
    resize: ResizeRule | str | None = None,
    preprocessing: Preprocessing | str | None = "pretrained",
    precision: str | None = None,
    augment: Any = None,
    seed: int = 0,
    progress: Any = None,
) -> TransferModel:
    """A pretrained base with a head on it, ready to fit; or, without a head, the pretrained classifier.

    Args:
        backbone: a name (`zoo.backbones()` lists them) or a Keras model from images to features.
        head: a name (`zoo.heads()`); `zoo.classifier(...)`, `multilabel`, `regressor`, `locator`, `multi_output` or
            `head`; or a Keras layer from features (n, d) to logits or probabilities (n, classes). None: the classifier
            that came with the weights.
        weights: "pretrained"; the id of a weight source; the path of a weight file; None for random weights.
        features: what the head reads: a pooling of the last feature map ("avg", "max", "concat", "gem"), a stage such
            as "stage3", a layer, of the pretrained top too ("fc2"), or one of these with its pooling ("stage3:gem").
        input_size: side of the square input in pixels; default from the backbone.
        resize: the rule that fits pictures to it: "crop", "stretch", "pad" or a `zoo.specs.ResizeRule`. Default: the
            published rule for the pretrained classifier; for a head, shorter side to the input size, then the centre.
        preprocessing: numbers to replace those of the backbone; None: pixels 0..255 as they are.
        precision: what base and head compute in: "float32", "mixed_bfloat16" or "mixed_float16" (with loss scaling in
            `fit`). Weights, features and answers are float32 in all of them. None: Keras's global dtype policy. Layers
            and models of your own bring their own.
        augment: random changes while training: names (`zoo.augmentations()`), Keras layers, functions of
            (uint8 image, seed), or a list of these.
        seed: of the head's initial weights and of random base weights.
        progress: called with (bytes done, bytes in all) while weights are fetched.

    Raises:
        UnknownNameError: a name nobody provides; near misses are suggested.
        WeightsError: weights that are missing, damaged or do not fit.
        OptionError: arguments that do not go together.
    """
    with provenance.recording() as used:
        composition, trained = compose(
            backbone,
            head,
            weights=weights,
            features=features,
            input_size=input_size,
            resize=resize,
            preprocessing=preprocessing,
            precision=precision,
            seed=seed,
            progress=progress,
        )
        model = TransferModel(composition, head_state="pretrained" if head is None else "untrained", augment=augment)
    model._providers = provenance.rows(used, preprocessing=preprocessing == "pretrained", label_set=head is None)
    if trained is not None:
        known = package_file(trained.training_files).read_text(encoding="ascii").split()
        load_trained_head(composition, trained)
        model._ship_head({digest[:_HASH_DIGITS] for digest in known})
    return model


def load(path: str | os.PathLike[str], *, augment: Any = None) -> TransferModel:
    """A model from a file that `TransferModel.save` wrote; labels and the resize rule come back with it.

    Args:
        path: the file.
        augment: as in `build`, for a further `fit`; a file holds no augmentation.

    Raises:
        UnsafeFileError: the file is damaged or holds code.
        OptionError: there is no such file, or zoo did not write it.
        PluginError: it has layers of a plugin that is missing or broken; names the distribution and version to install.
    """
    with provenance.recording() as used:
        ops = augment_room.resolve(augment)
    serving, record = read(path)
    try:
        composition = take_apart(serving, record)
        model = TransferModel(composition, head_state=str(record["head_state"]), augment=ops)
        model._training_files = set(record["training_files"])
        if composition.head is not None:
            model._fresh_head = composition.fresh_head_weights()
            if record["head_state"] == "pretrained":
                model._ship_head(model._training_files)
        provenance.say_what_changed(Path(path), record["providers"])
        model._providers = [*record["providers"], *provenance.rows(used)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnsafeFileError(f"{path} is damaged: its record does not fit its model: {error!r}") from error
    if len(composition.labels) not in (0, composition.width):
        raise UnsafeFileError(f"{path} is damaged: {len(composition.labels)} labels for {composition.width} outputs")
    model.record = dict(record)
    return model


class TransferModel:
    """A base, a head, and the verbs on them. Made by `zoo.build` or `zoo.load`."""

    def __init__(self, composition: Composition, *, head_state: str, augment: Any = None) -> None:
        self._composition = composition
        self._head_state = head_state
        self._ops = augment_room.resolve(augment)
        self._fresh_head = composition.head_weights() if composition.head is not None else []
        self._initial_base: list[np.ndarray] | None = None
        self._shipped_head: list[np.ndarray] | None = None
        self._shipped_files: set[str] = set()
        self._training_files: set[str] = set()
        self._providers: list[dict[str, Any]] = []
        self.record: dict[str, Any] = {}
        """What a loaded file says about its origin: versions, backbone, weights digest, the run."""

    def _ship_head(self, training_files: set[str]) -> None:
        """The head now has weights that came with it, trained on these files."""
        assert self._composition.head is not None
        self._shipped_head = self._composition.head_weights()
        self._shipped_files = training_files
        self._training_files = set(training_files)
        self._head_state = "pretrained"

    # -- what it is ----------------------------------------------------------------------------------------------
    @property
    def keras_model(self) -> Any:
        """The plain serving `keras.Model`: float32 pixels 0..255 (n, size, size, 3) in, float32 probabilities out.

        With several answers a dict of them, by name.
        """
        return self._composition.serving

    @property
    def composition(self) -> Composition:
        """The graphs and everything they were made from."""
        return self._composition

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names (names of the columns, of several answers side by side), in output order."""
        return self._composition.labels

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The answers: name, task, labels."""
        return self._composition.outputs

    @property
    def input_size(self) -> int:
        """Side of the square input, in pixels."""
        return self._composition.input_size

    @property
    def head_state(self) -> str:
        """ "untrained", "pretrained" (weights that came with it) or "fitted"."""
        return self._head_state

    def __repr__(self) -> str:
        who = self._composition.identity
        return (
            f"TransferModel({who['backbone']}, head={who['head'] or 'the pretrained classifier'}, "
            f"{len(self.labels)} labels, input {self.input_size} px, {self._head_state})"
        )

    # -- fit -----------------------------------------------------------------------------------------------------
    def fit(
        self,
        data: Any,
        *,
        validation: Any = 0.2,
        test: float = 0.0,
        recipe: str | RecipeSpec | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        stages: Sequence[str] | None = None,
        class_weight: str | Mapping[int, float] | None = None,
        callbacks: Sequence[Any] = (),
        seed: int = 0,
        start: str = "fresh",
        directory: str | os.PathLike[str] | None = None,
        cache: bool = True,
        cached_prefix: bool | None = None,
        verbose: int | str = 0,
        progress: Any = None,
    ) -> Run:
        """Train on labelled data, measure on what was held out, and write a run folder.

        Args:
            data: a folder of class folders, the name of a dataset, a `zoo.Dataset`, a `tf.data.Dataset`, arrays (x, y)
                with pixels 0..255, or a `keras.utils.PyDataset`.
            validation: share held out (0..1), a number of examples, or data of its own. Splits go by file content.
            test: share held out for a third split; 0 for none.
            recipe: "probe" (the head solved exactly on features), "head" (gradient descent on features), "lp-ft" (the
                probe, then the last stages at a low learning rate, BatchNorm frozen), "scratch" (random weights only).
                None: "probe" for a linear head without augmentation, else "head".
            epochs: passes over the data for the gradient phase of the recipe.
            batch_size: examples per step of the gradient phase.
            learning_rate: peak learning rate of the gradient phase.
            stages: names of the stages that the recipe trains, in place of its own.
            class_weight: None, "balanced", or class index -> weight.
            callbacks: Keras callbacks.
            seed: of the split, the order of examples, augmentation and the solver.
            start: "fresh" starts the head anew (a second `fit` continues, and says so); "pretrained" starts from the
                weights shipped with the head.
            directory: folder for the run; default a new one under `runs/` (or `ZOO_RUNS_DIR`).
            cache: whether features are looked up in the cache and kept there (`zoo cache ls`), so that a second fit
                with the same base and images computes none.
            cached_prefix: whether fine-tuning computes the outputs of the frozen stages once, keeps them, and trains
                only the stages behind them, with the same result. None: where it pays; the run says so.
            verbose: as in Keras, for gradient phases.
            progress: called with (images done, images in all) while features are computed.

        Returns:
            The run: history, phases, evaluations, notices, folder.

        Raises:
            DataError: the data cannot be used; the message says what was found and what to do.
            OptionError: arguments that do not go together.
            FrozenError: something that had to stay frozen moved.
        """
        if self._ops and any(output.task == "box" for output in self.outputs):
            augment_room.check_boxes_follow(self._ops)
        chosen = choose(
            recipe or self.usual_recipe(),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            stages=stages,
        )
        chosen = resolve(chosen, self._stage_names())
        check_recipe(self._composition, chosen, augmented=bool(self._ops))
        self._check_start(start, chosen)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise OptionError(f"seed={seed!r} must be a whole number from 0")
        tunes_base = any(phase.unfreeze for phase in chosen.phases)
        goes_on = self._head_state == "fitted" or start == "pretrained"  # from weights trained before
        began = datetime.now(UTC)
        with self._whole_or_not_at_all(tunes_base):
            with provenance.recording() as used:
                dataset, split, notices = self._training_data(data, validation, test, seed)
            weights = check_class_weight(self._composition, class_weight)
            target = self._new_directory(directory, chosen.name)
            try:
                notices += self._start(start, chosen)
                outcome = train(
                    self._composition,
                    dataset,
                    split,
                    chosen,
                    _measure(self._composition),
                    Settings(
                        seed=seed,
                        augment=self._augmentation(seed),
                        class_weight=weights,
                        callbacks=callbacks,
                        verbose=verbose,
                        progress=progress,
                        cache=cache,
                        prefix=cached_prefix,
                        fresh_head=not goes_on,
                    ),
                )
                hashes = dataset.hashes()
                trained_on = {hashes[index][:_HASH_DIGITS] for index in outcome.train}
                self._training_files = trained_on | (self._training_files if goes_on else set())
                self._providers = provenance.with_data(self._providers, used, continues=goes_on)
                self._head_state = "fitted"
                notices += _skipped_notice(outcome.skipped, len(dataset))
                run = Run(recipe=chosen, history=outcome.history, phases=outcome.phases, notices=notices)
                if len(outcome.validation):
                    run.validation = self._evaluation(dataset, outcome.validation, scores=outcome.validation_scores)
                if len(outcome.test):
                    run.test = self._evaluation(dataset, outcome.test, scores=outcome.test_scores)
            except BaseException:
                with suppress(OSError):
                    target.rmdir()  # still empty: nothing is written before the end
                raise
        run.details = {
            "started": began.isoformat(timespec="seconds"),
            "seed": seed,
            "versions": versions(),
            "model": self._composition.identity,
            "input_size": self.input_size,
            "resize": self._composition.resize.model_dump(),
            "labels": list(self.labels),
            "providers": self._providers,
            "augment": [{"name": op.name, "provider": op.provider, **op.config} for op in self._ops],
            "data": {
                "name": dataset.name,
                "fingerprint": dataset.fingerprint(),
                "train": len(outcome.train),
                "validation": len(outcome.validation),
                "test": len(split.test),
                "skipped": [{"id": name, "reason": reason} for name, reason in outcome.skipped],
            },
        }
        self._write(run, target)
        return run

    def usual_recipe(self) -> str:
        """What `fit` does unless told otherwise: "probe" for a linear head without augmentation, else "head"."""
        return "probe" if self._composition.linear_layer() is not None and not self._ops else "head"

    def _stage_names(self) -> list[str]:
        """The stages that have something to train."""
        return [stage.name for stage in self._composition.stages if any(layer.weights for layer in stage.layers)]

    def _augmentation(self, seed: int) -> Any:
        if not self._ops:
            return None
        return lambda epoch: augment_room.transform(self._ops, seed=seed, epoch=epoch)

    @contextmanager
    def _whole_or_not_at_all(self, tunes_base: bool) -> Iterator[None]:
        """A fit that fails leaves weights and labels as they were; every fit leaves the base frozen."""
        composition = self._composition
        assert composition.head is not None
        if tunes_base and self._initial_base is None:
            self._initial_base = composition.backbone.get_weights()  # for reset()
        outputs, head = composition.outputs, composition.head_weights()
        mine = self._head_state, self._training_files, self._providers
        base = composition.backbone.get_weights() if tunes_base else None
        try:
            yield
        except BaseException:
            composition.outputs = outputs
            composition.set_head_weights(head)
            self._head_state, self._training_files, self._providers = mine
            if base is not None:
                composition.backbone.set_weights(base)
            raise
        finally:
            if composition.identity["weights"] is not None:
                freeze(composition.backbone, composition.stages, unfreeze=0, batchnorm="frozen")

    def _new_directory(self, directory: str | os.PathLike[str] | None, recipe: str) -> Path:
        """The run's folder, made before the work so that a place that cannot be written is found at once."""
        try:
            if directory is None:
                name = str(self._composition.identity["backbone"]).rpartition(":")[2]
                return new_directory(settings.runs_dir(), name=f"{name}-{recipe}")
            target = Path(directory)
            if target.exists() and (not target.is_dir() or any(target.iterdir())):
                raise OptionError(
                    f"directory={str(target)!r} exists and is not an empty folder: a run needs one of its own"
                )
            target.mkdir(parents=True, exist_ok=True)
            return target
        except OSError as error:
            raise OptionError(
                f"the folder of the run cannot be made: {error}. Pass directory=, or set ZOO_RUNS_DIR"
            ) from error

    def _training_data(
        self, data: Any, validation: Any, test: float, seed: int
    ) -> tuple[data_room.Dataset, data_room.Split, list[str]]:
        dataset = self._load(data)
        notices = data_room.check(dataset, labels=self.labels or None)
        dataset = dataset.readable()
        if not self.labels:
            self._take_labels(dataset)
        if isinstance(validation, bool) or not isinstance(validation, int | float | np.number):
            if validation is None or validation is False:
                return dataset, data_room.split(dataset, validation=0.0, test=test, seed=seed), notices
            held_out = self._load(validation)
            notices += data_room.check(held_out, labels=self.labels, training=False)
            held_out = held_out.readable()
            first = data_room.split(dataset, validation=0.0, test=test, seed=seed)
            joined = data_room.concatenate(dataset, held_out, name=dataset.name)
            shared = set(np.array(dataset.hashes())[first.train]) & set(held_out.hashes())
            if shared:
                raise DataError(
                    f"{len(shared)} of {len(held_out)} validation files are in the training data too: what was trained "
                    f"on must not be measured on; remove the copies"
                )
            positions = np.arange(len(dataset), len(joined))
            return joined, data_room.Split(train=first.train, validation=positions, test=first.test), notices
        share = int(validation) if isinstance(validation, int | np.integer) else float(validation)
        parts = data_room.split(dataset, validation=share, test=test, seed=seed)
        return dataset, parts, notices + list(parts.notes)

    def _load(self, data: Any) -> data_room.Dataset:
        """The data with the classes of the head; its task must be that of the head."""
        task = self._composition.task
        if task == "multi-output":
            dataset = data_room.load(data, outputs=self.outputs)
        else:
            dataset = data_room.load(data, labels=self.labels or None, task=None if task == "classification" else task)
        if dataset.targets is not None and dataset.task != task:
            raise DataError(f"{dataset.name} is data for {dataset.task}, the head does {task}")
        return dataset

    def _take_labels(self, dataset: data_room.Dataset) -> None:
        if dataset.n_classes != self._composition.width:
            raise DataError(
                f"the head has {self._composition.width} outputs and the data {dataset.n_classes} classes "
                f"({', '.join(dataset.labels[:8]) or 'without names'}): build the model with a head of "
                f"{dataset.n_classes}"
            )
        self._composition.take_labels(dataset.labels or tuple(str(index) for index in range(dataset.n_classes)))

    def _check_start(self, start: str, recipe: RecipeSpec) -> None:
        if start not in ("fresh", "pretrained"):
            raise OptionError(f"start= takes 'fresh' or 'pretrained'; got {start!r}")
        if start == "fresh":
            return
        if self._shipped_head is None:
            raise OptionError("start='pretrained': no weights for this head on this backbone were shipped")
        if self._solves_head(recipe):
            raise OptionError(
                f"start='pretrained' has no effect with recipe {recipe.name!r}, which solves the head anew: take 'head'"
            )

    def _solves_head(self, recipe: RecipeSpec) -> bool:
        return recipe.phases[0].solver == "convex" and self._composition.linear_layer() is not None

    def _start(self, start: str, recipe: RecipeSpec) -> list[str]:
        """Put the head where the run starts; returns what to say about it."""
        notices = []
        if start == "pretrained":
            assert self._shipped_head is not None
            self._composition.set_head_weights(self._shipped_head)
            notices.append("the head starts from its shipped weights")
        elif self._head_state == "fitted" and self._solves_head(recipe):
            notices.append(
                "this fit continues from the base of the one before, the head is solved anew; reset() starts anew"
            )
        elif self._head_state == "fitted":
            notices.append("this fit continues from the weights of the one before; model.reset() starts anew")
        elif self._head_state == "pretrained":
            self._composition.set_head_weights(self._fresh_head)
            notices.append("the head starts fresh; its shipped weights are not used (start='pretrained' uses them)")
        augmented = self.record.get("augment")
        if augmented and not self._ops:
            notices.append(
                f"the model was trained with augmentation ({', '.join(augmented)}), this fit goes without: "
                f"zoo.load takes augment="
            )
        return notices

    def _write(self, run: Run, directory: Path) -> None:
        """Write the folder; a full disk must not lose a run that is in memory."""
        run.directory = directory
        try:
            self.save(directory / "model.keras")
            write_json(directory / "run.json", run.to_dict())
        except OSError as error:
            run.notices.append(f"the run could not be written to {directory}: {error}; model.save() elsewhere keeps it")
            warnings.warn(run.notices[-1], ZooNotice, stacklevel=3)

    def reset(self) -> None:
        """Back to the state after `build`: the head as it was, the base with its pretrained weights.

        Raises:
            OptionError: the model was loaded from a file, which does not hold the weights it once started from.
        """
        if self.record:
            raise OptionError("reset: a saved file does not hold the weights the model started from; build it again")
        if self._composition.head is not None:
            self._composition.set_head_weights(self._shipped_head or self._fresh_head)
            self._head_state = "untrained" if self._shipped_head is None else "pretrained"
        if self._initial_base is not None:
            self._composition.backbone.set_weights(self._initial_base)
        self._training_files = set(self._shipped_files)

    # -- evaluate and predict ------------------------------------------------------------------------------------
    def evaluate(self, data: Any, *, progress: Any = None) -> Evaluation:
        """Measure on labelled data.

        Args:
            data: as for `fit`.
            progress: called with (images done, images in all).

        Returns:
            Accuracy, loss, per-class figures and so on. A note says so if the model was trained on some of the files.

        Raises:
            UntrainedHeadError: the head was never trained.
            DataError: the data cannot be used.
        """
        self._require_trained("evaluate")
        dataset = self._load(data)
        notes = data_room.check(dataset, labels=self.labels or None, training=False)
        return self._evaluation(dataset, np.arange(len(dataset)), notes=notes, progress=progress)

    def _evaluation(
        self,
        dataset: data_room.Dataset,
        positions: np.ndarray,
        *,
        scores: np.ndarray | None = None,
        notes: Iterable[str] = (),
        progress: Any = None,
    ) -> Evaluation:
        notes = list(notes)
        skipped: tuple[tuple[str, str], ...] = ()
        if dataset.targets is None:
            raise DataError(f"{dataset.name} has no labels to measure against")
        if scores is None:
            found = extract(
                self._composition.scoring,
                dataset,
                positions,
                size=self.input_size,
                rule=self._composition.resize,
                progress=progress,
            )
            scores, positions, skipped = found.values, found.positions, found.skipped
        if self._training_files:
            hashes = dataset.subset(positions).hashes()
            seen = sum(digest[:_HASH_DIGITS] in self._training_files for digest in hashes)
            if seen:
                notes.append(
                    f"{seen} of these {len(positions)} files were trained on: the figures are too good to be believed"
                )
                warnings.warn(notes[-1], ZooNotice, stacklevel=3)
        return evaluate_outputs(
            scores,
            dataset.targets[positions],
            self.outputs,
            ids=tuple(dataset.ids[index] for index in positions),
            skipped=skipped,
            notes=tuple(notes),
        )

    def predict(self, images: Any, *, batch_size: int = 32) -> list[Prediction]:
        """Say what is on images.

        Args:
            images: a path, a folder, an array (height, width, 3) or (n, height, width, 3) with values 0..255, a Pillow
                image, or a list of these.
            batch_size: images in one forward pass.

        Returns:
            One prediction an image, in order (files of a folder by name).

        Raises:
            UntrainedHeadError: the head was never trained.
            DataError: an image cannot be read, or its values are outside 0..255.
        """
        self._require_trained("predict")
        names: list[str] = []

        def stream() -> Iterator[np.ndarray]:
            for name, image in data_room.images(images):  # one at a time: a folder may not fit into memory
                names.append(name)
                yield image

        scores = self._scores(stream(), batch_size)
        return [decode(self.outputs, row, name) for row, name in zip(scores, names, strict=True)]

    def predict_scores(self, images: Any, *, batch_size: int = 32) -> np.ndarray:
        """The probabilities or values of images: float32 (n, columns), several answers side by side.

        Arguments and errors as for `predict`.
        """
        self._require_trained("predict_scores")
        return self._scores((image for _, image in data_room.images(images)), batch_size)

    def _scores(self, images: Iterable[np.ndarray], batch_size: int) -> np.ndarray:
        if batch_size < 1:
            raise OptionError(f"batch_size={batch_size} must be positive")

        def stream() -> Iterator[np.ndarray]:
            batch: list[np.ndarray] = []
            for image in images:
                if image.shape[:2] == (self.input_size, self.input_size):
                    batch.append(image)  # as it is, floats too
                else:
                    batch.append(data_room.resize(as_uint8(image), self.input_size, self._composition.resize))
                if len(batch) == batch_size:
                    yield np.stack(batch)
                    batch = []
            if batch:
                yield np.stack(batch)

        parts = list(forward(self._composition.scoring, stream(), batch_size))
        return np.concatenate(parts) if parts else np.zeros((0, self._composition.width), np.float32)

    def _require_trained(self, verb: str) -> None:
        if self._head_state == "untrained":
            raise UntrainedHeadError(
                f"{verb}: the head of this model was never trained, its answers would be random. Call fit first"
                + ("" if self._composition.identity.get("head") is None else "; or build a head that ships weights")
            )

    # -- save ----------------------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a `.keras` file that plain Keras loads without zoo; labels travel in it.

        Raises:
            OptionError: the name does not end in `.keras`, or its folder does not exist.
        """
        composition = self._composition
        record = {
            "outputs": [output.model_dump() for output in composition.outputs],
            "resize": composition.resize.model_dump(),
            "identity": composition.identity,
            "head_state": self._head_state,
            "versions": versions(),
            "training_files": sorted(self._training_files),
            "augment": [op.name for op in self._ops],
            "providers": self._providers,
        }
        return save(composition.serving, record, path)


def _measure(composition: Composition) -> Any:
    return lambda scores, targets: headline_of(scores, targets, composition.outputs, composition.scales())


def _skipped_notice(skipped: Sequence[tuple[str, str]], total: int) -> list[str]:
    if not skipped:
        return []
    shown = "; ".join(f"{name} ({reason})" for name, reason in skipped[:5])
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return [f"{len(skipped)} of {total} images could not be read and were skipped: {shown}{more}"]
