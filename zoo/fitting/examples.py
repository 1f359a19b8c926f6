"""The examples of a run: one dataset, split, looked at once; found again when a run is resumed or reported."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.compose import Composition
from zoo.data import Dataset, Split
from zoo.data.findings import Findings
from zoo.data.held_cells import held_cells, hold_out
from zoo.errors import DataError, ResumeError, ZooError
from zoo.linting import glance
from zoo.plugin import provenance
from zoo.registry import Entry, ZooNotice
from zoo.specs.record import HeldOutData, Plan
from zoo.tasks import SEVERAL, of


@dataclass(frozen=True)
class Request:
    """What a run is to learn from and to be measured on.

    Attributes:
        data: as `fit` takes it.
        validation: a share, a number, a column with the cells that are held out, or data of its own.
        test: likewise.
        group: column or "folder" whose examples a split keeps together.
        seed: of the split.
    """

    data: Any
    validation: Any = 0.2
    test: Any = 0.0
    group: str | None = None
    seed: int = 0

    @classmethod
    def again(cls, plan: Plan, *, data: Any = None, validation: Any = None, test: Any = None, run: Any = "") -> Request:
        """Return what a run was made with.

        Args:
            plan: of the run.
            data: what it was trained on, if that is elsewhere now or was arrays; None: by its path or name.
            validation: likewise, where validation was data of its own.
            test: likewise.
            run: what the run is called in messages.

        Raises:
            ResumeError: something has no path or name and was not given.
        """
        source = plan.data.source if data is None else data
        if source is None:
            raise ResumeError(f"{run} was trained on data without a path or name: pass it again as data=")
        return cls(
            source,
            _again(run, "validation", plan.validation, validation),
            _again(run, "test", plan.test, test),
            plan.group,
            plan.seed,
        )


def _again(run: Any, name: str, planned: float | HeldOutData, given: Any) -> Any:
    if not isinstance(planned, HeldOutData):
        return planned
    if given is None and planned.source is None:
        raise ResumeError(f"{run} held out data of its own: pass it again as {name}=")
    return planned.source if given is None else given


@dataclass(frozen=True)
class Examples:
    """The examples of a run.

    Attributes:
        dataset: all that can be read, labeled as the head is.
        split: which of them train, choose and judge.
        source: path or name by which the training data is loaded; None: it was given as arrays.
        notices: what is to be said about them.
        lint: what the look at the data found.
        providers: whose code loaded them.
    """

    dataset: Dataset
    split: Split
    source: str | None
    notices: tuple[str, ...]
    lint: Findings
    providers: tuple[Entry, ...] = ()

    @classmethod
    def gather(cls, composition: Composition, request: Request) -> Examples:
        """Load, check, look at and split what a run learns from.

        Args:
            composition: the model; a head without labels takes those of the data.
            request: what is asked for.

        Raises:
            DataError: the data cannot be used; or something that is held out is in another part too.
        """
        with provenance.recording() as used:
            dataset = load_for(composition, request.data, request.group)
            notices = data_room.check(dataset, labels=composition.labels or None)
            if not composition.labels:
                _take_labels(composition, dataset.readable())
                dataset = load_for(composition, dataset)
            held_out: dict[str, Dataset] = {}
            for name, part in (("validation", request.validation), ("test", request.test)):
                if not is_share(part) and held_cells(part) is None:
                    held_out[name] = load_for(composition, part)
                    notices += data_room.check(held_out[name], labels=composition.labels, training=False)
        joined, split, whole = _parted(dataset, held_out, request)
        return cls(
            dataset=joined,
            split=split,
            source=data_room.source_of(request.data),
            notices=(*notices, *split.notes),
            lint=glance(whole),
            providers=tuple(used),
        )

    @classmethod
    def for_report(
        cls, composition: Composition, plan: Plan, *, data: Any = None, validation: Any = None
    ) -> tuple[Examples | None, str]:
        """Return the examples of a finished run; or None, and why they are not at hand.

        Args:
            composition: its model.
            plan: of the run.
            data: what it was trained on, if that is elsewhere now.
            validation: likewise, where validation was data of its own.
        """
        if data is None and plan.data.source is None:
            return None, "the run was trained on arrays or a stream, pass data= to see them"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ZooNotice)  # said when the run was made
                request = Request.again(plan, data=data, validation=validation, run="the run")
                examples = cls.gather(composition, request)
            if examples.dataset.fingerprint() != plan.data.fingerprint:
                name = examples.dataset.name
                return None, f"{name} has other images or answers now than when the run was made"
        except (ZooError, OSError) as error:
            return None, str(error)
        return examples, ""

    @classmethod
    def again(cls, composition: Composition, plan: Plan, request: Request, folder: Path) -> Examples:
        """Return the examples of a run that goes on; they must be the same.

        Args:
            composition: its model.
            plan: of the run.
            request: where they are now.
            folder: of the run, for messages.

        Raises:
            ResumeError: they cannot be read, or are others.
        """
        try:
            examples = cls.gather(composition, request)
        except DataError as error:
            raise ResumeError(
                f"{error}. If what {folder} was trained on is elsewhere now, pass it: data=, or --data"
            ) from error
        if examples.dataset.fingerprint() != plan.data.fingerprint:
            raise ResumeError(
                f"the data is not what {folder} was trained on: {examples.dataset.name} has other examples or answers. "
                f"Pass the same data=, or start a new run with fit"
            )
        return examples

    def parts(self) -> dict[str, np.ndarray]:
        """Return the positions of each part: train, validation and test."""
        return {"train": self.split.train, "validation": self.split.validation, "test": self.split.test}


def load_for(composition: Composition, data: Any, group: str | None = None) -> Dataset:
    """Load data with the classes of a head; its task must be that of the head.

    Args:
        composition: the model.
        data: as `fit` takes it.
        group: column or "folder" whose examples a split keeps together.

    Raises:
        DataError: the data cannot be used, or is for another task.
    """
    task, modality = composition.task, composition.intake.kind
    if of(composition) is SEVERAL:
        dataset = data_room.load(data, outputs=composition.outputs, group=group, modality=modality)
    else:
        kind = None if of(composition).one_class else task
        dataset = data_room.load(data, labels=composition.labels or None, task=kind, group=group, modality=modality)
    if dataset.targets is not None and dataset.task != task:
        raise DataError(f"{dataset.name} is data for {dataset.task}, the head does {task}")
    return dataset


def _take_labels(composition: Composition, dataset: Dataset) -> None:
    if dataset.n_classes != composition.width:
        raise DataError(
            f"the head has {composition.width} outputs and the data {dataset.n_classes} classes "
            f"({', '.join(dataset.labels[:8]) or 'without names'}): build the model with a head of "
            f"{dataset.n_classes}"
        )
    composition.take_labels(dataset.labels or tuple(str(index) for index in range(dataset.n_classes)))


def is_share(held_out: Any) -> bool:
    """Return whether `validation=` or `test=` says how much to hold out, rather than what."""
    return held_out is None or isinstance(held_out, bool | int | float | np.number)


def share(held_out: Any) -> int | float:
    """Return how much to hold out; 0 for nothing."""
    if held_out is None or held_out is False:
        return 0
    value: int | float = held_out.item() if isinstance(held_out, np.number) else held_out
    return value


def _parted(dataset: Dataset, held_out: Mapping[str, Dataset], request: Request) -> tuple[Dataset, Split, Dataset]:
    """All that can be read, how it is split, and everything, for a look at it."""
    shares = {
        name: 0 if name in held_out or held_cells(part) is not None else share(part)
        for name, part in (("validation", request.validation), ("test", request.test))
    }
    rules = {"validation": held_cells(request.validation), "test": held_cells(request.test)}
    own = hold_out(dataset.readable(), {name: rule for name, rule in rules.items() if rule is not None})
    split = data_room.split(own, **shares, seed=request.seed)
    if not held_out:
        return own, split, dataset
    members = {"train": own.subset(split.train), "validation": own.subset(split.validation)}
    members |= {"test": own.subset(split.test)}
    members |= {name: extra.readable() for name, extra in held_out.items()}
    _check_apart(members, held_out)
    joined = data_room.concatenate(own, *(members[name] for name in held_out), name=own.name)
    places = {"train": split.train, "validation": split.validation, "test": split.test}
    first = len(own)
    for name in held_out:
        places[name] = np.arange(first, first + len(members[name]))
        first += len(members[name])
    whole = data_room.concatenate(dataset, *held_out.values(), name=own.name)
    return joined, Split(**places, notes=split.notes), whole


def _check_apart(members: Mapping[str, Dataset], given: Iterable[str]) -> None:
    """No example, and no group, of data that was given to be held out may be in another part of a run."""
    for held in given:
        for other, part in members.items():
            if other == held:
                continue
            where = "training" if other == "train" else other
            for what, own, others in (
                ("files", members[held].hashes(), part.hashes()),
                ("groups", members[held].groups, part.groups),
            ):
                shared = set(own) & set(others) - {""}
                if shared:
                    raise DataError(
                        f"{len(shared)} of {len(set(own))} {held} {what} are in the {where} data too: "
                        f"what was trained on must not be measured on; remove the copies"
                    )
