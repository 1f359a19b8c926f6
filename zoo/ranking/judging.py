"""Measures candidates: features once, then probe, neighbors and scores; figures are kept."""

from __future__ import annotations

import gc
import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from zoo import settings
from zoo.compose import BuildRequest, compose
from zoo.data import Dataset
from zoo.errors import ZooError
from zoo.evaluation import wilson
from zoo.features import kept
from zoo.features.cache import MANIFEST, features_root
from zoo.features.extraction import extract
from zoo.features.identity import graph_digest
from zoo.features.latency import measured_before, milliseconds, note
from zoo.features.probe import out_of_fold
from zoo.features.scores import grouped_folds, hscore, knn_predictions, logme
from zoo.head_request import classifier
from zoo.progress import Progress
from zoo.ranking.candidates import Candidate
from zoo.ranking.clock import Clock, OutOfTimeError
from zoo.ranking.ranked import Ranked, Skipped
from zoo.weights import resolve

REPEATS = 3
"""Cross-validations with other folds whose mean decides: one alone is noisier than the gaps between good candidates."""

_KIND = "ranking"
_FIGURES = ("accuracy", "log_loss", "knn", "logme", "hscore", "params", "macs", "ms")


@dataclass(frozen=True)
class Protocol:
    """How candidates are measured.

    Attributes:
        scores: what to measure; "probe" among them.
        folds: of the cross-validation.
        seed: of the folds and the sample.
        cache: whether figures and features are looked up in the cache and kept there.
    """

    scores: tuple[str, ...]
    folds: int = 5
    seed: int = 0
    cache: bool = True


class Judge:
    """Measures candidates on images of one dataset; every candidate sees the same images and the same folds."""

    def __init__(self, dataset: Dataset, protocol: Protocol, clock: Clock, progress: Progress | None = None) -> None:
        assert dataset.targets is not None
        self.dataset, self.targets, self.protocol = dataset, dataset.targets, protocol
        self.clock, self.progress = clock, progress
        self.labels = dataset.labels or tuple(str(number) for number in range(dataset.n_classes))
        self.groups = np.array(dataset.hashes())
        self.computed = self.done = self.expected = 0

    def order(self) -> np.ndarray:
        """Return all images in a random order of which every beginning is stratified."""
        place = np.empty(len(self.targets))
        random = np.random.default_rng(self.protocol.seed)
        for label in np.unique(self.targets):
            members = np.flatnonzero(self.targets == label)
            place[random.permutation(members)] = (np.arange(len(members)) + 0.5) / len(members)
        return np.argsort(place, kind="stable")

    def measure_all(
        self, candidates: Sequence[Candidate], indices: np.ndarray, skipped: list[Skipped], *, final: bool = True
    ) -> list[Ranked]:
        """Measure candidates one after the other; what fails or finds no time left is added to `skipped`."""
        rows: list[Ranked] = []
        for candidate in candidates:
            try:
                self.clock.check()
                with _without_retracing_warnings():
                    rows.append(self.measure(candidate, indices, final=final))
            except OutOfTimeError:
                reason = f"the budget of {self.clock.budget:g} s ended before it was measured"
                skipped.append(Skipped(candidate.name, reason, late=True))
            except ZooError as error:
                skipped.append(Skipped(candidate.name, str(error)))
        return rows

    def measure(self, candidate: Candidate, indices: np.ndarray, *, final: bool) -> Ranked:
        """Measure one candidate on some images; scores beside the probe only when it is the final time.

        What was measured before is taken from the cache, and then no network is built.
        """
        start = time.perf_counter()
        scores = self.protocol.scores if final else ("probe",)
        measured = self._kept_or_measured(candidate, indices, scores)
        self.done += len(indices)
        computed = measured.pop("computed", 0)
        self.computed += computed
        right = np.full(len(self.dataset), -1, np.int8)
        right[indices[measured["rows"]]] = measured["right"]
        images = len(measured["rows"])
        return Ranked(
            backbone=candidate.backbone,
            input_size=candidate.size,
            features=candidate.tap,
            interval=wilson(measured["accuracy"] * images, images),
            images=images,
            knn_interval=None if measured["knn"] is None else wilson(measured["knn"] * images, images),
            top1=candidate.row["top1"],
            size=4 * measured["params"],
            license=candidate.row["license"] or "unknown",
            seconds=time.perf_counter() - start,
            computed=computed,
            right=right,
            weights=candidate.weights,
            **{name: measured[name] for name in _FIGURES},
        )

    def _kept_or_measured(self, candidate: Candidate, indices: np.ndarray, scores: Sequence[str]) -> dict[str, Any]:
        identity = _identity(candidate, self.clock) if self.protocol.cache else None
        key = {"network": identity, "protocol": self._depends_on(indices, scores)}
        measured = _kept(key) if identity else None
        if measured is not None:
            self._advance(self.done + len(indices))
            return measured
        fresh = self._work_out(candidate, indices, scores)
        if candidate.usual:
            note(candidate.entry.id, candidate.size, fresh["ms"])
        if identity and fresh["graph"] and fresh["entry"]:
            kept.write(_KIND, key, {name: value for name, value in fresh.items() if name not in ("ms", "computed")})
        return fresh

    def _depends_on(self, indices: np.ndarray, scores: Sequence[str]) -> dict[str, Any]:
        """What the figures depend on apart from the network, JSON-ready."""
        content = hashlib.sha256()
        for digest, label in zip(self.groups[indices], self.targets[indices], strict=True):
            content.update(f"{digest} {label}\n".encode())
        return {
            "images": content.hexdigest(),
            "classes": len(self.labels),
            "folds": self.protocol.folds,
            "seed": self.protocol.seed,
            "scores": sorted(set(scores)),
            "repeats": self._repeats(scores),
            "dtype": settings.features_dtype(),
            "decoder": PIL.__version__,
        }

    def _work_out(self, candidate: Candidate, indices: np.ndarray, scores: Sequence[str]) -> dict[str, Any]:
        """Build the network, compute its features or take them from the cache, and judge them."""
        from zoo.architectures.facts import multiply_adds

        gc.collect()  # the network before: hundreds of megabytes that hold themselves in cycles
        composition, _ = compose(
            BuildRequest(
                candidate.backbone,
                classifier(self.labels),
                weights=candidate.weights,
                features=candidate.tap,
                input_size=candidate.size,
                progress=self.clock.check,
            )
        )
        before = self.done
        features = extract(
            composition.features,
            self.dataset,
            indices,
            intake=composition.intake,
            progress=lambda done, total: self._advance(before + done),
            cache=self.protocol.cache,
        )
        self.clock.check()
        return {
            "graph": graph_digest(composition.features),
            "entry": features.entry,
            "computed": features.computed,
            "params": int(composition.backbone.count_params()),
            "macs": multiply_adds(composition.backbone),
            "ms": milliseconds(composition.features, cache=self.protocol.cache),
            "rows": np.searchsorted(indices, features.positions).tolist(),
            **self._figures(features.values, features.positions, scores),
        }

    def _figures(self, values: np.ndarray, positions: np.ndarray, scores: Sequence[str]) -> dict[str, Any]:
        """What features are worth, JSON-ready."""
        targets, groups, classes = self.targets[positions], self.groups[positions], len(self.labels)
        right, loss, cs = [], [], None
        for repeat in range(self._repeats(scores)):
            folds = grouped_folds(targets, groups, self.protocol.folds, seed=self.protocol.seed + repeat)
            probe = out_of_fold(values, targets, folds, n_classes=classes, cs=cs)
            cs = [probe.c]
            right.append(probe.probabilities.argmax(axis=1) == targets)
            loss.append(probe.log_loss)
        share = np.mean(right, axis=0)
        votes = knn_predictions(values, targets, groups, n_classes=classes) if "knn" in scores else None
        return {
            "accuracy": float(share.mean()),
            "log_loss": float(np.mean(loss)),
            "right": (share > 0.5).astype(int).tolist(),
            "knn": None if votes is None else float((votes == targets).mean()),
            "logme": logme(values, targets) if "logme" in scores else None,
            "hscore": hscore(values, targets) if "hscore" in scores else None,
        }

    def _repeats(self, scores: Sequence[str]) -> int:
        return REPEATS if scores is self.protocol.scores else 1

    def _advance(self, done: int) -> None:
        self.clock.check()
        if self.progress:
            self.progress(min(done, self.expected), self.expected)


