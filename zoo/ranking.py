"""Which backbone, input size and features for my data: candidates measured on cached features, cheapest first."""

from __future__ import annotations

import gc
import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from zoo import data as data_room
from zoo import settings
from zoo.compose import compose
from zoo.errors import DataError, OptionError, ZooError
from zoo.evaluation import wilson
from zoo.evaluation.recommendation import Ranked, Recommendation, Skipped
from zoo.features import kept
from zoo.features.cache import MANIFEST, features_root
from zoo.features.extraction import extract
from zoo.features.identity import graph_digest
from zoo.features.latency import measured_before, milliseconds
from zoo.features.probe import out_of_fold
from zoo.features.scores import grouped_folds, hscore, knn_predictions, logme
from zoo.head_request import classifier
from zoo.plugin import registry
from zoo.registry import Entry, backbone_row, select
from zoo.specs import BackboneSpec
from zoo.tasks import of
from zoo.weights import resolve
from zoo.weights.store import Store

Progress = Callable[[int, int], None]
"""Called with (images done, images in all) over all candidates."""

SCORES = ("probe", "knn", "logme", "hscore")
"""What can be measured; "probe" always is, and with "knn" decides the order."""

REPEATS = 3
"""Cross-validations with other folds whose mean decides: one alone is noisier than the gaps between good candidates."""

_MANY = 12
"""More candidates than this are screened on a sample first."""

_KEPT = 6
"""The screen leaves at least so many."""

_SAMPLE = 200
_SAMPLE_PER_CLASS = 10
"""Images of the first sample, at least; it grows as candidates drop out."""

_ETA = 3
"""Each round keeps a third of the candidates and has three times the images (Jamieson and Talwalkar 2016)."""


@dataclass(frozen=True)
class _Candidate:
    """A backbone at an input size with a tap; `spec` is checked, the tap is not."""

    entry: Entry
    spec: BackboneSpec
    row: Mapping[str, Any]
    size: int
    tap: str
    weights: Any

    @property
    def backbone(self) -> str:
        """What `zoo.build` takes: the bare name where it is zoo's own."""
        return self.entry.name if self.entry.provider.first_party else self.entry.id

    @property
    def name(self) -> str:
        """As in `Ranked`."""
        return f"{self.backbone}@{self.size}/{self.tap}"

    @property
    def cost(self) -> float:
        """About its multiply-adds: they grow with the area."""
        return (self.spec.macs or self.spec.params) * (self.size / self.spec.input.default_size) ** 2


class _OutOfTimeError(Exception):
    """The budget is used up; raised out of the progress of whatever is being done."""


class _Clock:
    """Time since the call, and whether there is any left."""

    def __init__(self, budget: float | None) -> None:
        self.start, self.budget = time.perf_counter(), budget

    @property
    def seconds(self) -> float:
        """Since the call."""
        return time.perf_counter() - self.start

    def check(self, *_: Any) -> None:
        """Raise when the budget is used up; takes what a progress callback takes."""
        if self.over:
            raise _OutOfTimeError

    @property
    def over(self) -> bool:
        """Whether the budget is used up."""
        return self.budget is not None and self.seconds >= self.budget


