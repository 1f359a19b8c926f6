"""TransferModel: the verbs on a base with a head (fit, evaluate, predict), each a few lines over the rooms."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo import settings
from zoo.artifacts import Artifacts
from zoo.embedding import Embeddings, of_composition
from zoo.errors import OptionError
from zoo.evaluation import Evaluation
from zoo.fitting.examples import Examples, load_for
from zoo.fitting.habits import KerasHabits, fit_arguments
from zoo.fitting.intakes import fit_intake
from zoo.fitting.measuring import measure, scores
from zoo.fitting.options import FitOptions, last_descent, live_of
from zoo.fitting.planning import plan
from zoo.fitting.session import Session
from zoo.progress import Display
from zoo.run import Run
from zoo.specs import Output, RecipeSpec, Size, as_size
from zoo.specs.record import ModelRecord
from zoo.tasks import Prediction, decode, of
from zoo.training.report import trainable_report
from zoo.training.runs.checkpointer import EVERY
from zoo.training.runs.folder import RunFolder, place_for
from zoo.training.settings import Live


class TransferModel(KerasHabits, Artifacts):
    """A base, a head, and the verbs on them. Made by `zoo.build` or `zoo.load`.

    Args:
        state: what is known of the model.
    """

    # -- what it is ----------------------------------------------------------------------------------------------
    @property
    def keras_model(self) -> Any:
        """Return the plain serving `keras.Model`.

        It takes float32 arrays as the intake makes them (of images values 0..255, (n, size, size, channels)) and gives
        float32 probabilities or values; with several answers a dict of them, by name.
        """
        return self.composition.serving

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the class names (names of the columns, of several answers side by side), in output order."""
        return self.composition.labels

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Return the answers: name, task, labels."""
        return self.composition.outputs

    @property
    def input_size(self) -> Size:
        """Return the side of the square input, or (height, width), in px; of other examples their length."""
        shape = self.composition.intake.array_shape
        return as_size(*shape[:2]) if len(shape) == 3 else shape[0]

    @property
    def head_state(self) -> str:
        """Return "untrained", "pretrained" (weights that came with it) or "fitted"."""
        return self.state.head_state

    @property
    def record(self) -> ModelRecord | None:
        """Return what the file that it was loaded from says of its origin; None for a model that was built."""
        return self.state.origin

    def __repr__(self) -> str:
        who, adapted = self.composition.identity, ""
        if self.state.adapted:
            adapted = f", BATCHNORM MOVED in {', '.join(self.state.adapted)}"
        return (
            f"TransferModel({who.backbone}, head={who.head or 'the pretrained classifier'}, "
            f"{len(self.labels)} labels, {self.composition.intake.summary}, {self.head_state}{adapted})"
        )

    # -- fit -----------------------------------------------------------------------------------------------------
    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        validation: Any = 0.2,
        test: Any = 0.0,
        group: str | None = None,
        recipe: str | os.PathLike[str] | RecipeSpec | None = None,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        learning_rate: float | None = None,
        loss: str | None = None,
        stop_at: Mapping[str, float] | None = None,
        stages: Sequence[str] | None = None,
        batchnorm: str | None = None,
        augment_in: str | None = None,
        class_weight: str | Mapping[int, float] | None = None,
        callbacks: Any = None,
        seed: int = 0,
        start: str = "fresh",
        directory: str | os.PathLike[str] | None = None,
        cache: bool = True,
        cached_prefix: bool | None = None,
        checkpoint_every: float | None = EVERY,
        views: int | None = None,
        verbose: int | str = "auto",
        progress: Any = None,
        **keras: Any,
    ) -> Run:
        """Train on labeled data, measure on what was held out, and write a run folder.

        Args:
            data: a folder of class folders, a CSV file (`zoo.from_csv` says how it is read), the name of a dataset, a
                `zoo.Dataset`, image files with their answers or a function that gives them, a `tf.data.Dataset`, arrays
                (x, y) with values 0..255, or a `keras.utils.PyDataset`.
            y: the answers, where `data` is x only.
            validation: share held out (0..1), a number of examples, or data of its own. Splits go by file content.
            test: the same for a third part, which nothing is chosen by: it is measured once, at the end; 0 for none.
            group: "folder", or a column of the CSV file, whose images stay on one side of every split.
            recipe: "probe" (the head solved exactly on features), "head" (gradient descent on features), "lp-ft" (the
                probe, then the last stage at a low learning rate, BatchNorm frozen), "scratch" (random weights only).
                None or "auto": chosen from the amount of data and its similarity to what the base knows; `run.reasons`
                says why. `epochs`, `batch_size`, `learning_rate` and `start="pretrained"` rule the probe out.
            epochs: passes over the data for the gradient phase of the recipe.
            batch_size: examples per step of that phase; "all": one step an epoch.
            learning_rate: its peak.
            loss: of the gradient phase: "crossentropy", "focal", "mse", "mae", "huber". None: that of the task.
            stop_at: `{"val_accuracy": 0.98}`: the gradient phase ends when the history has reached it.
            stages: names of the stages, or single layers, that the recipe trains, in place of its own. None: those of
                `unfreeze`.
            batchnorm: "adapt": BatchNorm of the stages that train moves too. None: as the recipe says, mostly frozen.
            augment_in: where augmentation runs: "pipeline" (on the CPU, while the step before is computed), "graph" (in
                the training step, on its device), or "none". None: as the recipe says, mostly "pipeline".
            class_weight: None, "balanced", or class index -> weight.
            callbacks: Keras callbacks, for every phase. Each phase is a training of its own to them; their `model` is
                what the phase trains: the whole, the head on features, or what comes behind a cached prefix.
            seed: of the split, the order of examples, augmentation and the solver.
            start: "fresh" starts the head anew (a second `fit` continues, and says so); "pretrained" starts from the
                weights shipped with the head.
            directory: folder for the run; default a new one under `runs/` (or `ZOO_RUNS_DIR`).
            cache: whether features are looked up in the cache and kept there (`zoo cache ls`).
            cached_prefix: whether fine-tuning computes the outputs of the frozen stages once and keeps them, with the
                same result. None: where it pays; the run says so.
            checkpoint_every: seconds between checkpoints within an epoch of gradient descent, for `zoo.resume`; they
                are also written at the end of epochs and phases, as far as that takes no more than a twentieth of the
                time. 0: at every step; None: none.
            views: with augmentation: the features of so many views of each training image are computed once and kept,
                and training shows one of them in each epoch (the probe: all). None: it is drawn anew in every epoch.
            verbose: "auto": a bar with the time left if stderr is a terminal, lines in a notebook, else a line a minute
                on stderr. 0: nothing. 1: the bar; without a terminal a line for each epoch. 2: the lines. A quick look
                at the data is told first, in three lines at most; it is made always, and kept as `run.lint`.
            progress: called with (images done, images in all) while features are computed.
            **keras: `validation_split` or `validation_data`, as Keras calls `validation`.

        An error leaves the model as it was. Ctrl-C, and a loss that is no number, leave the best checkpoint so far in
        it, and in the run folder as `model.keras`; without one the model is as it was.

        Returns:
            The run: history, phases, evaluations, notices, folder.

        Raises:
            DataError: the data cannot be used; the message says what was found and what to do.
            OptionError: arguments that do not go together.
            FrozenError: something that had to stay frozen moved.
            DivergedError: the loss or the weights are no numbers any more.
        """
        data, validation = fit_arguments(data, y, validation, keras)
        options = FitOptions(
            validation=validation,
            test=test,
            group=group,
            recipe=recipe,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            loss=loss,
            stop_at=stop_at,
            stages=stages,
            batchnorm=batchnorm,
            augment_in=augment_in,
            class_weight=class_weight,
            seed=seed,
            start=start,
            directory=directory,
            cache=cache,
            cached_prefix=cached_prefix,
            views=views,
        ).checked(self.state)
        live = live_of(callbacks, checkpoint_every, verbose, progress)
        return self._fit(data, options, live)

    def _fit(self, data: Any, options: FitOptions, live: Live) -> Run:
        """Options -> examples -> plan -> session."""
        state = self.state
        name = f"{state.composition.identity.backbone.rpartition(':')[2]}-{options.title}"
        target = None if options.directory is None else Path(options.directory)
        with (
            state.whole_or_not_at_all(tunes_base=options.may_tune_base(state)) as undo,
            live.display,
            place_for(target, settings.runs_dir(), name=name) as place,
        ):
            examples = Examples.gather(state.composition, options.request(data))
            live.display.say_all(examples.lint.lines())
            fit_intake(state, examples)
            planned = plan(state, examples, options, live)
            notices = (*examples.notices, *planned.notices)
            folder = RunFolder.new(place, planned.plan, notices=notices, reasons=planned.reasons)
            with folder.locked():
                session = Session(state, planned.plan, examples, live, folder, undo, planned.features)
                run = Run.of(session.run(), self)
                self.remember(run)
                return run

    # -- what trains ---------------------------------------------------------------------------------------------
    def freeze(self, until: str | None = None) -> None:
        """Freeze the base up to a stage or layer, this one included; what is above it trains in the next `fit`.

        BatchNorm of the base is frozen everywhere. Sets `trainable` of the layers too, for plain Keras loops.

        Args:
            until: the last stage or layer that is frozen; None: all of them.

        Raises:
            OptionError: the base has no such stage or layer.
        """
        self.state.set_unfrozen([] if until is None else self.state.above(until))

    def unfreeze(self, *stages: str) -> None:
        """Let parts of the base train in the next `fit`, beside those that do already; BatchNorm stays frozen.

        Without `recipe=`, that fit then fine-tunes (`lp-ft`). What is below trained parts may stay frozen. `trainable`
        that is set by hand on layers of `keras_model` is obeyed in the same way, and the run says so.

        Args:
            stages: names of stages and of single layers ("block5_conv3"; of a layer inside another "outer/inner");
                none: all stages.

        Raises:
            OptionError: the base has no such stage or layer, or the layer cannot train alone.
        """
        names = stages or self.composition.stage_names
        self.state.set_unfrozen([*self.state.unfrozen, *names])

    def trainable_report(self, recipe: str | os.PathLike[str] | RecipeSpec | None = None) -> Any:
        """Say for each stage, and for the head: layers, parameters, how many of them train, learning rate, BatchNorm.

        Args:
            recipe: what trains in its last phase of gradient descent; None: what the layers' flags say now.

        Returns:
            A table: a sequence of dicts that prints as one.

        Raises:
            OptionError: a recipe without gradient descent.
        """
        return trainable_report(self.composition, None if recipe is None else last_descent(self.state, recipe))

    def reset(self) -> None:
        """Go back to the state after `build`: the head as it was, the base with its pretrained weights.

        Raises:
            OptionError: the model was loaded from a file, which does not hold the weights it once started from.
        """
        self.state.reset()

    # -- evaluate and predict ------------------------------------------------------------------------------------
    def evaluate(
        self,
        data: Any,
        y: Any = None,
        *,
        temperature: float | None = None,
        verbose: int | str = "auto",
        progress: Any = None,
    ) -> Evaluation:
        """Measure on labeled data.

        Args:
            data: as for `fit`.
            y: the answers, where `data` is x only.
            temperature: of a classifier: what its logits are divided by, as `run.calibrate()` finds it. Probabilities
                change, classes do not; None: as they are.
            verbose: as for `fit`.
            progress: called with (images done, images in all).

        Returns:
            Accuracy, loss, per-class figures and so on. A note says so if the model was trained on some of the files.

        Raises:
            UntrainedHeadError: the head was never trained.
            DataError: the data cannot be used.
            OptionError: the temperature is no positive number, or the head is not a classifier.
        """
        self.state.require_trained("evaluate")
        if temperature is not None and not of(self.composition).one_class:
            raise OptionError(f"temperature= is for a classifier; this head does {self.composition.task}")
        with Display(verbose) as display:
            dataset = load_for(self.composition, data if y is None else (data, y))
            evaluation = measure(
                self.composition,
                dataset,
                np.arange(len(dataset)),
                training_files=self.state.training_files,
                notes=data_room.check(dataset, labels=self.labels or None, training=False),
                progress=display.counter("examples", also=progress),
            )
        return evaluation if temperature is None else evaluation.at_temperature(temperature)

    def predict(self, examples: Any, *, batch_size: int = 32) -> list[Prediction]:
        """Say what is on images, or whatever the model takes.

        Args:
            examples: a path, a folder, or examples in memory. Images: an array (height, width, 3) or (n, height, width,
                3) with values 0..255, a Pillow image, or a list of these; else what the modality takes, or a list.
            batch_size: examples in one forward pass.

        Returns:
            One prediction an example, in order (files of a folder by name).

        Raises:
            UntrainedHeadError: the head was never trained.
            DataError: an example cannot be read; of images also values outside 0..255.
        """
        self.state.require_trained("predict")
        names: list[str] = []
        named = data_room.examples_for(self.composition.intake.kind, examples)

        def stream() -> Iterator[Any]:
            for name, example in named:  # one at a time: a folder may not fit into memory
                names.append(name)
                yield example

        answers = scores(self.composition, stream(), batch_size=batch_size)
        return [decode(self.outputs, row, name) for row, name in zip(answers, names, strict=True)]

    def predict_scores(self, examples: Any, *, batch_size: int = 32) -> np.ndarray:
        """Return the probabilities or values of examples: float32 (n, columns), several answers side by side.

        Arguments and errors as for `predict`.
        """
        self.state.require_trained("predict_scores")
        named = data_room.examples_for(self.composition.intake.kind, examples, strict=True)
        stream = (example for _, example in named)
        return scores(self.composition, stream, batch_size=batch_size)

    def embed(self, data: Any, features: str | None = None, *, cache: bool = True, progress: Any = None) -> Embeddings:
        """Compute one vector an example with the base of this model.

        Arguments and errors as for `zoo.embed`; without `features`, vectors are what the head reads.
        """
        return of_composition(self.composition, data, features=features, cache=cache, progress=progress)

    # -- look ----------------------------------------------------------------------------------------------------
    def show_batch(self, data: Any, *, images: int = 6, views: int = 4, seed: int = 0) -> Any:
        """Show some images as the model is trained on them: resized, and changed by its augmentation.

        Args:
            data: as for `fit`.
            images: how many, drawn at random.
            views: with augmentation: the image as it is, then as in so many epochs less one.
            seed: of the run.

        Returns:
            A matplotlib Figure, a row for each image.

        Raises:
            OptionError: matplotlib is not installed.
            DataError: the images cannot be read.
        """
        from zoo.plots.samples import show_batch

        return show_batch(
            self.composition, load_for(self.composition, data), self.state.ops, images=images, views=views, seed=seed
        )
