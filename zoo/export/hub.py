"""Models on the Hugging Face Hub: pushed in one commit by the Hub's own client, fetched by commit and sha256."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import DownloadError, OfflineError, OptionError

SCHEME = "hf://"

MODEL = "model.keras"
"""The file that `hf://owner/name` means."""

_ADDRESS = re.compile(r"hf://([^/@\s]+/[^/@\s]+)(?:@([^/@\s]+))?(?:/(\S+))?")


@dataclass(frozen=True)
class HubAddress:
    """A file of a repository.

    Attributes:
        repository: owner/name.
        revision: commit, branch or tag.
        file: its path there.
    """

    repository: str
    revision: str = "main"
    file: str = MODEL

    @classmethod
    def of(cls, text: str) -> HubAddress:
        """Return what `hf://owner/name[@revision][/file]` means.

        Raises:
            OptionError: it is no such address.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise OptionError(f"{text!r} is no address of the hub: write hf://owner/name@revision")
        repository, revision, file = match.groups()
        return cls(repository, revision or "main", file or MODEL)

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}@{self.revision}" + ("" if self.file == MODEL else f"/{self.file}")


def fetch(address: HubAddress) -> Path:
    """Return a file of the Hub on this machine, fetched and checked; its name is its sha256.

    A commit never changes. A branch is held to the commit that it had at its first use here (`zoo weights` shows and
    removes such pins).

    Raises:
        DigestError: it is not the file of the first use.
        DownloadError: it cannot be fetched.
        OfflineError: it is not here, and the network is forbidden.
    """
    from zoo.weights import Store

    return Store().fetch_hub(address.repository, address.file, address.revision).path


def push(
    files: Mapping[str, Path | bytes], repository: str, *, private: bool | None, branch: str, message: str
) -> HubAddress:
    """Put files into a repository, all in one commit; the repository is made if there is none.

    Args:
        files: path in the repository -> file or bytes.
        repository: owner/name.
        private: whether a new repository is private; None: as the owner's settings say.
        branch: where to.
        message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        OptionError: the name of the repository is none, or the Hub refuses the card.
        OfflineError: the network is forbidden.
        DownloadError: the Hub cannot be reached, or refuses.
    """
    from zoo.weights.sources.hub import endpoint, offline

    if not re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", repository) or ".." in repository:
        raise OptionError(f"{repository!r} is no repository of the hub: write owner/name")
    if offline():
        raise OfflineError(f"{repository} cannot be pushed to: ZOO_OFFLINE or HF_HUB_OFFLINE forbids the network")
    import httpx
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    client: Any = HfApi(endpoint=endpoint())
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    try:
        client.create_repo(repository, private=private, exist_ok=True)
        commit = client.create_commit(repository, operations, commit_message=message, revision=branch)
    except HfHubHTTPError as error:
        raise DownloadError(f"{repository} was not pushed to: {_reason(error)}") from error
    except (httpx.HTTPError, OSError) as error:
        raise DownloadError(
            f"{repository} was not pushed to: the hub cannot be reached ({type(error).__name__})"
        ) from error
    except ValueError as error:  # the client's own word for a card that the Hub does not take
        raise OptionError(f"{repository} was not pushed to: {str(error)[:300]}") from error
    return HubAddress(repository, str(commit.oid))


def _reason(error: Any) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"it answers {status}: set HF_TOKEN to a token that may write there, or log in with `hf auth login`"
    if status == 429:
        return "it answers 429: too many requests, try again later"
    return f"it answers {status}" if status else type(error).__name__
