"""The kit itself: what it costs to have it installed, its fixtures, its report, and how pytest sees its suites."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo.testing
from zoo.errors import UnknownNameError
from zoo.testing import (
    CheckResult,
    Conformance,
    IsolatedManager,
    NetworkUsedError,
    PluginConformance,
    Report,
    check_plugin,
    no_network,
)

ROOT = Path(__file__).parents[2]


# -- laziness -------------------------------------------------------------------------------------------------------


def test_the_pytest_plugin_imports_nothing_of_zoo() -> None:
    tree = ast.parse((ROOT / "zoo/testing/pytest_plugin.py").read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    assert not [name for name in names if name.partition(".")[0] == "zoo"]
    # Its parents are imported along with it: they must be next to nothing.
    program = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport zoo.testing.pytest_plugin\n"
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = ast.literal_eval(done.stdout)
    assert {name for name in loaded if name.startswith("zoo")} == {
        "zoo",
        "zoo._version",
        "zoo.testing",
        "zoo.testing.pytest_plugin",
    }
    assert len(loaded) < 12, loaded


def test_every_public_name_is_there_and_none_is_a_module() -> None:
    modules = {path.stem for path in (ROOT / "zoo/testing").glob("*.py")}
    assert not modules & set(zoo.testing.__all__)
    for name in zoo.testing.__all__:
        assert getattr(zoo.testing, name).__doc__
    assert set(zoo.testing.__all__) <= set(dir(zoo.testing))
    with pytest.raises(AttributeError, match="no_such"):
        _ = zoo.testing.no_such


# -- isolation ------------------------------------------------------------------------------------------------------


def test_no_network_refuses_and_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    with no_network() as tried:
        assert os.environ["ZOO_OFFLINE"] == "1"
        with pytest.raises(NetworkUsedError, match="not to be used"):
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        with pytest.raises(OSError, match="not to be used"), socket.socket() as plain:
            plain.connect(("127.0.0.1", 9))
    assert len(tried) == 2
    assert "ZOO_OFFLINE" not in os.environ
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass


def test_an_isolated_manager_sees_what_is_added(site: Path) -> None:
    import owls

    owls.write(site, facts=False)
    manager = IsolatedManager()
    assert {record.id for record in manager.records()} >= {"zoo_vision", "zoo_flowers", "zoo_classics"}
    manager.add("owls", "zoo_t_owls.plugin", version="1.2")
    entry = manager.registry().get("heads", "owls")
    assert str(entry.provider) == "zoo-owls 1.2 (plugin owls)"


def test_the_manager_fixture_is_that_of_the_process(zoo_manager: IsolatedManager, site: Path) -> None:
    import owls

    import zoo.plugin

    owls.write(site, facts=False)
    assert zoo.plugin.manager() is zoo_manager
    with pytest.raises(UnknownNameError):
        zoo.plugin.registry().get("heads", "owls")
    zoo_manager.add("owls", "zoo_t_owls.plugin")
    assert zoo.plugin.registry().get("heads", "owls").id == "owls:owls"


# -- tiny things ----------------------------------------------------------------------------------------------------


def test_the_tiny_backbone_reacts_to_its_input(tiny_backbone: Any) -> None:
    from zoo.testing.calibration import moved, sample_photos, swapped

    pixels = sample_photos(32, seed=5)
    before, after = (
        np.asarray(tiny_backbone(x / 127.5 - 1, training=False)).mean((1, 2)) for x in (pixels, swapped(pixels))
    )
    assert before.shape == (32, 24)
    assert moved(before, after) > 0.2
    assert np.array_equal(tiny_backbone.get_weights()[0], zoo.testing.tiny_backbone().get_weights()[0])
    assert not np.array_equal(tiny_backbone.get_weights()[0], zoo.testing.tiny_backbone(seed=1).get_weights()[0])


def test_tiny_data_is_what_it_says(
    tiny_images: Any, tiny_multilabel: Any, tiny_values: Any, tiny_boxes: Any, zoo_offline: None
) -> None:
    for data, task, columns in (
        (tiny_images, "classification", 3),
        (tiny_multilabel, "multilabel", 3),
        (tiny_values, "regression", 2),
        (tiny_boxes, "box", 4),
    ):
        assert (data.task, len(data), data.n_classes) == (task, 36, columns)
        assert len(set(data.hashes())) == 36
        assert data.fingerprint() == zoo.testing.tiny_dataset(task).fingerprint()
    flags = tiny_multilabel.targets
    assert ((flags.mean(axis=0) > 0.15) & (flags.mean(axis=0) < 0.85)).all()
    for index in range(36):  # the color is where the box says
        x_min, y_min, x_max, y_max = (tiny_boxes.targets[index] * 32).round().astype(int)
        inside = tiny_boxes.image(index)[y_min:y_max, x_min:x_max].astype(float)
        assert inside.mean((0, 1)).argmax() == tiny_images.targets[index]
        assert np.ptp(inside.mean((0, 1))) > 60


# -- results and reports --------------------------------------------------------------------------------------------


class Sample(Conformance):
    """A suite without a subject."""

    abstract = True
    kind = "heads"

    def check_good(self) -> None:
        """Nothing goes wrong here."""

    def check_bad(self) -> None:
        """Something goes wrong here."""
        self.fail("found it")

    def check_blind(self) -> None:
        """Nobody can tell."""
        self.skip("it is dark")

    def check_mute(self) -> None:
        """Nobody says why."""
        self.skip(" ")

    def check_after(self) -> None:
        """Builds on something that goes wrong."""
        self.need("check_good", "check_bad")

    def check_leaves(self) -> None:
        """Code that ends the process."""
        sys.exit(3)


def sample(**attributes: Any) -> dict[str, CheckResult]:
    test = type("TestSample", (Sample,), {"name": "sample", **attributes})
    return {check: test().run(check) for check in test.checks()}


def test_outcomes() -> None:
    found = sample()
    assert {check: result.outcome for check, result in found.items()} == {
        "check_good": "passed",
        "check_bad": "failed",
        "check_blind": "skipped",
        "check_mute": "failed",
        "check_after": "skipped",
        "check_leaves": "failed",
    }
    assert found["check_bad"].detail == "found it"
    assert found["check_bad"].prevents == "Something goes wrong here."
    assert found["check_mute"].detail == "skipped without a reason"
    assert found["check_after"].detail == "needs check_bad, which fails"


def test_expected_failures_need_reasons_and_have_to_fail() -> None:
    found = sample(expected_failures={"check_bad": "known since 2020", "check_good": "thought so"})
    assert (found["check_bad"].outcome, found["check_bad"].detail) == ("skipped", "expected to fail: known since 2020")
    assert found["check_good"].outcome == "failed"
    assert "it passes" in found["check_good"].detail
    with pytest.raises(TypeError, match="reason"):
        sample(expected_failures={"check_bad": " "})
    with pytest.raises(TypeError, match="check_ugly"):
        sample(expected_failures={"check_ugly": "never seen"})
    with pytest.raises(TypeError, match="name it in expected_failures"):
        sample(check_bad=None)


def test_a_report_says_how_many_ran_and_nothing_is_no_success() -> None:
    good, bad, blind = (
        CheckResult("head a", f"check_{outcome}", "It breaks.", outcome, detail)  # type: ignore[arg-type]
        for outcome, detail in (("passed", ""), ("failed", "found"), ("skipped", "dark"))
    )
    assert not Report("p").ok
    assert "No check ran" in Report("p").render()
    assert not Report("p", [blind]).ok
    assert Report("p", [good, blind]).ok
    assert not Report("p", [good, bad]).ok
    other = CheckResult("head b", "check_x", "It breaks.", "skipped", "dark")
    unknown = Report("p", [good, other])
    assert not unknown.ok
    assert unknown.unchecked() == ["head b"]
    text = Report("p", [good, bad, blind]).render()
    assert "2 checks ran, 1 passed, 1 failed, 1 skipped: DOES NOT CONFORM" in text
    assert "FAILED  check_failed: It breaks." in text
    assert "skipped check_skipped: dark" in text
    data = json.loads(json.dumps(Report("p", [good, bad]).to_dict()))
    assert (data["ok"], data["ran"], data["failed"]) == (False, 2, 1)
    assert data["results"][1]["detail"] == "found"


def test_check_plugin_takes_any_name_of_it_and_options(site: Path) -> None:
    import owls

    manager = owls.write(
        site,
        plugin=[
            ("DATASET = {", 'DATASET = {"task": "multilabel", '),
            # Networks take seconds; all of the plugin is checked in the slow tests of the violators.
            ("def zoo_backbones():\n", "def zoo_backbones():\n    return []\n"),
        ],
        facts=False,
    )
    report = check_plugin(
        "zoo-t-owls", manager=manager, expected_failures={"owl-photos": {"check_task": "the listing is wrong"}}
    )
    assert report.plugin == "owls"
    assert report.ok, report.render()
    subjects = {result.subject for result in report.results}
    assert subjects == {
        "plugin owls",
        "head owls:owls",
        "augmentation owls:owl-turn",
        "dataset owls:owl-photos",
    }
    assert report.ran > 60
    with pytest.raises(UnknownNameError, match="eagles"):
        check_plugin("eagles", manager=manager)


def test_a_broken_plugin_is_reported_and_does_not_raise(site: Path) -> None:
    import owls

    manager = owls.write(site, plugin=[("LABELS = (", "raise RuntimeError('no owl')\nLABELS = (")], facts=False)
    report = check_plugin("owls", manager=manager)
    assert [result.check for result in report.failed()] == ["check_imports"]
    assert "no owl" in report.failed()[0].detail


# -- pytest ---------------------------------------------------------------------------------------------------------

SUITE = """
import pytest
from zoo.testing import Conformance, PluginConformance

