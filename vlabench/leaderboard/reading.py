"""Reads a submission that may come from anyone: nothing of it is believed that its files do not show.

What is refused, always with the file and the reason: anything but the expected plain files (no archives, links, devices
or strays), sizes beyond what so many episodes can take (looked at before a byte is read), hashes that differ, text that
is not strict JSON or TOML, numbers that are none, episodes that are absent, doubled, copied or of another policy, pack,
suite or version, and success rates that the episodes do not give. Nothing of a submission is ever executed, and no path
in it is opened that is not below its folder.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic_core import from_json

from vlabench import cards, lineage, registry, store
from vlabench.card_types import PolicyCard
from vlabench.errors import CardError, SubmissionError
from vlabench.leaderboard.definitions import Definitions, check_current, check_plausible
from vlabench.leaderboard.manifest import MANIFEST, SEED, Claim, Manifest, plain
from vlabench.problems import one_line_each, shown
from vlabench.types import EpisodeRecord, won
from vlabench.wording import counted

MAX_MANIFEST = 2**20
LISTED = 100
"""Bytes that a file takes in a manifest, at least: its checksum has 64."""
MAX_CARD = 2**16
MAX_LINE = 2**14
"""Bytes of an episode's line; the longest that a run writes are below 3,000."""
DIGITS = 6
"""Decimal places of a claimed rate."""


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class _Line(EpisodeRecord):
    """A line of a records' file."""

    format: Literal[0, 1] = 0


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
    except RecursionError:
        raise SubmissionError(f"{shown(folder)}: text that is nested too deeply to be read") from None
    except OSError as error:
        raise SubmissionError(f"{shown(folder)}: {error.strerror}: {error.filename}") from error


def _read(folder: Path, known: Definitions) -> Submission:
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise SubmissionError(f"{shown(folder)}: a submission is a folder of text files, not an archive, a link or "
                              f"another file\n  mend: vlabench submit … --out FOLDER")
    content, manifest = _manifest(folder)
    _check_layout(folder, manifest)
    files = {file.path: file for file in manifest.files}
    texts = {path: _bytes(folder / path, files[path].sha256) for path in manifest.expected_files()}
    policy = _policy(folder, manifest)
    records = [record for path, count in manifest.expected_files().items() if count
               for record in _records(folder / path, texts[path], count, manifest)]
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
    check_file(path, MAX_MANIFEST)
    content = path.read_bytes()
    check_numbers(path, content)
    try:
        manifest = Manifest.model_validate_json(content)
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
            raise SubmissionError(f"{shown(folder)}: {path!r} does not belong there: a submission holds the plain "
                                  f"files that its manifest lists, and nothing else")
    for path, count in expected.items():
        check_file(folder / path, count * MAX_LINE or MAX_CARD)
        size = (folder / path).lstat().st_size
        if size != listed[path].size:
            raise SubmissionError(f"{shown(folder / path)}: {size} bytes, but the manifest says {listed[path].size}: "
                                  f"altered after it was submitted?")


def _walk(folder: Path, prefix: str = "") -> Iterator[str]:
    """All below a folder that is no folder itself, links to folders among them, and folders that are empty."""
    empty = True
    with os.scandir(folder) as entries:
        for entry in entries:
            empty = False
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
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


def _bytes(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SubmissionError(f"{shown(path)}: its SHA-256 is not the manifest's: altered after it was submitted?")
    return content


def _policy(folder: Path, manifest: Manifest) -> PolicyCard:
    """The submitted card. Its digest is that of the manifest, where the adapter is here in the same revision."""
    path = folder / "cards" / "policies" / f"{manifest.policy}.toml"
    try:
        card = cards.load_policy(str(path), foreign=True)
        seen = lineage.seen(card, paths=False)
    except CardError as error:
        raise SubmissionError(str(error)) from None
    except ValueError as error:  # numbers too long for Python, for instance
        raise SubmissionError(f"{shown(path)}: cannot be read: {error}") from None
    texts = [("title", card.title), ("source", card.source), *(("training.options", name) for name in seen.names),
             *(("training.options", name) for name in seen.unknown)]
    for key, text in texts:
        try:
            plain(text)
        except ValueError as error:
            raise SubmissionError(f"{shown(path)}: {key}: {error}") from None
    if card.adapter in registry.names("adapter") and registry.adapter(card.adapter).revision == manifest.revision:
        digest = card.digest_with(manifest.versions.get("adapter", ""))
        if digest != manifest.policy_digest:
            raise SubmissionError(f"{shown(path)}: the card's digest is {digest[:8]}, not "
                                  f"{manifest.policy_digest[:8]} as the manifest says")
    return card


def _records(path: Path, content: bytes, count: int, manifest: Manifest) -> Iterator[EpisodeRecord]:
    """The episodes of a file, each of them of the file's task set and condition and the manifest's everything."""
    check_numbers(path, content)
    lines = content.split(b"\n")
    if lines.pop() != b"" or len(lines) != count:
        raise SubmissionError(f"{shown(path)}: {counted(len(lines), 'line')}, where {counted(count, 'episode')} belong")
    known = {"format": store.FORMAT, "policy": manifest.policy, "assets": manifest.assets, "condition": path.stem,
             "seed": SEED, "policy_digest": manifest.policy_digest,
             "condition_digest": manifest.conditions[path.stem].digest, "versions": manifest.versions}
    values, start = tuple(known.values()), f"{path.parent.name}/"
    for number, line in enumerate(lines, 1):
        try:
            found: _Line = _LINE.validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise SubmissionError(f"{shown(path)}, line {number}: {place}: {first['msg']}") from None
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
                                  f"  mend: submit the records as the run wrote them") from None
    if max(days) > manifest.created:
        raise SubmissionError(f"{where}: created: {manifest.created} is before the last of its episodes was finished "
                              f"({max(days)})\n  mend: submit it anew; vlabench submit dates it")


def check_numbers(path: Path, content: bytes) -> None:
    """Raises SubmissionError for NaN and infinities, which JSON has not but its readers take."""
    if b"NaN" in content or b"Infinity" in content:
        for number, line in enumerate(content.split(b"\n") if path.suffix == ".jsonl" else [content], 1):
            try:
                from_json(line, allow_inf_nan=False)
            except ValueError as error:
                raise SubmissionError(f"{shown(path)}, line {number}: {error}") from None


def _told(claim: Claim | None) -> str:
    return f"{claim.successes} of {claim.episodes}, {claim.rate:g}" if claim else "none"
