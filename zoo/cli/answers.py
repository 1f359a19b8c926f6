"""Predictions as a table in a file: `.csv` or `.parquet`, a row for each example."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.parameters import check_folder
from zoo.errors import OptionError
from zoo.whole_file import write_whole

if TYPE_CHECKING:
    from zoo.tasks import Prediction

_MOST_LABELS = 50
"""Of more labels than this only the answer has a column, not each probability."""


def check(path: Path) -> None:
    """Say what is wrong with the name of a file before anything is predicted.

    Raises:
        OptionError: the ending is neither `.csv` nor `.parquet`, pyarrow is missing, or the folder does not exist.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise OptionError(f"--out {str(path)!r}: endings are .csv and .parquet")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise OptionError("a .parquet file needs pyarrow: pip install pyarrow. Without it, name a .csv file")
    check_folder("--out", path)


def write(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write a table, whole or not at all.

    Args:
        path: as `check` takes it.
        predictions: a row each. Columns are `source`, the answer (`label` and `probability`; `labels`; the values; or
            the edges of a box), and `probability:LABEL` for each label where there are at most 50. Of several answers
            each column begins with the name of its answer.

    Raises:
        OptionError: the file cannot be written.
    """
    rows = [row(prediction) for prediction in predictions]
    columns = list(dict.fromkeys(column for values in rows for column in values))
    try:
        if path.suffix.lower() == ".csv":
            text = io.StringIO()
            table = csv.DictWriter(text, columns or ["source"], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
            write_whole(path, text.getvalue().encode(errors="backslashreplace"), mode=0o644)
        else:
            write_whole(path, _parquet(rows, columns), mode=0o644)
    except OSError as error:
        raise OptionError(f"--out {str(path)!r} cannot be written: {error.strerror or error}") from error


def _parquet(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    data = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({name: [row.get(name) for row in rows] for name in columns}), data)
    return data.getvalue()


def row(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as a row: column -> value."""
    source = prediction.source.encode(errors="backslashreplace").decode()
    return {"source": source, **_answer(prediction)}


def _answer(prediction: Prediction) -> dict[str, Any]:
    if prediction.answers:
        parts = {name: _answer(answer) for name, answer in prediction.answers.items()}
        return {f"{name}.{column}": value for name, part in parts.items() for column, value in part.items()}
    if prediction.box is not None:
        return dict(zip(("x_min", "y_min", "x_max", "y_max"), map(float, prediction.box), strict=True))
    if prediction.values:
        return {name: float(value) for name, value in prediction.values.items()}
    return _of_classes(prediction)


def _of_classes(prediction: Prediction) -> dict[str, Any]:
    if prediction.label is None:
        said: dict[str, Any] = {"labels": ";".join(prediction.given)}
    else:
        said = {"label": prediction.label, "probability": prediction.score}
    if len(prediction.names) > _MOST_LABELS:
        return said
    scores = zip(prediction.names, map(float, prediction.scores), strict=True)
    return {**said, **{f"probability:{label}": score for label, score in scores}}
