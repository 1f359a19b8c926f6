"""The one style of zoo's pages: one HTML file that asks the network for nothing, for desk and phone, light and dark."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import OptionError
from zoo.whole_file import write_whole

if TYPE_CHECKING:
    import numpy as np

THUMBNAIL = 160
"""Longer side of a thumbnail, in pixels: sharp at the 9 rem a gallery gives it."""


def page(title: str, body: str) -> str:
    """A whole page.

    Args:
        title: of the tab; plain text.
        body: HTML, with everything that others wrote escaped.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # The browser itself then refuses every request.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def write(path: str | os.PathLike[str], text: str) -> Path:
    """Write a page, whole or not at all.

    Raises:
        OptionError: the folder does not exist or cannot be written.
    """
    target = Path(path)
    try:
        # A file's name may hold bytes that are no text: they are written out.
        write_whole(target, text.encode(errors="backslashreplace"), mode=0o644)
    except OSError as error:
        raise OptionError(f"the page cannot be written to {str(target)!r}: {error.strerror or error}") from error
    return target


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of texts; a table wider than the screen scrolls by itself. Columns of numbers stand to the right."""
    rows = [list(row) for row in rows]
    right = [bool(rows) and all(_is_number(row[place]) for row in rows) for place in range(len(columns))]

    def line(cells: Sequence[str], tag: str) -> str:
        inside = (
            f"<{tag}{' class=n' if to_right else ''}>{escape(text)}</{tag}>"
            for text, to_right in zip(cells, right, strict=True)
        )
        return f"<tr>{''.join(inside)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table><thead>{line(columns, "th")}</thead><tbody>{body}</tbody></table></div>'


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(",", "").replace(".", "", 1).removeprefix("-").removesuffix(" %").isdigit()


def items(lines: Iterable[str]) -> str:
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def gallery(figures: Iterable[tuple[str, str]], *, wide: bool = False) -> str:
    """Pictures (HTML of their own, such as `image` gives; wide: pairs of them) with captions (plain text) beneath."""
    shown = "".join(
        f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>" for picture, caption in figures
    )
    return f'<div class="gallery{" two" if wide else ""}">{shown}</div>'


def image(pixels: np.ndarray, *, alt: str = "", side: int = THUMBNAIL, quality: int = 80) -> str:
    """An image within the page, as JPEG.

    Args:
        pixels: uint8 (height, width, 3) or (height, width).
        alt: what it shows, for those who do not see it.
        side: its longer side at most, in pixels.
        quality: of the JPEG, 1..95.
    """
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}">'


_STYLE = (
    ":root{color-scheme:light dark;--ink:#1c1f23;--paper:#fff;--soft:#5d6672;--line:#d9dde3;--panel:#f4f6f8;"
    "--accent:#0b62b8}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--paper:#15181c;--soft:#9ba5b1;--line:#373e47;"
    "--panel:#1f242a;--accent:#73b6f5}}"
    "*{box-sizing:border-box}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem;color:var(--ink);"
    "background:var(--paper);overflow-wrap:anywhere}"
    "h1{font-size:1.45rem;line-height:1.25}h2{font-size:1.15rem;margin:2rem 0 .5rem}"
    "h3{font-size:1rem;margin:1.2rem 0 .4rem}"
    ".error,.warning,.info{border-left:.4rem solid #2563eb;padding-left:.6rem}"
    ".error{border-color:#dc2626}.warning{border-color:#d97706}"
    "p,ul,dl{margin:.4rem 0}ul{padding-left:1.2rem}.soft,figcaption{color:var(--soft)}"
    "dl.verdict{background:var(--panel);border-left:.3rem solid var(--accent);padding:.6rem 1rem;border-radius:.3rem}"
    "dt{font-weight:600}dl.verdict dd{margin:0 0 .5rem}dl.verdict p{margin:0}"
    "code{font:.85em ui-monospace,monospace;background:var(--panel);padding:.1em .3em;border-radius:.2em}"
    ".wide{overflow-x:auto;max-width:100%}table{border-collapse:collapse;font-size:.82rem;white-space:nowrap}"
    "th,td{padding:.2rem .6rem;text-align:left;border-bottom:1px solid var(--line);max-width:28rem;"
    "overflow:hidden;text-overflow:ellipsis}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}"
    ".gallery{display:flex;flex-wrap:wrap;gap:.8rem}.gallery figure{margin:0;width:9.6rem}"
    "figcaption{font-size:.75rem;line-height:1.3}img{max-width:100%;display:block}.gallery img{width:100%}"
    ".pair{display:flex;gap:2px}.pair img{width:50%;min-width:0}.gallery.two figure{width:19.4rem;max-width:100%}"
    ".figures{display:flex;flex-wrap:wrap;gap:1.2rem;align-items:flex-start}"
    ".figures{margin-bottom:.8rem}.figures figcaption{max-width:26rem}"
    ".figures figure{margin:0;max-width:100%}.figures svg,svg{max-width:100%;height:auto;display:block}"
    "svg text.axis{font-size:11px;fill:var(--soft)}details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}"
)
