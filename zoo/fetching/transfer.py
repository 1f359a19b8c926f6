"""Fetch one file over http(s) into a partial file: resume, retry within bounds, never more bytes than registered."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo._version import __version__
from zoo.errors import DownloadError, WeightsError
from zoo.fetching import headers, links
from zoo.fetching.files import Progress, human
from zoo.fetching.partial import Partial
from zoo.specs import Digest

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("zoo.weights")

HEADWAY = 1024**2
"""Bytes that a try must bring for the tries to be counted anew: a bad line is not a dead one."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be different a moment later."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})

GZIPPED = (".gz", ".tgz")
"""Names of files that some servers label `Content-Encoding: gzip` although they are sent as they are."""


@dataclass(frozen=True)
class TransferPolicy:
    """How patient a transfer is. All times in seconds.

    Attributes:
        attempts: tries in a row that bring nothing new before giving up.
        backoff: pause after the first failed try; doubles each time.
        longest_pause: no pause is longer, whatever the server asks for with Retry-After.
        connect_timeout: for one connection.
        read_timeout: for silence in the middle of an answer.
        answer_timeout: for the whole head of an answer, so that dribbling it out does not help.
        stall_seconds, stall_bytes: a body that brings fewer bytes than this in that time has stalled.
        max_redirects: how many redirects are followed.
        max_bytes: cap of a file without a registered size.
    """

    attempts: int = 4
    backoff: float = 0.5
    longest_pause: float = 30.0
    connect_timeout: float = 15.0
    read_timeout: float = 30.0
    answer_timeout: float = 60.0
    stall_seconds: float = 60.0
    stall_bytes: int = 64 * 1024
    max_redirects: int = 5
    max_bytes: int = 4 * 1024**3


@dataclass(frozen=True)
class Request:
    """What is to be fetched.

    Attributes:
        url: official https address.
        filename: for messages.
        digest: published digest, if any.
        bytes: registered size, if known.
        remedy: what a user can do when the transfer fails; ends each message.
        target: where to ask; None: at `url`, or at the mirror of `ZOO_MIRROR`.
        answered: called with the headers of the first answer, before any byte; refuses by raising.
        reasons: status -> what it means at this host, for messages.
    """

    url: str
    filename: str
    digest: Digest | None
    bytes: int | None
    remedy: str
    target: links.Target | None = None
    answered: Callable[[Mapping[str, str]], None] | None = None
    reasons: Mapping[int, str] = field(default_factory=dict)


class _TransientError(Exception):
    """A failure that another try may mend. `pause`: seconds the server asked to wait."""

    def __init__(self, reason: str, pause: float | None = None):
        super().__init__(reason)
        self.pause = pause


def download(request: Request, partial: Partial, policy: TransferPolicy, progress: Progress | None = None) -> None:
    """Fill `partial` with the whole file.

    Raises:
        DownloadError: the file is not there, the server keeps failing, or what it sends cannot be the file.
        WeightsError: the disk is full or cannot be written.
    """
    target = request.target or links.target(request.url, request.digest)
    try:
        client = _client(policy)
    except (OSError, ValueError, ImportError) as error:  # SSL_CERT_FILE, HTTPS_PROXY and the like
        raise _failed(
            request, target, f"the network settings of this machine do not work ({_reason(error)})"
        ) from error
    with client:
        _persist(client, target, request, partial, policy, progress)


def _persist(
    client: httpx.Client,
    target: links.Target,
    request: Request,
    partial: Partial,
    policy: TransferPolicy,
    progress: Progress | None,
) -> None:
    """Try again after failures that may pass, as long as the policy allows."""
    tries, furthest = 0, partial.size
    while True:
        try:
            _attempt(client, target, request, partial, policy, progress)
            return
        except _TransientError as failure:
            if partial.size >= furthest + HEADWAY:
                tries, furthest = 0, partial.size
            tries += 1
            if tries >= policy.attempts:
                raise _failed(request, target, f"{failure} ({tries} tries)") from failure.__cause__
            pause = failure.pause if failure.pause is not None else policy.backoff * 2 ** (tries - 1)
            log.info("%s: %s; trying again", request.filename, failure)
            time.sleep(min(pause, policy.longest_pause))