def _kept(key: dict[str, Any]) -> dict[str, Any] | None:
    """What was measured before, if its milliseconds are of this machine and its features are still there."""
    measured = kept.read(_KIND, key)
    if measured is None:
        return None
    measured["ms"] = measured_before(measured["graph"])
    return dict(measured) if measured["ms"] is not None and _features_kept(measured["entry"]) else None


def _features_kept(entry: str) -> bool:
    return (features_root() / entry / MANIFEST).is_file()


def _identity(candidate: Candidate, clock: Clock) -> dict[str, Any] | None:
    """Everything that a candidate's network depends on, known without building it, JSON-ready.

    Code counts by the source of zoo and of the package that builds the network. None for random weights.
    """
    import keras

    file = resolve(
        candidate.spec,
        candidate.weights,
        include_top=candidate.tap in candidate.spec.top_layers,
        progress=clock.check,
    )
    if file is None:
        return None
    builder = candidate.spec.builder.partition(":")[0].partition(".")[0]
    return {
        "backbone": candidate.entry.id,
        "provider": str(candidate.entry.provider),
        "spec": candidate.spec.model_dump(mode="json"),
        "weights": file.sha256,
        "size": candidate.size,
        "features": candidate.tap,
        "code": [_source_digest("zoo"), _source_digest(builder)],
        "keras": [keras.__version__, keras.backend.backend()],
    }


@cache
def _source_digest(package: str) -> str:
    """sha256 over the Python files of an installed package, or of a module of one file."""
    spec = find_spec(package)
    if spec is None:
        return ""
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))] or [Path(str(spec.origin))]
    total = hashlib.sha256()
    for path in files:
        total.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return total.hexdigest()


@contextmanager
def _without_retracing_warnings() -> Iterator[None]:
    """TensorFlow warns of a graph traced for each of many models; here every model is another one."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
