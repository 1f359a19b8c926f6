"""Turns whatever goes wrong with what a foreign file holds into one kind of error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.errors import UnsafeFileError, ZooError


@contextmanager
def contained(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Let errors of zoo pass and make every other one an error about the file.

    Args:
        path: the file.
        what: what its content should be, for the message, such as "a model".

    Raises:
        UnsafeFileError: something else than an error of zoo was raised in the block.
    """
    try:
        yield
    except ZooError:
        raise
    # Values that nobody vouches for make Keras, TensorFlow, scikit-learn, pydantic and zoo's own code raise anything.
    except Exception as error:
        text = " ".join(str(error)[:300].split())
        raise UnsafeFileError(f"{path} is damaged: it does not make {what} ({type(error).__name__}: {text})") from error
