"""zoo.recommend: what it picks, what it calls a tie, what it leaves out and why, and that the second call is free."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import DataError, OptionError, UnknownNameError
from zoo.evaluation import mcnemar, wilson
from zoo.ranking import Ranked, Recommendation, Skipped, judging, recommend
from zoo.ranking.candidates import plan
from zoo.ranking.clock import Clock
from zoo.ranking.judging import Judge, Protocol

ASKED = {"candidates": ["efficientnet_lite0", "mobilenet_025", "resnet50"], "input_sizes": [32, 96]}


@pytest.fixture(scope="module")
def photos(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen photos of each of three flowers, one file twice; class names that a page must escape."""
    folder = tmp_path_factory.mktemp("ranking") / "a <b>folder"
    for name, label in (("daisy", "daisy & co"), ("roses", "<script>alert(1)</script>"), ("tulips", "tulips")):
        target = folder / label.replace("/", "_")
        target.mkdir(parents=True)
        for file in sorted((shared_data / "flowers5" / name).iterdir())[:16]:
            shutil.copy(file, target / file.name)
    first = next((folder / "tulips").iterdir())
    shutil.copy(first, folder / "tulips" / "copy.jpg")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _weights(shared_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """A cache of its own, and the weights of mobilenet_025 where a user would put them."""
    root = tmp_path_factory.mktemp("own")
    (root / "data" / "weights").mkdir(parents=True)
    shutil.copy(shared_data / "weights" / "imagenet" / "mobilenet_2_5_224_tf_no_top.h5", root / "data" / "weights")
    patch = pytest.MonkeyPatch()
    patch.setenv("ZOO_CACHE_DIR", str(root / "cache"))
    patch.setenv("ZOO_DATA_DIR", str(root / "data"))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def found(photos: Path) -> Recommendation:
    return recommend(photos, **ASKED, scores=("probe", "knn", "logme", "hscore"), folds=3)


def ranked(name: str, right: np.ndarray, **changes) -> Ranked:
    measured = right[right >= 0]
    values = {
        "backbone": name, "input_size": 224, "features": "avg", "accuracy": float(measured.mean()),
        "interval": wilson(int(measured.sum()), len(measured)), "log_loss": -float(np.log(measured.mean())),
        "images": len(measured), "knn": None, "knn_interval": None, "logme": None, "hscore": None, "top1": None,
        "params": 10, "macs": 10, "ms": 1.0, "size": 40, "license": "MIT", "seconds": 1.0, "computed": 0,
        "right": right,
    }  # fmt: skip
    return Ranked(**{**values, **changes})


def answers(accuracy: float, count: int = 1000, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(count) < accuracy).astype(np.int8)


# -- on real photos ---------------------------------------------------------------------------------------------------


def test_the_pick_and_its_figures(found: Recommendation) -> None:
    ties, others = [row for row in found if row.tie], [row for row in found if not row.tie]
    assert list(found) == [*ties, *others]
    assert [row.score for row in ties] == sorted((row.score for row in ties), reverse=True)
    assert [row.accuracy for row in others] == sorted((row.accuracy for row in others), reverse=True)
    assert {row.name for row in found} == {
        f"{name}@{size}/avg" for name in ("efficientnet_lite0", "mobilenet_025") for size in (32, 96)
    }
    # At 32 pixels a photo of 300 is a stamp: the larger input has to win.
    assert found.best.input_size == 96
    assert found.best.accuracy > 0.8
    assert not found[-1].tie
    assert found.pareto[-1].accuracy == max(row.accuracy for row in found)
    best = next(row for row in found if row.name == "efficientnet_lite0@96/avg")
    assert best.images == 49
    assert best.interval == wilson(best.accuracy * 49, 49)
    assert best.knn_interval == wilson(best.knn * 49, 49)
    assert (best.params, best.size, best.license, best.top1) == (3_413_024, 4 * 3_413_024, "Apache-2.0", 0.74846)
    assert best.macs == pytest.approx(383.9e6 * (96 / 224) ** 2, rel=0.05)
    assert all(row.ms > 0 and 0 <= row.knn <= 1 and np.isfinite(row.logme) and row.hscore >= 0 for row in found)
    assert found.computed == sum(row.computed for row in found) == 4 * 49
    assert [(item.name, "ZOO_OFFLINE=1" in item.reason) for item in found.skipped] == [("resnet50", True)]


def test_the_second_call_builds_nothing_and_says_the_same(found: Recommendation, photos: Path, monkeypatch) -> None:
    monkeypatch.setattr(judging, "compose", lambda *a, **k: pytest.fail("a network was built"))
    said: list[tuple[int, int]] = []
    again = zoo.recommend(
        str(photos), **ASKED, scores=("probe", "knn", "logme", "hscore"), folds=3, progress=lambda *a: said.append(a)
    )
    assert again.computed == 0
    strip = {"seconds", "computed"}
    assert [{k: v for k, v in row.to_dict().items() if k not in strip} for row in again] == [
        {k: v for k, v in row.to_dict().items() if k not in strip} for row in found
    ]
    assert said[-1] == (4 * 49, 4 * 49)
    assert [done for done, _ in said] == sorted(done for done, _ in said)


class _BuiltError(Exception):
    """A network is about to be built."""


@pytest.mark.parametrize("change", ["seed", "folds", "scores", "a photo less", "a label", "size", "features gone"])
def test_figures_of_something_else_are_not_taken(found: Recommendation, photos: Path, monkeypatch, change: str) -> None:
    def built(*_, **__):
        raise _BuiltError

    monkeypatch.setattr(judging, "compose", built)
    data: object = zoo.data.load(photos)
    options = {**ASKED, "scores": ("probe", "knn", "logme", "hscore"), "folds": 3}
    recommend(data, **options)
    if change == "a photo less":
        data = data.subset(np.arange(1, 49))
    elif change == "a label":
        targets = data.targets.copy()
        targets[0] = 1
        data = zoo.ImageFiles("same photos", [photos / name for name in data.ids], targets, data.labels)
    elif change == "features gone":
        monkeypatch.setattr(judging, "features_root", lambda: photos)
    else:
        options |= {"seed": {"seed": 1}, "folds": {"folds": 2}, "scores": {"scores": ("probe",)},
                    "size": {"input_sizes": [40]}}[change]  # fmt: skip
    with pytest.raises(_BuiltError):
        recommend(data, **options)


def test_a_damaged_figure_is_no_figure(tmp_path: Path, monkeypatch) -> None:
    from zoo.features import kept

    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))
    kept.write("some", {"a": 1}, {"accuracy": 0.5})
    assert kept.read("some", {"a": 1}) == {"accuracy": 0.5}
    assert kept.read("some", {"a": 2}) is None
    (file,) = tmp_path.rglob("*.json")
    file.write_bytes(file.read_bytes().replace(b"0.5", b"0.6"))
    assert kept.read("some", {"a": 1}) is None


