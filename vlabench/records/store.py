"""Appends and reads episode records: one JSON line an episode in <root>/<policy>/<assets>/<task_set>/<condition>.jsonl.

A line is written, flushed and fsynced before the next episode counts as played, so a kill loses at most what was in
flight. Half a line at the end, as a kill leaves it, is cut before the next append. Of several lines with one identity
the last one holds. One process at a time writes below <root>/<policy>/<assets> (a lock the kernel lets go of when the
process dies); any number may read. Beside the task sets, `runs.jsonl` has one line per invocation that wrote here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vlabench.errors import StoreError
from vlabench.types import EpisodeRecord, Identity
from vlabench.util import parsing
from vlabench.util.files import LOCK, InUse, locked
from vlabench.util.messages import shown
from vlabench.util.parsing import json_line
from vlabench.util.text import counted, short, why_no_name

FORMAT = 1
"""Of a line; raised when the fields of EpisodeRecord change their names or meaning."""
WRITING = (
    "when writing; what was recorded before stays readable\n"
    "  fix: make room or set the permissions there, or choose another folder with --results DIR"
)
READING = "when reading\n  fix: set the permissions there, or choose another folder with --results DIR"
RUNS = "runs.jsonl"
NAMED = 3
"""Conditions that a sentence names."""
_RECORD = TypeAdapter(EpisodeRecord).validator
_FIELDS = {f.name for f in dataclasses.fields(EpisodeRecord)}
_NEEDED = _FIELDS - {f.name for f in dataclasses.fields(EpisodeRecord)
                     if f.default is not f.default_factory}  # both are dataclasses.MISSING otherwise
MAX_FILE = 2**30
"""Bytes of a file beside records, at most: 500 episodes take half a million."""


@dataclass
class Reading:
    """The records that hold, by identity, and why other lines were left out (reason → number of lines; 0 for a file
    without any).

    outdated: condition → lines of episodes under that name which were something else, by their condition's digest.
    """

    records: dict[Identity, EpisodeRecord] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    outdated: Counter[str] = field(default_factory=Counter)

    @property
    def held(self) -> frozenset[Identity]:
        """The identities that need not be played again: all but errors, which every run retries."""
        return frozenset(identity for identity, record in self.records.items() if record.status != "error")

    def warnings(self) -> list[str]:
        """One sentence per reason, for people."""
        reasons = sorted(self.ignored.items())
        if self.outdated:
            what = f"{'condition' if len(self.outdated) == 1 else 'conditions'} {listed(self.outdated)}"
            why = f"{what} had other parameters then, or the simulator an earlier protocol"
            reasons.insert(0, (why, self.outdated.total()))
        return [f"{counted(n, 'record')} left out: {why}" if n else why for why, n in reasons]


@dataclass(frozen=True)
class Store:
    """The records of one policy on one asset pack below a results folder, which need not exist yet."""

    root: Path
    policy: str
    assets: str

    @property
    def folder(self) -> Path:
        """<root>/<policy>/<assets>"""
        return self.root / _safe(self.policy, "policy") / _safe(self.assets, "asset pack")

    def path(self, task_set: str, condition: str) -> Path:
        """The file of a condition on a task set. Raises StoreError for a name that is no file name."""
        return self.folder / _safe(task_set, "task set") / (_safe(condition, "condition") + ".jsonl")

    def recording(self, identity: Identity) -> Path:
        """The file of an episode's actions, if they were kept."""
        return self.folder / recording_of(identity)

    def read(
        self, task_sets: Iterable[str], conditions: Mapping[str, str], policy_digest: str | None = None
    ) -> Reading:
        """The records of these task sets and conditions (name → digest) that fit the digests.

        With `policy_digest` None, the policy's digest is not looked at. Files that do not exist hold no records.
        Raises StoreError if a file cannot be read or a newer vlabench wrote it.
        """
        reading = Reading()
        for task_set in task_sets:
            for condition, digest in conditions.items():
                for record in _records(self.path(task_set, condition), reading.ignored):
                    if record.condition != condition:
                        reading.ignored[f"filed under condition {condition!r} but played under another"] += 1
                    elif record.condition_digest != digest:
                        reading.outdated[condition] += 1
                    elif policy_digest not in (None, record.policy_digest):
                        reading.ignored[f"policy {record.policy!r} had another card, other weights or other code "
                                        "then"] += 1
                    else:
                        reading.records[record.identity] = record
        return reading

    @contextlib.contextmanager
    def writer(self) -> Iterator[Writer]:
        """The one writer of this folder. Raises StoreError if another process is writing, or nothing can be written."""
        with contextlib.ExitStack() as stack:
            try:
                with explained(self.folder / LOCK, WRITING):
                    stack.enter_context(locked(self.folder))
            except InUse as owner:
                raise StoreError(
                    f"{shown(self.folder)}: {owner} is writing here\n"
                    f"  fix: wait until it ends, or give this run a folder of its own with --results DIR"
                ) from None
            yield Writer(self)


