"""The store: every weight file is checked once, kept under its sha256, and fetched about once by whoever asks."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock

from zoo import settings
from zoo.errors import DigestError, OfflineError, WeightsError, ZooError, did_you_mean
from zoo.specs import Digest, WeightSource
from zoo.weights import links, transfer, wheels
from zoo.weights.archive import extract
from zoo.weights.files import (
    Format,
    Progress,
    StoredFile,
    check_signature,
    hash_file,
    human,
    read_json,
    settled,
    stamp,
    storing,
    sync_folder,
    write_json,
)
from zoo.weights.partial import Partial
from zoo.weights.transfer import TransferPolicy

log = logging.getLogger("zoo.weights")

ORPHAN_DAYS = 7
"""Leftovers of killed processes that nobody took up for so long are removed."""

EXTENSIONS: dict[str, Format] = {
    ".h5": "keras-h5",
    ".hdf5": "keras-h5",
    ".pth": "torch-pth",
    ".safetensors": "safetensors",
}
"""Endings of weight files a user may name."""


@dataclass(frozen=True)
class _Wanted:
    """One file to be had, whoever asks for it."""

    filename: str
    url: str | None
    digest: Digest | None
    bytes: int | None
    layout: Format | None
    subject: str

    @property
    def key(self) -> str:
        """Names the index entry: changes when the address or the digest in the row changes."""
        digest = f"{self.digest.algorithm}:{self.digest.value}" if self.digest else "none"
        return hashlib.sha256(f"{self.url or self.filename}\n{digest}".encode()).hexdigest()[:32]

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
        """Name, size and digest for messages."""
        digest = f"{self.digest.algorithm} {self.digest.value}" if self.digest else "no published digest"
        return f"{self.filename} ({human(self.bytes)}, {digest})"


@dataclass(frozen=True)
class _Held:
    """A file that was checked."""

    path: Path
    sha256: str
    note: str = ""


class Store:
    """Checked files, content-addressed, shared by all processes of a machine.

    `blobs/sha256/ab/<sha256>` holds the bytes (read-only), `index/` a small JSON file for each source: the sha256
    of its first verified use and the state of the blob when it was last hashed. A file under `drop` that has the name
    of the one asked for is used in place of a download, after the same checks.

    Args:
        root: folder of the store; default `weights` in the cache folder (`ZOO_CACHE_DIR`).
        drop: folder where users may place files; default `weights` in the data folder (`ZOO_DATA_DIR`).
        policy: how patient downloads are.
    """

    def __init__(self, root: Path | None = None, *, drop: Path | None = None, policy: TransferPolicy | None = None):
        self.root = Path(root) if root is not None else settings.cache_dir() / "weights"
        self.drop = Path(drop) if drop is not None else settings.data_dir() / "weights"
        self.policy = policy or TransferPolicy()

    def fetch(self, source: WeightSource, *, progress: Progress | None = None) -> StoredFile:
        """The file of a source, checked; downloaded only if neither wheel, store nor drop folder has it.

        Args:
            source: a row's weight source.
            progress: told about the bytes of a download.

        Raises:
            WeightsError: the file is not to be had; its subclasses say why (`DigestError`, `DownloadError`,
                `OfflineError`).
        """
        if source.kind == "wheel" and wheels.installed(source):
            path, sha256 = wheels.locate(source)
            held = _Held(path, sha256)
        else:
            held = self._obtain(self._wanted(source), progress, otherwise=source)
        return StoredFile(held.path, held.sha256, source.format, source.includes_top, source, held.note)

    def fetch_url(
        self,
        url: str,
        *,
        digest: Digest | None,
        bytes: int | None,
        filename: str,
        progress: Progress | None = None,
    ) -> Path:
        """Any file from an https address, with the guarantees of `fetch`.

        Args:
            url: https address.
            digest: published digest; None: the sha256 of the first use is recorded and held to.
            bytes: size, if known; else a cap of 4 GiB holds.
            filename: name for messages and in the drop folder.
            progress: told about the bytes of the download.

        Returns:
            A read-only file. Its name is its sha256, without a suffix.
        """
        wanted = _Wanted(_base_name(filename), url, digest, bytes, None, "file")
        return self._obtain(wanted, progress).path

    def fetch_archive(
        self,
        url: str,
        *,
        digest: Digest | None,
        bytes: int | None,
        filename: str,
        into: Path,
        progress: Progress | None = None,
    ) -> Path:
        """An archive from an https address, unpacked (see `zoo.weights.archive.extract` for what is refused).

        Args:
            url, digest, bytes, filename, progress: as for `fetch_url`.
            into: folder that gets a folder named after the file and its sha256.

        Returns:
            The folder with what the archive holds. It is unpacked once, whoever asks.
        """
        path = self.fetch_url(url, digest=digest, bytes=bytes, filename=filename, progress=progress)
        sha256 = self._hashes(path, ("sha256",))["sha256"]
        folder = Path(into) / f"{filename.split('.')[0]}-{sha256[:12]}"
        if not folder.is_dir():
            with self._lock(f"unpack-{sha256}"):
                if not folder.is_dir():
                    extract(path, folder)
        return folder

    def has(self, source: WeightSource) -> bool:
        """True when `fetch` is likely to need no download; reads no file content."""
        if source.kind == "wheel" and wheels.installed(source):
            return True
        wanted = self._wanted(source)
        sha256 = self._expected_sha256(wanted)
        return (sha256 is not None and self._blob(sha256).is_file()) or self._dropped_path(wanted).is_file()

    def local(self, path: Path) -> StoredFile:
        """A weight file the user named: hashed (once, until it changes) and used where it lies.

        Raises:
            WeightsError: there is no such file, or it is not a weight file.
        """
        path = Path(path).expanduser().absolute()
        if path.is_dir():
            raise WeightsError(f"{path} is a folder. Name a weight file: {_known_extensions()}.")
        if not path.is_file():
            near = _near_files(path)
            raise WeightsError(f"there is no file {path}.{near} Check the path.")
        layout = EXTENSIONS.get(path.suffix.lower())
        if path.suffix.lower() == ".keras":
            raise WeightsError(
                f"{path} is a whole saved model, not a file of weights. Open it with zoo.load({path.name!r}), or "
                "write its weights with keras_model.save_weights('name.weights.h5') and name that file."
            )
        if layout is None:
            raise WeightsError(f"{path} is not a weight file zoo can read. Known: {_known_extensions()}.")
        try:
            check_signature(path, layout, str(path))
            sha256 = self._hashes(path, ("sha256",))["sha256"]
        except OSError as error:
            raise WeightsError(f"cannot read {path}: {error.strerror or error}.") from error
        return StoredFile(path, sha256, layout, None, None)

    def verify(self) -> list[str]:
        """Hash every blob again.

        Returns:
            One line for each damaged blob, with what it is used for; empty when all are whole. A damaged blob is
            fetched again at its next use, so nothing has to be done.
        """
        names = {}
        for entry in sorted((self.root / "index").glob("*.json")):
            content = read_json(entry) or {}
            names[content.get("sha256")] = content.get("filename")
        damaged = []
        for blob in sorted((self.root / "blobs" / "sha256").glob("*/*")):
            used_for = f"{blob} ({names.get(blob.name) or 'used by no source'})"
            try:
                found = hash_file(blob)["sha256"]
            except OSError as error:
                damaged.append(f"{used_for}: cannot be read: {error.strerror or error}")
                continue
            if found != blob.name:
                damaged.append(f"{used_for}: its sha256 is {found}")
        return damaged

    # Finding

    def _wanted(self, source: WeightSource) -> _Wanted:
        return _Wanted(
            filename=_base_name(source.filename),
            url=source.url if source.kind == "url" else None,
            digest=source.digest,
            bytes=source.bytes,
            layout=source.format,
            subject="weights",
        )

    def _obtain(self, wanted: _Wanted, progress: Progress | None, *, otherwise: WeightSource | None = None) -> _Held:
        _warn_of_strangers(self.root)
        held = self._stored(wanted) or self._dropped(wanted)
        if held is not None:
            return held
        if wanted.url is None:
            raise self._absent(wanted, otherwise)
        if settings.offline():
            raise self._offline(wanted)
        with self._lock(wanted.lock):
            return self._stored(wanted) or self._download(wanted, progress)

    def _stored(self, wanted: _Wanted) -> _Held | None:
        """The blob of a source if it is there and whole."""
        sha256 = self._expected_sha256(wanted)
        if sha256 is None:
            return None
        blob, entry = self._blob(sha256), self._entry(wanted)
        try:
            if entry.get("stamp") != stamp(blob):
                # New to this source, moved to another disk, or written to: only the bytes can tell.
                found = hash_file(blob)["sha256"]
                if found != sha256:
                    log.warning("the stored copy %s of %s is damaged: its sha256 is %s", blob, wanted.filename, found)
                    return None
                with contextlib.suppress(OSError, WeightsError):  # a store that cannot be written still serves
                    self._record(wanted, sha256, stamp(blob))
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("the stored copy %s of %s cannot be read: %s", blob, wanted.filename, error)
            return None
        return _Held(blob, sha256, self._note(wanted, sha256, first=False))

    def _dropped(self, wanted: _Wanted) -> _Held | None:
        """The file the user placed, if there is one and it is the right one."""
        path = self._dropped_path(wanted)
        if not path.is_file():
            return None
        try:
            hashes = self._hashes(path, wanted.algorithms)
        except OSError as error:
            raise WeightsError(f"cannot read {path}: {error.strerror or error}.") from error
        try:
            first = self._check(
                wanted, hashes, path, f"the file you placed at {path}", "Replace it by the right one, or remove it."
            )
        except DigestError as error:
            if wanted.url is None or settings.offline():
                raise
            log.warning("%s It is not used.", error)
            return None
        if first:
            self._record(wanted, hashes["sha256"], None)
        return _Held(path, hashes["sha256"], self._note(wanted, hashes["sha256"], first=first))

    def _download(self, wanted: _Wanted, progress: Progress | None) -> _Held:
        """Fetch, check, publish; under the lock of the file. A kill leaves a partial file, an error leaves nothing."""
        request = transfer.Request(
            wanted.url or "", wanted.filename, wanted.digest, wanted.bytes, f"Try again later, {self._by_hand(wanted)}"
        )
        self._sweep()
        partial = Partial(
            self._folder("partials") / f"{wanted.lock}.part",
            origin=f"{settings.mirror()}\n{wanted.url}",
            algorithms=wanted.algorithms,
        )
        try:
            transfer.download(request, partial, self.policy, progress)
            if partial.resumed and self._mismatch(wanted, partial.hashes()):
                # Pieces of two transfers that do not belong together: fetch it once more in one piece.
                partial.restart()
                transfer.download(request, partial, self.policy, progress)
            hashes = partial.hashes()
            sender = links.redact(links.target(request.url, request.digest).url)
            advice = f"It was not kept. Fetch it from another place, {self._by_hand(wanted, 'the right file')}"
            first = self._check(wanted, hashes, partial.path, f"what {sender} sent", advice)
            blob = self._blob(hashes["sha256"])
            partial.publish(blob)
        except (ZooError, OSError):
            partial.discard()
            raise
        finally:
            partial.close()
        with storing(blob):
            for folder in (blob.parent, blob.parent.parent):
                sync_folder(folder)
            self._record(wanted, blob.name, stamp(blob))
        note = self._note(wanted, blob.name, first=first)
        if note:
            log.info(note)
        return _Held(blob, blob.name, note)

    # Checking

    def _check(self, wanted: _Wanted, hashes: dict[str, str], path: Path, what: str, advice: str) -> bool:
        """Hold a file to its digest, or to the sha256 of its first use.

        Returns:
            True when this is the first use of a file without a published digest.

        Raises:
            DigestError: the bytes are others than the published or recorded ones.
            WeightsError: a file without a digest is not of its format.
        """
        problem = self._mismatch(wanted, hashes)
        if problem:
            raise DigestError(f"{what} is not {wanted.described()}: {problem} {advice}")
        first = wanted.digest is None and self._recorded(wanted) is None
        if first and wanted.layout is not None:
            check_signature(path, wanted.layout, what)
        return first

    def _mismatch(self, wanted: _Wanted, hashes: dict[str, str]) -> str | None:
        """What is wrong with the hashes of a file; None when nothing is."""
        if wanted.digest and hashes[wanted.digest.algorithm] != wanted.digest.value:
            return f"its {wanted.digest.algorithm} is {hashes[wanted.digest.algorithm]}."
        recorded = self._recorded(wanted)
        if recorded is not None and hashes["sha256"] != recorded:
            return (
                f"its sha256 is {hashes['sha256']}, and the first use recorded {recorded}. If you trust the new "
                f"file, delete {self._entry_path(wanted)}."
            )
        return None

    def _expected_sha256(self, wanted: _Wanted) -> str | None:
        if wanted.digest and wanted.digest.algorithm == "sha256":
            return wanted.digest.value
        return self._recorded(wanted)

    def _recorded(self, wanted: _Wanted) -> str | None:
        """The sha256 of the first verified use."""
        recorded = self._entry(wanted).get("sha256")
        return recorded if isinstance(recorded, str) else None

    def _hashes(self, path: Path, algorithms: tuple[str, ...]) -> dict[str, str]:
        """Hashes of a file that is not in the store, remembered until its size, times or inode change."""
        memory = self.root / "files" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"
        before = stamp(path)
        known = read_json(memory) or {}
        if known.get("stamp") == before and set(algorithms) <= set(known.get("hashes", {})):
            return dict(known["hashes"])
        hashes = hash_file(path, algorithms)
        if settled(path):
            with contextlib.suppress(OSError):  # a store that cannot be written costs a hash each time, no more
                write_json(memory, {"path": str(path), "stamp": before, "hashes": hashes})
        return hashes

    # Layout

    def _blob(self, sha256: str) -> Path:
        return self.root / "blobs" / "sha256" / sha256[:2] / sha256

    def _entry_path(self, wanted: _Wanted) -> Path:
        return self.root / "index" / f"{wanted.key}.json"

    def _entry(self, wanted: _Wanted) -> dict[str, object]:
        return read_json(self._entry_path(wanted)) or {}

    def _record(self, wanted: _Wanted, sha256: str, blob_stamp: list[int] | None) -> None:
        """Remember the sha256 of a source, and the state of its blob when it was last hashed."""
        self._folder("index")
        with storing(self.root):
            write_json(
                self._entry_path(wanted),
                {
                    "filename": wanted.filename,
                    "url": links.redact(wanted.url) if wanted.url else None,
                    "digest": wanted.digest.model_dump() if wanted.digest else None,
                    "sha256": sha256,
                    "stamp": blob_stamp,
                },
            )

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        with storing(self.root):
            if not self.root.exists():
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
        return folder

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """One process and thread at a time for each name; a killed holder frees it."""
        path = self._folder("locks") / f"{name}.lock"
        lock = filelock.FileLock(path)
        with storing(path):
            try:
                lock.acquire(timeout=1)
            except filelock.Timeout:  # the holder's transfer has bounds of its own, so this ends
                log.info("waiting for another process that has %s", path)
                lock.acquire()
        try:
            yield
        finally:
            # Removed while held: whoever waits for it sees that its inode is gone and opens the new one.
            with contextlib.suppress(OSError):
                path.unlink()
            lock.release()

    def _sweep(self) -> None:
        oldest = time.time() - ORPHAN_DAYS * 24 * 3600
        for pattern in ("partials/*", "index/.*.tmp", "files/.*.tmp"):
            for path in self.root.glob(pattern):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < oldest:
                        path.unlink()

    # Messages

    def _dropped_path(self, wanted: _Wanted) -> Path:
        return self.drop / wanted.filename

    def _by_hand(self, wanted: _Wanted, what: str | None = None) -> str:
        named = ', or pass weights="path/to/file"' if wanted.subject == "weights" else ""
        return f"or put {what or wanted.described()} at {self._dropped_path(wanted)}{named}."

    def _absent(self, wanted: _Wanted, source: WeightSource | None) -> WeightsError:
        if source is not None and source.kind == "wheel":
            return wheels.missing(source)
        return WeightsError(
            f"{wanted.described()} is not on this machine, and there is no address to fetch it from. Put it at "
            f'{self._dropped_path(wanted)}, or pass weights="path/to/file".'
        )

    def _offline(self, wanted: _Wanted) -> OfflineError:
        sha256 = self._expected_sha256(wanted)
        damaged = sha256 is not None and self._blob(sha256).is_file()
        missing = f"{wanted.described()} is not in the store {self.root}"
        if damaged:
            missing = f"the copy of {wanted.described()} in the store {self.root} is damaged"
        return OfflineError(
            f"{missing}, and ZOO_OFFLINE=1 forbids fetching it from {links.redact(wanted.url or '')}. "
            f"Unset ZOO_OFFLINE, {self._by_hand(wanted, 'the file')}"
        )

    def _note(self, wanted: _Wanted, sha256: str, *, first: bool) -> str:
        if wanted.digest is not None:
            return ""
        when = "was recorded just now, at its first use" if first else "was recorded at its first use"
        return f"no digest is published for {wanted.filename}; its sha256 {sha256} {when} and is held to from now on."


@functools.cache
def _warn_of_strangers(root: Path) -> None:
    """Say once when other users can write to the store: they could plant files that look verified."""
    with contextlib.suppress(OSError):
        status = root.stat()
        if hasattr(os, "getuid") and (status.st_uid not in {os.getuid(), 0} or status.st_mode & stat.S_IWOTH):
            log.warning("%s can be written by other users, who could plant files in it.", root)


def _base_name(filename: str) -> str:
    """A row's file name, if it is one: it becomes a part of a path."""
    if filename in {"", ".", ".."} or any(mark in filename for mark in "/\\\0:"):
        raise WeightsError(f"{filename!r} is not a file name; the row that gives it must be mended.")
    return filename


def _known_extensions() -> str:
    return ".h5, .hdf5, .weights.h5 (Keras) or .pth (PyTorch)"


def _near_files(path: Path) -> str:
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist either."
    return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
