"""predictions.npz that nobody vouches for: an error of zoo or evaluations, little memory."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.mutation import ODD, flipped, members_of, mutated_json, zipped

from zoo.errors import OptionError, UnsafeFileError, ZooError
from zoo.evaluation import evaluate_outputs, read_predictions, write_predictions
from zoo.specs import Output

QUICK, FULL = 150, 3_000
OUTPUTS = (Output(name="kind", labels=("a", "b")), Output(name="size", task="regression", labels=("cm",)))


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    scores = np.array([[0.9, 0.1, 3.0], [0.2, 0.8, 5.0], [0.5, 0.5, 1.0]], np.float32)
    evaluation = evaluate_outputs(
        scores, np.array([[0, 3.5], [1, 5.0], [1, 1.0]]), OUTPUTS, ids=["a", "b", "c"], skipped=[("x", "torn")]
    )
    path = tmp_path_factory.mktemp("good") / "predictions.npz"
    write_predictions(path, {"test": evaluation}, OUTPUTS)
    return members_of(path.read_bytes())


def npy(array: Any, **options: Any) -> bytes:
    data = io.BytesIO()
    np.save(data, array, **options)
    return data.getvalue()


def about_of(members: dict[str, bytes]) -> Any:
    return json.loads(str(np.load(io.BytesIO(members["about.npy"]))))


def damage(members: dict[str, bytes], rng: np.random.Generator) -> bytes:
    """One of the ways a file goes wrong; members are damaged with their checksums put right."""
    name = list(members)[int(rng.integers(len(members)))]
    match int(rng.integers(5)):
        case 0:
            return flipped(zipped(members, zipfile.ZIP_DEFLATED), rng)
        case 1:
            text = json.dumps(mutated_json(about_of(members), rng))
            return zipped({**members, "about.npy": npy(np.array(text.encode("utf-8", "replace").decode()))})
        case 2:
            return zipped({**members, name: flipped(members[name], rng)})
        case 3:
            head, data = members[name][:128], members[name][128:]
            return zipped({**members, name: flipped(head, rng) + data})
        case _:
            shape = tuple(int(side) for side in rng.integers(0, 4, int(rng.integers(0, 4))))
            kind = ["f4", "f8", "i8", "U3", "bool", "u1"][int(rng.integers(6))]
            values = rng.choice([0.0, 1.0, -1.0, np.nan, np.inf, 2.0], shape)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return zipped({**members, name: npy(values.astype(kind))})


@pytest.mark.parametrize("count", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)])
def test_damaged_files_give_errors_of_zoo(count: int, members: dict[str, bytes], tmp_path: Path) -> None:
    rng, path, refused = np.random.default_rng(13), tmp_path / "p.npz", 0
    for _ in range(count):
        path.write_bytes(damage(members, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read_predictions(path)
        except ZooError:
            refused += 1
    assert refused > count * 0.6
    path.write_bytes(zipped(members))
    assert list(read_predictions(path)) == ["test"]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:30])
def test_odd_values_anywhere_in_the_description(value: Any, members: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    for keys in (
        [], ["format"], ["outputs"], ["outputs", 0], ["outputs", 0, "labels"], ["evaluations"], ["evaluations", "test"],
        ["evaluations", "test", "skipped"], ["evaluations", "test", "skipped", 0], ["evaluations", "test", "notes"],
    ):  # fmt: skip
        about = about_of(members)
        holder = about
        for key in keys[:-1]:
            holder = holder[key]
        if keys:
            holder[keys[-1]] = value
        text = json.dumps(about if keys else value)
        path.write_bytes(zipped({**members, "about.npy": npy(np.array(text))}))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read_predictions(path)
            except ZooError:
                continue


def test_pickles_and_records_are_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    for array in (np.array([{}], dtype=object), np.zeros(3, [("a", "f4")]), np.zeros(3, "M8[s]"), np.zeros(3, "c8")):
        path.write_bytes(zipped({**members, "test_scores.npy": npy(array, allow_pickle=True)}))
        with pytest.raises(UnsafeFileError, match="plain array"):
            read_predictions(path)


CHILD = """
import resource, sys
from zoo.evaluation import read_predictions
for path in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try: read_predictions(path); said = "READ"
    except Exception as error: said = type(error).__name__
    print(path.rpartition("/")[2], said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, sep="|")
"""


def test_bombs_are_refused_with_little_memory(members: dict[str, bytes], tmp_path: Path) -> None:
    header = members["test_scores.npy"][:128]
    wide = header.replace(b"(3, 3), }" + b" " * 9, b"(99999999, 3), }  ")
    labels = [f"{index}" for index in range(40_000)]
    about = about_of(members)
    about["outputs"] = [{"name": "kind", "labels": labels}]
    many = {
        "about.npy": npy(np.array(json.dumps(about))),
        "test_scores.npy": npy(np.full((3, 40_000), 1 / 40_000, "f4")),
    }
    bombs = {
        "zeros": zipped({**members, "test_scores.npy": members["test_scores.npy"] + bytes(300 << 20)}, 8),
        "text": zipped({**members, "test_ids.npy": npy(np.array(["x" * (80 << 20)]))}, 8),
        "shape": zipped({**members, "test_scores.npy": wide + bytes(36)}),
        "empty texts": zipped({**members, "test_ids.npy": npy(np.zeros(3, "U1")).replace(b"<U1", b"<U0")}),
        "classes": zipped({**members, **many, "test_targets.npy": npy(np.zeros(3, "i8"))}),
    }
    paths = []
    for name, data in bombs.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    done = subprocess.run([sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(bombs)
    for line in lines:
        name, said, grown = line.split("|")
        assert said == "UnsafeFileError", name
        assert int(grown) < 400, name


def test_a_file_of_another_format_says_so(members: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    about = npy(np.array(json.dumps({**about_of(members), "format": 99})))
    path.write_bytes(zipped({**members, "about.npy": about}))
    with pytest.raises(OptionError, match="format 99"):
        read_predictions(path)
    with pytest.raises(OptionError, match="no predictions"):
        read_predictions(tmp_path / "none.npz")
    with pytest.raises(UnsafeFileError, match="not a file"):
        read_predictions(tmp_path)


def test_the_best_folding_file_of_zoo_is_read(tmp_path: Path) -> None:
    """Names in UTF-32 fold 35 times; what zoo writes must never look like a bomb to it."""
    count = 400_000
    ids = [f"/data/photos/roses/{index:08}.jpg" for index in range(count)]
    evaluation = evaluate_outputs(
        np.tile([[1.0, 0.0]], (4, 1)), np.zeros(4, int), (Output(labels=("a", "b")),), ids=ids[:4]
    )
    big = {"ids": np.array(ids), "about": evaluation.notes}
    path = tmp_path / "ids.npz"
    np.savez_compressed(path, ids=big["ids"])
    from zoo.untrusted.arrays import read_npz

    assert read_npz(path)["ids"].shape == (count,)
