"""zoo-example: a distribution of its own that needs nothing but the public door; and that all plugins keep to it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.plugins import points

import zoo
from zoo.plugin import Manager
from zoo.plugin.manifest import make_manifest, manifest_path

ROOT = Path(__file__).parent.parent.parent
PROJECT = ROOT / "plugins" / "zoo-example"
PROVIDES = {
    "zoo_heads": ["attention", "shapes"],
    "zoo_augmentations": ["scale-signal", "shift-signal", "zoom-out"],
    "zoo_datasets": ["shapes"],
    "zoo_label_sets": ["shapes"],
    "zoo_commands": ["draw-shapes"],
    "zoo_modalities": ["signal"],
    "zoo_backbones": ["bands", "waves"],
}
DOOR = {"zoo", "zoo.specs", "zoo.testing", "zoo.errors", "zoo.modality", "zoo.pictures", "zoo.settings"}
"""What docs/plugins/index.md lets a plugin import of zoo; and of `zoo` itself the names in `zoo.__all__`."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """zoo-example as if installed: its metadata in a folder, its source on the path."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = tmp_path / f"zoo_example-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    ((group, entries),) = project["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(PROJECT / "src")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo_example"]:
        del sys.modules[name]


def test_it_is_listed_by_the_command_line_and_not_imported(site: Path) -> None:
    code = (
        "import sys\n"
        "from zoo.cli.main import cli\n"
        "cli(['plugins', 'list', '--json'], standalone_mode=False)\n"
        "cli(['which', 'zoo_example:shapes', '--json'], standalone_mode=False)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'zoo_example', 'keras', 'tensorflow'}))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(PROJECT / "src")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    decoder = json.JSONDecoder()
    rows, end = decoder.raw_decode(done.stdout)
    (row,) = [row for row in rows if row["plugin"] == "zoo_example"]
    assert (row["distribution"], row["state"], row["manifest"], row["error"]) == ("zoo-example", "indexed", "yes", "")
    found, _ = decoder.raw_decode(done.stdout[end:].lstrip())
    assert {one["kind"] for one in found} == {"heads", "datasets", "label_sets"}
    assert all(str(PROJECT / "src") in one["where"] for one in found)


@pytest.mark.parametrize(("hook", "names"), PROVIDES.items())
def test_each_hook_gives_what_the_manifest_says(site: Path, hook: str, names: list[str]) -> None:
    manager = Manager(points(site))
    module = manager.activate("zoo_example")
    kind = hook.removeprefix("zoo_")
    assert sorted(spec.name for spec in getattr(module, hook)()) == names
    mine = [entry for entry in manager.registry().entries(kind) if entry.provider.plugin == "zoo_example"]
    assert [entry.name for entry in mine] == names


def test_the_manifest_is_up_to_date(site: Path) -> None:
    path = manifest_path("zoo_example.plugin")
    assert path is not None
    assert path.read_text(encoding="utf-8") == make_manifest("zoo_example", "zoo_example.plugin"), (
        "pip install -e plugins/zoo-example && zoo plugins manifest zoo_example --write"
    )


def test_it_ships_its_license() -> None:
    assert (PROJECT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


# -- the public door ----------------------------------------------------------------------------------------------


def imports(path: Path) -> dict[str, set[str]]:
    """What a file imports of zoo, at the top or inside a function: module -> names taken from it."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.name, set())
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.setdefault(node.module, set()).update(alias.name for alias in node.names)
    return {module: names for module, names in found.items() if module.partition(".")[0] == "zoo"}


def wrong(path: Path, door: set[str]) -> list[str]:
    """The imports of a file that are not public."""
    modules = {module.removeprefix("zoo.") for module in door} - {"zoo"}
    found = [module for module in imports(path) if module not in door]
    return found + [
        f"zoo.{name}" for name in imports(path).get("zoo", ()) if name not in zoo.__all__ and name not in modules
    ]


SOURCES = sorted((ROOT / "plugins").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_plugins_use_the_public_door_only(path: Path) -> None:
    """import-linter sees those in zoo's wheel; this sees the others too."""
    own = path.is_relative_to(PROJECT)
    assert not wrong(
        path, {"zoo", "zoo.specs", "zoo.testing", "zoo.errors", "zoo.modality", "zoo.pictures"} if own else DOOR
    )


def test_a_plugin_that_goes_round_the_door_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(
        "import zoo\ndef f():\n    from zoo.compose import Head\n    from zoo import data, hookimpl, settings\n"
    )
    assert wrong(path, DOOR) == ["zoo.compose", "zoo.data"]
    assert not any("zoo_example" in module for module in sys.modules)


def test_the_door_is_the_one_that_is_documented() -> None:
    text = (ROOT / "docs" / "plugins" / "index.md").read_text(encoding="utf-8").partition("## The public door")[2]
    assert all(f"`{module}`" in text for module in DOOR)


# -- with pip -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_installed_with_pip_its_own_tests_pass(tmp_path: Path) -> None:
    """Into a folder beside zoo as it is here; tests/packaging does the same for a plugin in an empty environment."""
    site = tmp_path / "site"
    environment = {**os.environ, "PYTHONPATH": str(site), "TF_CPP_MIN_LOG_LEVEL": "3"}

    def run(*command: object, cwd: Path = tmp_path) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, command)], capture_output=True, text=True, cwd=cwd, env=environment
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    run("-m", "build", "--wheel", "--outdir", tmp_path / "dist", PROJECT)
    (wheel,) = (tmp_path / "dist").iterdir()
    run("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel)
    assert (site / "zoo_example" / "zoo-plugin.json").is_file()
    assert list(site.glob("zoo_example-*.dist-info/licenses/LICENSE"))

    tests = tmp_path / "tests"
    tests.mkdir()
    for path in (PROJECT / "tests").glob("*.py"):
        (tests / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", tests)
    assert "0 failed; 0 skipped" in said
    assert "conforms" in run("-m", "zoo.cli", "plugins", "check", "zoo-example")
    assert run("-m", "zoo.cli", "draw-shapes", "drawn", "--count", "2").strip() == "6 pictures in drawn"
    program = (
        "import zoo\n"
        "model = zoo.build('efficientnet_lite0', head='shapes', augment=['zoom-out'], input_size=64)\n"
        "run = model.fit('shapes', recipe='head', epochs=5, learning_rate=1e-2)\n"
        "assert run.validation['shape'].accuracy > 0.8, run.validation\n"  # chance is a third
        "assert model.predict('drawn/disc/000.png')[0].answers['where'].box is not None\n"
    )
    run("-c", program)
