"""Reads a submission that may come from anyone: nothing of it is believed that its files do not show.

What is refused, always with the file and the reason: anything but the expected plain files (no archives, links, devices
or strays), sizes beyond what so many episodes can take (looked at before a byte is read), hashes that differ, text that
is not strict JSON or TOML (see `parsing`), texts that are long or do not show as they are, numbers that are none,
episodes that are absent, doubled, copied or of another policy, pack, suite or version, and success rates that the
episodes do not give. Nothing of a submission is ever executed, and no path in it is opened that is not below its
folder.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from vlabench import cards, registry
from vlabench.adapters.base import find_adapter
from vlabench.cards import lineage
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, SubmissionError
from vlabench.leaderboard.definitions import Definitions, check_current, check_plausible
from vlabench.leaderboard.manifest import MANIFEST, SEED, Claim, FileForm, Manifest
from vlabench.records import store
from vlabench.types import EpisodeRecord, won
from vlabench.util.messages import one_line_each, shown, told
from vlabench.util.parsing import Unreadable, content_of, keys_in, strict_json
from vlabench.util.text import counted, short
from vlabench.util.text import line as one_line

MAX_MANIFEST = 2**20
LISTED = 100
"""Bytes that a file takes in a manifest, at least: its checksum has 64."""
MAX_CARD = 2**16
MAX_LINE = 2**14
"""Bytes of an episode's line; the longest that a run writes are below 3,000."""
MAX_RECORDS = 2**26
"""Bytes of a file of episodes, whatever their number; 500 take half a million."""
DIGITS = 6
"""Decimal places of a claimed rate."""


class _Absent(str):
    """What a key holds that a line has not: an empty text that can be told from one that is there."""


_ABSENT = _Absent()
_NO_MILESTONES: Mapping[str, bool] = {}


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class _Line(EpisodeRecord):
    """A line of a records' file."""

    instruction: Annotated[str, Field(max_length=1000)]
    finished: Annotated[str, Field(max_length=100)] = _ABSENT
    phase: str = _ABSENT
    error: str = _ABSENT
    message: str = _ABSENT
    milestones: Mapping[str, bool] = field(default_factory=lambda: _NO_MILESTONES)
    format: Literal[0, 1] = 0

    @property
    def keys(self) -> float:
        """How many keys the line has, at all depths, each of them once; NaN, if a drawn parameter is not finite."""
        absent = sum(text is _ABSENT for text in (self.finished, self.phase, self.error, self.message))
        return (_KEYS - absent - (self.milestones is _NO_MILESTONES) + len(self.changed) + len(self.frame)
                + len(self.versions) + len(self.milestones) + keys_in(self.realised))


_KEYS = len(fields(EpisodeRecord)) + 1
_LINE = TypeAdapter(_Line).validator


@dataclass(frozen=True)
class Submission:
    """A submission that holds what it claims. policy: its card, as it was. digest: sha256 of the manifest."""

    folder: Path
    manifest: Manifest
    policy: PolicyCard
    records: tuple[EpisodeRecord, ...]
    digest: str


def read(folder: Path, known: Definitions | None = None) -> Submission:
    """The submission in a folder, checked through and through.

    Raises SubmissionError; OutdatedError, if all is well but the suite has changed since; UnknownName (suite, asset
    pack) and MissingExtra (the simulator's tasks).
    """
    try:
        return _read(folder, known or Definitions())
    except OSError as error:
        raise SubmissionError(f"{shown(folder)}: {error.strerror}: {error.filename}") from error


def _read(folder: Path, known: Definitions) -> Submission:
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise SubmissionError(f"{shown(folder)}: a submission is a folder of text files, not an archive, a link or "
                              f"another file\n  fix: vlabench submit … --out FOLDER")
    content, manifest = _manifest(folder)
    _check_layout(folder, manifest)
    files = {file.path: file for file in manifest.files}
    expected = manifest.expected_files()
    for path, count in expected.items():
        if not count:
            _bytes(folder / path, files[path])
    policy = _policy(folder, manifest)
    records = [record for path, count in expected.items() if count
               for record in _records(folder / path, _bytes(folder / path, files[path]), count, manifest)]
    _check_whole(records, manifest, shown(folder))
    _check_created(records, manifest, shown(folder / MANIFEST))
    if rates(records, manifest) != manifest.rates:
        claimed, given = manifest.rates, rates(records, manifest)
        name = next(name for name in [*given, *claimed] if given.get(name) != claimed.get(name))
        raise SubmissionError(f"{shown(folder / MANIFEST)}: rates.{name}: the claim ({_told(claimed.get(name))}) is "
                              f"not what the episodes give ({_told(given.get(name))})")
    definition = known.of(manifest.suite, manifest.assets)
    check_current(manifest, definition)
    check_plausible(records, policy, definition, shown(folder))
    return Submission(folder, manifest, policy, tuple(records), hashlib.sha256(content).hexdigest())


