"""What all conformance suites share: checks as methods, run by pytest or by `check_plugin`, with one outcome each."""

from __future__ import annotations

import contextlib
import os
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, NoReturn

from zoo.errors import PluginError
from zoo.plugin import Manager, use_manager
from zoo.plugin import manager as process_manager
from zoo.registry import Entry, ZooNotice
from zoo.testing.report import CheckResult, Outcome

_ONE = {"modalities": "modality"}
"""Kind -> what one of it is called, where that is not the kind without its last letter."""


class CheckFailed(AssertionError):
    """A check found what it is there to find."""


class CheckSkipped(Exception):
    """A check could not look; the message is the reason, without which the skip counts as a failure."""


def _as_test(check: str, doc: str | None) -> Callable[[Any], None]:
    """The check as pytest sees it."""

    def test(self: Conformance) -> None:
        result = self.run(check)
        if result.outcome == "passed":
            return
        import pytest

        if check in self.expected_failures and result.outcome == "skipped":
            pytest.xfail(self.expected_failures[check])
        if result.outcome == "skipped":
            pytest.skip(result.detail)
        if isinstance(result.error, CheckFailed):
            pytest.fail(f"{result.prevents}\n{result.detail}", pytrace=False)
        assert result.error is not None
        raise result.error

    test.__doc__ = doc
    test.__name__ = test.__qualname__ = f"test_{check.removeprefix('check_')}"
    return test


