"""Start-up as whole processes: `import zoo`, `zoo --help`, `zoo list`, beside a bare interpreter.

Run: python benchmarks/startup.py
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time

ROUNDS = 7
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import zoo": [sys.executable, "-c", "import zoo"],
    "zoo --help": [sys.executable, "-m", "zoo.cli", "--help"],
    "zoo list": [sys.executable, "-m", "zoo.cli", "list"],
    "import tensorflow": [sys.executable, "-c", "import tensorflow"],
}


def main() -> None:
    """Print minimum and median of every command, in milliseconds."""
    print(f"{platform.platform()}, Python {platform.python_version()}, {ROUNDS} rounds")
    for name, command in COMMANDS.items():
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times.append(1000 * (time.perf_counter() - start))
        print(f"{name:20} min {min(times):7.0f} ms   median {statistics.median(times):7.0f} ms")


if __name__ == "__main__":
    main()
