"""A table before it is text: lines of cells in blocks, of which each has its own best and second best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from vlabench import stats
from vlabench.cards.lineage import ALIKE
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell
from vlabench.stats import TasksAs
from vlabench.util.text import counted

AVERAGING = ("In a mean every task has the same weight, and so has every condition; the outcomes of one episode under "
             "several conditions are one score.")  # fmt: skip
NESTED = ("In a mean every task has the same weight, in a column every condition, and in an average of columns every "
          "column; the outcomes of one episode under several conditions are one score.")  # fmt: skip
DIFFERENCES = ("Differences pair the same episodes; * marks p < 0.05, after Holm's correction for the number of "
               "conditions (that of a mean by itself).")  # fmt: skip
WORST = ("worst: the condition with the lowest rate, with that condition's own interval; picked for being the lowest, "
         "it looks somewhat worse than it is.")  # fmt: skip
TRAININGS = ("k trainings: one recipe with k seeds, the mean ± the standard deviation between trainings, on the "
             "episodes that all of them have; intervals cover the luck of trainings and of episodes.")  # fmt: skip
NAMED = 3
"""Columns that a note names."""
ACTED = ("acted k/n: in k of n episodes the condition changed anything that the policy received, the robot executed or "
         "the scene was; in the others it had no occasion to.")  # fmt: skip


COUNT = "n"
"""The head of a column of numbers of episodes, beside that of their rates."""
MEASURED = "measured"
PUBLISHED = "published"


class Mark(Enum):
    """How a figure stands out."""

    best = "best"
    second = "second"
    none = "none"


@dataclass(frozen=True)
class Head:
    """Of a column: its name, below that of the group it shares with its neighbours. lower: less of it is better."""

    name: str
    group: str = ""
    lower: bool = False


@dataclass(frozen=True)
class Line:
    """One policy's figures. Only lines of one block and group compete; `ranked` is False where a best means nothing.

    kind: MEASURED or PUBLISHED. source: the pack, or paper and table. cells: text stands for itself. total: it sums up
    those above it.
    """

    name: str
    kind: str
    source: str
    cells: Sequence[Cell | str | None]
    group: str = ""
    ranked: bool = True
    total: bool = False

    @property
    def block(self) -> tuple[str, str, str, bool]:
        """Lines of other blocks are no competitors: other packs, other papers, other quantities."""
        return self.kind, self.source, self.group, self.ranked


@dataclass(frozen=True)
class Sheet:
    """columns: one per cell of each line. transposed: lines are to be shown as columns. notes: sentences below it.

    naming, grouping: what the lines and their groups are. counted: show the number of episodes beside each rate, and
    of those that ended in errors.
    """

    title: str
    columns: Sequence[Head]
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    transposed: bool = False
    grouping: str = "group"
    naming: str = "policy"
    counted: bool = False

    def marks(self) -> list[list[Mark]]:
        """For each cell of each line. Equal figures (as printed, 0.1 points) share a mark. Of two or more there is a
        best; of three or more a second, unless several are best. None where they stand on different episodes.
        """
        marks = [[Mark.none] * len(self.columns) for _ in self.lines]
        for column, cells in self._competing():
            if len({cell.played for cell in cells.values()}) > 1:
                continue
            values = {number: round(cell.value * 100, 1) for number, cell in cells.items()}
            ranks = sorted(set(values.values()), reverse=not self.columns[column].lower)
            found = list(values.values())
            best = ranks[0] if len(ranks) > 1 else None
            second = ranks[1] if len(found) > 2 and len(ranks) > 1 and found.count(ranks[0]) == 1 else None
            for number, value in values.items():
                marks[number][column] = {best: Mark.best, second: Mark.second}.get(value, Mark.none)
        return marks

    def unequal(self) -> list[int]:
        """The columns in which competitors stand on different episodes."""
        return sorted({column for column, cells in self._competing()
                       if len({cell.played for cell in cells.values()}) > 1})

    def _competing(self) -> Iterator[tuple[int, dict[int, Cell]]]:
        """(column, line → figure) of each block of lines."""
        for block in dict.fromkeys(line.block for line in self.lines if line.ranked):
            members = [number for number, line in enumerate(self.lines) if line.block == block]
            for column in range(len(self.columns)):
                yield column, {number: cell for number in members
                               if isinstance(cell := self.lines[number].cells[column], Cell)
                               and not cell.label and not math.isnan(cell.value)}

    def with_counts(self) -> Sheet:
        """With a column of text beside each one of rates, the numbers of episodes, if they are to be shown."""
        if not self.counted:
            return self
        rates = [any(isinstance(cell, Cell) and cell.p is None for cell in column)
                 for column in zip(*(line.cells for line in self.lines), strict=True)]
        columns = [each for head, beside in zip(self.columns, rates, strict=True)
                   for each in (head, *([Head(COUNT)] if beside else []))]
        lines = [replace(line, cells=[each for cell, beside in zip(line.cells, rates, strict=True)
                                      for each in (cell, *([_n(cell)] if beside else []))]) for line in self.lines]
        return replace(self, columns=columns, lines=lines, counted=False)

    def by_group(self) -> Sheet:
        """With the groups of columns, which have the same names, as groups of lines."""
        groups = list(dict.fromkeys(head.group for head in self.columns))
        places = {group: [n for n, head in enumerate(self.columns) if head.group == group] for group in groups}
        columns = [replace(self.columns[number], group="") for number in places[groups[0]]]
        lines = [replace(line, group=group, cells=[line.cells[number] for number in places[group]])
                 for group in groups for line in self.lines]
        return replace(self, columns=columns, lines=lines)


def _n(cell: Cell | str | None) -> str:
    if not isinstance(cell, Cell):
        return ""
    return f"{cell.n}" + (f" (+{counted(cell.errors, 'error')})" if cell.errors else "")


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
    fix = "" if together else "; --versus P compares them with P on the same ones"
    return [f"In {where} the policies stand on different episodes or conditions, and none is marked as the best"
            f"{fix}."]


def acted(lines: Iterable[Line]) -> list[str]:
    """What a figure's `acted k/n` means, where one has it."""
    return [ACTED] if any(cell.acted is not None and cell.acted < cell.n for cell in _cells(lines)) else []


