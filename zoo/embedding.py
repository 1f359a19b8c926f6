"""Vectors of images by a pretrained network, to search, cluster, plot or compare with: `zoo.embed`."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import data as data_room
from zoo import settings
from zoo.compose import BuildRequest, Composition, compose, intake_options
from zoo.data.modalities import has_pictures, kind_of
from zoo.data.ranges import as_uint8
from zoo.errors import DataError, OptionError
from zoo.features.extraction import Features, Progress, extract
from zoo.features.identity import graph_digest
from zoo.head_request import BACKBONE, classifier
from zoo.keras_internals import input_in
from zoo.specs import Preprocessing, ResizeRule

if TYPE_CHECKING:
    import keras

_BLOCK = 1024
"""Rows that are in memory at once while a file is written."""

_INSTALL_PARQUET = "a .parquet file needs pyarrow: pip install pyarrow. Without it, save to .npz or .npy"


@dataclass(frozen=True)
class Embeddings:
    """One vector an image, in the order of the data.

    Attributes:
        array: float32 (n, d), a read-only memory map; with `features="map"` (n, side, side, channels).
        ids: the path or number of each image, one a row.
        labels: the class of each image, one a row; empty where the data has none.
        features: what was computed, as asked for.
        fingerprint: sha256 of what each vector depends on besides its image: network, weights, size, resize rule; ""
            for a network with code that is not Keras's own.
        skipped: (id, reason) of images that could not be read; they have no row.
        seconds: wall time of decoding and forward pass.
        computed: images that went through the network; the others came from the cache.
    """

    array: np.ndarray = field(repr=False)
    ids: tuple[str, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    features: str
    fingerprint: str
    skipped: tuple[tuple[str, str], ...]
    seconds: float
    computed: int

    def __len__(self) -> int:
        return len(self.array)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file that needs no zoo: `.npz`, `.npy` or `.parquet`.

        Args:
            path: its ending says the format. `.npz` holds `array`, `ids`, `labels` and `fingerprint`; `.npy` the array
                alone; `.parquet` the columns `id`, `label` (where known) and `vector`, and the fingerprint in its
                metadata.

        Returns:
            The path. The file is there whole or not at all.

        Raises:
            OptionError: another ending, `.parquet` without pyarrow, or a folder that cannot be written.
        """
        path = Path(path).expanduser()
        writers = {".npz": self._to_npz, ".npy": self._to_npy, ".parquet": self._to_parquet}
        write = writers.get(path.suffix.lower())
        if write is None:
            raise OptionError(f"cannot save embeddings to {str(path)!r}: endings are {', '.join(writers)}")
        if not path.parent.is_dir():
            raise OptionError(f"cannot save embeddings to {str(path)!r}: the folder {path.parent} does not exist")
        with _whole(path) as temporary:
            write(temporary)
        return path

    def _to_npz(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez(
                file,
                array=self.array,
                ids=np.array(self.ids, dtype=np.str_),
                labels=np.array(self.labels, dtype=np.str_),
                fingerprint=np.array(self.fingerprint),
            )

    def _to_npy(self, path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, self.array)

    def _to_parquet(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise OptionError(_INSTALL_PARQUET) from error
        width = int(np.prod(self.array.shape[1:]))
        fields = [
            ("id", pyarrow.string()),
            ("label", pyarrow.string()),
            ("vector", pyarrow.list_(pyarrow.float32(), width)),
        ]
        schema = pyarrow.schema([item for item in fields if item[0] != "label" or self.labels])
        schema = schema.with_metadata({"fingerprint": self.fingerprint, "features": self.features})
        with parquet.ParquetWriter(path, schema) as writer:
            for first in range(0, len(self), _BLOCK):
                rows = slice(first, first + _BLOCK)
                flat = pyarrow.array(np.ascontiguousarray(self.array[rows]).reshape(-1))
                columns = [pyarrow.array(self.ids[rows])]
                columns += [pyarrow.array(self.labels[rows])] if self.labels else []
                columns.append(pyarrow.FixedSizeListArray.from_arrays(flat, width))
                writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))


