"""The whole of zoo in a few minutes: photos named, then transfer learning on real digits, measured, saved, reloaded.

Run: python examples/quickstart.py [PHOTO], or from an installed wheel: zoo demo [PHOTO]. What it does stands in
zoo/cli/verbs/demo.py.
"""

from __future__ import annotations

import sys

from zoo.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
