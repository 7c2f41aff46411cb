"""Records as data frames, one row an episode: what tables are made of, and `vlabench.load_results` for notebooks."""

from __future__ import annotations

import os
import sys
import warnings
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vlabench import cards
from vlabench.records.read import Origin, PolicyOnAssets, acted, asked, each_file, origin_of
from vlabench.types import EpisodeRecord, Status, Success

if TYPE_CHECKING:
    import pandas

EPISODE = ["task", "index", "seed"]
"""The columns that say which start state; all conditions and policies share them."""
ALIKE = ("policy", "assets", "task", "condition", "instruction", "phase", "error", "policy_digest", "condition_digest")
"""Columns of words that many rows share, which are kept once."""
NOT_OF_ERRORS = ("success_once", "success_at_end", "acted")
INTEGERS = ("index", "seed", "steps")
TABLES = ("policy", "assets", "task", "condition", *INTEGERS, "status", *NOT_OF_ERRORS)
"""What tables and plots ask of a record: a twentieth of its memory, which is most of the time reading takes."""
NESTED = ("realised", "milestones", "changed", "frame", "versions")
ORDER = (
    "policy", "assets", "task_set", "task", "condition", "index", "seed", "status", "success", "success_once",
    "success_at_end", "steps", "seconds", "instruction", "acted", "changed_first", "state", "phase", "error", "message",
    "finished", "policy_digest", "condition_digest",
)  # fmt: skip
"""The columns that every frame of `load_results` has."""


@dataclass(frozen=True)
class Loaded:
    """The episodes of each owner, what was left out, one sentence each, and where they come from.

    records: the columns TABLES as `load_results` has them, but for words, which are categories.
    """

    records: Mapping[PolicyOnAssets, pandas.DataFrame]
    notes: tuple[str, ...]
    origins: Mapping[PolicyOnAssets, Origin] = field(default_factory=dict)


def load_records(
    places: Sequence[Path],
    conditions: Mapping[str, str] | None = None,
    tasks: Sequence[str] = (),
    policies: Sequence[str] = (),
    assets: str | None = None,
    milestones: bool = False,
) -> Loaded:
    """All records of one version of each policy below `places`. The arguments, and what it raises: `each_file`.

    milestones: with their columns, too, as `load_results` has them.
    """
    import pandas

    columns = _Columns(TABLES, ("milestones",) if milestones else ())
    notes, origins = each_file(columns.add, places, conditions, tasks, policies, assets)
    frame = columns.frame()
    frame = pandas.concat([frame, columns.nested(frame.index)], axis="columns") if milestones else frame
    found = dict(iter(frame.groupby(["policy", "assets"], sort=False, observed=True)))
    return Loaded({owner: found.get(owner, frame[:0]) for owner in origins}, tuple(notes), origins)


def loaded_of(records: Sequence[EpisodeRecord], folder: Path) -> Loaded:
    """One or more records of one policy on one pack that are at hand, and lie in `folder`.

    Raises ValueError for others: they share no table.
    """
    owner, origin = origin_of(records, folder)
    columns = _Columns(TABLES)
    columns.add(owner, records)
    return Loaded({owner: columns.frame()}, (), {owner: origin})


def successes(episodes: pandas.DataFrame, counts: Success | None) -> pandas.Series:
    """Which episodes are successes (boolean, NA for errors); counts: by what, as in `types.won`."""
    if counts is None:
        return (episodes.status == "success").astype("boolean").mask(episodes.status == "error")
    return episodes[f"success_{'once' if counts == 'once' else 'at_end'}"]


def reached(episodes: pandas.DataFrame, milestone: str) -> pandas.Series:
    """Which episodes reached a milestone (boolean, NA for errors and those of simulators that have no such one)."""
    import pandas

    column = f"milestones.{milestone}"
    found = episodes[column] if column in episodes else pandas.Series(pandas.NA, episodes.index, dtype="boolean")
    return found.astype("boolean").mask(episodes.status == "error")


