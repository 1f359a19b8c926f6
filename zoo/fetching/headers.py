"""What the headers of an answer say of the file: its length, its version, and when to ask again."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def length(response: httpx.Response) -> int | None:
    """Return the bytes of the body; None where the server does not say."""
    value = response.headers.get("Content-Length")
    return int(value) if value is not None and value.isdecimal() else None


def validator(response: httpx.Response) -> str | None:
    """Return what tells this version of the file from the next: a strong ETag, else the date of its last change."""
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):
        return tag
    return response.headers.get("Last-Modified")


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds after which the server wants to be asked again; None where it does not say."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
