"""The summary of a run: episode records → one data frame → a table for the terminal, Markdown, CSV.

One row of the frame is a task set (or `total`) under a condition. All figures are about exactly these tasks, of which
each has the same weight. Episodes that ended in an error are counted apart and enter no rate. Differences to the
control pair the episodes of one task, index and seed; episodes that only one of the two conditions has are in its rate,
but in no difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlabench import stats
from vlabench.cards.conditions import CLEAN
from vlabench.cards.lineage import familiar, held
from vlabench.errors import OptionError, StoreError
from vlabench.records.read import acted
from vlabench.reports.tables.render import TRAINED, Grid
from vlabench.reports.tables.terminal import Blocks
from vlabench.types import EpisodeRecord, Success, won
from vlabench.util.text import counted

if TYPE_CHECKING:
    import pandas

Episode = tuple[str, int, int]
"""(task, index, seed): what all conditions of an episode share."""
TOTAL = "total"
COLUMNS = (
    "policy", "assets", "task_set", "condition", "n", "successes", "rate", "low", "high", "errors", "acted", "familiar",
    "pairs", "difference", "difference_low", "difference_high", "p", "p_holm",
)  # fmt: skip
WORDS = ("task set", "condition")
"""Headers of columns that hold words; all others hold numbers and are set to the right."""
SUFFIXES = (".md", ".csv")
"""Of files that a table can be written to."""
WIDE = 4
"""Up to this many conditions stand side by side as columns; more are rows."""


def summary(records: Iterable[EpisodeRecord], control: str = CLEAN, by_task: bool = False,
            counts: Success | None = None, trained: Collection[str] = ()) -> pandas.DataFrame:
    """The frame with COLUMNS, in the order in which task sets and conditions first occur, the control first.

    With `by_task`, each task has a row of its own, named in the column of the task sets (`libero_goal/3`). counts: the
    success that counts (`types.won`).

    rate, low, high: the mean over tasks with its 95 % interval, as fractions. acted: of the n episodes, those in which
    the condition changed anything. familiar: whether it holds one of the perturbations `trained`, those of the policy's
    training. difference: condition − control over `pairs` paired episodes, with a 95 % interval. p: of that; p_holm:
    corrected for the number of conditions in the row's task set. All records must be of one policy on one asset pack
    (ValueError): others share no table.
    """
    import pandas

    records = list(records)
    owners = {(record.policy, record.assets) for record in records}
    if len(owners) > 1:
        raise ValueError(f"records of different policies or asset packs share no table: {sorted(owners)}")
    groups: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        groups.setdefault(record.task if by_task else record.task.rpartition("/")[0], []).append(record)
    if len(groups) > 1:
        groups[TOTAL] = records
    owner = dict(zip(("policy", "assets"), next(iter(owners), ("", "")), strict=True))
    rows = [
        {**owner, "task_set": task_set, **row}
        for task_set, members in groups.items()
        for row in _rows(members, control, counts, trained)
    ]
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def grid(frame: pandas.DataFrame, control: str = CLEAN) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text, in points: conditions side by side if they are few, one below the other if many."""
    rows = frame.to_dict("records")
    conditions = list(dict.fromkeys(row["condition"] for row in rows))
    if len(conditions) > WIDE:
        header = ["task set", "condition", "success % [95 %]", "n", f"− {control} [95 %]"]
        return header, [[row["task_set"], row["condition"], _rate(row), _n(row), _difference(row)] for row in rows]
    others = [condition for condition in conditions if condition != control]
    header = ["task set"]
    for condition in conditions:
        header += [f"{condition} % [95 %]", "n"]
    header += [f"{condition} − {control} [95 %]" for condition in others if control in conditions]
    lines = []
    for task_set in dict.fromkeys(row["task_set"] for row in rows):
        cells = {row["condition"]: row for row in rows if row["task_set"] == task_set}
        line = [task_set]
        for condition in conditions:
            line += [_rate(cells[condition]), _n(cells[condition])] if condition in cells else ["", ""]
        if control in conditions:
            line += [_difference(cells[condition]) if condition in cells else "" for condition in others]
        lines.append(line)
    return header, lines


def to_markdown(frame: pandas.DataFrame, control: str = CLEAN) -> str:
    """A Markdown table, numbers to the right, and below it what its figures are about."""
    header, rows = grid(frame, control)
    widths = [max(3, *(len(line[i]) for line in [header, *rows])) for i in range(len(header))]
    left = [name in WORDS for name in header]
    rule = ["-" * w if words else "-" * (w - 1) + ":" for words, w in zip(left, widths, strict=True)]
    lines = [[cell.ljust(w) if words else cell.rjust(w) for cell, words, w in zip(line, left, widths, strict=True)]
             for line in [header, *rows]]
    table = "".join("| " + " | ".join(line) + " |\n" for line in [lines[0], rule, *lines[1:]])
    return table + "".join(f"\n- {note}\n" for note in stats.question("fixed", 1))