def embed(
    data: Any,
    backbone: str | Any = "efficientnet_lite0",
    *,
    weights: str | os.PathLike[str] | None = "pretrained",
    features: str | None = None,
    input_size: int | None = None,
    resize: ResizeRule | str | None = None,
    preprocessing: Preprocessing | str | None = "pretrained",
    cache: bool = True,
    engine: str | None = None,
    progress: Progress | None = None,
) -> Embeddings:
    """Compute one vector an image with a pretrained network.

    The intake of a backbone of another modality than images is fitted on all of the data; its options are those of its
    row.

    Args:
        data: what `predict` and `fit` take: files, a folder, an array of one or several images or a list of them, a
            Pillow image, a table, the name of a dataset, a Dataset. Labels are not needed.
        backbone: the network, by name; or a Keras model, with `preprocessing`.
        weights: as in `zoo.build`: "pretrained", the id of a source, or a path.
        features: None: what the pretrained classifier of the network reads; "avg", "max", "concat", "gem": a pooling of
            its last cells; "cls", "cls+avg": its class token, and with the mean of the patches side by side; "map": the
            cells as they are, without class token and registers; a stage or a layer, as in `zoo.build`.
        input_size: side of the input in px; default from the row. An image of that size is not resized.
        resize: as in `zoo.build`.
        preprocessing: as in `zoo.build`.
        cache: whether vectors are looked up in the feature cache and kept there. Interrupted, the next call goes on
            where it stopped.
        engine: what computes: "keras", "pool", "onnx", "auto"; default as `ZOO_ENGINE` says.
        progress: called with (images done, images in all).

    Returns:
        The vectors, in the order of the data.

    Raises:
        DataError: no image can be read.
        OptionError: there are no such features, or the size does not suit the network.
        WeightsError: the weights are not to be had, or do not fit.
    """
    placeholder: Sequence[str] = ("a", "b")  # vectors are read in front of a head: its labels do not matter
    request = BuildRequest(
        backbone,
        classifier(placeholder),
        weights=weights,
        features=None if features == "map" else features,
        input_size=input_size,
        resize=resize,
        preprocessing=preprocessing,
    )
    composition, _ = compose(request)
    if composition.intake.fitted:
        data = _dataset(data, composition.intake.kind)
        composition = _fitted(request, composition, data)
    return of_composition(
        composition, data, features=features, whole=True, cache=cache, engine=engine, progress=progress
    )


def of_composition(
    composition: Composition,
    data: Any,
    *,
    features: str | None = None,
    whole: bool = False,
    cache: bool = True,
    engine: str | None = None,
    progress: Progress | None = None,
) -> Embeddings:
    """Compute one vector an image with the base of a model that is built: what `TransferModel.embed` calls.

    Args:
        composition: the model's graphs.
        data: as for `embed`.
        features: None: what the model's head reads, of a head that reads maps their mean; "map": the last cells of
            its base; "avg", "max", "concat", "gem", "cls", "cls+avg": a pooling of them.
        whole: the composition was made for these features, whatever they are called.
        cache: as for `embed`.
        engine: as for `embed`.
        progress: as for `embed`.

    Returns:
        The vectors, in the order of the data.

    Raises:
        DataError: no image can be read.
        OptionError: the model has no such features.
    """
    model = _network(composition, None if whole and features != "map" else features)
    dataset = _dataset(data, composition.intake.kind)
    computed = extract(
        model,
        dataset,
        np.arange(len(dataset)),
        intake=composition.intake,
        progress=progress,
        cache=cache,
        engine=engine,
    )
    if not len(computed):
        raise DataError(f"none of the {len(dataset)} images of {dataset.name} could be read")
    return _embeddings(model, composition, dataset, computed, features or composition.identity.features)


def _poolings(base: keras.Model, prefix: int) -> tuple[str, ...]:
    """What `features` can be of a base; nothing where it gives vectors."""
    from zoo.architectures.pooling import poolings

    rank = len(base.output.shape)
    return (*poolings("tokens" if rank == 3 else "map", prefix), "map") if rank in (3, 4) else ()


def _network(composition: Composition, features: str | None) -> keras.Model:
    """From inputs to the features asked for, with the layers of the composition."""
    import keras

    from zoo.architectures.pooling import cells, pool

    if composition.features is None:
        raise OptionError("this model is a pretrained classifier without a head: embed with zoo.embed, by its backbone")
    prefix, cuts = composition.identity.prefix_tokens, composition.identity.cuts
    reads_cells = len(composition.features.output.shape) > 2
    if features is None and reads_cells:
        pooled = pool(composition.features.output, "avg", prefix)
        return keras.Model(composition.features.input, pooled, name="embedder")
    if features is None or (features == composition.identity.features and not reads_cells):
        return composition.features
    base = cells(composition.backbone, cuts)
    known = _poolings(base, prefix)
    if features not in known:
        has = f"it has {', '.join(known)}" if known else "its base gives vectors, which have no pooling"
        raise OptionError(f"features={features!r}: {has}. Without features, embed gives what the head reads")
    # The tensor that the base is called on inside the graph from inputs to features: preprocessed arrays.
    seen = input_in(composition.features, composition.features.get_layer(BACKBONE))
    x = base(seen)
    x = _map(x, prefix) if features == "map" else pool(x, features, prefix)
    return keras.Model(composition.features.input, x, name="embedder")


