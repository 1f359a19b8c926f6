"""The report in headless Chromium: no request leaves the page, and nothing is wider than a phone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.resumable import write_photos

import zoo
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run whose names are long and odd."""
    folder = tmp_path_factory.mktemp("browser")
    photos = write_photos(folder / ("a_very_long_name_without_any_space_" * 3))
    numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
    model = zoo.build(tiny_backbone(), head=zoo.classifier(["red", "green", "blue"]), preprocessing=numbers)
    run = model.fit(photos, recipe="lp-ft", epochs=2, validation=0.3, test=0.2, directory=folder / "run")
    return run.report(folder / "report.html")


def chromium(page: Path, *options: str) -> str:
    """Open a page; gives the document as it is then."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={page.parent / 'profile'}", *options, "--dump-dom", f"file://{page}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout


def test_no_request_leaves_the_page(report: Path, tmp_path: Path) -> None:
    """By the browser's own log; a page with a picture from elsewhere shows that the log would tell."""
    spied = tmp_path / "spied.html"
    spied.write_text('<img src="http://127.0.0.1:9/spy.png">')
    for page, wanted in ((report, 0), (spied, 1)):
        log = tmp_path / f"{page.stem}.json"
        chromium(page, f"--log-net-log={log}")
        urls = re.findall(r'"url":"([^"]+)"', log.read_text())
        asked = {url for url in urls if not url.startswith(("file:", "data:", "chrome"))}
        assert len({url for url in asked if "google" not in url}) == wanted, asked
    assert json.loads((tmp_path / "report.json").read_text())["events"]


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_is_wider_than_the_screen(report: Path, tmp_path: Path, width: int) -> None:
    """Measured in a frame of that width, with the page's policy taken out so that a script can look."""
    inner = re.sub(r"<meta http-equiv[^>]*>", "", report.read_text())
    look = "<script>onload=()=>parent.postMessage(document.documentElement.scrollWidth,'*')</script>"
    (tmp_path / "inner.html").write_text(inner.replace("</body>", f"{look}</body>"))
    (tmp_path / "outer.html").write_text(
        "<script>onmessage=event=>{document.title='wide '+event.data}</script>"
        f'<iframe src="inner.html" style="width:{width}px;height:900px;border:0"></iframe>'
    )
    document = chromium(tmp_path / "outer.html", "--virtual-time-budget=5000", "--window-size=1400,1000")
    (found,) = re.findall(r"<title>wide (\d+)</title>", document)
    assert int(found) <= width
