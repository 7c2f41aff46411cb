"""`vlabench.load_results`: the episodes of results folders as a data frame, for notebooks."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vlabench import cards
from vlabench.records.read import PolicyOnAssets, acted, asked, each_file
from vlabench.types import EpisodeRecord, Status, Success, won

if TYPE_CHECKING:
    import pandas

ALIKE = ("task", "condition", "instruction", "phase", "error", "policy_digest", "condition_digest")
"""Fields with words that many records share, which are kept once."""
OWN = ("index", "seed", "status", "steps", "seconds", "message", "changed_first", "state", "finished")
NESTED = ("realised", "milestones", "changed", "frame", "versions")
ORDER = (
    "policy", "assets", "task_set", "task", "condition", "index", "seed", "status", "success", "success_once",
    "success_at_end", "steps", "seconds", "instruction", "acted", "changed_first", "state", "phase", "error", "message",
    "finished", "policy_digest", "condition_digest",
)  # fmt: skip
"""The columns that every frame has."""


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
    | policy, assets | text | whose records, on which asset pack |
    | task_set, task | text | `libero_goal`, `libero_goal/3` |
    | condition | text | `clean` is the control; its twins have the same task, index and seed |
    | index, seed | int64 | which start state (0 …), and the suite's seed |
    | status | category | `success` by the simulator's rule, `failure`, `error` |
    | success | boolean | by the suite's rule, without `suite` by the simulator's; NA for errors |
    | success_once, success_at_end | boolean | the goal held at some step, after the last one; NA for errors |
    | steps | int64 | control steps |
    | seconds | float64 | of wall-clock time |
    | instruction | text | what the policy was told |
    | acted | boolean | whether the condition changed anything in this episode; NA for errors |
    | changed_first | object | tuple of the channels that differed at the very first look or step |
    | state | text | digest of the final state |
    | phase, error, message | text | of an error: where it happened, its class, its words; else empty |
    | finished | datetime64, UTC | NaT where it is not on record |
    | policy_digest, condition_digest | text | the versions of both |
    | realised.… | float64 or object | parameters drawn, `realised.rotation.degrees`; lists stay lists |
    | milestones.… | boolean | whether each was reached, of simulators that have them |
    | changed.… | float64 | channel → share of looks or steps that differed, 0 … 1 |
    | frame.… | text | camera → digest of the first unperturbed picture |
    | versions.… | text | package → version |

    The last five are there where any record has them (NaN or NA elsewhere), named as `pandas.json_normalize` names
    them. Text is what pandas makes of strings (`str`, before pandas 3 `object`). Rows are in the order of policies,
    packs, task sets, conditions. A suite of which nothing was played makes an empty frame.

    Raises StoreError for a folder without records or that cannot be read, UnknownName for a pattern that fits no policy
    and for an unknown suite, OptionError for a policy that is in two folders.
    """
    card = cards.load_suite(suite) if suite else None
    columns = _Columns(card.success if card else None)
    chosen = [policies] if isinstance(policies, str) else policies
    notes, _ = each_file(columns.add, [Path(each) for each in (folder, *more)], *asked(card), chosen, assets)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return columns.frame()


class _Columns:
    """Takes records file by file, and keeps no more of them than the frame will have.

    counts: the success that counts (`types.won`).
    """

    def __init__(self, counts: Success | None) -> None:
        self._counts = counts
        self._plain: dict[str, list[Any]] = {name: [] for name in ORDER}
        self._nested: dict[str, dict[str, dict[int, Any]]] = {field: {} for field in NESTED}  # column → row → value

    def add(self, owner: PolicyOnAssets, records: Sequence[EpisodeRecord]) -> None:
        """Put records below the others."""
        plain, first = self._plain, len(self._plain["policy"])
        for name in OWN:
            plain[name] += map(attrgetter(name), records)
        for name in ALIKE:
            plain[name] += map(sys.intern, map(attrgetter(name), records))
        plain["policy"] += [owner.policy] * len(records)
        plain["assets"] += [owner.assets] * len(records)
        plain["task_set"] += [sys.intern(record.task.rpartition("/")[0]) for record in records]
        ended = [record.status != "error" for record in records]
        for name, values in (("success", [won(record, self._counts) for record in records]),
                             ("success_once", [record.success_once for record in records]),
                             ("success_at_end", [record.success_at_end for record in records]),
                             ("acted", [acted(record.changed) for record in records])):  # fmt: skip
            plain[name] += [value if known else None for value, known in zip(values, ended, strict=True)]
        for field, found in self._nested.items():
            for row, values in enumerate(map(attrgetter(field), records), first):
                for name, value in _flat(values, field):
                    found.setdefault(name, {})[row] = sys.intern(value) if isinstance(value, str) else value

    def frame(self) -> pandas.DataFrame:
        """All there is."""
        import pandas

        plain = self._plain
        typed: dict[str, Any] = {
            name: pandas.array(plain[name], dtype="boolean") for name in ("success", "success_once", "success_at_end",
                                                                          "acted")}
        typed |= {name: pandas.array(plain[name], dtype="int64") for name in ("index", "steps")}
        typed["seconds"] = pandas.array(plain["seconds"], dtype="float64")
        typed["status"] = pandas.Categorical(plain["status"], get_args(Status))
        typed["finished"] = pandas.to_datetime(plain["finished"], format="ISO8601", utc=True, errors="coerce")
        whole = plain | typed
        for found in self._nested.values():
            whole |= {name: _column(found[name], len(plain["policy"])) for name in sorted(found)}
        return pandas.DataFrame(whole)


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
