"""The layout of a suite: every condition, the mean of the perturbed ones, the worst, and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vlabench import stats
from vlabench.cards.conditions import CLEAN
from vlabench.errors import OptionError
from vlabench.reports.tables.outcomes import Beside, Leaf, Outcomes, Side
from vlabench.reports.tables.paired import (
    Cell,
    contrast,
    difference_cell,
    drop,
    mean_contrast,
    mean_difference,
    mean_rate,
    rate,
)
from vlabench.reports.tables.sheet import (
    AVERAGING,
    DIFFERENCES,
    MEASURED,
    TRAININGS,
    WORST,
    Head,
    Line,
    Sheet,
    acted,
    common,
    counts,
    leaving_out,
    less,
    over,
    question,
    trained,
    trained_under,
)
from vlabench.reports.tables.trainings import same_seed, with_trainings

MEAN, LOWEST = EXTRA = ("mean of perturbed", "worst")
"""Columns beside the conditions."""
Rate = Callable[[Sequence[Leaf]], Cell | None]
Group = Sequence[str] | None
"""Task sets that figures are over; None: those that the policy has played."""


def suite_sheet(
    suite: str | None, cut: Sequence[Side], notes: Sequence[str], by_task_set: bool, partial: bool, versus: str | None,
    also: Beside | None = None,
) -> Sheet:
    """Rates and paired differences of all conditions, the mean of the perturbed ones and the worst.

    Each policy stands on the task sets that it played, with `partial` on those that all have. by_task_set: columns in
    groups, one for each task set and one for all. Lines are to be shown as columns, as suits a page that scrolls.
    Differences are to the control, or to the policy `versus` under the same condition. also: outcomes whose rates stand
    below. Raises OptionError if there is no task set for `partial`.
    """
    conditions = list(dict.fromkeys(name for side in cut for name in side.conditions))
    conditions.sort(key=lambda name: name != CLEAN)
    every = common(cut) if partial else list(dict.fromkeys(name for side in cut for name in side.task_sets))
    if not every and partial:
        raise OptionError("--partial: there is no task set that all policies have played\n"
                          "  fix: leave --partial out, or --policies P,Q chooses who takes part")
    alike = partial or len({frozenset(side.task_sets) for side in cut if side.outcomes}) < 2
    whole = every if partial else None
    groups = [*([name] for name in every), whole] if by_task_set and len(every) > 1 else [whole]
    own: list[tuple[Side, Line]] = []
    left_out = trained_under(cut, conditions) if _beside(conditions) else []
    for side in cut:
        found = _lines(side, cut, conditions, groups, versus, left_out)
        if also:
            found.insert(1, _rates_line(also.sides[side.owner], also.name, conditions, groups))
        own += [(side, line) for line in found]
    lines, several = with_trainings(own, cut, lambda members: [
        cell for each in groups for cell in _rates(lambda leaves: mean_rate(members, leaves), conditions,
                                                   _task_sets(members, each))],
        versus, lambda rivals, members: [
            cell for each in groups for cell in _contrasts(rivals, members, conditions, _task_sets(members, each))])
    labels = [*every, "all task sets"] if len(groups) > 1 else [""]
    heads = [Head(name, group) for group in labels for name in [*conditions, *_beside(conditions)]]
    title = f"Success rate (%) on {suite}" if suite else "Success rate (%)"
    said = [*notes, *([also.note] if also else []), over(cut, every if alike else None), *_gaps(lines), *same_seed(cut),
            *leaving_out(left_out, lines),
            *_below(cut, lines, bool(_beside(conditions)), several)]
    return Sheet(title, heads, lines, said, transposed=True)


def _gaps(lines: Sequence[Line]) -> list[str]:
    """What an empty figure means, where there is one."""
    if not any(cell is None for line in lines for cell in line.cells):
        return []
    return ["–: not played on all of these task sets; --by-task-set shows each, --suite S narrows to a suite's, "
            "--partial to those that all policies have."]


def _below(cut: Sequence[Side], lines: Sequence[Line], beside: bool, several: bool) -> list[str]:
    """What the figures are. beside: with columns that sum up conditions. several: with lines about trainings."""
    paired = any(cell.p is not None for line in lines for cell in line.cells if isinstance(cell, Cell))
    return [question(cut[0].tasks_as, lines), AVERAGING, *([WORST] if beside else []), *([DIFFERENCES] if paired else []
            ), *([TRAININGS] if several else []), *trained(cut, lines), *acted(lines), *counts(cut, lines)]


def _task_sets(members: Sequence[Side], group: Group) -> list[str]:
    """Those of a group; the ones that any of the members has played, where it names none."""
    return list(dict.fromkeys(name for side in members for name in side.task_sets) if group is None else group)


def _rates_line(side: Side, rule: str, conditions: Sequence[str], groups: Sequence[Group]) -> Line:
    """A policy's rates. rule: of another success than the one that counts."""
    cells = [cell for each in groups for cell in _rates(
        lambda leaves: rate(side, leaves), conditions, _task_sets([side], each))]
    name = f"{side.owner.policy}, {rule}" if rule else side.owner.policy
    return Line(name, MEASURED, side.owner.assets, cells, ranked=not rule)


