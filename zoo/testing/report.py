"""What a run of conformance checks found, check by check, as text and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class CheckResult:
    """One check on one thing that a plugin provides.

    Attributes:
        subject: what was checked, e.g. "head zoo_vision:linear".
        check: name of the check, e.g. "check_base_stays_frozen".
        prevents: the failure a user would see without it.
        outcome: "passed", "failed" or "skipped".
        detail: what was found (failed), or why it could not be looked at (skipped).
        error: the exception behind a failure; not part of `to_dict`.
    """

    subject: str
    check: str
    prevents: str
    outcome: Outcome
    detail: str = ""
    error: BaseException | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, str]:
        """JSON-ready."""
        return {key: value for key, value in vars(self).items() if key != "error"}


@dataclass
class Report:
    """All results of one plugin.

    Attributes:
        plugin: its id.
        results: one for each check, in the order they ran.
    """

    plugin: str
    results: list[CheckResult] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many checks passed, failed, were skipped."""
        counts = Counter(result.outcome for result in self.results)
        return {"passed": counts["passed"], "failed": counts["failed"], "skipped": counts["skipped"]}

    @property
    def ran(self) -> int:
        """How many checks ran to an answer."""
        return self.counts["passed"] + self.counts["failed"]

    @property
    def ok(self) -> bool:
        """Whether nothing failed and something was looked at: of every subject at least one check has to pass."""
        return not self.counts["failed"] and not self.unchecked() and self.ran > 0

    def unchecked(self) -> list[str]:
        """The subjects of which every check was skipped: nothing is known of them, so they are no success."""
        passed = {result.subject for result in self.results if result.outcome != "skipped"}
        return [
            subject for subject in dict.fromkeys(result.subject for result in self.results) if subject not in passed
        ]

    def failed(self) -> list[CheckResult]:
        """The failures."""
        return [result for result in self.results if result.outcome == "failed"]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "plugin": self.plugin,
            "ok": self.ok,
            "ran": self.ran,
            **self.counts,
            "unchecked": self.unchecked(),
            "results": [result.to_dict() for result in self.results],
        }

    def render(self) -> str:
        """The report as text: failures and skips one by one, then the counts."""
        lines = []
        for subject in dict.fromkeys(result.subject for result in self.results):
            lines += _of_subject(subject, [result for result in self.results if result.subject == subject])
        lines += [f"{subject}: every check was skipped, so nothing is known of it" for subject in self.unchecked()]
        counts = self.counts
        lines.append(
            f"{self.plugin}: {self.ran} checks ran, {counts['passed']} passed, {counts['failed']} failed, "
            f"{counts['skipped']} skipped: {'conforms' if self.ok else 'DOES NOT CONFORM'}"
        )
        if not self.ran:
            lines.append("No check ran. A plugin that nothing is known of does not conform.")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()


def _waits(result: CheckResult) -> bool:
    """Whether a check was skipped because one that it builds on failed or was skipped."""
    return result.outcome == "skipped" and result.detail.startswith("needs check_")


def _of_subject(subject: str, results: Sequence[CheckResult]) -> list[str]:
    """The lines on one thing that was checked."""
    passed = sum(result.outcome == "passed" for result in results)
    lines = [f"{subject}: {passed} of {len(results)} checks passed"]
    for result in results:
        if result.outcome == "failed":
            lines += [f"  FAILED  {result.check}: {result.prevents}", *_indented(result.detail)]
        elif result.outcome == "skipped" and not _waits(result):
            lines += [f"  skipped {result.check}: {result.detail}"]
    waiting = [result.check for result in results if _waits(result)]
    return lines + ([f"  skipped, since they build on the above: {', '.join(waiting)}"] if waiting else [])


def _indented(text: str) -> list[str]:
    return [f"          {line}" for line in text.splitlines()]
