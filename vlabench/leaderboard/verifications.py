"""Records of verifications, beside the submissions: what someone saw who played an entry's episodes again.

`verifications/<entry>/<when>-<what>.json` in a leaderboard's folder. They are read as distrustfully as submissions:
plain files of limited size, a strict form, of an entry that is here, and of the very manifest that it has.
"""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from vlabench.errors import SubmissionError
from vlabench.leaderboard.manifest import MOST, Count, Form, Name, Sha256, Text
from vlabench.leaderboard.submission import bytes_of
from vlabench.util.messages import one_line_each, shown
from vlabench.util.parsing import Unreadable, strict_json
from vlabench.util.text import check_told_apart, counted, why_no_name

VERIFICATIONS = "verifications"
Shown = Literal["replayed", "reproduced"]
Class = Literal["replayed", "reproduced", "reported"]
CLASSES: tuple[Class, ...] = get_args(Class)
"""What is known of an entry, the best first: a sample was played again equal to the bit; a rerun elsewhere came out
within a band; its files are whole, and nobody reran it."""
LEAST = 20
"""Episodes of a sample that makes an entry `replayed`, or all that there are: fewer show little."""
SHARE = 0.2
"""Of an entry's episodes, what a rerun must hold at least to make it `reproduced`."""
BAND = 0.05
"""Within which the interval of a rerun's difference must lie; a fraction."""
MAX_SIZE, MAX_FILES = 2**14, 100
DIGITS = 6
LEEWAY = datetime.timedelta(minutes=10)
"""By which the clock of another machine may be fast."""
FIX = "fix: remove the file; vlabench verify … --record writes another"


class Rerun(Form):
    """The paired difference of success, rerun − submitted, on these tasks, with its 95 % interval; fractions."""

    value: float = Field(ge=-1, le=1)
    low: float = Field(ge=-1, le=1)
    high: float = Field(ge=-1, le=1)

    @model_validator(mode="after")
    def _lies_in_its_interval(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"a difference of {self.value:g} does not lie within {self.low:g} to {self.high:g}")
        return self


class VerificationForm(Form):
    """What a verification showed. manifest_sha256: of the entry's manifest then; seed: draws the same sample again.

    sample: the episodes played again, of `total`; agreed: those that came out equal to the bit. by: who played them;
    versions: of what; revision: of vlabench's code. share, band, rerun: for `reproduced` only.
    """

    format: Literal[1] = 1
    what: Shown
    name: Name
    manifest_sha256: Sha256
    when: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00$")
    by: Text
    vlabench: Text
    revision: Text
    versions: dict[Name, Text] = Field(min_length=1, max_length=100)
    seed: int = Field(ge=0, lt=2**64)
    sample: Count
    total: Count
    agreed: int = Field(ge=0, le=MOST)
    share: float | None = None
    band: float | None = None
    rerun: Rerun | None = None

    @model_validator(mode="after")
    def _shows_what_it_says(self) -> Self:
        when = datetime.datetime.fromisoformat(self.when)  # raises ValueError for a 13th month
        if when > datetime.datetime.now(datetime.timezone.utc) + LEEWAY:
            raise ValueError(f"when: {self.when} is in the future")
        if self.sample > self.total or self.agreed > self.sample:
            raise ValueError(f"{self.agreed} agreed of {self.sample} of {self.total} episodes cannot be")
        if self.what == "replayed":
            problem = why_not_replayed(self.sample, self.total, self.agreed)
            if (self.share, self.band, self.rerun) != (None, None, None):
                problem = "share, band and rerun are of what was reproduced"
        else:
            interval = (self.rerun.low, self.rerun.high) if self.rerun else None
            problem = why_not_reproduced(self.sample, self.total, interval)
            if self.agreed == self.sample:
                problem = f"all {counted(self.sample, 'episode')} came out equal to the bit: it is replayed"
            share = round(self.sample / self.total, DIGITS)
            if (self.share, self.band) != (share, BAND):
                problem = f"share and band are {self.share} and {self.band}, where {share} and {BAND} belong"
        if problem:
            raise ValueError(f"it does not make the entry {self.what}: {problem}")
        return self


class Verified(NamedTuple):
    """A verification and its file, relative to the leaderboard's folder."""

    form: VerificationForm
    file: str


class Known(NamedTuple):
    """What a verification must be of: the SHA-256 of an entry's manifest, and how many episodes it has."""

    digest: str
    episodes: int


