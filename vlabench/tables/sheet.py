"""A table before it is text: lines of cells in blocks, of which each has its own best and second best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from vlabench.tables.sides import Cell

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

    kind: MEASURED or PUBLISHED. source: the pack, or paper and table. cells: text stands for itself.
    """

    name: str
    kind: str
    source: str
    cells: Sequence[Cell | str | None]
    group: str = ""
    ranked: bool = True

    @property
    def block(self) -> tuple[str, str, str, bool]:
        """Lines of other blocks are no competitors: other packs, other papers, other quantities."""
        return self.kind, self.source, self.group, self.ranked


@dataclass(frozen=True)
class Sheet:
    """columns: one per cell of each line. transposed: lines are to be shown as columns. notes: sentences below it.

    grouping: what the groups of the lines are.
    """

    title: str
    columns: Sequence[Head]
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    transposed: bool = False
    grouping: str = "group"

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

    def by_group(self) -> Sheet:
        """With the groups of columns, which have the same names, as groups of lines."""
        groups = list(dict.fromkeys(head.group for head in self.columns))
        places = {group: [n for n, head in enumerate(self.columns) if head.group == group] for group in groups}
        columns = [replace(self.columns[number], group="") for number in places[groups[0]]]
        lines = [replace(line, group=group, cells=[line.cells[number] for number in places[group]])
                 for group in groups for line in self.lines]
        return replace(self, columns=columns, lines=lines)
