"""Listing and help with 20 installed plugins beside none, as whole processes; a ratio within one run.

The plugins each sleep 0.1 s at import; three are broken in different ways, two share a name. Neither `zoo list` nor
`zoo --help` imports any of them (tests/plugin/test_twenty_plugins.py holds that), so all they cost is reading their
metadata and manifests.

Run: python benchmarks/plugins.py
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
COUNT = 20
SLEEP = 0.1
COMMANDS = {
    "zoo --help": ["--help"],
    "zoo list": ["list"],
    "zoo heads": ["heads"],
}

CODE = """
import time
time.sleep({sleep})
from zoo import hookimpl
from zoo.specs import HeadSpec

@hookimpl
def zoo_heads():
    return [HeadSpec(name="{name}", summary="a head", labels=("a", "b"), factory="zoo_vision.heads:linear")]
"""


def install_twenty(folder: Path) -> list[str]:
    """Write the metadata, packages and manifests of 20 plugins as pip would.

    Plugin 0 raises at import, 1 has a manifest that is no JSON, 2 is for another zoo; 3 and 4 both provide "shared".

    Returns:
        The names of the heads, by plugin.
    """
    from zoo.plugin.manifest import make_manifest

    names = ["shared" if index in (3, 4) else f"head{index}" for index in range(COUNT)]
    sys.path.insert(0, str(folder))
    for index, name in enumerate(names):
        package = f"zoo_t_p{index}"
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
        plugin = folder / package / "plugin.py"
        plugin.write_text(CODE.format(sleep=0, name=name))
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-t-p{index}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[zoo.plugins]\np{index} = {package}.plugin\n")
        manifest = make_manifest(f"p{index}", f"{package}.plugin")
        if index == 1:
            manifest = manifest[: len(manifest) // 2]
        if index == 2:
            manifest = manifest.replace(">=0.1,<1", ">=99")
        (folder / package / "zoo-plugin.json").write_text(manifest)
        plugin.write_text(
            ("raise RuntimeError('broken')\n" if index == 0 else "") + CODE.format(sleep=SLEEP, name=name)
        )
    sys.path.remove(str(folder))
    for module in [module for module in sys.modules if module.startswith("zoo_t_p")]:
        del sys.modules[module]
    return names


def main() -> None:
    """Print, for every command, the median without and with the plugins in milliseconds, and their ratio."""
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as folder:
        install_twenty(Path(folder))
        environments = {"none": os.environ, "twenty": {**os.environ, "PYTHONPATH": folder}}
        for name, arguments in COMMANDS.items():
            times: dict[str, list[float]] = {key: [] for key in environments}
            for _ in range(ROUNDS):  # in turns, so that other work on the machine meets both
                for key, environment in environments.items():
                    start = time.perf_counter()
                    subprocess.run(
                        [sys.executable, "-m", "zoo.cli", *arguments], check=True, capture_output=True, env=environment
                    )
                    times[key].append(1000 * (time.perf_counter() - start))
            for what, figure in (("minimum", min), ("median", statistics.median)):
                none, twenty = figure(times["none"]), figure(times["twenty"])
                print(f"{name:12} {what:8} no plugin {none:5.0f} ms, 20 plugins {twenty:5.0f} ms: {twenty / none:.2f}")


if __name__ == "__main__":
    main()
