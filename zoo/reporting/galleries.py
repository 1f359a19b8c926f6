"""Galleries of a report: the examples it is most wrong about, and where it looks when it is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from zoo import page
from zoo.data.modalities import has_pictures, kind_of
from zoo.errors import DataError, OptionError
from zoo.pictures.colors import in_colors
from zoo.plots.gradient import grad_cam, overlay
from zoo.reporting.material import Answer, Material, thumbnail
from zoo.reporting.occlusion import speaking_for
from zoo.tasks import BOX, CLASSIFICATION, MULTILABEL, REGRESSION, as_boxes, of

_WRONG, _RIGHT = 12, 6
"""Examples in the two galleries."""

_CELLS = 5
"""On a map of fewer cells a side Grad-CAM is a blur."""

_LEGENDS = {
    CLASSIFICATION.name: "The largest losses first. Left: what the model sees. Right: where it looked (Grad-CAM).",
    MULTILABEL.name: "The largest losses first; Grad-CAM for the label it is most wrong about.",
    REGRESSION.name: "The largest errors first. Right: what raises the value (Grad-CAM).",
    BOX.name: "The smallest overlaps first; the true box is blue, the predicted one orange.",
}

_TRUE, _PREDICTED = "#0072B2", "#E69F00"
"""Colors of boxes."""


@dataclass(frozen=True)
class Gallery:
    """Pictures with captions.

    Attributes:
        heading: of the section.
        legend: how to read it.
        warning: why Grad-CAM says little here; "" where it does not.
        figures: pairs of picture (markup) and caption.
        wide: whether each picture is two side by side.
    """

    heading: str
    legend: str
    warning: str
    figures: Sequence[tuple[str, str]]
    wide: bool


def galleries(material: Material) -> Iterator[Gallery]:
    """Yield the galleries of the split that the verdict is about; none without pictures."""
    split = material.split
    if split is None or material.dataset is None:
        return
    place = {material.dataset.ids[index]: int(index) for index in material.splits[split]}
    if not has_pictures(material.dataset.modality):
        yield from _of_others(material, split, place)
        return
    for answer in material.answers(split):
        yield from _of_answer(material, answer, place)


def _of_answer(material: Material, answer: Answer, place: dict[str, int]) -> Iterator[Gallery]:
    """What one answer is most wrong about, and of classes where it looks when it is right."""
    task = of(answer.evaluation)
    which = f" ({answer.name})" if answer.name else ""
    heading = f"{'Most wrong' if task.one_class else 'Largest errors'}{which}"
    shown = _shown(material, answer, answer.evaluation.worst_rows(_WRONG), place)
    if shown.figures:
        yield shown.gallery(heading, _LEGENDS[task.name])
    if task.one_class:
        shown = _shown(material, answer, _most_confident(answer), place)
        if shown.figures:
            legend = "The most confident right answer for each class, with Grad-CAM for it."
            yield shown.gallery(f"Where it looks when it is right{which}", legend)


def _of_others(material: Material, split: str, place: Mapping[str, int]) -> Iterator[Gallery]:
    """The examples of other modalities that the model is most wrong about, as these show them."""
    assert material.dataset is not None
    for answer in material.answers(split):
        task = of(answer.evaluation)
        figures = []
        for row in answer.evaluation.worst_rows(_WRONG):
            name = answer.evaluation.ids[row]
            with suppress(KeyError, DataError):  # skipped then, or damaged since
                shown = thumbnail(material.dataset, place[name], alt=name)
                figures.append((shown, _caption(answer, row, False) + _speaking(material, answer, row, place[name])))
        if figures:
            which = f" ({answer.name})" if answer.name else ""
            heading = f"{'Most wrong' if task.one_class else 'Largest errors'}{which}"
            yield Gallery(
                heading,
                "The largest losses first." if task.one_class else "The largest errors first.",
                "",
                figures,
                False,
            )


def _speaking(material: Material, answer: Answer, row: int, index: int) -> str:
    """What in the example speaks for the answer and against it, for a caption; "" where its modality cannot say."""
    assert material.dataset is not None
    modality = kind_of(material.dataset.modality).code
    column = answer.evaluation.column_to_explain(row)
    example = material.dataset.example(index)
    speaks, against = speaking_for(material.composition, modality, example, answer.first + column)
    words = ("", f" · for it: {speaks}" if speaks else "", f" · against it: {against}" if against else "")
    return "".join(words)


def _most_confident(answer: Answer) -> list[int]:
    """For each class the example the model is right about with the highest probability."""
    evaluation = answer.evaluation
    predicted = evaluation.scores.argmax(axis=1)
    surest = []
    for number in range(len(evaluation.labels)):
        rows = np.flatnonzero((predicted == number) & (evaluation.targets == number))
        if len(rows):
            surest.append(int(rows[evaluation.scores[rows, number].argmax()]))
    return surest[:_RIGHT]


@dataclass(frozen=True)
class _Shown:
    figures: Sequence[tuple[str, str]] = ()
    wide: bool = False
    warning: str = ""

    def gallery(self, heading: str, legend: str) -> Gallery:
        return Gallery(heading, legend, self.warning, self.figures, self.wide)


def _shown(material: Material, answer: Answer, rows: Sequence[int], place: Mapping[str, int]) -> _Shown:
    """Pictures of examples, each with where the model looked."""
    known, pictures = _pictures(material, answer, rows, place)
    if not known:
        return _Shown()
    heats = _heats(material, answer, known, pictures)
    figures = []
    for number, (row, array) in enumerate(zip(known, pictures, strict=True)):
        heat = None if heats is None else heats[number]
        figures.append((_picture(answer, row, array, heat), _caption(answer, row, heat is not None)))
    warning = ""
    if heats is not None and min(heats.shape[1:]) < _CELLS:
        cells = " × ".join(map(str, heats.shape[1:]))
        warning = f"The map has {cells} cells at this input size: too few to show where the model looked."
    return _Shown(figures, heats is not None, warning)


def _pictures(
    material: Material, answer: Answer, rows: Sequence[int], place: Mapping[str, int]
) -> tuple[list[int], list[np.ndarray]]:
    """The examples whose pictures are there, and these as the model sees them."""
    assert material.dataset is not None
    known, pictures = [], []
    for row in rows:
        try:
            picture = material.dataset.image(place[answer.evaluation.ids[row]])
        except (KeyError, DataError):
            continue  # skipped then, or damaged since
        known.append(row)
        pictures.append(material.composition.intake.shape(picture))
    return known, pictures


def _heats(
    material: Material, answer: Answer, rows: Sequence[int], pictures: Sequence[np.ndarray]
) -> np.ndarray | None:
    """Grad-CAM for the most telling column of each; None for boxes, and for a base without maps."""
    if of(answer.evaluation).are_places:
        return None
    columns = [answer.first + answer.evaluation.column_to_explain(row) for row in rows]
    try:
        heats: np.ndarray = grad_cam(material.composition, np.stack(pictures), columns)
    except OptionError:
        return None
    return heats


def _picture(answer: Answer, row: int, array: np.ndarray, heat: np.ndarray | None) -> str:
    array = in_colors(array)
    alt = f"{answer.evaluation.ids[row]}: {answer.evaluation.in_words(row)[1]}"
    if of(answer.evaluation).are_places:
        return page.image(_boxes_drawn(array, answer, row), alt=alt)
    if heat is None:
        return page.image(array, alt=alt)
    return page.pair(page.image(array, alt=alt), page.image(overlay(array, heat), alt="where the model looked"))


def _caption(answer: Answer, row: int, heat: bool) -> str:
    evaluation, task = answer.evaluation, of(answer.evaluation)
    true, predicted = evaluation.in_words(row)
    words = [predicted]
    if not task.are_places:
        words.append(f"is {true}")
    if heat and not task.one_class and len(evaluation.labels) > 1:
        words.append(f"lit: {evaluation.labels[evaluation.column_to_explain(row)]}")
    return " · ".join((*words, evaluation.ids[row]))


def _boxes_drawn(array: np.ndarray, answer: Answer, row: int) -> np.ndarray:
    """A picture with the true box and the predicted one."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(array)
    draw = ImageDraw.Draw(picture)
    height, width = array.shape[:2]
    line = max(2, width // 80)
    evaluation = answer.evaluation
    for box, color in ((evaluation.targets[row], _TRUE), (as_boxes(evaluation.scores[row][None])[0], _PREDICTED)):
        left, top, right, bottom = (float(value) * side for value, side in zip(box, (width, height) * 2, strict=True))
        draw.rectangle((left, top, max(right, left), max(bottom, top)), outline=color, width=line)
    return np.asarray(picture)
