"""What was found wrong with data: findings with a severity, examples, and what to do; as text, table, JSON and page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo import page
from zoo.errors import DataError
from zoo.modality import Thumbnail
from zoo.printing import preformatted, printable
from zoo.table import Table

Severity = Literal["error", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""error: training would fail, or its figures would be wrong; warning: probably a mistake; info: good to know."""

_EXAMPLES = 8
"""Examples with a thumbnail on the page, for each finding."""


@dataclass(frozen=True)
class Example:
    """One image a finding is about.

    Attributes:
        index: its place in the dataset.
        id: its name there.
        detail: what is the matter with it.
        others: ids of the images it goes with: its copies.
    """

    index: int
    id: str
    detail: str = ""
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = " = ".join((self.id, *self.others))
        return printable(f"{text} ({self.detail})" if self.detail else text)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes:
        kind: what it is, in a word or two: "corrupt", "exact duplicates", ...
        severity: see `SEVERITIES`.
        message: what was found, one sentence.
        advice: what to do.
        count: images (of duplicates: groups; of classes: classes) it concerns.
        examples: all of them, the worst first.
    """

    kind: str
    severity: Severity
    message: str
    advice: str
    count: int
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", printable(self.message))

    def text(self, examples: int = 3) -> str:
        """The finding in one line with some examples."""
        shown = "; ".join(str(example) for example in self.examples[:examples])
        more = len(self.examples) - examples
        listed = (f": {shown}" + (f"; and {more} more" if more > 0 else "")) if shown else ""
        return f"{self.severity}: {self.message}{listed}. {self.advice}"

    def to_dict(self, examples: int | None = None) -> dict[str, Any]:
        """As JSON can hold it, with so many of the examples; None: all."""
        some = [
            {"id": e.id, "detail": e.detail, "others": list(e.others), "index": e.index}
            for e in self.examples[:examples]
        ]
        return {
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
            "count": self.count,
            "examples": some,
        }


class Findings(Sequence[Finding]):
    """Everything that was found about a dataset, the worst first.

    Attributes:
        data: name of the dataset.
        images: number of images looked at.
        checks: names of the checks that were made.
        seconds: how long it took.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        *,
        data: str,
        images: int,
        checks: Sequence[str],
        seconds: float = 0.0,
        picture: Callable[[int], np.ndarray | Thumbnail] | None = None,
        words: str = "images",
    ) -> None:
        self._found = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
        self.data, self.images, self.checks, self.seconds = data, images, tuple(checks), seconds
        self._picture, self._words = picture, words

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found)

    def of(self, kind: str) -> Finding | None:
        """The finding of a kind, or None."""
        return next((finding for finding in self._found if finding.kind == kind), None)

    @property
    def ok(self) -> bool:
        """Whether there is neither an error nor a warning."""
        return all(finding.severity == "info" for finding in self._found)

    def verdict(self) -> str:
        """All of it in one sentence."""
        counts = {name: sum(finding.severity == name for finding in self._found) for name in SEVERITIES}
        said = ", ".join(
            f"{count} {name}{'s' if count > 1 and name != 'info' else ''}" for name, count in counts.items() if count
        )
        return f"{self.data}: {self.images} {self._words}, {len(self.checks)} checks, {said or 'nothing found'}"

    def lines(self, count: int = 3) -> list[str]:
        """The verdict and the worst findings, in so many lines at most."""
        shown = [finding.text(1) for finding in self._found[: count - 1]]
        more = len(self._found) - len(shown)
        if more and shown:
            shown[-1] += f" (and {more} more)"
        return [self.verdict(), *shown]

    def __repr__(self) -> str:
        return "\n".join([self.verdict(), *(finding.text() for finding in self._found)])

    def _repr_html_(self) -> str:
        return preformatted(repr(self))

    def table(self) -> Table:
        """A row for each finding."""
        rows = [
            {"severity": f.severity, "kind": f.kind, "count": f.count, "found": f.message, "what to do": f.advice}
            for f in self._found
        ]
        return Table(rows, columns=("severity", "kind", "count", "found", "what to do"))

    def to_dict(self, examples: int | None = None) -> dict[str, Any]:
        """As JSON can hold it, with so many examples of each; None: all."""
        return {
            "data": self.data,
            "images": self.images,
            "ok": self.ok,
            "checks": list(self.checks),
            "seconds": round(self.seconds, 3),
            "findings": [finding.to_dict(examples) for finding in self._found],
        }

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page with thumbnails that needs nothing else: no script, no request; every name escaped.

        Raises:
            OptionError: the file cannot be written.
        """
        return page.write(path, self._page())

    def _page(self) -> str:
        return page.render(
            "data/findings.html",
            title=f"{self.data}: what was found",
            verdict=self.verdict(),
            sections=[self._section(finding) for finding in self._found],
            checks=self.checks,
            seconds=self.seconds,
        )

    def _section(self, finding: Finding) -> dict[str, Any]:
        return {
            "severity": finding.severity,
            "message": finding.message,
            "advice": finding.advice,
            "pictures": [(self._thumbnail(example), str(example)) for example in finding.examples[:_EXAMPLES]],
            "more": len(finding.examples) - _EXAMPLES,
        }

    def _thumbnail(self, example: Example) -> str:
        if self._picture is None:
            return ""
        try:
            shown = self._picture(example.index)
            return (
                page.thumbnail(shown.png, shown.text, wav=shown.wav)
                if isinstance(shown, Thumbnail)
                else page.image(shown)
            )
        except DataError:
            return ""  # a file that is no picture has none to show
