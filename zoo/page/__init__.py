"""The one style of zoo's pages: one HTML file that asks the network for nothing, for desk and phone, light and dark.

Templates stand beside the code that fills them (`ranking/recommendation.html`, `reporting/run.html`); they extend
`page/page.html`. Everything that is filled in is escaped, except what this room made itself: `image`, and drawings.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import OptionError
from zoo.whole_file import write_whole

if TYPE_CHECKING:
    import jinja2
    import numpy as np
    from markupsafe import Markup

THUMBNAIL = 160
"""Longer side of a thumbnail, in px: sharp at the 9 rem a gallery gives it."""


def render(template: str, **values: Any) -> str:
    """Return a page as HTML.

    Args:
        template: its path in the package, e.g. "reporting/run.html".
        **values: what it is filled with; escaped, unless it is markup of zoo's own (`image`, `zoo.plots.style.to_svg`).
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["numeric"] = numeric
    environment.filters.update(text=text)
    return environment


def text(value: object) -> Markup:
    """Return foreign text for Markdown: on one line, without HTML, and without what makes links, tables or code.

    Args:
        value: the text.
    """
    import html

    from markupsafe import Markup

    line = " ".join(str(value).split())
    return Markup(re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(line, quote=False)))


def numeric(rows: Sequence[Sequence[str]], columns: int) -> list[bool]:
    """Return for each of so many columns whether all its cells are numbers; False without rows."""
    return [bool(rows) and all(_is_number(row[place]) for row in rows) for place in range(columns)]


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(",", "").replace(".", "", 1).removeprefix("-").removesuffix(" %").isdigit()


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


_TEXT = 400
"""Characters of a text that are shown of an example."""


def image(array: np.ndarray, *, alt: str = "", side: int = THUMBNAIL, quality: int = 80) -> Markup:
    """Return an image within the page, as JPEG.

    Args:
        array: uint8 (height, width, 3) or (height, width).
        alt: what it shows, for those who do not see it; escaped.
        side: its longer side at most, in px.
        quality: of the JPEG, 1..95.
    """
    from markupsafe import Markup
    from PIL import Image

    picture = Image.fromarray(array)
    picture.thumbnail((side, side))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    source = base64.b64encode(data.getvalue()).decode()
    return Markup('<img alt="{}" src="data:image/jpeg;base64,{}">').format(alt, source)


_LOUDEST = 400_000
"""Bytes of a sound that is put into a page; a longer one is left out."""


def thumbnail(png: bytes | None, text: str = "", *, alt: str = "", wav: bytes | None = None) -> Markup:
    """Return what is shown of an example within a page: a picture, a text, something to hear, or several of these.

    Args:
        png: the bytes of a PNG file, or None.
        text: of the example, or a caption; escaped.
        alt: what the picture shows, for those who do not see it; escaped.
        wav: the bytes of a WAV file to play, or None; left out if they are more than 400 KB.
    """
    from markupsafe import Markup

    markup = Markup("")
    if png is not None:
        source = base64.b64encode(png).decode()
        markup += Markup('<img alt="{}" src="data:image/png;base64,{}">').format(alt, source)
    if text:
        markup += Markup('<span class="example">{}</span>').format(text[:_TEXT])
    if wav is not None and len(wav) <= _LOUDEST:
        source = base64.b64encode(wav).decode()
        markup += Markup('<audio controls aria-label="{}" src="data:audio/wav;base64,{}"></audio>').format(alt, source)
    return markup


def pair(left: Markup, right: Markup) -> Markup:
    """Return two images side by side."""
    from markupsafe import Markup

    return Markup('<div class="pair">{}{}</div>').format(left, right)
