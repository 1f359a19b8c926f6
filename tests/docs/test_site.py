"""The documentation site: pages are made ready for readers, every public name has its place, broken links are found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from helpers.pages import ROOT

import zoo
from tools.site import examples, links, pages, reference, run_examples
from tools.site.terminal import terminal
from zoo.cli.main import VERBS


def test_every_public_name_is_on_one_page_of_the_reference() -> None:
    counts = Counter(name for names in reference.NAMES.values() for name in names)
    assert set(counts) <= set(zoo.__all__)
    assert set(counts.values()) == {1}
    texts = "\n".join(reference.python_pages().values())
    for name in set(zoo.__all__) - {"__version__"}:
        assert f"heading: zoo.{name}\n" in texts, name


def test_every_command_has_a_page_with_its_help() -> None:
    texts = reference.command_pages()
    for verb in (verb for section in VERBS.values() for verb in section):
        assert f"Usage: zoo {verb}" in texts[f"reference/cli/{verb}.md"]
    assert "## zoo cache ls" in texts["reference/cli/cache.md"]


def test_a_page_for_readers_has_no_comment_for_tests() -> None:
    text = "<!-- file: a.py -->\n```python\nx = 1\n```\n\n<!-- not run: it is long -->\n```\nzoo list\n```\n"
    text += "See [heads](../../plugins/zoo_vision/heads.py), [data](../data.md#tables).\n"
    read = pages.for_readers(text, ROOT / "docs" / "tutorials" / "page.md")
    assert "not run" not in read
    assert '```python title="a.py"\nx = 1' in read
    assert "```bash\nzoo list" in read
    assert "heads (`plugins/zoo_vision/heads.py`), [data](../data.md#tables)" in read


def test_links_that_lead_nowhere_and_requests_that_leave_are_found(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.html").write_text('<h1 id="here">b</h1><a href="../a.html#no">x</a>')
    (tmp_path / "a.html").write_text(
        '<a href="b/#here">good</a><a href="b/#gone">bad</a><a href="c.html">bad</a><a href="https://example.org">out</a>'
        '<link rel="stylesheet" href="https://example.org/x.css"><img src="//example.org/x.png">'
    )
    lines = links.problems(tmp_path)
    assert [line.partition(":")[0] for line in lines] == ["a.html"] * 4 + ["b/index.html"]
    assert sum("not a part of the site" in line for line in lines) == 2
    assert any("c.html: there is no such file" in line for line in lines)


def test_every_page_of_docs_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for source in (ROOT / "docs").rglob("*.md"):
        target = tmp_path / "docs" / source.relative_to(ROOT / "docs")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    placed = str(pages.navigation(tmp_path / "docs"))
    for source in (ROOT / "docs").rglob("*.md"):
        assert f"'{source.relative_to(ROOT / 'docs')}'" in placed, source


def test_the_terminal_shows_each_line_after_the_one_before() -> None:
    picture = terminal("$ zoo list <a>\nb\n$ zoo show\n")
    assert "$ zoo list &lt;a&gt;" in picture
    moments = [float(moment) for moment in re.findall(r"animation-delay:([\d.]+)s", picture)]
    assert len(moments) == 3
    assert moments == sorted(set(moments))


@pytest.mark.slow
def test_the_site_builds_without_a_warning_or_a_broken_link() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.site"], capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "every link leads somewhere" in done.stdout


# -- examples ------------------------------------------------------------------------------------------------------

SCRIPT = '''"""A title.

An opening.
"""

# /// example
# data = []
# shows = [{shows}]
# ///

# %%
import matplotlib.pyplot as plt

print("two lines")
1 + 1

# %% [markdown]
# ## Text

# %%
plt.plot([1, 2])

# %% [check]
figure = "2"
'''


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of examples of one's own."""
    monkeypatch.setattr(examples, "EXAMPLES", tmp_path)
    monkeypatch.setattr(examples, "RESULTS", tmp_path / "results")
    (tmp_path / "one.py").write_text(SCRIPT.format(shows=""))
    return tmp_path


def test_an_example_becomes_a_page_and_a_notebook(gallery: Path) -> None:
    run_examples.store(examples.read(gallery / "one.py"), gallery / "results" / "one")
    made = examples.pages()
    page = made["examples/one.md"]
    assert page.startswith("# A title\n\nAn opening.")
    assert "```text\ntwo lines\n2\n```" in page
    assert "![Figure: A title](results/one/1-0.png)" in page
    assert "figure =" not in page
    assert (gallery / "results" / "one" / "1-0.png").stat().st_size > 1000
    cells = json.loads(made["examples/one.ipynb"])["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "markdown", "code"]
    assert "| [A title](one.md) | embedded | 2 |" in made["examples/index.md"]


def test_a_changed_example_fails_the_site(gallery: Path) -> None:
    with pytest.raises(examples.ExamplesError, match="no stored result"):
        examples.pages()
    run_examples.store(examples.read(gallery / "one.py"), gallery / "results" / "one")
    (gallery / "one.py").write_text((gallery / "one.py").read_text().replace("1 + 1", "1 + 2"))
    with pytest.raises(examples.ExamplesError, match="changed since it ran"):
        examples.pages()


def test_changed_data_fail_the_site(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_TEST_DATA", str(gallery / "data"))
    (gallery / "data" / "set").mkdir(parents=True)
    (gallery / "data" / "set" / "a.txt").write_text("1")
    script = (gallery / "one.py").read_text().replace("data = []", 'data = ["set"]')
    (gallery / "one.py").write_text(script)
    examples.data_digest.cache_clear()
    run_examples.store(examples.read(gallery / "one.py"), gallery / "results" / "one")
    examples.pages()
    (gallery / "data" / "set" / "a.txt").write_text("2")
    examples.data_digest.cache_clear()
    with pytest.raises(examples.ExamplesError, match="data 'set' have changed"):
        examples.pages()
    examples.data_digest.cache_clear()


def test_a_picture_that_is_large_as_png_is_stored_as_webp(tmp_path: Path) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 3))
    figure.add_subplot().imshow(np.random.default_rng(0).random((400, 400, 3)))
    assert run_examples._saved(figure, tmp_path, "a", "one") == "a.webp"
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


def test_pictures_of_data_without_a_license_are_refused(gallery: Path) -> None:
    (gallery / "one.py").write_text(SCRIPT.format(shows='"flowers5"'))
    with pytest.raises(examples.ExamplesError, match="flowers5"):
        examples.every()


def test_stored_results_are_those_of_the_scripts_and_small() -> None:
    for example in examples.every():
        examples.stored(example)
    for picture in (path for path in examples.RESULTS.rglob("*") if path.suffix in (".png", ".webp")):
        assert picture.stat().st_size <= examples.LARGEST, picture
    assert {path.name for path in examples.RESULTS.iterdir()} == {example.name for example in examples.every()}
