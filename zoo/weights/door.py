"""The public door for plugins: a file or archive from an https address, checked and kept; a file of a distribution."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from zoo import settings
from zoo.errors import OptionError
from zoo.fetching.files import Progress
from zoo.specs import Digest, WeightSource
from zoo.weights.sources.wheel import installed, locate, missing
from zoo.weights.store import Store


def fetch(
    url: str,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    bytes: int | None = None,
    filename: str | None = None,
    unpack: bool = False,
    progress: Progress | None = None,
) -> Path:
    """A file that a plugin needs, such as the archive of a data set; `zoo.fetch`.

    It is downloaded once, checked, and kept in the cache folder. A file of that name in the folder `downloads` of the
    data folder (`ZOO_DATA_DIR`) is used in its place, after the same checks; so it works offline too.

    Args:
        url: https address. `ZOO_MIRROR` replaces scheme and host.
        sha256: published digest, as hex.
        md5: published digest, as hex, when there is no sha256. Without either, the sha256 of the first use is
            recorded and held to.
        bytes: size of the file, if known.
        filename: its name in the folder and in messages; default the end of the address.
        unpack: the file is a tar, tar.gz or zip archive, and its content is wanted.
        progress: called with the bytes done and in all (None: unknown).

    Returns:
        A read-only file (its name is its sha256), or the folder with the content of the archive.

    Raises:
        WeightsError: the file is not to be had; its subclasses say why (`DigestError`, `DownloadError`,
            `OfflineError`).
        UnsafeFileError: the archive is damaged or would write outside its folder.
    """
    if sha256 and md5:
        raise OptionError("pass sha256= or md5=, not both; sha256 is the stronger one.")
    digest = None
    if sha256 or md5:
        digest = Digest(algorithm="sha256" if sha256 else "md5", value=(sha256 or md5 or "").lower())
    filename = filename or urlsplit(url).path.rpartition("/")[2]
    store = Store(settings.cache_dir() / "downloads", drop=settings.data_dir() / "downloads")
    if not unpack:
        return store.fetch_url(url, digest=digest, bytes=bytes, filename=filename, progress=progress)
    return store.fetch_archive(
        url,
        digest=digest,
        bytes=bytes,
        filename=filename,
        into=settings.data_dir() / "datasets",
        progress=progress,
    )


def installed_file(distribution: str, path: str, *, sha256: str | None = None) -> Path:
    """Return a file inside an installed distribution; `zoo.installed_file`. Nothing of it is imported.

    Args:
        distribution: its pip name.
        path: of the file inside it, such as "package/vocab.txt".
        sha256: published digest, as hex; without, the file is held to the RECORD of the distribution alone.

    Raises:
        WeightsError: it is not installed, or has no such file.
        DigestError: the file was changed after it was installed, or is not the one that was published.
    """
    source = WeightSource(
        id="file",
        kind="wheel",
        filename=path.rpartition("/")[2],
        distribution=distribution,
        path=path,
        format="safetensors",  # what is inside is the caller's business; a row has to say something
        includes_top=False,
        digest=Digest(algorithm="sha256", value=sha256.lower()) if sha256 else None,
        license="",
        license_source="",
        trained_on="",
    )
    if not installed(source):
        raise missing(source)
    return locate(source)[0]
