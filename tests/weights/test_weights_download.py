"""Downloads from a real server that misbehaves: the right file, or one clear error and nothing left behind."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.http_server import FileServer, closed_port, wait_until
from weight_case import FAST, FILENAME, OFFICIAL, SHA256, SIZE, files_under, make_source

from zoo.errors import DigestError, DownloadError, OptionError, WeightsError
from zoo.fetching import links
from zoo.fetching.partial import Partial
from zoo.specs import Digest
from zoo.weights import Store


def assert_whole(store: Store, source=None) -> None:
    stored = store.fetch(source or make_source())
    assert hashlib.sha256(stored.path.read_bytes()).hexdigest() == SHA256 == stored.sha256
    assert not list(store.root.glob("partials/*"))
    assert not list(store.root.glob("locks/*"))


def assert_refused(store: Store, kind: type[WeightsError], *words: str, source=None) -> str:
    with pytest.raises(kind) as caught:
        store.fetch(source or make_source())
    assert type(caught.value) is kind
    message = str(caught.value)
    for word in (FILENAME, str(store.drop), *words):
        assert word in message
    assert files_under(store.root) == []
    return message


def test_a_good_file_is_fetched_once_and_kept_under_its_digest(server: FileServer, store: Store):
    seen: list[tuple[int, int | None]] = []
    stored = store.fetch(make_source(), progress=lambda done, total: seen.append((done, total)))
    assert stored.path == store.root / "blobs" / "sha256" / SHA256[:2] / SHA256
    assert (stored.sha256, stored.format, stored.includes_top) == (SHA256, "keras-h5", False)
    assert stored.source == make_source()
    assert stored.note == ""
    assert stored.path.stat().st_mode & 0o222 == 0
    assert seen[0] == (0, SIZE)
    assert seen[-1] == (SIZE, SIZE)
    assert seen == sorted(seen)
    assert store.fetch(make_source()) == stored
    assert Store().fetch(make_source()) == stored
    assert len(server.requests) == 1
    assert server.requests[0].path == OFFICIAL
    assert server.requests[0].headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in server.requests[0].headers
    assert store.verify() == []


def test_the_file_loads_as_mobilenet(server: FileServer, store: Store):
    import h5py

    with h5py.File(store.fetch(make_source()).path) as file:
        assert "conv_pw_13" in file


def test_a_flipped_byte_is_refused(server: FileServer, store: Store):
    damaged = bytearray(server.files[OFFICIAL])
    damaged[SIZE // 2] ^= 1
    server.files[OFFICIAL] = bytes(damaged)
    assert_refused(store, DigestError, hashlib.sha256(damaged).hexdigest(), SHA256)
    assert server.transfers == 1


@pytest.mark.parametrize("registered", [SIZE, None])
def test_a_truncated_file_is_refused(server: FileServer, store: Store, registered: int | None):
    server.files[OFFICIAL] = server.files[OFFICIAL][:1_000_000]
    kind = DownloadError if registered else DigestError
    assert_refused(store, kind, SHA256, source=make_source(bytes=registered))


def test_a_file_with_an_md5_is_held_to_it(server: FileServer, store: Store, payload: bytes):
    digest = Digest(algorithm="md5", value=hashlib.md5(payload).hexdigest())
    assert_whole(store, make_source(digest=digest, bytes=None))
    wrong = Digest(algorithm="md5", value="0" * 32)
    with pytest.raises(DigestError, match=digest.value):
        store.fetch(make_source(digest=wrong, bytes=None))


def test_a_dead_server_is_one_clear_error(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ZOO_MIRROR", f"http://127.0.0.1:{closed_port()}")
    assert_refused(store, DownloadError, "Connection refused", "3 tries")


def test_a_dropped_connection_is_resumed(server: FileServer, store: Store):
    server.faults.drop_after = [SIZE // 2]
    assert_whole(store)
    first, second = server.requests
    assert first.status == 200
    assert second.status == 206
    assert second.headers["Range"] == f"bytes={first.sent}-"
    assert second.headers["If-Range"] == '"v1"'
    assert second.sent == SIZE - first.sent


def test_a_line_that_keeps_breaking_gets_there(server: FileServer, store: Store):
    server.faults.drop_after = [400_000] * 5
    patient = Store(store.root, policy=replace(FAST, attempts=6))
    assert_whole(patient)


def test_a_line_that_always_breaks_is_given_up(server: FileServer, store: Store):
    server.faults.drop_after = [1000] * 100
    assert_refused(store, DownloadError, "peer closed connection", "3 tries")
    assert len(server.requests) == FAST.attempts


def test_a_server_without_ranges_sends_it_all_again(server: FileServer, store: Store):
    server.faults.drop_after = [SIZE // 2]
    server.faults.ignore_range = True
    assert_whole(store)
    assert [seen.status for seen in server.requests] == [200, 200]


def test_a_server_without_validators_is_asked_for_the_whole_file(server: FileServer, store: Store):
    del server.etags[OFFICIAL]
    server.faults.drop_after = [SIZE // 2]
    assert_whole(store)
    assert "Range" not in server.requests[1].headers


@pytest.mark.parametrize("obeys", [True, False], ids=["If-Range obeyed", "If-Range ignored"])
def test_a_file_that_changes_midway_is_never_mixed(server: FileServer, store: Store, obeys: bool):
    good = server.files[OFFICIAL]
    server.files[OFFICIAL] = bytes(SIZE)
    server.faults.drop_after = [SIZE // 2]
    server.faults.ignore_if_range = not obeys

    def change(done: int, total: int | None) -> None:
        server.files[OFFICIAL], server.etags[OFFICIAL] = good, '"v2"'

    stored = store.fetch(make_source(), progress=change)
    assert stored.path.read_bytes() == good
    assert [seen.status for seen in server.requests] == ([200, 200] if obeys else [200, 206, 200])


def test_a_file_that_changes_midway_is_never_mixed_even_without_a_digest(store, payload, certificate, monkeypatch):
    """The server ignores If-Range; only the ETag of its 206 tells, since no digest will."""
    with FileServer({OFFICIAL: payload[:8] + bytes(SIZE - 8)}, certificate=certificate) as secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        monkeypatch.setenv("ZOO_MIRROR", secure.url)
        secure.faults.drop_after, secure.faults.ignore_if_range = [SIZE // 2], True

        def change(done: int, total: int | None) -> None:
            secure.files[OFFICIAL], secure.etags[OFFICIAL] = payload, '"v2"'

        stored = store.fetch(make_source(digest=None, bytes=None), progress=change)
    assert stored.sha256 == SHA256
    assert [seen.status for seen in secure.requests] == [200, 206, 200]


def test_pieces_that_do_not_fit_are_fetched_again_in_one(server: FileServer, store: Store):
    """A server that changes the file and keeps its ETag."""
    good = server.files[OFFICIAL]
    server.files[OFFICIAL] = bytes(SIZE)
    server.faults.drop_after = [SIZE // 2]
    stored = store.fetch(make_source(), progress=lambda *_: server.files.update({OFFICIAL: good}))
    assert stored.path.read_bytes() == good
    assert [seen.status for seen in server.requests] == [200, 206, 200]


def test_416_starts_again(server: FileServer, store: Store, payload: bytes):
    server.files[OFFICIAL] = payload[: SIZE // 2]
    server.faults.length = SIZE  # so the first answer is cut, and the second request begins past the end

    def mend() -> None:
        wait_until(lambda: any(seen.status == 416 for seen in server.requests))
        server.files[OFFICIAL], server.faults.length = payload, None

    store.policy = replace(FAST, backoff=0.2)
    watcher = threading.Thread(target=mend)
    watcher.start()
    assert_whole(store)
    watcher.join()
    assert [seen.status for seen in server.requests] == [200, 416, 200]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_is_asked_again(server: FileServer, store: Store, status: int):
    server.faults.statuses = [status, status]
    server.faults.retry_after = "86400"
    assert_whole(store)
    assert [seen.status for seen in server.requests] == [status, status, 200]


def test_a_server_that_stays_busy_is_given_up(server: FileServer, store: Store):
    server.faults.statuses = [503] * 10
    server.faults.retry_after = "Fri, 31 Dec 9999 23:59:59 GMT"
    assert_refused(store, DownloadError, "503", "3 tries")


@pytest.mark.parametrize("status", [401, 404, 304, 206])
def test_a_plain_no_is_not_asked_again(server: FileServer, store: Store, status: int):
    server.faults.statuses = [status]
    assert_refused(store, DownloadError, str(status))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "faults",
    [{"chunk": 10, "pause": 0.05}, {"head_pause": 0.1}, {"chunk": 1000, "pause": 5}],
    ids=["body in drops", "head in drops", "silence"],
)
def test_a_server_that_dribbles_is_given_up(server: FileServer, store: Store, faults: dict):
    for name, value in faults.items():
        setattr(server.faults, name, value)
    store.policy = replace(FAST, attempts=2, read_timeout=0.3, answer_timeout=0.3, stall_seconds=0.2, stall_bytes=4096)
    assert_refused(store, DownloadError, "2 tries")


@pytest.mark.parametrize("lie", [SIZE + 1, SIZE - 1, 10**15])
def test_a_length_that_is_not_the_registered_one_is_refused_unread(server: FileServer, store: Store, lie: int):
    server.faults.length = lie
    assert_refused(store, DownloadError, str(lie), str(SIZE))
    assert len(server.requests) == 1


def test_an_endless_body_is_cut_at_the_registered_size(server: FileServer, store: Store):
    server.faults.endless = True
    assert_refused(store, DownloadError, "more than", str(SIZE))


def test_an_endless_body_of_unknown_size_is_cut_at_the_cap(server: FileServer, store: Store):
    server.faults.endless = True
    store.policy = replace(FAST, max_bytes=3_000_000)
    assert_refused(store, DownloadError, "3000000", source=make_source(bytes=None))


def test_a_body_without_a_length_serves_when_there_is_a_digest(server: FileServer, store: Store):
    server.faults.chunked = True
    assert_whole(store, make_source(bytes=None))


def test_a_chunked_body_that_is_too_short_is_refused(server: FileServer, store: Store):
    server.faults.chunked = True
    server.files[OFFICIAL] = server.files[OFFICIAL][:-1]
    assert_refused(store, DownloadError, str(SIZE - 1))


def test_a_compressed_answer_is_refused_and_never_unpacked(server: FileServer, store: Store):
    server.faults.headers = {"Content-Encoding": "gzip"}
    assert_refused(store, DownloadError, "gzip")


def test_an_archive_labeled_gzip_is_taken_as_it_is(server: FileServer, store: Store, payload: bytes):
    server.files["/flowers.tgz"] = payload
    server.faults.headers = {"Content-Encoding": "x-gzip"}
    path = store.fetch_url(
        "https://example.org/flowers.tgz",
        digest=Digest(algorithm="sha256", value=SHA256),
        bytes=None,
        filename="flowers.tgz",
    )
    assert path.read_bytes() == payload


class TestRedirects:
    def test_to_another_path_is_followed(self, server: FileServer, store: Store, payload: bytes):
        server.faults.redirects = {OFFICIAL: "../elsewhere.h5"}
        server.files["/tensorflow/keras-applications/elsewhere.h5"] = payload
        assert_whole(store)

    def test_to_another_server_loses_the_credentials(self, server: FileServer, store: Store, payload, monkeypatch):
        with FileServer({"/there.h5": payload}) as other:
            server.faults.redirects = {OFFICIAL: f"{other.url}/there.h5"}
            monkeypatch.setenv("ZOO_MIRROR", server.url.replace("//", "//user:secret@"))
            assert_whole(store)
        assert server.requests[0].headers["Authorization"].startswith("Basic ")
        assert "Authorization" not in other.requests[0].headers

    def test_in_a_circle_is_given_up(self, server: FileServer, store: Store):
        server.faults.redirects = {OFFICIAL: OFFICIAL}
        assert_refused(store, DownloadError, "more than 5 redirects")
        assert len(server.requests) == 6

    @pytest.mark.parametrize(
        "location",
        ["file:///etc/hostname", "ftp://127.0.0.1/x", "http://169.254.169.254/latest", "http://0xa9fe0101/"],
    )
    def test_to_odd_places_is_refused(self, server: FileServer, store: Store, location: str):
        server.faults.redirects = {OFFICIAL: location}
        assert_refused(store, DownloadError, "it redirects to")

    @pytest.mark.parametrize("location", ["//", "gopher:x", "http://[::1", "http://h:port/"])
    def test_to_no_address_at_all_is_refused(self, server: FileServer, store: Store, location: str):
        server.faults.redirects = {OFFICIAL: location}
        assert_refused(store, DownloadError)

    def test_from_https_to_http_is_refused(self, server, payload, store, certificate, monkeypatch):
        with FileServer({OFFICIAL: payload}, certificate=certificate) as secure:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
            monkeypatch.setenv("ZOO_MIRROR", secure.url)
            secure.faults.redirects = {OFFICIAL: f"{server.url}{OFFICIAL}"}
            assert_refused(store, DownloadError, "from https to plain http")
            assert server.requests == []
            secure.faults.redirects = {}
            assert_whole(store)


def test_a_certificate_nobody_vouches_for_is_refused_at_once(payload, store, certificate, monkeypatch):
    with FileServer({OFFICIAL: payload}, certificate=certificate) as secure:
        monkeypatch.setenv("ZOO_MIRROR", secure.url)
        assert_refused(store, DownloadError, "CERTIFICATE_VERIFY_FAILED")


def test_network_settings_that_do_not_work_are_named(server: FileServer, store: Store, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    assert_refused(store, DownloadError, "network settings", "No such file")
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("HTTP_PROXY", "odd://user:s3cret@proxy:1")
    assert "s3cret" not in assert_refused(store, DownloadError, "network settings")


def test_plain_http_needs_a_digest(server: FileServer, store: Store):
    with pytest.raises(DownloadError, match="no digest is published"):
        store.fetch(make_source(digest=None))
    assert server.requests == []
    assert files_under(store.root) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/x.h5", "file:///etc/hostname", "ftp://example.org/x"])
def test_only_https_addresses_are_fetched(store: Store, url: str, monkeypatch: pytest.MonkeyPatch):
    for mirror in ("", "http://127.0.0.1:9"):
        monkeypatch.setenv("ZOO_MIRROR", mirror)
        with pytest.raises(DownloadError, match="is not an https address"):
            store.fetch_url(url, digest=Digest(algorithm="sha256", value=SHA256), bytes=None, filename="x.h5")


@pytest.mark.parametrize("mirror", ["mirror.example.org", "ftp://mirror.example.org", "http://x?y", "http://h:port"])
def test_a_mirror_must_be_a_base_url(store: Store, mirror: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ZOO_MIRROR", mirror)
    with pytest.raises(OptionError, match="ZOO_MIRROR"):
        store.fetch(make_source())


def test_a_mirror_may_have_a_path(server: FileServer, store: Store, payload, monkeypatch: pytest.MonkeyPatch):
    server.files = {f"/keras/cache{OFFICIAL}": payload}
    monkeypatch.setenv("ZOO_MIRROR", f"{server.url}/keras/cache/")
    assert_whole(store)


def test_without_a_digest_the_first_use_is_held_to(store, payload, certificate, monkeypatch):
    source = make_source(digest=None, bytes=None)
    with FileServer({OFFICIAL: payload}, certificate=certificate) as secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        monkeypatch.setenv("ZOO_MIRROR", secure.url)
        first = store.fetch(source)
        assert SHA256 in first.note
        assert "just now" in first.note
        assert "just now" not in store.fetch(source).note
        first.path.unlink()
        other = bytearray(payload)
        other[-1] ^= 1
        secure.files[OFFICIAL] = bytes(other)
        with pytest.raises(DigestError, match=f"first use recorded {SHA256}"):
            store.fetch(source)
        assert not list(store.root.glob("partials/*"))
        assert not list(store.root.glob("blobs/*/*/*"))
        secure.files[OFFICIAL] = payload
        assert store.fetch(source).sha256 == SHA256


def test_a_web_page_in_place_of_a_file_without_a_digest_is_refused(store, certificate, monkeypatch):
    with FileServer({OFFICIAL: b"<html>Please log in</html>"}, certificate=certificate) as secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        monkeypatch.setenv("ZOO_MIRROR", secure.url)
        with pytest.raises(WeightsError, match="not an HDF5 file"):
            store.fetch(make_source(digest=None, bytes=None))
        secure.faults.close_delimited = True
        with pytest.raises(DownloadError, match="how long"):
            store.fetch(make_source(digest=None, bytes=None))
    assert files_under(store.root) == []


def test_secrets_in_addresses_are_never_shown(server: FileServer, store: Store, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ZOO_MIRROR", server.url.replace("//", "//user:s3cret@"))
    server.faults.statuses = [503, 503, 503, 404]
    url = f"https://storage.googleapis.com{OFFICIAL}?token=s3cret"
    for _ in range(2):
        with pytest.raises(DownloadError) as caught:
            store.fetch(make_source(url=url))
        assert "s3cret" not in str(caught.value)
        assert "user" not in str(caught.value)
    assert store.fetch(make_source(url=url.replace("?token=s3cret", "")))
    own = [record.getMessage() for record in caplog.records if record.name.startswith("zoo")]
    assert not any("s3cret" in text for text in own)
    assert not any("user" in record.getMessage() for record in caplog.records)
    for name in files_under(store.root):
        assert b"s3cret" not in (store.root / name).read_bytes()


@pytest.mark.parametrize(
    ("start", "location", "allowed"),
    [
        ("https://example.org/a", "https://cdn.example.net/b", True),
        ("https://example.org/a", "http://example.org/b", False),
        ("https://example.org/a", "https://127.0.0.1/b", False),
        ("https://example.org/a", "https://127.1/b", False),
        ("https://example.org/a", "https://2130706433/b", False),
        ("https://example.org/a", "https://localhost/b", False),
        ("https://example.org/a", "https://[::ffff:10.0.0.1]/b", False),
        ("https://example.org/a", "https://[fe80::1]/b", False),
        ("https://example.org/a", "https://192.168.1.7/b", False),
        ("https://10.0.0.5/a", "https://10.0.0.6/b", True),
        ("https://10.0.0.5/a", "https://169.254.169.254/b", False),
        ("http://mirror.example.org/a", "https://mirror.example.org/b", True),
        ("http://mirror.example.org/a", "data:text/plain,x", False),
    ],
)
def test_which_redirects_are_followed(start: str, location: str, allowed: bool):
    if allowed:
        assert links.redirected(links.Target(start), location).url == location
    else:
        with pytest.raises(links.RefusedRedirectError):
            links.redirected(links.Target(start), location)


def test_a_full_disk_is_told_before_the_download(server: FileServer, store: Store, monkeypatch):
    real = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real._replace(free=1_000_000))
    written: list[int] = []
    with pytest.raises(WeightsError, match=r"needs 2\.1 MB .* free"):
        store.fetch(make_source(), progress=lambda done, total: written.append(done))
    assert written == []
    assert files_under(store.root) == []


def test_the_partial_file_of_a_killed_download_is_used_only_for_the_same_address(store: Store, tmp_path: Path):
    first = Partial(tmp_path / "x.part", origin="a", algorithms=("sha256",))
    first.restart(validator='"v1"', total=10)
    first.append(b"01234")
    first.close()
    same = Partial(tmp_path / "x.part", origin="a", algorithms=("sha256",))
    assert (same.size, same.total, same.validator, same.resumed) == (5, 10, '"v1"', True)
    same.append(b"56789")
    assert same.hashes()["sha256"] == hashlib.sha256(b"0123456789").hexdigest()
    same.close()
    other = Partial(tmp_path / "x.part", origin="b", algorithms=("sha256",))
    assert (other.size, other.resumed) == (0, False)
    other.restart()
    other.append(b"x")
    other.close()
    assert (tmp_path / "x.part").read_bytes() == b"x"