def why_not_replayed(sample: int, total: int, agreed: int) -> str:
    """Empty if so many episodes make an entry `replayed`."""
    if agreed < sample:
        return f"{sample - agreed} of {counted(sample, 'episode')} did not come out equal to the bit"
    return f"a sample of {sample} shows little: {LEAST} are needed" if sample < min(LEAST, total) else ""


def why_not_reproduced(sample: int, total: int, interval: tuple[float, float] | None) -> str:
    """Empty if a rerun of so many episodes, with this interval of its difference, makes an entry `reproduced`."""
    if sample / total < SHARE:
        return f"{sample} of {counted(total, 'episode')} were played again, {100 * SHARE:.0f} % are needed"
    low, high = interval or (float("nan"), float("nan"))
    if not (-BAND <= low and high <= BAND):
        return (f"the interval of the rerun's difference, {100 * low:+.1f} to {100 * high:+.1f} points, does not lie "
                f"within ±{100 * BAND:.0f}")
    return ""


def class_of(verified: Sequence[Verified]) -> Class:
    """The best class that an entry's verifications make."""
    shown_by = {each.form.what for each in verified}
    return next((each for each in CLASSES if each in shown_by), "reported")


def read_all(board: Path, entries: Mapping[str, Known],
             names: Collection[str]) -> tuple[dict[str, list[Verified]], list[str]]:
    """Entry → its verifications, the oldest first, and what is wrong with any of them.

    names: of all submissions, also of those that could not be read, whose verifications are left alone.
    """
    found: dict[str, list[Verified]] = {}
    problems: list[str] = []
    for folder in _inside(board / VERIFICATIONS, board, problems):
        if folder.name not in names:
            problems.append(f"{shown(folder)}: there is no submission of this name\n  fix: remove it")
        elif folder.name in entries:
            for path in _inside(folder, board, problems):
                try:
                    form = _read(path, entries[folder.name])
                except SubmissionError as error:
                    problems.append(str(error))
                else:
                    found.setdefault(folder.name, []).append(Verified(form, path.relative_to(board).as_posix()))
    for verified in found.values():
        verified.sort(key=lambda each: (each.form.when, each.file))
    return found, problems


def _inside(folder: Path, board: Path, problems: list[str]) -> Iterator[Path]:
    """What lies in a folder, by name; nothing, and a problem more, if it is no plain folder or holds too much."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            problems.append(f"{shown(folder)}: is a link or a file, where a folder of verifications belongs\n"
                            f"  fix: remove it")
            return
        inside = sorted(os.listdir(folder))
        check_told_apart(inside)
    except FileNotFoundError:
        return
    except OSError as error:
        problems.append(f"{shown(folder)}: cannot be read: {error.strerror}")
        return
    except ValueError as error:
        problems.append(f"{shown(folder)}: {error}\n  fix: rename one of them")
        return
    if folder != board / VERIFICATIONS and len(inside) > MAX_FILES:
        problems.append(f"{shown(folder)}: {len(inside)} files; an entry has at most {MAX_FILES} verifications\n"
                        f"  fix: remove some of them")
        return
    yield from (folder / name for name in inside)


def _read(path: Path, entry: Known) -> VerificationForm:
    if path.suffix != ".json" or why_no_name(path.name):
        raise SubmissionError(f"{shown(path)}: does not belong there: verifications are files NAME.json\n"
                              f"  fix: remove it")
    try:
        content = bytes_of(path, MAX_SIZE)
        strict_json(content)
        form = VerificationForm.model_validate_json(content)
    except ValidationError as error:
        raise SubmissionError(f"{one_line_each(error, VerificationForm, shown(path))}\n  {FIX}") from None
    except (OSError, Unreadable) as error:
        raise SubmissionError(f"{shown(path)}: cannot be read: {error}\n  {FIX}") from None
    if form.name != path.parent.name:
        raise SubmissionError(f"{shown(path)}: name: {form.name!r} lies in the folder of another entry\n  {FIX}")
    if form.manifest_sha256 != entry.digest:
        raise SubmissionError(f"{shown(path)}: manifest_sha256: {form.manifest_sha256[:8]}… is of another manifest "
                              f"than the entry has here ({entry.digest[:8]}…): it was submitted anew since\n  {FIX}")
    if form.total != entry.episodes:
        raise SubmissionError(f"{shown(path)}: total: {form.total} episodes, where the entry has {entry.episodes}\n"
                              f"  {FIX}")
    return form
