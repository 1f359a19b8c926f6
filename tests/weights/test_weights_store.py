"""The store: offline, placed files, damage on disk, bad folders, many at once, kill and resume."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.http_server import FileServer, wait_until
from helpers.mutation import zipped
from weight_case import FAST, FILENAME, OFFICIAL, SHA256, SIZE, files_under, make_source

from zoo.errors import DigestError, OfflineError, WeightsError
from zoo.specs import Digest
from zoo.weights import Store

CHILD = """
import sys
from weight_case import FAST, make_source
from zoo.errors import ZooError
from zoo.weights import Store
store = Store(policy=FAST)
source = make_source()
print("ready", flush=True)
sys.stdin.readline()
try:
    print(store.fetch(source).sha256)
except ZooError as error:
    print(type(error).__name__, error)
"""


def start_child(*wrapper: str, **options) -> subprocess.Popen:
    """A process that fetches the file as soon as it gets a line."""
    child = subprocess.Popen(
        [*wrapper, sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        **options,
    )
    assert child.stdout.readline() == "ready\n"
    return child


def answer_of(child: subprocess.Popen) -> str:
    return child.communicate("go\n", timeout=60)[0].strip()


class TestOffline:
    @pytest.fixture(autouse=True)
    def _no_sockets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever is tried, nothing connects."""
        import socket

        def refuse(*_: object) -> None:
            raise AssertionError("the network was touched")

        self.block = lambda: monkeypatch.setattr(socket.socket, "connect", refuse)
        self.monkeypatch = monkeypatch

    def test_a_missing_file_is_one_error_that_says_all(self, server: FileServer, store: Store):
        self.block()
        self.monkeypatch.setenv("ZOO_OFFLINE", "1")
        with pytest.raises(OfflineError) as caught:
            store.fetch(make_source())
        for word in (f"https://storage.googleapis.com{OFFICIAL}", SHA256, str(SIZE), str(store.drop / FILENAME)):
            assert word in str(caught.value)
        assert server.requests == []
        assert files_under(store.root) == []

    def test_a_stored_file_is_used(self, server: FileServer, store: Store):
        stored = store.fetch(make_source())
        self.block()
        self.monkeypatch.setenv("ZOO_OFFLINE", "1")
        assert Store().fetch(make_source()) == stored
        assert len(server.requests) == 1

    def test_a_damaged_stored_file_is_not_used(self, server: FileServer, store: Store):
        damage(store.fetch(make_source()).path)
        self.monkeypatch.setenv("ZOO_OFFLINE", "1")
        with pytest.raises(OfflineError, match="damaged"):
            store.fetch(make_source())


def damage(path: Path, *, keep_times: bool = False) -> None:
    """Flip a bit in place."""
    status = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))
    if keep_times:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


class TestPlacedFiles:
    @pytest.fixture
    def placed(self, store: Store, payload: bytes) -> Path:
        store.drop.mkdir(parents=True)
        path = store.drop / FILENAME
        path.write_bytes(payload)
        return path

    @pytest.mark.parametrize("kind", ["file", "url", "wheel"])
    def test_a_placed_file_serves_every_kind(self, store: Store, placed: Path, kind: str, monkeypatch):
        monkeypatch.setenv("ZOO_OFFLINE", "1")
        source = make_source(kind=kind, distribution="not-installed-at-all", path="x/y.h5")
        assert store.has(source)
        stored = store.fetch(source)
        assert (stored.path, stored.sha256, stored.source) == (placed, SHA256, source)

    def test_a_wrong_file_is_an_error(self, store: Store, placed: Path):
        damage(placed)
        with pytest.raises(DigestError) as caught:
            store.fetch(make_source(kind="file", url=None))
        for word in (str(placed), SHA256, str(SIZE)):
            assert word in str(caught.value)

    def test_a_wrong_file_beside_an_address_is_passed_over(self, server, store, placed, caplog):
        damage(placed)
        assert store.fetch(make_source()).path.is_relative_to(store.root)
        assert str(placed) in caplog.text

    def test_a_wrong_file_offline_is_an_error(self, store: Store, placed: Path, monkeypatch):
        damage(placed)
        monkeypatch.setenv("ZOO_OFFLINE", "1")
        with pytest.raises(DigestError, match="you placed"):
            store.fetch(make_source())

    def test_a_file_that_is_not_there_is_asked_for(self, store: Store):
        source = make_source(kind="file", url=None)
        assert not store.has(source)
        with pytest.raises(WeightsError) as caught:
            store.fetch(source)
        for word in (FILENAME, SHA256, str(SIZE), str(store.drop / FILENAME), 'weights="path/to/file"'):
            assert word in str(caught.value)

    def test_without_a_digest_the_first_file_is_held_to(self, store: Store, placed: Path):
        source = make_source(kind="file", url=None, digest=None, bytes=None)
        assert "just now" in store.fetch(source).note
        assert "at its first use" in store.fetch(source).note
        damage(placed)
        with pytest.raises(DigestError, match=f"first use recorded {SHA256}"):
            store.fetch(source)

    def test_it_is_hashed_again_when_it_changes_even_if_its_times_do_not(self, store: Store, placed: Path):
        os.utime(placed, (1e9, 1e9))
        source = make_source(kind="file", url=None)
        store.fetch(source)
        assert list(store.root.glob("files/*.json"))
        damage(placed, keep_times=True)
        with pytest.raises(DigestError):
            store.fetch(source)

    @pytest.mark.parametrize("name", ["../x.h5", "/etc/passwd", "a\\b", "", ".."])
    def test_a_row_cannot_point_out_of_the_folder(self, store: Store, name: str):
        with pytest.raises(WeightsError, match="not a file name"):
            store.fetch(make_source(filename=name))


