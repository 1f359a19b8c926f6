"""The pages of docs/plugins are those the code asks for: one a hook, up to date, linked, and every hook tested."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from helpers.pages import PAGES, ROOT

from tools import build_docs
from zoo.plugin.hookspecs import HOOKS
from zoo.specs import KINDS
from zoo.testing.checking import SUITES

DOCS = ROOT / "docs" / "plugins"


def test_generated_pages_are_up_to_date() -> None:
    assert build_docs.stale() == [], "run: make docs"


def test_a_page_that_is_stale_missing_or_left_over_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_docs, "DOCS", tmp_path)
    wanted = build_docs.pages()
    assert len(wanted) == len(HOOKS) + 1
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert build_docs.stale() == []
    (tmp_path / "hooks" / "zoo_heads.md").write_text("edited by hand")
    (tmp_path / "hooks" / "zoo_gone.md").write_text("of a hook that is gone")
    (tmp_path / "conformance.md").unlink()
    assert {path.name for path in build_docs.stale()} == {"zoo_heads.md", "zoo_gone.md", "conformance.md"}


@pytest.mark.parametrize(("kind", "hook"), HOOKS.items())
def test_every_hook_has_its_page(kind: str, hook: str) -> None:
    text = (DOCS / "hooks" / f"{hook}.md").read_text(encoding="utf-8")
    assert f"def {hook}()" in text
    assert f"since zoo {build_docs.since(hook)}" in text
    assert "```python" in text
    for field in KINDS[kind].model_fields:
        assert f"| `{field}` |" in text
    assert f"hooks/{hook}.md" in (DOCS / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", HOOKS.values())
def test_every_hook_has_a_test_that_names_it(hook: str) -> None:
    """Of this file nothing counts: a file of tests has the hook in a test, or in what its tests install."""
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path.parent != Path(__file__).parent]
    naming = []
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if any(re.search(rf"\b{hook}\b", word) for word in words):
            naming.append(path)
    assert naming, f"no test names {hook}"


def test_every_check_is_listed_with_what_it_prevents() -> None:
    text = (DOCS / "conformance.md").read_text(encoding="utf-8")
    for suite in SUITES.values():
        for check in suite.checks():
            (row,) = re.findall(rf"^\| `{check}` \| (.+) \|$", _section(text, suite.__name__), re.M)
            assert row.strip().endswith("."), check


def _section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_no_cell_of_a_table_is_empty() -> None:
    for page in (DOCS / "hooks").glob("*.md"):
        for line in page.read_text(encoding="utf-8").splitlines():
            assert "|  |" not in line, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        if target.endswith(("catalog/index.html", "assets/terminal.svg")):
            continue  # written with the site, whose own check follows the link
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.M)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, f"{page.name}: #{anchor}"