def rates(records: Iterable[EpisodeRecord], manifest: Manifest) -> dict[str, Claim]:
    """What the episodes come to, by condition, in the manifest's order."""
    wins = dict.fromkeys(manifest.conditions, 0)
    for record in records:
        wins[record.condition] += won(record, manifest.success)
    episodes = len(manifest.tasks) * manifest.episodes
    return {name: Claim(episodes=episodes, successes=won, rate=round(won / episodes, DIGITS))
            for name, won in wins.items()}


def _manifest(folder: Path) -> tuple[bytes, Manifest]:
    path = folder / MANIFEST
    content = bytes_of(path, MAX_MANIFEST)
    try:
        strict_json(content)
        manifest = Manifest.model_validate_json(content)
    except Unreadable as error:
        raise SubmissionError(f"{shown(path)}: {error}") from None
    except ValidationError as error:
        raise SubmissionError(one_line_each(error, Manifest, shown(path))) from None
    if manifest.name != folder.absolute().name:
        raise SubmissionError(f"{shown(path)}: name: {manifest.name!r} lies in a folder of another name")
    if len(set(manifest.tasks)) != len(manifest.tasks):
        raise SubmissionError(f"{shown(path)}: tasks: the same task twice")
    return content, manifest


def _check_layout(folder: Path, manifest: Manifest) -> None:
    """The files that must be there are listed, are there in the listed sizes, and nothing else is."""
    where = shown(folder / MANIFEST)
    number = len({key.rpartition("/")[0] for key in manifest.tasks}) * len(manifest.conditions)
    if number * LISTED > MAX_MANIFEST:  # a short manifest can ask for more paths than there is memory
        raise SubmissionError(f"{where}: {number} files of records would belong to so many task sets and conditions")
    expected = manifest.expected_files()
    listed = {file.path: file for file in manifest.files}
    if len(listed) != len(manifest.files):
        raise SubmissionError(f"{where}: files: the same path twice")
    for path in sorted(listed.keys() ^ expected.keys()):
        verdict = "is no part of such a submission" if path in listed else "is missing"
        raise SubmissionError(f"{where}: files: {path!r} {verdict}")
    for path in _walk(folder):
        if path not in expected and path != MANIFEST:
            raise SubmissionError(f"{shown(folder)}: {short(path, 200)!r} does not belong there: a submission holds "
                                  f"the plain files that its manifest lists, and nothing else")
    for path, count in expected.items():
        check_file(folder / path, min(count * MAX_LINE, MAX_RECORDS) or MAX_CARD)
        size = (folder / path).lstat().st_size
        if size != listed[path].size:
            raise SubmissionError(f"{shown(folder / path)}: {size} bytes, but the manifest says {listed[path].size}: "
                                  f"altered after it was submitted?")


def _walk(folder: Path) -> Iterator[str]:
    """All below a folder that is no folder itself, links to folders among them, and folders that are empty."""
    waiting = [""]
    while waiting:
        prefix, empty = waiting.pop(), True
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                empty = False
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{prefix}{entry.name}/")
                else:
                    yield prefix + entry.name
        if empty:
            yield prefix