def recommend(
    data: Any,
    candidates: str | Sequence[str] | None = None,
    *,
    budget: float | None = None,
    max_params: float | None = None,
    max_size: float | None = None,
    license: str | None = None,
    features: Sequence[str] | None = None,
    input_sizes: Sequence[int] | None = None,
    scores: Sequence[str] = ("probe", "knn"),
    folds: int = 5,
    seed: int = 0,
    weights: str | Mapping[str, Any] | None = "pretrained",
    cache: bool = True,
    progress: Progress | None = None,
) -> Recommendation:
    """Measure which backbone, input size and features suit labeled images, without training a network.

    For each candidate one forward pass (kept in the feature cache, so that a second call and a later `fit` on the same
    images do without), then a linear probe judged by cross-validation, three times with other folds: folds are
    stratified and keep copies of a file together. The pick is, of the candidates that an exact McNemar test cannot tell
    from the most accurate, the one with the highest `Ranked.score`: mean of the probe's certainty and of the
    neighbors. Figures are kept too: a second call with the same images builds no network.

    Candidates come in the order of their multiply-adds, so that a budget buys as many as it can. More than 12 are
    screened on a stratified sample first: each round keeps the better third and has three times the images (successive
    halving: Jamieson and Talwalkar, AISTATS 2016, arXiv 1502.07943).

    Args:
        data: as for `fit`: a folder of class folders, the name of a dataset, arrays (x, y), a `zoo.Dataset`; its task
            must be classification.
        candidates: names of backbones. None: all whose weights are on this machine. "all": all there are, downloading
            weights where they are missing (not with `ZOO_OFFLINE=1`).
        budget: seconds. What was computed when they end is kept; what was not measured is listed in `.skipped`. It ends
            within the step at work (building a network, solving a probe), so it can be exceeded by a few seconds.
        max_params: most weights of the backbone without its classifier.
        max_size: largest weight file, in bytes.
        license: license of the weights, e.g. "Apache-2.0"; case does not matter.
        features: what the probe reads, each a candidate of its own: a pooling ("avg", "max", "concat", "gem"), a stage
            ("stage4"), a layer, or "stage4:max". Default: the pooled last feature map.
        input_sizes: sides of the input in pixels, each a candidate of its own. Default: each backbone's own.
        scores: what to measure: "probe" (always), "knn", "logme", "hscore".
        folds: of the cross-validation, at least 2.
        seed: of the folds and the sample.
        weights: as in `zoo.build`, for all; or a mapping from the name of a backbone to what `weights=` takes.
        cache: whether features and milliseconds are looked up in the cache and kept there.
        progress: called with (images done, images in all).

    Returns:
        The candidates from the best down, with what was left out and why.

    Raises:
        DataError: the data cannot be used; fewer different images than folds.
        OptionError: an argument that cannot work; no candidate is left, or the budget ended before the first.
        UnknownNameError: a backbone nobody provides.
    """
    clock = _Clock(budget)
    _check_options(budget, scores, folds, seed, features, input_sizes)
    planned, skipped = _plan(
        candidates,
        weights,
        features,
        input_sizes,
        {"max_params": max_params, "max_size": max_size, "license": license},
    )
    dataset = data_room.load(data)
    notes = data_room.check(dataset)
    if not of(dataset).one_class:
        raise DataError(f"recommend compares classifiers; {dataset.name} is data for {dataset.task}")
    dataset = dataset.readable()
    _check_enough(dataset, folds)
    judge = _Judge(dataset, tuple(scores), folds, seed, cache, clock, progress)
    if not planned:
        raise OptionError(f"no candidate is left to measure. {_reasons(skipped)}")

    planned.sort(key=lambda candidate: (candidate.cost, candidate.name))
    sample = max(_SAMPLE, _SAMPLE_PER_CLASS * dataset.n_classes)
    judge.expected = len(planned) * len(dataset)
    if len(planned) > _MANY and len(dataset) >= 2 * sample:
        planned, rows = _screen(judge, planned, sample, skipped)
    else:
        rows = []
    full = judge.measure_all(planned, np.arange(len(dataset)), skipped)
    if not full and rows:
        notes.append(f"the budget ended the work on a sample: figures are of {rows[0].images} images only")
        shown = {row.name for row in rows}
        skipped = [item for item in skipped if item.name not in shown]
    rows = full or rows
    if not rows:
        raise OptionError(f"no candidate could be measured. {_reasons(skipped)}")
    return Recommendation(
        rows,
        data=dataset.name,
        labels=judge.labels,
        images=len(dataset),
        skipped=skipped,
        notes=notes,
        seconds=clock.seconds,
        computed=judge.computed,
        settings={"folds": folds, "repeats": REPEATS, "seed": seed, "scores": list(scores), "budget": budget},
    )


# -- what can be told before any work --------------------------------------------------------------------------------


def _check_options(
    budget: float | None,
    scores: Sequence[str],
    folds: int,
    seed: int,
    features: Sequence[str] | None,
    input_sizes: Sequence[int] | None,
) -> None:
    if budget is not None and not (isinstance(budget, int | float) and 0 < budget < math.inf):
        raise OptionError(f"budget={budget!r} must be a positive number of seconds, or None")
    unknown = [score for score in scores if score not in SCORES]
    if isinstance(scores, str) or unknown or "probe" not in scores:
        raise OptionError(
            f"scores={scores!r} takes 'probe', which decides the order, and any of {', '.join(SCORES[1:])}"
        )
    if not isinstance(folds, int) or folds < 2:
        raise OptionError(f"folds={folds!r} must be a whole number from 2")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise OptionError(f"seed={seed!r} must be a whole number from 0")
    for name, values, kind in (("features", features, str), ("input_sizes", input_sizes, int)):
        listed = isinstance(values, list | tuple) and values and all(isinstance(value, kind) for value in values)
        if values is not None and not listed:
            raise OptionError(f"{name}={values!r} takes a list of {'names' if kind is str else 'pixels'}, or None")


