"""The layout of a suite: every condition, with paired differences to the clean one or to another policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vlabench import stats
from vlabench.conditions import CLEAN
from vlabench.errors import UnknownName
from vlabench.tables.notes import AVERAGING, acted, common, counts, trained
from vlabench.tables.sheet import MEASURED, Head, Line, Sheet
from vlabench.tables.sides import Cell, Side, contrast, drop, outcomes_of, rate

EXTRA = ("mean of perturbed", "worst")
"""Rows of a suite's table below its conditions."""
DIFFERENCES = ("Differences pair the same episodes, with a 95 % bootstrap interval clustered by task; * marks p < "
               "0.05, exact McNemar, corrected after Holm over the conditions.")  # fmt: skip


def suite_sheet(
    suite: str | None, cut: Sequence[Side], notes: Sequence[str], by_task_set: bool, partial: bool, versus: str | None
) -> Sheet:
    """Rates and paired differences of all conditions, the mean of the perturbed ones and the worst; lines as columns.

    Differences are to the control, or to the policy `versus` under the same condition. Raises UnknownName for one that
    is not there.
    """
    if versus and versus not in {side.owner.policy for side in cut}:
        raise UnknownName("policy", versus, {side.owner.policy for side in cut}, where="--versus")
    conditions = list(dict.fromkeys(name for side in cut for name in side.conditions))
    conditions.sort(key=lambda name: name != CLEAN)
    every = common(cut) if partial else list(dict.fromkeys(name for side in cut for name in side.task_sets))
    groups = [[name] for name in every] if by_task_set and len(every) > 1 else []
    lines = []
    for side in cut:
        cells = [cell for each in [*groups, every] for cell in _summary_cells(side, conditions, each)]
        lines.append(Line(side.owner.policy, MEASURED, side.owner.assets, cells))
        rival = next((one for one in cut if one.owner == (versus, side.owner.assets)), None)
        cells = [cell for each in [*groups, every] for cell in _differences(side, conditions, each, versus, rival)]
        if any(cells):
            name = f"{side.owner.policy} − {versus or CLEAN}"
            lines.append(Line(name, MEASURED, side.owner.assets, cells, ranked=False))
    labels = [*(group[0] for group in groups), "all task sets"] if groups else [""]
    heads = [Head(name, group) for group in labels for name in [*conditions, *_beside(conditions)]]
    over = [f"Over {', '.join(every)}."]
    if any((name, each) not in side.outcomes for side in cut for name in conditions for each in every):
        over.append("–: not played on all of these task sets; --by-task-set shows each, --suite S narrows to a "
                    "suite's, --partial to those that all policies have.")
    title = f"Success rate (%) on {suite}" if suite else "Success rate (%)"
    over += [AVERAGING, *([DIFFERENCES] if any(not line.ranked for line in lines) else [])]
    over += [*trained(cut, lines), *acted(lines), *counts(cut, lines)]
    return Sheet(title, heads, lines, [*notes, *over], transposed=True)


def _summary_cells(side: Side, conditions: Sequence[str], task_sets: Sequence[str]) -> list[Cell | str | None]:
    found: list[Cell | str | None] = [rate(side, [(name, each) for each in task_sets]) for name in conditions]
    perturbed = [name for name, cell in zip(conditions, found, strict=True) if cell and name != CLEAN]
    if not perturbed or not _beside(conditions):
        return found + [None] * len(_beside(conditions))
    worst = stats.worst_condition({name: outcomes_of(side, name, task_sets) for name in perturbed})
    return [*found, rate(side, [(name, each) for name in perturbed for each in task_sets]),
            f"{worst.condition} {100 * worst.rate:.1f} [{100 * worst.low:.1f}, {100 * worst.high:.1f}]"]


def _differences(
    side: Side, conditions: Sequence[str], task_sets: Sequence[str], versus: str | None, rival: Side | None
) -> list[Cell | str | None]:
    """To the control, or to a rival; p corrected after Holm over the conditions."""
    found: dict[str, Cell] = {}
    for name in conditions:
        if all((name, each) in side.outcomes for each in task_sets):
            cell = drop(side, name, task_sets) if versus is None else rival and contrast(rival, side, name, task_sets)
            found |= {name: cell} if cell else {}
    corrected = stats.holm([float(cell.p or 0) for cell in found.values()])
    cells = {name: replace(cell, p=p) for (name, cell), p in zip(found.items(), corrected, strict=True)}
    return [*(cells.get(name) for name in conditions), *[None] * len(_beside(conditions))]


def _beside(conditions: Sequence[str]) -> tuple[str, ...]:
    """EXTRA, where there are several perturbed conditions to sum up."""
    return EXTRA if len(set(conditions) - {CLEAN}) > 1 else ()