class Writer:
    """Appends lines; made by `Store.writer`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mended: set[Path] = set()

    @property
    def folder(self) -> Path:
        """Of the task sets."""
        return self._store.folder

    def append(self, record: EpisodeRecord) -> None:
        """Put a record on the disk, durably. Raises StoreError; what was recorded before stays whole."""
        self.extend([record])

    def extend(self, records: Iterable[EpisodeRecord]) -> None:
        """Put records on the disk, durably; those of a file all together or not at all. Raises StoreError."""
        files: dict[Path, list[Mapping[str, Any]]] = {}
        for record in records:
            path = self._store.path(record.task.rpartition("/")[0], record.condition)
            files.setdefault(path, []).append({"format": FORMAT, **dataclasses.asdict(record)})
        for path, contents in files.items():
            self._append(path, contents)

    def note_run(self, facts: Mapping[str, Any]) -> None:
        """Add a line about this invocation to `runs.jsonl`. Raises StoreError."""
        self._append(self.folder / RUNS, [{"format": FORMAT, **facts}])

    def _append(self, path: Path, contents: Iterable[Mapping[str, Any]]) -> None:
        lines = "".join(json.dumps(content, default=_plain) + "\n" for content in contents).encode()
        with explained(path, WRITING):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not path.exists()
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                if path not in self._mended:
                    _mend_tail(handle)
                self._mended.discard(path)
                _write_whole(handle, lines)
                self._mended.add(path)
            finally:
                os.close(handle)
            if fresh:
                _sync_folder(path.parent)


def recording_of(identity: Identity) -> Path:
    """<task set>/<condition>/<task number>-<index>-<seed>.npz, in the folder of the task sets."""
    task, condition, index, seed = identity
    task_set, _, number = task.rpartition("/")
    return Path(task_set, condition, f"{number}-{index}-{seed}.npz")


def listed(names: Iterable[str]) -> str:
    """The first NAMED of some names, quoted, and how many more there are."""
    quoted = [repr(name) for name in names]
    return ", ".join(quoted[:NAMED]) + (f" and {len(quoted) - NAMED} more" if len(quoted) > NAMED else "")


def _write_whole(handle: int, lines: bytes) -> None:
    """All of `lines` and then fsync, or nothing: what a full disk took of it is cut off again."""
    before = os.fstat(handle).st_size
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, before)
        raise


def _mend_tail(handle: int) -> None:
    """Cut half a line at the end. A last line that is whole but for its newline is kept and gets one."""
    size = os.fstat(handle).st_size
    tail = b""
    while len(tail) < size and b"\n" not in tail:
        start = max(0, size - len(tail) - 65536)
        tail = os.pread(handle, size - len(tail) - start, start) + tail
    tail = tail.rpartition(b"\n")[2]
    if not tail:
        return
    if json_line(tail) is None:
        os.ftruncate(handle, size - len(tail))
    else:
        os.write(handle, b"\n")


def _records(path: Path, ignored: Counter[str]) -> Iterator[EpisodeRecord]:
    """The records of a file in order; lines that are none are counted in `ignored`."""
    try:
        lines = content_of(path).split(b"\n")
    except FileNotFoundError:
        return
    if not any(line.strip() for line in lines):
        ignored[f"no episode in {shown(path)}, which is empty"] += 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        content = json_line(line)
        last = number == len(lines)
        if content is None:
            ignored[f"half a line at the end of {shown(path)}" if last else f"not a JSON line in {shown(path)}"] += 1
            continue
        written = content.pop("format", 0)
        if isinstance(written, int) and written > FORMAT:
            raise StoreError(
                f"{shown(path)}, line {number}: format {written}, written by a later vlabench; this one reads up to "
                f"format {FORMAT}\n  fix: upgrade vlabench, or choose another folder with --results DIR"
            )
        if written != FORMAT or not _NEEDED <= content.keys() <= _FIELDS:
            ignored[f"written by another version of vlabench in {shown(path)}"] += 1
            continue
        record = _record(content)
        if record is None:
            ignored[f"damaged in {shown(path)}: a field holds what it never does"] += 1
        else:
            yield record


def _record(content: dict[str, Any]) -> EpisodeRecord | None:
    try:
        found: EpisodeRecord = _RECORD.validate_python(content)
    except ValidationError:
        return None
    return found


def content_of(path: Path) -> bytes:
    """What is in a file beside records. Raises FileNotFoundError, and StoreError for one that cannot be read: also a
    pipe, which would be waited for.
    """
    with explained(path, READING):
        try:
            return parsing.content_of(path, MAX_FILE)
        except parsing.Unreadable as error:
            raise StoreError(f"{shown(path)}: {error}\n  fix: remove it from the results folder") from None


def runs_of(folder: Path) -> list[dict[str, Any]]:
    """What runs have noted in a folder of task sets, the earliest first. Raises StoreError."""
    try:
        lines = content_of(folder / RUNS).splitlines()
    except FileNotFoundError:
        return []
    return list(filter(None, map(json_line, lines)))


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as JSON has them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a record cannot hold a {type(value).__name__}")


def _safe(name: str, what: str) -> str:
    why = why_no_name(name)
    if why:
        raise StoreError(f"{what} {short(name)!r} cannot be a file name: {why}")
    return name


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable, where the file system allows it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn an OSError inside into a StoreError; `doing` is WRITING or READING, where there need not be any file."""
    try:
        yield
    except OSError as error:
        if doing is READING and isinstance(error, FileNotFoundError):
            raise
        raise StoreError(f"{shown(path)}: {error.strerror or error}, {doing}") from error
