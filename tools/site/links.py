"""Checks a built site: every link leads to a page and a place in it, and no page asks another host for anything."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}
_LOADING_RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload"}


class _Reader(HTMLParser):
    """Collects what a page links to, what it loads, and the names of its places."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links and names of one tag."""
        values = {key: value for key, value in attrs if value is not None}
        self.places |= {values[key] for key in ("id", "name") if key in values}
        for key in ("href", "src"):
            if key not in values or values[key].startswith("data:"):
                continue
            relations = set(values.get("rel", "").split())
            if (tag, key) in _LOADED or (tag == "link" and relations & _LOADING_RELATIONS):
                self.loads.append(values[key])
            elif tag != "link":
                self.links.append(values[key])


def problems(site: Path) -> list[str]:
    """Return a line for each link that leads nowhere and each request that would leave the site.

    Args:
        site: folder of HTML pages.
    """
    readers = {}
    for page in sorted(site.rglob("*.html")):
        reader = _Reader()
        reader.feed(page.read_text(encoding="utf-8"))
        readers[page.resolve()] = reader
    lines = []
    for page, reader in readers.items():
        name = page.relative_to(site.resolve())
        for address in reader.loads:
            if urlsplit(address).scheme in ("http", "https") or address.startswith("//"):
                lines.append(f"{name}: loads {address}, which is not a part of the site")
        for address in dict.fromkeys(reader.links + reader.loads):
            reason = _broken(address, page, site.resolve(), readers)
            if reason:
                lines.append(f"{name}: {address}: {reason}")
    return lines


def _broken(address: str, page: Path, site: Path, readers: dict[Path, _Reader]) -> str:
    """Why a link leads nowhere; empty where it leads somewhere, or out of the site."""
    parts = urlsplit(address)
    if parts.scheme or address.startswith("//"):
        return ""
    path = unquote(parts.path)
    if path.startswith("/"):
        return "" if page.name == "404.html" else "starts with /, so it breaks where the site is not at the root"
    target = (page.parent / path).resolve() if path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "there is no such file"
    if not target.is_relative_to(site):
        return "leads out of the site"
    place = unquote(parts.fragment)
    if place and target in readers and place not in readers[target].places and not place.startswith("__"):
        return f"there is no place {place!r} in {target.relative_to(site)}"
    return ""
