"""`zoo plugins new`: what it writes is complete, and passes ruff, its tests and a wheel build with no edit."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.plugins import plugin_site

from zoo.cli.main import BUILT_IN
from zoo.errors import OptionError
from zoo.plugin.tools.doctor import examine
from zoo.plugin.tools.scaffold import KINDS, TEMPLATE, create, render

EACH_AND_ALL = [*([kind] for kind in KINDS), list(KINDS)]
IDS = [*KINDS, "all"]


def run(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def example(readme: str) -> str:
    """The first program of a README."""
    return readme.partition("```python\n")[2].partition("```")[0]


def ruff(*command: str, cwd: Path) -> str:
    return run(sys.executable, "-m", "ruff", *command, "--no-cache", ".", cwd=cwd)


def installed(project: Path, name: str) -> Path:
    """The folder of its source, as if it were installed there: on the path, it is found."""
    source = project / "src"
    info = source / f"zoo_{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-{name}\nVersion: 0.1.0\n")
    package = f"zoo_{name.replace('-', '_')}"
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{package} = {package}.plugin\n")
    return source


@pytest.mark.parametrize("name", ["birds", "x", "a-name-of-thirty-characters-12"])
@pytest.mark.parametrize("kinds", EACH_AND_ALL, ids=IDS)
def test_ruff_has_nothing_to_say(kinds: list[str], name: str, tmp_path: Path) -> None:
    for path, text in render(name, kinds, author='Ann "A" Öz').items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
        assert "$" not in text.replace("${{", "")
        if path.endswith(".py"):
            ast.parse(text)
    ruff("check", cwd=tmp_path)
    ruff("format", "--check", cwd=tmp_path)
    data = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
    assert data["project"]["authors"] == [{"name": 'Ann "A" Öz'}]
    assert data["project"]["entry-points"]["zoo.plugins"] == {
        f"zoo_{name.replace('-', '_')}": f"zoo_{name.replace('-', '_')}.plugin"
    }


def test_every_file_of_the_template_is_used() -> None:
    used = "".join(render("birds", KINDS).values())
    for path in TEMPLATE.rglob("*"):
        assert path.is_dir() or path.suffix == ".tmpl", path
        if path.is_file():
            longest = max(
                (part.strip() for line in path.read_text().splitlines() for part in line.split("$")[:1]), key=len
            )
            assert longest in used, path


@pytest.mark.parametrize("kinds", EACH_AND_ALL, ids=IDS)
def test_it_is_found_and_healthy_once_it_is_installed(kinds: list[str], tmp_path: Path) -> None:
    project = create("sea-birds", kinds, directory=tmp_path / "project")
    assert not list(tmp_path.rglob("__pycache__"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"]  # no workshop stays
    manifest = json.loads((project / "src" / "zoo_sea_birds" / "zoo-plugin.json").read_text())
    assert set(manifest["contributes"]) == {KINDS[kind].plural for kind in kinds}
    with plugin_site(installed(project, "sea-birds")):
        found = examine("zoo-sea-birds", imports=True)
        assert found.ok
        assert found.findings[0].problems == []
        assert found.findings[0].fresh is True


@pytest.mark.parametrize("name", ["Birds", "-", "zoo-", "a--b", "a_b", "3d", "", "b" * 31, "../up"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be the name"):
        create(name, ["head"], directory=tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("vision", "head", "'zoo_vision' is zoo's own"),
        ("zoo-sdk", "head", "'zoo_sdk' is zoo's own"),
        ("linear", "head", "there is a head 'linear' in zoo already"),
        ("fashion-mnist", "dataset", "there is a dataset 'fashion-mnist'"),
        ("list", "command", "there is a command 'list'"),
    ],
)
def test_names_of_zoo_are_refused(name: str, kind: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=words):
        create(name, [kind], directory=tmp_path / "new", taken=BUILT_IN)


def test_kinds_and_folders_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no kind 'haed'.*'head'"):
        create("birds", ["haed"], directory=tmp_path / "new")
    with pytest.raises(OptionError, match="--kind says"):
        create("birds", [], directory=tmp_path / "new")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(OptionError, match="not an empty folder"):
        create("birds", ["head"], directory=tmp_path / "full")
    with pytest.raises(OptionError, match="does not exist"):
        create("birds", ["head"], directory=tmp_path / "no" / "new")
    with pytest.raises(OptionError, match="cannot be printed"):
        create("birds", ["head"], directory=tmp_path / "new", author="Ann\x1b[31m")
    (tmp_path / "empty").mkdir()
    assert create("birds", ["Label_Sets", "heads"], directory=tmp_path / "empty") == tmp_path / "empty"


def test_the_working_directory_will_do_if_it_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert create("birds", ["label-set"], directory=Path(".")) == Path(".")
    assert Path("pyproject.toml").is_file()  # the folder in which a shell stands is still the same
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".zoo-")]


def test_a_head_answers_with_the_classes_of_the_dataset_that_comes_with_it() -> None:
    files = render("birds", ["head", "dataset", "augmentation"])
    assert "labels=LABELS" in files["src/zoo_birds/heads.py"]
    assert 'dataset="zoo_birds:birds"' in files["src/zoo_birds/heads.py"]
    assert example(files["README.md"]) == (
        "import zoo\n\n"
        "model = zoo.build(\n"
        '    "efficientnet_lite0",\n'
        '    head="birds",\n'
        '    augment=["birds-dim"],\n'
        ")\n"
        'print(model.fit("birds").validation)\n'
    )
    assert "augment" not in render("birds", ["head", "dataset"])["README.md"]
    assert "LABELS" not in render("birds", ["head"])["src/zoo_birds/heads.py"]


@pytest.mark.parametrize("kinds", EACH_AND_ALL, ids=IDS)
def test_it_uses_nothing_of_zoo_that_is_not_public(kinds: list[str]) -> None:
    for path, text in render("birds", kinds).items():
        modules = re.findall(r"^ *(?:from|import) (zoo[\w.]*)", text, re.MULTILINE) if path.endswith(".py") else []
        assert {name for name in modules if not name.startswith("zoo_")} <= {
            "zoo",
            "zoo.errors",
            "zoo.modality",
            "zoo.specs",
            "zoo.testing",
        }


def test_by_default_it_lies_in_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert create("zoo-birds", ["label-set"]) == Path("zoo-birds")
    assert (tmp_path / "zoo-birds" / "pyproject.toml").is_file()


@pytest.mark.slow
def test_the_tests_of_each_kind_pass(tmp_path: Path) -> None:
    """In one process, which loads TensorFlow once."""
    names = {kind: f"birds-{kind.replace('_', '-')}" for kind in KINDS}
    projects = {kind: create(name, [kind], directory=tmp_path / kind) for kind, name in names.items()}
    sources = [installed(project, names[kind]) for kind, project in projects.items()]
    options = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", tmp_path)
    said = run(
        *(sys.executable, "-m", "pytest", *options, *projects.values()),
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join(map(str, [*sources, *filter(None, [os.environ.get("PYTHONPATH")])])),
    )
    assert "0 failed" in said
    suites = re.search(r"checks ran in (\d+) suites", said)
    assert suites
    assert int(suites[1]) > len(KINDS)  # one for the plugin as a whole in each, and more


@pytest.mark.slow
def test_its_wheel_builds_and_its_tests_pass(tmp_path: Path) -> None:
    """With all kinds at once: what a wheel holds does not depend on them."""
    project = create("birds", list(KINDS), directory=tmp_path / "zoo-birds")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ".", cwd=project)
    (wheel,) = (tmp_path / "dist").iterdir()
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel, cwd=tmp_path)
    # Beside zoo as it is here, not in a fresh environment: tests/packaging does that once.
    said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project, PYTHONPATH=str(site))
    assert "0 failed" in said
    report = run(sys.executable, "-m", "zoo.cli", "plugins", "check", "zoo-birds", cwd=tmp_path, PYTHONPATH=str(site))
    assert "0 failed" in report
    program = example((project / "README.md").read_text(encoding="utf-8"))
    assert "accuracy" in run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(site))
