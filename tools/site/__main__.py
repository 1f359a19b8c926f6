"""Builds the documentation site.

Run: python -m tools.site             (make site) writes build/docs, builds build/site, checks every link
     python -m tools.site --serve     (make site-serve) then serves it at http://127.0.0.1:8000
     python -m tools.site --pages     writes build/docs and build/mkdocs.yml only, for mkdocs or zensical by hand
"""

from __future__ import annotations

import argparse
import functools
import shutil
import subprocess
import sys
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tools.site import examples, links, pages

BUILD = pages.ROOT / "build"
SITE = BUILD / "site"
SHIM = '<script src="https://unpkg.com/iframe-worker/shim" type="text/javascript"></script>'
"""What the theme puts into every page so that the search runs from a folder: a request that would leave the site."""


def main() -> int:
    """Write the pages, build them, and check the result; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--serve", action="store_true", help="serve the site after building it")
    parser.add_argument("--pages", action="store_true", help="write the pages, and build nothing")
    parser.add_argument("--port", type=int, default=8000, help="port of --serve; default 8000")
    options = parser.parse_args()
    start = time.perf_counter()
    try:
        count = pages.write(BUILD)
    except examples.ExamplesError as error:
        print(f"examples: {error}", file=sys.stderr)
        return 1
    print(f"{count} pages written to {BUILD / 'docs'}")
    if options.pages:
        return 0
    code = build()
    if code:
        return code
    problems = links.problems(SITE)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    print(f"{SITE / 'index.html'}: every link leads somewhere; {time.perf_counter() - start:.0f} s")
    if options.serve:
        serve(options.port)
    return 0


def build() -> int:
    """Build build/site from build/docs, where a warning is an error; returns the exit code."""
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.rmtree(BUILD / ".cache", ignore_errors=True)
    zensical = Path(sys.executable).with_name("zensical")
    code = subprocess.run([zensical, "build", "--strict", "-f", BUILD / "mkdocs.yml"], cwd=BUILD).returncode
    for page in SITE.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if SHIM in text:
            up = "../" * (len(page.relative_to(SITE).parts) - 1)
            page.write_text(text.replace(SHIM, f'<script src="{up}assets/iframe-worker.js"></script>'), "utf-8")
    return code


def serve(port: int) -> None:
    """Serve build/site until Ctrl-C."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(SITE))
    print(f"http://127.0.0.1:{port}/  (Ctrl-C ends it)")
    try:
        ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    sys.exit(main())
