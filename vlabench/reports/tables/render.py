"""Sheets as text: Markdown and LaTeX (booktabs), in blocks of columns where they are wide, and CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from vlabench.errors import OptionError, StoreError
from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.sheet import COUNT, PUBLISHED, Line, Mark, Sheet

FORMATS = {"rich": "", "md": ".md", "latex": ".tex", "csv": ".csv"}
"""What a sheet can become, and the suffix of its file."""

SIGNIFICANT = 0.05
WIDE = 120
"""Characters of a line of Markdown; more columns are another block."""
ACROSS = 7
"""Columns of figures that a page in LaTeX has room for."""
TRAINED = "†"
"""Beside a figure: under a perturbation that the policy was trained under."""
TEX = {"−": "$-$", "π": r"$\pi$", "±": r"$\pm$", "×": r"$\times$", "σ": r"$\sigma$", "–": "--", "†": r"$\dagger$",
       "∞": r"$\infty$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip
CSV_COLUMNS = ("name", "kind", "source", "group", "column_group", "column", "value", "low", "high", "n", "errors",
               "acted", "familiar", "p", "text")  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """A sheet as text, the way round it is shown.

    groups: above the header, one per column. left: how many columns hold words. rules: rows before which a line is
    drawn. grouped: the first column is the same in neighbouring rows; a block (`only`) shows it once.
    """

    groups: list[str]
    header: list[str]
    rows: list[list[str]]
    left: int
    rules: set[int]
    grouped: bool = False

    @property
    def names(self) -> list[str]:
        """Of the columns, with their groups'."""
        return [_joined(group, name) for group, name in zip(self.groups, self.header, strict=True)]

    def blocks(self, sizes: Sequence[int], room: int) -> list[list[int]]:
        """The columns that stand together in `room`, the words in every block, numbers of episodes beside their rates;
        a single one may be larger.

        sizes: what each column takes.
        """
        words = list(range(self.left))
        taken = sum(sizes[: self.left])
        found, used = [list(words)], taken
        for column in range(self.left, len(self.header)):
            beside = column + 1 < len(self.header) and self.header[column + 1] == COUNT
            needed = sum(sizes[column : column + 1 + beside])
            if used + needed > room and len(found[-1]) > self.left and self.header[column] != COUNT:
                found.append(list(words))
                used = taken
            found[-1].append(column)
            used += sizes[column]
        return found

    def only(self, columns: Sequence[int]) -> Grid:
        """Some of the columns, all words among them; without the rows that have nothing there."""
        rows = [number for number, row in enumerate(self.rows)
                if len(columns) <= self.left or any(row[i] for i in columns if i >= self.left)]
        kept = [[self.rows[number][i] for i in columns] for number in rows]
        if self.grouped:
            firsts = [row[0] for row in kept]
            kept = [[first if first != above else "", *row[1:]]
                    for row, first, above in zip(kept, firsts, [None, *firsts], strict=False)]
        rules = {place for place, number in enumerate(rows)
                 if place and any(rows[place - 1] < rule <= number for rule in self.rules)}
        return Grid([self.groups[i] for i in columns], [self.header[i] for i in columns], kept, self.left, rules,
                    self.grouped)


def rendered(sheet: Sheet, kind: str, intervals: bool = True) -> str:
    """The sheet as `md`, `latex` or `csv`."""
    if kind == "csv":
        return to_csv(sheet)
    return {"md": to_markdown, "latex": to_latex}[kind](sheet, intervals)


def grid(sheet: Sheet, style: Callable[[str, Mark], str], intervals: bool = True) -> Grid:
    """The sheet's text; `style` makes a figure bold or underlined."""
    sheet = sheet.with_counts()
    marks = sheet.marks()
    cells = [[_text(cell, mark, style, intervals, line) for cell, mark in zip(line.cells, row, strict=True)]
             for line, row in zip(sheet.lines, marks, strict=True)]
    if sheet.transposed:
        return _transposed(sheet, cells)
    with_group = any(line.group for line in sheet.lines)
    alike = _alike(sheet)
    words = ([sheet.grouping] if with_group else []) + [sheet.naming] + ([] if alike else ["from"])
    rows = [([line.group] if with_group else []) + [line.name, *([] if alike else [origin(line)]), *row]
            for line, row in zip(sheet.lines, cells, strict=True)]
    blocks = [(line.kind, line.source, line.group, line.total) for line in sheet.lines]
    rules = {i for i in range(1, len(blocks)) if blocks[i] != blocks[i - 1]}
    return Grid([""] * len(words) + [head.group for head in sheet.columns],
                words + [head.name for head in sheet.columns], rows, len(words), rules, with_group)


