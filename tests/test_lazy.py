"""Importing zoo, listing and help load nothing heavy; no public name equals a module name."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import zoo

HEAVY = (
    "tensorflow",
    "keras",
    "matplotlib",
    "sklearn",
    "scipy",
    "PIL",
    "huggingface_hub",
    "zoo_vision",
    "zoo_flowers",
    "zoo_classics",
    "zoo_tables",
    "zoo_video",
)


def loaded_by(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after running the code."""
    program = (
        "import json, sys, io, contextlib\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    {code}\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


CLI = "from zoo.cli.main import cli; cli({arguments!r}, standalone_mode=False)"


@pytest.mark.parametrize(
    "code",
    [
        "import zoo",
        "import zoo; str(zoo.backbones(max_params=6e6, sort='top1'))",
        "import zoo; str(zoo.describe('vgg16'))",
        "import zoo; str(zoo.heads()); str(zoo.datasets()); str(zoo.augmentations()); str(zoo.plugins())",
        "import zoo; str(zoo.recipes())",
        CLI.format(arguments=["--help"]),
        CLI.format(arguments=["list"]),
        CLI.format(arguments=["show", "resnet50"]),
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    found = loaded_by(code)
    assert "zoo" in found
    assert not found & set(HEAVY)


def test_import_zoo_does_not_even_load_pydantic() -> None:
    assert not loaded_by("import zoo") & {"pydantic", "click", "rich", "pluggy", "numpy"}


def test_no_public_name_is_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(zoo.__path__)}
    assert not modules & set(zoo.__all__)


def test_every_public_name_resolves() -> None:
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
    assert set(zoo.__all__) <= set(dir(zoo))
    with pytest.raises(AttributeError, match="zoo_biuld"):
        _ = zoo.zoo_biuld