class TestNamedFiles:
    def test_a_file_is_used_where_it_lies(self, store: Store, shared_data: Path):
        path = shared_data / "weights" / "imagenet" / FILENAME
        stored = store.local(path)
        assert (stored.path, stored.sha256, stored.format) == (path, SHA256, "keras-h5")
        assert (stored.includes_top, stored.source, stored.note) == (None, None, "")
        assert store.local(path) == stored

    def test_the_content_says_the_format_whatever_the_name(self, store: Store, payload: bytes, tmp_path: Path):
        for name in ("a.h5", "b.HDF5", "c.weights.h5"):
            (tmp_path / name).write_bytes(payload)
            assert store.local(tmp_path / name).format == "keras-h5"
        others = {
            "torch-pth": b"\x80\x02}q\x00.",
            "safetensors": (2).to_bytes(8, "little") + b"{}",
            "npz": zipped({"a.npy": b""}),
            "keras-file": zipped({"config.json": b"{}", "model.weights.h5": b""}),
        }
        for layout, content in others.items():
            for name in ("d.h5", "d.pth", "d"):
                (tmp_path / name).write_bytes(content)
                assert store.local(tmp_path / name).format == layout
        (tmp_path / "new.h5").write_bytes(zipped({"m/data.pkl": b"", "m/data/0": b""}))
        assert store.local(tmp_path / "new.h5").format == "torch-pth"

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("m.keras", b"PK", "not a weight file"),
            ("m.pt", b"\x80", "not a weight file"),
            ("m.h5", b"<html>", "not a weight file.*<html>"),
            ("m.h5", b"", "not a weight file"),
            ("folder.h5", None, "is a folder"),
        ],
    )
    def test_other_things_are_refused(self, store: Store, tmp_path: Path, name: str, content: bytes | None, words):
        path = tmp_path / name
        path.mkdir() if content is None else path.write_bytes(content)
        with pytest.raises(WeightsError, match=words):
            store.local(path)

    def test_a_near_miss_is_named(self, store: Store, tmp_path: Path):
        (tmp_path / "flowers.h5").write_bytes(b"")
        with pytest.raises(WeightsError, match=r"no file .*Did you mean 'flowers\.h5'"):
            store.local(tmp_path / "flower.h5")
        with pytest.raises(WeightsError, match="nowhere does not exist"):
            store.local(tmp_path / "nowhere" / "flower.h5")


