"""Sentences below a table that several layouts share, and what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vlabench import stats
from vlabench.stats import TasksAs
from vlabench.tables.outcomes import Side
from vlabench.tables.sheet import Line, Sheet
from vlabench.tables.sides import Cell

AVERAGING = ("In a mean every task has the same weight, and so has every condition; the outcomes of one episode under "
             "several conditions are one score.")  # fmt: skip
DIFFERENCES = ("Differences pair the same episodes; * marks p < 0.05, after Holm's correction for the number of "
               "conditions (that of a mean by itself).")  # fmt: skip
WORST = ("worst: the condition with the lowest rate, with that condition's own interval; picked for being the lowest, "
         "it looks somewhat worse than it is.")  # fmt: skip
TRAININGS = ("k trainings: one recipe with k seeds, the mean ± the standard deviation between trainings; the interval "
             "is about episodes, each with its mean over the trainings, and covers no luck of training.")  # fmt: skip
NAMED = 3
"""Columns that a note names."""
ACTED = ("acted k/n: in k of n episodes the condition changed anything that the policy received, the robot executed or "
         "the scene was; in the others it had no occasion to.")  # fmt: skip


def question(tasks_as: TasksAs, lines: Iterable[Line]) -> str:
    """Which question the figures of a table answer (`stats.question`), by the number of tasks behind them."""
    numbers = sorted({cell.tasks for cell in _cells(lines) if cell.tasks})
    fewest, most = (numbers[0], numbers[-1]) if numbers else (0, 0)
    said = " ".join(stats.question(tasks_as, fewest))
    if tasks_as == "fixed" or fewest == most:
        return said
    return f"{said} (That is of the figures about the fewest tasks, {fewest}; others are about up to {most}.)"


def apart(sheet: Sheet, together: bool) -> list[str]:
    """Where policies stand on different episodes, and what compares them. together: they were cut to the same."""
    found = sheet.unequal()
    if not found:
        return []
    names = list(dict.fromkeys(sheet.columns[number].name for number in found))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    where = "every column" if len(found) == len(sheet.columns) > 1 else f"{', '.join(names[:NAMED])}{more}"
    mend = "" if together else "; --versus P compares them with P on the same ones"
    return [f"In {where} the policies stand on different episodes or conditions, and none is marked as the best"
            f"{mend}."]


def acted(lines: Iterable[Line]) -> list[str]:
    """What a figure's `acted k/n` means, where one has it."""
    return [ACTED] if any(cell.acted is not None and cell.acted < cell.n for cell in _cells(lines)) else []


def trained(cut: Sequence[Side], lines: Iterable[Line]) -> list[str]:
    """What † means, if a figure has it, and of whom nothing is known; and whose origin is known in part."""
    found = []
    if any(cell.familiar for cell in _cells(lines)):
        named = {side.owner.policy: ", ".join(sorted(side.seen.perturbations)) for side in cut
                 if side.seen and side.seen.perturbations}
        who = "; ".join(f"{policy}: {names}" for policy, names in named.items())
        strangers = ", ".join(dict.fromkeys(side.owner.policy for side in cut if side.seen is None))
        found.append(f"†: with a perturbation that the policy was trained under ({who})."
                     + (f" Of {strangers} no card of this version is here to say." if strangers else ""))
    unknown = {side.owner.policy: side.seen.unknown for side in cut if side.seen and side.seen.unknown}
    return found + [f"{policy} goes on from {', '.join(names)}, whose training is not known here."
                    for policy, names in unknown.items()]


def common(cut: Sequence[Side]) -> list[str]:
    """The task sets that all policies have played anything on."""
    having = [side for side in cut if side.outcomes]
    return [name for name in having[0].task_sets if all(name in side.task_sets for side in having)] if having else []


def over(cut: Sequence[Side], task_sets: Sequence[str] | None) -> str:
    """The task sets that figures are over. task_sets: the same for all policies; None, where each has its own."""
    if task_sets is not None:
        return f"Over {', '.join(task_sets)}."
    packs = {side.owner.assets for side in cut}
    who: dict[str, list[str]] = {}
    for side in cut:
        if side.outcomes:
            name = side.owner.policy if len(packs) == 1 else str(side.owner)
            who.setdefault(", ".join(sorted(side.task_sets)), []).append(name)
    listed = "; ".join(f"{', '.join(names)}: {sets}" for sets, names in who.items())
    return f"Each policy is over the task sets that it played, and these are not the same: {listed}."


def counts(cut: Sequence[Side], lines: Iterable[Line]) -> list[str]:
    """How many tasks were played, and how many episodes are behind the cells."""
    tasks: dict[str, set[str]] = {}
    for side in cut:
        for (_, task_set), outcomes in side.outcomes.items():
            tasks.setdefault(task_set, set()).update(task for task, _, _ in outcomes)
    played = ", ".join(f"{name} {len(each)}" for name, each in tasks.items())
    episodes = sorted({cell.n for cell in _cells(lines) if cell.n})
    ends = " to ".join(dict.fromkeys(str(each) for each in (episodes[0], episodes[-1]))) if episodes else "0"
    return [f"Tasks played: {played}. Episodes behind a figure: {ends}."]


def _cells(lines: Iterable[Line]) -> Iterator[Cell]:
    return (cell for line in lines for cell in line.cells if isinstance(cell, Cell))
