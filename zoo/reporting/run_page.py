"""The page of a run: verdict, figures, galleries, data, recipe with reasons, receipts, environment; one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from zoo import page
from zoo.compose import Composition
from zoo.data import Dataset, resize
from zoo.errors import DataError, OptionError
from zoo.evaluation import (
    BoxEvaluation,
    Calibration,
    ClassificationEvaluation,
    Evaluation,
    MultilabelEvaluation,
    MultiOutputEvaluation,
    RegressionEvaluation,
)
from zoo.plots import (
    confusion_matrix,
    first_layer_filters,
    learning_curves,
    most_confused,
    network,
    overlaps,
    precision_recall,
    predicted_against_true,
    reliability_diagram,
)
from zoo.plots.gradient import grad_cam, overlay
from zoo.plots.results import curve_names
from zoo.plots.style import to_svg
from zoo.reporting.verdict import verdict
from zoo.specs import Output
from zoo.tasks import BOX, CLASSIFICATION, MULTILABEL, REGRESSION, as_boxes, columns, of
from zoo.training.receipts import from_phases

_WRONG, _RIGHT = 12, 6
"""Examples in the two galleries."""

_FOUND = 4
"""Examples of what was found wrong with the data, for each finding."""

_CELLS = 5
"""On a map of fewer cells a side Grad-CAM is a blur."""

_ROWS = 60
"""Rows of a table of classes; the worst are shown."""

_SVG_SCALE = 1.25
"""How much larger than in print figures stand on a screen: 8 points are 13 pixels."""


@dataclass(frozen=True)
class Material:
    """What a report is made from.

    Attributes:
        folder: the folder of the run.
        record: the content of its run.json.
        composition: its model.
        evaluations: "test" and "validation", as far as they were measured.
        dataset: its pictures by index; None where they are gone.
        splits: "train", "validation", "test" -> indices in the dataset; {} without it.
        missing: why there is no dataset.
    """

    folder: Path
    record: Mapping[str, Any]
    composition: Composition
    evaluations: Mapping[str, Evaluation]
    dataset: Dataset | None = None
    splits: Mapping[str, np.ndarray] = field(default_factory=dict)
    missing: str = ""


def run_page(material: Material) -> str:
    """The report as HTML.

    Raises:
        OptionError: matplotlib is not installed.
    """
    record = material.record
    title = f"{record['model']['backbone'].rpartition(':')[2]} on {record['data']['name']}"
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_facts(material))}</p>',
        *_verdicts(material),
        *_results(material),
        *_galleries(material),
        _curves(record),
        _data(material),
        _recipe(record),
        _receipts(record),
        _model(material),
        _environment(material),
    ]
    return page.page(title, "".join(sections))


def _facts(material: Material) -> str:
    record = material.record
    seconds = sum(float(phase["seconds"]) for phase in record["phases"])
    return (
        f"Recipe {record['recipe']['name']}, {record['data']['train']} training examples, {_time(seconds)}, "
        f"{record['started'][:16].replace('T', ' ')} UTC, {material.folder.name}"
    )


def _time(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def _verdicts(material: Material) -> Iterator[str]:
    """The verdict on the test split, or without one on the validation split."""
    for split in ("test", "validation"):
        if split in material.evaluations:
            found = verdict(material.evaluations[split], material.record, split)
            parts = (
                ("How good", found.good),
                ("How sure", found.sure),
                ("Where it fails", found.fails),
                ("What to try next", found.next),
            )
            yield '<dl class="verdict">'
            for heading, lines in parts:
                if lines:
                    told = "".join(f"<p>{_with_code(line)}</p>" for line in lines)
                    yield f"<dt>{heading}</dt><dd>{told}</dd>"
            yield "</dl>"
            return
    recorded = [name for name in ("test", "validation") if material.record[name] is not None]
    if not recorded:
        yield "<p>Nothing was held out, so nothing is known of how good it is: fit with validation=0.2.</p>"
    for split in recorded:
        yield from _recorded(split, material.record[split])


def _recorded(split: str, figures: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """The figures of an evaluation as run.json holds them, where the examples are not at hand."""
    if "answers" in figures:
        for answer, own in figures["answers"].items():
            yield from _recorded(split, own, f" ({answer})")
        return
    yield f"<h2>On the {split} examples{escape(name)}, as recorded</h2>"
    plain = [(key.replace("_", " "), f"{value:.4g}") for key, value in figures.items() if isinstance(value, float)]
    yield page.table(("figure", "value"), [("examples", str(figures["count"])), *plain])
    rows = figures.get("per_class") or figures.get("per_output") or []
    if rows:
        cells = [
            tuple("-" if v is None else f"{v:.3f}" if isinstance(v, float) else str(v) for v in r.values())
            for r in rows
        ]
        yield page.table([key.replace("_", " ") for key in rows[0]], cells[:_ROWS])


def _with_code(line: str) -> str:
    """A sentence whose `commands` stand as code."""
    parts = escape(line).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


# -- results --------------------------------------------------------------------------------------------------------


def _answers(evaluation: Evaluation, outputs: Sequence[Output]) -> Iterator[tuple[str, Evaluation, int]]:
    """Each answer: its name ("" for a single one), its evaluation, its first column in the scores."""
    if not isinstance(evaluation, MultiOutputEvaluation):
        yield "", evaluation, 0
        return
    for output, where, _ in columns(outputs):
        yield output.name, evaluation.answers[output.name], where.start


def _results(material: Material) -> Iterator[str]:
    for split in ("test", "validation"):
        if split not in material.evaluations:
            continue
        folded = split == "validation" and "test" in material.evaluations
        heading = f"On the {split} examples"
        yield f"<details><summary>{heading}</summary>" if folded else f"<h2>{heading}</h2>"
        for name, answer, _ in _answers(material.evaluations[split], material.composition.outputs):
            if name:
                yield f"<h3>{escape(name)}</h3>"
            yield f"<p>{escape(_sentence(answer.summary()))}</p>"
            calibrated = _calibrated(material, name) if split == "test" else None
            if calibrated is not None:
                yield f"<p>{_with_code(_of_temperature(calibrated))}</p>"
            pictures = list(_figures(answer, f"{split}-{_word(name)}", calibrated))
            if pictures:
                yield f'<div class="figures">{"".join(pictures)}</div>'
            yield _class_table(answer)
        notes = material.evaluations[split].notes
        if notes:
            yield page.items(notes)
        if folded:
            yield "</details>"


def _calibrated(material: Material, name: str) -> Calibration | None:
    """What one temperature, found on the validation split, does to the test split; None where none can be found."""
    evaluations = [material.evaluations.get(split) for split in ("validation", "test")]
    validated, tested = (e.answers[name] if isinstance(e, MultiOutputEvaluation) else e for e in evaluations)
    if not isinstance(validated, ClassificationEvaluation) or not isinstance(tested, ClassificationEvaluation):
        return None
    try:
        return validated.calibrate(tested)
    except DataError:
        return None


def _of_temperature(found: Calibration) -> str:
    before, after = found.before, found.after
    words = (
        f"One temperature, {found.temperature:.3g}, found on the {found.fitted_on} validation examples, takes the "
        f"calibration error from {before.ece:.3f} to {after.ece:.3f} and the log loss from {before.log_loss:.3f} to "
        f"{after.log_loss:.3f}, and changes no answer"
    )
    if after.log_loss < before.log_loss:
        return f"{words}: `model.evaluate(data, temperature={found.temperature:.3g})`."
    return f"{words}: it is not worth it."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _word(name: str) -> str:
    """A name as part of an id in SVG."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


