"""Keeps what belongs to the whole process as it was while code of a plugin runs, and stdout for results."""

from __future__ import annotations

import codecs
import io
import logging
import os
import random
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from zoo.plugin.calling import Watch

_ABSENT = object()
"""The state of something that is not loaded, and cannot be put back."""

_MOST_HEARD = 10_000
"""Characters of what is printed that are remembered; all of it is passed on."""


class _ToStderr(io.RawIOBase):
    """The bytes below the stand-in for stdout: passed on to stderr, and remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        text = self._decoder.decode(bytes(data))
        self.text += text[: max(0, _MOST_HEARD - len(self.text))]
        if sys.stderr is not None:
            sys.stderr.write(text)
        return len(data)

    def fileno(self) -> int:
        """That of stderr: what is written past Python goes there too."""
        if sys.stderr is None:
            raise io.UnsupportedOperation("there is no stderr")
        return sys.stderr.fileno()


@dataclass(frozen=True)
class _Part:
    """One thing that belongs to the process: what a message calls it, how it is looked up and put back."""

    name: str
    look: Callable[[], Any]
    put_back: Callable[[Any], None]


def _warning_filters() -> Any:
    return warnings.filters, list(warnings.filters), warnings.showwarning


def _put_back_filters(state: Any) -> None:
    listed, content, show = state
    listed[:] = content
    warnings.filters, warnings.showwarning = listed, show
    with warnings.catch_warnings():
        pass  # tells Python's own cache that the filters are others


def _folder() -> Any:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return _ABSENT


def _put_back_folder(folder: str) -> None:
    if os.path.isdir(folder):
        os.chdir(folder)


def _signals() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}  # only the main thread may set them
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _put_back_signals(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _numpy_random() -> Any:
    numpy = sys.modules.get("numpy")
    generator = getattr(numpy, "random", None)
    if generator is None:
        return _ABSENT
    kind, keys, *rest = generator.get_state()
    return kind, keys.tobytes(), *rest


def _put_back_numpy_random(state: Any) -> None:
    import numpy as np

    kind, keys, *rest = state
    np.random.set_state((kind, np.frombuffer(keys, np.uint32), *rest))


def _numpy_errors() -> Any:
    numpy = sys.modules.get("numpy")
    return numpy.geterr() if numpy is not None and hasattr(numpy, "geterr") else _ABSENT


def _put_back_numpy_errors(state: Any) -> None:
    import numpy as np

    np.seterr(**state)


def _keras_settings() -> Any:
    keras = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "config"):
        return _ABSENT
    chosen = keras.config
    return chosen.floatx(), chosen.epsilon(), chosen.image_data_format(), chosen.dtype_policy().name


def _put_back_keras_settings(state: Any) -> None:
    import keras

    keras.config.set_floatx(state[0])
    keras.config.set_epsilon(state[1])
    keras.config.set_image_data_format(state[2])
    keras.config.set_dtype_policy(state[3])


def _logging() -> Any:
    return logging.root.level, logging.root.manager.disable, list(logging.root.handlers)


def _put_back_logging(state: Any) -> None:
    logging.root.level, logging.root.manager.disable = state[:2]
    logging.root.handlers[:] = state[2]


def _hooks() -> Any:
    return sys.excepthook, sys.displayhook, sys.getrecursionlimit()


def _put_back_hooks(state: Any) -> None:
    sys.excepthook, sys.displayhook = state[:2]
    sys.setrecursionlimit(state[2])


def _own_variables() -> dict[str, str]:
    """The variables that are settings of zoo: a plugin that sets ZOO_OFFLINE would undo the user's word."""
    return {name: value for name, value in os.environ.items() if name.startswith("ZOO_")}


def _put_back_own_variables(state: dict[str, str]) -> None:
    for name in _own_variables().keys() - state.keys():
        del os.environ[name]
    os.environ.update(state)


def _umask() -> int:
    mask = os.umask(0o077)  # it can be read by setting it only: for this moment nothing is too open
    os.umask(mask)
    return mask


def _put_back_umask(mask: int) -> None:
    os.umask(mask)


_PARTS = (
    _Part("warning filters", _warning_filters, _put_back_filters),
    _Part("the working directory", _folder, _put_back_folder),
    _Part("signal handlers", _signals, _put_back_signals),
    _Part("the state of random", random.getstate, random.setstate),
    _Part("the random state of NumPy", _numpy_random, _put_back_numpy_random),
    _Part("the error settings of NumPy", _numpy_errors, _put_back_numpy_errors),
    _Part("global settings of Keras", _keras_settings, _put_back_keras_settings),
    _Part("the root logger", _logging, _put_back_logging),
    _Part("hooks of the interpreter", _hooks, _put_back_hooks),
    _Part("variables ZOO_... of the environment", _own_variables, _put_back_own_variables),
    _Part("the permissions of new files (umask)", _umask, _put_back_umask),
    _Part("the timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
)


class _Keeper:
    """The state of the process while code of plugins runs in it: looked up by the first, put back by the last."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._before: list[tuple[_Part, Any]] = []
        self._streams: tuple[TextIO, TextIO] = (sys.stdout, sys.stderr)
        self._raw = _ToStderr()

    def enter(self) -> int:
        """Start to keep; gives how much was printed before by code around this."""
        with self._lock:
            if self._depth == 0:
                self._before = [(part, part.look()) for part in _PARTS]
                self._streams = sys.stdout, sys.stderr
                self._raw = _ToStderr()
                sys.stdout = io.TextIOWrapper(self._raw, "utf-8", errors="replace", write_through=True)
            self._depth += 1
            return len(self._raw.text)

    def leave(self, start: int, watch: Watch) -> None:
        """Put back what was changed, unless other code of plugins is still at work."""
        with self._lock:
            watch.printed = self._raw.text[start:]
            self._depth -= 1
            if self._depth:
                return
            sys.stdout, sys.stderr = self._streams
            for part, state in self._before:
                if state is not _ABSENT and part.look() != state:
                    watch.changed.append(part.name)
                    part.put_back(state)


_keeper = _Keeper()


@contextmanager
def kept() -> Iterator[Watch]:
    """Within it stdout goes to stderr; at its end, what belongs to the process is as it was.

    Kept are warning filters, working directory, signal handlers, the random states of Python and NumPy, stdout and
    stderr, global settings of Keras and NumPy, the root logger, hooks of the interpreter, zoo's own variables of the
    environment, and the umask. Of several that run at once or within one another, the last puts back.

    Yields:
        A record that is filled in at the end.
    """
    watch = Watch()
    start = _keeper.enter()
    try:
        yield watch
    finally:
        _keeper.leave(start, watch)
