"""Folders of SavedModels: fetched as an archive, checked like every weight file, unpacked once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from zoo import settings
from zoo.errors import WeightsError
from zoo.fetching.archives import extract
from zoo.fetching.files import Progress
from zoo.specs import WeightSource
from zoo.weights.sources import source_of
from zoo.weights.store import Store

MARK = "saved_model.pb"
"""The file that makes a folder a SavedModel."""

SCHEMES = ("tfhub:", "kaggle:")


@dataclass(frozen=True)
class ModelFolder:
    """A SavedModel on this machine.

    Attributes:
        path: the folder.
        sha256: of the archive it came from, or over all its files.
        name: what the user wrote.
        note: what the user should be told about its origin.
    """

    path: Path
    sha256: str
    name: str
    note: str = ""


def is_folder_address(text: str) -> bool:
    """Return whether a text names a SavedModel: a handle, or a folder that holds one."""
    return text.startswith(SCHEMES) or (Path(text).expanduser() / MARK).is_file()


def model_folder(text: str, *, store: Store | None = None, progress: Progress | None = None) -> ModelFolder:
    """Return the SavedModel that a text names, fetched if it has to be.

    Args:
        text: `tfhub:https://...`, `kaggle:owner/model/framework/variation/version`, or a folder.
        store: keeps archives; default the user's store.
        progress: told about the bytes of a download.

    Raises:
        WeightsError: it is not to be had, or is no SavedModel.
    """
    if not text.startswith(SCHEMES):
        path = Path(text).expanduser().absolute()
        return ModelFolder(path, _digest(path), text)
    kind = text.partition(":")[0]
    row = WeightSource(
        id="model",
        kind=kind,
        filename=re.sub(r"[^A-Za-z0-9._-]+", "-", text.partition(":")[2]).strip("-") + ".tar.gz",
        url=text,
        includes_top=False,
        license="not stated",
        license_source=text,
        trained_on="not stated",
    )
    store = store or Store()
    held = store.fetch_file(source_of(row), row, progress=progress)
    folder = settings.cache_dir() / "models" / held.sha256[:32]
    if not folder.is_dir():
        with store.shelf.lock(f"unpack-{held.sha256}"):
            if not folder.is_dir():
                extract(held.path, folder)
    inside = folder if (folder / MARK).is_file() else next((path.parent for path in folder.glob(f"*/{MARK}")), folder)
    return ModelFolder(inside, held.sha256, text, held.note)


def require_saved_model(folder: ModelFolder) -> None:
    """Refuse a folder that holds no SavedModel of TensorFlow 2.

    Raises:
        WeightsError: it does not.
    """
    if (folder.path / MARK).is_file():
        return
    names = sorted(path.name for path in folder.path.iterdir())[:8] if folder.path.is_dir() else []
    old = " It is a module of TensorFlow 1, which is not read." if "tfhub_module.pb" in names else ""
    raise WeightsError(
        f"{folder.name} is no SavedModel: {MARK} is missing, there is {', '.join(names) or 'nothing'}.{old}"
    )


def _digest(folder: Path) -> str:
    """sha256 over names and contents of all files of a folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            total.update(
                f"{path.relative_to(folder).as_posix()}\n{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
            )
    return total.hexdigest()
