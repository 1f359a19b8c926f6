"""What is wrong at first sight is said in one line, before Keras is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from zoo.cli.main import main
code = main({arguments!r})
assert "keras" not in sys.modules, "Keras was loaded"
raise SystemExit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "nofolder"], "nofolder"),
        (["fit", "nofolder", "--stages", "head"], "the head trains in every phase"),
        (["fit", "nofolder", "--backbone", "hf://owner/name"], "zoo.build('hf://owner/name')"),
        (["evaluate", ".", "--model", "hf://owner/name"], "zoo.load('hf://owner/name')"),
        (["fit", "nofolder", "--backbone", "vgg61"], "Did you mean"),
    ],
)
def test_one_line_and_no_keras(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("zoo: ")
    assert words in done.stderr
    assert "internal error" not in done.stderr
