"""The model card: what a model is, from facts on record; YAML on top as the Hub reads it, Markdown below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zoo import page
from zoo.data.modalities import read_intake
from zoo.errors import OptionError, PluginError, UnknownNameError
from zoo.plugin import registry
from zoo.specs.record import ModelRecord, RunRecord
from zoo.tasks import of

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "top_k_accuracy": "accuracy of the first 5",
    "f1_macro": "F1, mean over classes",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R2",
    "mean_iou": "mean intersection over union",
}
"""Key of an evaluation -> its name on the card."""

_NON_COMMERCIAL = re.compile(r"(?:^|[-_ ])nc(?:$|[-_ ])|non-?commercial", re.IGNORECASE)
_OWN = re.compile(r"\b(own license|dinov3|proprietary|research only)\b", re.IGNORECASE)

_HUB_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}")


def card(
    record: ModelRecord,
    run: RunRecord | None = None,
    *,
    license: str | None = None,
    name: str | None = None,
    file: str = "model.keras",
    picture: str = "",
) -> str:
    """Return the card of a model.

    Nothing in it is guessed: what no record holds is left out, and the intended use is left to the author, marked so.

    Args:
        record: what the model says of itself.
        run: the training that it comes from; None: not at hand.
        license: of the model, an identifier of the Hub such as "apache-2.0"; None: left out.
        name: what it is called; None: from backbone and data.
        file: where a reader loads it from.
        picture: address of the picture of the confusion matrix, beside the card; "": none.

    Raises:
        OptionError: the license is no identifier.
    """
    if license is not None and not _HUB_LICENSE.fullmatch(license):
        raise OptionError(f"license={license!r} must be an identifier such as 'apache-2.0', 'mit' or 'cc-by-nc-4.0'")
    who, kind = record.identity, str(record.intake.get("kind"))
    base = who.backbone.rpartition(":")[2]
    title = name or (f"{base} on {run.results.data.name}" if run is not None and run.results else base)
    body = page.render(
        "reporting/card.md",
        title=title,
        summary=_summary(record, base),
        warnings=conflicts(record, run, license),
        file=file,
        ending=_ending(kind),
        input=_input(record),
        answers=list(_answers(record)),
        figures=list(_figures(run)),
        picture=picture,
        data=list(_data(run)),
        trained_on="" if who.head else "; its classifier came with the weights",
        training=list(_training(run)),
        made_from=list(_made_from(record)),
        limits=list(_limits(run)),
    )
    return f"---\n{_front(record, run, license, title, kind)}---\n\n{body}"


def conflicts(record: ModelRecord, run: RunRecord | None, license: str | None) -> list[str]:
    """Return where licenses of weights, data and the card do not go together, a sentence each.

    Args:
        record: of the model.
        run: of the training; None: not at hand.
        license: of the card; None: not said yet.
    """
    sentences = []
    for what, text in _licenses(record, run):
        limited = "forbids commercial use" if _NON_COMMERCIAL.search(text) else ""
        limited = limited or ("is a license of its own, with terms to be read" if _OWN.search(text) else "")
        if limited and not (license and _NON_COMMERCIAL.search(license)):
            given = f"which {license!r} allows" if license else "and the model carries that on"
            sentences.append(f"The license of the {what} ({text}) {limited}, {given}.")
    return sentences


def _licenses(record: ModelRecord, run: RunRecord | None) -> Iterator[tuple[str, str]]:
    source = _weights(record)
    if source is not None:
        yield "pretrained weights", str(source.license)
    for row in record.providers:
        if row.kind == "datasets":
            entry = _entry("datasets", row.id)
            if entry is not None:
                yield f"data {row.id!r}", str(entry.license)


def _entry(kind: str, name: str) -> Any | None:
    try:
        return registry().get(kind, name).spec
    except UnknownNameError:
        return None


def _weights(record: ModelRecord) -> Any | None:
    """The row of the weight source of the base."""
    spec = _entry("backbones", record.identity.backbone)
    for source in () if spec is None else spec.weights:
        if source.id == record.identity.weights:
            return source
    return None


def _results(run: RunRecord | None, pipeline: str | None) -> list[EvalResult]:
    """The figures of a run, as the Hub shows them."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=pipeline or "other",
            dataset_type="zoo",
            dataset_name=run.results.data.name if run is not None and run.results else "",
            dataset_split=part,
            metric_type=key,
            metric_value=value,
        )
        for part, figures in _parts(run)
        for key, value in figures.items()
        if key in _FIGURES and isinstance(value, int | float) and not isinstance(value, bool)
    ]


