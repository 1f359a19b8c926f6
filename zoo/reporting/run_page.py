"""The page of a run: verdict, figures, galleries, data, recipe with reasons, receipts, environment; one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoo import page
from zoo.evaluation import Calibration
from zoo.reporting import sections
from zoo.reporting.drawings import drawings, instead_of_reliability
from zoo.reporting.galleries import galleries
from zoo.reporting.material import SPLITS, Material
from zoo.reporting.verdict import verdict


def run_page(material: Material) -> str:
    """Return the report as HTML."""
    record, split = material.record, material.split
    recipe = record.plan.recipe
    return page.render(
        "reporting/run.html",
        title=f"{record.plan.model.backbone.rpartition(':')[2]} on {material.results.data.name}",
        facts=_facts(material),
        verdict=None if split is None else verdict(material.evaluations[split], record, split),
        recorded=[] if split else list(_recorded(material)),
        results=[_result(material, name) for name in SPLITS if name in material.evaluations],
        fold=sections.FOLD,
        galleries=list(galleries(material)),
        missing=material.missing if split and material.dataset is None else "",
        beside=sections.beside(material),
        training=sections.training(record),
        data=sections.data(material),
        recipe=recipe,
        summary=_sentence(recipe.summary or recipe.name),
        reasons=list(record.reasons) or ["The recipe was named, not chosen."],
        phase_columns=sections.PHASE_COLUMNS,
        phases=sections.phases(record),
        notices=record.notices,
        receipt_columns=sections.RECEIPT_COLUMNS,
        receipts=sections.receipts(record),
        model=sections.model(material),
        environment=sections.environment(material),
        folder=str(material.folder),
    )


def _facts(material: Material) -> str:
    record = material.record
    seconds = sum(phase.seconds for phase in record.phases)
    return (
        f"Recipe {record.plan.recipe.name}, {material.results.data.train} training examples, {_duration(seconds)}, "
        f"{record.started[:16].replace('T', ' ')} UTC, {material.folder.name}"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _recorded(material: Material) -> Iterator[dict[str, Any]]:
    """The figures of evaluations as run.json holds them, where the examples are not at hand."""
    for split in SPLITS:
        figures = getattr(material.results, split)
        if figures is not None:
            answers = figures.get("answers", {"": figures})
            yield from (_figures(split, name, own) for name, own in answers.items())


def _figures(split: str, name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    plain = [(key.replace("_", " "), f"{value:.4g}") for key, value in figures.items() if isinstance(value, float)]
    rows = figures.get("per_class") or figures.get("per_output") or []
    return {
        "heading": f"On the {split} examples{f' ({name})' if name else ''}, as recorded",
        "figures": [("examples", str(figures["count"])), *plain],
        "head": [key.replace("_", " ") for key in rows[0]] if rows else [],
        "rows": [tuple(map(_cell, row.values())) for row in rows[: sections.ROWS]],
    }


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _result(material: Material, split: str) -> dict[str, Any]:
    """Figures, drawings and tables of a split."""
    answers = []
    for answer in material.answers(split):
        calibrated = material.calibrated(answer.name) if split == "test" else None
        head, rows = answer.evaluation.rows()
        answers.append(
            {
                "name": answer.name,
                "summary": _sentence(answer.evaluation.summary()),
                "temperature": "" if calibrated is None else _of_temperature(calibrated),
                "drawings": list(drawings(answer.evaluation, f"{split}-{_word(answer.name)}", calibrated)),
                "reliability": instead_of_reliability(answer.evaluation),
                "head": head,
                "rows": rows[: sections.ROWS],
                "lowest": sections.ROWS if len(rows) > sections.ROWS else 0,
                "count": len(rows),
            }
        )
    return {
        "heading": f"On the {split} examples",
        "folded": split != material.split,
        "answers": answers,
        "notes": material.evaluations[split].notes,
    }


def _of_temperature(calibration: Calibration) -> str:
    before, after = calibration.before, calibration.after
    words = (
        f"One temperature, {calibration.temperature:.3g}, found on the {calibration.fitted_on} validation examples, "
        f"takes the calibration error from {before.ece:.3f} to {after.ece:.3f} and the log loss from "
        f"{before.log_loss:.3f} to {after.log_loss:.3f}, and changes no answer"
    )
    if after.log_loss < before.log_loss:
        return f"{words}: `model.evaluate(data, temperature={calibration.temperature:.3g})`."
    return f"{words}: it is not worth it."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _word(name: str) -> str:
    """A name as part of an id in SVG."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