def _check_enough(dataset: data_room.Dataset, folds: int) -> None:
    assert dataset.targets is not None
    different = {(digest, int(label)) for digest, label in zip(dataset.hashes(), dataset.targets, strict=True)}
    per_class = np.bincount([label for _, label in different])
    if len({digest for digest, _ in different}) < folds or (per_class > 1).sum() < 2:
        raise DataError(
            f"{dataset.name} has {len(different)} different images, {int(per_class.min())} of its smallest class: "
            f"{folds} folds need at least {folds}, and two classes with two each. Add images, or take folds=2"
        )


def _plan(
    candidates: str | Sequence[str] | None,
    weights: str | Mapping[str, Any] | None,
    taps: Sequence[str] | None,
    sizes: Sequence[int] | None,
    limits: Mapping[str, Any],
) -> tuple[list[_Candidate], list[Skipped]]:
    """The candidates to measure, and those left out before any work."""
    known = registry()
    if candidates is None or candidates == "all":
        entries = known.entries("backbones")
    else:
        names = [candidates] if isinstance(candidates, str) else list(candidates)
        if not names or not all(isinstance(name, str) for name in names):
            raise OptionError(f"candidates={candidates!r} takes names of backbones, 'all', or None; see `zoo list`")
        entries = list({entry.id: entry for entry in (known.get("backbones", name) for name in names)}.values())
    if isinstance(weights, Mapping):
        for name in weights:
            known.get("backbones", name)  # a name that nobody provides is a mistake
    planned, skipped = [], []
    for entry in entries:
        row = backbone_row(entry)
        asked = weights.get(entry.name, "pretrained") if isinstance(weights, Mapping) else weights
        try:
            spec: BackboneSpec = entry.spec
            reason = _excluded(row, limits) or _absent(entry, asked, local_only=candidates is None)
        except ZooError as error:
            reason = str(error)
        if reason:
            skipped.append(Skipped(entry.name, reason))
            continue
        for size in dict.fromkeys(sizes or [spec.input.default_size]):
            for tap in dict.fromkeys(taps or [spec.pooling]):
                candidate = _Candidate(entry, spec, row, size, tap, asked)
                if size < spec.input.min_size:
                    reason = f"smaller than its smallest input, {spec.input.min_size} px"
                    skipped.append(Skipped(candidate.name, reason))
                else:
                    planned.append(candidate)
    return planned, skipped


def _excluded(row: Mapping[str, Any], limits: Mapping[str, Any]) -> str | None:
    """Why a backbone does not pass the limits; the same rules as `zoo list`."""
    if not select([dict(row)], max_params=limits["max_params"]):
        return f"more than {limits['max_params'] / 1e6:g} M weights"
    if not select([dict(row)], max_size=limits["max_size"]):
        return f"larger than {limits['max_size'] / 1e6:g} MB"
    if not select([dict(row)], license=limits["license"]):
        return f"license {row['license'] or 'unknown'}, not {limits['license']}"
    return None


def _absent(entry: Entry, weights: Any, *, local_only: bool) -> str | None:
    """Why the weights cannot be had; None where they can, or where only trying tells."""
    if weights != "pretrained" or any(Store().has(source) for source in entry.spec.weights):
        return None
    if settings.offline():
        return "weights are not on this machine, and ZOO_OFFLINE=1 forbids to fetch them"
    if local_only:
        return "weights are not on this machine; name it, or candidates='all', to fetch them"
    return None


def _reasons(skipped: Sequence[Skipped]) -> str:
    grouped: dict[str, list[str]] = {}
    for item in skipped:
        grouped.setdefault(item.reason, []).append(item.name)
    shown = [
        ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") + f": {reason}"
        for reason, names in grouped.items()
    ]
    return "; ".join(shown)