def _figures(answer: Any, name: str, calibrated: Calibration | None = None) -> Iterator[str]:
    if isinstance(answer, ClassificationEvaluation):
        yield _figure(
            confusion_matrix(answer), "Confusion matrix: true class down, predicted across", f"confusion-{name}"
        )
        if np.asarray(answer.confusion).trace() < np.asarray(answer.confusion).sum():
            yield _figure(most_confused(answer), "The pairs most often confused", f"pairs-{name}")
        yield _figure(
            reliability_diagram(answer, None if calibrated is None else calibrated.after),
            "Reliability: how often it is right, by how sure it is (95 % intervals); below the line it is too sure. "
            f"Expected calibration error {answer.ece:.3f}",
            f"reliability-{name}",
        )
    if isinstance(answer, MultilabelEvaluation) and any(row.support for row in answer.per_class):
        yield _figure(
            precision_recall(answer),
            "Each label at all thresholds, with its average precision; the dot is where it is told",
            f"labels-{name}",
        )
    if isinstance(answer, BoxEvaluation):
        yield _figure(
            overlaps(answer), "Overlap of the box told with the true one; right of the line half", f"boxes-{name}"
        )
    if isinstance(answer, RegressionEvaluation):
        for place, label in enumerate(answer.labels[:4]):
            what = f"Predicted against true values of {label}" if len(answer.labels) > 1 else "Predicted against true"
            yield _figure(predicted_against_true(answer, place), what, f"values-{name}-{place}")