def origin(line: Line) -> str:
    """`measured, primitive` or `published, RobustVLA table 1`."""
    return f"{line.kind}, {line.source}"


def title(sheet: Sheet) -> str:
    """The sheet's, with the origin of its lines where no column or heading says it."""
    return f"{sheet.title}; {origin(sheet.lines[0])}" if _alike(sheet) else sheet.title


def _alike(sheet: Sheet) -> bool:
    """Whether all lines have one origin, which the title says then."""
    return len({origin(line) for line in sheet.lines}) == 1


def to_markdown(sheet: Sheet, intervals: bool = True) -> str:
    """A table with its title and notes; best in bold, second underlined."""
    def style(text: str, mark: Mark) -> str:
        return {Mark.best: f"**{text}**", Mark.second: f"<u>{text}</u>", Mark.none: text}[mark]

    found = grid(sheet, style, intervals)
    widths = [max(3, *(len(_piped(line[i])) for line in [found.names, *found.rows])) for i in range(len(found.header))]
    notes = "".join(f"- {note}\n" for note in sheet.notes)
    tables = [_pipes(found.only(block), [widths[column] for column in block])
              for block in found.blocks([width + 3 for width in widths], WIDE - 1)]
    return f"**{title(sheet)}**\n\n" + "\n".join(tables) + (f"\n{notes}" if notes else "")


