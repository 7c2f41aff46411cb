"""Tables for a terminal: as many blocks of columns below each other as its width asks for, every figure whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlabench.tables.render import Grid, grid, title
from vlabench.tables.sheet import Mark, Sheet

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

AROUND = 3
"""Columns of the terminal that a column of a table takes beside its text; the table's edge takes one more."""
NARROWEST = 8
"""Names are not folded to less than this."""


@dataclass(frozen=True)
class Blocks:
    """A table that fits the console it is printed on; to be printed with crop=False, lest a wide column be cut off.

    marked: the rows of the grid with rich's markup. notes: sentences below.
    """

    title: str
    plain: Grid
    marked: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        if self.title:
            yield Text(self.title, style="bold")
        widths = self._widths(options.max_width)
        for block in self.plain.blocks([width + AROUND for width in widths], options.max_width - 1):
            yield self._table(block, [widths[column] for column in block])
        for note in self.notes:
            yield Text(f"- {note}")

    def _widths(self, room: int) -> list[int]:
        """Of each column: its longest figure, or word of the header; names give way to the widest of the others."""
        from rich.cells import cell_len

        found = self.plain
        rows = [[*map(cell_len, row)] for row in found.rows]
        heads = [max([1, *map(cell_len, name.split())]) for name in found.names]
        widths = [max([head, *(row[column] for row in rows)]) for column, head in enumerate(heads)]
        least = [*widths[: found.left], max([0, *widths[found.left :]])]
        over = sum(width + AROUND for width in least) + 1 - room
        while over > 0 and found.left:
            longest = max(range(found.left), key=lambda column: widths[column])
            if widths[longest] <= NARROWEST:
                break
            widths[longest], over = widths[longest] - 1, over - 1
        return widths

    def _table(self, columns: Sequence[int], widths: Sequence[int]) -> Table:
        from rich.markup import escape
        from rich.table import Table

        found = self.plain
        table = Table(width=sum(width + AROUND for width in widths) + 1)
        for column, width in zip(columns, widths, strict=True):
            table.add_column(escape(found.names[column]), justify="left" if column < found.left else "right",
                             width=width, overflow="fold")
        for number, row in enumerate(self.marked):
            if number in found.rules:
                table.add_section()
            table.add_row(*(row[column] for column in columns))
        return table


def to_rich(sheet: Sheet, intervals: bool = True) -> Blocks:
    """A sheet for a terminal; best in bold, second underlined."""
    from rich.markup import escape

    def style(text: str, mark: Mark) -> str:
        tag = {Mark.best: "bold", Mark.second: "underline", Mark.none: ""}[mark]
        return f"[{tag}]{escape(text)}[/{tag}]" if tag else escape(text)

    plain, marked = grid(sheet, lambda text, _: text, intervals), grid(sheet, style, intervals)
    rows = [[*map(escape, row[: plain.left]), *row[plain.left :]] for row in marked.rows]
    return Blocks(title(sheet), plain, rows, sheet.notes)
