"""Keeps checks apart from the rest: no network, no other plugins, and a process that has never heard of a plugin."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any

from zoo.plugin import Manager
from zoo.plugin.discovery import GROUP
from zoo.registry import DISTRIBUTION


class NetworkUsedError(OSError):
    """Something reached for the network where that is forbidden."""


@contextlib.contextmanager
def no_network() -> Iterator[list[str]]:
    """Within it, `ZOO_OFFLINE=1` is set and every use of the network raises `NetworkUsedError`.

    Yields:
        A list that fills with what was tried, also where the code that tried swallowed the error.
    """
    tried: list[str] = []

    def refuse(what: str) -> NetworkUsedError:
        tried.append(what)
        return NetworkUsedError(f"{what}: the network is not to be used here")

    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise refuse(f"connect to {address}")
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise refuse(f"connect to {address}")
        return connect_ex(self, address)

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        raise refuse(f"look up {host}")

    before = os.environ.get("ZOO_OFFLINE")
    patched: Any = socket.socket
    os.environ["ZOO_OFFLINE"] = "1"
    patched.connect, patched.connect_ex, socket.getaddrinfo = guarded_connect, guarded_connect_ex, guarded_lookup
    try:
        yield tried
    finally:
        patched.connect, patched.connect_ex, socket.getaddrinfo = connect, connect_ex, lookup
        if before is None:
            del os.environ["ZOO_OFFLINE"]
        else:
            os.environ["ZOO_OFFLINE"] = before


# -- other plugins ------------------------------------------------------------------------------------------------


class IsolatedManager(Manager):
    """A manager that knows zoo's own plugins and those added here, whatever else is installed.

    Example:
        ```python
        manager = IsolatedManager()
        manager.add("birds", "zoo_birds.plugin")
        manager.registry().get("heads", "birds200")
        ```
    """

    def __init__(self) -> None:
        self._points = [point for dist in _zoo() for point in dist.entry_points if point.group == GROUP]
        super().__init__(self._points)

    def add(self, plugin: str, module: str, *, distribution: str | None = None, version: str = "0") -> None:
        """Make a plugin known, as if a distribution with this entry point were installed.

        Args:
            plugin: id of the plugin: the name of the entry point.
            module: the module with its hooks; its package must be importable.
            distribution: name of the distribution; default "zoo-" and the id.
            version: of the distribution.
        """
        name = distribution or f"zoo-{plugin.replace('_', '-')}"
        self._points += _Pretended(name, version, f"[{GROUP}]\n{plugin} = {module}\n").entry_points
        super().__init__(self._points)  # forgets what was read so far


class _Pretended(Distribution):
    """A distribution that is not installed."""

    def __init__(self, name: str, version: str, entry_points: str) -> None:
        self._files = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            "entry_points.txt": entry_points,
        }

    def read_text(self, filename: str) -> str | None:
        return self._files.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        return Path(path)


def _zoo() -> list[Distribution]:
    return [dist for dist in distributions() if dist.name == DISTRIBUTION][:1]


def entry_points_in(folder: str | os.PathLike[str]) -> list[EntryPoint]:
    """The plugin entry points of the distributions installed in a folder, and zoo's own."""
    dists = [*distributions(path=[str(folder)]), *_zoo()]
    return [point for dist in dists for point in dist.entry_points if point.group == GROUP]


# -- plain Keras ---------------------------------------------------------------------------------------------------

_SERVER = """
import importlib.abc, json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
class Absent(importlib.abc.MetaPathFinder):
    names = set()
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
absent = Absent()
sys.meta_path.insert(0, absent)
import keras, numpy
for line in sys.stdin:
    paths = json.loads(line)
    absent.names = set(paths["absent"])
    try:
        model = keras.saving.load_model(paths["model"], compile=False, safe_mode=True)
        outputs = keras.tree.flatten(model(numpy.load(paths["inputs"]), training=False))
        numpy.savez(paths["outputs"], *[keras.ops.convert_to_numpy(output) for output in outputs])
        problem = None
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    answers.write(json.dumps(problem) + "\\n")
    answers.flush()
"""


class PlainKeras:
    """Another process with Keras in it and neither zoo nor the plugin: what a saved file meets where it is deployed.

    Started at its first use and kept, since starting costs seconds.
    """

    _process: subprocess.Popen[str] | None = None

    @classmethod
    def predict(cls, model: Path, inputs: Any, *, absent: Iterable[str]) -> list[Any]:
        """Load a `.keras` file there and call it.

        Args:
            model: the file.
            inputs: array for the model.
            absent: top-level packages that cannot be imported there.

        Returns:
            The outputs, as arrays.

        Raises:
            RuntimeError: it cannot be loaded or called there; the message is Keras's.
        """
        import numpy as np

        process = cls._running()
        assert process.stdin is not None
        assert process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            given, answered = Path(folder, "inputs.npy"), Path(folder, "outputs.npz")
            np.save(given, inputs)
            job = {"model": str(model), "inputs": str(given), "outputs": str(answered), "absent": sorted(absent)}
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                cls.close()
                raise RuntimeError("the process with plain Keras ended while it loaded the file")
            problem = json.loads(line)
            if problem is not None:
                raise RuntimeError(problem)
            with np.load(answered) as arrays:
                return [arrays[name] for name in arrays.files]

    @classmethod
    def _running(cls) -> subprocess.Popen[str]:
        if cls._process is None or cls._process.poll() is not None:
            cls._process = subprocess.Popen(
                [sys.executable, "-c", _SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            atexit.register(cls.close)
        return cls._process

    @classmethod
    def close(cls) -> None:
        """End the process."""
        process, cls._process = cls._process, None
        if process is not None:
            process.kill()
            process.communicate()