def episodes_of(rows: pandas.DataFrame) -> Any:
    """(task, index, seed) of each row, an array of objects [N]."""
    import numpy as np

    return np.fromiter(zip(*(rows[name].tolist() for name in EPISODE), strict=True), dtype=object, count=len(rows))


def load_results(
    folder: str | os.PathLike[str],
    *more: str | os.PathLike[str],
    suite: str | None = None,
    policies: str | Sequence[str] = (),
    assets: str | None = None,
) -> pandas.DataFrame:
    """The episodes below one or several results folders, one row each: those that `vlabench table` makes tables of.

    folder, more: folders that runs wrote to, or a policy's in one. suite: only its conditions and tasks, as its card
    has them now; its rule says what counts as success. policies: names or patterns. assets: only records on this pack.
    Records that no longer fit (another version of the policy, a condition that means something else now) are left out,
    with a warning for each reason.

    Episodes that ended in an error are rows, too, with status `error` and nothing (NA) in the columns about success, so
    that a mean leaves them out, as tables do. In tables every task has the same weight: a rate is the mean over tasks
    of the mean over a task's episodes.

    | column | dtype | |
    |---|---|---|
    | policy, assets, task_set, task | text | whose records, on which pack; `libero_goal`, `libero_goal/3` |
    | condition | text | `clean` is the control; its twins have the same task, index and seed |
    | index, seed | int64 | which start state (0 …), and the suite's seed |
    | status | category | `success` by the simulator's rule, `failure`, `error` |
    | success | boolean | by the suite's rule, without `suite` by the simulator's; NA for errors |
    | success_once, success_at_end | boolean | the goal held at some step, after the last one; NA for errors |
    | steps, seconds | int64, float64 | control steps; seconds of wall-clock time |
    | instruction, state | text | what the policy was told; the digest of the final state |
    | acted | boolean | whether the condition changed anything in this episode; NA for errors |
    | changed_first | object | tuple of the channels that differed at the very first look or step |
    | phase, error, message | text | of an error: where it happened, its class, its words; else empty |
    | finished | datetime64, UTC | NaT where it is not on record |
    | policy_digest, condition_digest | text | the versions of both |
    | realised.… | float64 or object | parameters drawn, `realised.rotation.degrees`; lists stay lists |
    | milestones.… | boolean | whether each was reached, of simulators that have them |
    | changed.… | float64 | channel → share of looks or steps that differed, 0 … 1 |
    | frame.…, versions.… | text | camera → digest of the first unperturbed picture; package → version |

    The last five are there where any record has them (NaN or NA elsewhere), named as `pandas.json_normalize` names
    them. Text is what pandas makes of strings (`str`, before pandas 3 `object`). Rows are in the order of policies,
    packs, task sets, conditions. A suite of which nothing was played makes an empty frame.

    Raises StoreError for a folder without records or that cannot be read, UnknownName for a pattern that fits no policy
    and for an unknown suite, OptionError for a policy that is in two folders.
    """
    return _rows([Path(each) for each in (folder, *more)], suite, [policies] if isinstance(policies, str) else policies,
                 assets)


def _rows(places: Sequence[Path], suite: str | None, policies: Sequence[str], assets: str | None) -> pandas.DataFrame:
    """The frame of `load_results`."""
    import pandas

    card = cards.load_suite(suite) if suite else None
    columns = _Columns([name for name in ORDER if name not in ("task_set", "success")], NESTED)
    notes, _ = each_file(columns.add, places, *asked(card), policies, assets)
    for note in notes:
        warnings.warn(note, stacklevel=3)  # where `load_results` is called
    frame = columns.frame()
    frame["success"] = successes(frame, card.success if card else None)
    frame["finished"] = pandas.to_datetime(frame.finished, format="ISO8601", utc=True, errors="coerce")
    frame = frame.astype(dict.fromkeys([*ALIKE, "task_set"], "str") | {"seconds": "float64"})
    return pandas.concat([frame[[*ORDER]], columns.nested(frame.index)], axis="columns")