def _attempt(
    client: httpx.Client,
    target: links.Target,
    request: Request,
    partial: Partial,
    policy: TransferPolicy,
    progress: Progress | None,
) -> None:
    """One try: ask for the file, or for the rest of it, and write what comes."""
    if partial.size and partial.size == partial.total:  # killed between the last byte and the check
        return
    sent = {"Accept-Encoding": "identity", "User-Agent": f"zoo-sdk/{__version__}"}
    if partial.size and partial.validator:
        sent |= {"Range": f"bytes={partial.size}-", "If-Range": partial.validator}
    elif partial.size:
        partial.restart()
    with _answer(client, target, sent, request, policy) as response:
        if response.status_code == 206 and "Range" in sent:
            _check_continues(response, partial)
        else:
            _check_whole(response, target, request, partial)
        _check_encoding(response, target, request)
        cap = _cap(partial, target, request, policy)
        _receive(response, target, request, partial, cap, _Pace(policy), progress)
    _check_size(target, request, partial)


def _check_size(target: links.Target, request: Request, partial: Partial) -> None:
    """Refuse fewer bytes than the server announced, or another number than is registered."""
    if partial.total is not None and partial.size < partial.total:
        raise _TransientError(f"the connection ended after {partial.size} of {partial.total} bytes")
    if request.bytes is not None and partial.size != request.bytes:
        raise _failed(request, target, f"the server sent {human(partial.size)} instead of {human(request.bytes)}")


def _receive(
    response: httpx.Response,
    target: links.Target,
    request: Request,
    partial: Partial,
    cap: int,
    pace: _Pace,
    progress: Progress | None,
) -> None:
    """Write what comes, up to a cap."""
    if progress:
        progress(partial.size, partial.total)
    for chunk in response.iter_raw():  # raw: a compressed body is never unpacked, so it cannot swell
        if partial.size + len(chunk) > cap:
            raise _failed(request, target, f"the server sends more than {human(cap)}")
        partial.append(chunk)
        if progress:
            progress(partial.size, partial.total)
        pace.count(len(chunk))


def _check_continues(response: httpx.Response, partial: Partial) -> None:
    """A 206 must go on exactly where the partial file ends, in the same version of the same file."""
    part = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", response.headers.get("Content-Range", "").strip())
    fits = (
        part is not None
        and int(part[1]) == partial.size
        and (part[2] == "*" or partial.total is None or int(part[2]) == partial.total)
        and headers.validator(response) == partial.validator
    )
    if not fits:
        partial.restart()
        raise _TransientError("the file changed on the server while it was fetched")
    partial.resumed = True


def _check_whole(response: httpx.Response, target: links.Target, request: Request, partial: Partial) -> None:
    """A 200 starts the file again; everything else is a reason to wait or to give up."""
    status = response.status_code
    if status == 416:
        partial.restart()
        raise _TransientError("the server has no such part of the file")
    if status in RETRIED:
        raise _TransientError(f"the server answers {status} {response.reason_phrase}", headers.retry_after(response))
    if status != 200:
        meaning = f" ({request.reasons[status]})" if status in request.reasons else ""
        raise _failed(request, target, f"the server answers {status} {response.reason_phrase}".rstrip() + meaning)
    total = headers.length(response)
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    if total is None and not chunked and request.bytes is None and request.digest is None:
        raise _failed(request, target, "neither the server nor the registry says how long it is")
    partial.restart(validator=headers.validator(response), total=total)


def _check_encoding(response: httpx.Response, target: links.Target, request: Request) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    mislabeled = encoding in {"gzip", "x-gzip"} and request.filename.endswith(GZIPPED)
    if encoding not in {"", "identity"} and not mislabeled:
        raise _failed(request, target, f"the server sends it as {encoding!r} although it was asked not to")


