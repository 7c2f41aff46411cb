"""Joins the records of several results folders, such as the shards of a run, into one: `vlabench merge`.

All is compared before anything is written. What fits is one version of each policy, conditions of the same parameters,
and no episode with two outcomes. What is in the folder already is not written twice, so that a merge can be repeated.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vlabench.cards.lineage import card_beside
from vlabench.errors import OptionError, StoreError
from vlabench.records import shards
from vlabench.records.read import Origin, PolicyOnAssets, each_file
from vlabench.records.store import RUNS, WRITING, Store, Writer, explained, listed, recording_of, runs_of
from vlabench.types import EpisodeRecord, Identity
from vlabench.util.files import replacing
from vlabench.util.messages import shown
from vlabench.util.text import counted

NEW = "\n  fix: --results NEW, a folder without records"


@dataclass
class Merged:
    """owners: whose records → how many were written, and how many were there or in two folders. notes: what was left
    out of each folder, a sentence each.
    """

    owners: dict[PolicyOnAssets, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(f"{owner}: {counted(added, 'record')} added, {there:,} there already"
                         for owner, (added, there) in sorted(self.owners.items()))


@dataclass(frozen=True)
class _Source:
    """A folder and what it holds. ends: how its episodes came out."""

    place: Path
    origins: Mapping[PolicyOnAssets, Origin]
    ends: Mapping[tuple[PolicyOnAssets, Identity], EpisodeRecord]
    notes: Sequence[str]

    @classmethod
    def read(cls, place: Path) -> _Source:
        """Raises StoreError for one without records."""
        ends: dict[tuple[PolicyOnAssets, Identity], EpisodeRecord] = {}

        def keep(owner: PolicyOnAssets, records: Sequence[EpisodeRecord]) -> None:
            ends.update({(owner, record.identity): record for record in records})

        notes, origins = each_file(keep, [place], every=True)
        return cls(place, origins, ends, notes)


def merge(places: Sequence[Path], out: Path, partial: bool = False) -> Merged:
    """Join the records of some results folders in `out`; without any, those of the shards in `out`.

    partial: shards, policies or conditions may be missing. Recordings are taken along, and what runs have noted and the
    cards that they left. Raises OptionError without folders; StoreError for what does not fit, or cannot be read or
    written.
    """
    chosen = list(places) or shards.folders(out)
    if not chosen:
        raise OptionError(f"{shown(out)}: no shards in it (shard-1-of-8, …)\n"
                          f"  fix: vlabench merge FOLDER… --results DIR; or vlabench run --shard 1/8 and so on, first")
    sources = [_Source.read(place) for place in chosen]
    there = any(path.name != RUNS for path in out.glob("*/*/*/*.jsonl"))
    target = _Source.read(out) if there else _Source(out, {}, {}, ())
    _check_fit([target, *sources])
    if not partial:
        _check_whole(sources)
    merged = Merged(notes=[f"{shown(source.place)}: {note}" for source in sources for note in source.notes])
    for owner in sorted({owner for source in sources for owner in source.origins}):
        with Store(out, *owner).writer() as writer:
            merged.owners[owner] = _join(owner, target, sources, writer)
            for source in sources:
                _take_along(card_beside(source.place, owner.policy), card_beside(out, owner.policy))
    return merged


def _check_whole(sources: Sequence[_Source]) -> None:
    """Raises StoreError if a shard lacks a policy that another has, is missing or has not ended."""
    least = "\n  fix: --partial joins what is there"
    for owner in sorted({owner for source in sources for owner in source.origins}):
        having = [source for source in sources if owner in source.origins]
        found: dict[shards.Shard, int] = {}
        for source in having:
            found |= shards.noted(source.origins[owner].folder, source.origins[owner].policy)
        without = [source.place for source in sources if owner not in source.origins]
        if without and found:
            raise StoreError(f"{shown(without[0])}: no records of {owner}, of which other folders have shards{least}")
        if len({shard.of for shard in found}) > 1:
            raise StoreError(f"{owner}: shards of different runs: {', '.join(map(str, sorted(found)))}{least}")
        missing = [str(each) for each in _all(found) if each not in found]
        left = [f"{shard} ({counted(count, 'episode')} left)" for shard, count in sorted(found.items()) if count]
        if missing or left:
            what = f"shard {', '.join(missing)} missing" if missing else f"shard {', '.join(left)} has not ended"
            raise StoreError(f"{owner}: {what}\n  fix: the command of that shard again, or --partial, which joins what "
                             f"is there")
        if found:
            _check_conditions(owner, sources, least)


def _all(found: Mapping[shards.Shard, int]) -> Iterator[shards.Shard]:
    """All shards of the run that some are of."""
    for of in {shard.of for shard in found}:
        yield from (shards.Shard(number, of) for number in range(1, of + 1))


def _check_conditions(owner: PolicyOnAssets, sources: Sequence[_Source], fix: str) -> None:
    """Raises StoreError if a shard has not played a condition that others have."""
    names = {name for source in sources for name in source.origins[owner].conditions}
    for source in sources:
        lacking = sorted(names - source.origins[owner].conditions.keys())
        if lacking:
            raise StoreError(f"{shown(source.place)}: no records of {owner} under condition {listed(lacking)}, which "
                             f"other shards have played{fix}")


def _check_fit(sources: Sequence[_Source]) -> None:
    """Raises StoreError for two versions of a policy or a condition, or two outcomes of an episode."""
    first: dict[PolicyOnAssets, _Source] = {}
    meant: dict[tuple[PolicyOnAssets, str], tuple[frozenset[str], Path]] = {}
    ends: dict[tuple[PolicyOnAssets, Identity], tuple[EpisodeRecord, Path]] = {}
    for source in sources:
        for owner, origin in source.origins.items():
            other = first.setdefault(owner, source)
            if other.origins[owner].policy != origin.policy:
                raise StoreError(f"{owner}: another policy in {shown(source.place)} than in {shown(other.place)}: "
                                 f"another card, other weights or other code{NEW}, and folders of one version")
            for name, digests in origin.conditions.items():
                before, place = meant.setdefault((owner, name), (frozenset(digests), source.place))
                if before != frozenset(digests):
                    raise StoreError(f"{owner}: condition {name!r} has other parameters, or the simulator another "
                                     f"protocol, in {shown(source.place)} than in {shown(place)}{NEW}, and folders of "
                                     f"one suite")
        for key, record in source.ends.items():
            known, place = ends.setdefault(key, (record, source.place))
            if "error" not in (known.status, record.status) and _outcome(known) != _outcome(record):
                raise StoreError(f"{key[0]}: {record.task} {record.condition} {record.index} ended otherwise in "
                                 f"{shown(source.place)} ({record.status}, {counted(record.steps, 'step')}) than in "
                                 f"{shown(place)} ({known.status}, {counted(known.steps, 'step')})\n  fix: leave out "
                                 f"one of the folders")


def _outcome(record: EpisodeRecord) -> EpisodeRecord:
    """Without what may differ when an episode is played again."""
    return dataclasses.replace(record, seconds=0.0, finished="", versions={})


def _join(owner: PolicyOnAssets, target: _Source, sources: Sequence[_Source], writer: Writer) -> tuple[int, int]:
    """Write what the target lacks of an owner's; how many records, and how many it does not lack."""
    before = {identity: record.status for (whose, identity), record in target.ends.items() if whose == owner}
    held = {identity for identity, status in before.items() if status != "error"}
    failed = before.keys() - held
    lines = runs_of(writer.folder)
    added = there = 0
    for source in (each for each in sources if owner in each.origins):
        home = source.origins[owner].folder
        records = [record for (whose, _), record in source.ends.items() if whose == owner]
        fresh = [record for record in records if record.identity not in held
                 and not (record.status == "error" and record.identity in failed)]
        writer.extend(fresh)
        added, there = added + len(fresh), there + len(records) - len(fresh)
        held |= {record.identity for record in fresh if record.status != "error"}
        failed |= {record.identity for record in fresh}
        for record in records:
            _take_along(home / recording_of(record.identity), writer.folder / recording_of(record.identity))
        for line in runs_of(home):
            if line not in lines:
                lines.append(line)
                writer.note_run(line)
    return added, there


def _take_along(kept: Path, to: Path) -> None:
    """Copy a file, such as an episode's actions if they were kept, to where there is none. Raises StoreError."""
    if kept.is_file() and not to.exists():
        with explained(to, WRITING), contextlib.suppress(FileNotFoundError), replacing(to) as partial:
            shutil.copyfile(kept, partial)