def _rest(side: Side, conditions: Sequence[str], groups: Sequence[Group], left_out: Sequence[str]) -> list[Line]:
    """A policy's figures beside the conditions, without some of these, if it has played any of them."""
    if not set(left_out) & set(side.conditions):
        return []
    left = [name for name in conditions if name not in left_out]
    cells: list[Cell | str | None] = []
    for group in groups:
        found = _rates(lambda leaves: rate(side, leaves), left, _task_sets([side], group))[len(left):]
        cells += [""] * len(conditions) + [cell or "" for cell in found or [None] * len(EXTRA)]
    name = less(side.owner.policy, left_out)
    return [Line(name, MEASURED, side.owner.assets, cells, ranked=False)] if any(cells) else []


def _lines(side: Side, cut: Sequence[Side], conditions: Sequence[str], groups: Sequence[Group],
           versus: str | None, left_out: Sequence[str]) -> list[Line]:
    """A policy's rates, those without some conditions, and differences if there are any."""
    owner = side.owner
    rival = next((one for one in cut if one.owner == (versus, owner.assets)), None)
    differences = [cell for each in groups for cell in _differences(
        side, conditions, _task_sets([side], each), versus, rival)]
    found = [_rates_line(side, "", conditions, groups),
             *(_rest(side, conditions, groups, left_out) if left_out else [])]
    if any(differences):
        found.append(Line(f"{owner.policy} − {versus or CLEAN}", MEASURED, owner.assets, differences, ranked=False))
    return found


def _rates(of: Rate, conditions: Sequence[str], task_sets: Sequence[str]) -> list[Cell | str | None]:
    """One figure for each condition, the mean of the perturbed ones, and again that of the worst."""
    found = {name: of([(name, each) for each in task_sets]) for name in conditions}
    perturbed = {name: cell for name, cell in found.items() if cell and name != CLEAN}
    if not perturbed or not _beside(conditions):
        return [*found.values(), *[None] * len(_beside(conditions))]
    worst = min(perturbed, key=lambda name: perturbed[name].value)
    return [*found.values(), of([(name, each) for name in perturbed for each in task_sets]),
            replace(perturbed[worst], label=worst, acted=None)]


def _differences(
    side: Side, conditions: Sequence[str], task_sets: Sequence[str], versus: str | None, rival: Side | None
) -> list[Cell | str | None]:
    """To the control, or to a rival; p corrected after Holm over the conditions. Empty where nothing is to compare."""
    found: dict[str, Cell] = {}
    pairs: list[tuple[Outcomes, Outcomes]] = []
    for name in conditions:
        if all((name, each) in side.outcomes for each in task_sets):
            cell = drop(side, name, task_sets) if versus is None else rival and contrast(rival, side, name, task_sets)
            found |= {name: cell} if cell else {}
            if cell and name != CLEAN:
                before = side.merged(CLEAN, task_sets) if versus is None or rival is None else rival.merged(
                    name, task_sets)
                pairs.append((before, side.merged(name, task_sets)))
    cells = corrected(found)
    mean = difference_cell(mean_difference(pairs, side.tasks_as)) if len(pairs) > 1 else None
    return [*(cells.get(name, "") for name in conditions), *[mean or "", ""][: len(_beside(conditions))]]


def _contrasts(rivals: Sequence[Side], members: Sequence[Side], conditions: Sequence[str], task_sets: Sequence[str],
               ) -> list[Cell | str | None]:
    """As `_differences`, of several trainings to several."""
    cells = {name: cell for name in conditions
             if (cell := mean_contrast(rivals, members, [(name, each) for each in task_sets]))}
    perturbed = [name for name in cells if name != CLEAN]
    mean = mean_contrast(rivals, members, [(name, each) for name in perturbed for each in task_sets]) if len(
        perturbed) > 1 else None
    found = corrected(cells)
    return [*(found.get(name, "") for name in conditions), *[mean or "", ""][: len(_beside(conditions))]]


def corrected(found: dict[str, Cell]) -> dict[str, Cell]:
    """The same differences, p corrected for their number after Holm."""
    raised = stats.holm([1.0 if cell.p is None else cell.p for cell in found.values()])
    return {name: replace(cell, p=p) for (name, cell), p in zip(found.items(), raised, strict=True)}


def _beside(conditions: Sequence[str]) -> tuple[str, ...]:
    """EXTRA, where there are several perturbed conditions to sum up."""
    return EXTRA if len(set(conditions) - {CLEAN}) > 1 else ()
