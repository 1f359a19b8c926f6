"""Metrics and engines of plugins: what fails or lies is named, and nothing else suffers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.plugins import install

import zoo
from zoo.errors import EngineError, OptionError, PluginError
from zoo.evaluation import evaluate_scores
from zoo.features import extract
from zoo.registry import ZooNotice
from zoo.testing import EngineConformance, MetricConformance, tiny_backbone, tiny_dataset
from zoo_vision.intake import ImageIntake

METRICS = """
import sys
import zoo
from zoo.specs import MetricSpec

def count(answers, truth, weights):
    return float(weights.sum())
def nan(answers, truth, weights):
    return float("nan")
def raises(answers, truth, weights):
    raise ValueError("moult")
def exits(answers, truth, weights):
    sys.exit(0)
def infinite(answers, truth, weights):
    return float("inf")
def text(answers, truth, weights):
    return "0.5"
def array(answers, truth, weights):
    return answers
def spoils(answers, truth, weights):
    answers[:] = 0
    return 1.0

@zoo.hookimpl
def zoo_metrics():
    for name in ("count", "nan", "raises", "exits", "infinite", "text", "array", "spoils"):
        yield MetricSpec(name=name, summary="x", task="any", function=f"zoo_t_birds.plugin:{name}")
    yield MetricSpec(name="other", summary="x", task="box", function="zoo_t_birds.plugin:count")
"""


def evaluation() -> Any:
    truth = np.arange(9) % 3
    return evaluate_scores(np.eye(3)[truth], truth, labels=("a", "b", "c"))


def test_figures_of_plugins_stand_beside_zoos_own_and_what_fails_is_a_note(site: Path) -> None:
    install(site, "birds", METRICS)
    measured = evaluation()
    assert measured.accuracy == 1.0
    assert {figure.name: figure.value for figure in measured.plugin_figures} == {
        "count": 9.0,
        "nan": pytest.approx(float("nan"), nan_ok=True),
        "spoils": 1.0,
    }
    for name in ("raises", "exits", "infinite", "text", "array"):
        (note,) = [note for note in measured.notes if f"'{name}'" in note]
        assert "zoo-t-birds 1.0" in note
    assert measured.scores.sum() == 9  # a metric that writes into its arguments wrote into copies
    assert measured.to_dict()["plugin_figures"][1]["value"] is None


def test_two_metrics_of_one_name_are_told_apart(site: Path) -> None:
    code = METRICS.replace('("count", "nan", "raises", "exits", "infinite", "text", "array", "spoils")', '("count",)')
    install(site, "birds", code)
    install(site, "cats", code.replace("zoo_t_birds", "zoo_t_cats"))
    assert [figure.name for figure in evaluation().plugin_figures] == ["birds:count", "cats:count"]


def test_a_figure_of_a_plugin_is_in_the_run(site: Path, tmp_path: Path) -> None:
    install(site, "birds", METRICS)
    head = zoo.classifier(tiny_dataset())
    model = zoo.build(tiny_backbone(), head=head, preprocessing=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZooNotice)
        run = model.fit(tiny_dataset(), recipe="probe", verbose=0, directory=tmp_path / "run")
    assert "count" in [figure.name for figure in run.validation.plugin_figures]
    assert '"count"' in (tmp_path / "run" / "run.json").read_text()


ENGINES = """
from types import SimpleNamespace
import sys
import numpy as np
import zoo
from zoo.specs import EngineSpec

class Good:
    identity = "good 1"
    def refuses(self, job):
        return ""
    def values(self, job, members):
        return np.stack([job.model.predict_on_batch(job.array(number)[None])[0] for number in members])
    def run(self, job, tasks, tell):
        for task in tasks:
            tell(len(task.members))
            yield SimpleNamespace(
                shard=task.shard, values=self.values(job, task.members), positions=np.array(task.members), skipped=()
            )
class Off(Good):
    def values(self, job, members):
        return super().values(job, members) * 1.01
class Nan(Good):
    def values(self, job, members):
        return super().values(job, members) * np.nan
class Short(Good):
    def values(self, job, members):
        return super().values(job, members)[1:]
class Silent(Good):
    def run(self, job, tasks, tell):
        yield from ()
class Nothing(Good):
    def run(self, job, tasks, tell):
        yield None
class Stranger(Good):
    def run(self, job, tasks, tell):
        for answer in super().run(job, tasks, tell):
            answer.shard += 99
            yield answer
class Raises(Good):
    def run(self, job, tasks, tell):
        raise ValueError("moult")
        yield
class Exits(Good):
    def run(self, job, tasks, tell):
        sys.exit(0)
        yield
class Wordless(Good):
    def refuses(self, job):
        return None
class Nameless(Good):
    identity = None
class Refuses(Good):
    def refuses(self, job):
        return "it is tired"

@zoo.hookimpl
def zoo_engines():
    for kind in (Good, Off, Nan, Short, Silent, Nothing, Stranger, Raises, Exits, Wordless, Nameless, Refuses):
        name = kind.__name__
        yield EngineSpec(name=name.lower(), summary="x", engine=f"zoo_t_birds.plugin:{name}")
"""


def features(engine: str) -> Any:
    data = tiny_dataset()
    return extract(tiny_backbone(), data, np.arange(len(data)), intake=ImageIntake(size=32), cache=False, engine=engine)


WRONG = {
    "off": (EngineError, "computes other features than Keras"),
    "nan": (PluginError, "finite values"),
    "short": (PluginError, "it has values"),
    "silent": (EngineError, "gave no answer"),
    "nothing": (PluginError, "it yielded None"),
    "stranger": (PluginError, "which nobody gave it"),
    "raises": (PluginError, "ValueError: moult"),
    "exits": (PluginError, r"sys\.exit\(0\)"),
    "wordless": (PluginError, "refuses must return a text"),
    "nameless": (PluginError, "identity must be a text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_engine_that_is_wrong_is_named(site: Path, name: str) -> None:
    install(site, "birds", ENGINES)
    error, words = WRONG[name]
    with pytest.raises(error, match=words) as caught:
        features(name)
    assert f"engine 'birds:{name}' of zoo-t-birds 1.0" in str(caught.value)


def test_where_an_engine_refuses_keras_computes_and_a_notice_says_why(site: Path) -> None:
    install(site, "birds", ENGINES)
    with pytest.warns(ZooNotice, match="it is tired"):
        assert len(features("refuses").positions) == 36


def test_an_engine_that_nobody_provides(site: Path) -> None:
    install(site, "birds", ENGINES)
    with pytest.raises(OptionError, match=r"no engine 'godo'.*good"):
        features("godo")


@pytest.mark.parametrize(
    ("suite", "name", "failed"),
    [
        (EngineConformance, "good", []),
        (EngineConformance, "off", ["check_features_are_those_of_keras"]),
        (EngineConformance, "wordless", ["check_refuses_in_words"]),
        (MetricConformance, "text", ["check_returns_a_float"]),
        (MetricConformance, "infinite", ["check_returns_a_float"]),
        (MetricConformance, "spoils", ["check_leaves_arguments_alone"]),
    ],
)
def test_the_suites_find_what_is_wrong(site: Path, suite: Any, name: str, failed: list[str]) -> None:
    install(site, "birds", METRICS if suite is MetricConformance else ENGINES)
    case = type("TestIt", (suite,), {"name": name})()
    results = [case.run(check) for check in case.checks()]
    assert [result.check for result in results if result.outcome == "failed"] == failed
