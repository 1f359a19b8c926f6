"""Weights in a repository of the Hugging Face Hub: by commit and sha256, through zoo's own transfer.

huggingface_hub gives names, token and the files of its own cache; it hashes nothing and takes the server's ETag for a
file name, so the bytes come another way.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from zoo import settings
from zoo.errors import DigestError, DownloadError, OfflineError, OptionError, WeightsError
from zoo.fetching import links, transfer
from zoo.fetching.files import hash_file
from zoo.specs import WeightSource
from zoo.weights.wanted import Address, Held, Wanted

OFFICIAL = "https://huggingface.co"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_FILE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._+-]*/){0,6}[A-Za-z0-9_][A-Za-z0-9._+-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

_REASONS = {
    401: "the repository does not exist, or is private: set HF_TOKEN, or log in with `hf auth login`",
    403: "the token may not read this repository, or its terms were not accepted on its page",
    404: "there is no such repository, commit or file; the row that names it must be mended",
}


PAUSES = (0.5, 1.0, 2.0, None)
"""Seconds between the tries to learn the commit of a branch; None: the last try."""


class HubSource:
    """A file of a repository, at the commit of the row or at the one of its first verified use."""

    kind = "hub"

    def has(self, row: WeightSource) -> bool:
        """Return whether the cache of huggingface_hub has a file that the row's own digest can vouch for."""
        vouched = row.digest is not None and row.digest.algorithm == "sha256" and row.revision is not None
        return vouched and _cached(row) is not None

    def open(self, row: WeightSource) -> Held | None:
        """Return the file from the cache of huggingface_hub, if the row's own digest vouches for it."""
        path = _cached(row) if self.has(row) else None
        if path is None or row.digest is None or hash_file(path)["sha256"] != row.digest.value:
            return None
        return Held(path, row.digest.value)

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return the file at its commit; the commit is asked for only when the file is to be fetched."""
        repository, file = _names(row)
        pin = pin or {}
        revision = pin.get("commit") or row.revision or "main"
        if not isinstance(revision, str) or not (_COMMIT.fullmatch(revision) or _BRANCH.fullmatch(revision)):
            raise WeightsError(f"{revision!r} is not a commit of {repository}; the row or the lock must be mended.")
        expected = row.digest.value if row.digest and row.digest.algorithm == "sha256" else pin.get("sha256")
        name = f"hub:{repository}/{file}"
        return Wanted.of(
            row,
            url=f"{OFFICIAL}/{repository}/resolve/{revision}/{file}",
            name=f"{name}@{row.revision}" if row.revision else name,
            locate=lambda: _locate(repository, file, revision, expected),
        )

    def absent(self, row: WeightSource) -> WeightsError | None:
        """Return None: there is an address."""
        return None


def _names(row: WeightSource) -> tuple[str, str]:
    """Repository and path of a row, which become parts of an address."""
    repository, file = row.repository or "", row.path or row.filename
    if not _NAME.fullmatch(repository) or not _FILE.fullmatch(file) or ".." in file + repository:
        raise WeightsError(f"{repository!r} and {file!r} do not name a file of the hub; the row must be mended.")
    return repository, file


def repository_and_revision(address: str) -> tuple[str, str | None]:
    """Return what `hf://owner/name[@revision]` names: owner/name, and commit, branch or tag, None where it says none.

    Raises:
        OptionError: it is no such address.
    """
    repository, mark, revision = address.removeprefix("hf://").partition("@")
    if not address.startswith("hf://") or not _NAME.fullmatch(repository) or (mark and not _BRANCH.fullmatch(revision)):
        raise OptionError(f"{address!r} is no repository of the hub: write hf://owner/name or hf://owner/name@revision")
    return repository, revision or None


def wanted_file(repository: str, file: str, revision: str, pin: Mapping[str, Any] | None) -> Wanted:
    """Return any file of a repository.

    Args:
        repository: owner/name.
        file: its path there.
        revision: a commit (40 hexadecimal digits) or a branch; a branch is held to the commit of its first use.
        pin: what the lock remembers of the first use; None: nothing.

    Raises:
        OptionError: one of them is no such name.
    """
    if not _NAME.fullmatch(repository) or not _FILE.fullmatch(file) or ".." in file + repository:
        raise OptionError(f"{repository!r} and {file!r} do not name a file of the hub: write hf://owner/name@revision")
    at = (pin or {}).get("commit") or revision
    if not isinstance(at, str) or not (_COMMIT.fullmatch(at) or _BRANCH.fullmatch(at)):
        raise OptionError(f"{revision!r} is no commit, branch or tag of the hub")
    return Wanted(
        filename=file.rpartition("/")[2],
        url=f"{OFFICIAL}/{repository}/resolve/{at}/{file}",
        digest=None,
        bytes=None,
        layout=None,
        subject="file",
        name=f"hub:{repository}/{file}@{revision}",
        locate=lambda: _locate(repository, file, at, (pin or {}).get("sha256")),
    )


def endpoint() -> str:
    """Return the base address of the hub: `HF_ENDPOINT`, else the official one.

    Raises:
        OptionError: `HF_ENDPOINT` is not a base address.
    """
    text = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or OFFICIAL
    parts = urlsplit(text)
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    schemes = {"http", "https"} if local else {"https"}
    if not parts.hostname or parts.query or parts.fragment or parts.scheme not in schemes:
        raise OptionError(f"HF_ENDPOINT must be an https base address such as {OFFICIAL}, not {links.redact(text)!r}.")
    return text


def offline() -> bool:
    """Return whether the hub may not be asked: `ZOO_OFFLINE` or `HF_HUB_OFFLINE`."""
    return settings.offline() or os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in {"1", "TRUE", "YES", "ON"}


def _locate(repository: str, file: str, revision: str, expected: str | None) -> Address:
    """The address at a commit; a branch is asked for its commit first."""
    if offline():
        raise OfflineError(
            f"{repository}/{file} is not in the store, and HF_HUB_OFFLINE forbids asking the hub for it. Unset "
            f"HF_HUB_OFFLINE, or bring the file from another machine with `zoo weights import`."
        )
    base, token = endpoint(), _token()
    commit = revision if _COMMIT.fullmatch(revision) else _commit(base, repository, file, revision, token)
    url = f"{base}/{repository}/resolve/{commit}/{quote(file)}"
    announced: list[str] = []

    def answered(headers: Mapping[str, str]) -> None:
        answer = headers.get("X-Repo-Commit")
        if answer is not None and answer != commit:
            raise DigestError(
                f"the hub answers with another commit of {repository} than {commit}, which was asked for; nothing was "
                f"kept."
            )
        tag = headers.get("X-Linked-ETag", "").strip('"')
        if _SHA256.fullmatch(tag):  # of a large file; that of a small one is no sha256
            if expected is not None and tag != expected:
                raise DigestError(
                    f"{repository}/{file} at commit {commit} is not the file that is known: the hub says its sha256 is "
                    f"{tag}, and {expected} is expected. Nothing was fetched. If you trust the new file, mend the row, "
                    f"or remove its pin from the lock."
                )
            announced.append(tag)

    return Address(
        url=links.redact(url),
        target=links.Target(url, token=token),
        answered=answered,
        reasons=_REASONS,
        announced=lambda: announced[-1] if announced else None,
        pin={"commit": commit},
    )


def _commit(base: str, repository: str, file: str, revision: str, token: str | None) -> str:
    """The commit that a branch has now."""
    import httpx

    url = f"{base}/{repository}/resolve/{revision}/{quote(file)}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    text, reason = "", ""
    for pause in PAUSES:
        try:
            response = httpx.head(url, headers=headers, follow_redirects=False, timeout=30)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = type(error).__name__
        else:
            text, status = response.headers.get("X-Repo-Commit", ""), response.status_code
            reason = f"it answers {status}" + (f" ({_REASONS[status]})" if status in _REASONS else "")
            if status not in transfer.RETRIED:
                break
        if pause is not None:
            time.sleep(pause)
    if not _COMMIT.fullmatch(text):
        raise DownloadError(
            f"the hub does not say which commit {repository} has at {revision!r}: {reason}, at {links.redact(url)}. "
            f'Try again later, or pass weights="path/to/file".'
        )
    return text


def _token() -> str | None:
    """The user's token of the hub, for its own host only."""
    from huggingface_hub import get_token

    return get_token()


def _cached(row: WeightSource) -> Path | None:
    """The file in the cache of huggingface_hub, at the commit of the row."""
    home = os.environ.get("HF_HUB_CACHE") or os.path.join(os.environ.get("HF_HOME", "~/.cache/huggingface"), "hub")
    folder = Path(home).expanduser()
    if not folder.is_dir():
        return None
    from huggingface_hub import try_to_load_from_cache

    name, file = row.repository or "", row.path or row.filename
    path = try_to_load_from_cache(name, file, cache_dir=folder, revision=row.revision)
    return Path(path) if isinstance(path, str) and Path(path).is_file() else None
