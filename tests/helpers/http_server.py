"""A real HTTP(S) file server on this machine, with faults that can be switched on."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Faults:
    """What goes wrong. Lists are used up: one entry for each answer, then all is well."""

    statuses: list[int] = field(default_factory=list)  # answered instead of the file
    retry_after: str | None = None  # goes with those
    drop_after: list[int] = field(default_factory=list)  # bytes of the body until the connection is cut
    ignore_range: bool = False  # whole file, 200, whatever was asked
    ignore_if_range: bool = False  # sends the rest although the file is another one now
    length: int | None = None  # a Content-Length that lies
    chunked: bool = False  # no Content-Length, chunked
    close_delimited: bool = False  # no Content-Length, ends when the connection does
    endless: bool = False  # chunked, and does not stop (before 64 MB, so that a broken client is seen)
    headers: dict[str, str] = field(default_factory=dict)  # in addition
    redirects: dict[str, str] = field(default_factory=dict)  # path -> Location
    chunk: int = 1 << 16  # bytes written at a time ...
    pause: float = 0.0  # ... with this pause in between, seconds
    head_pause: float = 0.0  # pause between the bytes of the head, seconds


@dataclass
class Seen:
    """One request and what became of it."""

    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0


class FileServer:
    """Serves bytes by path; `with FileServer({"/a.h5": data}) as server: ... server.url ...`.

    Attributes:
        files: path -> content; may be changed while it runs.
        etags: path -> ETag; a path without one gets none.
        faults: see `Faults`; replace or change it while it runs.
        requests: all requests so far.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | Path] | None = None,
        *,
        certificate: tuple[Path, Path] | None = None,
    ):
        self.files = {
            path: data.read_bytes() if isinstance(data, Path) else data for path, data in (files or {}).items()
        }
        self.etags = dict.fromkeys(self.files, '"v1"')
        self.faults = Faults()
        self.requests: list[Seen] = []
        self._paused = 0.0
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        """Base url, without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def transfers(self) -> int:
        """How many answers carried a part of a file."""
        return sum(seen.status in {200, 206} for seen in self.requests)

    def __enter__(self) -> FileServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> None:
        """Pause, but not past the end of the server, and not for ever: a client that waits too long must be seen."""
        self._paused += seconds
        if seconds and self._paused < 15 and self._stopping.wait(seconds):
            raise ConnectionAbortedError


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds: float = 20.0) -> None:
    """Wait for something that happens in another thread or process."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.005)


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            seen = Seen(self.path, dict(self.headers.items()))
            server.requests.append(seen)
            self.close_connection = True
            with contextlib.suppress(OSError):  # the client may go away at any time
                self._answer(seen, server.faults)

        def _answer(self, seen: Seen, faults: Faults) -> None:
            path = self.path.partition("?")[0]
            if faults.statuses:
                extra = {"Retry-After": faults.retry_after} if faults.retry_after else {}
                self._send(seen, faults.statuses.pop(0), extra, b"not now")
            elif path in faults.redirects:
                self._send(seen, 302, {"Location": faults.redirects[path]}, b"")
            elif path not in server.files:
                self._send(seen, 404, {}, b"no such file")
            else:
                self._file(seen, path, faults)

        def _file(self, seen: Seen, path: str, faults: Faults) -> None:
            data, tag = server.files[path], server.etags.get(path)
            headers = dict(faults.headers)
            if tag:
                headers["ETag"] = tag
            wanted = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("Range", ""))
            same = faults.ignore_if_range or seen.headers.get("If-Range", tag) == tag
            if not wanted or faults.ignore_range or not same:
                self._send(seen, 200, headers, data)
                return
            start = int(wanted[1])
            if start >= len(data):
                self._send(seen, 416, {"Content-Range": f"bytes */{len(data)}"}, b"")
                return
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._send(seen, 206, headers, data[start:])

        def _send(self, seen: Seen, status: int, headers: dict[str, str], body: bytes) -> None:
            faults = server.faults
            plain = status not in {200, 206}
            chunked = not plain and (faults.chunked or faults.endless)
            seen.status = status
            lines = [f"HTTP/1.1 {status} {self.responses.get(status, ('Odd',))[0]}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            if chunked:
                lines.append("Transfer-Encoding: chunked")
            elif plain or not faults.close_delimited:
                lines.append(f"Content-Length: {len(body) if plain or faults.length is None else faults.length}")
            self._write_head("\r\n".join([*lines, "", ""]).encode(), faults.head_pause)
            end = len(body)
            if not plain and faults.drop_after:
                end = min(end, faults.drop_after.pop(0))
            while seen.sent < end or (faults.endless and not plain and seen.sent < 64_000_000):
                piece = body[seen.sent : min(seen.sent + faults.chunk, end)] or bytes(faults.chunk)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                seen.sent += len(piece)
                server.wait(faults.pause)
            if chunked and end == len(body):
                self.wfile.write(b"0\r\n\r\n")

        def _write_head(self, head: bytes, pause: float) -> None:
            step = 1 if pause else len(head)
            for start in range(0, len(head), step):
                self.wfile.write(head[start : start + step])
                server.wait(pause)

    return Handler
