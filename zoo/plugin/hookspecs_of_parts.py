"""The hooks for parts of zoo itself: metrics, engines, weight sources, file formats, modalities."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from zoo.specs import EngineSpec, FormatSpec, MetricSpec, ModalitySpec, SourceSpec

hookspec = pluggy.HookspecMarker("zoo")


class PartSpecs:
    """The hooks by which a plugin puts something beside what zoo itself computes, fetches and writes."""

    @hookspec
    def zoo_metrics(self) -> Iterable[MetricSpec]:  # type: ignore[empty-body]
        """Metrics: figures that every evaluation of a task shows beside zoo's own.

        The function is called as `function(answers, truth, weights)` and returns a float, NaN where the figure is not
        defined. `answers` are float64 (n, k): probabilities, or values of a regression or box. `truth` is int64 (n,)
        class indices of a classification, else float64 (n, k). `weights` are float64 (n,), 1 for each example. The
        figure stands in `evaluation.plugin_figures`, in its text and in run.json; where the function fails, a note says
        so and the other figures stay.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import MetricSpec

            @zoo.hookimpl
            def zoo_metrics():
                yield MetricSpec(
                    name="error-rate",
                    summary="share of wrong answers",
                    task="classification",
                    function="zoo_birds.plugin:error_rate",
                    higher_is_better=False,
                )

            def error_rate(answers, truth, weights):
                import numpy as np

                return np.average(answers.argmax(axis=1) != truth, weights=weights)
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_engines(self) -> Iterable[EngineSpec]:  # type: ignore[empty-body]
        """Engines: what computes features, for `ZOO_ENGINE=NAME`.

        The class is called without arguments. `identity` (an attribute or property) is a text with name and versions;
        it is a part of the key of what is kept. `refuses(job)` returns why it cannot compute a job, "" if it can; Keras
        computes it then, with a notice. `run(job, tasks, tell)` yields an answer for each task: an object with `shard`
        (that of the task), `values` float32 (m, ...), `positions` int64 (m,) and `skipped`, pairs of number and reason.
        `job.model` is a Keras model, `job.array(number)` is the array that it takes of one example, and `task.members`
        are the numbers of its examples. The first rows are compared with those of Keras: an engine that computes other
        features is an error. `ZOO_ENGINE=auto` does not try engines of plugins.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            from types import SimpleNamespace

            import zoo
            from zoo.specs import EngineSpec

            @zoo.hookimpl
            def zoo_engines():
                yield EngineSpec(
                    name="one-by-one", summary="one image at a time", engine="zoo_birds.plugin:OneByOne"
                )

            class OneByOne:
                identity = "one-by-one 1"

                def refuses(self, job):
                    return "it changes no images" if job.transform is not None else ""

                def run(self, job, tasks, tell):
                    import numpy as np

                    for task in tasks:
                        rows = [job.model.predict_on_batch(job.array(number)[None])[0] for number in task.members]
                        tell(len(rows))
                        yield SimpleNamespace(
                            shard=task.shard, values=np.stack(rows), positions=np.array(task.members), skipped=()
                        )
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_sources(self) -> Iterable[SourceSpec]:  # type: ignore[empty-body]
        """Weight sources: places that weight files come from, such as a hub of your company.

        A row of a plugin names it as `kind` of its weights and an address as `url`; users write an address that begins
        with one of its schemes: `zoo.build(..., weights="nest://owl.safetensors")`. The class is called without
        arguments when a file is to be fetched: `fetch(address, target, progress)` writes the bytes to the path
        `target`; `progress` is None, or is called with the bytes done and in all (None: not known). The store holds
        what it brings to the digest of the row, or to the sha256 of the first use, and keeps it, so that it is asked
        once: a source never decides whether bytes are right. Under `ZOO_OFFLINE=1` it is not asked.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import SourceSpec

            @zoo.hookimpl
            def zoo_sources():
                yield SourceSpec(
                    name="nest", summary="a folder of ours", source="zoo_birds.plugin:Nest", schemes=("nest://",)
                )

            class Nest:
                def fetch(self, address, target, progress=None):
                    import shutil

                    shutil.copyfile(address.removeprefix("nest://"), target)
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_formats(self) -> Iterable[FormatSpec]:  # type: ignore[empty-body]
        """File formats: what models are written to: `model.export(path, format=NAME)`, `zoo.load(path, format=NAME)`.

        The class is called without arguments. `write(model, path, record)` writes a Keras model from raw values to
        answers, with the record that zoo keeps beside it (labels, size, resize rule; JSON), whole or not at all. The
        model takes uint8 values 0..255; with several answers its outputs are a list in the order of the record. The
        file gets its name only when it answers as `predict` does.
        `open(path)` returns a function from arrays as the model takes them to its answers, float32.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.specs import FormatSpec

            @zoo.hookimpl
            def zoo_formats():
                yield FormatSpec(
                    name="copied", summary="a .keras file", format="zoo_birds.plugin:Copied", extension=".copied.keras"
                )

            class Copied:
                def write(self, model, path, record):
                    model.save(path)

                def open(self, path):
                    import keras

                    model = keras.saving.load_model(path, compile=False)
                    return model.predict_on_batch
            ```

        Since 0.1.
        """

    @hookspec
    def zoo_modalities(self) -> Iterable[ModalitySpec]:  # type: ignore[empty-body]
        """Modalities: kinds of examples, how they are read, shaped, shown and checked.

        The class is called without arguments and stands behind `zoo.modality.Modality`, from which it may derive; its
        `fit` returns a `zoo.modality.Intake`, the frozen value that says how an example becomes the array that the
        graph takes. The backbones of a modality say its name (`BackboneSpec(modality=...)`), and so do its datasets
        and augmentations; heads read vectors and fit every modality.

        Everything that Keras layers do on every backend and in every export belongs into `front`, the first part of
        the graph; what they cannot (decoding, resampling, texts to numbers) is what `shape` does, and its data are
        fields of the intake, which travels in every saved model. `fit` is called twice: without examples when a model
        is built, and with those of the training part when it is first trained; the model is then composed anew.

        Returns:
            Specs. Their names are unique within the plugin.

        Example:
            ```python
            import zoo
            from zoo.errors import DataError
            from zoo.modality import Intake, Modality, Ref, Thumbnail
            from zoo.specs import ModalitySpec

            @zoo.hookimpl
            def zoo_modalities():
                yield ModalitySpec(
                    name="song", summary="numbers in a line", modality="zoo_birds.plugin:Songs", extensions=(".song",)
                )

            class SongIntake(Intake):
                kind: str = "song"
                length: int
                mean: float = 0.0

                @property
                def array_shape(self):
                    return (self.length,)

                @property
                def array_dtype(self):
                    return "float32"

                def shape(self, example):
                    import numpy as np

                    return np.resize(np.asarray(example, np.float32), self.length)

                def inputs(self):
                    import keras

                    return keras.Input((self.length,), name="song")

                def front(self, inputs):
                    return inputs - self.mean

            class Songs(Modality):
                name = "song"
                extensions = (".song",)
                intake = SongIntake

                def examples(self, source):
                    from pathlib import Path

                    path = Path(source)
                    for file in sorted(path.glob("*.song")) if path.is_dir() else [path]:
                        yield Ref(file.name, str(file))

                def read(self, ref):
                    with open(ref.path) as file:
                        return self.take(file.read().split())

                def take(self, item):
                    try:
                        return [float(note) for note in item]
                    except (TypeError, ValueError) as error:
                        raise DataError(f"a song is a list of numbers: {error}") from error

                def fit(self, training, options):
                    notes = [note for song in training for note in song]
                    mean = sum(notes) / len(notes) if notes else 0.0
                    return SongIntake(length=int(options.get("length", 16)), mean=mean)

                def show(self, example):
                    return Thumbnail(text=" ".join(f"{note:g}" for note in example[:20]))
            ```

        Since 0.1.
        """
