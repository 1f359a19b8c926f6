"""Twenty installed plugins, three broken, two with one name: listing imports none, building the one it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.plugins import COUNT, install_twenty

REPORT = """
imported = sorted(name for name in sys.modules if name.startswith("zoo_t_p"))
print(json.dumps([out.getvalue(), imported]))
"""
COMMAND = """
import contextlib, io, json, sys
from zoo.cli.main import main
with contextlib.redirect_stdout(io.StringIO()) as out:
    assert main({arguments!r}) == 0
"""
BUILD = """
import contextlib, io, json, sys, warnings
import zoo
from zoo.testing import tiny_backbone
warnings.simplefilter("ignore")
with contextlib.redirect_stdout(io.StringIO()) as out:
    model = zoo.build(tiny_backbone(), head={head!r}, preprocessing=None)
    print(model)
"""


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twenty")
    install_twenty(folder)
    return folder


def run(folder: Path, program: str, **environment: str) -> tuple[str, list[str], str]:
    """What the program printed, the plugin modules it imported, what it said on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", program + REPORT],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )
    assert done.returncode == 0, done.stderr
    out, imported = json.loads(done.stdout)
    return out, imported, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["heads", "--json"],
        ["plugins", "--json"],
        ["which", "shared"],
        ["heads", "show", "head7"],
        ["show", "head7"],
    ],
)
def test_listing_imports_none_of_them(twenty: Path, arguments: list[str]) -> None:
    out, imported, said = run(twenty, COMMAND.format(arguments=arguments))
    assert imported == []
    # The two whose manifest says that they cannot work; the third is found when it is imported.
    assert [line for line in said.splitlines() if "is skipped" in line and ("'p1'" in line or "'p2'" in line)]
    if arguments == ["heads", "--json"]:
        names = [row["name"] for row in json.loads(out) if row["provider"].startswith("p")]
        assert sorted(names) == sorted(["head0", "shared", "shared", *(f"head{i}" for i in range(5, COUNT))])


def test_doctor_names_what_is_wrong_and_imports_none(twenty: Path) -> None:
    program = COMMAND.replace("== 0", "== 1").format(arguments=["plugins", "doctor", "--json"])
    out, imported, _ = run(twenty, program)
    assert imported == []
    found = json.loads(out)
    broken = {row["plugin"] for row in found["plugins"] if any(problem["broken"] for problem in row["problems"])}
    assert broken == {"p1", "p2"}
    assert [row["name"] for row in found["conflicts"]] == ["shared"]


@pytest.mark.parametrize(
    ("head", "environment", "module"),
    [
        pytest.param("head7", {}, "zoo_t_p7", marks=pytest.mark.slow),
        ("shared", {"ZOO_PREFER": "p4"}, "zoo_t_p4"),
    ],
)
def test_build_imports_the_one_it_needs(twenty: Path, head: str, environment: dict[str, str], module: str) -> None:
    out, imported, _ = run(twenty, BUILD.format(head=head), **environment)
    assert out.startswith("TransferModel(")
    assert imported == [module, f"{module}.plugin"]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("head0", ["zoo-t-p0 1.0 failed", "RuntimeError: broken", "pip install -U zoo-t-p0"]),
        ("head1", ["no head named 'head1'", "plugin 'p1' failed, so its names are not known"]),
        ("head2", ["zoo-t-p2 1.0 failed", "works with zoo >=99"]),
        ("shared", ["'p3:shared'", "'p4:shared'", "ZOO_PREFER"]),
    ],
)
def test_names_of_broken_and_ambiguous_plugins_say_what_to_do(twenty: Path, head: str, words: list[str]) -> None:
    program = (
        "import zoo, sys\nfrom zoo.plugin import load_target, registry\n"
        f"try:\n    e = registry().get('heads', {head!r}); load_target(e, e.spec.factory)\n"
        "except zoo.ZooError as error:\n    print(error)\n"
        "print(sorted(n for n in sys.modules if n.startswith('zoo_t_p')))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(twenty)},
    )
    message, imported = done.stdout.splitlines()
    for word in words:
        assert word in message
    assert imported in ("[]", "['zoo_t_p0']")
