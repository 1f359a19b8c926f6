"""Addresses: the mirror, which redirects are followed, and what may be shown of an address."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from zoo import settings
from zoo.errors import DownloadError, OptionError
from zoo.specs import Digest


@dataclass(frozen=True)
class Target:
    """Where a request goes.

    Attributes:
        url: address without credentials.
        auth: user and password for this address only; they are dropped when a redirect leaves its host.
        token: likewise, of a hub; never shown.
    """

    url: str
    auth: tuple[str, str] | None = None
    token: str | None = field(default=None, repr=False)


class RefusedRedirectError(Exception):
    """A redirect that is not followed; the message says why."""


def redact(url: str) -> str:
    """An address fit for messages and files: no user, no password, no query values, no fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(an address that cannot be read)"
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{port}{parts.path}" + ("?..." if parts.query else "")


def target(url: str, digest: Digest | None) -> Target:
    """Where to ask for a file: its own https address, or the same path at `ZOO_MIRROR`.

    Args:
        url: the official address; https only.
        digest: the published digest. Without one, plain http is refused: nothing would vouch for the bytes.

    Raises:
        DownloadError: the address or the mirror is of a kind that is never used.
        OptionError: `ZOO_MIRROR` is not a base url.
    """
    if not url.startswith("https://"):
        raise DownloadError(f"{redact(url)} is not an https address; files are fetched over https only.")
    mirror = settings.mirror()
    if mirror is None:
        return _split_credentials(url)
    base, official = _parts(mirror), urlsplit(url)
    if base is None or base.scheme not in {"http", "https"} or not base.hostname or base.query or base.fragment:
        raise OptionError(
            f"ZOO_MIRROR must be a base url such as https://mirror.example.org/keras, not {redact(mirror)!r}."
        )
    if base.scheme == "http" and digest is None:
        raise DownloadError(
            f"no digest is published for {redact(url)}, so it is not fetched over plain http from the mirror "
            f"{redact(mirror)}. Use an https mirror, or unset ZOO_MIRROR."
        )
    path = base.path.rstrip("/") + official.path
    return _split_credentials(urlunsplit((base.scheme, base.netloc, path, official.query, "")))


def redirected(current: Target, location: str) -> Target:
    """The address a redirect points to, if it may be followed.

    A redirect may go to another host (that is how most files are served), but never from https to http, never to
    another scheme, never to a link-local address, and not from a public host into a private network.

    Raises:
        RefusedRedirectError: the redirect is refused.
    """
    joined = _joined(current.url, location)
    old, new = urlsplit(current.url), _parts(joined)
    if new is None or new.scheme not in {"http", "https"} or not new.hostname:
        raise RefusedRedirectError(f"it redirects to {redact(joined)}, which is not a web address")
    if old.scheme == "https" and new.scheme == "http":
        raise RefusedRedirectError(f"it redirects from https to plain http, {redact(joined)}")
    if new.hostname != old.hostname and _leads_inside(old.hostname or "", new.hostname):
        raise RefusedRedirectError(f"it redirects to {redact(joined)}, inside a private network")
    same = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
    auth, token = (current.auth, current.token) if same else (None, None)
    return Target(_split_credentials(joined).url, auth, token)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise RefusedRedirectError("it redirects to an address that cannot be read") from None


def _leads_inside(old: str, new: str) -> bool:
    """Whether a host is one of a private network, or of this link, that the host before is not a part of."""
    there, here = _address(new), _address(old)
    if there is None:
        return False
    return there.is_link_local or (_is_inside(there) and not (here is not None and _is_inside(here)))


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _split_credentials(url: str) -> Target:
    parts = urlsplit(url)
    _, _, netloc = parts.netloc.rpartition("@")
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    return Target(urlunsplit(parts._replace(netloc=netloc, fragment="")), auth)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host name spells out, in any spelling the resolver takes; None for an ordinary name."""
    if host == "localhost" or host.endswith(".localhost"):
        return ipaddress.ip_address("127.0.0.1")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:  # 127.1, 0x7f000001 and 2130706433 are all 127.0.0.1 to the resolver
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not address.is_global
