"""Whole models as archives of SavedModel folders: handles of TensorFlow Hub, and models of Kaggle."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zoo.errors import DigestError, DownloadError, OptionError, WeightsError
from zoo.fetching import links
from zoo.specs import WeightSource
from zoo.weights.wanted import Address, Held, Wanted

KAGGLE = "https://www.kaggle.com"

_HANDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*){4}")

_KAGGLE_REASONS = {
    401: "the model is private or needs consent: set KAGGLE_USERNAME and KAGGLE_KEY",
    403: "the account may not read this model, or its terms were not accepted on its page",
    404: "there is no such model, framework, variation or version",
}


class _Archives:
    """What the sources of whole models share: the store alone keeps them, and everything has an address."""

    def has(self, row: WeightSource) -> bool:
        """Return False: the store alone knows."""
        return False

    def open(self, row: WeightSource) -> Held | None:
        """Return None: the store alone keeps such files."""
        return None

    def absent(self, row: WeightSource) -> WeightsError | None:
        """Return None: there is an address."""
        return None


class TfHubSource(_Archives):
    """A handle of TensorFlow Hub, `tfhub:https://host/publisher/model/version`, fetched as a compressed archive."""

    kind = "tfhub"

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return the archive behind the handle; nothing is published about its bytes, so the first use is pinned."""
        handle = (row.url or "").removeprefix("tfhub:").rstrip("/")
        _require_web_address(handle)
        joined = "&" if "?" in handle else "?"
        url = f"{handle}{joined}tf-hub-format=compressed"
        return Wanted.of(
            row,
            url=url,
            name=f"tfhub:{links.redact(handle)}",
            subject="file",
            locate=_at(url),
        )


class KaggleSource(_Archives):
    """A model of Kaggle, `kaggle:owner/model/framework/variation/version`, with the user's credentials if there are."""

    kind = "kaggle"

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return the archive of the model; Kaggle announces its md5, and the sha256 of the first use is pinned."""
        handle = (row.url or "").removeprefix("kaggle:").strip("/")
        if not _HANDLE.fullmatch(handle) or ".." in handle:
            raise WeightsError(
                f"{row.url!r} is no model of Kaggle: write kaggle:owner/model/framework/variation/version, such as "
                f"kaggle:google/yamnet/tensorFlow2/yamnet/1"
            )
        url = f"{_endpoint()}/api/v1/models/{handle}/download"
        return Wanted.of(
            row, url=url, name=f"kaggle:{handle}", subject="file", locate=lambda: _kaggle_address(url, handle)
        )


def _kaggle_address(url: str, handle: str) -> Address:
    def answered(headers: Mapping[str, str]) -> None:
        match = re.search(r"md5=([A-Za-z0-9+/=]+)", headers.get("x-goog-hash", ""))
        announced.append(match.group(1) if match else None)

    announced: list[str | None] = []
    return Address(
        url=links.redact(url),
        target=links.Target(url, auth=_kaggle_credentials()),
        answered=answered,
        reasons=_KAGGLE_REASONS,
        check=lambda path: _check_md5(path, announced, handle),
    )


def _check_md5(path: Path, announced: list[str | None], handle: str) -> None:
    """Hold the bytes to the md5 that Kaggle announced, if it did."""
    from zoo.fetching.files import hash_file

    text = next((value for value in reversed(announced) if value), None)
    if text is None:
        return
    try:
        expected = base64.b64decode(text, validate=True).hex()
    except binascii.Error as error:
        raise DownloadError(f"Kaggle announces an md5 of kaggle:{handle} that cannot be read") from error
    actual = hash_file(path, {"md5"})["md5"]
    if actual != expected:
        raise DigestError(
            f"what Kaggle sent is not kaggle:{handle}: its md5 is {actual}, and {expected} was announced. It was not "
            f"kept. Try again later"
        )


def _at(url: str) -> Callable[[], Address]:
    """An address on this machine is asked as it is; every other one goes through the mirror, if there is one."""
    target = links.Target(url) if _local(url) else None
    return lambda: Address(url=url, target=target)


def _local(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _require_web_address(handle: str) -> None:
    schemes = {"http", "https"} if _local(handle) else {"https"}
    parts = urlsplit(handle)
    if parts.scheme not in schemes or not parts.hostname or not parts.path.strip("/"):
        raise WeightsError(
            f"{handle!r} is no handle of TensorFlow Hub: write tfhub:https://tfhub.dev/publisher/model/version"
        )


def _endpoint() -> str:
    text = os.environ.get("KAGGLE_API_ENDPOINT", "").strip().rstrip("/") or KAGGLE
    parts = urlsplit(text)
    if parts.scheme not in ({"http", "https"} if _local(text) else {"https"}) or not parts.hostname:
        raise OptionError(f"KAGGLE_API_ENDPOINT must be an https address such as {KAGGLE}, not {links.redact(text)!r}.")
    return text


def _kaggle_credentials() -> tuple[str, str] | None:
    """User and key of Kaggle: of the environment, else of its own file; for its host only."""
    user, key = os.environ.get("KAGGLE_USERNAME", ""), os.environ.get("KAGGLE_KEY", "")
    if user and key:
        return user, key
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR", "~/.kaggle")).expanduser()
    try:
        content = json.loads((folder / "kaggle.json").read_text(encoding="utf-8"))
        return str(content["username"]), str(content["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
