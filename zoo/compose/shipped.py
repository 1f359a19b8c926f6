"""Trained weights that come with a head: found for a base, checked and loaded."""

from __future__ import annotations

from pathlib import Path

from zoo.compose.bases import Base
from zoo.compose.composition import Composition
from zoo.compose.heads import HeadChoice
from zoo.errors import WeightsError
from zoo.specs import TrainedHead


def trained_record(choice: HeadChoice | None, base: Base) -> TrainedHead | None:
    """The shipped weights of the head that fit exactly this base, if there are any."""
    if choice is None or choice.spec is None or base.spec is None or choice.options:
        return None
    if base.preprocessing != base.spec.preprocessing:
        return None  # trained on other inputs
    needed = (base.spec.name, base.weights_sha256, base.features, base.input_size)
    for record in choice.spec.trained:
        if (record.backbone, record.weights_sha256, record.features, record.input_size) == needed:
            return record
    return None


def load_trained_head(composition: Composition, record: TrainedHead) -> None:
    """Load a head's shipped weights, checked against the digest in its spec.

    Raises:
        WeightsError: the file is damaged or does not fit.
    """
    import hashlib

    from safetensors.numpy import load

    data = package_file(record.file).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != record.sha256:
        raise WeightsError(
            f"{record.file} is damaged: sha256 {digest}, expected {record.sha256}; reinstall its package"
        )
    assert composition.head is not None
    tensors = load(data)
    values = [tensors[f"{index:03d}"] for index in range(len(tensors))]
    shapes = [tuple(weight.shape) for weight in composition.head.weights]
    if [value.shape for value in values] != shapes:
        raise WeightsError(f"{record.file} holds shapes {[v.shape for v in values]}, the head has {shapes}")
    composition.head.set_weights(values)


def package_file(reference: str) -> Path:
    """The file behind 'package:path/in/package'."""
    from importlib.resources import files

    package, _, path = reference.partition(":")
    return Path(str(files(package).joinpath(path)))