class _Numbers(dict[str, int]):
    """Word → its number, by when it was first seen."""

    def __missing__(self, word: str) -> int:
        return self.setdefault(word, len(self))


class _Columns:
    """Takes records file by file, and keeps no more of them than the frame will have.

    names: of columns, all but `task_set` and `success`, which follow from others. nested: fields of which every entry
    gets a column of its own.
    """

    def __init__(self, names: Sequence[str], nested: Sequence[str] = ()) -> None:
        self._words = {name: (_Numbers(), array("i")) for name in names if name in ALIKE}
        self._plain: dict[str, list[Any]] = {name: [] for name in names if name not in ALIKE}
        self._nested: dict[str, dict[str, dict[int, Any]]] = {field: {} for field in nested}  # column → row → value

    def add(self, owner: PolicyOnAssets, records: Sequence[EpisodeRecord]) -> None:
        """Put records below the others."""
        first = len(self._plain["status"])
        for name, (numbers, column) in self._words.items():
            if name in PolicyOnAssets._fields:
                column.extend([numbers[getattr(owner, name)]] * len(records))
            else:
                column.extend(map(numbers.__getitem__, map(attrgetter(name), records)))
        for name, values in self._plain.items():
            if name == "acted":
                values += [acted(record.changed) for record in records]
            else:
                values += map(attrgetter(name), records)
        for part, found in self._nested.items():
            for row, entries in enumerate(map(attrgetter(part), records), first):
                for name, value in _flat(entries, part):
                    found.setdefault(name, {})[row] = sys.intern(value) if isinstance(value, str) else value

    def frame(self) -> pandas.DataFrame:
        """The columns `names` and `task_set`; words that many rows share are categories."""
        import numpy as np
        import pandas

        whole: dict[str, Any] = dict(self._plain)
        for name, (numbers, column) in self._words.items():
            whole[name] = _categories(np.array(column, dtype=np.intp), [*numbers])
            if name == "task":
                sets = _Numbers()
                of_task = np.array([sets[task.rpartition("/")[0]] for task in numbers], dtype=np.intp)
                whole["task_set"] = _categories(of_task[column], [*sets])
        status = whole["status"] = pandas.Categorical(whole["status"], get_args(Status))
        for name in whole.keys() & NOT_OF_ERRORS:
            whole[name] = pandas.arrays.BooleanArray(np.array(whole[name], dtype=np.bool_), status == "error")
        for name in INTEGERS:
            whole[name] = _integers(whole[name])
        return pandas.DataFrame(whole)

    def nested(self, index: pandas.Index) -> pandas.DataFrame:
        """The columns of entries, for the same rows."""
        import pandas

        return pandas.DataFrame({name: _column(found[name], len(index)) for found in self._nested.values()
                                 for name in sorted(found)}, index=index)


def _categories(codes: Any, words: Sequence[str]) -> Any:
    """A column of words, by their numbers; as objects, so that those of two rows are the same."""
    import pandas

    return pandas.Categorical.from_codes(codes, pandas.Index(words, dtype=object))


def _integers(values: Sequence[int]) -> Any:
    """A column of whole numbers, whatever their size."""
    import numpy as np

    try:
        return np.array(values, dtype=np.int64)
    except OverflowError:
        return np.array(values, dtype=object)


def _flat(values: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """`{"rotation": {"degrees": 3}}` as `realised.rotation.degrees`, 3."""
    for key, value in values.items():
        name = sys.intern(f"{above}.{key}")
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, value


def _column(found: Mapping[int, Any], rows: int) -> Any:
    """Values of some rows: truth values, numbers, or whatever they are."""
    import numpy as np
    import pandas

    kinds = {type(value) for value in found.values() if value is not None}
    filled = np.full(rows, None, dtype=object)
    filled[[*found]] = np.fromiter(found.values(), dtype=object, count=len(found))
    if kinds == {bool}:
        return pandas.array(filled, dtype="boolean")
    return filled.astype(np.float64) if kinds <= {int, float} else filled
