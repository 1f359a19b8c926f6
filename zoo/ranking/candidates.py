"""Which candidates are measured, and which are left out before any work."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo import settings
from zoo.catalogue import Filters, backbone_row, restricted
from zoo.errors import OptionError, ZooError
from zoo.plugin import registry
from zoo.ranking.ranked import Skipped
from zoo.registry import Entry
from zoo.specs import BackboneSpec, Size, sides, size_in_words
from zoo.weights.store import Store

PRETRAINED = "pretrained"
"""The weights that a backbone comes with."""


@dataclass(frozen=True)
class Candidate:
    """A backbone at an input size with a tap; `spec` is checked, the tap is not."""

    entry: Entry
    spec: BackboneSpec
    row: Mapping[str, Any]
    size: Size
    tap: str
    weights: Any

    @property
    def backbone(self) -> str:
        """What `zoo.build` takes: the bare name where it is zoo's own."""
        return self.entry.name if self.entry.provider.first_party else self.entry.id

    @property
    def name(self) -> str:
        """As in `Ranked`."""
        return f"{self.backbone}@{size_in_words(self.size)}/{self.tap}"

    @property
    def usual(self) -> bool:
        """Whether size and pooling are those of its row."""
        return self.size == self.spec.input.default_size and self.tap == self.spec.pooling

    @property
    def cost(self) -> float:
        """About its multiply-adds: they grow with the area."""
        height, width = sides(self.spec.input.default_size)
        grown = math.prod(sides(self.size)) / (height * width) if height else 1.0
        return (self.spec.macs or self.spec.params) * grown


def plan(
    candidates: str | Sequence[str] | None,
    weights: str | Mapping[str, Any] | None,
    taps: Sequence[str] | None,
    sizes: Sequence[int] | None,
    limits: Mapping[str, Any],
) -> tuple[list[Candidate], list[Skipped]]:
    """Return the candidates to measure, and those left out before any work."""
    _check_names(weights)
    planned: list[Candidate] = []
    skipped: list[Skipped] = []
    for entry in _entries(candidates):
        row = backbone_row(entry)
        own_weights = weights.get(entry.name, PRETRAINED) if isinstance(weights, Mapping) else weights
        left_out = _left_out(entry, row, own_weights, limits, candidates)
        if left_out:
            skipped.append(left_out)
            continue
        spec: BackboneSpec = entry.spec
        own_size: list[Size] = [spec.input.default_size]
        for size in dict.fromkeys(sizes or own_size):
            for tap in dict.fromkeys(taps or [spec.pooling]):
                candidate = Candidate(entry, spec, row, size, tap, own_weights)
                if min(sides(size)) < spec.input.min_size:
                    reason = f"smaller than its smallest input, {spec.input.min_size} px"
                    skipped.append(Skipped(candidate.name, reason))
                else:
                    planned.append(candidate)
    return planned, skipped


def _check_names(weights: Any) -> None:
    """A backbone that nobody provides is a mistake."""
    for name in weights if isinstance(weights, Mapping) else ():
        registry().get("backbones", name)


def _left_out(
    entry: Entry,
    row: Mapping[str, Any],
    weights: Any,
    limits: Mapping[str, Any],
    candidates: str | Sequence[str] | None,
) -> Skipped | None:
    """Why a backbone is not measured; None: it is."""
    try:
        spec: BackboneSpec = entry.spec
        reason: str | None = f"for examples of {spec.modality!r}"
        if spec.sized:
            reason = _excluded(row, limits, named=candidates not in (None, "all"))
        return Skipped(entry.name, reason) if reason else _absent(entry, row, weights, candidates is None)
    except ZooError as error:
        return Skipped(entry.name, str(error))


def _takes_pictures(entry: Entry) -> bool:
    return backbone_row(entry)["input"] is not None


def _entries(candidates: str | Sequence[str] | None) -> Sequence[Entry]:
    known = registry()
    if candidates is None or candidates == "all":
        return list(filter(_takes_pictures, known.entries("backbones")))
    names = [candidates] if isinstance(candidates, str) else list(candidates)
    if not names or not all(isinstance(name, str) for name in names):
        raise OptionError(f'candidates={candidates!r} takes names of backbones, "all", or None; see `zoo list`')
    return list({entry.id: entry for entry in (known.get("backbones", name) for name in names)}.values())


def _excluded(row: Mapping[str, Any], limits: Mapping[str, Any], *, named: bool) -> str | None:
    """Why a backbone does not pass the limits; the same rules as `zoo list`.

    Weights that not everybody may use for everything take part only if they are named, or their license is.
    """
    words = restricted(row["license"])
    if words and not named and limits["license"] is None:
        return f"weights {words}; name it in candidates=, or pass license="
    if not Filters(max_params=limits["max_params"]).passes(row):
        return f"more than {limits['max_params'] / 1e6:g} M weights"
    if not Filters(max_size=limits["max_size"]).passes(row):
        return f"larger than {limits['max_size'] / 1e6:g} MB"
    if not Filters(license=limits["license"]).passes(row):
        allowed = limits["license"]
        allowed = allowed if isinstance(allowed, str) else " or ".join(allowed)
        return f"license {row['license'] or 'unknown'}, not {allowed}"
    return None


def _absent(entry: Entry, row: Mapping[str, Any], weights: Any, local_only: bool) -> Skipped | None:
    """The reason why the weights cannot be had; None where they can, or where only trying shows it."""
    if weights == PRETRAINED and not entry.spec.pretrained:
        return Skipped(entry.name, "it has no pretrained weights, and features of a random network say nothing")
    if weights != PRETRAINED or any(Store().has(source) for source in entry.spec.weights):
        return None
    missing = int(row["size"] or 0)
    if settings.offline():
        return Skipped(entry.name, "weights are not downloaded, and ZOO_OFFLINE=1 forbids it", missing)
    if local_only:
        return Skipped(entry.name, 'weights are not downloaded; candidates="all" downloads them', missing)
    return None


def reasons(skipped: Sequence[Skipped]) -> str:
    """Return why candidates were left out, each reason once with the names."""
    grouped: dict[str, list[str]] = {}
    for item in skipped:
        grouped.setdefault(item.reason, []).append(item.name)
    shown = [
        ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") + f": {reason}"
        for reason, names in grouped.items()
    ]
    return "; ".join(shown)
