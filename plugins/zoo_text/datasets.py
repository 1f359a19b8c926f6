"""Dataset `text-lines`: files in which each line is an example, as `tf.data.TextLineDataset` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from zoo.errors import DataError
from zoo.modality import Ref
from zoo.specs import DatasetSpec

if TYPE_CHECKING:
    from zoo import Dataset

LINES_LIMIT = 2_000_000
"""Most lines that are read into memory."""


class LinesOptions(BaseModel):
    """Options of `text-lines`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(
        description="folder with one text file a class (sport.txt, tech.txt), or one folder of text files a class; "
        "each line that is not empty is an example"
    )


SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        name="text-lines",
        summary="your own texts: one file a class, one example a line",
        tags=("folder",),
        modality="text",
        loader="zoo_text.datasets:load_lines",
        options="zoo_text.datasets:LinesOptions",
        license="that of your texts",
        source="the user",
    ),
)


def load_lines(path: Path) -> Dataset:
    """The lines of the files in a folder.

    Args:
        path: the folder. A file in it is a class, called by its name; a folder in it is one, with all files in it.

    Raises:
        DataError: there is no such folder, a file cannot be read, or there are fewer than two classes.
    """
    import zoo
    from zoo_text.texts import EXTENSIONS, Texts, lines

    folder = path.expanduser()
    if not folder.is_dir():
        raise DataError(f"text-lines: there is no folder {str(path)!r}")
    modality, texts, labels = Texts(), [], []
    for file in sorted(file for file in folder.rglob("*") if file.suffix.lower() in EXTENSIONS):
        inside = file.relative_to(folder).parts
        if any(part.startswith(".") for part in inside):
            continue
        kept = lines(modality.read(Ref(file.name, str(file))))
        texts += kept
        labels += [inside[0] if len(inside) > 1 else file.stem] * len(kept)
        if len(texts) > LINES_LIMIT:
            raise DataError(f"text-lines: {folder} holds more than {LINES_LIMIT:,} lines; give a part of them")
    if len(set(labels)) < 2:
        held = f"lines of one class, {labels[0]!r}" if labels else "no .txt file with lines"
        raise DataError(f"text-lines: {folder} holds {held}; give a folder with a .txt file a class")
    return zoo.examples(texts, labels, modality="text", name=folder.name)
