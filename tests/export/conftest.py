"""A small trained model and its exports, written once a session."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import tiny_model
from PIL import Image

import zoo


@pytest.fixture(scope="session")
def trained(pictures: tuple[np.ndarray, np.ndarray]) -> zoo.TransferModel:
    """Two answers side by side, trained with augmentation: what is easiest to get wrong."""
    head = zoo.multi_output(side=zoo.classifier(["left", "right"]), light=zoo.regressor(["mean"]))
    images, sides = pictures
    model = tiny_model(head, augment=["flip", "noise"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(
            (images, {"side": sides, "light": images.mean(axis=(1, 2, 3))}), recipe="probe", views=2, validation=4
        )
    return model


@pytest.fixture(scope="session")
def single(pictures: tuple[np.ndarray, np.ndarray]) -> zoo.TransferModel:
    """One answer, a class."""
    model = tiny_model()
    model.fit(pictures, recipe="probe", validation=4)
    return model


@pytest.fixture(scope="session")
def photo(photos: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of another size than the model's."""
    path = tmp_path_factory.mktemp("photo") / "china.png"
    Image.fromarray(photos[1][:200]).save(path)
    return path


@pytest.fixture(scope="session")
def exported(trained: zoo.TransferModel, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `m.onnx`, `m.tflite`, `saved` and `m.keras`."""
    folder = tmp_path_factory.mktemp("exported")
    for name in ("m.onnx", "m.tflite", "m.keras"):
        trained.export(folder / name)
    trained.export(folder / "saved", examples=[str(photo)])
    return folder
