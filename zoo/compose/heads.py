"""The head of a model: from what was asked for to layers on features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoo.compose.copies import copy_weights
from zoo.errors import OptionError
from zoo.head_request import HEAD, Head
from zoo.plugin import call_factory, registry
from zoo.plugin.head_check import check_head
from zoo.scalars import plain
from zoo.specs import HeadSpec, Output
from zoo.tasks import of, task_of


@dataclass(frozen=True)
class HeadChoice:
    """A head resolved: its answers, its spec and entry, or the layer given."""

    outputs: tuple[Output, ...]
    spec: HeadSpec | None = None
    entry: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    layer: Any = None

    @property
    def reads(self) -> str:
        """What it gets: "vector", "map", or "either" for a layer of the caller, which `features=` decides for."""
        return self.spec.reads if self.spec is not None else "either"

    @property
    def width(self) -> int:
        """Columns of the answers; 0: as many as the layer gives."""
        return sum(output.width for output in self.outputs)


def choose_head(request: Any) -> HeadChoice | None:
    """Return the head that is asked for, with its answers; None for the pretrained classifier.

    Args:
        request: a name, what `zoo.classifier` and its like give, a Keras layer, or None.

    Raises:
        UnknownNameError: nobody provides the head.
        OptionError: a head without labels, or for another task.
    """
    if request is None:
        return None
    if isinstance(request, str):
        request = Head(name=request)
    if not isinstance(request, Head):
        if not callable(request):
            raise OptionError(
                f"head= takes a name, zoo.classifier(...), zoo.head(...) or a Keras layer; got {request!r}"
            )
        return HeadChoice(outputs=(Output(),), layer=request)
    if request.layer is not None:
        return HeadChoice(outputs=request.outputs or (Output(),), layer=request.layer)
    assert request.name is not None
    entry = registry().get("heads", request.name)
    spec: HeadSpec = entry.spec
    outputs = _answers(spec, request.outputs)
    return HeadChoice(outputs=outputs, spec=spec, entry=entry, options=plain(request.options))


def _answers(spec: HeadSpec, asked: tuple[Output, ...]) -> tuple[Output, ...]:
    """The answers of a listed head: its own, or those asked for.

    Raises:
        OptionError: there are none, both differ, or the head is for another task.
    """
    own = spec.outputs
    if spec.labels and spec.task != "any":
        own = (Output.model_validate({"task": spec.task, "labels": spec.labels}),)
    if own and asked and [(o.task, o.labels) for o in own] != [(o.task, o.labels) for o in asked]:
        raise OptionError(
            f"head {spec.name!r} answers {_in_words(own)}, which cannot be replaced by {_in_words(asked)}; "
            f"use zoo.classifier(...) for labels of your own"
        )
    outputs = own or asked
    if not outputs or not all(output.labels for output in outputs):
        raise OptionError(
            f"head {spec.name!r} brings no labels: use head=zoo.classifier(folder_or_labels, head={spec.name!r})"
        )
    if spec.task not in ("any", task_of(outputs)):
        raise OptionError(f"head {spec.name!r} is for {spec.task}; the answers asked for are {_in_words(outputs)}")
    return outputs


def _in_words(outputs: Sequence[Output]) -> str:
    return "; ".join(f"{output.task} of {list(output.labels)}" for output in outputs)


def build_head(choice: HeadChoice, shape: tuple[int, ...], seed: int) -> Any:
    """Return the head as a model from features (n, dimension) to its own output.

    Args:
        choice: what was resolved.
        shape: of the features of one example: (d,) of a vector, (h, w, c) of a map, (t, c) of tokens.
        seed: of its initial weights.

    Raises:
        OptionError: it gives another shape, or ends in an activation that does not go with the task.
        PluginError: its factory fails.
    """
    import keras

    features = keras.Input(shape, name="features_in")
    output = _of_layer(choice.layer, features) if choice.layer is not None else _of_factory(choice, features, seed)
    if len(output.shape) != 2 or (choice.width and output.shape[-1] != choice.width):
        raise OptionError(
            f"the head gives shape {tuple(output.shape)}; expected (None, {choice.width or 'number of classes'})"
        )
    head = keras.Model(features, output, name=HEAD)
    _check_activation(head, choice)
    return head


def _of_layer(given: Any, features: Any) -> Any:
    layer, dimensions = own_copy(given), ", ".join(map(str, ("n", *features.shape[1:])))
    try:
        return layer(features)
    except ValueError as error:
        raise OptionError(
            f"the layer {layer.name!r} does not take features ({dimensions}): {str(error).splitlines()[0]}"
        ) from error


def _of_factory(choice: HeadChoice, features: Any, seed: int) -> Any:
    assert choice.spec is not None
    output = call_factory(
        choice.entry, choice.spec.factory, features, options=choice.options, outputs=choice.width, seed=seed
    )
    check_head(choice.entry, features, output, choice.width)
    return output


def _check_activation(head: Any, choice: HeadChoice) -> None:
    """Refuse a head that ends in an activation that does not go with its task, or rounds probabilities to nothing."""
    final, task = activation_of(head), task_of(choice.outputs)
    activations = {of(output).activation for output in choice.outputs}
    probabilities = activations.pop() if len(choice.outputs) == 1 and activations != {"linear"} else None
    if final not in {"linear", probabilities}:
        or_else = f" or {probabilities} probabilities" if probabilities else ""
        raise OptionError(
            f"the head ends in the activation {final!r}; for {task} it must give logits or values (no activation)"
            f"{or_else}"
        )
    if final == probabilities and head.output.dtype != "float32":
        raise OptionError(
            f"the head ends in {final} computed in {head.output.dtype}, which rounds small probabilities to nothing: "
            f"give its last layer dtype='float32'"
        )


def own_copy(layer: Any) -> Any:
    """Return a copy of the caller's layer: two models with one layer would train each other.

    Args:
        layer: a Keras layer, built or not.

    Raises:
        OptionError: it is no layer, or cannot be made anew from its settings.
    """
    import keras

    if isinstance(layer, type) or not isinstance(layer, keras.layers.Layer):
        raise OptionError(f"head= takes a Keras layer, such as keras.layers.Dense(5); got {layer!r}")
    try:
        if isinstance(layer, keras.Model):
            copy = keras.models.clone_model(layer)
        else:
            copy = type(layer).from_config(layer.get_config())
    except Exception as error:  # get_config and from_config are code of whoever wrote the layer
        raise OptionError(
            f"the head {layer.name!r} ({type(layer).__name__}) cannot be made anew from its settings: "
            f"{str(error).splitlines()[0][:200]}. Take a functional model or a layer with get_config"
        ) from error
    if layer.built and layer.weights:
        if not copy.built:
            copy.build((None, layer.weights[0].shape[0]))
        copy_weights(layer, copy)
    return copy


def ends_linear(head: Any) -> bool:
    """Whether the head gives logits or values, rather than probabilities of its own."""
    return activation_of(head) not in {"softmax", "sigmoid"}


def activation_of(layer: Any) -> str:
    """The activation a layer, or the last layer of a model, ends with; Dropout changes nothing when it answers."""
    import keras

    inner = [item for item in getattr(layer, "layers", ()) if not isinstance(item, keras.layers.Dropout)]
    if inner:
        return activation_of(inner[-1])
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return activation_of(activation)
    return getattr(activation, "__name__", "linear")