def _cap(partial: Partial, target: links.Target, request: Request, policy: TransferPolicy) -> int:
    """How many bytes may come; a wrong size or a full disk is refused before the first of them."""
    total, limit = partial.total, request.bytes
    if total is not None and limit is not None and total != limit:
        raise _failed(request, target, f"the server has {human(total)}, but the registered size is {human(limit)}")
    if total is not None and total > policy.max_bytes and limit is None:
        raise _failed(request, target, f"the server has {human(total)}, more than the cap of {human(policy.max_bytes)}")
    expected = total if total is not None else limit
    if expected is None:
        return policy.max_bytes
    free = shutil.disk_usage(partial.path.parent).free
    if free < expected - partial.size:
        raise WeightsError(
            f"{request.filename} needs {human(expected - partial.size)}, and {partial.path.parent} has "
            f"{human(free)} free. Free some space, or set ZOO_CACHE_DIR to a folder on another disk."
        )
    return expected


def _failed(request: Request, target: links.Target, reason: str) -> DownloadError:
    return DownloadError(
        f"could not fetch {request.filename} from {links.redact(target.url)}: {reason}. {request.remedy}"
    )


@contextlib.contextmanager
def _answer(
    client: httpx.Client,
    target: links.Target,
    sent: dict[str, str],
    request: Request,
    policy: TransferPolicy,
) -> Iterator[httpx.Response]:
    """The answer after redirects, its body not read yet; failures of the network become transient errors."""
    import httpx

    try:
        for hop in range(policy.max_redirects + 1):
            deadline = _Deadline(policy.answer_timeout)
            secret = {"Authorization": f"Bearer {target.token}"} if target.token else {}
            get = client.build_request("GET", target.url, headers=sent | secret, extensions={"trace": deadline.trace})
            with deadline:
                response = client.send(get, stream=True, auth=target.auth)
            with contextlib.closing(response):
                if hop == 0 and request.answered and response.status_code in {200, 206} | REDIRECTS:
                    request.answered(response.headers)
                location = response.headers.get("Location")
                if response.status_code in REDIRECTS and location:
                    target = links.redirected(target, location)
                    continue
                yield response
                return
    except links.RefusedRedirectError as error:
        raise _failed(request, target, str(error)) from error
    except httpx.InvalidURL as error:
        raise _failed(request, target, f"not an address ({error})") from error
    except httpx.HTTPError as error:
        reason = _reason(error)
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            raise _failed(request, target, reason) from error
        raise _TransientError(reason) from error
    raise _failed(request, target, f"more than {policy.max_redirects} redirects")


def _reason(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "the server does not answer in time"
    text = re.sub(r"//[^/\s@]*@", "//", str(error))  # no credentials, should a proxy's address be quoted
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _client(policy: TransferPolicy) -> httpx.Client:
    import httpx

    return httpx.Client(
        verify=_trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        timeout=httpx.Timeout(policy.read_timeout, connect=policy.connect_timeout),
        follow_redirects=False,
        # No connection is kept: each request opens its own, so that the deadline knows which one to shut.
        limits=httpx.Limits(max_keepalive_connections=0),
    )


@functools.cache
def _trusted(*_environment: str | None) -> ssl.SSLContext:
    """The certificates to trust; reading them takes longer than most small downloads."""
    import httpx

    return httpx.create_ssl_context()


class _Deadline:
    """Shuts the connection when the head of an answer takes too long.

    A read timeout starts anew with each byte, so a server that dribbles its head out would hold us for ever.
    """

    def __init__(self, seconds: float):
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._socket: socket.socket | None = None

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Told by httpcore what happens; keeps the newest socket (the one inside TLS, once there is TLS)."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Past the TLS layer, which another thread may be reading from.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


class _Pace:
    """Notices a body that comes in drops."""

    def __init__(self, policy: TransferPolicy):
        self._policy = policy
        self._since, self._bytes = time.monotonic(), 0

    def count(self, size: int) -> None:
        """Take note of `size` more bytes."""
        self._bytes += size
        elapsed = time.monotonic() - self._since
        if elapsed < self._policy.stall_seconds:
            return
        if self._bytes < self._policy.stall_bytes:
            raise _TransientError(f"only {self._bytes} bytes came in {elapsed:.0f} s")
        self._since, self._bytes = time.monotonic(), 0