class TestDamage:
    @pytest.mark.parametrize("keep_times", [False, True])
    def test_a_damaged_blob_is_noticed_named_and_fetched_again(self, server, store, keep_times, caplog):
        path = store.fetch(make_source()).path
        damage(path, keep_times=keep_times)
        (line,) = store.verify()
        assert str(path) in line
        assert FILENAME in line
        stored = store.fetch(make_source())
        assert hashlib.sha256(stored.path.read_bytes()).hexdigest() == SHA256
        assert "damaged" in caplog.text
        assert store.verify() == []
        assert server.transfers == 2

    @pytest.mark.parametrize("how", [os.unlink, lambda path: os.truncate(path, 10)])
    def test_a_lost_or_cut_blob_is_fetched_again(self, server: FileServer, store: Store, how):
        path = store.fetch(make_source()).path
        how(path)
        assert store.fetch(make_source()).path.stat().st_size == SIZE
        assert server.transfers == 2

    def test_a_damaged_blob_and_a_dead_server_are_an_error(self, server: FileServer, store: Store):
        damage(store.fetch(make_source()).path)
        server.faults.statuses = [404]
        with pytest.raises(WeightsError, match="404"):
            store.fetch(make_source())

    def test_a_touched_blob_is_hashed_and_kept(self, server: FileServer, store: Store):
        path = store.fetch(make_source()).path
        os.utime(path)
        store.fetch(make_source())
        assert server.transfers == 1

    def test_a_damaged_index_costs_a_hash(self, server: FileServer, store: Store):
        store.fetch(make_source())
        (entry,) = store.root.glob("index/*.json")
        for content in ("", "[1]", '{"sha256": 7}'):
            entry.write_text(content)
            assert store.fetch(make_source()).sha256 == SHA256
        assert server.transfers == 1

    def test_another_source_of_the_same_bytes_needs_no_download(self, server: FileServer, store: Store):
        store.fetch(make_source())
        other = make_source(id="other", url="https://example.org/copy.h5", filename="copy.h5")
        assert store.has(other)
        assert store.fetch(other).source == other
        assert server.transfers == 1

    def test_new_bytes_at_the_old_address_do_not_touch_the_kept_copy(self, server: FileServer, store: Store):
        stored = store.fetch(make_source())
        server.files[OFFICIAL] = bytes(SIZE)
        moved = make_source(digest=Digest(algorithm="sha256", value="0" * 64))
        with pytest.raises(DigestError):
            store.fetch(moved)
        assert store.fetch(make_source()) == stored
        assert store.verify() == []

    def test_old_leftovers_are_swept(self, server: FileServer, store: Store):
        for folder in ("partials", "index"):
            (store.root / folder).mkdir(parents=True)
        old, new = store.root / "partials" / "old.part", store.root / "partials" / "new.part"
        temporary = store.root / "index" / ".x.tmp"
        for path in (old, new, temporary):
            path.write_bytes(b"x")
        for path in (old, temporary):
            os.utime(path, (time.time() - 8 * 86400,) * 2)
        store.fetch(make_source())
        assert [old.exists(), new.exists(), temporary.exists()] == [False, True, False]