def _map(x: Any, prefix: int) -> Any:
    """Cells as a map (n, side, side, channels), float32."""
    import keras

    from zoo.architectures.precision import in_float32

    if len(x.shape) == 3:
        x = keras.layers.Cropping1D((prefix, 0))(x) if prefix else x
        side = round(int(x.shape[1]) ** 0.5)
        x = keras.layers.Reshape((side, side, int(x.shape[2])))(x)
    return in_float32(x)


def _fitted(request: BuildRequest, composition: Composition, dataset: data_room.Dataset) -> Composition:
    """The same with its intake fitted on all the data: nothing is measured that would have to be held out.

    Raises:
        OptionError: the base has random weights.
    """
    if composition.identity.weights is None:
        raise OptionError(
            f"{composition.identity.backbone} has random weights, and its vectors would be noise: fit a model on it, "
            f"and call model.embed"
        )
    readable = dataset.readable()
    examples = (readable.example(index) for index in range(len(readable)))
    intake = kind_of(composition.intake.kind).fit(examples, intake_options(request))
    return compose(replace(request, intake=intake))[0]


def _dataset(data: Any, modality: str) -> data_room.Dataset:
    """What `fit` takes, and what `predict` takes besides: one array, Pillow images, lists of several kinds."""
    if has_pictures(modality) and _are_pictures(data):
        named = list(data_room.images(data))
        arrays = [as_uint8(image) for _, image in named]
        return data_room.Arrays(arrays, ids=[name for name, _ in named])
    if data_room.is_table(data) and kind_of(modality).spec.table == "rows":
        return data_room.from_csv(data, answers=(), modality=modality)  # which column is an answer does not matter
    return data_room.load(data, modality=modality)


def _are_pictures(data: Any) -> bool:
    """Whether data is pictures in memory in a form that `fit` does not take."""
    if isinstance(data, list):
        mixed = len({hasattr(item, "shape") for item in data}) > 1
        return mixed or any(map(_is_of_pillow, data))
    shape: tuple[int, ...] = getattr(data, "shape", ())
    return _is_of_pillow(data) or len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))


def _is_of_pillow(item: Any) -> bool:
    return hasattr(item, "convert") and hasattr(item, "getexif")


def _embeddings(
    model: keras.Model, composition: Composition, dataset: data_room.Dataset, found: Features, features: str
) -> Embeddings:
    described = {"graph": graph_digest(model), "intake": composition.intake.model_dump(mode="json")}
    text = json.dumps(described, sort_keys=True)
    positions = found.positions.tolist()
    return Embeddings(
        array=_on_disk(found),
        ids=tuple(dataset.ids[index] for index in positions),
        labels=_labels(dataset, positions),
        features=features,
        fingerprint=hashlib.sha256(text.encode()).hexdigest() if described["graph"] else "",
        skipped=found.skipped,
        seconds=found.seconds,
        computed=found.computed,
    )


def _labels(dataset: data_room.Dataset, positions: Sequence[int]) -> tuple[str, ...]:
    if dataset.targets is None or dataset.task != "classification" or not dataset.labels:
        return ()
    return tuple(dataset.labels[int(dataset.targets[index])] for index in positions)


def _on_disk(found: Features) -> np.ndarray:
    """All rows as one read-only memory map, of a file that goes when the array does.

    A part at a time, and let go of: however many there are, few are in memory.
    """
    folder = settings.cache_dir() / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".npy", dir=folder)
    parts, shape = list(found.parts), (len(found), *found.row_shape)
    if isinstance(found.parts, list):
        found.parts.clear()
    try:
        with os.fdopen(handle, "wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            while parts:
                file.write(np.ascontiguousarray(parts.pop(0), dtype="<f4").data)
        array = np.load(name, mmap_mode="r")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    weakref.finalize(array, _forget, name)
    return array


def _forget(name: str) -> None:
    Path(name).unlink(missing_ok=True)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary file beside the path, which becomes it when the block is through."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OptionError(f"cannot save embeddings to {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
