"""A session: trains what a plan says, measures it and writes the run; or goes on with one that was interrupted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import DivergedError, OptionError
from zoo.evaluation import Evaluation, write_predictions
from zoo.evaluation.predictions import HASH_DIGITS
from zoo.features import Features
from zoo.fitting.beside import beside
from zoo.fitting.examples import Examples
from zoo.fitting.measuring import headlines, measure
from zoo.fitting.state import ModelState, Undo
from zoo.plugin import provenance
from zoo.registry import ZooNotice
from zoo.specs import Output
from zoo.specs.record import Beside, DataFacts, Parameters, Plan, Results, SkippedExample
from zoo.training import receipts
from zoo.training.outcome import Outcome
from zoo.training.report import did_not_help, parameters
from zoo.training.runs.checkpoint import Checkpoint, prune
from zoo.training.runs.checkpointer import Checkpointer
from zoo.training.runs.folder import RunFolder, versions
from zoo.training.settings import Live, Settings
from zoo.training.trainer import Trainer


@dataclass(frozen=True)
class Finished:
    """What a session came to.

    Attributes:
        folder: of the run, with its record.
        evaluations: "validation" and "test", as far as examples were held out.
        examples: of the run.
    """

    folder: RunFolder
    evaluations: Mapping[str, Evaluation]
    examples: Examples


@dataclass(frozen=True)
class Session:
    """One run under way.

    Attributes:
        state: of the model, which is trained in place.
        plan: all that decides the numbers.
        examples: of the run.
        live: who is told.
        folder: of the run.
        undo: told what to do after an error, once everything is put back.
        features: of all examples, where they have been computed already.
    """

    state: ModelState
    plan: Plan
    examples: Examples
    live: Live
    folder: RunFolder
    undo: Undo = field(default_factory=Undo)
    features: Features | None = None

    def run(self, checkpoint: Checkpoint | None = None) -> Finished:
        """Train, evaluate and write the run.

        Args:
            checkpoint: where it goes on; None: at its beginning.

        Raises:
            FrozenError: something that had to stay frozen moved.
            DivergedError: the loss or the weights are NaN or infinite.
            OptionError: the run cannot be saved in its folder.
        """
        saver = self._saver(checkpoint)
        earlier = self.state.training_files if self.plan.continues else set()
        self.undo.then = lambda error: self._leave(error, saver, earlier)
        with saver.watching_signals():
            self._ensure_start(saver)
            outcome = self._train(saver)
        self.state.providers = provenance.with_fit(
            self.state.providers,
            [*(row.to_json() for row in self.plan.recipe_providers), *provenance.rows(self.examples.providers)],
            continues=self.plan.continues,
        )
        self.state.note_fitted(earlier | self._digests(outcome.train))
        evaluations = self._evaluate(outcome)
        self._write(self._closing(outcome, evaluations, self._beside(outcome), saver.notices), evaluations)
        return Finished(self.folder, evaluations, self.examples)

    # -- training ------------------------------------------------------------------------------------------------
    def _saver(self, checkpoint: Checkpoint | None) -> Checkpointer:
        folder = self.folder
        # A probe takes a moment, and its features are in the cache: there is nothing to go on with.
        descends = any(phase.solver == "gradient" for phase in self.plan.recipe.phases)
        saver = Checkpointer(
            folder.checkpoints,
            self.state.composition,
            context={"plan_sha256": folder.record.plan_sha256},
            every=self.live.every if descends and self.state.composition.identity.code is None else None,
            write_start=self._write_start,
            noted=lambda progress: folder.write(progress=progress),
        )
        if folder.start.exists():
            saver.go_on_from(checkpoint)
        return saver

    def _write_start(self) -> None:
        """The model a run starts from, as a file of its own: what is trained is written on top of it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZooNotice)  # said again when the model itself is written
            self.state.save(self.folder.start)
        self.folder.note_start()

    def _ensure_start(self, saver: Checkpointer) -> None:
        """Write the start file before the base moves. Not later: computing the features may take long."""
        if saver.every is None or not any(phase.unfreeze for phase in self.plan.recipe.phases):
            return
        try:
            saver.ensure_start()
        except OSError as error:
            raise OptionError(
                f"the run cannot be saved in {self.folder.path}: {error}. Free some room, pass another directory=, "
                f"or do without checkpoints (checkpoint_every=None)"
            ) from error

    def _train(self, saver: Checkpointer) -> Outcome:
        plan, composition = self.plan, self.state.composition
        settings = Settings(
            seed=plan.seed,
            ops=self.state.ops,
            class_weight=plan.class_weight,
            cache=plan.cache,
            prefix=plan.cached_prefix,
            fresh_head=not plan.continues,
            features=self.features,
            live=self.live,
            checkpoint=saver,
        )
        examples = self.examples
        trainer = Trainer(composition, examples.dataset, examples.split, headlines(composition), settings)
        return trainer.run(plan.recipe)

    def _digests(self, positions: Any) -> set[str]:
        """The beginnings of the sha256 of some examples."""
        hashes = self.examples.dataset.hashes()
        return {hashes[index][:HASH_DIGITS] for index in positions}

    # -- results -------------------------------------------------------------------------------------------------
    def _evaluate(self, outcome: Outcome) -> dict[str, Evaluation]:
        parts = {
            "validation": (outcome.validation, outcome.validation_scores),
            "test": (outcome.test, outcome.test_scores),
        }
        return {
            name: measure(
                self.state.composition,
                self.examples.dataset,
                positions,
                training_files=self.state.training_files,
                computed=scores,
                progress=self.live.display.counter(name),
            )
            for name, (positions, scores) in parts.items()
            if len(positions)
        }

    def _beside(self, outcome: Outcome) -> Beside | None:
        """Simple models on the same examples, where the modality has some."""
        return beside(
            self.state.composition,
            self.examples.dataset,
            {"train": outcome.train, "validation": outcome.validation, "test": outcome.test},
            headlines(self.state.composition),
            seed=self.plan.seed,
            say=self.live.display.say,
        )

    def _closing(
        self,
        outcome: Outcome,
        evaluations: Mapping[str, Evaluation],
        compared: Beside | None,
        notices: Sequence[str],
    ) -> dict[str, Any]:
        """The fields of the record that a finished run has."""
        state, composition, dataset = self.state, self.state.composition, self.examples.dataset
        results = Results(
            data=DataFacts(
                name=dataset.name,
                fingerprint=self.plan.data.fingerprint,
                train=len(outcome.train),
                validation=len(outcome.validation),
                test=len(outcome.test),
                skipped=tuple(SkippedExample(id=name, reason=reason) for name, reason in outcome.skipped),
            ),
            **{name: evaluation.to_dict() for name, evaluation in evaluations.items()},
            beside=compared,
            lint=self.examples.lint.to_dict(examples=8),
            labels=composition.labels,
            intake=composition.intake.model_dump(mode="json"),
            parameters=Parameters(**parameters(composition, receipts.from_phases(outcome.phases))),
            providers=tuple(state.providers),
            batchnorm_adapted=state.adapted,
            versions=versions(),
        )
        return {
            "phases": tuple(outcome.phases),
            "history": outcome.history,
            "notices": (
                *self.folder.record.notices,
                *_skipped_notice(outcome.skipped, len(dataset)),
                *receipts.adapted_notice(state.adapted),
                *receipts.notices(outcome.phases),
                *did_not_help(outcome.phases, outcome.history),
                *([] if compared is None else [compared.sentence()]),
                *notices,
            ),
            "results": results,
        }

    # -- writing -------------------------------------------------------------------------------------------------
    def _write(self, closing: dict[str, Any], evaluations: Mapping[str, Evaluation]) -> None:
        """Write the folder; a full disk must not lose a run that is in memory, nor one that can go on."""
        folder = self.folder
        try:
            try:
                self._write_results(closing, evaluations)
            except OSError:
                prune(folder.checkpoints, keep=1)  # the last one is enough to go on, and the others take room
                self._write_results(closing, evaluations)
        except OSError as error:
            later = f"or free some room and `zoo resume {folder.path}`" if folder.start.is_file() else "or fit again"
            notice = f"the run could not be written to {folder.path}: {error}; model.save() elsewhere keeps it, {later}"
            folder.record = folder.record.changed(**closing | {"notices": (*closing["notices"], notice)})
            warnings.warn(notice, ZooNotice, stacklevel=4)

    def _write_results(self, closing: Mapping[str, Any], evaluations: Mapping[str, Evaluation]) -> None:
        folder = self.folder
        if self.state.composition.identity.code is None:
            self.state.save(folder.model)
        if evaluations:
            write_predictions(folder.predictions, dict(evaluations), self.state.composition.outputs)
        folder.write(**closing, state="finished", progress=None, start=None, error=None)
        folder.drop_checkpoints()

    # -- an end before the end -------------------------------------------------------------------------------------
    def _leave(self, error: BaseException, saver: Checkpointer, earlier: set[str]) -> None:
        """What is left of a run that ended before its end, once the model is as it was: in memory and in its folder."""
        folder = self.folder
        interrupted = isinstance(error, KeyboardInterrupt | SystemExit)
        if not folder.start.exists() or not (interrupted or saver.has_begun):
            folder.drop()
            if interrupted:
                warnings.warn("interrupted before anything was trained; features are kept", ZooNotice, stacklevel=5)
            return
        held = ""
        try:
            if isinstance(error, KeyboardInterrupt | DivergedError):
                held = self._keep_best(saver, earlier | self._digests(self.examples.split.train))
            folder.write(**_end(error))
        except OSError as problem:
            held += f" The run folder could not be written: {problem}."
        if interrupted:
            how = f"zoo.resume({str(folder.path)!r}) or `zoo resume {folder.path}` goes on."
            warnings.warn(f"interrupted.{held} {how}", ZooNotice, stacklevel=5)
        elif held:
            warnings.warn(held.strip(), ZooNotice, stacklevel=5)

    def _keep_best(self, saver: Checkpointer, training_files: set[str]) -> str:
        """Put the best checkpoint so far into the model, which is what the user wants to have; says so."""
        best = saver.best()
        if best is None:
            return ""
        checkpoint, known = best
        if not self.state.composition.labels:
            self.state.composition.outputs = self._outputs()
        saver.put_best(checkpoint)
        self.state.note_fitted(training_files)
        self.state.save(self.folder.model)
        return (
            f" The model, and {self.folder.model}, hold the best so far: epoch {known.epoch}, "
            f"{known.measure} {known.value:.4g}."
        )

    def _outputs(self) -> tuple[Output, ...]:
        """The answers with the labels of the data, which a head without labels took from it."""
        (output,) = self.state.composition.outputs
        dataset = self.examples.dataset
        labels = dataset.labels or tuple(str(index) for index in range(dataset.n_classes))
        return (output.model_copy(update={"labels": labels}),)


def _skipped_notice(skipped: Sequence[tuple[str, str]], total: int) -> list[str]:
    if not skipped:
        return []
    shown = "; ".join(f"{name} ({reason})" for name, reason in skipped[:5])
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return [f"{len(skipped)} of {total} images could not be read and were skipped: {shown}{more}"]


def _end(error: BaseException) -> dict[str, Any]:
    """How a run ended that is not finished, as its record says it."""
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return {"state": "interrupted", "error": None}
    state = "diverged" if isinstance(error, DivergedError) else "failed"
    return {"state": state, "error": f"{type(error).__name__}: {error}"}
