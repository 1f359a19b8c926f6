"""zoo.compare: the same examples or none, verdicts against counts by hand, yardsticks that are made for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.comparison import Compared, Comparison, aligned, compare, self_made
from zoo.comparison.pictures import Pictures
from zoo.errors import DataError, OptionError
from zoo.evaluation import evaluate_outputs, evaluate_scores
from zoo.specs import Output, Preprocessing
from zoo.testing.tiny import tiny_backbone, tiny_dataset

LABELS = ("cat", "dog")


def answers(right: list[bool], *, names: str = "abcdefghijklmnopqrstuvwxyz", labels=LABELS):
    """An evaluation of a classifier that is right on these examples; the true classes take turns."""
    targets = np.arange(len(right)) % 2
    told = np.where(right, targets, 1 - targets)
    scores = np.where(np.arange(2) == told[:, None], 0.9, 0.1)
    ids = [f"{name}{index}" for index, name in zip(range(len(right)), names * 20, strict=False)]
    return evaluate_scores(scores, targets, labels=labels, ids=ids, hashes=[f"#{name}" for name in ids])


def shuffled(evaluation, labels, seed: int = 0):
    """The same answers, examples and labels in another order."""
    rows = np.random.default_rng(seed).permutation(evaluation.count)
    columns = [evaluation.labels.index(label) for label in labels]
    return evaluate_scores(
        evaluation.scores[rows][:, columns],
        np.array([columns.index(target) for target in evaluation.targets[rows]]),
        labels=labels,
        ids=[f"other name {row}" for row in rows],
        hashes=[evaluation.hashes[row] for row in rows],
    )


def test_the_verdict_follows_the_pairs_and_not_the_order() -> None:
    a = answers([True] * 90 + [False] * 10)
    b = answers([True] * 75 + [False] * 15 + [True] * 3 + [False] * 7)  # 15 only a, 3 only b
    found = compare({"b": shuffled(b, ("dog", "cat")), "a": a})
    assert [row.name for row in found] == ["a", "b"]
    assert found["b"].evaluation.labels == ("dog", "cat")
    assert found.against("a", "b").value == pytest.approx(0.12)
    # 18 differ; at most 3 of binomial(18, 1/2), both sides: 2 * (1 + 18 + 153 + 816) / 2**18.
    assert found.differences[0].p_value == pytest.approx(2 * 988 / 2**18)
    assert found.verdict == ("a is better than b: 12.0 points (95 % interval 3.7 to 20.6), p = 0.0075.")
    assert [row.name for row in found.ties] == ["a"]


def test_what_cannot_be_told_apart_is_said_and_the_cheaper_named() -> None:
    a, b = answers([True] * 40 + [False] * 10), answers([True] * 39 + [False] * 10 + [True])
    found = Comparison(
        [
            Compared("slow", a, seconds=100.0, parameters=5_000_000, trained=4000, ms=9.0),
            Compared("quick", b, seconds=2.0, parameters=400, trained=0, ms=1.5),
        ]
    )
    assert "slow is as good as quick as far as these 50 examples can show: 0.0 points" in found.verdict
    assert "quick is the cheapest to train: 2 s." in found.verdict
    assert "quick is the fastest: 1.5 ms per image." in found.verdict
    text = repr(found)
    assert "5,000,000" in text or "5.0M" in text or "5000000" in text
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["ties"] == ["quick", "slow"]
    assert data["models"][1]["difference_to_best"]["p_value"] == 1
    assert data["models"][0]["evaluation"]["accuracy"] == 0.8
    picture = found.figure()
    shown = [text.get_text() for axis in picture.axes for text in axis.get_yticklabels()]
    assert shown == ["quick", "slow"]
    with pytest.raises(OptionError, match="Did you mean 'quick'"):
        found.against("quik", "slow")


def test_other_examples_labels_and_answers_are_refused() -> None:
    a = answers([True] * 20)
    with pytest.raises(DataError, match=r"not measured on the same examples: 20 and 20, 0 of them in common.*data="):
        compare({"a": a, "b": answers([True] * 20, names="ABCDEFGHIJKLMNOPQRST")})
    with pytest.raises(DataError, match="20 and 26, 20 of them in common"):
        compare({"a": a, "b": answers([True] * 26)})
    with pytest.raises(DataError, match="with the same labels"):
        compare([a, answers([True] * 20, labels=("cat", "bird"))])
    swapped = evaluate_scores(a.scores, 1 - a.targets, labels=LABELS, ids=a.ids, hashes=a.hashes)
    with pytest.raises(DataError, match="other answers for 20 of 20"):
        compare({"a": a, "b": swapped})
    numbers = evaluate_scores(np.zeros(20), np.zeros(20), task="regression", ids=a.ids, hashes=a.hashes)
    with pytest.raises(DataError, match="does classification and b regression"):
        compare({"a": a, "b": numbers})
    for models, message in (
        ([a], "at least two"),
        ("runs", "a list of runs"),
        ([a, 3], "got 3"),
        ([a, "scratch"], "yardsticks for a run"),
        ({"a": a, "p": "pretrained"}, "yardsticks for a run"),
    ):
        with pytest.raises(OptionError, match=message):
            compare(models)


def test_copies_of_an_example_are_paired_by_their_answers() -> None:
    targets, hashes = np.array([0, 1, 0, 1]), ["x", "x", "y", "z"]
    scores = np.eye(2)[targets] * 0.8 + 0.1
    a = evaluate_scores(scores, targets, labels=LABELS, hashes=hashes)
    rows = [3, 1, 0, 2]
    b = evaluate_scores(scores[rows], targets[rows], labels=LABELS, hashes=[hashes[row] for row in rows])
    again = aligned({"a": a, "b": b})["b"]
    assert again.hashes == a.hashes
    np.testing.assert_array_equal(again.scores, a.scores)


def test_values_boxes_and_several_labels_are_compared_by_the_bootstrap() -> None:
    random = np.random.default_rng(0)
    true = random.normal(20, 5, (300, 1))
    good, bad = true + random.normal(0, 1, true.shape), true + random.normal(0, 3, true.shape)
    found = compare(
        {
            name: evaluate_scores(told, true, labels=("cm",), task="regression")
            for name, told in (("bad", bad), ("good", good))
        }
    )
    assert found.best.name == "good"
    gap = float(np.abs(good - true).mean() - np.abs(bad - true).mean())
    assert found.differences[0].value == pytest.approx(gap)
    assert found.verdict.startswith(f"good is better than bad: {-gap:.4g} of mean absolute error (95 % interval ")
    low, high = found.differences[0].interval
    assert low < gap < high < 0
    flags = (random.random((200, 3)) < 0.4).astype(int)
    sure, unsure = np.clip(flags * 0.5 + random.random(flags.shape) * 0.5, 0, 1), random.random(flags.shape)
    several = compare(
        {name: evaluate_scores(told, flags, task="multilabel") for name, told in (("sure", sure), ("unsure", unsure))}
    )
    first, second = (several[name].evaluation.mean_average_precision for name in ("sure", "unsure"))
    assert several.differences[0].value == pytest.approx(first - second)
    empty = compare([evaluate_scores(told, flags * 0, task="multilabel") for told in (sure, unsure)])
    assert "as far as these" in empty.verdict  # no image has a label: there is no average precision
    alone = compare([evaluate_scores(told[:1], true[:1], labels=("cm",), task="regression") for told in (good, bad)])
    assert (
        json.loads(json.dumps(alone.to_dict(), allow_nan=False))["models"][1]["difference_to_best"]["interval"]
        == [None] * 2
    )
    corners = random.uniform(0, 0.4, (50, 2))
    boxes = np.concatenate([corners, corners + 0.5], axis=1)
    names = ("x_min", "y_min", "x_max", "y_max")
    located = compare(
        {
            name: evaluate_scores(np.clip(boxes + shift, 0, 1), boxes, labels=names, task="box")
            for name, shift in (("near", 0.01), ("far", 0.1))
        }
    )
    assert located.best.name == "near"
    assert located.differences[0].p_value < 0.01
    outputs = (Output(name="kind", labels=LABELS), Output(name="size", task="regression", labels=("cm",)))
    both = [
        evaluate_outputs(
            np.hstack([np.eye(2)[[0, 1] * 150], told]), np.hstack([np.array([[0], [1]] * 150), true]), outputs
        )
        for told in (good, bad)
    ]
    with pytest.raises(OptionError, match="answer= takes one of kind, size"):
        compare(both)
    assert compare(both, answer="size").differences[0].value == pytest.approx(gap)


# -- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[zoo.Run]:
    """Two probes on the same split, of a base and of another."""
    folder, data = tmp_path_factory.mktemp("runs"), tiny_dataset(count=60)
    found = []
    for seed in (0, 1):
        model = zoo.build(
            tiny_backbone(seed=seed), zoo.classifier(data), preprocessing=Preprocessing(scale=2 / 255, mean=(1, 1, 1))
        )
        found.append(model.fit(data, test=0.2, recipe="probe", directory=folder / f"probe{seed}", cache=False))
    return found


def test_runs_are_compared_from_their_folders_alone(runs: list[zoo.Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.comparison.entrants.load_model", lambda path: pytest.fail("no model is needed"))
    found = compare([runs[0], str(runs[1].directory)], timings=False)
    assert {row.name for row in found} == {"probe0", "probe1"}
    assert found.data == "the test split of tiny classification"
    assert found["probe1"].evaluation.accuracy == runs[1].test.accuracy
    assert found["probe0"].seconds == sum(phase["seconds"] for phase in runs[0].phases)
    assert (found["probe0"].trained, found["probe0"].parameters) == (75, runs[0].record.results.parameters.total)
    assert found["probe0"].ms is None
    with pytest.raises(OptionError, match="without a path or name"):
        compare([runs[0], "scratch"], timings=False)


def test_the_command_line_says_the_same(
    runs: list[zoo.Run], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.cli.main import main

    monkeypatch.setenv("COLUMNS", "1000")  # a narrow terminal leaves columns out
    folders = [str(run.directory) for run in runs]
    expected = compare(folders, timings=False)
    assert main(["compare", *folders, "--no-timings", "--figure", str(tmp_path / "c.png")]) == 0
    said = capsys.readouterr()
    assert expected.table().render(width=1000) in said.out
    assert expected.verdict in said.out
    assert "exact McNemar test" in said.err
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["compare", *folders, "--no-timings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(expected.to_dict()))
    assert main(["compare", *folders, "--figure", str(tmp_path / "c.xyz")]) == 1
    assert "written as .png" in capsys.readouterr().err
    assert main(["compare", folders[0]]) == 2
    assert main(["compare", *folders, "--class", "red"]) == 2
    assert main(["compare", folders[0], str(tmp_path)]) == 1
    assert "not the folder of a run" in capsys.readouterr().err


def test_data_of_its_own_measures_all_anew(runs: list[zoo.Run]) -> None:
    other = tiny_dataset(count=30, seed=9)
    found = compare({"run": runs[0], "model": runs[1].model}, data=other, timings=False)
    assert found["run"].evaluation.count == 30
    assert found["run"].evaluation.accuracy == runs[0].model.evaluate(other).accuracy


def test_a_classifier_that_knows_none_of_the_classes_is_left_out(runs: list[zoo.Run]) -> None:
    found = compare([*runs, "pretrained"], timings=False)
    assert "tiny" in found.left_out["pretrained"]
    assert "Left out: pretrained" in repr(found)
    with pytest.raises(OptionError, match=r"imagenet1k has no .*red"):
        compare(
            [runs[0], "pretrained"], backbone="efficientnet_lite0", trained_on=tiny_dataset(count=60), timings=False
        )


def test_scratch_is_trained_on_what_no_run_held_out(runs: list[zoo.Run], tmp_path: Path) -> None:
    data = tiny_dataset(count=60)
    found = compare([runs[0], "scratch"], trained_on=data, epochs=3, directory=tmp_path / "scratch", timings=False)
    made = zoo.load_run(tmp_path / "scratch")
    assert set(made.test.hashes) == set(runs[0].test.hashes)
    assert set(made.validation.hashes) == set(runs[0].validation.hashes)
    assert made.record.results.data.train == 60 - runs[0].test.count - runs[0].validation.count
    assert found["scratch"].trained == found["scratch"].parameters
    assert made.record.results.intake["size"] == 32
    assert len(made.history["loss"]) == 3
    assert made.history["loss"][-1] < made.history["loss"][0]


def test_the_yardsticks_find_a_test_part_of_its_own(tmp_path: Path) -> None:
    pictures = tiny_dataset(count=30)
    for index, label in enumerate(np.asarray(pictures.labels)[pictures.targets]):
        folder = tmp_path / ("train" if index < 20 else "held") / label
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures.image(index)).save(folder / f"{index}.png")
    train, held = tmp_path / "train", tmp_path / "held"
    model = zoo.build(tiny_backbone(), zoo.classifier(pictures.labels), preprocessing=None)
    run = model.fit(train, validation=0, test=held, recipe="probe", directory=tmp_path / "run", cache=False)
    pictures = Pictures({"run": run})
    assert [Path(name).name for name in pictures.of(run.test).ids] == [Path(name).name for name in run.test.ids]
    assert {part: len(where) for part, where in pictures.held_apart(None).splits.items()} == {"test": 10, "train": 20}
    held.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"which the yardsticks need \(trained_on=\): there is no folder .*held"):
        compare([run, "scratch"], timings=False)


def test_the_self_made_network_is_random_by_its_seed() -> None:
    first, again, other = self_made(32), self_made(32), self_made(32, seed=1)
    assert all((a == b).all() for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert (first.get_weights()[0] != other.get_weights()[0]).any()
    # By hand: 3 x 3 convolutions 3-32-64-128-128 with biases, 2 x 2 x 128 values into 512.
    assert first.count_params() == 896 + 18_496 + 73_856 + 147_584 + (512 + 1) * 512
