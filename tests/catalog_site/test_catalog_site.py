"""The catalog as pages: every name of the installation, plugins included and not imported; use in a browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.pages import ROOT

from tools.site import links
from zoo.catalog_site import write_site
from zoo.catalog_site.scatter import scatter
from zoo.errors import OptionError
from zoo.plugin import registry

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    write_site(folder)
    return folder


def test_every_backbone_has_its_row_and_its_page(catalog: Path) -> None:
    text = (catalog / "index.html").read_text(encoding="utf-8")
    names = {entry.name for entry in registry().entries("backbones")}
    assert (
        set(re.findall(r'<tr data-name="([^"]+)" data-words="[^"]*" data-modality="\w+" data-license', text)) == names
    )
    assert len(list((catalog / "backbones").iterdir())) == len(names)
    assert links.problems(catalog) == []
    vgg = (catalog / "backbones" / "vgg16.html").read_text(encoding="utf-8")
    for fact in ("14,714,688", "103.939, 116.779, 123.68", "6d6bbae143d832006294945121d1f1fc", "top-1 71.3 %"):
        assert fact in vgg, fact
    assert "zoo.build(&#34;vgg16&#34;" in vgg


@pytest.mark.parametrize("kind", ["heads", "datasets", "augmentations", "recipes", "modalities"])
def test_other_kinds_are_listed(catalog: Path, kind: str) -> None:
    text = (catalog / "index.html").read_text(encoding="utf-8")
    section = re.search(rf'<section id="{kind}".*?</section>', text, re.S)
    names = {entry.name for entry in registry().entries(kind)}
    assert (section is not None) == bool(names)
    assert section is None or set(re.findall(r'<tr data-name="([^"]+)"', section[0])) == names


def test_a_plugin_of_ones_own_is_in_it_and_is_not_imported(tmp_path: Path) -> None:
    """In a process of its own, with a plugin that fails when it is imported."""
    rows = json.loads((ROOT / "registry.json").read_text(encoding="utf-8"))
    (row,) = [row for row in rows["contributes"]["backbones"] if row["name"] == "vgg16"]
    row = {**row, "name": "private_net", "family": "<script>alert(1)</script>", "aliases": []}
    package = tmp_path / "site" / "private_zoo"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text("raise RuntimeError('imported')")
    contributes = {"backbones": [row]}
    manifest = {"schema_version": rows["schema_version"], "plugin": "private_zoo", "contributes": contributes}
    (package / "zoo-plugin.json").write_text(json.dumps(manifest))
    info = tmp_path / "site" / "private_zoo-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: private-zoo\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[zoo.plugins]\nprivate_zoo = private_zoo.plugin\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        f"from zoo.cli.main import main; assert main(['site', '--out', {str(tmp_path / 'out')!r}]) == 0\n"
        "names = ('keras', 'tensorflow', 'private_zoo.plugin', 'zoo_vision.plugin')\n"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'href="backbones/private_zoo.private_net.html"' in text
    assert "<script>alert" not in text


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="--out"):
        write_site(tmp_path / "file" / "catalog")


def test_the_front_holds_what_nothing_beats() -> None:
    drawing = scatter([("a", "", 1e8, 0.6), ("b", "", 2e8, 0.5), ("c", "", 1e9, 0.8), ("d", "", 1e9, 0.7)])
    assert drawing is not None
    assert {point.name for point in drawing.points if point.front} == {"a", "c"}
    a, c = (next(point for point in drawing.points if point.name == name) for name in "ac")
    assert a.x < c.x
    assert a.y > c.y
    assert scatter([("a", "", 1e8, 0.6)]) is None


USE = """
onload = () => setTimeout(() => {
  const rows = () => [...document.querySelectorAll('#backbones tbody tr')].filter(row => !row.hidden);
  const names = () => rows().map(row => row.dataset.name);
  const form = document.getElementById('filters'), said = {all: rows().length};
  const set = (name, value) => {form.elements[name].value = value; form.dispatchEvent(new Event('input'))};
  set('search', 'mobilenet'); said.search = names();
  said.points = [...document.querySelectorAll('[data-point]:not([hidden])')].map(point => point.dataset.point);
  set('params', '5e6'); said.small = names();
  form.reset(); form.dispatchEvent(new Event('input')); said.again = rows().length;
  const header = [...document.querySelectorAll('#backbones thead th')].find(th => th.textContent == 'top-1');
  header.querySelector('button').click(); header.querySelector('button').click();
  said.sorted = header.getAttribute('aria-sort'); said.best = names().slice(0, 2); said.last = names().pop();
  const boxes = [...document.querySelectorAll('#backbones tbody input')];
  boxes.slice(0, 4).forEach(box => box.click());
  said.side = document.querySelectorAll('#compare tr:first-child td').length; said.fifth = boxes[4].disabled;
  const out = document.createElement('pre'); out.id = 'said';
  out.textContent = JSON.stringify(said);
  document.body.append(out);
}, 200);
"""
"""What a visitor does, and what the page then shows."""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium")
def test_search_filter_sort_and_comparison_in_a_browser(catalog: Path, tmp_path: Path) -> None:
    page = re.sub(r"<meta http-equiv[^>]*>", "", (catalog / "index.html").read_text(encoding="utf-8"))
    (tmp_path / "page.html").write_text(page.replace("</body>", f"<script>{USE}</script></body>"))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"]
    command += [
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        f"file://{tmp_path / 'page.html'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    (printed,) = re.findall(r'<pre id="said">(.*?)</pre>', done.stdout, re.S)
    said = json.loads(html.unescape(printed))
    assert said["all"] == said["again"] == len(registry().entries("backbones"))
    assert 0 < len(said["small"]) < len(said["search"]) < said["all"]
    assert all("mobilenet" in name for name in said["search"])
    assert set(said["points"]) <= set(said["search"])
    tops = {e.name: e.spec.accuracy[0].top1 if e.spec.accuracy else None for e in registry().entries("backbones")}
    known = sorted((top for top in tops.values() if top is not None), reverse=True)
    assert said["sorted"] == "descending"
    assert [tops[name] for name in said["best"]] == known[:2]
    assert tops[said["last"]] is None
    assert said["side"] == 4
    assert said["fifth"] is True
