"""The report of a run: its words and figures are those of the run, everything is escaped, nothing leaves it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.records import a_plan, a_record
from helpers.resumable import write_photos

import zoo
from zoo.cli.main import main
from zoo.errors import DataError, OptionError, ResumeError
from zoo.evaluation import evaluate_outputs, evaluate_scores
from zoo.reporting import verdict
from zoo.reporting.drawings import drawings, instead_of_reliability
from zoo.specs import BOX_LABELS, Output, PhaseSpec, Preprocessing, RecipeSpec
from zoo.specs.record import DataSource, PhaseReport
from zoo.testing.tiny import tiny_backbone, tiny_dataset

NUMBERS = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    folder = tmp_path_factory.mktemp("report")
    photos = write_photos(folder / "a<b>&photos")
    shutil.copy(photos / "red" / "000.png", photos / "red" / "<i>copy.png")
    (photos / "red" / "<b>torn.png").write_text("no picture")
    model = zoo.build(tiny_backbone(), head=zoo.classifier(["red", "green", "blue"]), preprocessing=NUMBERS)
    return model.fit(photos, recipe="probe", validation=0.3, test=0.3, directory=folder / "run")


@pytest.mark.parametrize(("count", "drawn"), [(99, False), (100, True)])
def test_the_reliability_of_few_examples_is_a_sentence(count: int, drawn: bool) -> None:
    scores = np.tile([[0.75, 0.25]], (count, 1))
    evaluation = evaluate_scores(scores, np.arange(count) % 2)
    captions = [caption for _, caption in drawings(evaluation, "test")]
    assert any(caption.startswith("Reliability") for caption in captions) is drawn
    sentence = instead_of_reliability(evaluation)
    assert sentence.startswith("On average it is 75 % sure of its answer, and right on 51 %") is not drawn
    assert bool(sentence) is not drawn


def nothing_is_asked(page: str) -> None:
    assert "default-src 'none'" in page
    for word in ("<script", "http://", "https://", "@import", "<link", "<iframe", "javascript:"):
        assert word not in page, word
    assert set(re.findall(r'src="([^:]*):', page)) <= {"data"}
    assert not re.findall(r'href="(?!#|data:image/png)', page)
    assert not re.findall(r"url\((?!#)", page)


def test_the_report_says_what_the_run_says(run: zoo.Run) -> None:
    path = run.report()
    assert path == run.directory / "report.html"
    page = path.read_text(encoding="utf-8")
    nothing_is_asked(page)
    accuracy, count = run.test.accuracy, run.test.count
    assert f"Right on {100 * accuracy:.1f} % of {count} examples" in page
    assert "a&lt;b&gt;&amp;photos" in page
    assert "a<b>" not in page
    assert "<i>" not in page
    assert "1 of 62 files" in run.lint.of("unreadable").message
    assert f"{run.lint.of('unreadable').message}. They are skipped" in page
    assert "red/&lt;b&gt;torn.png (not an image" in page
    assert "one image is there more than once, byte for byte" in page
    found = run.calibrate()
    assert f"One temperature, {found.temperature:.3g}, found on the {run.validation.count} validation examples" in page
    assert f"log loss from {found.before.log_loss:.3f} to {found.after.log_loss:.3f}" in page
    assert f"{count} examples are too few to say at which probabilities it is too sure" in page
    assert page.index("<details><summary>On the validation examples") > page.index("<h2>On the test examples")
    assert "The map has 4 × 4 cells" in page
    for row in run.test.per_class:
        assert f"<td>{row.label}</td><td class=n>{row.precision:.3f}</td><td class=n>{row.recall:.3f}</td>" in page
    wrong = int((run.test.scores.argmax(axis=1) != run.test.targets).sum())
    assert page.count("data:image/jpeg;base64,") == 2 * (min(wrong, 12) + 3) + 1  # the copy
    assert "bit for bit as they were" in page
    assert "Confusion matrix" in page
    assert page.count("data:image/png") >= 8  # a filter each
    assert len(page) < 5_000_000


def test_without_the_photos_it_says_so(run: zoo.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the folder alone, moved elsewhere; the photos gone, then changed, then found again elsewhere."""
    photos = Path(json.loads((run.directory / "run.json").read_text())["plan"]["data"]["source"])
    shutil.copytree(run.directory, tmp_path / "moved")
    record = json.loads((tmp_path / "moved" / "run.json").read_text())
    record["results"]["lint"]["findings"][0]["message"] = "a class <u> of few"  # as its folder may be called
    (tmp_path / "moved" / "run.json").write_text(json.dumps(record))
    away = photos.rename(photos.parent / "away")
    try:
        assert main(["report", str(tmp_path / "moved"), "--out", str(tmp_path / "gone.html"), "-q"]) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / "gone.html")
        page = (tmp_path / "gone.html").read_text()
        assert "There are none here" in page
        assert "a class &lt;u&gt; of few" in page
        assert "<u>" not in page
        assert f"Right on {100 * run.test.accuracy:.1f} % of {run.test.count} examples" in page
        (tmp_path / "moved" / "predictions.npz").rename(tmp_path / "kept.npz")
        page = zoo.report(tmp_path / "moved", tmp_path / "gone.html").read_text()
        assert "as recorded" in page
        (tmp_path / "kept.npz").rename(tmp_path / "moved" / "predictions.npz")
        assert "data:image/jpeg" not in page
        assert f"{run.test.accuracy:.3f}"[:4] in page
        page = zoo.report(tmp_path / "moved", tmp_path / "again.html", data=away).read_text()
        assert "data:image/jpeg" in page
        (away / "red" / "000.png").unlink()
        with pytest.raises(DataError, match="cannot show the data that was given: away has other images"):
            zoo.report(tmp_path / "moved", tmp_path / "x.html", data=away)
    finally:
        shutil.rmtree(away)
        write_photos(photos)


