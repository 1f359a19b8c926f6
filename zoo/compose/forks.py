"""Tells a forked child from its parent: the threads that compute stay there, and a child would wait for them.

`multiprocessing` forks on Linux before Python 3.14, and so do some servers and data loaders.
"""

from __future__ import annotations

import os

from zoo.errors import EngineError

_built_in: list[int] = []
"""Number of the process that built the first model."""


def note_built() -> None:
    """Take note that this process has a model: from here on TensorFlow's threads run in it."""
    if not _built_in:
        _built_in.append(os.getpid())


def check_not_forked() -> None:
    """Refuse to compute in a child that was forked after a model was built.

    Raises:
        EngineError: it is such a child.
    """
    if _built_in and _built_in[0] != os.getpid():
        raise EngineError(
            "this process was forked from one that had already built a model, and would wait forever: the threads that "
            "compute do not come along. Start the child anew (multiprocessing.get_context('spawn')) and load the model "
            "in it, or use threads"
        )
