"""Reads results folders for tables, plots and data frames: whose records are there, and those that hold.

A folder is one that `vlabench run --results` wrote to, or one policy's folder in it, or one pack's in that.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from vlabench import cards, registry
from vlabench.cards.find import fits, simulator_of
from vlabench.cards.lineage import held
from vlabench.cards.suite import SuiteCard
from vlabench.episode.chain import ASKED
from vlabench.errors import OptionError, StoreError, UnknownName, VlabenchError
from vlabench.records import shards
from vlabench.records.store import RUNS, Reading, Store, content_of, listed
from vlabench.records.waits import of_all
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeRecord
from vlabench.util.files import uncollected
from vlabench.util.messages import shown
from vlabench.util.parsing import json_line


class PolicyOnAssets(NamedTuple):
    """Whose records: those of different packs never share a row."""

    policy: str
    assets: str

    def __str__(self) -> str:
        return f"{self.policy} on {self.assets}"


@dataclass(frozen=True)
class Origin:
    """Where an owner's records lie, and what they are records of.

    folder: that of its task sets. policy: the digest of the policy's version. conditions: name → digests, one for each
    simulator that has a condition of this name. versions: package → the versions that they were played with, several if
    it changed in between. holds: condition → its perturbations.
    """

    folder: Path
    policy: str
    conditions: Mapping[str, Collection[str]]
    versions: Mapping[str, Sequence[str]]
    holds: Mapping[str, frozenset[str]] = field(default_factory=dict)


Keep = Callable[[PolicyOnAssets, Sequence[EpisodeRecord]], None]
"""Takes an owner's records under one condition on one task set."""


def each_file(
    keep: Keep,
    places: Sequence[Path],
    conditions: Mapping[str, str] | None = None,
    tasks: Sequence[str] = (),
    policies: Sequence[str] = (),
    assets: str | None = None,
    every: bool = False,
) -> tuple[list[str], dict[PolicyOnAssets, Origin]]:
    """Give `keep` the records of one version of each policy below `places`, a file at a time; what was left out, one
    sentence each, and where they lie, owner by owner.

    conditions: name → digest; by default whatever is there, each as it was played last. tasks, policies: patterns of
    names; by default all. every: conditions that the suites here mean otherwise, too. The version of a policy is that
    of its last record. Raises StoreError for a folder without records or that cannot be read, UnknownName for a pattern
    that fits no policy, OptionError for a policy that is in two folders.
    """
    notes: list[str] = []
    origins: dict[PolicyOnAssets, Origin] = {}
    with uncollected():
        for owner, folder in sorted(owners(places, policies, assets).items()):
            warnings, origins[owner] = _read(owner, folder, conditions, tasks, keep, every)
            notes += [f"{owner}: {warning}" for warning in warnings]
    return notes, origins


def asked(suite: SuiteCard | None) -> tuple[dict[str, str] | None, Sequence[str]]:
    """A suite's conditions (name → digest) and tasks (patterns), as `each_file` takes them; without one, all."""
    if suite is None:
        return None, ()
    digests = {name: condition.digest for name, condition in suite.conditions.items()}
    return digests, suite.tasks or tuple(f"{task_set}/*" for task_set in suite.task_sets)


def owners(places: Sequence[Path], policies: Sequence[str] = (),
           assets: str | None = None) -> dict[PolicyOnAssets, Path]:
    """Whose records lie below `places`, and in which folders, without reading any. Raises as `each_file` does."""
    found: dict[PolicyOnAssets, Path] = {}
    for place in places:
        for owner, folder in _owners(place):
            if found.setdefault(owner, folder) != folder:
                raise OptionError(f"{owner} is both in {shown(found[owner])} and in {shown(folder)}: which one?\n"
                                  f"  fix: name one of them, or make a table of each")
    chosen = [owner for owner in found if (assets is None or owner.assets == assets) and fits(owner.policy, policies)]
    for pattern in policies:
        if not any(fnmatchcase(owner.policy, pattern) for owner in found):
            raise UnknownName("policy", pattern, {owner.policy for owner in found}, where=_listed(places))
    for pattern in policies or ("*",):
        fitting = [owner for owner in found if fnmatchcase(owner.policy, pattern)]
        if not set(fitting) & set(chosen):
            whose = f" of {pattern!r}" if policies else ""
            packs = ", ".join(sorted({owner.assets for owner in fitting}))
            raise OptionError(f"no records{whose} on {assets!r} assets in {_listed(places)}, only on {packs}")
    return {owner: found[owner] for owner in chosen}


