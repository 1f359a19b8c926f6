"""Archives: what is whole is unpacked, what is hostile is refused as a whole."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers.http_server import FileServer
from weight_case import files_under

import zoo.weights
from zoo.errors import DigestError, OptionError, UnsafeFileError
from zoo.fetching.archives import extract

CONTENT = {"flowers/daisy/1.jpg": os.urandom(3000), "flowers/roses/2.jpg": b"x" * 512, "flowers/LICENSE.txt": b""}


def member(name: str, data: bytes = b"hello", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def make_tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz", **options) -> Path:
    with tarfile.open(path, mode, **options) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return path


def good_tar(path: Path, mode: str = "w:gz", **options) -> Path:
    folders = [member(name, b"", type=tarfile.DIRTYPE) for name in (".", "flowers", "./flowers/daisy")]
    return make_tar(path, *folders, *(member(*item) for item in CONTENT.items()), mode=mode, **options)


def good_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flowers/", b"")
        for name, data in CONTENT.items():
            archive.writestr(name, data)
    return path


def assert_refused(archive: Path, words: str, **limits: int) -> None:
    folder = archive.parent / "out"
    folder.mkdir(exist_ok=True)
    with pytest.raises(UnsafeFileError, match=words) as caught:
        extract(archive, folder / "flowers", **limits)
    assert str(archive) in str(caught.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["w", "w:gz", "gnu", "pax", "zip"])
def test_a_good_archive(tmp_path: Path, kind: str):
    archive = tmp_path / "blob"  # the content tells the kind, not the name
    if kind == "zip":
        good_zip(archive)
    elif kind in {"gnu", "pax"}:
        good_tar(archive, format=tarfile.GNU_FORMAT if kind == "gnu" else tarfile.PAX_FORMAT)
    else:
        good_tar(archive, kind)
    out = extract(archive, tmp_path / "deep" / "out")
    assert out == tmp_path / "deep" / "out"
    assert {name: (out / name).read_bytes() for name in files_under(out)} == CONTENT
    assert list(out.parent.iterdir()) == [out]


def test_long_names_and_all_sizes_around_a_block(tmp_path: Path):
    content = {f"{'n' * 150}/{size}": os.urandom(size) for size in (0, 1, 511, 512, 513, 1024, 1_048_576, 1_048_577)}
    archive = make_tar(tmp_path / "a.tgz", *(member(*item) for item in content.items()))
    out = extract(archive, tmp_path / "out")
    assert {name: (out / name).read_bytes() for name in files_under(out)} == content


def test_modes_and_owners_are_not_used(tmp_path: Path):
    archive = make_tar(tmp_path / "a.tgz", member("a", mode=0o6777, uid=12345, mtime=0))
    out = extract(archive, tmp_path / "out")
    (tmp_path / "ordinary").mkdir()
    (tmp_path / "ordinary" / "a").write_text("")
    assert (out / "a").stat().st_mode == (tmp_path / "ordinary" / "a").stat().st_mode
    assert out.stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    assert (out / "a").stat().st_uid == os.getuid()


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (member("/etc/passwd"), "absolute"),
        (member("../x"), "leads out"),
        (member("a/../../x"), "leads out"),
        (member("C:/x"), "absolute"),
        (member("a\\..\\x"), "odd characters"),
        (member("a\nb"), "odd characters"),
        (member("a/" + "b" * 300), "too long"),
        (member("a/" * 1500 + "b"), "too long"),
        (member("a", b"", type=tarfile.SYMTYPE, linkname="/etc"), "link"),
        (member("a", b"", type=tarfile.LNKTYPE, linkname="good"), "link"),
        (member("a", b"", type=tarfile.CHRTYPE), "device"),
        (member("a", b"", type=tarfile.BLKTYPE), "device"),
        (member("a", b"", type=tarfile.FIFOTYPE), "device"),
        (member("a", type=tarfile.CONTTYPE), "special"),
        (member("a", type=tarfile.GNUTYPE_SPARSE), "special|damaged"),
        (member("good"), "twice"),
        (member("./good"), "twice"),
        (member("good/below"), "collides"),
        (member(""), "no name"),
        (member("a", b"", type=tarfile.DIRTYPE, pax_headers={"path": "../x"}), "leads out"),
        (member("a", pax_headers={"path": "/etc/passwd"}), "absolute"),
        (member("a", pax_headers={"size": "-1024"}), "negative|contradict|damaged"),
        (member("a", pax_headers={"size": str(10**15)}), "unpacks to more"),
        (member("a", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}), "special|damaged|cut short"),
    ],
    ids=lambda value: repr(value[0].name)[:20] if isinstance(value, tuple) else value,
)
def test_hostile_tar_members(tmp_path: Path, info, words: str):
    assert_refused(make_tar(tmp_path / "a.tgz", member("good"), info, format=tarfile.PAX_FORMAT), words)


def test_a_link_then_a_file_through_it(tmp_path: Path):
    link = member("d", b"", type=tarfile.SYMTYPE, linkname=str(tmp_path))
    assert_refused(make_tar(tmp_path / "a.tgz", link, member("d/stolen")), "link")
    assert not (tmp_path / "stolen").exists()


def test_too_many_and_too_much(tmp_path: Path):
    archive = make_tar(tmp_path / "a.tgz", *(member(str(number), bytes(1000)) for number in range(20)))
    assert_refused(archive, "more than 19 files", max_files=19)
    assert_refused(archive, "unpacks to more than", max_bytes=19_999)
    extract(archive, tmp_path / "fits", max_files=20, max_bytes=20_000)
    zipped = good_zip(tmp_path / "a.zip")
    assert_refused(zipped, "more than 2 files", max_files=2)
    assert_refused(zipped, "unpacks to more than", max_bytes=3000)


def test_a_giant_header_is_not_read(tmp_path: Path):
    path = tmp_path / "a.tgz"
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**33
    with gzip.open(path, "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(3_000_000))
    assert_refused(path, "absurd size")


def test_headers_that_lead_backward(tmp_path: Path):
    info = tarfile.TarInfo("a")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = (b"\xff" * 11) + b"\x00"  # base 256: a negative size
    block[124:136] = struct.pack(">Bxxxq", 0xFF, -1024).replace(b"\xff\x00\x00\x00", b"\xff\xff\xff\xff")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(block) + bytes(10240))
    assert_refused(path, "negative|contradict|damaged|cut short")


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "noise"])
def test_a_damaged_archive(tmp_path: Path, kind: str, fault: str):
    path = tmp_path / "a"
    good_zip(path) if kind == "zip" else good_tar(path, "w" if kind == "tar" else "w:gz")
    data = bytearray(path.read_bytes())
    if fault == "cut":
        path.write_bytes(data[: len(data) * 7 // 10 if kind != "tar" else 3500])
    elif fault == "flipped":
        data[257 if kind == "tar" else 600] ^= 0xFF  # a tar has no checksum over its data, only over its headers
        path.write_bytes(data)
    else:
        path.write_bytes(b"" if fault == "empty" else data[:2] + b"\x01" * 5000)
    assert_refused(path, "damaged|cut short|ends in|odd|invalid")


def test_a_tar_cut_between_members(tmp_path: Path):
    path = make_tar(tmp_path / "a.tar", member("a"), member("b"), mode="w")
    path.write_bytes(path.read_bytes()[:1024])
    assert_refused(path, "cut short")


def test_the_checksum_at_the_end_of_a_gzip_counts(tmp_path: Path):
    path = good_tar(tmp_path / "a.tgz")
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    assert_refused(path, "CRC check failed")


def test_a_tar_with_a_damaged_second_header(tmp_path: Path):
    path = make_tar(tmp_path / "a.tar", member("a"), member("b"), mode="w")
    data = bytearray(path.read_bytes())
    data[1024] ^= 1
    path.write_bytes(data)
    assert_refused(path, "damaged")


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        ("/etc/passwd", {}, "absolute"),
        ("a/../../x", {}, "leads out"),
        ("a\\x", {}, "odd characters"),
        ("good", {}, "twice"),
        ("link", {"external_attr": (stat.S_IFLNK | 0o777) << 16}, "link"),
        ("fifo", {"external_attr": (stat.S_IFIFO | 0o666) << 16}, "device"),
        ("odd", {"compress_type": zipfile.ZIP_BZIP2}, "compressed in a way"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_zip_members(tmp_path: Path, name: str, attributes: dict, words: str):
    info = zipfile.ZipInfo("x")
    info.filename = name
    for key, value in attributes.items():
        setattr(info, key, value)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", b"x")
        archive.writestr(info, b"/etc/passwd")
    assert_refused(tmp_path / "a.zip", words)


def test_an_encrypted_zip(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"x")
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert_refused(path, "encrypted")


def test_a_zip_whose_members_overlap(tmp_path: Path):
    """The trick of the smallest zip bombs: many names for the same bytes."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("aaaa", b"x" * 100)
        start = archive.start_dir
        archive.writestr("bbbb", b"y" * 100)
    data = path.read_bytes()
    second = data.rindex(b"PK\x01\x02")
    path.write_bytes(data[: second + 42] + struct.pack("<L", 10) + data[second + 46 :])
    assert start > 10
    assert_refused(path, "shares bytes")