def _figure(figure: Any, title: str, name: str) -> str:
    shown = to_svg(figure, title=title, name=name, shown=_SVG_SCALE)
    return f"<figure>{shown}<figcaption>{escape(title)}</figcaption></figure>"


def _class_table(answer: Evaluation) -> str:
    head, cells = answer.rows()
    rest = f"<p>The {_ROWS} lowest of {len(cells)}.</p>" if len(cells) > _ROWS else ""
    return page.table(head, cells[:_ROWS]) + rest


# -- galleries ------------------------------------------------------------------------------------------------------


def _galleries(material: Material) -> Iterator[str]:
    split = next((name for name in ("test", "validation") if name in material.evaluations), None)
    if split is None:
        return
    if material.dataset is None:
        yield f"<h2>Pictures</h2><p>There are none here: {escape(material.missing)}.</p>"
        return
    evaluation = material.evaluations[split]
    place = {material.dataset.ids[index]: int(index) for index in material.splits[split]}
    for name, answer, first in _answers(evaluation, material.composition.outputs):
        which = f" ({name})" if name else ""
        wrong = _shown(material, answer, answer.worst_rows(_WRONG), place, first)
        if wrong:
            yield f"<h2>{'Most wrong' if of(answer).one_class else 'Largest errors'}{escape(which)}</h2>"
            yield f'<p class="soft">{escape(_LEGEND[answer.task])}</p>{wrong}'
        right = _shown(material, answer, _surest(answer), place, first) if of(answer).one_class else ""
        if right:
            yield f"<h2>Where it looks when it is right{escape(which)}</h2>"
            yield f'<p class="soft">The surest right answer for each class, with Grad-CAM for it.</p>{right}'


_LEGEND = {
    CLASSIFICATION.name: (
        "The largest losses first. Left what the model sees, right what spoke for its answer (Grad-CAM: the brighter, "
        "the more)."
    ),
    MULTILABEL.name: "The largest losses first; Grad-CAM for the label it is most wrong about.",
    REGRESSION.name: "The largest errors first. Right: what raises the value (Grad-CAM).",
    BOX.name: "The smallest overlaps first; the true box is blue, the one told orange.",
}


def _surest(answer: Evaluation) -> list[int]:
    """For each class the example the model is right about with the highest probability."""
    told = answer.scores.argmax(axis=1)
    found = []
    for number in range(len(answer.labels)):
        rows = np.flatnonzero((told == number) & (answer.targets == number))
        if len(rows):
            found.append(int(rows[answer.scores[rows, number].argmax()]))
    return found[:_RIGHT]


def _shown(material: Material, answer: Evaluation, rows: Sequence[int], place: Mapping[str, int], first: int) -> str:
    """A gallery of examples, each with where the model looked."""
    assert material.dataset is not None
    composition = material.composition
    known, pictures = [], []
    for row in rows:
        try:
            picture = material.dataset.image(place[answer.ids[row]])
        except (KeyError, DataError):
            continue  # skipped then, or damaged since
        known.append(row)
        pictures.append(resize(picture, composition.input_size, composition.resize))
    if not known:
        return ""
    figures = []
    heats = None
    if not of(answer).follows_pixels:
        asked = [first + answer.column_to_explain(row) for row in known]
        try:
            heats = grad_cam(composition, np.stack(pictures), asked)
        except OptionError:
            heats = None  # a base without maps has no places to look at
    for number, (row, pixels) in enumerate(zip(known, pictures, strict=True)):
        true, told = answer.in_words(row)
        alt = f"{answer.ids[row]}: {told}"
        if of(answer).follows_pixels:
            pair = page.image(_boxes(pixels, answer, row), alt=alt)
        elif heats is None:
            pair = page.image(pixels, alt=alt)
        else:
            glowing = page.image(overlay(pixels, heats[number]), alt="where the model looked")
            pair = f'<div class="pair">{page.image(pixels, alt=alt)}{glowing}</div>'
        words = [told, *([] if of(answer).follows_pixels else [f"is {true}"])]
        if heats is not None and not of(answer).one_class and len(answer.labels) > 1:
            words.append(f"lit: {answer.labels[answer.column_to_explain(row)]}")
        figures.append((pair, " · ".join((*words, answer.ids[row]))))
    shown = page.gallery(figures, wide=heats is not None)
    if heats is not None and min(heats.shape[1:]) < _CELLS:
        cells = " × ".join(map(str, heats.shape[1:]))
        shown = (
            f'<p class="soft">The map has {cells} cells at this input size: too few to tell places apart.</p>{shown}'
        )
    return shown


