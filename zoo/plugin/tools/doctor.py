"""What is wrong with the installed plugins, and what to try; imports none of them unless it is asked to."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from zoo import settings
from zoo._version import __version__
from zoo.plugin.locate import CODE, find_code, module_file
from zoo.plugin.manager import Manager, manager
from zoo.plugin.manifest import manifest_path
from zoo.plugin.records import PluginRecord, Problem, find_record
from zoo.plugin.tools.trial_import import TIMEOUT, try_import
from zoo.printing import printable
from zoo.registry import SINGULAR, Entry, Registry


@dataclass
class Finding:
    """One plugin examined.

    Attributes:
        record: the plugin.
        fresh: whether its manifest says what its hooks say; None if the hooks were not asked.
        seconds: time of its import; None if it was not imported.
        problems: everything found, remarks included.
    """

    record: PluginRecord
    fresh: bool | None = None
    seconds: float | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Whether something of it cannot be used."""
        return any(problem.broken for problem in self.problems)

    @property
    def state(self) -> str:
        """The state, or "broken" where the examination found what the record does not know."""
        imports = any(problem.stage == "import" and problem.broken for problem in self.problems)
        return "broken" if imports else self.record.state

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        record = self.record
        return {
            "plugin": record.id,
            "distribution": record.provider.distribution,
            "version": record.provider.version,
            "module": record.module,
            "state": self.state,
            "api": record.api,
            "manifest": {"present": record.manifest, "fresh": self.fresh},
            "seconds": self.seconds,
            "provides": record.provides,
            "problems": [problem.to_dict() for problem in self.problems],
        }


