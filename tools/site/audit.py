"""Looks at built pages with axe-core in headless Chromium: light, dark, and as wide as a phone.

Run: python -m tools.site.audit build/axe/package/axe.min.js [PAGE ...]      (make site-audit)
"""

from __future__ import annotations

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.site.__main__ import SITE

PAGES = ("index.html", "tutorials/first-model.html", "examples/digits.html", "catalog/index.html",
         "catalog/backbones/vgg16.html", "reference/python/01-build-load-restrict.html")  # fmt: skip
"""One page of each kind."""

MODES = {"light": (), "dark": ("--blink-settings=preferredColorScheme=0",), "phone": ("--window-size=390,900",)}

_RUN = """
;addEventListener("load", () => setTimeout(async () => {
  const result = await axe.run(document, {resultTypes: ["violations"]});
  const said = document.createElement("pre");
  said.id = "axe-result";
  said.textContent = JSON.stringify(result.violations.map(one => [one.id, one.nodes.map(node => node.html)]));
  document.body.append(said);
}, 500));
"""


def violations(page: Path, axe: str, options: tuple[str, ...] = ()) -> list[list[Any]]:
    """Return what axe-core finds wrong with a page: rule and the elements.

    Args:
        page: an HTML file; a copy beside it, without its content security policy, is looked at.
        axe: the script of axe-core.
        options: of Chromium.

    Raises:
        RuntimeError: there is no Chromium, or it said nothing.
    """
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise RuntimeError("there is no Chromium here: apt-get install chromium")
    text = re.sub(r'<meta http-equiv="Content-Security[^>]*>', "", page.read_text(encoding="utf-8"))
    script = (axe + _RUN).replace("</script", "<\\/script")
    copy = page.with_name(f"audited-{page.name}")
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    try:
        with tempfile.TemporaryDirectory() as profile:
            command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
            command += [f"--user-data-dir={profile}", *options, "--virtual-time-budget=20000", "--dump-dom"]
            done = subprocess.run([*command, copy.resolve().as_uri()], capture_output=True, text=True, timeout=180)
    finally:
        copy.unlink()
    answer = re.search(r'<pre id="axe-result">(.*?)</pre>', done.stdout, re.S)
    if answer is None:
        raise RuntimeError(f"axe-core said nothing of {page}: {done.stderr[-500:]}")
    rules: list[list[Any]] = json.loads(html.unescape(answer[1]))
    return rules


def main() -> int:
    """Look at the pages; returns 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("axe", type=Path, help="axe.min.js of axe-core")
    parser.add_argument("pages", nargs="*", help="pages below build/site; default one of each kind")
    options = parser.parse_args()
    axe, count = options.axe.read_text(encoding="utf-8"), 0
    for name in options.pages or PAGES:
        for mode, flags in MODES.items():
            wrong = violations(SITE / name, axe, flags)
            count += len(wrong)
            print(f"{name:45} {mode:6} {len(wrong)} violations")
            for rule, elements in wrong:
                print(f"  {rule}: {elements[0][:200]}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
