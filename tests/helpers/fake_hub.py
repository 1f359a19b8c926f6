"""A small hub on this machine: repositories with commits and branches, tokens, large files on another host."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from helpers.http_server import FileServer


@dataclass
class HubFaults:
    """What goes wrong."""

    statuses: list[int] = field(default_factory=list)  # answered instead, one for each request
    linked_etag: str | None = None  # in place of the sha256
    commit: str | None = None  # X-Repo-Commit in place of the true one
    lost_uploads: int = 0  # so many uploads of large files end without an answer


class FakeHub:
    """Serves `/{repo}/resolve/{revision}/{file}`; the bytes come from a second server, as from a CDN.

    Attributes:
        commits: (repository, commit) -> file -> bytes.
        branches: (repository, branch) -> commit.
        token: what private repositories ask for; None: all are public.
        requests: (method, path, Authorization) so far.
    """

    def __init__(self) -> None:
        self.commits: dict[tuple[str, str], dict[str, bytes]] = {}
        self.branches: dict[tuple[str, str], str] = {}
        self.token: str | None = None
        self.faults = HubFaults()
        self.requests: list[tuple[str, str, str | None]] = []
        self.uploads: dict[str, bytes] = {}  # large files by their sha256
        self.cdn = FileServer()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def push(self, repository: str, branch: str, files: dict[str, bytes]) -> str:
        """A new commit on a branch."""
        commit = hashlib.sha1(repr((repository, sorted(files.items()), len(self.commits))).encode()).hexdigest()
        self.commits[repository, commit] = files
        self.branches[repository, branch] = commit
        return commit

    def __enter__(self) -> FakeHub:
        self.cdn.__enter__()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.cdn.__exit__()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            hub.requests.append((self.command, self.path, self.headers.get("Authorization")))
            if hub.faults.statuses:
                self._send(hub.faults.statuses.pop(0))
                return
            if hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self._send(401)
                return
            if self.path.startswith("/api/"):
                self._json({"name": "tester", "type": "user"} if "whoami" in self.path else {})
                return
            owner, name, _, revision, *rest = self.path.strip("/").split("/")
            repository, file = f"{owner}/{name}", "/".join(rest)
            commit = hub.branches.get((repository, revision), revision)
            data = hub.commits.get((repository, commit), {}).get(file)
            if data is None:
                self._send(404)
                return
            place = f"/{commit}/{file}"
            hub.cdn.files.setdefault(place, data)
            hub.cdn.etags.setdefault(place, '"v1"')
            tag = hub.faults.linked_etag or hashlib.sha256(data).hexdigest()
            headers = {"Location": hub.cdn.url + place, "X-Linked-ETag": f'"{tag}"', "X-Linked-Size": str(len(data))}
            self._send(302, headers | {"X-Repo-Commit": hub.faults.commit or commit})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hub.requests.append((self.command, self.path, self.headers.get("Authorization")))
            if hub.faults.statuses:
                self._send(hub.faults.statuses.pop(0))
            elif hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self._send(401)
            else:
                self._json(_answer(hub, self.path.partition("?")[0], body))

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hub.requests.append((self.command, self.path, self.headers.get("Authorization")))
            if hub.faults.lost_uploads:
                hub.faults.lost_uploads -= 1
                self.connection.close()
                return
            hub.uploads[hashlib.sha256(data).hexdigest()] = data
            self._send(200)

        def _json(self, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _send(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _answer(hub: FakeHub, path: str, body: bytes) -> dict[str, Any]:
    """What the hub says to what its client posts while it pushes."""
    if path == "/api/repos/create":
        content = json.loads(body)
        repository = "/".join(filter(None, (content.get("organization") or "tester", content["name"])))
        return {"url": f"{hub.url}/{repository}"}
    if path == "/api/validate-yaml":
        return {"errors": [], "warnings": []}
    if "/preupload/" in path:
        files = json.loads(body)["files"]
        return {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": "regular" if file["path"].endswith(".md") else "lfs",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for file in files
            ]
        }
    if path.endswith("/info/lfs/objects/batch"):
        objects = json.loads(body)["objects"]
        for item in objects:
            item["actions"] = {"upload": {"href": f"{hub.url}/upload/{item['oid']}"}}
        return {"transfer": "basic", "objects": objects}
    if "/commit/" in path:
        return _commit(hub, path, body)
    return {}


def _commit(hub: FakeHub, path: str, body: bytes) -> dict[str, Any]:
    _, _, _, owner, name, _, branch = path.split("/")
    repository = f"{owner}/{name}"
    files = dict(hub.commits.get((repository, hub.branches.get((repository, branch), "")), {}))
    for line in body.decode().splitlines():
        item = json.loads(line)
        value = item["value"]
        if item["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif item["key"] == "lfsFile":
            files[value["path"]] = hub.uploads[value["oid"]]
    commit = hub.push(repository, branch, files)
    return {
        "success": True,
        "commitOid": commit,
        "commitUrl": f"{hub.url}/{repository}/commit/{commit}",
        "hookOutput": "",
    }
