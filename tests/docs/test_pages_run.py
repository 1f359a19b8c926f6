"""Every code block of the pages under docs runs, in order, or says why not; none is missed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.pages import PAGES, ROOT, SITE_PAGES, Block, blocks, run_process, run_python, run_zoo
from helpers.plugins import plugin_site

from zoo.plugin import use_manager
from zoo.plugin.hookspecs import HOOKS

DOCS = ROOT / "docs"
HERE = [page for page in PAGES if page.name != "README.md"]
LIGHT = {"index.md", "versioning.md", "security.md", *(f"{hook}.md" for hook in HOOKS.values())}
"""Pages whose blocks take no training."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory, with zoo-example installed."""
    source = ROOT / "plugins" / "zoo-example" / "src"
    info = tmp_path / "site" / "zoo_example-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-example\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[zoo.plugins]\nzoo_example = zoo_example.plugin\n")
    work = tmp_path / "desk"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("ZOO_RUNS_DIR", "runs")
    monkeypatch.syspath_prepend(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(source), os.environ.get("PYTHONPATH", "")))))
    with plugin_site(tmp_path / "site"):
        yield work
    for module in [module for module in sys.modules if module.partition(".")[0] == "zoo_example"]:
        del sys.modules[module]


def run_page(page: Path, desk: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Write its files, run what runs here or in a process; gives the namespace and what the commands printed."""
    found = blocks(page)
    said: dict[str, str] = {}
    for block in found:
        if block.fate == "file":
            (desk / block.argument).write_text(block.text)
    namespace = run_python(found)
    for block in found:
        if block.fate == "zoo":
            said |= run_zoo(block)
        elif block.fate == "process":
            run_process(block, desk)
    return namespace, said


# -- nothing is missed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_a_page_is_accounted_for(page: Path) -> None:
    """Counted by another way than the reader's: lines with a fence, two a block."""
    fences = [
        line for line in page.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith(("```", "~~~"))
    ]
    found = blocks(page)
    assert len(fences) == 2 * len(found)
    fates = Counter(block.fate for block in found)
    assert set(fates) <= {"python", "zoo", "shell", "file", "append", "process", "not run", "text"}
    for block in found:
        if block.fate == "not run":
            assert len(block.argument) > 15, f"{block.where}: the reason says too little"
        if block.fate == "text":
            assert not re.search(r"^(zoo|pip|python|pytest|import|from) ", block.text, re.M), f"{block.where}: runs?"


def test_the_pages_hold_as_many_blocks_as_they_did() -> None:
    """A block that disappears, or stops running, is seen here: change the numbers knowingly."""
    site = [DOCS / f"{name}.md" for name in SITE_PAGES]
    assert Counter(block.fate for page in site for block in blocks(page)) == {
        "python": 10,
        "zoo": 4,
        "not run": 8,
        "text": 1,
    }
    runs = Counter(block.fate for page in PAGES if page not in site for block in blocks(page))
    assert runs == {
        "python": 62,
        "zoo": 15,
        "shell": 8,
        "file": 3,
        "append": 1,
        "process": 1,
        "not run": 16,
        "text": 3,
    }


def test_a_page_that_is_wrong_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for text, words in (
        ("```python\nx\n", "does not end"),
        ("```ruby\n```\n", "language 'ruby'"),
        ("<!-- not run: -->\n```\n```\n", "needs its reason"),
        ("<!-- not run -->\n```\n```\n", "needs its reason"),
        ("<!-- shell -->\n\n```\n```\n", "stands above no block"),
        ("> ```python\n> x\n> ```\n", "not understood"),
    ):
        page.write_text(text)
        with pytest.raises(ValueError, match=words):
            blocks(page)
    with pytest.raises(ValueError, match="no command of zoo"):
        run_zoo(Block(ROOT / "README.md", 1, "pip install zoo\n", "zoo"))


# -- they run -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in HERE if page.name in LIGHT], ids=name)
def test_blocks_of_a_light_page(page: Path, desk: Path) -> None:
    _, said = run_page(page, desk)
    for command, text in said.items():
        assert text.strip(), command


def test_the_index_says_what_zoo_says(desk: Path) -> None:
    (commands,) = [block for block in blocks(DOCS / "plugins" / "index.md") if "which" in block.text]
    said = run_zoo(commands)
    assert "zoo_example:shapes" in said["zoo which shapes"]
    assert "label sets" in said["zoo which shapes"]
    assert "label sets" not in said["zoo which zoo_example:shapes --kind head"]


@pytest.mark.slow
def test_blocks_of_conformance(desk: Path) -> None:
    namespace, _ = run_page(DOCS / "plugins" / "conformance.md", desk)
    suite = namespace["TestLinear"]
    test = suite()
    assert [test.run(check).outcome for check in suite.checks()].count("failed") == 0


@pytest.mark.slow
def test_blocks_of_provenance(desk: Path) -> None:
    page = DOCS / "plugins" / "provenance.md"
    namespace, said = run_page(page, desk)
    assert "zoo_vision:linear" in said["zoo which linear --json"]
    (shown,) = [block.text for block in blocks(page) if block.fate == "text" and "backbones" in block.text]
    assert shown in str(namespace["printed"])


@pytest.mark.slow
def test_blocks_of_classics(desk: Path) -> None:
    import zoo

    namespace, _ = run_page(DOCS / "classics.md", desk)
    assert namespace["run"].recipe.name == "scratch"
    assert namespace["chosen"].chosen["units"] in ([16], [64])
    assert {item.stage for item in namespace["trained"].receipts if item.says == "trained"} >= {"head"}
    counts = {row["name"]: row["params_top"] for row in zoo.backbones() if row["provider"] == "zoo_classics"}
    text = (DOCS / "classics.md").read_text(encoding="utf-8")
    assert counts == {
        name: int(count.replace(",", "")) for name, count in re.findall(r"^\| `(\w+)` .*\| ([\d,]+) \|$", text, re.M)
    }


@pytest.mark.slow
def test_blocks_of_training(desk: Path) -> None:
    namespace, _ = run_page(DOCS / "training.md", desk)
    assert len(namespace["whole"].history["loss"]) == 5


@pytest.mark.slow
def test_blocks_of_recipes(desk: Path) -> None:
    namespace, said = run_page(DOCS / "recipes.md", desk)
    assert [phase["name"] for phase in namespace["run"].phases[-2:]] == ["probe", "tune"]
    assert "label_smoothing" in said["zoo recipes show tune.yaml"]
    assert {row["name"] for row in json.loads(said["zoo recipes --json"])} >= {"lp-ft", "surgical"}


@pytest.mark.slow
def test_blocks_of_features(desk: Path) -> None:
    namespace, _ = run_page(DOCS / "features.md", desk)
    assert len(namespace["run"].history["loss"]) == 8


@pytest.mark.slow
def test_blocks_of_data(desk: Path) -> None:
    namespace, said = run_page(DOCS / "data.md", desk)
    run, model = namespace["run"], namespace["model"]
    assert run.validation["color"].accuracy > 0.9
    assert run.test["area"].count >= 10
    assert model.labels == ("area",)
    assert "15 checks" in said["zoo fit shapes/table.csv --answers color --group film --input-size 64"]


@pytest.mark.slow
def test_blocks_of_evaluation(desk: Path, few_flowers: Path) -> None:
    photos = few_flowers.rename(desk / "photos")
    shutil.copy(min((photos / "roses").iterdir()), photos / "roses" / "1.jpg")
    namespace, said = run_page(DOCS / "evaluation.md", desk)
    run, comparison = namespace["run"], namespace["comparison"]
    assert run.test.accuracy > 0.6
    assert namespace["cooler"].fitted_on == run.validation.count >= 5
    told = comparison.against("stage3", "last features")
    assert f"{100 * run.test.accuracy:.1f}" in said["zoo compare runs/probe runs/stage3"]
    assert 0 < told.p_value <= 1


@pytest.mark.slow
def test_blocks_of_exports(desk: Path) -> None:
    namespace, said = run_page(DOCS / "exports.md", desk)
    assert "the same answers" in said["zoo check m.onnx"]
    assert namespace["exported"].labels == ("dark", "light")
    assert namespace["labels"][namespace["answers"][0].argmax()] in ("dark", "light")
    assert "license: apache-2.0" in namespace["printed"]


@pytest.mark.slow
def test_blocks_of_heads(desk: Path) -> None:
    namespace, said = run_page(DOCS / "heads.md", desk)
    assert "units" in said["zoo heads show mlp"]
    figures = [float(value) for value in re.findall(r"^(?:\S*gem )?(\d\.\d+)", str(namespace["printed"]), re.M)]
    assert len(figures) == 7
    assert "2 x 2 x 1280 numbers for each of 160 examples, 3.3 MB" in namespace["printed"]
    assert min(figures) > 0.7, namespace["printed"]
    assert np.asarray(namespace["plain"].output_shape).tolist() == [None, 2]


@pytest.mark.slow
def test_blocks_of_embedding(desk: Path) -> None:
    namespace, said = run_page(DOCS / "embedding.md", desk)
    printed = namespace["printed"]
    for line in ("(60, 1280) float32", "[1, 1, 1]", "[0 0 0 0]", "[[56 59]]", "(4, 112)", "(4, 2, 2, 1280)"):
        assert line in printed, printed
    assert (desk / "squares.npz").is_file()
    assert "--features" in said["zoo embed --help"]


def test_blocks_of_weights(desk: Path) -> None:
    _, said = run_page(DOCS / "weights.md", desk)
    assert "efficientnet_lite0" in said["zoo list --available"]
    assert "dinov3" not in said["zoo list --license apache-2.0 --license mit --max-macs 500M"]


@pytest.mark.slow
def test_blocks_of_start_page_tutorials_and_explanations(desk: Path, few_flowers: Path) -> None:
    few_flowers.rename(desk / "photos")
    ran = {page: run_page(DOCS / f"{page}.md", desk) for page in SITE_PAGES}
    first, _ = ran["tutorials/first-model"]
    assert first["run"].validation.accuracy > 0.6
    assert first["answer"].label == "0"
    _, photos = ran["tutorials/your-photos"]
    assert photos["zoo predict photos/roses --model flowers.keras --out answers.csv"] == "12 answers in answers.csv\n"
    ranking, _ = ran["tutorials/which-backbone"]
    assert ranking["best"]["backbone"] == "efficientnet_lite0"
    tuned, _ = ran["tutorials/fine-tuning"]
    assert [phase["name"] for phase in tuned["run"].phases][-1] != "probe"
    intervals, _ = ran["explanations/intervals"]
    assert "36 of 40: 76.9 % to 96.0 %" in intervals["printed"]


# -- the tutorial, on an author's machine -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that sees the packages of this one; what is installed goes into it."""
    folder = tmp_path_factory.mktemp("author")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    binaries = folder / "venv" / "bin"
    done = subprocess.run(
        [binaries / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    here = sysconfig.get_path("purelib")
    Path(done.stdout.strip(), "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    for command, module in (("zoo", "zoo.cli"), ("pytest", "pytest")):
        script = binaries / command
        script.write_text(f'#!/bin/sh\nexec "{binaries}/python" -m {module} "$@"\n')
        script.chmod(0o755)
    (binaries / "ruff").symlink_to(Path(sysconfig.get_path("scripts"), "ruff"))  # a program of its own, no module
    return folder


def shell(commands: str, author: Path, cwd: Path) -> str:
    """Run lines in one shell; gives what they printed, and where they ended on the last line."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PATH"] = f"{author / 'venv' / 'bin'}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands + "\npwd"],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=900,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.slow
def test_the_tutorial_from_start_to_the_wheel(author: Path, tmp_path: Path) -> None:
    where, said = tmp_path, []
    tutorial = blocks(DOCS / "plugins" / "tutorial.md")
    conformance = [block for block in blocks(DOCS / "plugins" / "conformance.md") if block.fate == "shell"]
    assert len(conformance) == 1
    for block in [*tutorial, *conformance]:
        if block.fate == "shell":
            out = shell(block.text, author, where)
            said.append(out)
            where = Path(out.splitlines()[-1])
        elif block.fate == "file":
            (where / block.argument).write_text(block.text)
        elif block.fate == "append":
            with (where / block.argument).open("a") as file:
                file.write(block.text)
        else:
            assert block.fate in ("not run", "text"), block.where
    everything = "\n".join(said)
    assert where == tmp_path / "zoo-birds"
    assert "zoo_birds:birds" in everything
    assert "checks ran in" in everything
    assert "units" in said[1]
    assert "0 failed" in said[-1]
    assert "conforms" in said[-1]
    assert (where / "birds.keras").is_file()
    assert len(list((where / "dist").glob("zoo_birds-*.whl"))) == 1
    (tree,) = [block.text for block in tutorial if block.fate == "text"]
    for path in re.findall(r"^  (\S+?),? ", tree, re.M):
        assert (where / path).exists(), path


@pytest.mark.slow
def test_the_commands_of_the_readme(author: Path, tmp_path: Path) -> None:
    (block,) = [block for block in blocks(ROOT / "README.md") if block.fate == "shell"]
    said = shell(block.text, author, tmp_path)
    assert "conforms" in said
    assert "zoo_birds:birds" in said


@pytest.fixture(autouse=True)
def _plugins_anew() -> Iterator[None]:
    yield
    use_manager(None)


@pytest.mark.parametrize("page", ["sound", "text"])
def test_blocks_of_sounds_and_texts(page: str, desk: Path) -> None:
    namespace, said = run_page(DOCS / f"{page}.md", desk)
    assert namespace["run"].validation is not None
    assert re.search(r"(low|sport) [01]\.\d", namespace["printed"])
    assert page == "sound" or "sport" in said['zoo predict "The striker scored twice" --model news.keras']
