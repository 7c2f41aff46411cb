"""Tables for a terminal: as many blocks of columns below each other as its width asks for, every figure whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlabench.reports.tables.render import Grid, grid, title
from vlabench.reports.tables.sheet import Mark, Sheet

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

AROUND = 3
"""Columns of the terminal that a column of a table takes beside its text; the table's edge takes one more."""
NARROWEST = 8
"""Names are not folded to less than this."""
SHARE = 0.4
"""Of the terminal's width that names take before they are folded."""
HEADER = 20
"""Longer headers are folded between words."""


@dataclass(frozen=True)
class Blocks:
    """A table that fits the console it is printed on; to be printed with crop=False, lest a wide column be cut off.

    plain, marked: without and with rich's markup. notes: sentences below.
    """

    title: str
    plain: Grid
    marked: Grid
    notes: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        if self.title:
            yield Text(self.title, style="bold")
        widths = self._widths(options.max_width)
        for block in self.plain.blocks([width + AROUND for width in widths], options.max_width - 1):
            yield _table(self.marked.only(block), [widths[column] for column in block])
        for note in self.notes:
            yield Text(f"- {note}")

    def _widths(self, room: int) -> list[int]:
        """Of each column: its longest figure, or word of the header if there is room; names give way to the widest of
        the others."""
        from rich.cells import cell_len

        found = self.plain
        rows = [[*map(cell_len, row)] for row in found.rows]
        heads = [max([min(cell_len(name), HEADER), *map(cell_len, name.split())]) for name in found.names]
        beside = room - 1 - AROUND - found.left * (NARROWEST + AROUND)
        heads[found.left :] = [min(head, max(beside, NARROWEST)) for head in heads[found.left :]]
        widths = [max([head, *(row[column] for row in rows)]) for column, head in enumerate(heads)]
        words = sum(width + AROUND for width in widths[: found.left])
        figure = max([0, *widths[found.left :]]) + AROUND + 1
        over = words - max(min(int(room * SHARE), room - figure), 0)
        while over > 0 and found.left:
            longest = max(range(found.left), key=lambda column: widths[column])
            if widths[longest] <= NARROWEST:
                break
            widths[longest], over = widths[longest] - 1, over - 1
        return widths


def _table(marked: Grid, widths: Sequence[int]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(width=sum(width + AROUND for width in widths) + 1)
    for column, (name, width) in enumerate(zip(marked.names, widths, strict=True)):
        table.add_column(escape(name), justify="left" if column < marked.left else "right", width=width,
                         overflow="fold")
    for number, row in enumerate(marked.rows):
        if number in marked.rules:
            table.add_section()
        table.add_row(*row)
    return table


def to_rich(sheet: Sheet, intervals: bool = True) -> Blocks:
    """A sheet for a terminal; best in bold, second underlined."""
    from rich.markup import escape

    def style(text: str, mark: Mark) -> str:
        tag = {Mark.best: "bold", Mark.second: "underline", Mark.none: ""}[mark]
        return f"[{tag}]{escape(text)}[/{tag}]" if tag else escape(text)

    plain, marked = grid(sheet, lambda text, _: text, intervals), grid(sheet, style, intervals)
    rows = [[*map(escape, row[: plain.left]), *row[plain.left :]] for row in marked.rows]
    return Blocks(title(sheet), plain, replace(marked, rows=rows), sheet.notes)
