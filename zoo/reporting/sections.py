"""How a run came about, for its report: training, data, recipe, receipts, model, environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import DataError, OptionError
from zoo.plots import first_layer_filters, learning_curves, network
from zoo.plots.results import curve_names
from zoo.reporting.drawings import Drawing, drawing
from zoo.reporting.material import Material, thumbnail
from zoo.specs.record import RunRecord
from zoo.tasks import of
from zoo.training.receipts import Receipt, from_phases

ROWS = 60
"""Rows of a table of classes that are shown."""

FOLD = 15
"""Rows of a table of classes that are shown at once; the rest is folded up."""

_EXAMPLES = 4
"""Examples of what was found wrong with the data, for each finding."""

PHASE_COLUMNS = ("phase", "solver", "epochs", "stages trained", "learning rate", "batch", "seconds")
RECEIPT_COLUMNS = ("phase", "stage", "part", "says", "before", "after")

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class _History:
    history: Mapping[str, Sequence[float]]
    phases: Sequence[Mapping[str, Any]]


def training(record: RunRecord) -> dict[str, Any]:
    """Return learning curves; or, of a head that was solved at once, its figures as rows."""
    history = record.history
    epochs = max((len(values) for values in history.values()), default=0)
    if epochs >= 2:
        figure = learning_curves(_History(history, [phase.as_row() for phase in record.phases]))
        return {"curves": [drawing(figure, "Learning curves", "curves")], "rows": []}
    rows = []
    for name in curve_names(history):
        both = (f"{history[key][-1]:.4g}" if history.get(key) else "-" for key in (name, f"val_{name}"))
        rows.append((name.replace("_", " "), *both))
    return {"curves": [], "rows": rows}


def data(material: Material) -> dict[str, Any]:
    """Return what is known of the data: sentences, findings, and the number of examples of each class."""
    plan, results = material.record.plan, material.results
    counts, source = results.data, plan.data.source
    lines = [
        f"{counts.train} examples to train on, {counts.validation} for validation, {counts.test} for test.",
        f"Source: {source}." if source else "Given as arrays or a stream.",
    ]
    if counts.skipped:
        names = ", ".join(item.id for item in counts.skipped[:5])
        count = len(counts.skipped)
        lines.append(f"{count} file{' was' if count == 1 else 's were'} damaged and left out: {names}.")
    if plan.augmentation:
        lines.append(f"Augmentation, in training only: {', '.join(op.name for op in plan.augmentation)}.")
    head, rows = _class_counts(material)
    return {
        "lines": lines,
        "lint": results.lint,
        "findings": list(_findings(material)),
        "head": head,
        "rows": rows[:ROWS],
        "classes": len(rows),
    }


def _class_counts(material: Material) -> tuple[tuple[str, ...], Rows]:
    dataset = material.dataset
    if dataset is None or dataset.targets is None or not of(dataset).one_class:
        return (), []
    used = [name for name in ("train", "validation", "test") if len(material.splits.get(name, ()))]
    counts = {name: np.bincount(dataset.targets[material.splits[name]], minlength=dataset.n_classes) for name in used}
    labels = enumerate(material.composition.labels)
    return ("class", *used), [(label, *(str(counts[name][number]) for name in used)) for number, label in labels]


def _findings(material: Material) -> Iterator[dict[str, Any]]:
    """What the look that every fit takes at its data found, with pictures where they are at hand."""
    looked, dataset = material.results.lint, material.dataset
    place = {} if dataset is None else {name: index for index, name in enumerate(dataset.ids)}
    for finding in [] if looked is None else looked["findings"]:
        pictures = []
        for example in finding["examples"][:_EXAMPLES]:
            name = " = ".join((example["id"], *example["others"]))
            shown = ""
            if dataset is not None and example["id"] in place:
                with suppress(DataError):  # a file that is damaged has nothing to show
                    shown = thumbnail(dataset, place[example["id"]], alt=example["id"])
            pictures.append((shown, f"{name} ({example['detail']})" if example["detail"] else name))
        end = "" if finding["advice"].endswith("?") else "."
        text = f"{finding['message']}. {finding['advice']}{end}"
        yield {"severity": finding["severity"], "what": text, "pictures": pictures}


def beside(material: Material) -> dict[str, Any] | None:
    """Return simple models beside the network, and what it owes to each part of an example; None without any."""
    compared = material.results.beside
    if compared is None:
        return None
    parts = list(compared.network)
    rows = [("network", *(f"{compared.network[part]:,.4g}" for part in parts), "-")]
    rows += [
        (row.name, *(f"{row.figures[part]:,.4g}" for part in parts), f"{row.seconds:.1f}")
        for row in compared.yardsticks
    ]
    return {
        "head": ("model", *(f"{compared.measure}, {part}" for part in parts), "seconds to fit"),
        "rows": rows,
        "direction": "Larger is better" if compared.larger_is_better else "Smaller is better",
        "importance": [(name, f"{value:,.4g}") for name, value in compared.importance.items()][:ROWS],
        "measure": compared.measure,
        "count": compared.importance_of,
    }


def phases(record: RunRecord) -> Rows:
    """Return a row for each phase, in the order of `PHASE_COLUMNS`."""
    return [_phase_row(phase.as_row()) for phase in record.phases]


def _phase_row(phase: Mapping[str, Any]) -> tuple[str, ...]:
    trains = "solver" in phase
    epochs = str(phase.get("epochs_done", phase.get("epochs", "-"))) if trains else "-"
    kept = (phase.get("best") or {}).get("kept_epoch")
    if kept is not None:
        epochs += f" (kept: {f'epoch {kept}' if kept else 'the model from before'})"
    return (
        phase["name"],
        {"convex": "exact", "gradient": "gradient descent"}.get(phase.get("solver", ""), "-"),
        epochs,
        ", ".join(phase.get("stages") or ()) or ("head only" if trains else "-"),
        f"{phase['learning_rate']:.3g}" if "learning_rate" in phase else "-",
        str(phase.get("batch_size", "-")),
        f"{phase['seconds']:.1f}",
    )


def receipts(record: RunRecord) -> dict[str, Any] | None:
    """Return what the digests of the weights prove, and a row for each; None where there are none."""
    all_of_them = from_phases(record.phases)
    if not all_of_them:
        return None
    rows = [(item.phase, item.stage, item.part, item.says, item.before[:12], item.after[:12]) for item in all_of_them]
    return {"words": _proven(all_of_them), "rows": rows}


def _proven(receipts: Sequence[Receipt]) -> str:
    """What changed and what did not, in words."""
    moved = sorted({item.stage for item in receipts if item.moved})
    still = sorted({item.stage for item in receipts} - set(moved))
    odd = [item for item in receipts if item.moved and not item.trains]
    words = f"Digests of the weights, before and after each phase: {', '.join(moved) or 'nothing'} changed"
    words += f"; {', '.join(still)} are bit for bit as they were." if still else "."
    if odd:
        words += f" {len(odd)} parts moved though they were frozen."
    return words


def model(material: Material) -> dict[str, Any]:
    """Return the model in sentences and figures."""
    record, composition = material.record, material.composition
    who, intake = record.plan.model, composition.intake
    trained = {stage.partition("/")[0] for phase in record.phases for stage in phase.stages or ()}
    caption = "From the input down to the answer: side, side, channels, weights. Orange: trained here"
    figures: list[Drawing] = [drawing(network(composition, sorted(trained)), caption, "network")]
    with suppress(OptionError):  # a base that begins with no convolution over colors
        caption = "Filters of the first layer, gray is 0: edges and colors where weights were learned, noise where not"
        figures.append(drawing(first_layer_filters(composition), caption, "filters"))
    lines = [
        f"{who.backbone}, weights {who.weights or 'random'}, features {who.features}, head {who.head}.",
        intake.sentence,
    ]
    return {"lines": lines, "figures": figures}


def environment(material: Material) -> Rows:
    """Return versions, seed and digests as rows."""
    record, versions = material.record, material.results.versions
    plan = record.plan
    return [
        *versions.items(),
        *((name, value) for name, value in plan.environment.items() if name not in versions),
        ("seed", str(plan.seed)),
        ("weights sha256", (plan.model.weights_sha256 or "-")[:16]),
        ("data fingerprint", plan.data.fingerprint[:16]),
        ("plan sha256", record.plan_sha256[:16]),
    ]