def _owners(place: Path) -> Iterator[tuple[PolicyOnAssets, Path]]:
    """(owner, the folder of its task sets) below a place, whichever of the three levels it is."""
    here = place.resolve()
    for depth in (2, 1, 0):
        folders = {file.parent.parent for file in here.glob("*/" * (depth + 1) + "*.jsonl") if file.name != RUNS}
        if folders:
            yield from sorted((PolicyOnAssets(folder.parent.name, folder.name), folder) for folder in folders)
            return
    if shards.folders(place):
        raise StoreError(f"{shown(place)} holds shards of a run that are not joined yet\n"
                         f"  fix: vlabench merge --results {shown(place)}")
    why = "holds no records" if place.is_dir() else "is no folder"
    raise StoreError(f"{shown(place)} {why}\n"
                     f"  fix: vlabench run --policy P --suite S --results DIR, and name that folder")


def _read(
    owner: PolicyOnAssets, folder: Path, conditions: Mapping[str, str] | None, tasks: Sequence[str], keep: Keep,
    every: bool,
) -> tuple[list[str], Origin]:
    files = sorted(file for file in folder.glob("*/*.jsonl") if conditions is None
                   or file.stem in conditions and _may_fit(file.parent.name, tasks))
    lines = {file: _last_line(file) for file in files}
    last = sorted(((file, line) for file, line in lines.items() if line),
                  key=lambda entry: str(entry[1].get("finished", "")))
    version = str(last[-1][1].get("policy_digest", "")) if last else ""
    order = _order()
    task_sets = sorted({file.parent.name for file in files}, key=lambda name: (order.get(name, len(order)), name))
    homes = {task_set: simulator_of(task_set) for task_set in task_sets}
    meant = {home: dict(sorted({file.stem: str(line.get("condition_digest", "")) for file, line in last
                                if homes[file.parent.name] == home}.items()))
             if conditions is None else dict(conditions) for home in homes.values()}
    old = {home: superseded(digests, [task_set for task_set in task_sets if homes[task_set] == home])
           if conditions is None and not every else [] for home, digests in meant.items()}
    store, whole = Store(folder.parent.parent, owner.policy, owner.assets), Reading()
    holds: dict[str, frozenset[str]] = {}
    versions: dict[str, set[str]] = {}
    for task_set, home in homes.items():
        for name, digest in meant[home].items():  # one file at a time: its records take much memory, and go at once
            if name in old[home]:
                continue
            reading = store.read([task_set], {name: digest}, version)
            whole.ignored += reading.ignored
            whole.outdated += reading.outdated
            fitting = {task for task in {record.task for record in reading.records.values()} if fits(task, tasks)}
            keep(owner, [record for record in reading.records.values() if record.task in fitting])
            holds |= _holds(reading.records.values())
            _note_versions(reading.records.values(), versions)
    warnings = [*whole.warnings(), *(f"no whole line of an episode in {shown(file)}" for file, line in lines.items()
                                     if line is None and conditions is None)]
    if left_out := [name for names in old.values() for name in names]:
        warnings.append(f"left out, played under other parameters or an earlier protocol of the simulator than the "
                        f"suites here have: {listed(left_out)}; --suite S names another suite")
    if waits := of_all(folder, version):
        warnings.append(str(waits))
    for simulator in map(find_simulator, registry.names("simulator")):
        warnings += simulator.remarks(task_sets, owner.assets, versions)
    return warnings, Origin(folder, version, _together(meant.values()), _sorted(versions), holds)


