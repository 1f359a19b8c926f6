"""What pytest gets in every environment with zoo: fixtures, and a line on the conformance checks that ran.

Nothing of zoo is imported here at the top: pytest loads this module in projects that have nothing to do with zoo, and
before coverage is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import keras

    from zoo.data import Dataset
    from zoo.testing.isolation import IsolatedManager

_OUTCOMES = pytest.StashKey[dict[str, Counter[str]]]()


# -- fixtures -----------------------------------------------------------------------------------------------------


@pytest.fixture
def zoo_manager() -> Iterator[IsolatedManager]:
    """The manager of this process for one test: it knows zoo's own plugins, and those the test adds.

    Example:
        ```python
        def test_build(zoo_manager):
            zoo_manager.add("birds", "zoo_birds.plugin")
            zoo.build("efficientnet_lite0", head="birds200")
        ```
    """
    from zoo.plugin import use_manager
    from zoo.testing.isolation import IsolatedManager

    isolated = IsolatedManager()
    before = use_manager(isolated)
    yield isolated
    use_manager(before)


@pytest.fixture
def zoo_offline() -> Iterator[None]:
    """No network: `ZOO_OFFLINE=1`, and whoever reaches for the network fails the test, also if the error is caught."""
    from zoo.testing.isolation import no_network

    with no_network() as tried:
        yield
    if tried:
        pytest.fail(f"the network was used: {'; '.join(tried[:3])}", pytrace=False)


@pytest.fixture
def tiny_backbone() -> keras.Model:
    """A base of three stages, random but calibrated, no download: float32 (n, 32, 32, 3) in -1..1 to (n, 4, 4, 24)."""
    from zoo.testing.tiny import tiny_backbone

    return tiny_backbone()


@pytest.fixture
def tiny_images() -> Dataset:
    """36 pictures of 32 x 32 pixels in three classes that can be told apart."""
    return _tiny("classification")


@pytest.fixture
def tiny_multilabel() -> Dataset:
    """36 pictures of 32 x 32 pixels with three labels, each of which can be given or not."""
    return _tiny("multilabel")


@pytest.fixture
def tiny_values() -> Dataset:
    """36 pictures of 32 x 32 pixels with two values each (width and height of a rectangle, in px)."""
    return _tiny("regression")


@pytest.fixture
def tiny_boxes() -> Dataset:
    """36 pictures of 32 x 32 pixels with one box each."""
    return _tiny("box")


def _tiny(task: str) -> Dataset:
    from zoo.testing.tiny import tiny_dataset

    return tiny_dataset(task)


# -- how many checks ran ------------------------------------------------------------------------------------------


def _suite(item: Any) -> str | None:
    """The name of the conformance suite that a test belongs to; known without importing it."""
    cls = getattr(item, "cls", None)
    names = {(base.__module__, base.__name__) for base in getattr(cls, "__mro__", ())}
    return str(cls.__name__) if cls and ("zoo.testing.suite", "Conformance") in names else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """Count the outcomes of conformance checks."""
    report = yield
    suite = _suite(item)
    if suite and (report.when == "call" or (report.when == "setup" and report.outcome != "passed")):
        counts = item.config.stash.setdefault(_OUTCOMES, {})
        counts.setdefault(suite, Counter())[report.outcome] += 1
    return report


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:
    """A suite of which every check was skipped says nothing of its subject: that is no success."""
    if exitstatus == 0 and _unchecked(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Say how many conformance checks ran."""
    counts = config.stash.get(_OUTCOMES, {})
    if not counts:
        return
    total: Counter[str] = sum(counts.values(), Counter())
    terminalreporter.write_sep("-", "zoo conformance")
    terminalreporter.write_line(
        f"{total['passed'] + total['failed']} checks ran in {len(counts)} suites: {total['passed']} passed, "
        f"{total['failed']} failed; {total['skipped']} skipped (-rs shows why)"
    )
    for suite in _unchecked(config):
        terminalreporter.write_line(f"{suite}: every check was skipped, so nothing is known of it", red=True)


def _unchecked(config: Any) -> list[str]:
    counts = config.stash.get(_OUTCOMES, {})
    return [suite for suite, outcomes in counts.items() if not outcomes["passed"] and not outcomes["failed"]]
