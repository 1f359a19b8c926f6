"""What the hooks of plugin modules return, each hook and each spec guarded on its own; built on pluggy.

pluggy registers modules, checks the arguments of their hooks, and says which hooks a module implements
(`get_hookcallers`) and which it misspells (a caller without a specification). It does not call them:
`pm.hook.zoo_heads()` ends at the first plugin that raises and cannot say which results were whose, and here a plugin
that fails must leave the others whole. For the same reason `check_pending` is not called: it raises at the first
unknown hook of any plugin; `Hooks.misnamed` asks the same question for one module and answers with all of them and
their near misses.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from zoo.errors import PluginError, did_you_mean
from zoo.plugin.calling import short
from zoo.plugin.records import Problem

LEFT_OUT = "it is left out; tell the plugin's author"

MOST_SPECS = 10_000
"""A hook that yields more than these never ends."""


class Hooks:
    """The modules of plugins, registered with pluggy."""

    def __init__(self) -> None:
        import pluggy

        from zoo.plugin.hookspecs import ZooSpecs

        self._pluggy = pluggy.PluginManager("zoo")
        self._pluggy.add_hookspecs(ZooSpecs)

    def register(self, plugin: str, module: ModuleType) -> None:
        """Take in a plugin's module; its hooks are checked to take the arguments that they are called with.

        Raises:
            pluggy.PluginValidationError: a hook takes others.
        """
        self._pluggy.register(module, name=plugin)

    def functions(self, module: ModuleType) -> dict[str, Any]:
        """The hook implementations of a registered module: name of the hook -> implementation."""
        return {
            caller.name: implementation
            for caller in self._pluggy.get_hookcallers(module) or ()
            for implementation in caller.get_hookimpls()
            if implementation.plugin is module
        }

    def misnamed(self, module: ModuleType) -> list[Problem]:
        """Functions of a module that look like hooks and are none: misspelled, without decorator, or wrappers."""
        from zoo.plugin.hookspecs import HOOKS

        known = HOOKS.values()
        problems = []
        for name, implementation in self.functions(module).items():
            if name not in known and not implementation.optionalhook:  # optional: for a zoo that may have it
                what = f"there is no hook {name!r}, so it is never called.{did_you_mean(name, known)}"
                problems.append(Problem("hook", what, "rename it"))
            if name in known and (implementation.wrapper or implementation.hookwrapper):
                what = f"{name} wraps the hooks of other plugins, which is not done here: it is never called"
                problems.append(Problem("hook", what, "return specs of its own"))
        for name in known:
            function = vars(module).get(name)
            if callable(function) and not hasattr(function, "zoo_impl"):
                what = f"{name} lacks the decorator @zoo.hookimpl, so it is never called"
                problems.append(Problem("hook", what, "add the decorator"))
        return problems

    def results(self, module: ModuleType) -> tuple[dict[str, list[Any]], list[Problem]]:
        """What the hooks of a registered module return.

        Returns:
            kind -> specs that are good, and the problems. Of a hook that raises, what it yielded before is kept.
        """
        from zoo.plugin.hookspecs import HOOKS

        functions = self.functions(module)
        results: dict[str, list[Any]] = {}
        problems: list[Problem] = []
        for kind, hook in HOOKS.items():
            implementation = functions.get(hook)
            if implementation is None or implementation.wrapper or implementation.hookwrapper:
                continue
            results[kind] = []
            try:
                for item in _each(hook, kind, implementation.function()):
                    if isinstance(item, Problem):
                        problems.append(item)
                    else:
                        results[kind].append(item)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # isolation: whatever a hook raises must not break the others
                problem = Problem.of("hook", error)
                problems.append(dataclasses.replace(problem, what=f"{hook} failed: {problem.what}"))
        return results, problems


def _each(hook: str, kind: str, returned: Any) -> Iterator[Any]:
    """The good specs that a hook returned, and a Problem in place of each that is none."""
    from pydantic import BaseModel

    from zoo.specs import KINDS

    spec_type = KINDS[kind]
    if isinstance(returned, BaseModel | str | bytes | dict) or not isinstance(returned, Iterable):
        what = (
            f"{hook} must return {spec_type.__name__} objects in a list, or yield them; it returned {short(returned)}"
        )
        yield Problem("hook", what, LEFT_OUT)
        return
    names: set[str] = set()
    for number, spec in enumerate(itertools.islice(returned, MOST_SPECS + 1)):
        if number == MOST_SPECS:
            what = f"{hook} does not end: it yielded more than {MOST_SPECS} specs; the first are kept"
            yield Problem("hook", what, "yield each spec once")
        elif not isinstance(spec, spec_type):
            what = f"{hook} must return {spec_type.__name__} objects; it returned {short(spec)}"
            yield Problem("spec", what, LEFT_OUT)
        elif spec.name == spec_type.model_fields["name"].default:
            what = f"{hook} returned one without a name ({spec.name!r} is what it is called then)"
            yield Problem("spec", what, LEFT_OUT)
        elif spec.name in names:
            yield Problem("spec", f"{hook} returned {spec.name!r} twice", "the second is left out")
        else:
            names.add(spec.name)
            yield spec


def _registered(module: ModuleType) -> Hooks:
    hooks = Hooks()
    hooks.register(module.__name__, module)
    return hooks


def hook_functions(module: ModuleType) -> dict[str, Any]:
    """The hook implementations of a plugin module: name of the hook -> decorated function.

    Read off the module, without pluggy's check of their arguments: that is what the conformance kit looks at.
    """
    functions = {}
    for name, value in vars(module).items():
        options = vars(value).get("zoo_impl") if hasattr(value, "__dict__") else None
        if isinstance(options, dict):
            functions[options.get("specname") or name] = value
    return functions


def misnamed_hooks(module: ModuleType) -> list[Problem]:
    """Functions of a plugin module that look like hooks and are none; see `Hooks.misnamed`."""
    return _registered(module).misnamed(module)


def hook_results(module: ModuleType) -> dict[str, list[Any]]:
    """What the hooks of one plugin module return: kind -> specs, each checked to be of the kind.

    Raises:
        PluginError: a hook raised, returned something that is not a spec of its kind or the same name twice, or is no
            hook of zoo.
    """
    hooks = _registered(module)
    results, problems = hooks.results(module)
    for problem in [*problems, *hooks.misnamed(module)]:
        raise PluginError(problem.what)
    return results
