"""What travels beside a file whose format has no room for it: `NAME.zoo`, a small archive tied to it by its sha256."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

from zoo.errors import OptionError, UnsafeFileError
from zoo.export.formats.interface import CARD, EXAMPLES, LIMITS, RECORD, Cargo, Format
from zoo.untrusted import opened_archive, parse_json

SUFFIX = ".zoo"

_TIE = "sha256.json"
_MEMBERS = {RECORD: LIMITS.bytes, CARD: 1 << 20, EXAMPLES: 64 << 20, _TIE: 1 << 16}


def beside(path: Path) -> Path:
    """Return where what travels beside a file lies."""
    return path.with_name(path.name + SUFFIX)


def companions(path: Path) -> list[Path]:
    """Return what belongs to a written file: everything else in its folder, which is the export's own."""
    return sorted(item for item in path.parent.iterdir() if item != path)


def attach(made: Format, path: Path, cargo: Cargo) -> None:
    """Let something travel with a file: inside, where the format has room, else beside it."""
    into: Any = getattr(made, "attach", None)
    if into is not None:
        into(path, cargo)
        return
    files = [path, *companions(path)]
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}
    with zipfile.ZipFile(beside(path), "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**cargo.members(), _TIE: json.dumps(digests).encode()}.items():
            archive.writestr(name, data)


def cargo_beside(path: Path) -> Cargo:
    """Return what travels beside a file.

    Raises:
        OptionError: there is nothing.
        UnsafeFileError: it is damaged, or belongs to another file.
    """
    sidecar = beside(path)
    if not sidecar.is_file():
        raise OptionError(
            f"{path} does not say its labels: {sidecar.name}, which the export wrote beside it, is missing"
        )
    with opened_archive(sidecar, _MEMBERS.get) as archive:
        members = {name: archive.read(name) for name in archive.names}
    digests = parse_json(members.pop(_TIE, b"{}"), f"{sidecar}: {_TIE}")
    for name, digest in digests.items() if isinstance(digests, dict) else ():
        file = path.parent / Path(str(name)).name
        if path.is_file() and (not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest):
            raise UnsafeFileError(f"{sidecar.name} belongs to another {file.name} than the one that lies beside it")
    return Cargo.of(members, str(path))
