"""Imports one plugin in a process of its own, so that one that hangs, crashes or prints harms nobody; measures it.

`python -m zoo.plugin.tools.trial_import` is that process: it reads what to do as JSON on stdin and writes its findings
to a file, since stdout and stderr belong to the plugin.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.plugin.records import HEAVY, Problem, import_remarks

TIMEOUT = 20.0
"""Seconds after which an import counts as hung."""


@dataclass
class Findings:
    """What an import in a process of its own showed.

    Attributes:
        seconds: time of the import; None if it did not end.
        manifest: the text that `zoo plugins manifest` would write; None if the hooks do not give one.
        problems: what is wrong, remarks included.
    """

    seconds: float | None = None
    manifest: str | None = None
    problems: list[Problem] = field(default_factory=list)


def try_import(plugin: str, module: str, *, paths: tuple[str, ...] = (), timeout: float = TIMEOUT) -> Findings:
    """Import a plugin's module in a process of its own and call its hooks there.

    Args:
        plugin: id of the plugin.
        module: the module with its hooks.
        paths: folders to put in front of `sys.path`, for a plugin that is not installed.
        timeout: seconds after which the process is ended.
    """
    with tempfile.TemporaryDirectory(prefix="zoo-trial-") as folder:
        report = Path(folder) / "findings.json"
        job = {"plugin": plugin, "module": module, "path": [*paths, *sys.path], "out": str(report)}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "zoo.plugin.tools.trial_import"],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                # zoo itself must be found before the job is read, in whatever folder this process was started.
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
            )
        except subprocess.TimeoutExpired:
            what = f"does not end its import within {timeout:g} s"
            return Findings(problems=[Problem("import", what, "it waits for something at import: move that out")])
        if not report.is_file():
            said = " ".join((done.stderr or done.stdout).split())[-200:]
            what = f"ends the Python process that imports it (exit code {done.returncode})"
            return Findings(problems=[Problem("import", what, "it calls os._exit or crashes in native code", said)])
        data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    findings = Findings(data["seconds"], data["manifest"], [Problem(**problem) for problem in data["problems"]])
    if findings.seconds is not None:
        findings.problems += import_remarks(
            findings.seconds, done.stdout + done.stderr, data["loaded"], data["changed"]
        )
    return findings


def _main() -> None:
    """The process: import, look, call the hooks, write down."""
    job = json.load(sys.stdin)
    sys.path[:] = job["path"]
    # Loaded first, so that only what the plugin itself needs is measured.
    from zoo.plugin.hooks import Hooks
    from zoo.plugin.manifest import make_manifest
    from zoo.plugin.surroundings import kept

    hooks = Hooks()
    findings: dict[str, Any] = {"seconds": None, "manifest": None, "loaded": [], "changed": [], "problems": []}
    problems: list[Problem] = []
    start, before = time.perf_counter(), set(sys.modules)
    try:
        with kept() as watch:
            module = importlib.import_module(job["module"])
            findings["seconds"] = time.perf_counter() - start
        findings["changed"] = watch.changed
        findings["loaded"] = sorted(set(HEAVY) & {name.partition(".")[0] for name in set(sys.modules) - before})
        hooks.register(job["plugin"], module)
        problems += [*hooks.misnamed(module), *hooks.results(module)[1]]
        if not problems:
            findings["manifest"] = make_manifest(job["plugin"], job["module"])
    except BaseException as error:  # whatever a plugin raises is what was looked for
        problems.append(Problem.of("import" if findings["seconds"] is None else "hook", error))
    findings["problems"] = [problem.to_dict() for problem in problems]
    Path(job["out"]).write_text(json.dumps(findings), encoding="utf-8")


if __name__ == "__main__":
    _main()