def _front(record: ModelRecord, run: RunRecord | None, license: str | None, title: str, kind: str) -> str:
    """The YAML, by the Hub's own class."""
    from huggingface_hub import ModelCardData

    single = record.outputs[0] if len(record.outputs) == 1 else None
    row = _entry("modalities", kind) if single is not None and of(single).one_class else None
    pipeline = None if row is None else row.pipeline
    results = _results(run, pipeline)
    data = ModelCardData(
        library_name="keras",
        license=license,
        tags=["zoo", "transfer-learning", kind],
        pipeline_tag=pipeline,
        model_name=title if results else None,
        eval_results=results or None,
    )
    return data.to_yaml(line_break="\n").strip() + "\n"


def _parts(run: RunRecord | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if run is not None and run.results is not None:
        for name in ("validation", "test"):
            figures = getattr(run.results, name)
            if figures:
                yield name, figures


def _summary(record: ModelRecord, base: str) -> str:
    who = record.identity
    head = f"with the head {who.head.rpartition(':')[2]!r}" if who.head else "with its pretrained classifier"
    return f"A Keras model: {base} {head}, made with zoo {record.zoo}."


def _input(record: ModelRecord) -> str:
    try:
        known = read_intake(record.intake, record.providers).sentence
    except PluginError:  # the card of a model that cannot be used here
        known = f"{record.intake.get('kind')}."
    return f"{known} How an example becomes an array is stored in the model."


def _ending(modality: str) -> str:
    """The ending of a file with an example, for the line that predicts; a row of a table stands in a CSV file."""
    row = _entry("modalities", modality)
    return (row.extensions if row is not None and row.extensions else (".csv",))[0].removeprefix(".")


def _answers(record: ModelRecord) -> Iterator[str]:
    for output in record.outputs:
        labels = ", ".join(output.labels[:20]) + (f" and {len(output.labels) - 20} more" if output.width > 20 else "")
        name = f"{output.name}: " if len(record.outputs) > 1 else ""
        yield f"{name}{of(output).summary(output.labels)}: {labels}"


def _figures(run: RunRecord | None) -> Iterator[tuple[str, str, str, str]]:
    for part, figures in _parts(run):
        answers = figures.get("answers")
        several = answers if isinstance(answers, Mapping) else {"": figures}
        for answer, own in several.items():
            where = f"{part}, {own.get('count', figures.get('count'))} examples" + (f", {answer}" if answer else "")
            for key, title in _FIGURES.items():
                value = own.get(key)
                if isinstance(value, int | float):
                    interval = own.get("interval" if key == "accuracy" else f"{key}_interval")
                    yield where, title, f"{value:.4g}", _interval(interval)


def _interval(interval: Any) -> str:
    if isinstance(interval, list | tuple) and len(interval) == 2 and None not in interval:
        return f"{interval[0]:.3g} to {interval[1]:.3g}"
    return ""


def _data(run: RunRecord | None) -> Iterator[str]:
    if run is None or run.results is None:
        return
    facts = run.results.data
    yield f"{facts.name}: {facts.train} examples for training, {facts.validation} to choose, {facts.test} to judge"
    for row in run.results.providers:
        entry = _entry("datasets", row.id) if row.kind == "datasets" else None
        if entry is not None:
            yield f"license of {row.id}: {entry.license}; {entry.source}"
    if not any(row.kind == "datasets" for row in run.results.providers):
        yield "license of the data: to be written by the author"
    yield f"fingerprint of content and answers: {facts.fingerprint[:16]}"
    if facts.skipped:
        yield f"{len(facts.skipped)} examples could not be read and were left out"


def _training(run: RunRecord | None) -> Iterator[str]:
    if run is None:
        return
    yield f"recipe {run.plan.recipe.name!r}: {run.plan.recipe.summary}"
    yield from run.reasons
    for phase in run.phases:
        stages = f", trained: {', '.join(phase.stages)}" if phase.stages else ""
        yield f"phase {phase.name!r}: {phase.seconds:.1f} s{stages}"
    seconds = sum(phase.seconds for phase in run.phases)
    yield f"{seconds:.1f} s of wall time in all; energy was not measured. Seed {run.plan.seed}"
    if run.results is not None:
        yield f"{run.results.parameters.trained:,} of {run.results.parameters.total:,} weights were trained"


def _made_from(record: ModelRecord) -> Iterator[str]:
    who = record.identity
    spec, source = _entry("backbones", who.backbone), _weights(record)
    yield f"backbone {who.backbone} of {who.provider}" + (f"; paper: {spec.paper}" if spec is not None else "")
    if source is not None:
        yield f"weights {source.id!r}, trained on {source.trained_on}"
        yield f"license of the weights: {source.license} ({source.license_source})"
    elif who.weights is not None:
        yield f"weights {who.weights!r}; their license is not known to zoo"
    if who.weights_sha256:
        yield f"sha256 of the weight file: {who.weights_sha256}"
    for row in record.providers:
        yield f"{row.kind}: {row.id}, {row.distribution} {row.version}"
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    if versions:
        yield f"versions: {versions}"


def _limits(run: RunRecord | None) -> Iterator[str]:
    for notice in () if run is None else run.notices:
        yield f"- From the training: {notice}"