# -- measuring -------------------------------------------------------------------------------------------------------


_KIND = "ranking"
_FIGURES = ("accuracy", "log_loss", "knn", "logme", "hscore", "params", "macs", "ms")


def _identity(candidate: _Candidate, clock: _Clock) -> dict[str, Any] | None:
    """Everything that a candidate's network depends on, told without building it, JSON-ready.

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
    found = find_spec(package)
    if found is None:
        return ""
    folders = [Path(place) for place in found.submodule_search_locations or ()]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))] or [Path(str(found.origin))]
    total = hashlib.sha256()
    for path in files:
        total.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return total.hexdigest()


class _Judge:
    """Measures candidates on images of one dataset; every candidate sees the same images and the same folds."""

    def __init__(
        self,
        dataset: data_room.Dataset,
        scores: tuple[str, ...],
        folds: int,
        seed: int,
        cache: bool,
        clock: _Clock,
        progress: Progress | None,
    ) -> None:
        assert dataset.targets is not None
        self.dataset, self.targets = dataset, dataset.targets
        self.scores, self.folds, self.seed, self.cache = scores, folds, seed, cache
        self.clock, self.progress = clock, progress
        self.labels = dataset.labels or tuple(str(number) for number in range(dataset.n_classes))
        self.groups = np.array(dataset.hashes())
        self.computed = self.done = self.expected = 0

    def order(self) -> np.ndarray:
        """All images in a random order of which every beginning is stratified."""
        place = np.empty(len(self.targets))
        random = np.random.default_rng(self.seed)
        for label in np.unique(self.targets):
            members = np.flatnonzero(self.targets == label)
            place[random.permutation(members)] = (np.arange(len(members)) + 0.5) / len(members)
        return np.argsort(place, kind="stable")

    def measure_all(
        self, candidates: Sequence[_Candidate], indices: np.ndarray, skipped: list[Skipped], *, final: bool = True
    ) -> list[Ranked]:
        """Measure candidates one after the other; what fails or finds no time left is added to `skipped`."""
        rows: list[Ranked] = []
        for candidate in candidates:
            try:
                self.clock.check()
                with _without_retracing_warnings():
                    rows.append(self.measure(candidate, indices, final=final))
            except _OutOfTimeError:
                reason = f"the budget of {self.clock.budget:g} s was used up"
                skipped.append(Skipped(candidate.name, reason))
            except ZooError as error:
                skipped.append(Skipped(candidate.name, str(error)))
        return rows

    def measure(self, candidate: _Candidate, indices: np.ndarray, *, final: bool) -> Ranked:
        """Measure one candidate on some images; scores beside the probe only when it is the final time.

        What was measured before is taken from the cache, and then no network is built.
        """
        start = time.perf_counter()
        identity = _identity(candidate, self.clock) if self.cache else None
        asked = self.scores if final else ("probe",)
        key = {"network": identity, "protocol": self._protocol(indices, asked)}
        found = kept.read(_KIND, key) if identity else None
        if found is not None:
            found["ms"] = measured_before(found["graph"])
        if found is None or found["ms"] is None or not (features_root() / found["entry"] / MANIFEST).is_file():
            found = self._work_out(candidate, indices, asked)
            if identity and found["graph"] and found["entry"]:
                kept.write(_KIND, key, {name: value for name, value in found.items() if name not in ("ms", "computed")})
        else:
            self._tell(self.done + len(indices))
        self.done += len(indices)
        computed = found.pop("computed", 0)
        self.computed += computed
        right = np.full(len(self.dataset), -1, np.int8)
        right[indices[found["rows"]]] = found["right"]
        images = len(found["rows"])
        return Ranked(
            backbone=candidate.backbone,
            input_size=candidate.size,
            features=candidate.tap,
            interval=wilson(found["accuracy"] * images, images),
            images=images,
            knn_interval=None if found["knn"] is None else wilson(found["knn"] * images, images),
            top1=candidate.row["top1"],
            size=4 * found["params"],
            license=candidate.row["license"] or "unknown",
            seconds=time.perf_counter() - start,
            computed=computed,
            right=right,
            weights=candidate.weights,
            **{name: found[name] for name in _FIGURES},
        )

    def _protocol(self, indices: np.ndarray, asked: Sequence[str]) -> dict[str, Any]:
        """What the figures depend on apart from the network, JSON-ready."""
        content = hashlib.sha256()
        for digest, label in zip(self.groups[indices], self.targets[indices], strict=True):
            content.update(f"{digest} {label}\n".encode())
        return {
            "images": content.hexdigest(),
            "classes": len(self.labels),
            "folds": self.folds,
            "seed": self.seed,
            "scores": sorted(set(asked)),
            "repeats": REPEATS if asked is self.scores else 1,
            "dtype": settings.features_dtype(),
            "decoder": PIL.__version__,
        }

    def _work_out(self, candidate: _Candidate, indices: np.ndarray, asked: Sequence[str]) -> dict[str, Any]:
        """Build the network, compute its features or take them from the cache, and judge them."""
        from zoo.architectures.facts import multiply_adds

        gc.collect()  # the network before: hundreds of megabytes that hold themselves in cycles
        composition, _ = compose(
            candidate.backbone,
            classifier(self.labels),
            weights=candidate.weights,
            features=candidate.tap,
            input_size=candidate.size,
            progress=self.clock.check,
        )
        before = self.done
        found = extract(
            composition.features,
            self.dataset,
            indices,
            size=composition.input_size,
            rule=composition.resize,
            progress=lambda done, total: self._tell(before + done),
            cache=self.cache,
        )
        self.clock.check()
        return {
            "graph": graph_digest(composition.features),
            "entry": found.entry,
            "computed": found.computed,
            "params": int(composition.backbone.count_params()),
            "macs": multiply_adds(composition.backbone),
            "ms": milliseconds(composition.features, cache=self.cache),
            "rows": np.searchsorted(indices, found.positions).tolist(),
            **self._figures(found.values, found.positions, asked),
        }

    def _figures(self, values: np.ndarray, positions: np.ndarray, asked: Sequence[str]) -> dict[str, Any]:
        """What features are worth, JSON-ready."""
        targets, groups, classes = self.targets[positions], self.groups[positions], len(self.labels)
        right, loss, cs = [], [], None
        for repeat in range(REPEATS if asked is self.scores else 1):
            folds = grouped_folds(targets, groups, self.folds, seed=self.seed + repeat)
            probe = out_of_fold(values, targets, folds, n_classes=classes, cs=cs)
            cs = [probe.c]
            right.append(probe.probabilities.argmax(axis=1) == targets)
            loss.append(probe.log_loss)
        share = np.mean(right, axis=0)
        votes = knn_predictions(values, targets, groups, n_classes=classes) if "knn" in asked else None
        return {
            "accuracy": float(share.mean()),
            "log_loss": float(np.mean(loss)),
            "right": (share > 0.5).astype(int).tolist(),
            "knn": None if votes is None else float((votes == targets).mean()),
            "logme": logme(values, targets) if "logme" in asked else None,
            "hscore": hscore(values, targets) if "hscore" in asked else None,
        }

    def _tell(self, done: int) -> None:
        self.clock.check()
        if self.progress:
            self.progress(min(done, self.expected), self.expected)


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


def _screen(
    judge: _Judge, candidates: list[_Candidate], sample: int, skipped: list[Skipped]
) -> tuple[list[_Candidate], list[Ranked]]:
    """Successive halving on growing stratified samples.

    Returns:
        Who is left, cheapest first, and their figures of the last round.
    """
    order = judge.order()
    rows: list[Ranked] = []
    while len(candidates) > _KEPT and 2 * sample <= len(order):
        found = judge.measure_all(candidates, np.sort(order[:sample]), skipped, final=False)
        if judge.clock.over:
            return [], rows or found  # of the last whole round, if there was one
        ranked = sorted(found, key=lambda row: (-row.score, -row.accuracy))
        left = {row.name for row in ranked[: max(_KEPT, -(-len(candidates) // _ETA))]}
        for row in ranked:
            if row.name not in left:
                what = f"screened out on {row.images} images: score {row.score:.3f}, the best {ranked[0].score:.3f}"
                skipped.append(Skipped(row.name, what))
        candidates = [candidate for candidate in candidates if candidate.name in left]
        rows = [row for row in ranked if row.name in left]
        judge.done, judge.expected = 0, len(candidates) * len(order)
        sample *= _ETA
    return candidates, rows
