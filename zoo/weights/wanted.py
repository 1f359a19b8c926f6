"""A file that somebody asks for, before and after it is at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import WeightsError
from zoo.fetching import links
from zoo.fetching.files import Progress, human
from zoo.specs import Digest, WeightSource
from zoo.weights.formats import Format


@dataclass(frozen=True)
class Held:
    """A file that was checked.

    Attributes:
        path: where it lies.
        sha256: of its bytes.
        note: what the user should be told about its origin.
    """

    path: Path
    sha256: str
    note: str = ""


@dataclass(frozen=True)
class Address:
    """Where a file is fetched from, as a source found out.

    Attributes:
        url: for messages, without credentials.
        target: where to ask; None: at `url`, or at the mirror of `ZOO_MIRROR`.
        answered: called with the headers of the first answer, before any byte; refuses by raising.
        reasons: status -> what it means there, for messages.
        announced: the sha256 that the server said in its first answer; None: it said none.
        pin: what the lock remembers beside the sha256, such as the commit.
        check: called with the path of what was fetched, before it is kept; refuses by raising.
    """

    url: str
    target: links.Target | None = None
    answered: Callable[[Mapping[str, str]], None] | None = None
    reasons: Mapping[int, str] = field(default_factory=dict)
    announced: Callable[[], str | None] = lambda: None
    pin: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Path], None] = lambda path: None


@dataclass(frozen=True)
class Wanted:
    """One file to be had, whoever asks for it.

    Attributes:
        filename: base name, for messages and in the drop folder.
        url: the address for messages; None: it cannot be fetched.
        digest: the published digest; None: the sha256 of the first use is recorded and held to.
        bytes: the published size.
        layout: the format of its bytes; None: any.
        subject: what it is: "weights" or "file".
        name: what index and lock call it; "": the address.
        locate: finds the address when the file is to be fetched, maybe over the network; None: it is `url`.
        bring: writes the bytes to a path, where they do not come over https; called with the path and what is told of
            the bytes done. They are checked afterwards like all others. None: zoo's own transfer fetches them.
    """

    filename: str
    url: str | None
    digest: Digest | None
    bytes: int | None
    layout: Format | None
    subject: str
    name: str = ""
    locate: Callable[[], Address] | None = None
    bring: Callable[[Path, Progress | None], None] | None = None

    @classmethod
    def of(cls, row: WeightSource, **more: Any) -> Wanted:
        """Return the file of a row; `more` are fields that the row does not say."""
        given = {"url": None, "digest": row.digest, "bytes": row.bytes, "layout": row.format, "subject": "weights"}
        return cls(**{"filename": base_name(row.filename), **given, **more})

    @property
    def key(self) -> str:
        """Names the index entry: changes when the address or the digest in the row changes."""
        digest = f"{self.digest.algorithm}:{self.digest.value}" if self.digest else "none"
        return hashlib.sha256(f"{self.name or self.url or self.filename}\n{digest}".encode()).hexdigest()[:32]

    @property
    def pin_name(self) -> str:
        """What the lock calls it: the same on every machine."""
        return self.name or (f"url:{links.redact(self.url)}" if self.url else f"file:{self.filename}")

    @property
    def lock(self) -> str:
        """Names the lock and the partial file: the same for all addresses of one published digest."""
        return self.digest.value if self.digest else self.key

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What to hash: always sha256, which names the blob, and what is published."""
        if self.digest and self.digest.algorithm != "sha256":
            return ("sha256", self.digest.algorithm)
        return ("sha256",)

    def described(self) -> str:
        """Return name, size and digest for messages."""
        digest = f"{self.digest.algorithm} {self.digest.value}" if self.digest else "no published digest"
        return f"{self.filename} ({human(self.bytes)}, {digest})"


def base_name(filename: str) -> str:
    """Return a row's file name, if it is one: it becomes a part of a path.

    Raises:
        WeightsError: it is not the name of a file.
    """
    if filename in {"", ".", ".."} or any(mark in filename for mark in "/\\\0:"):
        raise WeightsError(f"{filename!r} is not a file name; the row that gives it must be mended.")
    return filename
