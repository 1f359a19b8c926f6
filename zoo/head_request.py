"""What a user asks of a head: its answers with their labels, which head gives them, and its options."""

from __future__ import annotations

import re
from collections.abc import KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field, replace
from typing import Any

from zoo.errors import DataError, OptionError
from zoo.printing import printable
from zoo.scalars import plain
from zoo.specs import BOX_LABELS, Output

BACKBONE, HEAD, FEATURES, PREPROCESSING, OUTPUT = "backbone", "head", "features", "preprocessing", "probabilities"
"""Names of the parts inside the serving graph; a saved model is taken apart again by them."""

UNITS = "units_"
"""Begins the name of the layer that brings a regression into the unit of its targets."""

RESERVED = (BACKBONE, HEAD, FEATURES, PREPROCESSING, OUTPUT, "pixels")
"""Names that no answer can have: parts of the graph have them."""


@dataclass(frozen=True)
class Head:
    """A head as asked for: a registered head or a Keras layer, the answers it gives, and its options."""

    name: str | None
    outputs: tuple[Output, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    layer: Any = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all its answers, in order; empty: those of the head itself, or of the data."""
        return tuple(label for output in self.outputs for label in output.labels)


@dataclass(frozen=True)
class Restriction:
    """The pretrained classifier limited to some of its classes, as `zoo.restrict` asks for it.

    Attributes:
        classes: class -> the outputs of the classifier that mean it; () for a class that it does not know.
    """

    classes: Mapping[str, tuple[int, ...]]


def head(name: str | Any, *, labels: Sequence[str] = (), task: str = "classification", **options: Any) -> Head:
    """A head with options, e.g. `zoo.head("mlp", labels=["cat", "dog"], units=[256], dropout=0.3)`.

    Args:
        name: name of the head (`zoo.heads()` lists them), or a Keras layer from features (n, d) to (n, k).
        labels: class names in output order, for heads that do not bring their own.
        task: what the labels are: "classification", "multilabel" or "regression".
        **options: options of the head, checked against its declaration when the model is built.
    """
    if task != "classification" and not labels:
        raise OptionError(f"head(..., task={task!r}) needs labels=: the names of its columns")
    outputs = (_output(task, labels),) if labels else ()
    if isinstance(name, str):
        return Head(name=name, outputs=outputs, options=options)
    if options:
        raise OptionError(f"a Keras layer has no options; got {', '.join(options)}")
    return Head(name=None, outputs=outputs, layer=name)


def _output(task: str, labels: Sequence[str]) -> Output:
    if task not in ("classification", "multilabel", "regression"):
        raise OptionError(f"task= takes 'classification', 'multilabel' or 'regression'; got {task!r}")
    return Output(task=task, labels=distinct(labels))


def classifier(classes: Any, *, head: str | Any = "linear", **options: Any) -> Head:
    """A head that gives one class, whose labels come from a list, a folder of class folders, or a dataset.

    Args:
        classes: a list or array of class names, in order (`np.unique(y)`), a set of them (sorted), or a mapping from
            name to number (`class_indices` of Keras); the path of a folder with one folder a class; a dataset or its
            name; a number n, for the classes "0" to n - 1.
        head: name of a head, or a Keras layer from features (n, d) to (n, classes).
        **options: options of that head.

    Raises:
        DataError: the data has no labels.
    """
    labels = _labels_of(classes)
    if len(labels) < 2:
        raise DataError(f"a classifier needs at least two classes; {classes!r} gives {list(labels)}")
    return _asked(head, Output(labels=labels), options)


def head_for(data: Any, *, head: str | Any = "linear", **options: Any) -> Head:
    """The head that answers what labeled data answers: a class, labels, values, a box, or several of these.

    Args:
        data: as for `fit`: a folder, a CSV file, a dataset or its name, arrays.
        head: name of a head, or a Keras layer from features (n, d) to all columns.
        **options: options of that head.

    Raises:
        DataError: the data has no answers, or one class only.
    """
    from zoo.data import load

    dataset = load(data)
    if not dataset.labeled:
        raise DataError(f"{dataset.name} has no answers, so no head can learn from it")
    if dataset.outputs:
        answers = {output.name: Head(name="linear", outputs=(output,)) for output in dataset.outputs}
        return multi_output(answers, head=head, options=options)
    if dataset.task == "box":
        return locator(head=head, **options)
    names = dataset.labels or tuple(str(number) for number in range(dataset.n_classes))
    if dataset.task == "multilabel":
        return multilabel(names, head=head, **options)
    if dataset.task == "regression":
        return regressor(names, head=head, **options)
    return classifier(names, head=head, **options)


def multilabel(labels: Any, *, head: str | Any = "linear", **options: Any) -> Head:
    """A head that gives any number of labels: a probability for each (sigmoid, binary cross-entropy).

    Args:
        labels: a list of names; or a dataset or its name, whose labels are taken.
        head: name of a head, or a Keras layer from features (n, d) to (n, labels).
        **options: options of that head.

    Raises:
        DataError: there are no labels.
    """
    names = _labels_of(labels)
    if not names:
        raise DataError(f"a multilabel head needs labels; {labels!r} gives none")
    return _asked(head, Output(task="multilabel", labels=names), options)


def regressor(names: Sequence[str] | str = "value", *, head: str | Any = "linear", **options: Any) -> Head:
    """A head that gives numbers (mean square error), in the unit of the targets: fit finds their mean and scale.

    Args:
        names: of the values, in order; one name for one value.
        head: name of a head, or a Keras layer from features (n, d) to (n, values).
        **options: options of that head.
    """
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, Sequence) or not listed or not all(isinstance(n, str) and n for n in listed):
        raise OptionError(f"a regressor needs the name of each value, as text; got {names!r}")
    labels = distinct(listed)
    return _asked(head, Output(task="regression", labels=labels), options)


def locator(*, head: str | Any = "linear", **options: Any) -> Head:
    """A head that gives one bounding box: x_min, y_min, x_max, y_max as shares 0..1 of width and height.

    Pictures are stretched to the model's square, so that the shares stay what they are.

    Args:
        head: name of a head, or a Keras layer from features (n, d) to (n, 4).
        **options: options of that head.
    """
    return _asked(head, Output(task="box", labels=BOX_LABELS), options)


def multi_output(
    answers: Mapping[str, Head] | None = None,
    *,
    head: str | Any = "linear",
    weights: Mapping[str, float] | None = None,
    options: Mapping[str, Any] | None = None,
    **named: Head,
) -> Head:
    """A head that gives several answers at once: `zoo.multi_output(kind=zoo.classifier([...]), where=zoo.locator())`.

    The loss is the weighted sum of the losses of the answers: cross-entropy, binary cross-entropy, mean square error
    in units of the targets' variance, and for a box the mean absolute error.

    Args:
        answers: name -> what `zoo.classifier`, `multilabel`, `regressor` or `locator` gave; or as keywords.
        head: name of the one head that gives all of them, or a Keras layer from features (n, d) to all columns.
        weights: name -> factor of its loss; 1 by default, 5 for a box (as Carion et al. 2020, arXiv 2005.12872,
            section 4.1 weigh the same error against cross-entropy).
        options: options of the head.
        **named: as `answers`.

    Raises:
        OptionError: fewer than two answers, an answer that is not a head with labels, a name used by the model itself.
    """
    heads = {**(answers or {}), **named}
    factors = dict(weights or {})
    _check_names(heads, factors)
    outputs = []
    for name, item in heads.items():
        _check_answer(name, item)
        weight = factors.get(name, 5.0 if item.outputs[0].task == "box" else 1.0)
        _check_weight(name, weight)
        outputs.append(item.outputs[0].model_copy(update={"name": name, "weight": float(weight)}))
    if sum(output.task == "box" for output in outputs) > 1:
        raise OptionError("a model answers with one box at most")
    whole = _asked(head, outputs[0], dict(options or {}))
    return replace(whole, outputs=tuple(outputs))


def _check_names(answers: Mapping[str, Head], weights: Mapping[str, float]) -> None:
    if len(answers) < 2:
        raise OptionError(f"multi_output needs at least two answers; got {', '.join(answers) or 'none'}")
    strange = [name for name in weights if name not in answers]
    if strange:
        raise OptionError(f"weights= names {', '.join(strange)}; the answers are {', '.join(answers)}")


def _check_weight(name: str, weight: Any) -> None:
    if not (isinstance(weight, int | float) and 0 < weight < float("inf")):
        raise OptionError(f"the weight of {name!r} must be a positive number; got {weight!r}")


def _check_answer(name: str, item: Any) -> None:
    """Refuse an answer of several that has no labels, a name of the model itself, or a head of its own."""
    if not isinstance(item, Head) or len(item.outputs) != 1 or not item.outputs[0].labels:
        raise OptionError(
            f"{name}= takes what zoo.classifier, multilabel, regressor or locator gives, with labels; got {item!r}"
        )
    if name in RESERVED or name.startswith(UNITS) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise OptionError(
            f"an answer cannot be called {name!r}: a lower case letter, then letters, digits, _; not one of "
            f"{', '.join(RESERVED)} nor {UNITS}..."
        )
    if item.layer is not None or item.options or item.name != "linear":
        raise OptionError(
            f"the answer {name!r} has a head of its own; all answers share one: give it to multi_output as head= "
            f"(and options=)"
        )


def _asked(head: str | Any, output: Output, options: Mapping[str, Any]) -> Head:
    if isinstance(head, str):
        return Head(name=head, outputs=(output,), options=options)
    if options:
        raise OptionError(f"a Keras layer has no options; got {', '.join(options)}")
    return Head(name=None, outputs=(output,), layer=head)


def _labels_of(source: Any) -> tuple[str, ...]:
    number = plain(source)
    if isinstance(number, int) and not isinstance(number, bool):  # as `classes=5` of Keras: answers are numbers
        return tuple(str(index) for index in range(number))
    names = _names_in(source)
    if names is None:
        from zoo.data import load

        return distinct(load(source).labels)
    return distinct([name.decode() if isinstance(name, bytes) else str(name) for name in names])


def distinct(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, each there once.

    Raises:
        DataError: one is there twice, or they are one text instead of a list.
    """
    if isinstance(labels, str):
        raise DataError(f"labels must be a list of names; got the text {labels!r}")
    twice = sorted({label for label in labels if list(labels).count(label) > 1})
    if twice:
        raise DataError(f"class names must differ; given twice: {twice}")
    return tuple(printable(label) for label in labels)


def _names_in(source: Any) -> list[Any] | None:
    """The class names in a collection, in order; None of something that is none, such as a path."""
    if isinstance(source, str | bytes):
        return None
    if isinstance(source, Mapping):  # class_indices of Keras: name -> number
        if sorted(source.values(), key=str) != sorted(range(len(source)), key=str):
            raise DataError(f"class names as a mapping need the numbers 0..{len(source) - 1}; got {dict(source)}")
        return sorted(source, key=source.__getitem__)
    if isinstance(source, set | frozenset):
        return sorted(source, key=str)
    if isinstance(source, Sequence | KeysView | ValuesView) or getattr(source, "ndim", 0) == 1:
        return list(source)  # np.unique(y), encoder.classes_, a column of a table
    return None