def check_file(path: Path, most: int) -> None:
    """Raises SubmissionError unless it is a plain file of at most so many bytes."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise SubmissionError(f"{shown(path)}: is missing") from None
    if not stat.S_ISREG(found.st_mode):
        raise SubmissionError(f"{shown(path)}: is a link, a folder or a device, not a plain file")
    if found.st_size > most:
        raise SubmissionError(f"{shown(path)}: {found.st_size} bytes; what belongs there takes at most {most}")


def bytes_of(path: Path, most: int) -> bytes:
    """What is in a plain file of at most so many bytes. Raises SubmissionError, OSError."""
    check_file(path, most)
    try:
        return content_of(path, most)
    except Unreadable as error:  # changed since it was looked at
        raise SubmissionError(f"{shown(path)}: {error}") from None


def _bytes(path: Path, listed: FileForm) -> bytes:
    """What is in a file that is listed; its size has been looked at."""
    content = bytes_of(path, listed.size)
    if hashlib.sha256(content).hexdigest() != listed.sha256:
        raise SubmissionError(f"{shown(path)}: its SHA-256 is not the manifest's: altered after it was submitted?")
    return content


def _policy(folder: Path, manifest: Manifest) -> PolicyCard:
    """The submitted card. Its digest is that of the manifest, where the adapter is here in the same revision."""
    path = folder / "cards" / "policies" / f"{manifest.policy}.toml"
    try:
        return _checked(cards.load_policy(str(path), foreign=True), manifest)
    except CardError as error:
        raise SubmissionError(str(error)) from None


def _checked(card: PolicyCard, manifest: Manifest) -> PolicyCard:
    path, seen = card.path, lineage.seen(card, paths=False)
    known = card.adapter in registry.names("adapter")
    if known and card.served:
        raise SubmissionError(f"{shown(path)}: adapter: {card.adapter!r}: the policy is behind a server, so that "
                              f"nobody else can play its episodes again")
    for name in (*seen.names, *seen.unknown):
        try:
            one_line(name)
        except ValueError as error:
            raise SubmissionError(f"{shown(path)}: training.options: {error}, not {short(name)!r}") from None
    if known and find_adapter(card.adapter).revision == manifest.revision:
        digest = card.digest_with(manifest.versions.get("adapter", ""))
        if digest != manifest.policy_digest:
            raise SubmissionError(f"{shown(path)}: the card's digest is {digest[:8]}, not "
                                  f"{manifest.policy_digest[:8]} as the manifest says")
    return card


def _records(path: Path, content: bytes, count: int, manifest: Manifest) -> Iterator[EpisodeRecord]:
    """The episodes of a file, each of them of the file's task set and condition and the manifest's everything."""
    ends, whole = content.count(b"\n"), content.endswith(b"\n")
    if ends != count or not whole:
        more = "" if whole else " and one without an end"
        raise SubmissionError(f"{shown(path)}: {counted(ends, 'line')}{more}, where "
                              f"{counted(count, 'episode')} belong")
    known = {"format": store.FORMAT, "policy": manifest.policy, "assets": manifest.assets, "condition": path.stem,
             "seed": SEED, "policy_digest": manifest.policy_digest,
             "condition_digest": manifest.conditions[path.stem].digest, "versions": manifest.versions}
    values, start = tuple(known.values()), f"{path.parent.name}/"
    for number, line in enumerate(content[:-1].split(b"\n"), 1):
        if len(line) > MAX_LINE:
            raise SubmissionError(f"{shown(path)}, line {number}: {len(line)} bytes; an episode takes "
                                  f"at most {MAX_LINE}")
        try:
            found: _Line = _LINE.validate_json(line)
            # as many colons as keys, but for those in a time: no key is there twice, and no text hides another
            if line.count(b":") != found.keys + found.finished.count(":") or b"\\" in line:
                strict_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = f"{told(first['loc'])}: " if first["loc"] else ""
            raise SubmissionError(f"{shown(path)}, line {number}: {place}{first['msg']}") from None
        except Unreadable as error:
            raise SubmissionError(f"{shown(path)}, line {number}: {error}") from None
        if not found.task.startswith(start) or values != (
                found.format, found.policy, found.assets, found.condition, found.seed, found.policy_digest,
                found.condition_digest, found.versions):
            what = next((key for key, value in known.items() if getattr(found, key) != value), "task")
            raise SubmissionError(f"{shown(path)}, line {number}: {what} is {str(getattr(found, what))[:120]!r}, where "
                                  f"{str(known.get(what, start))[:120]!r} belongs")
        yield found


def _check_whole(records: list[EpisodeRecord], manifest: Manifest, where: str) -> None:
    """Every episode is there, once, and none is an error."""
    wanted = {(task, condition, index) for task in manifest.tasks for condition in manifest.conditions
              for index in range(manifest.episodes)}
    for record in records:
        key = (record.task, record.condition, record.index)
        if key not in wanted:
            raise SubmissionError(f"{where}: {record.task} {record.condition} {record.index}: this episode is there "
                                  f"twice, or does not belong to the suite")
        wanted.remove(key)
        if record.status == "error":
            raise SubmissionError(f"{where}: {record.task} {record.condition} {record.index} ended in an error")
        if not math.isfinite(record.seconds):
            raise SubmissionError(f"{where}: {record.task} {record.condition} {record.index}: {record.seconds} seconds")


def _check_created(records: Iterable[EpisodeRecord], manifest: Manifest, where: str) -> None:
    """A submission is not older than its episodes. `finished` may be empty, but no other text than a time."""
    days = [manifest.created]
    for finished in {record.finished for record in records} - {""}:
        try:
            time = datetime.fromisoformat(finished)
            days.append((time.astimezone(timezone.utc) if time.tzinfo else time).date().isoformat())
        except (ValueError, OverflowError):
            raise SubmissionError(f"{where}: an episode was finished at {finished[:80]!r}, which is no time\n"
                                  f"  fix: submit the records as the run wrote them") from None
    if max(days) > manifest.created:
        raise SubmissionError(f"{where}: created: {manifest.created} is before the last of its episodes was finished "
                              f"({max(days)})\n  fix: submit it anew; vlabench submit dates it")


def _told(claim: Claim | None) -> str:
    return f"{claim.successes} of {claim.episodes}, {claim.rate:g}" if claim else "none"
