"""The layout that sums a run up: each task set, or task, and all together, under every condition and beside clean.

The number of episodes stands beside each rate. Unlike in other layouts a total is over whatever there is: a run may
have been interrupted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vlabench.cards.conditions import CLEAN
from vlabench.cards.lineage import seen
from vlabench.cards.policy import PolicyCard
from vlabench.records.frame import loaded_of
from vlabench.reports.tables.outcomes import Beside, Episode, Leaf, Outcomes, Side, beside
from vlabench.reports.tables.paired import Cell, drop, knowing, rate, rules, sides
from vlabench.reports.tables.sheet import DIFFERENCES, MEASURED, Head, Line, Sheet, acted, question, trained
from vlabench.reports.tables.suite import corrected
from vlabench.types import EpisodeRecord, Success

TOTAL = "total"
WIDE = 4
"""Up to this many conditions stand side by side as columns; more are lines."""


def of_run(records: Sequence[EpisodeRecord], folder: Path, suite: str, policy: PolicyCard,
           counts: Success | None = None, by_task: bool = False, also: Success | None = None) -> Sheet:
    """Of one or more records that a run of `policy` has in `folder`. counts: the success that counts (`types.won`),
    also: the one that is printed beside."""
    loaded = loaded_of(records, folder)
    ((owner, origin),) = loaded.origins.items()
    cut, notes = sides(loaded, counts)
    known = seen(policy)  # whatever its card is called and wherever it lies
    cut = [knowing(side, origin, known) for side in cut]
    other = beside(also, sides(loaded, also)[0]) if also else None
    return summary_sheet(suite, cut, [*rules(counts, cut), *notes], by_task, other)


def summary_sheet(suite: str | None, cut: Sequence[Side], notes: Sequence[str], by_task: bool = False,
                  also: Beside | None = None) -> Sheet:
    """Rates under all conditions, and paired differences to clean. by_task: for each task instead of each task set.

    also: outcomes whose rates stand below.
    """
    other = {owner: _by_task(side) if by_task else side for owner, side in also.sides.items()} if also else {}
    cut = [_by_task(side) for side in cut] if by_task else cut
    conditions = list(dict.fromkeys(name for side in cut for name, _ in _leaves(side)))
    conditions.sort(key=lambda name: name != CLEAN)
    policies = list(dict.fromkeys(side.owner.policy for side in cut))
    several, wide = len(policies) > 1, len(conditions) <= WIDE
    lines = [line for side in cut for part, task_sets in _parts(side).items()
             for line in [*_lines(side, part, task_sets, conditions, several, wide),
                          *(_lines(other[side.owner], part, task_sets, conditions, several, wide, also.name)
                            if also and side.owner in other else [])]]
    others = [f"− {CLEAN}"] if CLEAN in conditions else []
    if wide:
        others = [f"{name} {minus}" for minus in others for name in conditions if name != CLEAN]
    part = "task" if by_task else "task set"
    return Sheet(
        "Success rate (%)" + ("" if several else f" of {policies[0]}") + (f" on {suite}" if suite else ""),
        [Head(name) for name in [*(conditions if wide else ["success"]), *others]], lines,
        [*notes, *([also.note] if also else []), question(cut[0].tasks_as, lines), *([DIFFERENCES] if others else []),
         *trained(cut, lines), *acted(lines)],
        naming=part if wide else "condition", grouping="policy" if wide else f"policy, {part}" if several else part,
        counted=True)


def _lines(side: Side, part: str, task_sets: Sequence[str], conditions: Sequence[str], several: bool,
           wide: bool, rule: str = "") -> Iterator[Line]:
    """A part's: one with the conditions side by side, or one for each. rule: of another success, rates alone."""
    policy, assets = side.owner
    rates = {name: _rate(side, [(name, each) for each in task_sets]) for name in conditions}
    differences = corrected({name: cell for name in conditions if (cell := drop(side, name, task_sets)) and not rule})
    if wide:
        drops = [differences.get(name, "") for name in conditions if name != CLEAN and CLEAN in conditions]
        name = f"{part}, {rule}" if rule else part
        yield Line(name, MEASURED, assets, [*rates.values(), *drops], policy if several else "", False, part == TOTAL)
    else:
        for name in conditions:
            cells = [rates[name], *([differences.get(name, "")] if CLEAN in conditions else [])]
            group = ", ".join(filter(None, [policy if several else "", part, rule]))
            yield Line(name, MEASURED, assets, cells, group, False)


def _parts(side: Side) -> dict[str, list[str]]:
    """Name → the task sets behind it: each, and all."""
    found = {name: [name] for name in dict.fromkeys(task_set for _, task_set in _leaves(side))}
    return found | ({TOTAL: [*found]} if len(found) > 1 else {})


def _rate(side: Side, leaves: Sequence[Leaf]) -> Cell | str:
    """Of the leaves with outcomes; nothing where nothing was played."""
    found = rate(side, [leaf for leaf in leaves if side.outcomes.get(leaf)])
    errors = sum(side.errors.get(leaf, 0) for leaf in leaves)
    if found is None:
        return Cell(math.nan, math.nan, math.nan, 0, errors) if errors else ""
    return replace(found, errors=errors)


def _leaves(side: Side) -> list[Leaf]:
    """Those with episodes, be they errors."""
    return [*side.outcomes, *side.errors]


def _by_task(side: Side) -> Side:
    """With tasks as its task sets."""
    outcomes: dict[Leaf, Outcomes] = {}
    for (condition, _), found in side.outcomes.items():
        for key, good in found.items():
            outcomes.setdefault((condition, key[0]), {})[key] = good
    idle: dict[Leaf, set[Episode]] = {}
    for (condition, _), keys in side.idle.items():
        for key in keys:
            idle.setdefault((condition, key[0]), set()).add(key)
    errors = Counter((condition, key[0]) for (condition, _), keys in side.failed.items() for key in sorted(keys))
    return replace(side, outcomes=outcomes, idle=idle, errors=errors)