def test_the_best_can_be_built_and_fitted_from_the_same_features_graph(found: Recommendation) -> None:
    model = zoo.build(**found.best.arguments, head=zoo.classifier(["a", "b", "c"]))
    assert (model.input_size, model.composition.backbone.count_params()) == (96, found.best.params)


def test_text_dict_and_page(found: Recommendation, tmp_path: Path) -> None:
    text = repr(found)
    assert text.splitlines()[0].split()[:3] == ["candidate", "score", "accuracy"]
    assert "left out: resnet50: weights are not downloaded, and ZOO_OFFLINE=1 forbids it (94 MB)" in text
    assert f"Best: {found.best.name}" in found.explain()
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["best"] == found.best.name
    assert data["candidates"][0]["accuracy"] == found.best.accuracy
    page = found.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;_script&gt;" in page
    assert "a &lt;b&gt;folder" in page
    assert "daisy &amp; co" in page
    for word in ("<script", "<b>", "http:", "https:", "src=", "@import"):
        assert word not in page, word
    assert not re.search(r'href="(?!#)|url\((?!#)', page)
    assert page.count("<svg") == 1
    with pytest.raises(OptionError, match="cannot be written"):
        found.to_html(tmp_path / "nowhere" / "page.html")


def test_plot(found: Recommendation) -> None:
    figure = found.plot()
    (axes,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3", "4"]
    assert [text.get_text() for text in legend.texts] == [f"{rank}  {row.name}" for rank, row in enumerate(found, 1)]


def test_without_a_word_the_candidates_are_those_on_this_machine(photos: Path, monkeypatch) -> None:
    planned, skipped = plan(None, "pretrained", None, None, dict.fromkeys(("max_params", "max_size", "license")))
    assert {"efficientnet_lite0", "mobilenet_025"} <= {candidate.backbone for candidate in planned}
    reasons = {item.name: item.reason for item in skipped}
    assert "ZOO_OFFLINE=1" in reasons["vgg16"]
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    _, skipped = plan(None, "pretrained", None, None, dict.fromkeys(("max_params", "max_size", "license")))
    assert 'candidates="all"' in {item.name: item.reason for item in skipped}["vgg16"]
    planned, _ = plan("all", "pretrained", None, None, {"max_params": 3e6, "max_size": None, "license": None})
    assert "mobilenet_v2" in {candidate.backbone for candidate in planned}


def test_every_candidate_left_out_is_listed_with_its_reason(photos: Path) -> None:
    result = recommend(
        photos,
        ["efficientnet_lite0", "efficientnet_lite1", "mobilenet_025", "squeezenet", "vgg16"],
        max_params=4e6,
        license="apache-2.0",
        input_sizes=[16, 32],
        features=["avg", "stage99"],
        folds=2,
    )
    reasons = {item.name: item.reason for item in result.skipped}
    assert "more than 4 M weights" in reasons["efficientnet_lite1"]
    assert "license MIT" in reasons["squeezenet"]
    assert "more than 4 M" in reasons["vgg16"]
    assert "smallest input" in reasons["efficientnet_lite0@16/avg"]
    assert "no features 'stage99'" in reasons["efficientnet_lite0@32/stage99"]
    assert {row.name for row in result} == {"efficientnet_lite0@32/avg", "mobilenet_025@32/avg"}


# -- errors before any long work --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"budget": 0}, "positive number of seconds"),
        ({"budget": float("nan")}, "positive number of seconds"),
        ({"scores": ("knn",)}, '"probe", which decides'),
        ({"scores": ("probe", "leep")}, "leep"),
        ({"folds": 1}, "from 2"),
        ({"seed": -1}, "from 0"),
        ({"input_sizes": []}, "list of sides in px"),
        ({"input_sizes": ["96"]}, "list of sides in px"),
        ({"features": "avg"}, "list of names"),
        ({"candidates": []}, "names of backbones"),
        ({"candidates": ["efficientnet_lite0"], "max_params": 10}, "no candidate is left.*more than 1e-05 M"),
        ({"candidates": ["resnet50"]}, "no candidate is left.*ZOO_OFFLINE"),
    ],
)
def test_bad_options_are_told_before_any_work(photos: Path, monkeypatch, options: dict, words: str) -> None:
    monkeypatch.setattr(judging, "compose", lambda *a, **k: pytest.fail("work was begun"))
    with pytest.raises(OptionError, match=words):
        recommend(photos, **options)


