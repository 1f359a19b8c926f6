"""Writes the sources of the site: docs/ made ready for readers, the generated pages, and the navigation."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from tools.site import examples, reference
from tools.site.terminal import terminal
from zoo.catalog_site import write_site

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"

_COPIED = (".css", ".js", ".json", ".png", ".svg", ".webp", ".py")
"""Files of docs/ that the site serves as they are."""

Nav = list[dict[str, Any]]

TUTORIALS = ("first-model", "your-photos", "which-backbone", "fine-tuning")
EXPLANATIONS = (
    "explanations/batchnorm",
    "explanations/kept",
    "explanations/intervals",
    "explanations/saved",
    "architecture",
    "design-notes",
)
GUIDES = ("data", "heads", "features", "embedding", "weights", "recipes", "training", "evaluation", "report")
"""First among the how-to pages, in this order; other pages of docs/ follow by name."""

_DIRECTIVE = re.compile(r"^<!-- *(?P<what>not run|file|append|process|shell)\b *:?(?P<rest>.*?)-->$")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*)$")
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#:\s]+)(?P<place>#[^)]*)?\)")


def write(build: Path) -> int:
    """Write `docs` and `mkdocs.yml` below a folder; returns the number of pages.

    Args:
        build: folder to write into; its `docs` is replaced.
    """
    target = build / "docs"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for source in sorted(DOCS.rglob("*")):
        path = target / source.relative_to(DOCS)
        if source.is_dir():
            path.mkdir(exist_ok=True)
        elif source.suffix == ".md":
            path.write_text(for_readers(source.read_text(encoding="utf-8"), source), encoding="utf-8")
        elif source.suffix in _COPIED:
            shutil.copyfile(source, path)
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    picture = terminal((DOCS / "assets" / "terminal.txt").read_text(encoding="utf-8"))
    generated = {"changelog.md": changes, "assets/terminal.svg": picture, **reference.pages(), **examples.pages()}
    for name, text in generated.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text, encoding="utf-8")
    write_site(target / "catalog", home="../index.html")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (build / "mkdocs.yml").write_text(settings + "\n" + yaml.safe_dump({"nav": navigation(target)}, sort_keys=False))
    return len(list(target.rglob("*.md")))


def for_readers(text: str, source: Path) -> str:
    """Return a page without the comments that tests read, with languages for highlighting and links that lead on.

    Args:
        text: Markdown.
        source: its file below docs/; a link out of docs/ becomes the path it names.
    """
    lines: list[str] = []
    title, inside = "", False
    for line in text.splitlines():
        directive = _DIRECTIVE.match(line)
        fence = _FENCE.match(line)
        if directive and not inside:
            named = directive["what"] in ("file", "append")
            title = f' title="{directive["rest"].strip()}"' if named else ""
            continue
        if fence and not inside:
            language = fence["language"] or ("python" if title.endswith('.py"') else "bash")
            lines.append(f"{fence['indent']}```{language}{title}")
            inside, title = True, ""
            continue
        if fence:
            inside = False
        lines.append(line if inside else _LINK.sub(lambda match: _link(match, source), line))
    return "\n".join(lines) + "\n"


def _link(match: re.Match[str], source: Path) -> str:
    target = (source.parent / match["target"]).resolve()
    if target.is_relative_to(DOCS) or not target.exists():
        return match[0]
    path = str(target.relative_to(ROOT))
    return f"`{path}`" if match["text"].strip("`") == path else f"{match['text']} (`{path}`)"


def navigation(docs: Path) -> Nav:
    """Return the navigation of the pages below `docs`."""

    def those(*names: str) -> list[str]:
        return [f"{name}.md" for name in names if (docs / f"{name}.md").is_file()]

    def below(folder: str) -> list[str]:
        return [str(path.relative_to(docs)) for path in sorted((docs / folder).glob("*.md"))]

    guides = those(*GUIDES)
    placed = {*guides, *those(*EXPLANATIONS), "index.md", "changelog.md"}
    guides += [path.name for path in sorted(docs.glob("*.md")) if path.name not in placed]
    tutorials = those(*(f"tutorials/{name}" for name in TUTORIALS))
    tutorials += [page for page in below("tutorials") if page not in tutorials]
    plugins = those(*(f"plugins/{name}" for name in ("index", "tutorial")))
    plugins += [page for page in below("plugins") if page not in plugins]
    parts: Nav = [
        {"Home": "index.md"},
        {"Tutorials": [*tutorials, {"A plugin, from nothing to published": "plugins/tutorial.md"}]},
        {"How-to": guides},
        {"Explanations": those(*EXPLANATIONS)},
        {"Plugins": [*plugins, {"Hooks": below("plugins/hooks")}]},
        {
            "Reference": [
                {"Python": below("reference/python")},
                {"Command line": below("reference/cli")},
                "changelog.md",
            ]
        },
    ]
    if (docs / "examples" / "index.md").is_file():
        rest = [page for page in below("examples") if page != "examples/index.md"]
        parts.insert(3, {"Examples": ["examples/index.md", *rest]})
    if (docs / "catalog" / "index.html").is_file():
        parts.insert(3, {"Catalog": "catalog/index.html"})
    return parts
