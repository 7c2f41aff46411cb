"""The layouts of papers: a published table's columns, filled with measured rows, and its own rows below."""

from __future__ import annotations

from collections.abc import Sequence

from vlabench.cards.published import Paper, PublishedTable
from vlabench.errors import OptionError
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell, mean_rate, rate
from vlabench.reports.tables.sheet import (
    AVERAGING,
    MEASURED,
    PUBLISHED,
    TRAININGS,
    Head,
    Line,
    Sheet,
    acted,
    common,
    counts,
    question,
    trained,
)
from vlabench.reports.tables.trainings import same_seed, with_trainings


def paper_sheet(
    paper: Paper, table: PublishedTable, cut: Sequence[Side], notes: Sequence[str], published: bool, partial: bool
) -> Sheet:
    """One line per policy; `published` adds the paper's. partial: average over the task sets that all policies have.

    Raises OptionError if no policy fills any column.
    """
    there = common(cut) if partial else None
    leaves = [[leaf for leaf in table.leaves(column) if there is None or leaf[1] in there] for column in table.columns]
    own = [(side, Line(side.owner.policy, MEASURED, side.owner.assets, [rate(side, each) for each in leaves]))
           for side in cut]
    said = [*notes, *(gap for side in cut for gap in _gaps(side, table, there))]
    lines, several = with_trainings([(side, line) for side, line in own if any(line.cells)], cut,
                                    lambda members: [mean_rate(members, each) for each in leaves])
    if not lines:
        raise OptionError(f"nothing on record fills a column of {paper.name} table {table.number}\n"
                          f"  fix: vlabench run --policy P --suite {table.suite}, or --partial where task sets are "
                          f"missing")
    if published:
        lines += _published_lines(paper, table)
        said += _published_notes(paper, table)
    said += [*same_seed(cut), question(cut[0].tasks_as, lines), AVERAGING, *([TRAININGS] if several else []),
             *trained(cut, lines), *acted(lines), *counts(cut, lines)]
    return Sheet(table.title, [Head(column.name, column.group) for column in table.columns], lines, said,
                 table.transposed)


def _gaps(side: Side, table: PublishedTable, there: Sequence[str] | None) -> list[str]:
    """What a policy has not played of a table."""
    wanted = dict.fromkeys(leaf for column in table.columns for leaf in table.leaves(column))
    absent = [leaf for leaf in wanted if leaf not in side.outcomes]
    if not absent or len(absent) == len(wanted):
        return []
    conditions, task_sets = ", ".join(dict.fromkeys(leaf[0] for leaf in absent)), {leaf[1] for leaf in absent}
    what = f"averages are over {', '.join(there)}" if there is not None else "averages over them are left empty"
    return [f"{side.owner} lacks {conditions} on {', '.join(sorted(task_sets))}: {what}."]


def _published_lines(paper: Paper, table: PublishedTable) -> list[Line]:
    nothing = float("nan")
    return [
        Line(row.name, PUBLISHED, f"{paper.name} table {table.number}",
             [Cell(round(points / 100, 6), nothing, nothing, 0) for points in row.rates])
        for row in table.rows
    ]  # fmt: skip


def _published_notes(paper: Paper, table: PublishedTable) -> list[str]:
    number = f"{paper.name} table {table.number}"
    off = [f"{number}, {each.row}, {each.column}: its parts (table {each.table}) average to {each.follows:.1f}"
           for each in table.deviations]
    return [f"Published rows are quoted from {paper.source} ({paper.name}): {paper.assets} assets, the paper's own "
            f"reading of the perturbations and its own policies. They are no rivals of measured rows.", *off]
