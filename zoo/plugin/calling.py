"""The one place through which code of plugins is called: failures name plugin, distribution and version."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from zoo.errors import PluginError, ZooError
from zoo.registry import Provider

_LONGEST = 600
"""Characters of a value or of an error's text that a message shows."""

_GUARDED = "__zoo_guarded__"


class Watch:
    """What code that ran within `kept` printed, and which parts of the process it had changed.

    Attributes:
        printed: what it wrote to stdout, its first 10,000 characters.
        changed: names of what was put back, such as "the working directory".
    """

    def __init__(self) -> None:
        self.printed = ""
        self.changed: list[str] = []


@contextmanager
def calling(provider: Provider, what: str, *, where: str = "", keep: bool = True) -> Iterator[Watch]:
    """Within it, code of a plugin runs: whatever it raises becomes a `PluginError` that says whose it is.

    Errors of zoo pass as they are, and so does Ctrl-C. Everything else ends here: `sys.exit()` of a factory must not
    end the program, and a panic of an extension (a `BaseException`) must not pass by what handles errors.

    Args:
        provider: who provides the code.
        what: what is called, as the beginning of the message: "head 'owls'".
        where: in what it may fail, with what: " in zoo_birds.heads:build with options {}".
        keep: also put back what it changes in the process, and pass what it prints to stderr; False for functions that
            are called for each example, from several threads.

    Raises:
        PluginError: the code raised something.
    """
    with _kept() if keep else nullcontext(Watch()) as watch:
        try:
            yield watch
        except PluginError as error:
            if provider.distribution in str(error):
                raise
            raise PluginError(f"{what} of {provider}: {error}") from error
        except (ZooError, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever a plugin raises; see above
            raise PluginError(f"{what} of {provider} failed{where}: {shown(error)}") from error


def _kept() -> AbstractContextManager[Watch]:
    from zoo.plugin.surroundings import kept  # here, not above: a listing calls no code of a plugin, and starts without

    return kept()


def guarded(
    provider: Provider,
    what: str,
    function: Callable[..., Any],
    *,
    check: Callable[[Any], str] | None = None,
) -> Callable[..., Any]:
    """A function of a plugin, to be called where it is used: failures and wrong return values say whose it is.

    Args:
        provider: who provides it.
        what: what it is: "augmentation 'dusk'".
        function: the plugin's function.
        check: what is wrong with a value that it returned; empty text where nothing is.
    """

    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        with calling(provider, what, keep=False):
            value = function(*args, **kwargs)
        if check is not None and (fault := check(value)):
            raise PluginError(f"{what} of {provider} {fault}")
        return value

    return call


def guard_methods(
    provider: Provider,
    what: str,
    kind: type,
    methods: Sequence[str],
    *,
    checks: Mapping[str, Callable[[Any], str]] | None = None,
) -> None:
    """Guard the methods that a class of a plugin (and its bases that are not zoo's) defines, each once.

    In place, in the class that defines them: an object must stay of its own class, for pickling and for those who ask
    where a method is defined.

    Args:
        provider: who provides the class.
        what: what its objects are: "dataset 'owls'".
        kind: the class.
        methods: names of methods.
        checks: what is wrong with the value that a method returned, by the method's name.
    """
    for base in kind.__mro__:
        if base is object or base.__module__.partition(".")[0] == "zoo":
            continue
        for name in methods:
            method = vars(base).get(name)
            if not callable(method) or getattr(method, _GUARDED, False):
                continue
            wrapper = guarded(provider, f"{what}: {name}", method, check=(checks or {}).get(name))
            setattr(wrapper, _GUARDED, True)
            setattr(base, name, wrapper)


def shown(error: BaseException) -> str:
    """An error as a line of a message: its type and its text, and for `sys.exit()` what was called."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({short(error.code) if error.code is not None else ''})"
    text = _text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def short(value: Any) -> str:
    """The representation of a value of a plugin, whatever it is, of bounded length."""
    try:
        text = repr(value)
    except Exception:  # a representation that fails is no reason to fail
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # as above
        return "(its text cannot be shown)"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