class TestFolders:
    def test_a_file_in_place_of_the_folder(self, server: FileServer, tmp_path: Path):
        (tmp_path / "file").write_text("")
        with pytest.raises(WeightsError, match="ZOO_CACHE_DIR"):
            Store(tmp_path / "file" / "store", policy=FAST).fetch(make_source())

    @pytest.fixture
    def without_power(self) -> list[str]:
        """How to start a process that must obey file modes."""
        if os.geteuid() != 0:
            return []
        if not shutil.which("setpriv"):
            pytest.skip("root ignores file modes, and setpriv is not here to give that power up")
        return ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]

    def test_a_read_only_folder(self, server: FileServer, store: Store, without_power: list[str]):
        store.root.mkdir(parents=True, mode=0o555)
        answer = answer_of(start_child(*without_power))
        assert answer.startswith("WeightsError")
        assert str(store.root) in answer
        assert "Permission denied" in answer
        assert "ZOO_CACHE_DIR" in answer
        assert files_under(store.root) == []

    def test_a_read_only_store_still_serves(self, server: FileServer, store: Store, without_power: list[str]):
        path = store.fetch(make_source()).path
        os.utime(path)  # so that the index wants to be written
        folders = [store.root, *(folder for folder in store.root.rglob("*") if folder.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            assert answer_of(start_child(*without_power)) == SHA256
        finally:
            for folder in folders:
                folder.chmod(0o755)
        assert server.transfers == 1

    def test_a_disk_that_fills_up(self, server: FileServer, store: Store):
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

        answer = answer_of(start_child(preexec_fn=limit))
        assert answer.startswith("WeightsError")
        assert "free some space" in answer
        assert files_under(store.root) == []
        assert store.fetch(make_source()).sha256 == SHA256

    def test_a_folder_others_can_write_to_is_warned_of(self, server: FileServer, store: Store, caplog):
        store.root.mkdir(parents=True)
        store.root.chmod(0o777)
        store.fetch(make_source())
        assert "other users" in caplog.text

    def test_a_new_folder_is_private(self, server: FileServer, store: Store):
        store.fetch(make_source())
        assert store.root.stat().st_mode & 0o077 == 0


class TestManyAtOnce:
    def test_threads_and_processes_share_one_transfer(self, server: FileServer, store: Store):
        server.faults.chunk, server.faults.pause = 100_000, 0.02
        children = [start_child() for _ in range(3)]
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        with ThreadPoolExecutor(8) as pool:
            stored = list(pool.map(lambda _: Store(policy=FAST).fetch(make_source()), range(8)))
        answers = [child.communicate(timeout=60)[0].strip() for child in children]
        assert answers == [SHA256] * 3
        assert {one.sha256 for one in stored} == {SHA256}
        assert server.transfers == 1

    def test_when_the_first_fails_the_next_tries(self, server: FileServer, store: Store):
        server.faults.statuses = [404]
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(Store(policy=FAST).fetch, make_source()) for _ in range(4)]
        failed = [job.exception() for job in jobs if job.exception()]
        assert len(failed) == 1
        assert server.transfers == 1

    def test_a_waiter_goes_on_when_the_holder_is_killed(self, server: FileServer, store: Store):
        server.faults.chunk, server.faults.pause = 20_000, 0.02
        child = start_child()
        child.stdin.write("go\n")
        child.stdin.flush()
        wait_until(lambda: server.requests)
        waiter = threading.Thread(target=store.fetch, args=(make_source(),))
        waiter.start()
        child.kill()
        child.wait()
        server.faults.pause = 0
        waiter.join(30)
        assert not waiter.is_alive()
        assert store.verify() == []


def kill_and_resume(server: FileServer, store: Store, size: int) -> None:
    """Kill a downloading process when `size` bytes are on the disk; the next one must go on from there."""
    server.requests.clear()
    server.faults.chunk, server.faults.pause = 20_000, 0.002
    child = start_child()
    child.stdin.write("go\n")
    child.stdin.flush()
    partial = store.root / "partials" / f"{SHA256}.part"
    wait_until(lambda: partial.is_file() and partial.stat().st_size >= size)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    left = partial.stat().st_size
    assert size <= left < SIZE
    assert not list(store.root.glob("blobs/*/*/*"))
    server.faults.pause = 0
    stored = store.fetch(make_source())
    assert hashlib.sha256(stored.path.read_bytes()).hexdigest() == SHA256
    assert [seen.status for seen in server.requests] == [200, 206]
    assert server.requests[1].headers["Range"] == f"bytes={left}-"
    assert server.requests[1].headers["If-Range"] == '"v1"'
    assert not partial.exists()
    assert not partial.with_name(partial.name + ".json").exists()
    shutil.rmtree(store.root)


class TestKill:
    def test_a_killed_download_is_resumed(self, server: FileServer, store: Store):
        kill_and_resume(server, store, 500_000)

    @pytest.mark.slow
    def test_three_rounds(self, server: FileServer, store: Store):
        for size in (1, SIZE // 2, SIZE - 300_000):
            kill_and_resume(server, store, size)

    @pytest.mark.soak
    def test_twenty_five_rounds_at_random_places(self, server: FileServer, store: Store):
        dice = random.Random(0)
        for _ in range(25):
            kill_and_resume(server, store, dice.randrange(1, SIZE - 300_000))

    def test_a_killed_download_whose_file_changed_starts_again(self, server: FileServer, store: Store):
        good = server.files[OFFICIAL]
        server.files[OFFICIAL], server.etags[OFFICIAL] = bytes(SIZE), '"old"'
        server.faults.chunk, server.faults.pause = 20_000, 0.002
        child = start_child()
        child.stdin.write("go\n")
        child.stdin.flush()
        wait_until(lambda: server.requests and server.requests[0].sent > 500_000)
        child.kill()
        child.wait()
        server.files[OFFICIAL], server.etags[OFFICIAL], server.faults.pause = good, '"new"', 0
        assert store.fetch(make_source()).sha256 == SHA256
        assert [seen.status for seen in server.requests] == [200, 200]

    def test_damage_in_what_a_kill_left_is_mended(self, server: FileServer, store: Store):
        server.faults.chunk, server.faults.pause = 20_000, 0.002
        child = start_child()
        child.stdin.write("go\n")
        child.stdin.flush()
        partial = store.root / "partials" / f"{SHA256}.part"
        wait_until(lambda: partial.is_file() and partial.stat().st_size >= 500_000)
        child.kill()
        child.wait()
        damage(partial)
        server.faults.pause = 0
        assert store.fetch(make_source()).sha256 == SHA256
        assert [seen.status for seen in server.requests] == [200, 206, 200]
