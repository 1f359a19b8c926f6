"""An executed notebook holds tables, figures and lines of progress in its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CELLS = (
    "import zoo, zoo.plots\nfrom zoo.testing.tiny import tiny_backbone, tiny_dataset\nprint(zoo.backbones())",
    "zoo.backbones(max_params=3e6)",
    "model = zoo.build(tiny_backbone(), zoo.classifier(['red', 'green', 'blue']), preprocessing=None)\n"
    "run = model.fit(tiny_dataset(count=36), recipe='head', epochs=2, validation=0.25)",
    "run",
    "zoo.plots.learning_curves(run)",
    "zoo.lint(tiny_dataset(count=36), features=False)",
)


@pytest.mark.slow
def test_tables_figures_and_progress_are_in_the_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat comes with nbclient")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    monkeypatch.setenv("ZOO_RUNS_DIR", str(tmp_path / "runs"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    printed, table, trained, run, figure, findings = ([dict(o) for o in cell.outputs] for cell in notebook.cells)
    lines = said(printed).splitlines()
    assert len(lines) > 40
    assert lines[0].split()[:3] == ["name", "family", "params"]
    assert table[0]["data"]["text/html"].startswith("<table>")
    assert "mobilenet_025" in table[0]["data"]["text/plain"]
    progress = said(trained)
    for words in ("features: 36 images", "head, epoch 1 of 2: ", "head, epoch 2 of 2: "):
        assert words in progress
    assert "validation: accuracy" in run[0]["data"]["text/html"]
    assert len(figure[0]["data"]["image/png"]) > 5000
    assert "36 images" in findings[0]["data"]["text/html"]


def said(outputs: list[dict[str, Any]]) -> str:
    """What a cell printed on stdout."""
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")