def _pipes(found: Grid, widths: Sequence[int]) -> str:
    """A table of Markdown; numbers to the right."""
    rule = ["-" * w if i < found.left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    lines = [[_piped(cell).ljust(w) if i < found.left else _piped(cell).rjust(w)
              for i, (cell, w) in enumerate(zip(line, widths, strict=True))] for line in [found.names, *found.rows]]
    return "".join("| " + " | ".join(line) + " |\n" for line in [lines[0], rule, *lines[1:]])


def _piped(text: str) -> str:
    return text.replace("|", "\\|")


def to_latex(sheet: Sheet, intervals: bool = True) -> str:
    """A `table` for booktabs, or several; the notes as comments. Needs no other package."""
    def style(text: str, mark: Mark) -> str:
        figure, _, interval = tex(text).partition(" [")
        shown = {Mark.best: rf"\textbf{{{figure}}}", Mark.second: rf"\underline{{{figure}}}", Mark.none: figure}[mark]
        return shown + (rf" {{\scriptsize [{interval}}}" if interval else "")

    found = grid(sheet, style, intervals)
    blocks = found.blocks([int(i >= found.left) for i in range(len(found.header))], ACROSS)
    captions = [title(sheet) + (f" ({n} of {len(blocks)})" if len(blocks) > 1 else "")
                for n in range(1, len(blocks) + 1)]
    parts = [_booktabs(found.only(block), caption) for block, caption in zip(blocks, captions, strict=True)]
    return "\n".join([*(f"% {note}" for note in sheet.notes), *parts])


def _booktabs(found: Grid, caption: str) -> str:
    rows = [" & ".join([*(tex(cell) for cell in row[: found.left]), *row[found.left :]]) + r" \\" for row in found.rows]
    for number in sorted(found.rules, reverse=True):
        rows.insert(number, r"\midrule")
    head = [] if not any(found.groups) else [_spanning(found)]
    return "\n".join([
        r"\begin{table}[t]", r"\centering", rf"\caption{{{tex(caption)}}}",
        rf"\begin{{tabular}}{{{'l' * found.left}{'r' * (len(found.header) - found.left)}}}", r"\toprule", *head,
        " & ".join(map(tex, found.header)) + r" \\", r"\midrule", *rows, r"\bottomrule", r"\end{tabular}",
        r"\end{table}", "",
    ])  # fmt: skip


def to_csv(sheet: Sheet) -> str:
    """One line per figure, with the columns CSV_COLUMNS; fractions to six places, nothing without a sign."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for line in sheet.lines:
        for head, cell in zip(sheet.columns, line.cells, strict=True):
            start = [line.name, line.kind, line.source, line.group, head.group, head.name]
            if isinstance(cell, Cell):
                figures = [cell.value, cell.low, cell.high]
                shown = ("" if math.isnan(x) else f"{round(x, 6) + 0.0:.6f}" for x in figures)
                writer.writerow([*start, *shown, cell.n or "", cell.errors,
                                 "" if cell.acted is None else cell.acted, int(cell.familiar),
                                 "" if cell.p is None else f"{cell.p:.6g}",
                                 cell.label if cell.spread is None else f"{cell.label} ± {cell.spread:.6f}".strip()])
            else:
                writer.writerow([*start, *[""] * 8, cell or ""])
    return out.getvalue()


def tex(text: str) -> str:
    """Text with LaTeX's own characters, and those that need its mathematics, written as LaTeX wants them."""
    escaped = re.sub(r"([&%$#_{}])", r"\\\1", text.replace("\\", "/"))
    for sign, command in TEX.items():
        escaped = escaped.replace(sign, command)
    return escaped


def _text(
    cell: Cell | str | None, mark: Mark, style: Callable[[str, Mark], str], intervals: bool, line: Line
) -> str:
    if isinstance(cell, str):
        return style(cell, Mark.none)
    if cell is None or math.isnan(cell.value):
        return style("–", Mark.none)
    points = 100 * cell.value
    if line.kind == PUBLISHED:
        spread = f" ± {_as_printed(cell.spread)}" if intervals and cell.spread is not None else ""
        return style(_as_printed(cell.value) + spread, mark)
    sign = "+" if cell.p is not None else ""
    star = "*" if cell.p is not None and cell.p < SIGNIFICANT else ""
    text = f"{cell.label} " if cell.label else ""
    figures = f"{points:{sign}.1f}{star}{TRAINED if cell.familiar else ''}"
    if cell.spread is not None:
        figures += f" ± {100 * cell.spread:.1f}"
    if intervals and not math.isnan(cell.low):
        figures += f" [{100 * cell.low:{sign}.1f}, {100 * cell.high:{sign}.1f}]"
    text += re.sub(r"[-+](?=0\.0(?!\d))", "", figures).replace("-", "−").replace("inf", "∞")
    if cell.acted is not None and cell.acted < cell.n:
        text += f"; acted {cell.acted}/{cell.n}"
    return style(text, mark)


def _as_printed(share: float) -> str:
    """In points: some papers give two places."""
    points = 100 * share
    return f"{points:.1f}" if math.isclose(points, round(points, 1), abs_tol=1e-9) else f"{points:.2f}"


def _transposed(sheet: Sheet, cells: Sequence[Sequence[str]]) -> Grid:
    with_group = any(head.group for head in sheet.columns)
    words = ([""] if with_group else []) + [""]
    rows = [([head.group] if with_group else []) + [head.name, *(row[number] for row in cells)]
            for number, head in enumerate(sheet.columns)]
    rules = {i for i in range(1, len(rows)) if sheet.columns[i].group != sheet.columns[i - 1].group}
    return Grid([""] * len(words) + ["" if _alike(sheet) else origin(line) for line in sheet.lines],
                words + [_joined(line.group, line.name) for line in sheet.lines], rows, len(words), rules,
                with_group)


def _joined(group: str, name: str) -> str:
    return f"{group}: {name}" if group and name else group or name


def _spanning(found: Grid) -> str:
    """LaTeX's row of groups over the header."""
    def parts() -> Iterator[str]:
        for group, members in groupby(found.groups):
            count = len(list(members))
            yield rf"\multicolumn{{{count}}}{{c}}{{{tex(group)}}}" if group else " & ".join([""] * count)

    return " & ".join(parts()) + r" \\"


def check_target(out: Path | None, form: str | None, option: str = "--out") -> str:
    """The format that is meant: the one asked for, else that of the file's suffix, else the terminal's.

    option: what names the file on the command line.
    Raises OptionError for a suffix that says nothing or something else, a folder that is not there, and a file for
    the terminal: to be asked before the work.
    """
    if out is None:
        return form or "rich"
    by_suffix = {suffix: name for name, suffix in FORMATS.items() if suffix}
    kind = form or by_suffix.get(out.suffix)
    if kind is None or kind not in by_suffix.values() or by_suffix.get(out.suffix, kind) != kind:
        raise OptionError(f"{option} {out}: a table is written as {', '.join(by_suffix)}" +
                          (f", and not as {form}" if form else "") + f"\n  fix: {option} table.md")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"{option} {out}: there is no folder {out.absolute().parent}")
    return kind


def write_text(out: Path, text: str, option: str = "--out") -> None:
    """Raises StoreError if it cannot be written."""
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"cannot write {out}: {why}\n  fix: name another file with {option}") from error
