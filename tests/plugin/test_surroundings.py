"""What belongs to the process is as it was after code of a plugin ran, and stdout holds results only."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoo.plugin.surroundings import kept


def umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def look() -> dict[str, object]:
    import keras

    return {
        "filters": list(warnings.filters),
        "show": warnings.showwarning,
        "folder": os.getcwd(),
        "signal": signal.getsignal(signal.SIGINT),
        "term": signal.getsignal(signal.SIGTERM),
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tobytes(),
        "errors": np.geterr(),
        "keras": (keras.config.floatx(), keras.config.dtype_policy().name, keras.config.image_data_format()),
        "logging": (logging.root.level, logging.root.manager.disable),
        "hooks": (sys.excepthook, sys.getrecursionlimit()),
        "timeout": socket.getdefaulttimeout(),
        "variables": {name: value for name, value in os.environ.items() if name.startswith("ZOO_")},
        "umask": umask(),
        "stdout": sys.stdout,
        "stderr": sys.stderr,
    }


def keras_policy() -> None:
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")


SPOILERS: dict[str, tuple[Callable[[], object], str]] = {
    "filters": (lambda: warnings.simplefilter("ignore"), "warning filters"),
    "filters gone": (warnings.resetwarnings, "warning filters"),
    "showwarning": (lambda: setattr(warnings, "showwarning", print), "warning filters"),
    "folder": (lambda: os.chdir("/"), "the working directory"),
    "signal": (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN), "signal handlers"),
    "random": (lambda: random.seed(0), "the state of random"),
    "numpy": (lambda: np.random.seed(0), "the random state of NumPy"),
    "errors": (lambda: np.seterr(all="raise"), "the error settings of NumPy"),
    "keras": (keras_policy, "global settings of Keras"),
    "logging": (lambda: logging.disable(logging.CRITICAL), "the root logger"),
    "excepthook": (lambda: setattr(sys, "excepthook", print), "hooks of the interpreter"),
    "variable changed": (lambda: os.environ.update(ZOO_OFFLINE="0"), "variables ZOO_... of the environment"),
    "variable gone": (lambda: os.environ.pop("ZOO_OFFLINE"), "variables ZOO_... of the environment"),
    "variable new": (lambda: os.environ.update(ZOO_MIRROR="x"), "variables ZOO_... of the environment"),
    "umask": (lambda: os.umask(0), "the permissions of new files (umask)"),
    "timeout": (lambda: socket.setdefaulttimeout(0.5), "the timeout of sockets"),
}


@pytest.mark.parametrize("name", SPOILERS)
@pytest.mark.parametrize("fails", [False, True])
def test_it_is_put_back_and_named(name: str, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spoil, part = SPOILERS[name]
    before = look()
    try:
        with kept() as watch:
            spoil()
            if fails:
                raise RuntimeError
    except RuntimeError:
        pass
    assert look() == before
    assert watch.changed == [part]


def test_nothing_is_named_where_nothing_changed() -> None:
    with kept() as watch:
        pass
    assert (watch.changed, watch.printed) == ([], "")


def test_stdout_is_a_whole_stream(capfd: pytest.CaptureFixture[str]) -> None:
    with kept() as watch:
        print("printed")
        sys.stdout.write("written\n")
        sys.stdout.buffer.write("bytes ü\n".encode())
        sys.stdout.writelines(["lines\n"])
        sys.stdout.flush()
        assert (sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.encoding) == (False, True, "utf-8")
        sys.stdout.reconfigure(errors="strict")  # type: ignore[union-attr]
        subprocess.run([sys.executable, "-c", "print('below')"], stdout=sys.stdout, check=True)
    out, err = capfd.readouterr()
    assert out == ""
    for word in ("printed", "written", "bytes ü", "lines", "below"):
        assert f"{word}\n" in err
    assert "below" not in watch.printed  # it went past Python
    assert "bytes ü" in watch.printed


def test_a_stream_that_is_closed_or_replaced_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    with kept():
        sys.stdout.close()
    with kept():
        sys.stdout = sys.stderr = None  # type: ignore[assignment]
    print("result")
    assert capsys.readouterr() == ("result\n", "")


def test_without_stderr_what_is_printed_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with kept() as watch:
        print("nobody hears it")
    assert watch.printed == "nobody hears it\n"


def test_within_one_another_the_outermost_puts_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with kept() as outer:
        print("one")
        with kept() as inner:
            print("two")
            os.chdir("/")
        assert inner.printed == "two\n"
    assert Path.cwd() == tmp_path
    assert outer.printed == "one\ntwo\n"


def test_several_threads_at_once_leave_stdout_alone() -> None:
    stdout, start = sys.stdout, threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(50):
            with kept():
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is stdout