def test_bad_names_and_data_are_told_before_any_work(photos: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(judging, "compose", lambda *a, **k: pytest.fail("work was begun"))
    with pytest.raises(UnknownNameError, match="Did you mean 'efficientnet_lite0'"):
        recommend(photos, ["efficientnet_lit0"])
    with pytest.raises(UnknownNameError, match="resnet5"):
        recommend(photos, weights={"resnet5": None})
    with pytest.raises(DataError):
        recommend(tmp_path / "nothing")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    with pytest.raises(DataError, match="has 4 different images"):
        recommend((pixels, np.array([0, 0, 1, 1])))
    with pytest.raises(DataError, match="is data for regression"):
        recommend(zoo.Arrays(pixels, np.array([0.5, 1.5, 2.5, 3.0]), task="regression"))


# -- on planted answers -----------------------------------------------------------------------------------------------


def test_mcnemar_is_the_exact_binomial_test() -> None:
    a, b = np.array([1] * 9 + [0] * 2 + [1] * 50, bool), np.array([0] * 9 + [1] * 2 + [1] * 50, bool)
    assert mcnemar(a, b) == pytest.approx(2 * (1 + 11 + 55) / 2**11)  # two-sided tail of binomial(11, 1/2)
    assert mcnemar(a, a) == 1


def test_equal_candidates_tie_and_the_fastest_is_named() -> None:
    right = answers(0.8)
    almost = right.copy()
    almost[:3] ^= 1
    worse = right.copy()
    worse[np.flatnonzero(right)[:40]] = 0
    found = Recommendation(
        [ranked("slow", right, ms=9.0), ranked("quick", almost, ms=2.0), ranked("worse", worse, ms=1.0)],
        data="planted", labels=("a", "b"), images=1000,
    )  # fmt: skip
    assert {row.backbone: row.tie for row in found} == {"slow": True, "quick": True, "worse": False}
    assert found.fastest.backbone == "quick"
    assert "quick@224/avg is as good as slow@224/avg as far as these 1000 images can show" in found.explain()
    # The intervals of best and worse overlap: only the paired test tells them apart.
    assert found[-1].interval[1] > found[0].interval[0]
    alone = Recommendation([ranked("slow", right), ranked("worse", worse)], data="planted", labels="ab", images=1000)
    assert "points worse" in alone.explain()


def test_among_those_that_tie_the_score_decides() -> None:
    right = answers(0.8)
    fewer = right.copy()
    fewer[:5] = 0
    bad = answers(0.6, seed=3)
    rows = [ranked("most", right, knn=0.7), ranked("surer", fewer, log_loss=0.1, knn=0.75),
            ranked("neighbors", fewer, knn=0.8), ranked("bad", bad, log_loss=0.01, knn=0.99)]  # fmt: skip
    found = Recommendation(rows, data="planted", labels="ab", images=1000)
    assert [row.backbone for row in found] == ["surer", "neighbors", "most", "bad"]
    assert found.best.score == pytest.approx((np.exp(-0.1) + 0.75) / 2)
    # The highest score of all does not count for one that the test tells apart from the most accurate.
    assert found[-1].score > found.best.score
    assert [row.tie for row in found] == [True, True, True, False]
    said = found.explain()
    assert "neighbors@224/avg, most@224/avg are as good as surer@224/avg as far as these 1000 images can show" in said
    assert "surer@224/avg is listed first because its probabilities and neighbors are better (score 0.827)" in said
    assert "The most accurate is most@224/avg (" in said
    assert "surer@224/avg, 0.827, is the mean of the probability of the right class (0.905" in said
    assert ranked("alone", right, log_loss=0.1).score == pytest.approx(np.exp(-0.1))


def test_to_fine_tune_is_the_best_by_prior_among_the_good_and_the_best_by_probe() -> None:
    def of(**prior: float | None) -> list[str]:
        rows = [ranked("a", answers(0.9), top1=prior["a"]), ranked("b", answers(0.89, seed=1), top1=prior["b"]),
                ranked("c", answers(0.5, seed=2), top1=prior["c"])]  # fmt: skip
        return [row.backbone for row in Recommendation(rows, data="", labels="ab", images=1000).to_fine_tune]

    assert of(a=0.7, b=0.8, c=0.9) == ["b", "a"]  # "c" is published best, and no good here
    assert of(a=0.8, b=0.7, c=0.9) == ["a", "b"]
    assert of(a=None, b=None, c=0.9) == ["a", "b"]


class Planted:
    """Stands in for the measuring: candidate `input_size` is right with the probability planted for it."""

    def __init__(self, monkeypatch, seconds: float = 0.0) -> None:
        self.truth = {size: 0.5 + 0.4 * (size - 100) / 39 for size in range(100, 140)}
        self.seen: list[int] = []

        def measure(judge, candidate, indices, *, final):
            judge.clock.start -= seconds
            self.seen.append(len(indices))
            right = np.full(len(judge.dataset), -1, np.int8)
            right[indices] = answers(self.truth[candidate.size], len(judge.dataset), seed=candidate.size)[indices]
            return ranked(candidate.backbone, right, input_size=candidate.size, ms=candidate.size / 100)

        monkeypatch.setattr(Judge, "measure", measure)
        pixels = np.random.default_rng(0).integers(0, 256, (2000, 4, 4, 3)).astype(np.uint8)
        self.data = (pixels, np.arange(2000) % 4)

    def __call__(self, **options) -> Recommendation:
        return recommend(self.data, ["efficientnet_lite0"], input_sizes=list(self.truth), **options)


def test_screening_finds_the_planted_best_and_lists_the_others(monkeypatch) -> None:
    planted = Planted(monkeypatch)
    found = planted()
    regret = max(planted.truth.values()) - planted.truth[found.best.input_size]
    assert regret <= 0.011
    assert len(found) == 6
    assert len(found.skipped) == 34
    assert all("screened out on" in item.reason for item in found.skipped)
    assert {row.images for row in found} == {2000}
    # Successive halving costs a fraction of measuring everything: 40 * 200 + 14 * 600 + 6 * 2000 of 40 * 2000.
    assert sum(planted.seen) < 0.4 * 40 * 2000


def test_the_sample_is_stratified(monkeypatch) -> None:
    targets = np.repeat([0, 1], [900, 100])
    data = zoo.Arrays(np.full((1000, 2, 2, 3), 9, np.uint8), targets)
    judge = Judge(data, Protocol(("probe",), cache=False), Clock(None))
    order = judge.order()
    assert sorted(order) == list(range(1000))
    for count in (50, 200, 500):
        assert abs(targets[order[:count]].mean() - 0.1) <= 0.02


def test_the_budget_ends_the_work_and_what_is_left_out_is_said(monkeypatch) -> None:
    found = Planted(monkeypatch, seconds=10)(budget=1000)  # 40 candidates of the sample, 14 and 6: 600 s
    assert len(found) == 6
    found = Planted(monkeypatch, seconds=10)(budget=575)  # in the last round
    assert {row.images for row in found} == {2000}
    assert [item for item in found.skipped if item.late and "budget of 575 s" in item.reason]
    assert len(found) + len(found.skipped) == 40
    found = Planted(monkeypatch, seconds=10)(budget=425)  # in the second round: figures of the first
    assert {row.images for row in found} == {200}
    assert "figures are of 200 images only" in found.notes[-1]
    assert len(found) + len(found.skipped) == 40
    found = Planted(monkeypatch, seconds=10)(budget=25)  # in the first: the cheapest
    assert sorted(row.input_size for row in found) == [100, 101, 102]
    assert len(found) + len(found.skipped) == 40
    found = Planted(monkeypatch)(budget=1e-9)  # one is measured in any case
    assert [(row.input_size, row.images) for row in found] == [(100, 200)]
    assert "figures are of 200 images only" in found.notes[-1]


def test_under_a_budget_all_are_measured_roughly_before_one_exactly(monkeypatch) -> None:
    def planted(budget: float) -> Recommendation:
        planted = Planted(monkeypatch, seconds=10)
        planted.truth = {size: planted.truth[size] for size in (100, 120, 139)}
        return planted(budget=budget)

    found = planted(100)
    assert [row.images for row in found] == [2000] * 3
    assert found.settings["budget_for_all"] is None
    found = planted(45)  # three roughly, two of them on all images
    assert {(row.input_size, row.images) for row in found} == {(139, 2000), (120, 2000)}
    (late,) = [item for item in found.skipped if item.late]
    assert "on 200 its score was" in late.reason
    assert "2 of 3 candidates fit into 45 s. All 3 need about" in found.sentences()[1]
    found = planted(35)  # one on all images: the three of the sample can be compared
    assert {(row.input_size, row.images) for row in found} == {(size, 200) for size in (100, 120, 139)}
    assert "No candidate fit into 35 s on all 2000 images. All 3 need about" in found.sentences()[1]
    assert found.settings["budget_for_all"] > 35
    found = planted(5)
    assert [(row.input_size, row.images) for row in found] == [(100, 200)]


def test_the_budget_stops_a_pass_over_the_images(photos: Path) -> None:
    """The clock is asked after every batch; what was finished stays in the cache."""
    clock = Clock(None)
    judge = Judge(zoo.ImageFiles.from_folder(photos), Protocol(("probe",), folds=3, cache=False), clock)

    def stop(done: int, total: int) -> None:
        clock.budget = 1e-9

    judge.progress = stop
    skipped: list[Skipped] = []
    planned, _ = plan(["mobilenet_025"], "pretrained", None, [40], dict.fromkeys(("max_params", "max_size", "license")))
    assert judge.measure_all(planned, np.arange(49), skipped) == []
    assert skipped[0].late


def test_milliseconds_are_kept_for_the_same_graph_only(monkeypatch) -> None:
    import keras

    from zoo.features import latency

    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    assert latency.milliseconds(model) == latency.milliseconds(model)
    monkeypatch.setattr(latency, "graph_digest", lambda model: None)
    monkeypatch.setattr(latency.kept, "write", lambda *a: pytest.fail("kept for a graph without a digest"))
    assert latency.milliseconds(model) > 0


# -- command line -----------------------------------------------------------------------------------------------------


def test_command(found: Recommendation, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from zoo.cli.main import main

    page = tmp_path / "out.html"
    words = ["recommend", str(photos), "--candidates", "mobilenet_025", "--input-sizes", "32,96", "--folds", "3"]
    assert main([*words, "--html", str(page)]) == 0
    out = capsys.readouterr().out
    assert "mobilenet_025@96/avg" in out
    assert out.splitlines()[-1].startswith("next: zoo fit ")
    assert page.is_file()
    assert main([*words, "--json", "--max-params", "10M", "--license", "apache-2.0", "--budget", "500"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["computed"] == 0
    assert data["best"] == "mobilenet_025@96/avg"
    assert main([*words, "--input-sizes", "big"]) == 2
    assert main(["recommend", str(photos), "--html", str(tmp_path / "no" / "out.html")]) == 1
    assert main(["recommend", str(photos), "--candidates", "resnet_5O"]) == 1
    assert "Did you mean" in capsys.readouterr().err