class Conformance:
    """Base of the suites: every method `check_...` is one check, which pytest sees as `test_...`.

    The first line of a check's docstring names the failure that a user would see without it. A check returns when all
    is well, raises (`fail`) when it is not, and skips (`skip`) with a reason when it cannot tell.

    Attributes:
        options: options to call the factory or loader with; default its own defaults.
        expected_failures: check -> why it is known to fail. Such a check must fail: when it passes, that is reported.
        manager: the plugins to look among; default those of the process.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = {}
    expected_failures: ClassVar[Mapping[str, str]] = {}
    manager: ClassVar[Manager | None] = None
    abstract: ClassVar[bool] = True

    __test__ = False
    _results: ClassVar[dict[str, CheckResult]]
    _kept: ClassVar[dict[Any, Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.abstract = bool(vars(cls).get("abstract", False))
        cls.__test__ = not cls.abstract
        cls._results, cls._kept = {}, {}
        checks = cls.checks()
        unknown = [name for name in cls.expected_failures if name not in checks]
        if unknown:
            raise TypeError(
                f"{cls.__name__}: expected_failures names {', '.join(unknown)}; checks: {', '.join(checks)}"
            )
        blank = [name for name, reason in cls.expected_failures.items() if not reason.strip()]
        if blank:
            raise TypeError(f"{cls.__name__}: expected_failures needs a reason for {', '.join(blank)}")
        for name in checks:
            if not callable(getattr(cls, name)):
                raise TypeError(f"{cls.__name__}: {name} is a check; to go without it, name it in expected_failures")
            test = f"test_{name.removeprefix('check_')}"
            if test not in vars(cls):
                setattr(cls, test, _as_test(name, getattr(cls, name).__doc__))

    @classmethod
    def checks(cls) -> list[str]:
        """The names of all checks, in the order they are written."""
        names = [name for base in reversed(cls.__mro__) for name in vars(base) if name.startswith("check_")]
        return list(dict.fromkeys(names))

    # -- running ---------------------------------------------------------------------------------------------------
    def run(self, check: str) -> CheckResult:
        """The outcome of a check, once computed."""
        if check not in self._results:
            self._results[check] = self._run(check)
        return self._results[check]

    def _run(self, check: str) -> CheckResult:
        outcome: Outcome = "passed"
        detail = ""
        cause: BaseException | None = None
        try:
            with self._surroundings():
                getattr(self, check)()
        except CheckSkipped as skipped:
            outcome, detail = "skipped", str(skipped).strip()
            if not detail:
                outcome, detail, cause = "failed", "skipped without a reason", skipped
        except (Exception, SystemExit) as error:  # whatever a plugin's code does is a finding, not the end of the run
            outcome, cause = "failed", error
            detail = str(error) if isinstance(error, CheckFailed) else f"{type(error).__name__}: {error}"
        reason = self.expected_failures.get(check)
        if reason and outcome == "failed":
            outcome, detail, cause = "skipped", f"expected to fail: {reason}", None
        elif reason and outcome == "passed":
            outcome, detail = "failed", f"expected to fail ({reason}), but it passes: take it out of expected_failures"
            cause = CheckFailed(detail)
        prevents = (getattr(self, check).__doc__ or "").strip().partition("\n")[0]
        return CheckResult(self.subject(), check, prevents, outcome, detail, cause)

    @contextlib.contextmanager
    def _surroundings(self) -> Iterator[None]:
        """The suite's own manager, nothing downloaded, notices kept quiet; all of it put back."""
        before = use_manager(self.manager) if self.manager is not None else None
        offline = os.environ.get("ZOO_OFFLINE")
        os.environ["ZOO_OFFLINE"] = "1"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ZooNotice)
                yield
        finally:
            if self.manager is not None:
                use_manager(before)
            if offline is None:
                os.environ.pop("ZOO_OFFLINE", None)
            else:
                os.environ["ZOO_OFFLINE"] = offline

    @classmethod
    def teardown_class(cls) -> None:
        """Forget what the checks shared (pytest calls this by its name)."""
        cls._kept.clear()
        cls._results.clear()

    # -- for checks --------------------------------------------------------------------------------------------------
    def subject(self) -> str:
        """What is checked, as reports call it."""
        return f"{_ONE.get(self.kind, self.kind.removesuffix('s'))} {self.name or '(without a name)'}"

    def fail(self, cause: str) -> NoReturn:
        """The check found something: say what was found and what to do.

        Raises:
            CheckFailed: always.
        """
        raise CheckFailed(cause)

    def skip(self, reason: str) -> NoReturn:
        """The check cannot tell: say why.

        Raises:
            CheckSkipped: always.
        """
        raise CheckSkipped(reason)

    def need(self, *checks: str) -> None:
        """What this check builds on: where one of these fails, this one has nothing to look at and is skipped."""
        for check in checks:
            result = self.run(check)
            if result.outcome == "failed" or check in self.expected_failures:
                self.skip(f"needs {check}, which fails")
            if result.outcome == "skipped":
                self.skip(f"needs {check}, which is skipped")

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        """Something that several checks look at, made once a suite."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    @property
    def plugins(self) -> Manager:
        """The plugins to look among."""
        return self.manager or process_manager()


class EntryConformance(Conformance):
    """What the suites of named things share: the entry, its spec, its code and its options."""

    abstract = True

    @cached_property
    def entry(self) -> Entry:
        """The entry under `name`; what is wrong with it as a whole is for `PluginConformance` to say."""
        if not self.name:
            self.fail(f"{type(self).__name__} needs `name`: the name of one of the plugin's {self.kind}")
        if self.name != self.name.lower():  # names are looked up without regard to case
            self.skip(f"{self.name!r} cannot be reached: ids and names are lower case (PluginConformance says more)")
        entry = self.plugins.registry().get(self.kind, self.name)
        try:
            for target in import_strings(entry.spec).values():
                self.plugins.target(entry, target)
        except PluginError as error:
            self.skip(f"its code cannot be used (PluginConformance says more): {error}")
        return entry

    @property
    def spec(self) -> Any:
        """The spec of the entry."""
        return self.entry.spec


class OptionConformance(EntryConformance):
    """What the suites of things with options share."""

    abstract = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call its factory or loader with the suite's options."""
        target = self.spec.loader if self.kind == "datasets" else self.spec.factory
        # zoo puts the random states back after each call: without a step in between, code that draws its numbers from
        # them would draw the same ones twice, and pass for code that keeps to its seed.
        import numpy as np

        random.random()
        np.random.random()
        if target is None:  # a dataset that names its files
            from zoo.data.named import named

            return named(self.entry, self.usable_options())
        return self.plugins.call(self.entry, target, *args, options=self.usable_options(), **kwargs)

    def usable_options(self) -> dict[str, Any]:
        """The options of the suite, if they are all that is needed; else skips."""
        if self.spec.options:
            fields = self.plugins.target(self.entry, self.spec.options).model_fields
            missing = [name for name, field in fields.items() if field.is_required() and name not in self.options]
            if missing:
                self.skip(f"needs the options {', '.join(missing)}: give them as `options`")
        return dict(self.options)

    # -- options -------------------------------------------------------------------------------------------------
    def check_unknown_option_rejected(self) -> None:
        """A misspelled option is ignored without a word, and the user trains with the default."""
        from zoo.errors import OptionError

        try:
            self.plugins.options(self.entry, {**self.options, "no_such_option": 1})
        except OptionError:
            return
        self.fail(
            f"{self.spec.options} accepts the option 'no_such_option': "
            f"give it model_config = ConfigDict(extra='forbid')"
        )

    def check_option_defaults(self) -> None:
        """The defaults themselves are refused as soon as somebody writes them down, or are not what is documented."""
        if not self.spec.options:
            return
        model = self.plugins.target(self.entry, self.spec.options)
        for name, field in model.model_fields.items():
            if field.is_required():
                continue
            given = dict(self.options) | {name: field.get_default(call_default_factory=True)}
            fault = _refusal(model, name, given)
            if fault:
                self.fail(f"the default of option {name!r}, {given[name]!r}, is not valid: {fault}")

    def check_option_schema(self) -> None:
        """`zoo heads show` and completion tell users options that the code does not have."""
        record = next(record for record in self.plugins.records() if record.id == self.entry.provider.plugin)
        if not record.manifest:
            self.skip("there is no manifest that could hold the schema")
        stored = self.entry.data.get("option_schema", {})
        schema = self.plugins.target(self.entry, self.spec.options).model_json_schema() if self.spec.options else {}
        if stored != schema:
            self.fail(
                f"the manifest's option_schema is not that of {self.spec.options}: "
                f"run zoo plugins manifest {record.id} --write"
            )

    def check_options_described(self) -> None:
        """The user sees the name of an option and is left to guess its unit and meaning."""
        if not self.spec.options:
            return
        fields = self.plugins.target(self.entry, self.spec.options).model_fields
        silent = [name for name, field in fields.items() if not (field.description or "").strip()]
        if silent:
            self.fail(f"no description: {', '.join(silent)}; write Field(..., description=...)")


def _refusal(model: Any, name: str, given: Mapping[str, Any]) -> str:
    """Why a model of options refuses this one of those given; "" where only others, without a default, are missing."""
    from pydantic import ValidationError

    try:
        model.model_validate(given)
    except ValidationError as error:
        required = [n for n, f in model.model_fields.items() if f.is_required() and n not in given]
        wrong = [problem for problem in error.errors() if problem["loc"][:1] == (name,)]
        if wrong or not required:
            return str((wrong or error.errors())[0]["msg"])
    return ""


def import_strings(spec: Any) -> dict[str, str]:
    """The import strings of a spec: field -> "module:attribute"."""
    named = {field: getattr(spec, field, None) for field in ("factory", "loader", "builder", "target", "options")}
    return {field: target for field, target in named.items() if target}
