"""The documentation site: pages are made ready for readers, every public name has its place, broken links are found."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from helpers.pages import ROOT

import zoo
from tools.site import links, pages, reference
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


@pytest.mark.slow
def test_the_site_builds_without_a_warning_or_a_broken_link() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.site"], capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "every link leads somewhere" in done.stdout