def trained(cut: Sequence[Side], lines: Iterable[Line]) -> list[str]:
    """What † means, if a figure has it, and of whom nothing is known; and whose origin is known in part."""
    found = []
    if any(cell.familiar for cell in _cells(lines)):
        named = {side.owner.policy: ", ".join(sorted(side.seen.perturbations)) for side in cut
                 if side.seen and side.seen.perturbations and set(side.familiar) - set(side.as_trained)}
        who = "; ".join(f"{policy}: {names}" for policy, names in named.items())
        alike = {side.owner.policy: ", ".join(name for name in side.seen.names if name in ALIKE) for side in cut
                 if side.seen and side.as_trained}
        scenes = "; ".join(f"{policy}: {names}" for policy, names in alike.items())
        means = [*([f"with a perturbation that the policy was trained under ({who})"] if who else []),
                 *([f"in scenes such as those of a task set that it was trained on ({scenes})"] if scenes else [])]
        strangers = ", ".join(dict.fromkeys(side.owner.policy for side in cut if side.seen is None))
        found.append(f"†: {', or '.join(means)}."
                     + (f" Of {strangers} no card of this version is here to say." if strangers else ""))
    unknown = {side.owner.policy: side.seen.unknown for side in cut if side.seen and side.seen.unknown}
    return found + [f"{policy} goes on from {', '.join(names)}, whose training is not known here."
                    for policy, names in unknown.items()]


def trained_under(cut: Sequence[Side], conditions: Iterable[str]) -> list[str]:
    """Those of the conditions whose scenes are such as some policy was trained in: averages stand with and without."""
    return [name for name in conditions if any(name in side.as_trained for side in cut)]


def less(policy: str, left_out: Sequence[str]) -> str:
    """The name of a policy's line without some conditions."""
    return f"{policy}, without {', '.join(left_out)}"


def leaving_out(left_out: Sequence[str], lines: Iterable[Line]) -> list[str]:
    """What lines without some conditions are, if there are any."""
    if not any(line.name.endswith(less("", left_out)) for line in lines) or not left_out:
        return []
    return [f"without {', '.join(left_out)}: averages over the other conditions; a policy here was trained in scenes "
            f"such as those."]


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
