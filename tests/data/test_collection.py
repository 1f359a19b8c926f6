"""Examples of a modality that a plugin provides: found in folders, tables, lists, arrays and streams; no framework."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.plugins import example_installed, write_signals

import zoo
from zoo.data import check, load
from zoo.data.collecting import named_examples
from zoo.data.modalities import kind_of, modality_of_path, read_intake
from zoo.errors import DataError, OptionError, PluginError
from zoo.linting import lint
from zoo.specs.record import ProviderRow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with example_installed(tmp_path_factory.mktemp("site")) as folder:
        yield folder


@pytest.fixture(scope="module")
def signals(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_signals(tmp_path_factory.mktemp("signals") / "data", files=2, lines=3)


def test_the_files_of_a_folder_say_whose_it_is(signals: Path) -> None:
    assert modality_of_path(signals) == "signal"
    dataset = load(signals)
    assert (dataset.modality, len(dataset), dataset.labels) == ("signal", 12, ("fast", "slow"))
    assert dataset.ids[:4] == ("fast/0.csv#0", "fast/0.csv#1", "fast/0.csv#2", "fast/1.csv#0")
    assert dataset.counts() == {"fast": 6, "slow": 6}
    assert check(dataset) == ["12 examples in 2 classes: fast 6, slow 6"]
    first = (signals / "fast" / "0.csv").read_text().splitlines()[0]
    assert np.array_equal(dataset.example(0), np.array(first.split(","), np.float32))
    assert len(set(dataset.hashes())) == 12
    assert dataset.hashes() == load(signals).hashes()


def test_a_tie_and_a_folder_of_another_kind_are_errors(signals: Path, tmp_path: Path) -> None:
    for name in ("a/1.csv", "b/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1,2,3")
    with pytest.raises(DataError, match="as many examples of 'image' as of 'signal' by the endings of its files"):
        load(tmp_path)
    with pytest.raises(DataError, match=r"2 folders \(fast, slow\) hold 4 files \(4 \.csv\) and no images"):
        load(signals, modality="image")
    with pytest.raises(DataError, match="holds examples of 'signal', and 'image' is what is needed"):
        load(load(signals), modality="image")


def test_splits_of_folders_and_files_that_cannot_be_read(signals: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_signals(tmp_path / split, files=1, lines=2)
    (tmp_path / "train" / "fast" / "empty.csv").write_text("")
    (tmp_path / "train" / "slow" / "notes.txt").write_text("no signal")
    dataset = load(tmp_path)
    assert {name: len(members) for name, members in dataset.splits.items()} == {"train": 5, "test": 4}
    assert dataset.unreadable() == {dataset.ids.index("train/fast/empty.csv"): "there is no example in it"}
    assert len(dataset.readable()) == 8
    assert "1 file does not have the ending of an example" in dataset.reading[0].message


def test_lists_arrays_tables_and_streams(signals: Path, tmp_path: Path) -> None:
    waves = [np.arange(9.0), [1, 2, 3]]
    answers = ["up", "short"]
    for given in ((waves, answers), iter([(waves[0], "up"), (waves[1], "short")])):
        dataset = load(given, modality="signal")
        assert (dataset.modality, dataset.labels, len(dataset)) == ("signal", ("short", "up"), 2)
    rows = zoo.examples(np.ones((4, 5)), [0, 1, 0, 1], modality="signal", labels=["no", "yes"])
    assert rows.example(2).tolist() == [1] * 5
    assert rows.labels == ("no", "yes")
    table = tmp_path / "list.csv"
    files = sorted(signals.rglob("*.csv"))
    table.write_text("file,label\n" + "\n".join(f"{path},{path.parent.name}" for path in files))
    assert len(load(table)) == 12
    assert load(table).fingerprint() == load(signals).fingerprint()
    assert len(load(table, labels=("slow", "fast"), modality="signal", group="folder").groups) == 12
    with pytest.raises(DataError, match=r"arrays, number 1: a signal is an array \(n,\) of numbers"):
        load(([waves[0], [[1, 2]]], answers), modality="signal")


def test_what_is_given_to_be_answered(signals: Path) -> None:
    kind = kind_of("signal")
    file = signals / "slow" / "0.csv"
    counts = [
        (signals, 12),
        (file, 3),
        (str(file), 3),
        (np.ones(9), 1),
        (np.ones((4, 9)), 4),
        ([np.ones(9), file], 4),
        ([signals], 12),
    ]
    for given, count in counts:
        assert len(list(named_examples(given, kind))) == count
    assert [name for name, _ in named_examples([signals / "slow"], kind)][3] == f"{signals}/slow/1.csv#0"
    with pytest.raises(DataError, match="a signal is a list of numbers"):
        list(named_examples("hum", kind))
    (damaged := signals.parent / "damaged.csv").write_text("1,x,3\n")
    with pytest.warns(UserWarning, match=r"skipped: .*damaged.csv, line 1"):
        assert len(list(named_examples([file, damaged], kind))) == 3
    with pytest.raises(DataError, match=r"damaged.csv, line 1: a signal is a list of numbers"):
        list(named_examples(damaged, kind))


def test_lint_reads_every_example_and_shows_it(signals: Path, tmp_path: Path) -> None:
    write_signals(tmp_path / "data", files=1, lines=6)
    with (tmp_path / "data" / "slow" / "0.csv").open("a") as file:
        file.write("7,7,7,7\n1,oops\n")
        file.write((tmp_path / "data" / "fast" / "0.csv").read_text().splitlines()[0] + "\n")
    findings = lint(tmp_path / "data")
    assert findings.of("signal").message == "1 of 15 examples: the signal is constant"
    assert findings.of("unreadable").examples[0].id == "slow/0.csv#7"
    assert "one example is there under different labels" in findings.of("contradicting labels").message
    page = findings.to_html(tmp_path / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "4 numbers from 7 to 7" in page


def test_augmentation_of_another_modality_is_refused(site: Path) -> None:
    from zoo.augment import resolve

    with pytest.raises(OptionError, match="'zoo_vision:flip' is for examples of 'image', and the model takes 'signal'"):
        resolve("flip", modality="signal")
    with pytest.raises(OptionError, match="is for examples of 'signal', and the model takes 'image'"):
        resolve("shift-signal")


def test_an_intake_without_its_plugin_names_the_distribution() -> None:
    row = ProviderRow(kind="backbones", id="p:net", plugin="p", distribution="zoo-birds", version="2.1")
    with pytest.raises(PluginError, match=r"examples are 'song'.*made with zoo-birds 2.1: pip install zoo-birds==2.1"):
        read_intake({"kind": "song", "length": 3}, [row])
