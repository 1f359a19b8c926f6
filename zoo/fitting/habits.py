"""What Keras users type out of habit: it works, or the answer says what zoo has in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from zoo.compose import Composition
from zoo.errors import OptionError, did_you_mean
from zoo.fitting.state import ModelState
from zoo.printing import preformatted

_COPIES = (
    "a model is copied through a file: path = model.save('copy.keras'); twin = zoo.load(path). Keras models share "
    "layers that copy, deepcopy and pickle would tear apart"
)

_OF_FIT = {
    "x": "data= is the first argument: fit((x, y)) or fit(x, y)",
    "optimizer": "a recipe says how weights move: recipe=zoo.Recipe([zoo.Phase(optimizer='sgd', ...)])",
    "metrics": "the task of the head decides the metrics; run.validation has many more",
    "shuffle": "examples are shuffled anew in every epoch, by seed=",
    "sample_weight": "class_weight= weighs classes; single examples cannot be weighed",
    "initial_epoch": "zoo.resume(run) goes on with a run that was interrupted",
    "steps_per_epoch": "a recipe can end a phase after so many batches: zoo.Phase(steps=...)",
    "validation_steps": "all examples held out are measured, after every epoch",
    "validation_batch_size": "batch_size= is for both",
    "validation_freq": "what is held out is measured after every epoch",
    "workers": "decoding has threads of its own",
    "use_multiprocessing": "decoding has threads of its own",
}

_OF_BUILD = {
    "input_shape": "input_size= is the side of the square input in px; there are 3 channels",
    "input_tensor": "zoo.build(keras_model, head) takes a network of your own",
    "pooling": "features= says what the head reads: 'avg', 'max', a stage, a layer",
    "classifier_activation": "heads give probabilities; a Keras layer as head= may end in what you like",
    "include_preprocessing": "preprocessing=None leaves values 0..255 as they are",
    "num_classes": "head=zoo.classifier([...]) names the classes",
    "dropout": "head=zoo.head('mlp', dropout=...) has one; `zoo heads` shows which",
}

_INSTEAD = {
    "compile": "fit compiles by its recipe (recipe=, learning_rate=, zoo.Phase(optimizer=...)). For a loop of your "
    "own: model.keras_model.compile(...)",
    "predict_classes": "model.predict(images) gives labels: [answer.label for answer in model.predict(images)]",
    "predict_on_batch": "model.predict_scores(images) gives the probabilities",
    "trainable_weights": "model.trainable_report() says what trains",
}


def fit_arguments(data: Any, y: Any, validation: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return data and validation of a fit that was called as in Keras.

    Args:
        data: the first argument.
        y: the second one, or None.
        validation: as given.
        given: what else was given: `validation_split`, `validation_data`.

    Raises:
        OptionError: an argument of Keras that zoo has something else for, or two that contradict each other.
        TypeError: an argument that neither has.
    """
    rest = dict(given)
    held_out = {name: rest.pop(name) for name in ("validation_split", "validation_data") if rest.get(name) is not None}
    rest = {name: value for name, value in rest.items() if name not in ("validation_split", "validation_data")}
    _answer(
        "fit", rest, _OF_FIT, ("validation_split", "validation_data", "validation", "epochs", "recipe", "callbacks")
    )
    if len(held_out) > 1:
        raise OptionError(
            "validation_split and validation_data both say what is held out: keep one (here: validation=)"
        )
    return (data if y is None else (data, y)), next(iter(held_out.values()), validation)


def build_arguments(head: Any, given: Mapping[str, Any]) -> Any:
    """Return the head of a build that was called as in Keras.

    Args:
        head: as given.
        given: what else was given: `classes`, `include_top`.

    Raises:
        OptionError: an argument of Keras that zoo has something else for.
        TypeError: an argument that neither has.
    """
    from zoo.head_request import classifier

    rest = dict(given)
    classes, top = rest.pop("classes", None), rest.pop("include_top", None)
    _answer("build", rest, _OF_BUILD, ("backbone", "head", "weights", "features", "input_size", "augment", "classes"))
    if classes is not None and head is not None:
        raise OptionError("head= and classes= both say what the model answers: keep head=")
    if classes is not None:
        return classifier(classes)
    if top is False and head is None:
        raise OptionError(
            "include_top=False: give the head that goes on top, head=zoo.classifier(['cat', 'dog']); for vectors "
            "without a head there is zoo.embed(data, backbone)"
        )
    return head


def _answer(verb: str, given: Mapping[str, Any], answers: Mapping[str, str], known: tuple[str, ...]) -> None:
    for name in given:
        if name in answers:
            raise OptionError(f"{verb} has no {name}=: {answers[name]}")
        raise TypeError(f"{verb}() got an unexpected keyword argument {name!r}.{did_you_mean(name, known)}")


class KerasHabits:
    """The part of a model that answers what is asked of a Keras model.

    Attributes:
        state: what is known of the model.
    """

    state: ModelState

    @property
    def composition(self) -> Composition:
        """Return the graphs and everything they were made from."""
        return self.state.composition

    def __call__(self, arrays: Any) -> Any:
        """Return what the Keras model gives for float32 arrays 0..255 (n, size, size, channels).

        Raises:
            UntrainedHeadError: the head was never trained.
        """
        self.state.require_trained("model(x)")
        return self.composition.serving(arrays, training=False)

    def summary(self, **options: Any) -> None:
        """Print the summary of the Keras model.

        Args:
            **options: of `keras.Model.summary`.
        """
        self.composition.serving.summary(**options)

    @property
    def trainable(self) -> NoReturn:
        """Refuse: stages train, not models."""
        raise AttributeError(
            "what trains: model.trainable_report(); to change it: model.freeze(), model.unfreeze('stage4')"
        )

    @trainable.setter
    def trainable(self, value: Any) -> None:
        raise OptionError(
            "`trainable` of a model: model.freeze() freezes the base, model.unfreeze('stage4') lets a stage train, and "
            "stages= of fit says it for one run"
        )

    def __getattr__(self, name: str) -> NoReturn:
        import keras

        if name in _INSTEAD:
            raise AttributeError(f"a TransferModel has no {name!r}: {_INSTEAD[name]}")
        if not name.startswith("_") and hasattr(keras.Model, name):
            raise AttributeError(
                f"a TransferModel has no {name!r}; the Keras model in it has: model.keras_model.{name}"
            )
        raise AttributeError(f"a TransferModel has no {name!r}")

    def __reduce__(self) -> NoReturn:
        """Refuse `copy`, `deepcopy` and pickle, which all ask for this."""
        raise OptionError(_COPIES)

    def _repr_html_(self) -> str:
        return preformatted(repr(self))