@dataclass
class Examination:
    """All plugins examined.

    Attributes:
        findings: one for each plugin, sorted by id.
        conflicts: bare names that two third parties provide: kind, name, ids, and what it means (None: an error).
        shadowed: names of third parties that are unqualified zoo's own: kind, name, winner, ids.
        settings: what is wrong with ZOO_PLUGINS and ZOO_PREFER.
        imported: whether the plugins were imported (each in a process of its own).
    """

    findings: list[Finding]
    conflicts: list[dict[str, Any]]
    shadowed: list[dict[str, Any]]
    settings: list[str]
    imported: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is broken; remarks, conflicts and shadowed names break nothing."""
        return not any(finding.broken for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "ok": self.ok,
            "zoo": __version__,
            "imported": self.imported,
            "plugins": [finding.to_dict() for finding in self.findings],
            "conflicts": self.conflicts,
            "shadowed": self.shadowed,
            "settings": self.settings,
        }

    def render(self) -> str:
        """The examination as text, with what to try."""
        return "\n".join(printable(line) for line in _lines(self))


def examine(
    name: str | None = None, *, imports: bool = False, timeout: float = TIMEOUT, taken: Collection[str] = ()
) -> Examination:
    """Look at every installed plugin: what is broken, what is slow, which names collide, what to try.

    Nothing of a plugin is imported into this process. By default only metadata and manifests are read; with `imports`
    each plugin is imported in a process of its own, so that one that hangs, crashes, prints or loads TensorFlow at
    import is named.

    Args:
        name: only this plugin: its id, distribution or package. None: all.
        imports: import each plugin in a process of its own and compare its manifest with its hooks.
        timeout: seconds after which an import counts as hung.
        taken: names of commands that are zoo's own.

    Raises:
        UnknownNameError: there is no such plugin.
    """
    chosen = manager()
    records = chosen.records()
    if name is not None:
        records = [find_record(records, name)]
    findings = [_examine(chosen, record, imports=imports, timeout=timeout) for record in records]
    registry = chosen.known()
    return Examination(
        findings=findings,
        conflicts=list(_conflicts(registry)),
        shadowed=list(_shadowed(registry, taken)),
        settings=_settings(chosen),
        imported=imports,
    )


def _examine(chosen: Manager, record: PluginRecord, *, imports: bool, timeout: float) -> Finding:
    finding = Finding(record, problems=list(record.problems))
    stages = {problem.stage for problem in record.problems}
    if record.state == "disabled" or "discovery" in stages:
        return finding
    if not record.manifest and record.file is None and "manifest" not in stages:
        advice = f"zoo plugins manifest {record.id} --write, and ship the file in the package"
        what = "has no manifest, so it is imported whenever names are listed"
        finding.problems.append(Problem("manifest", what, advice, broken=False))
    if module_file(record.module) is None:
        what = f"its entry point names the module {record.module!r}, and there is no file of it"
        finding.problems.append(Problem("import", what, record.repair))
        return finding
    if record.state != "broken":
        finding.problems += _static_problems(chosen, record)
    if imports:
        _try(finding, record, timeout=timeout)
    return finding


def _try(finding: Finding, record: PluginRecord, *, timeout: float) -> None:
    """Import it in a process of its own, and note what that shows."""
    trial = try_import(record.id, record.module, timeout=timeout)
    known = {problem.what for problem in finding.problems}
    finding.seconds = trial.seconds
    finding.problems += [_advised(record, problem) for problem in trial.problems if problem.what not in known]
    if record.manifest and trial.manifest is not None:
        finding.fresh = _says_the_same(record, trial.manifest)
        if not finding.fresh:
            what = "its manifest does not say what its hooks say"
            advice = f"make it anew: zoo plugins manifest {record.id} --write; as a user: {record.repair}"
            finding.problems.append(Problem("manifest", what, advice))


def _static_problems(chosen: Manager, record: PluginRecord) -> Iterator[Problem]:
    """What can be seen of the specs of a plugin without importing it."""
    registry = chosen.known()
    entries = [e for kind in SINGULAR for e in registry.entries(kind) if e.provider.plugin == record.id]
    for entry in entries:
        what = f"{SINGULAR[entry.kind]} {entry.name!r}"
        try:
            spec = entry.spec
        except Exception as error:  # whatever a row of a manifest holds
            yield Problem("spec", str(error), record.repair)
            continue
        yield from _problems_of_code(chosen, record, entry, what)
        for missing in filter(_absent, spec.requires):
            yield Problem("spec", f"{what} needs {missing}, which is not installed", f"pip install {missing}")
        if spec.deprecated and not registry.candidates(entry.kind, spec.deprecated):
            advice = "name a replacement that exists"
            yield Problem(
                "name", f"{what} is replaced by {spec.deprecated!r}, which nobody provides", advice, broken=False
            )


def _problems_of_code(chosen: Manager, record: PluginRecord, entry: Entry, what: str) -> Iterator[Problem]:
    """What can be seen of the code that a spec names."""
    spec = entry.spec
    for target in filter(None, (getattr(spec, CODE.get(entry.kind, ""), None), getattr(spec, "options", None))):
        if not chosen.may_name(entry, target):
            yield Problem("spec", f"{what} names {target!r}, which is outside its own packages and zoo's")
        elif find_code(target)[0] is None:
            yield Problem("spec", f"{what} names {target!r}, and there is no such module", record.repair)


def _absent(requirement: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        needed = Requirement(requirement)
        return not needed.specifier.contains(version(needed.name), prereleases=True)
    except (PackageNotFoundError, InvalidRequirement):
        return True


def _says_the_same(record: PluginRecord, manifest: str) -> bool:
    path = manifest_path(record.module)
    if path is None:
        return False
    data: Any = json.loads(path.read_text(encoding="utf-8"))
    fresh: Any = json.loads(manifest)
    return bool(data.get("contributes") == fresh["contributes"])


def _by_name(registry: Registry) -> Iterator[tuple[str, str, list[Entry]]]:
    """Each kind with each of its names, and who has it; aliases do not count."""
    for kind in SINGULAR:
        for name in sorted({entry.name for entry in registry.entries(kind)}):
            yield kind, name, [entry for entry in registry.candidates(kind, name) if entry.name == name]


def _conflicts(registry: Registry) -> Iterator[dict[str, Any]]:
    for kind, name, entries in _by_name(registry):
        if len(entries) > 1 and not any(entry.provider.first_party for entry in entries):
            meant = registry.meaning(kind, name)
            ids = [entry.id for entry in entries]
            yield {"kind": kind, "name": name, "ids": ids, "meant": meant.id if meant else None}


def _shadowed(registry: Registry, taken: Collection[str]) -> Iterator[dict[str, Any]]:
    for kind, name, entries in _by_name(registry):
        theirs = [entry.id for entry in entries if not entry.provider.first_party]
        built_in = f"zoo {name}" if kind == "commands" and name in taken else None
        winner = next((entry.id for entry in entries if entry.provider.first_party), built_in)
        if winner is not None and theirs:
            yield {"kind": kind, "name": name, "winner": winner, "ids": theirs}


def _settings(chosen: Manager) -> list[str]:
    """Names in ZOO_PREFER and ZOO_PLUGINS that no plugin has."""
    records = chosen.records()
    ids = {record.id for record in records}
    listed = [part.strip().lstrip("-").strip() for part in os.environ.get("ZOO_PLUGINS", "").split(",")]
    wrong = [
        f"ZOO_PREFER names {plugin!r}, which is the id of no installed plugin"
        for plugin in settings.preferred_plugins()
        if plugin not in ids
    ]
    return wrong + [
        f"ZOO_PLUGINS names {plugin!r}, which is neither id nor distribution of an installed plugin"
        for plugin in listed
        if plugin and not any(record.called(plugin) for record in records)
    ]


def _advised(record: PluginRecord, problem: Problem) -> Problem:
    from dataclasses import replace

    return problem if problem.advice else replace(problem, advice=record.repair)


def _lines_of(finding: Finding) -> Iterator[str]:
    record = finding.record
    yield f"{record.id}  ({record.provider.distribution} {record.provider.version})  {finding.state}"
    manifest = "none"
    if record.manifest:
        manifest = {None: "present", True: "present, fresh", False: "present, stale"}[finding.fresh]
    facts = [f"manifest: {manifest}"]
    if record.api:
        facts.append(f"works with zoo {record.api}")
    if finding.seconds is not None:
        facts.append(f"import: {finding.seconds:.2f} s")
    yield "  " + "; ".join(facts)
    for problem in sorted(finding.problems, key=lambda problem: not problem.broken):
        yield f"  {'BROKEN' if problem.broken else 'remark'} ({problem.stage}): {problem.what}"
        if problem.advice:
            yield f"    try: {problem.advice}"
        yield from ("    | " + line for line in problem.traceback.rstrip().splitlines())


def _lines(examination: Examination) -> Iterator[str]:
    for finding in examination.findings:
        yield from _lines_of(finding)
    for row in examination.conflicts:
        means = f"means {row['meant']!r} by ZOO_PREFER" if row["meant"] else "is ambiguous: write the full name"
        yield f"conflict: {SINGULAR[row['kind']]} {row['name']!r} of {', '.join(row['ids'])} {means}"
    for row in examination.shadowed:
        yield (
            f"shadowed: {SINGULAR[row['kind']]} {row['name']!r} is {row['winner']!r}; "
            f"{', '.join(row['ids'])} must be written in full"
        )
    for text in examination.settings:
        yield f"setting: {text}"
    broken = sum(finding.broken for finding in examination.findings)
    yield f"{len(examination.findings)} plugins, {broken} broken" + (
        "" if examination.imported else "; none was imported (--import imports each in a process of its own)"
    )
