"""The errors zoo raises on purpose: what was asked, what was found, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from zoo.printing import printable


class ZooError(Exception):
    """Base of every error that zoo raises on purpose; the command line shows it as one line.

    Its text can be printed: names in it that hold control characters, or are not UTF-8, are written out.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*(printable(arg, keep="\n\t") if isinstance(arg, str) else arg for arg in args))


class UnknownNameError(ZooError, KeyError):
    """A name that nobody provides. The message suggests near misses."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0])


class AmbiguousNameError(ZooError):
    """A bare name that two or more third-party plugins provide."""


class PluginError(ZooError):
    """A plugin failed: at discovery, at import, in a hook or in a factory."""


class OptionError(ZooError, ValueError):
    """An argument or option that is unknown or has a value that cannot work."""


class DataError(ZooError, ValueError):
    """Data that cannot be used as given: folders, images, arrays, labels."""


class WeightsError(ZooError):
    """Weights that are missing, damaged, or do not fit the architecture."""


class DigestError(WeightsError):
    """Bytes whose digest is not the one that was published."""


class DownloadError(WeightsError):
    """A transfer that did not end with the whole file."""


class OfflineError(DownloadError):
    """A file that is not in the store while `ZOO_OFFLINE=1` forbids the network."""


class UntrainedHeadError(ZooError):
    """A prediction was asked from a head that was never trained."""


class EngineError(ZooError):
    """An engine could not compute features: its workers died, or its numbers are not those of Keras."""


class FrozenError(ZooError):
    """Something that had to stay frozen moved: BatchNorm or a frozen stage of the base."""


class DivergedError(OptionError):
    """Training left the numbers: loss or weights are NaN or infinite. The message names the learning rate."""


class ResumeError(ZooError):
    """A run that cannot go on where it was: nothing was saved, or what it depends on has changed."""


class UnsafeFileError(ZooError):
    """A model file that holds code or paths instead of data, or is damaged."""


def did_you_mean(name: str, known: Iterable[str], *, limit: int = 3) -> str:
    """A sentence that names near misses.

    Args:
        name: what was asked.
        known: all names that would have worked.
        limit: how many suggestions at most.

    Returns:
        `" Did you mean 'vgg16'?"` with a leading space, or an empty string when nothing is near.
    """
    flat = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower().replace("-", "_"), list(flat), n=limit, cutoff=0.6)
    if not near:
        return ""
    return " Did you mean " + " or ".join(repr(flat[key]) for key in near) + "?"


def unknown(kind: str, name: str, known: Iterable[str], *, command: str | None = None) -> UnknownNameError:
    """The error for a name nobody provides, with suggestions and where to look them all up."""
    names = sorted(known)
    text = f"there is no {kind} named {name!r}.{did_you_mean(name, names)}"
    if command:
        text += f" `{command}` lists them all."
    elif len(names) <= 12:
        text += " Known: " + ", ".join(names) + "."
    return UnknownNameError(text)
