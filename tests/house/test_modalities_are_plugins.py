"""The core knows no modality by name and imports no plugin: walked over the syntax tree of every file of zoo/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoo.plugin.modalities import provided

ROOT = Path(__file__).parents[2]

NAMES = frozenset({"image", "audio", "text", "table", "video", "signal"}) | {spec.name for spec in provided()}
"""Modalities of zoo's own plugins and of its example, and whatever else is installed."""

PLUGINS = frozenset(
    path.name for path in (*ROOT.glob("plugins/*/"), *ROOT.glob("plugins/*/src/*/")) if (path / "plugin.py").is_file()
)

FILES = [path for path in sorted((ROOT / "zoo").rglob("*.py")) if "testing" not in path.relative_to(ROOT / "zoo").parts]


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yield the constants of a syntax tree that are the name of a modality, and the plugins that it imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in NAMES:
            yield f"line {node.lineno}: {node.value!r}"
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            modules = [node.module]
        for module in modules:
            if module.partition(".")[0] in PLUGINS:
                yield f"line {node.lineno}: import of {module}"


def test_all_files_and_plugins_are_looked_at() -> None:
    assert len(FILES) > 300
    assert {"zoo_vision", "zoo_audio", "zoo_text", "zoo_tables", "zoo_video", "zoo_example"} <= PLUGINS


@pytest.mark.parametrize(
    "code",
    [
        'if kind == "image":\n    pass',
        'KINDS = {"audio": 1}',
        "from zoo_text.texts import Texts",
        "import zoo_vision.images",
    ],
)
def test_a_name_or_an_import_would_be_seen(code: str) -> None:
    assert list(names_in(ast.parse(code)))


def test_the_core_knows_no_modality_by_name() -> None:
    seen = {
        str(path.relative_to(ROOT)): names
        for path in FILES
        if (names := list(names_in(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert not seen


PIXELS = {
    "architectures/receptive.py": "how far a cell of a map sees is counted in pixels",
    "cli/verbs/demo.py": "tells what logistic regression on pixels does with digits",
    "cli/verbs/serve.py": "--max-pixels, a limit on pictures that strangers send",
    "data/ranges.py": "what the values of pictures may be, and what wrong ones look like",
    "head_request.py": "the name that the input of pictures has in a graph is taken",
    "pictures/__init__.py": "the reader of pictures",
    "pictures/forms.py": "the reader of pictures",
    "pictures/reading.py": "the reader of pictures",
    "serving/asking.py": "the limit on pictures that strangers send",
    "serving/description.py": "the limit on pictures that strangers send",
    "tasks/box.py": "a box may be given in pixels by mistake",
    "training/recipes/auto.py": "reasons that quote a probe on the pixels of pictures",
}
"""The files of the core that speak of pixels, and why; everything else speaks of examples, arrays and inputs."""


def test_few_files_speak_of_pixels() -> None:
    files = [path for path in (ROOT / "zoo").rglob("*") if path.suffix in (".py", ".html", ".md", ".tmpl", ".js")]
    rooms = {path: path.relative_to(ROOT / "zoo") for path in files}
    seen = {
        rooms[path].as_posix()
        for path in files
        if rooms[path].parts[0] != "testing" and "pixel" in path.read_text(encoding="utf-8").lower()
    }
    assert seen == set(PIXELS)
