"""The picture of `vlabench preview`: first looks beside each other, each over what was drawn for it.

Of one suite tasks in rows and conditions in columns, below each look its parameters; of several a sheet of small
looks, with what the policy is told below where that is not the task's own instruction.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlabench.errors import StoreError
from vlabench.types import Image, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
"""More conditions than this go on in the next row of pictures."""
_DPI = 100
_CELL = 2.3  # inches, a picture's side
_GAP = 0.12
_LABEL = 1.55  # inches, the column with the tasks' names
_LINE = 0.155  # inches, a line of text below a picture
_LETTERS = 33  # per line of text below a picture
_ACROSS = 10  # cells of a sheet in a row,
_SMALL, _SMALL_LETTERS = 1.28, 30  # as large (inches), with so many letters in a line below


@dataclass(frozen=True)
class Cell:
    """What a policy receives first under a condition. picture: its cameras side by side, uint8 [H, W, 3]."""

    task: Task
    condition: str
    picture: Image
    instruction: str
    realised: Mapping[str, Any]


def described(realised: Mapping[str, Any], letters: int) -> list[str]:
    """Realised parameters in lines of at most `letters` letters: `rotation: degrees 12.4`."""
    lines = []
    for name, values in realised.items():
        text = _plain(values)
        lines += textwrap.wrap(f"{name}: {text}" if text else name, letters, subsequent_indent="  ")
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        between = "; " if any(isinstance(inner, Mapping) for inner in value) else ", "
        return "[" + between.join(_plain(inner) for inner in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def drawn(cells: Sequence[Cell], title: str) -> Figure:
    """Tasks in rows, conditions in columns; laid out in inches from the upper left corner."""
    from matplotlib.figure import Figure

    by_task: dict[str, list[Cell]] = {}
    for cell in cells:
        by_task.setdefault(cell.task.key, []).append(cell)
    across = min(COLUMNS, max(len(row) for row in by_task.values()))
    wide = _CELL * max(cell.picture.shape[1] / cell.picture.shape[0] for cell in cells)
    rows = [row[i : i + across] for row in by_task.values() for i in range(0, len(row), across)]
    heights = [_CELL + 0.25 + _LINE * max(len(_text(cell)) for cell in row) + _GAP for row in rows]
    width, height = _LABEL + across * (wide + _GAP) + _GAP, 0.4 + sum(heights)
    figure = Figure(figsize=(width, height))
    figure.text(_GAP / width, 1 - 0.25 / height, title, fontsize=10, weight="bold")
    top = 0.4
    for number, row in enumerate(rows):
        if number == 0 or row[0].task != rows[number - 1][0].task:
            label = row[0].task.key + "\n\n" + textwrap.fill(row[0].task.instruction, 22)
            figure.text(_GAP / width, 1 - (top + 0.25) / height, label, fontsize=8, va="top")
        for column, cell in enumerate(row):
            left = _LABEL + column * (wide + _GAP)
            axes = figure.add_axes((left / width, 1 - (top + 0.2 + _CELL) / height, wide / width, _CELL / height))
            axes.imshow(cell.picture)
            axes.set_axis_off()
            axes.set_title(cell.condition, fontsize=9, pad=2)
            figure.text(left / width, 1 - (top + 0.24 + _CELL) / height, "\n".join(_text(cell)), fontsize=8, va="top",
                        family="monospace")
        top += heights[number]
    return figure


def _text(cell: Cell) -> list[str]:
    """The lines below a picture, as long as it is wide."""
    letters = _LETTERS * cell.picture.shape[1] // cell.picture.shape[0]
    return described(cell.realised, letters) + _told(cell, "told: ", letters)


def _told(cell: Cell, before: str, letters: int) -> list[str]:
    return [] if cell.instruction == cell.task.instruction else textwrap.wrap(before + cell.instruction, letters)


def sheet(by_suite: Mapping[str, Sequence[Cell]], title: str) -> Figure:
    """Small cells, suite after suite, each suite's name over its first one."""
    from matplotlib.figure import Figure

    cells = [(name if number == 0 else "", cell) for name, some in by_suite.items() for number, cell in enumerate(some)]
    rows = [cells[i : i + _ACROSS] for i in range(0, len(cells), _ACROSS)]
    wide = _SMALL * max(cell.picture.shape[1] / cell.picture.shape[0] for _, cell in cells)
    letters = int(_SMALL_LETTERS * wide / _SMALL)
    heights = [_SMALL + 0.33 + 0.11 * max(len(_told(cell, "", letters)) for _, cell in row) + _GAP for row in rows]
    width, height = _ACROSS * (wide + _GAP) + _GAP, 0.3 + sum(heights)
    figure = Figure(figsize=(width, height))
    tasks = dict.fromkeys(f"{cell.task.key}: {cell.task.instruction}" for _, cell in cells)
    figure.text(_GAP / width, 1 - 0.2 / height, f"{'; '.join(tasks)} ({title})", fontsize=8, weight="bold")
    for number, row in enumerate(rows):
        top = 0.3 + sum(heights[:number])
        for column, (name, cell) in enumerate(row):
            left = _GAP + column * (wide + _GAP)
            figure.text(left / width, 1 - (top + 0.12) / height, name, fontsize=7, weight="bold")
            axes = figure.add_axes((left / width, 1 - (top + 0.28 + _SMALL) / height, wide / width, _SMALL / height))
            axes.imshow(cell.picture)
            axes.set_axis_off()
            axes.set_title(cell.condition, fontsize=7, pad=2)
            figure.text(left / width, 1 - (top + 0.3 + _SMALL) / height, "\n".join(_told(cell, "", letters)),
                        fontsize=6, va="top")
    return figure


def write(figure: Figure, out: Path) -> None:
    """The picture as a file, of the kind that its suffix says. Raises StoreError."""
    from matplotlib import rc_context

    try:
        with rc_context({"pdf.fonttype": 42}):  # TrueType: letters stay letters in a PDF
            figure.savefig(out, dpi=_DPI)
    except (OSError, ValueError) as error:
        raise StoreError(f"{out}: the picture cannot be written: {error}") from error