def to_csv(frame: pandas.DataFrame) -> str:
    """The whole frame, fractions to six places."""
    text: str = frame.to_csv(index=False, float_format=lambda x: f"{round(x, 6) + 0.0:.6f}", lineterminator="\n")
    return text


def check_path(path: Path) -> None:
    """Raises OptionError unless `write` knows the suffix and the folder is there: to be asked before a long run."""
    if path.suffix not in SUFFIXES:
        raise OptionError(f"a table is written as {' or '.join(SUFFIXES)}, not {path.name!r}\n  fix: --table table.md")
    if not path.absolute().parent.is_dir():
        raise OptionError(f"--table {path}: there is no folder {path.absolute().parent}")


def write(frame: pandas.DataFrame, path: Path, control: str = CLEAN) -> None:
    """A file by its suffix: .md or .csv. Raises what `check_path` raises, and StoreError if it cannot be written."""
    check_path(path)
    text = to_markdown(frame, control) if path.suffix == ".md" else to_csv(frame)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write the table {path}: {error}\n  fix: name another file with --table") from error


def to_rich(frame: pandas.DataFrame, title: str = "", control: str = CLEAN) -> Blocks:
    """The table for a terminal, the total in bold, and what its figures are about."""
    from rich.markup import escape

    header, rows = grid(frame, control)
    left = sum(name in WORDS for name in header)
    marked = [[f"[bold]{escape(cell)}[/bold]" if cell and row[0] == TOTAL else escape(cell) for cell in row]
              for row in rows]
    plain, shown = (Grid([""] * len(header), header, each, left, set()) for each in (rows, marked))
    return Blocks(title, plain, shown, stats.question("fixed", 1))


def _rows(records: Sequence[EpisodeRecord], control: str, counts: Success | None,
          trained: Collection[str]) -> list[dict[str, Any]]:
    """One row per condition of one task set, the control first."""
    by_condition: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        by_condition.setdefault(record.condition, []).append(record)
    names = sorted(by_condition, key=lambda name: name != control)
    reference = _outcomes(by_condition.get(control, []), counts)
    rows = [_row(by_condition[name], _outcomes(by_condition[name], counts), None if name == control else reference,
                 trained) for name in names]
    for row, p in zip(rows, stats.holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    return rows


def _row(records: Sequence[EpisodeRecord], outcomes: Mapping[Episode, bool],
         reference: Mapping[Episode, bool] | None, trained: Collection[str]) -> dict[str, Any]:
    import numpy as np

    rate = stats.rate(np.array(list(outcomes.values()), dtype=np.bool_), [task for task, _, _ in outcomes])
    keys, first, second = stats.pair(reference or {}, outcomes)
    difference = stats.difference(first, second, [task for task, _, _ in keys])
    name = records[0].condition
    return {
        "condition": name,
        "n": rate.n,
        "successes": sum(outcomes.values()),
        "rate": rate.value,
        "low": rate.low,
        "high": rate.high,
        "errors": sum(record.status == "error" for record in records),
        "acted": sum(record.status != "error" and acted(record.changed) for record in records),
        "familiar": bool(familiar({name: set().union(*(held(record.realised) for record in records))}, trained)),
        "pairs": difference.n,
        "difference": difference.value,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p": difference.p,
    }


def _outcomes(records: Iterable[EpisodeRecord], counts: Success | None) -> dict[Episode, bool]:
    """Episode → success, without the errors."""
    return {
        (record.task, record.index, record.seed): won(record, counts)
        for record in records
        if record.status != "error"
    }


def _rate(row: Mapping[Hashable, Any]) -> str:
    return _points(row["rate"], row["low"], row["high"], mark=TRAINED if row["familiar"] else "")


def _n(row: Mapping[Hashable, Any]) -> str:
    said = [f"+{counted(row['errors'], 'error')}"] if row["errors"] else []
    said += [f"acted in {row['acted']}"] if row["condition"] != CLEAN and row["acted"] < row["n"] else []
    return f"{row['n']}" + (f" ({', '.join(said)})" if said else "")


def _difference(row: Mapping[Hashable, Any]) -> str:
    if not row["pairs"]:
        return ""
    return _points(row["difference"], row["difference_low"], row["difference_high"], sign="+")


def _points(value: float, low: float, high: float, sign: str = "", mark: str = "") -> str:
    """Fractions as points: `85.0 [64.0, 94.8]`, `85.0† [64.0, 94.8]`."""
    if math.isnan(value):
        return "–"
    text = f"{100 * value:{sign}.1f}{mark} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"
    return text.replace("-0.0", "0.0").replace("+0.0", "0.0").replace("-", "−")