class Mine(Conformance):
    abstract = True
    kind = "heads"
    def check_one(self):
        "It breaks."
    def check_two(self):
        "It breaks differently."
        self.fail("found two")
    def check_three(self):
        "It cannot be seen."
        self.skip("it is dark")

"""


def run_pytest(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(SUITE + code)
    (folder / "pytest.ini").write_text("[pytest]\naddopts =\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-ra",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        "test_it.py",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_pytest_sees_each_check_as_a_test(tmp_path: Path) -> None:
    done = run_pytest(
        tmp_path,
        'class TestMine(Mine):\n    name = "a"\n'
        'class TestKnown(Mine):\n    name = "b"\n    expected_failures = {"check_two": "known"}\n'
        'class TestPlugin(PluginConformance):\n    plugin = "zoo_classics"\n',
    )
    assert done.returncode == 1, done.stdout
    out = done.stdout
    assert "FAILED test_it.py::TestMine::test_two - Failed: It breaks differently." in out
    assert "found two" in out
    assert "it is dark" in out
    assert "TestKnown::test_two - known" in out
    assert "1 failed" in out
    assert "1 xfailed" in out
    # Two of the first suite, one of the second, all of the third; seen dark and expected to fail count as skipped.
    assert f"{2 + 1 + len(PluginConformance.checks())} checks ran in 3 suites" in out
    assert " 1 failed; 3 skipped" in out
    assert " Mine::" not in out  # what is abstract is not collected


def test_a_suite_that_looked_at_nothing_is_red(tmp_path: Path) -> None:
    done = run_pytest(
        tmp_path,
        "class Blind(Conformance):\n    abstract = True\n    kind = 'heads'\n"
        "    def check_dark(self):\n        'It breaks.'\n        self.skip('it is dark')\n"
        "class TestBlind(Blind):\n    name = 'a'\n",
    )
    assert done.returncode == 1, done.stdout
    assert "TestBlind: every check was skipped, so nothing is known of it" in done.stdout


def test_a_suite_without_a_name_is_red(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "class TestPlugin(PluginConformance):\n    pass\n")
    assert done.returncode == 1, done.stdout
    assert "needs `plugin`" in done.stdout


def test_the_offline_fixture_fails_the_test_that_swallows_the_error(tmp_path: Path) -> None:
    done = run_pytest(
        tmp_path,
        "import socket\ndef test_quietly(zoo_offline):\n    try:\n"
        "        socket.create_connection(('127.0.0.1', 9))\n    except OSError:\n        pass\n",
    )
    assert done.returncode == 1, done.stdout
    assert "the network was used: look up 127.0.0.1" in done.stdout
