"""Installs a plugin with pip into the environment of this process, and says what it brought."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from zoo import settings
from zoo.errors import OptionError, PluginError
from zoo.plugin.manager import Manager, use_manager
from zoo.plugin.records import PluginRecord


@dataclass(frozen=True)
class Installed:
    """What an installation brought.

    Attributes:
        plugins: records of the plugins that are new, or have another version.
        upgraded: names of distributions that were here before, in another version.
    """

    plugins: list[PluginRecord]
    upgraded: list[str]


def install(requirement: str, *, upgrade: bool = False) -> Installed:
    """Install a distribution that provides a plugin.

    Installing runs code of the distribution's author. Nothing else is read from the text than one requirement or one
    path: no options for pip.

    Args:
        requirement: the name of a distribution, also with versions ("zoo-birds>=1.2"), or the path of a project folder
            or wheel.
        upgrade: also where it is installed in an older version.

    Returns:
        The plugins that it brought; none where it provides none.

    Raises:
        OptionError: it is neither a requirement nor a path, or `ZOO_OFFLINE=1` forbids the network.
        PluginError: pip failed; the message ends with what it said last.
    """
    target = _target(requirement)
    before = {record.id: record for record in Manager().records()}
    _run_installer(requirement, target, upgrade=upgrade)
    importlib.invalidate_caches()
    use_manager(None)  # what was read of the installed distributions so far is out of date
    records = Manager().records()
    new = [record for record in records if record.id not in before or before[record.id].provider != record.provider]
    older = {record.provider.distribution for record in before.values()}
    return Installed(new, [r.provider.distribution for r in new if r.provider.distribution in older])


def _target(requirement: str) -> str:
    """What pip gets: a checked requirement, or an absolute path."""
    from packaging.requirements import InvalidRequirement, Requirement

    path = Path(requirement).expanduser()
    if path.suffix == ".whl" or any(mark in requirement for mark in ("/", "\\")):
        if not path.exists():
            raise OptionError(f"there is no file or folder {requirement!r} to install from")
        return str(path.absolute())
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement as error:
        raise OptionError(
            f"{requirement!r} is not the name of a distribution such as zoo-birds or 'zoo-birds>=1.2': {error}"
        ) from error
    if parsed.url is not None:
        raise OptionError(f"{requirement!r} names an address; install from there with pip itself, if you trust it")
    if settings.offline():
        raise OptionError(f"ZOO_OFFLINE=1 forbids the network, from which {requirement!r} would come")
    return str(parsed)


def _run_installer(requirement: str, target: str, *, upgrade: bool) -> None:
    """Raise a PluginError with the end of what it said where it failed."""
    done = subprocess.run(
        [*_installer(), *(["--upgrade"] if upgrade else []), target], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise PluginError(f"{requirement!r} could not be installed: {' / '.join(said[-3:])[-600:]}")


def _installer() -> list[str]:
    """The command that installs into this environment: pip, or uv where there is no pip."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    uv = shutil.which("uv")
    if uv is None:
        raise PluginError("neither pip nor uv is in this environment: python -m ensurepip adds pip")
    return [uv, "pip", "install", "--python", sys.executable]