def test_a_zip_member_that_lies_about_its_size(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(100_000))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))
    assert_refused(path, "damaged")


def test_a_folder_that_exists_is_not_touched(tmp_path: Path):
    archive = good_tar(tmp_path / "a.tgz")
    (tmp_path / "out").mkdir()
    with pytest.raises(OptionError, match="exists already"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_old_leftovers_are_swept(tmp_path: Path):
    for name, age in ((".out.old.partial", 90_000), (".out.new.partial", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (os.path.getmtime(tmp_path) - age,) * 2)
    extract(good_tar(tmp_path / "a.tgz"), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.new.partial", "a.tgz", "out"]


class TestTheDoorForPlugins:
    URL = "https://example.org/images/flower_photos.tgz"

    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        return good_tar(tmp_path / "flower_photos.tgz")

    @pytest.fixture
    def flowers(self, archive: Path, monkeypatch: pytest.MonkeyPatch):
        with FileServer({"/images/flower_photos.tgz": archive}) as running:
            monkeypatch.setenv("ZOO_MIRROR", running.url)
            yield running

    def test_an_archive_is_fetched_and_unpacked_once(self, flowers: FileServer, archive: Path, tmp_path: Path):
        import hashlib

        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        options = {"sha256": sha256, "bytes": archive.stat().st_size, "unpack": True}
        folder = zoo.weights.fetch(self.URL, **options)
        assert {name: (folder / name).read_bytes() for name in files_under(folder)} == CONTENT
        assert folder == tmp_path / "data" / "datasets" / f"flower_photos-{sha256[:12]}"
        assert zoo.weights.fetch(self.URL, **options) == folder
        assert zoo.weights.fetch(self.URL, sha256=sha256).read_bytes() == archive.read_bytes()
        assert flowers.transfers == 1

    def test_a_placed_archive_needs_no_network(self, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("ZOO_OFFLINE", "1")
        (tmp_path / "data" / "downloads").mkdir(parents=True)
        archive.rename(tmp_path / "data" / "downloads" / archive.name)
        assert files_under(zoo.weights.fetch(self.URL, unpack=True)) == sorted(CONTENT)

    def test_a_wrong_archive_is_never_unpacked(self, flowers: FileServer, tmp_path: Path):
        with pytest.raises(DigestError, match="flower_photos"):
            zoo.weights.fetch(self.URL, md5="0" * 32, unpack=True)
        assert files_under(tmp_path / "cache") == []
        assert not (tmp_path / "data").exists()

    def test_two_digests_are_one_too_many(self):
        with pytest.raises(OptionError, match="not both"):
            zoo.weights.fetch(self.URL, md5="0" * 32, sha256="0" * 64)