def origin_of(records: Sequence[EpisodeRecord], folder: Path) -> tuple[PolicyOnAssets, Origin]:
    """Whose one or more records are that are at hand, and where they come from if they lie in `folder`.

    Raises ValueError for records of several owners: they share no table.
    """
    groups: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        groups.setdefault(record.condition, []).append(record)
    found = {PolicyOnAssets(record.policy, record.assets) for record in records}
    if len(found) != 1:
        raise ValueError(f"records of different policies or asset packs share no table: {sorted(found)}")
    versions: dict[str, set[str]] = {}
    _note_versions(records, versions)
    holds = {name: kinds for group in groups.values() for name, kinds in _holds(group).items()}
    digests = {name: group[-1].condition_digest for name, group in groups.items()}
    return found.pop(), Origin(folder, records[-1].policy_digest, _together([digests]), _sorted(versions), holds)


def _together(meant: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Condition → its different digests in any of some mappings from condition to digest."""
    found: dict[str, dict[str, None]] = {}
    for digests in meant:
        for name, digest in digests.items():
            found.setdefault(name, {})[digest] = None
    return {name: list(digests) for name, digests in found.items()}


def _holds(records: Iterable[EpisodeRecord]) -> dict[str, frozenset[str]]:
    """The condition of some episodes → its perturbations, if any episode says."""
    return next(({record.condition: held(record.realised)} for record in records if record.realised), {})


def _note_versions(records: Iterable[EpisodeRecord], versions: dict[str, set[str]]) -> None:
    """Put the versions that episodes were played with to those of others."""
    for record in records:
        for package, number in record.versions.items():
            versions.setdefault(package, set()).add(number)


def _sorted(versions: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    return {package: sorted(numbers) for package, numbers in versions.items()}


def superseded(digests: Mapping[str, str], task_sets: Collection[str]) -> list[str]:
    """The conditions (name → digest on record) that the suites on these task sets know, but mean otherwise."""
    meant = [_meanings(task_set) for task_set in task_sets]
    return [name for name, digest in digests.items()
            if any(name in known for known in meant) and not any(digest in known.get(name, ()) for known in meant)]


@functools.cache
def _meanings(task_set: str) -> dict[str, set[str]]:
    """Condition → its digests in the suites on a task set."""
    found: dict[str, set[str]] = {}
    for suite in map(cards.load_suite, cards.suite_names()):
        if task_set in suite.task_sets:
            with contextlib.suppress(VlabenchError):  # a card that asks for what is not installed
                for name, condition in suite.conditions.items():
                    found.setdefault(name, set()).add(condition.digest)
    return found


@functools.cache
def _order() -> dict[str, int]:
    """Task sets in the order of the suites' cards: spatial, object, goal, 10, as papers have them."""
    names = dict.fromkeys(name for suite in cards.suite_names() for name in cards.load_suite(suite).task_sets)
    return {name: place for place, name in enumerate(names)}


def _last_line(path: Path) -> dict[str, Any] | None:
    """The last line of a file that is whole."""
    for line in reversed(content_of(path).splitlines()):
        content = json_line(line)
        if content is not None:
            return content
    return None


def _may_fit(task_set: str, patterns: Sequence[str]) -> bool:
    """Whether a task of this set can fit one of some patterns of tasks, as `cards.find.fits` reads them."""
    plain = [re.split(r"[*?[]", pattern)[0] for pattern in patterns]
    return not patterns or any(f"{task_set}/".startswith(beginning) or beginning.startswith(f"{task_set}/")
                               for beginning in plain)


def _listed(places: Iterable[Path]) -> str:
    return ", ".join(shown(place) for place in places)


def acted(changed: Mapping[str, float]) -> bool:
    """Whether an episode's record says that anything differed: what the policy received, the robot executed or the
    scene was.
    """
    return any(share > 0 for channel, share in changed.items() if channel != ASKED)