def test_what_is_refused(run: zoo.Run, tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match="not the folder of a run"):
        zoo.report(tmp_path)
    with pytest.raises(OptionError, match="does not exist"):
        zoo.report(run.directory, tmp_path / "no" / "x.html")
    shutil.copytree(run.directory, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**record, "state": "interrupted"}))
    with pytest.raises(OptionError, match="is interrupted, and a report is made of a finished run"):
        zoo.report(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("task", ["regression", "multilabel", "box"])
def test_other_tasks(task: str, tmp_path: Path) -> None:
    heads = {
        "regression": zoo.regressor(["width", "height"]),
        "multilabel": zoo.multilabel(["red", "large", "left"]),
        "box": zoo.locator(),
    }
    model = zoo.build(tiny_backbone(), head=heads[task], preprocessing=NUMBERS)
    data = tiny_dataset(task, count=60)
    run = model.fit(data, validation=0.3, directory=tmp_path / "run")
    page = run.report(data=data).read_text()
    nothing_is_asked(page)
    words = {"regression": "off by", "multilabel": "Mean average precision", "box": "overlaps the true one"}
    assert words[task] in page
    assert page.count("data:image/jpeg") == (12 if task == "box" else 24)
    assert "Largest errors" in page
    tables = {"regression": "<td>width</td>", "multilabel": "<td>large</td>", "box": "<td>upper</td>"}
    assert tables[task] in page
    assert ("lit: " in page) == (task != "box")
    assert "zoo fit" not in page  # the data has no name to type
    assert "model.fit(data, recipe=&#34;lp-ft&#34;)" in page


RECORD = a_record(
    plan=a_plan(
        recipe=RecipeSpec([PhaseSpec(name="probe", solver="convex")]),
        data=DataSource(source="my photos", fingerprint="f" * 64),
    ),
    phases=(PhaseReport(name="probe", seconds=1.0, solver="convex"),),
    history={"accuracy": [1.0], "val_accuracy": [0.7]},
)


def test_the_verdict_by_hand() -> None:
    """Ten examples: seven right; the two mistakes at 0.95 count as sure, the one at 0.6 does not."""
    scores = np.full((10, 2), 0.05)
    told = [0, 0, 0, 0, 0, 0, 1, 1, 1, 0]
    scores[np.arange(10), told] = 0.95
    scores[9] = (0.6, 0.4)
    targets = np.array([0, 0, 0, 0, 0, 0, 1, 0, 0, 1])
    found = verdict(evaluate_scores(scores, targets, labels=["a", "b"]), RECORD, "validation")
    assert found.good == (
        'Right on 70.0 % of 10 examples it was not trained on. Always saying "a" would be right on 80.0 %.',
    )
    assert found.fails == (
        'Weakest class: "b" (1 of 2 found).',
        'Most often "a" is predicted as "b": 2 of 8.',
        "It was at least 90 % sure of 2 of its mistakes.",
    )
    assert "between 39.7 % and 89.2 %" in found.sure[0]
    assert "overconfident: on average 91.5 % sure, but right 70.0 %" in found.sure[2]
    assert "it has memorized them" in found.next[0]
    assert "`zoo fit 'my photos' --recipe lp-ft`" in found.next[1]
    assert len(found.next) == 3


def test_the_verdict_on_a_box_and_on_several_answers_by_hand() -> None:
    """Two boxes side by side, told each the whole picture; the mean box is both, half of which is each."""
    true = np.array([[0, 0, 0.5, 1.0], [0.5, 0, 1, 1.0]])
    told = np.tile([0.0, 0, 1, 1], (2, 1))
    box = evaluate_scores(told, true, task="box")
    history = {"mae": [0.01], "val_mae": [0.125]}
    found = verdict(box, RECORD.changed(history=history), "test")
    # The mean box is 0.25..0.75: 0.25 in common, 0.75 in all.
    assert found.good[0].endswith(
        "by at least half on 100.0 % of 2 examples it was not trained on. Always saying the "
        "mean box would overlap by 33.3 %."
    )
    assert "off by 0.01, on others by 0.125" in found.next[0]
    assert "`zoo fit 'my photos' --features stage2:gem`" in found.next[1]
    plan = RECORD.plan.changed(data=DataSource(source="my/table.csv", fingerprint="f" * 64))
    lint = {"findings": [{"severity": "error", "message": "5 images leak"}]}
    outputs = [
        Output(name="age", task="regression", labels=("age",)),
        Output(name="where", task="box", labels=BOX_LABELS),
    ]
    scores, targets = (
        np.column_stack([age, boxes[[0, 1, 1]]]) for age, boxes in (([3.0, 1, 2], told), ([1.0, 2, 3], true))
    )
    several = evaluate_outputs(scores, targets, outputs)
    found = verdict(several, a_record(plan=plan, lint=lint, phases=RECORD.phases), "test")
    assert found.good[0].startswith("age: off by 1.333 on average")
    assert found.good[0].endswith("So it has learned nothing that generalizes.")
    assert found.good[1].startswith("where: The predicted box overlaps")
    assert found.next[0] == "Fix the data first: 5 images leak. `zoo.lint(data)` says more."
    assert 'features="stage2:gem"' in found.next[1]
    assert found.next[2].endswith('`model.fit(data, recipe="lp-ft")`.')


def test_the_verdict_on_values_by_hand() -> None:
    targets = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    scores = targets + np.array([[0.0], [0.0], [0.0], [0.0], [2.0], [2.0]])
    found = verdict(evaluate_scores(scores, targets, labels=["age"], task="regression"), RECORD, "test")
    assert found.good[0].startswith("age: off by 0.6667 on average, on 6")
    assert "the mean would be off by 1.5." in found.good[0]
    assert found.fails == ("age: worst between 4 and 5, where it is off by 2 on average, mostly too high.",)


def test_the_verdict_on_labels_that_nothing_has() -> None:
    found = verdict(evaluate_scores(np.full((4, 2), [0.1, 0.6]), np.zeros((4, 2)), task="multilabel"), RECORD, "test")
    assert found.good[0].startswith("None of the 4 examples has a label")
    assert found.good[0].endswith("for 0.0 % of them.")
    assert not found.fails
