"""What `zoo.recommend` found: candidates measured and compared, as a table, in words, as a picture, as a page."""

from __future__ import annotations

import math
import os
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from zoo import page
from zoo.errors import OptionError
from zoo.evaluation.uncertainty import mcnemar
from zoo.registry import Table

TIE = 0.05
"""Two candidates whose paired difference has at least this p-value cannot be told apart."""


@dataclass(frozen=True)
class Ranked:
    """One candidate (backbone, input size, features) as measured.

    Attributes:
        backbone: its name.
        input_size: side of the input, in pixels.
        features: what the probe reads: a pooling, a stage, a layer.
        accuracy: cross-validated accuracy of the probe, 0..1, the mean over the repeats.
        interval: Wilson's 95 % interval of it.
        log_loss: cross-validated log loss of the probe, in nats, the mean over the repeats.
        images: number of images it was measured on.
        p_value: exact McNemar test against the most accurate, on the same out-of-fold answers.
        tie: whether it cannot be told from the most accurate (`p_value` at least 0.05), which itself has True.
        knn: leave-one-out accuracy of the five nearest neighbors; None if not asked for.
        knn_interval: Wilson's 95 % interval of it.
        logme: LogME in nats per image; None if not asked for.
        hscore: shrinkage H-score; None if not asked for.
        top1: published ImageNet top-1 accuracy; None if none is known.
        params: weights of the base up to the features.
        macs: multiply-adds of one image at this input size.
        ms: milliseconds per image on this machine, forward pass in batches of 32.
        size: bytes of the base as float32.
        license: license of the weights.
        seconds: wall time of measuring it.
        computed: images that went through the base; the others came from the cache.
        right: int8, for each image of the data 1 (right in most repeats), 0 (wrong) or -1 (not measured).
        weights: what `weights=` was.
    """

    backbone: str
    input_size: int
    features: str
    accuracy: float
    interval: tuple[float, float]
    log_loss: float
    images: int
    knn: float | None
    knn_interval: tuple[float, float] | None
    logme: float | None
    hscore: float | None
    top1: float | None
    params: int
    macs: int
    ms: float
    size: int
    license: str
    seconds: float
    computed: int
    right: np.ndarray = field(repr=False, compare=False)
    weights: Any = "pretrained"
    p_value: float = 1.0
    tie: bool = True

    @property
    def name(self) -> str:
        """`backbone@input_size/features`."""
        return f"{self.backbone}@{self.input_size}/{self.features}"

    @property
    def score(self) -> float:
        """What decides among candidates that tie, 0..1: the mean of exp(-log_loss) and, if it was asked for, knn.

        exp(-log_loss) is the geometric mean of the probability given to the right class: it tells apart candidates that
        get the same images right, as the choice of C in `zoo.features.fit_probe` does. Neighbors are a second opinion
        with errors of their own. On six data sets the mean of both had less regret than accuracy, log loss or
        neighbors alone; figures in `benchmarks/RESULTS.md`.
        """
        certainty = math.exp(-self.log_loss)
        return certainty if self.knn is None else (certainty + self.knn) / 2

    @property
    def arguments(self) -> dict[str, Any]:
        """For `zoo.build(**arguments, head=...)`."""
        return {
            "backbone": self.backbone,
            "input_size": self.input_size,
            "features": self.features,
            "weights": self.weights,
        }

    def against(self, other: Ranked) -> float:
        """p-value of the exact McNemar test on the images both were measured on."""
        both = (self.right >= 0) & (other.right >= 0)
        return mcnemar(self.right[both] == 1, other.right[both] == 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the single answers."""
        data = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "right"}
        weights = None if self.weights is None else str(self.weights)
        intervals = {"interval": list(self.interval), "knn_interval": self.knn_interval and list(self.knn_interval)}
        return {"name": self.name, "score": self.score, **data, **intervals, "weights": weights}


@dataclass(frozen=True)
class Skipped:
    """A candidate that was left out, and why."""

    name: str
    reason: str


def _why(best: Ranked) -> str:
    """Why the best is it, where others tie."""
    told = f"the right class has probability {math.exp(-best.log_loss):.3f} (geometric mean, out of fold)"
    if best.knn is None:
        return f"Of those that tie {best.name} is the surest: {told}."
    return (
        f"Of those that tie {best.name} has the highest score, {best.score:.3f}, the mean of two: {told}, and the "
        f"nearest neighbors are right on {best.knn:.3f}."
    )


def _span(interval: tuple[float, float] | None) -> str | None:
    return None if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


_COLUMNS = {
    "candidate": lambda row: row.name,
    "score": lambda row: f"{row.score:.3f}",
    "accuracy": lambda row: f"{row.accuracy:.3f}",
    "95 % interval": lambda row: _span(row.interval),
    "against the top": lambda row: "tie" if row.tie else f"worse (p {row.p_value:.1g})",
    "knn": lambda row: None if row.knn is None else f"{row.knn:.3f}",
    "knn 95 %": lambda row: _span(row.knn_interval),
    "logme": lambda row: None if row.logme is None else f"{row.logme:.3f}",
    "hscore": lambda row: None if row.hscore is None else f"{row.hscore:.2f}",
    "top1": lambda row: row.top1,
    "params": lambda row: row.params,
    "macs": lambda row: row.macs,
    "ms": lambda row: round(row.ms, 2),
    "size": lambda row: row.size,
    "license": lambda row: row.license,
}


class Recommendation(Sequence[Ranked]):
    """Candidates from the best down: a sequence of `Ranked` that prints as a table.

    First those that cannot be told from the most accurate one, by their `score`; then the others, by accuracy.

    Attributes:
        data: name of the data.
        labels: its classes.
        images: images in the data that could be read.
        skipped: every candidate left out, with the reason.
        notes: what a reader must know.
        seconds: wall time of everything.
        computed: images that went through a base in this call; 0 when everything came from the cache.
        settings: folds, seed, scores, budget as asked.
    """

    def __init__(
        self,
        rows: Sequence[Ranked],
        *,
        data: str,
        labels: Sequence[str],
        images: int,
        skipped: Sequence[Skipped] = (),
        notes: Sequence[str] = (),
        seconds: float = 0.0,
        computed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Args as the attributes; rows in any order, at least one."""
        from dataclasses import replace

        top = min(rows, key=lambda row: (-row.accuracy, row.log_loss, row.ms, row.name))
        pairs = [(row, row.against(top)) for row in rows]
        told = [replace(row, p_value=p, tie=p >= TIE) for row, p in pairs]
        ties = sorted((row for row in told if row.tie), key=lambda row: (-row.score, -row.accuracy, row.ms, row.name))
        others = sorted(
            (row for row in told if not row.tie), key=lambda row: (-row.accuracy, row.log_loss, row.ms, row.name)
        )
        self._rows = (*ties, *others)
        self.data, self.labels, self.images = data, tuple(labels), images
        self.skipped, self.notes = tuple(skipped), tuple(notes)
        self.seconds, self.computed, self.settings = seconds, computed, dict(settings or {})

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    @property
    def best(self) -> Ranked:
        """Of the candidates that cannot be told from the most accurate, the one with the highest score."""
        return self._rows[0]

    @property
    def fastest(self) -> Ranked:
        """The fastest of those that cannot be told from the most accurate."""
        return min((row for row in self if row.tie), key=lambda row: row.ms)

    @cached_property
    def pareto(self) -> tuple[Ranked, ...]:
        """The candidates than which none is both as accurate and as fast, and better in one; from the fastest."""
        front: list[Ranked] = []
        for row in sorted(self, key=lambda row: (row.ms, -row.accuracy)):
            if not front or row.accuracy > front[-1].accuracy:
                front.append(row)
        return tuple(front)

    @property
    def to_fine_tune(self) -> tuple[Ranked, ...]:
        """What to fine-tune: the best by published accuracy among the good ones, then the best by probe.

        The hybrid rule of Renggli et al., "Which Model to Transfer? Finding the Needle in the Growing Haystack", CVPR
        2022, arXiv 2010.06402. Good: the interval reaches that of the best. Of its input sizes the largest, for which
        the published figure speaks most. The published accuracy comes first since
        it misled less about fine-tuned networks than frozen features did (`benchmarks/RESULTS.md`). If both are the
        same backbone, or nothing is published, the second is the next backbone by probe. One candidate where there is
        only one backbone.
        """
        good = [row for row in self if row.interval[1] >= self.best.interval[0] and row.top1 is not None]
        first = max(good, key=lambda row: (row.top1, row.input_size, row.accuracy), default=self.best)
        second = next((row for row in self if row.backbone != first.backbone), None)
        return (first,) if second is None else (first, second)

    def table(self) -> Table:
        """The candidates as a table; scores that were not asked for have no column."""
        rows = [{name: value(row) for name, value in _COLUMNS.items()} for row in self]
        shown = [name for name in _COLUMNS if any(row[name] is not None for row in rows)]
        return Table(rows, columns=shown)

    def skipped_by_reason(self) -> dict[str, list[str]]:
        """Reason -> the candidates left out for it."""
        found: dict[str, list[str]] = defaultdict(list)
        for item in self.skipped:
            found[item.reason].append(item.name)
        return dict(found)

    def left_out(self) -> list[str]:
        """A line for each reason for which candidates were left out."""
        return [f"left out: {_listed(names)}: {reason}" for reason, names in self.skipped_by_reason().items()]

    def next_command(self, data: str) -> str:
        """What to type to train the best one."""
        best = self.best
        words = ["zoo", "fit", data, "--backbone", best.backbone, "--input-size", str(best.input_size)]
        return shlex.join([*words, "--features", best.features])

    def explain(self) -> str:
        """What was done and found, and what was left out, in sentences, one a line."""
        return "\n".join([*self.sentences(), *self.left_out(), *self.notes])

    def sentences(self) -> list[str]:
        """What was done and found."""
        best, ties = self.best, [row for row in self[1:] if row.tie]
        lines = [
            f"{_count(len(self), 'candidate')} measured on {best.images} of {self.images} images of {self.data} "
            f"({len(self.labels)} classes): accuracy of a linear probe on frozen features, "
            f"{self.settings.get('folds', 5)} folds, the mean of {self.settings.get('repeats', 1)} cross-validations, "
            "copies of a file in one fold.",
            f"Best: {best.name}, {best.accuracy:.3f} (95 % interval {best.interval[0]:.3f} to {best.interval[1]:.3f}).",
        ]
        if len(self) == 1:
            lines.append("There is nothing to compare it with.")
        elif ties:
            top = max(self, key=lambda row: row.accuracy)
            others = _listed([row.name for row in (best, *ties) if row.name != top.name])
            which = "it" if top.name == best.name else f"the most accurate, {top.name} ({top.accuracy:.3f})"
            lines.append(
                f"Tie: {others} cannot be told from {which} (exact McNemar test on the same out-of-fold answers, p at "
                f"least {TIE}). {_why(best)}"
            )
        else:
            second = self[1]
            lines.append(
                f"The next, {second.name}, is {100 * (best.accuracy - second.accuracy):.1f} points worse "
                f"(exact McNemar test on the same out-of-fold answers, p = {second.p_value:.1g})."
            )
        if self.fastest is not best:
            lines.append(
                f"Of those that tie, {self.fastest.name} is the fastest: {self.fastest.ms:.1f} ms an image here "
                f"instead of {best.ms:.1f}."
            )
        voted = max(self, key=lambda row: -1 if row.knn is None else row.knn)
        if voted.knn is not None and voted.backbone != best.backbone:
            lines.append(
                f"The nearest neighbors favor {voted.name} ({voted.knn:.3f} against {best.knn:.3f}): the two "
                f"yardsticks do not agree on the backbone."
            )
        chosen = self.to_fine_tune
        if len(chosen) > 1:
            why = "the best" if chosen[1] is best else "the next backbone"
            prior = "" if chosen[0].top1 is None else " (the best by published ImageNet accuracy among the good ones)"
            lines.append(
                f"To fine-tune, try both {chosen[0].name}{prior} and {chosen[1].name} ({why} by probe): the order by "
                f"frozen features and the order on ImageNet each mislead at times, the better of the two seldom "
                f"(Renggli et al. 2022)."
            )
        return lines

    def __repr__(self) -> str:
        return "\n".join([self.table().render(), *self.left_out()])

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready data."""
        return {
            "data": self.data,
            "labels": list(self.labels),
            "images": self.images,
            "settings": self.settings,
            "best": self.best.name,
            "fastest_of_ties": self.fastest.name,
            "to_fine_tune": [row.name for row in self.to_fine_tune],
            "pareto": [row.name for row in self.pareto],
            "candidates": [row.to_dict() for row in self],
            "skipped": [{"name": item.name, "reason": item.reason} for item in self.skipped],
            "notes": list(self.notes),
            "explanation": self.explain().splitlines(),
            "seconds": self.seconds,
            "computed": self.computed,
        }

    def plot(self) -> Any:
        """Accuracy with its interval against milliseconds per image, the Pareto front drawn: a matplotlib Figure.

        Raises:
            OptionError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
            from matplotlib.ticker import LogLocator, NullFormatter
        except ImportError as error:
            raise OptionError(
                "plot() needs matplotlib: pip install 'zoo-sdk[plots]'; to_html() does without"
            ) from error
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.add_subplot()
        for rank, row in enumerate(self, 1):
            errors = [[row.accuracy - row.interval[0]], [row.interval[1] - row.accuracy]]
            axes.errorbar(row.ms, row.accuracy, yerr=errors, fmt="none", ecolor="C0" if row.tie else "0.7", capsize=3)
            # The names stand beside the picture: in it those of good candidates would cover each other.
            name = f"{rank}  {row.name}".replace("$", r"\$")  # "$" would start a formula
            axes.plot(
                row.ms, row.accuracy, "o", ms=13, color="C0" if row.tie else "0.55", label=name, zorder=3 + 1 / rank
            )
            place = (row.ms, row.accuracy)
            axes.annotate(str(rank), place, ha="center", va="center", color="w", fontsize=8, zorder=3 + 1 / rank)
        axes.step(
            [row.ms for row in self.pareto], [row.accuracy for row in self.pareto], where="post", color="C1", lw=1
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        figure.legend(
            loc="outside right upper", fontsize=8, frameon=False, handlelength=0, handletextpad=0, markerscale=0
        )
        axes.set_xlabel("milliseconds per image on this machine")
        axes.set_ylabel("cross-validated accuracy of the probe")
        axes.set_title(self.data.replace("$", r"\$"))
        return figure

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that needs nothing else: no script, no request; every name escaped.

        Raises:
            OptionError: the folder does not exist or cannot be written.
        """
        return page.write(path, self._page())

    def _page(self) -> str:
        labels = ", ".join(self.labels[:50]) + (f" and {len(self.labels) - 50} more" if len(self.labels) > 50 else "")
        skipped = Table(
            [{"left out": item.name, "reason": item.reason} for item in self.skipped], columns=("left out", "reason")
        )
        title = f"Which backbone for {self.data}"
        return page.page(
            title,
            f"<h1>{escape(title)}</h1><p>Classes: {escape(labels)}</p>{page.items(self.explain().splitlines())}"
            f'{self._picture()}<div class="wide">{self.table()._repr_html_()}</div>'
            + (f'<h2>Left out</h2><div class="wide">{skipped._repr_html_()}</div>' if self.skipped else "")
            + f'<p class="soft">{self.seconds:.0f} s; {escape(str(self.settings))}</p>',
        )

    def _picture(self) -> str:
        """Accuracy against milliseconds (log scale) as SVG."""
        width, height, margin = 720, 380, 60
        logs = [math.log10(row.ms) for row in self]
        x_low, x_high = min(logs) - 0.1, max(logs) + 0.1
        y_low = min(row.interval[0] for row in self) - 0.01
        y_high = min(1.0, max(row.interval[1] for row in self) + 0.01)

        def x(ms: float) -> float:
            return margin + (math.log10(ms) - x_low) / (x_high - x_low) * (width - 2 * margin)

        def y(accuracy: float) -> float:
            return height - margin - (accuracy - y_low) / (y_high - y_low) * (height - 2 * margin)

        left, bottom, right = margin, height - margin, width - margin
        parts = [f'<path d="M{left} {margin / 2:.0f}V{bottom}H{right}" fill="none" stroke="#888"/>']
        for step in range(5):
            value = y_low + (y_high - y_low) * step / 4
            parts.append(
                f'<text class="axis" x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>'
            )
            ms = 10 ** (x_low + (x_high - x_low) * step / 4)
            parts.append(f'<text class="axis" x="{x(ms):.1f}" y="{bottom + 16}" text-anchor="middle">{ms:.3g}</text>')
        parts.append(
            f'<text class="axis" x="{width / 2}" y="{height - 20}" text-anchor="middle">'
            "ms per image here (log scale)</text>"
        )
        steps = "".join(
            f"{'H' if number else 'M'}{x(row.ms):.1f} {'V' if number else ''}{y(row.accuracy):.1f}"
            for number, row in enumerate(self.pareto)
        )
        parts.append(f'<path d="{steps}" fill="none" stroke="#d97706" stroke-width="1.5"/>')
        for rank, row in reversed(list(enumerate(self, 1))):  # the best is drawn last, on top
            color = "#2563eb" if row.tie else "#888"
            place = f'"{x(row.ms):.1f}"'
            parts.append(
                f'<line x1={place} x2={place} y1="{y(row.interval[0]):.1f}" y2="{y(row.interval[1]):.1f}" '
                f'stroke="{color}"/><circle cx={place} cy="{y(row.accuracy):.1f}" r="9" fill="{color}" stroke="#fff">'
                f"<title>{escape(row.name)}: {row.accuracy:.3f}, {row.ms:.1f} ms</title></circle>"
                f'<text x={place} y="{y(row.accuracy) + 4:.1f}" text-anchor="middle" '
                f'style="fill:#fff;font-size:11px">{rank}</text>'
            )
        return (
            f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
            f'aria-label="accuracy against milliseconds per image">{"".join(parts)}</svg>'
            "<p>Numbers: lines of the table. Blue: not to be told from the most accurate. Orange: the Pareto front.</p>"
        )

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


_SHOWN = 6


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