def _boxes(pixels: np.ndarray, answer: Evaluation, row: int) -> np.ndarray:
    """A picture with the true box in blue and the one told in orange."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    height, width = pixels.shape[:2]
    line = max(2, width // 80)
    for box, color in ((answer.targets[row], "#0072B2"), (as_boxes(answer.scores[row][None])[0], "#E69F00")):
        left, top, right, bottom = (float(value) * side for value, side in zip(box, (width, height) * 2, strict=True))
        draw.rectangle((left, top, max(right, left), max(bottom, top)), outline=color, width=line)
    return np.asarray(picture)


# -- how it came about ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _History:
    history: Mapping[str, Sequence[float]]
    phases: Sequence[Mapping[str, Any]]


def _curves(record: Mapping[str, Any]) -> str:
    history = record["history"]
    epochs = max((len(values) for values in history.values()), default=0)
    if epochs < 2:
        rows = [
            (
                name.replace("_", " "),
                *(f"{history[key][-1]:.4g}" if history.get(key) else "-" for key in (name, f"val_{name}")),
            )
            for name in curve_names(history)
        ]
        if not rows:
            return ""
        words = "<p>The head was solved at once: there are no epochs, and no curves.</p>"
        return f"<h2>Training</h2>{words}{page.table(('figure', 'training', 'held out'), rows)}"
    figure = _figure(learning_curves(_History(history, record["phases"])), "Learning curves", "curves")
    return f'<h2>Training</h2><div class="figures">{figure}</div>'


def _data(material: Material) -> str:
    record, dataset = material.record, material.dataset
    data = record["data"]
    source = record["config"]["data"]["source"]
    lines = [
        f"{data['train']} examples to train on, {data['validation']} for validation, {data['test']} for test.",
        f"Source: {source}." if source else "Given as arrays or a stream.",
    ]
    if data["skipped"]:
        names = ", ".join(item["id"] for item in data["skipped"][:5])
        count = len(data["skipped"])
        lines.append(f"{count} file{' was' if count == 1 else 's were'} damaged and left out: {names}.")
    if record["augment"]:
        lines.append(f"Augmentation, in training only: {', '.join(op['name'] for op in record['augment'])}.")
    body = f"<h2>Data</h2>{page.items(lines)}{''.join(_lint(material))}"
    if dataset is None or dataset.targets is None or not of(dataset).one_class:
        return body
    used = [name for name in ("train", "validation", "test") if len(material.splits.get(name, ()))]
    counts = {name: np.bincount(dataset.targets[material.splits[name]], minlength=dataset.n_classes) for name in used}
    labels = material.composition.labels
    rows = [(label, *(str(counts[name][number]) for name in used)) for number, label in enumerate(labels)]
    rest = f"<p>The first {_ROWS} of {len(rows)} classes.</p>" if len(rows) > _ROWS else ""
    return body + page.table(("class", *used), rows[:_ROWS]) + rest


def _lint(material: Material) -> Iterator[str]:
    """What the quick look that every fit takes at its data found, with pictures where they are at hand."""
    record, dataset = material.record.get("lint"), material.dataset
    if record is None:
        return
    yield "<h3>What a quick look at it found</h3>"
    if not record["findings"]:
        yield f"<p>Nothing, by {len(record['checks'])} checks: {escape(', '.join(record['checks']))}.</p>"
    place = {} if dataset is None else {name: index for index, name in enumerate(dataset.ids)}
    for finding in record["findings"]:
        words = escape(f"{finding['message']}. {finding['advice']}{'' if finding['advice'].endswith('?') else '.'}")
        yield f'<p class="{escape(finding["severity"])}"><b>{escape(finding["severity"])}</b>: {words}</p>'
        pictures = []
        for example in finding["examples"][:_FOUND]:
            told = " = ".join((example["id"], *example["others"]))
            shown = ""
            if dataset is not None and example["id"] in place:
                with suppress(DataError):  # a file that is no picture has none to show
                    shown = page.image(dataset.image(place[example["id"]]), alt=example["id"])
            pictures.append((shown, f"{told} ({example['detail']})" if example["detail"] else told))
        yield page.gallery(pictures)


_PHASE_COLUMNS = ("phase", "solver", "epochs", "stages trained", "learning rate", "batch", "seconds")


def _recipe(record: Mapping[str, Any]) -> str:
    recipe = record["recipe"]
    reasons = record["reasons"] or ["The recipe was named, not chosen."]
    rows = [
        (
            phase["name"],
            {"convex": "exact", "gradient": "gradient descent"}.get(phase.get("solver", ""), "-"),
            str(phase.get("epochs_done", phase.get("epochs", "-"))) if "solver" in phase else "-",
            ", ".join(phase.get("stages") or ()) or ("head only" if "solver" in phase else "-"),
            f"{phase['learning_rate']:.3g}" if "learning_rate" in phase else "-",
            str(phase.get("batch_size", "-")),
            f"{phase['seconds']:.1f}",
        )
        for phase in record["phases"]
    ]
    notices = f"<h3>Notices</h3>{page.items(record['notices'])}" if record["notices"] else ""
    source = f' <span class="soft">After: {escape(recipe["source"])}.</span>' if recipe.get("source") else ""
    summary = escape(_sentence(recipe["summary"] or recipe["name"]))
    return (
        f"<h2>Recipe {escape(recipe['name'])}</h2><p>{summary}{source}</p>"
        f"{page.items(reasons)}{page.table(_PHASE_COLUMNS, rows)}{notices}"
    )


def _receipts(record: Mapping[str, Any]) -> str:
    found = from_phases(record["phases"])
    if not found:
        return ""
    moved = sorted({item.stage for item in found if item.moved})
    still = sorted({item.stage for item in found} - set(moved))
    odd = [item for item in found if item.moved and not item.trains]
    words = f"Digests of the weights, before and after each phase: {', '.join(moved) or 'nothing'} changed"
    words += f"; {', '.join(still)} are bit for bit as they were." if still else "."
    if odd:
        words += f" {len(odd)} parts moved though they were frozen."
    rows = [(item.phase, item.stage, item.part, item.says, item.before[:12], item.after[:12]) for item in found]
    table = page.table(("phase", "stage", "part", "says", "before", "after"), rows)
    return f"<h2>Receipts</h2><p>{escape(words)}</p><details><summary>All receipts</summary>{table}</details>"


def _model(material: Material) -> str:
    record, composition = material.record, material.composition
    who = record["model"]
    trained = {stage for phase in record["phases"] for stage in phase.get("stages") or ()}
    figures = _figure(
        network(composition, sorted(trained)),
        "From the pixels down to the answer: side, side, channels, weights. Orange: trained here",
        "network",
    )
    with suppress(OptionError):  # a base that begins with no convolution over colors
        figures += _figure(
            first_layer_filters(composition),
            "Filters of the first layer, gray is 0: edges and colors where weights were learned, noise where not",
            "filters",
        )
    resizing = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in record["resize"].items())
    lines = [
        f"{who['backbone']}, weights {who['weights'] or 'random'}, features {who['features']}, head {who['head']}.",
        f"Input {record['input_size']} × {record['input_size']} pixels; resizing: {resizing}.",
    ]
    return f'<h2>Model</h2>{page.items(lines)}<div class="figures">{figures}</div>'


def _environment(material: Material) -> str:
    record = material.record
    rows = [(name, version) for name, version in record["versions"].items()]
    rows += [
        (name, str(value)) for name, value in record["config"]["environment"].items() if name not in record["versions"]
    ]
    rows += [
        ("seed", str(record["seed"])),
        ("weights sha256", str(record["model"].get("weights_sha256") or "-")[:16]),
        ("data fingerprint", record["data"]["fingerprint"][:16]),
        ("config sha256", record["config_sha256"][:16]),
    ]
    folder = escape(str(material.folder))
    return (
        f"<h2>Environment</h2><details><summary>Versions, seed, digests</summary>{page.table(('what', 'value'), rows)}"
        f'</details><p class="soft">Made from {folder}; <code>zoo.load</code> opens its model.keras.</p>'
    )
