"""Writes the pages of the catalog into a folder: one that lists everything, and one for each backbone."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import page
from zoo.catalog_site.rows import ARRIVALS, OTHERS, backbone_section, backbones, other_section, page_name
from zoo.catalog_site.scatter import scatter
from zoo.errors import OptionError

if TYPE_CHECKING:
    from zoo.registry import Entry
    from zoo.specs import BackboneSpec

_HERE = Path(__file__).parent


def write_site(out: str | os.PathLike[str], *, home: str = "") -> list[Path]:
    """Write the catalog of this installation, plugins included, and import none of them.

    Args:
        out: folder to write into; made where it does not exist.
        home: address of a site that the catalog is a part of, relative to its first page; empty: it stands alone.

    Returns:
        The files written; the first is the page to open.

    Raises:
        OptionError: the folder cannot be made or written.
    """
    from zoo.plugin import registry

    target = Path(out)
    try:
        (target / "backbones").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"--out {str(target)!r}: {error.strerror or error}. Name a folder that can be made."
        ) from error
    names = registry()
    pairs, problems = backbones(names.entries("backbones"))
    sections = [backbone_section(pairs), *(other_section(kind, names.entries(kind)) for kind in OTHERS)]
    written = [
        page.write(
            target / "index.html",
            page.render(
                "catalog_site/index.html",
                title="Catalog",
                home=home,
                sections=[section for section in sections if section.rows],
                options=_options(sections[0].rows),
                drawing=_drawing(pairs),
                problems=problems,
                script=_script(),
                hash=_script_hash(),
                size=_SIZES,
                accuracy=_ACCURACIES,
            ),
        )
    ]
    for entry, spec in pairs:
        written.append(page.write(target / "backbones" / page_name(entry), _backbone_page(entry, spec, home)))
    return written


_SIZES = (("5e6", "5 M"), ("1e7", "10 M"), ("3e7", "30 M"), ("1e8", "100 M"))
"""Choices of "parameters at most"."""

_ACCURACIES = (("0.6", "60 %"), ("0.7", "70 %"), ("0.75", "75 %"), ("0.8", "80 %"))
"""Choices of "top-1 at least"."""


def _options(rows: Any) -> dict[str, list[tuple[str, str]]]:
    """The values of a filter that occur, with what they are called."""

    def values(name: str) -> list[str]:
        return sorted({row.filters[name] for row in rows if row.filters[name]})

    return {
        "modality": [(value, value) for value in values("modality")],
        "license": [(value, value) for value in values("license")],
        "source": [(value, ARRIVALS.get(value, value)) for value in values("source")],
    }


def _drawing(pairs: list[tuple[Entry, BackboneSpec]]) -> Any:
    known = [
        (entry.name, f"backbones/{page_name(entry)}", float(spec.macs), spec.accuracy[0].top1)
        for entry, spec in pairs
        if spec.macs and spec.accuracy
    ]
    return scatter(known)


def _backbone_page(entry: Entry, spec: BackboneSpec, home: str) -> str:
    line = f'zoo.build("{entry.name}", zoo.classifier("{"photos/" if spec.sized else "data/"}"))'
    return page.render(
        "catalog_site/backbone.html",
        title=f"{spec.name}: {spec.family}",
        home=f"../{home}" if home else "",
        spec=spec,
        provider=str(entry.provider),
        line=line,
        sized=spec.sized,
        types=sorted(spec.layers.by_type.items(), key=lambda pair: -pair[1]),
        arrivals=ARRIVALS,
        script=_script(),
        hash=_script_hash(),
    )


@cache
def _script() -> Any:
    from markupsafe import Markup

    return Markup((_HERE / "catalog.js").read_text(encoding="utf-8"))


@cache
def _script_hash() -> str:
    """What the content security policy knows the script by: no other runs."""
    digest = hashlib.sha256(str(_script()).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
