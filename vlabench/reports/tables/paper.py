"""The layouts of papers: a published table's columns, filled with measured rows, and its own rows below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlabench.cards.published import SUCCESS, Paper, PublishedTable
from vlabench.errors import OptionError
from vlabench.reports.tables.outcomes import Beside, Leaf, Side
from vlabench.reports.tables.paired import Cell, mean_rate, rate
from vlabench.reports.tables.sheet import (
    AVERAGING,
    MEASURED,
    NESTED,
    PUBLISHED,
    TRAININGS,
    Head,
    Line,
    Sheet,
    acted,
    common,
    counts,
    leaving_out,
    less,
    question,
    trained,
    trained_under,
)
from vlabench.reports.tables.trainings import same_seed, with_trainings

Shares = Mapping[Leaf, float]


def paper_sheet(
    paper: Paper, table: PublishedTable, measured: Mapping[str, Sequence[Side]], notes: Sequence[str], published: bool,
    partial: bool, also: Beside | None = None,
) -> Sheet:
    """One line per policy; `published` adds the paper's. partial: average over the task sets that all policies have.

    measured: what columns measure → the policies' outcomes by it, in one order. also: successes by another rule, whose
    rates stand below. Where a paper groups its columns by measure, so are the lines. Raises OptionError if no policy
    fills any column.
    """
    cut = measured[SUCCESS]
    there = common(cut) if partial else None
    shares = [table.shares(column, there) for column in table.columns]
    sides = {side.owner: {name: each[number] for name, each in measured.items()} for number, side in enumerate(cut)}
    left_out = trained_under(cut, dict.fromkeys(name for each in shares for name, _ in each))
    own: list[tuple[Side, Line]] = []
    for side in cut:
        line = Line(side.owner.policy, MEASURED, side.owner.assets, [
            rate(sides[side.owner][column.measure], each) for column, each in zip(table.columns, shares, strict=True)])
        below = [*(_without(side, table, there, left_out) if left_out else []),
                 *(_beside(also, side, table, shares) if also else [])]
        own += [(side, each) for each in [line, *below]] if any(line.cells) else []
    lines, several = with_trainings(own, cut, lambda members: [
        mean_rate([sides[side.owner][column.measure] for side in members], each)
        for column, each in zip(table.columns, shares, strict=True)])
    if not lines:
        raise OptionError(f"nothing on record fills a column of {paper.name} {table.label}\n"
                          f"  fix: vlabench run --policy P --suite {table.suite}, or --partial where task sets are "
                          f"missing")
    said = [*notes, *([also.note] if also else []), *(gap for side in cut for gap in _gaps(side, table, there))]
    if published:
        lines += published_lines(paper, table)
        said += published_notes(paper, table)
    said += [*milestones(table), *leaving_out(left_out, lines), *same_seed(cut), question(cut[0].tasks_as, lines),
             NESTED if any(len({round(share, 9) for share in each.values()}) > 1 for each in shares) else AVERAGING,
             *([TRAININGS] if several else []), *trained(cut, lines), *acted(lines), *counts(cut, lines)]
    sheet = Sheet(table.title, [Head(column.name, column.group) for column in table.columns], lines, said,
                  table.transposed)
    return sheet.by_group() if len(table.measures) > 1 else sheet


def _without(side: Side, table: PublishedTable, there: Sequence[str] | None, names: Sequence[str]) -> list[Line]:
    """A policy's averages without some conditions, where they are others then."""
    cells: list[Cell | str | None] = []
    for column in table.columns:
        rest = table.shares(column, there, names)
        cells.append((rest != table.shares(column, there) and rate(side, rest)) or "")
    name = less(side.owner.policy, names)
    return [Line(name, MEASURED, side.owner.assets, cells, ranked=False)] if any(cells) else []


def _beside(also: Beside, side: Side, table: PublishedTable, shares: Sequence[Shares]) -> list[Line]:
    """A policy's successes by another rule."""
    cells = [rate(also.sides[side.owner], each) if column.measure == SUCCESS else ""
             for column, each in zip(table.columns, shares, strict=True)]
    return [Line(f"{side.owner.policy}, {also.name}", MEASURED, side.owner.assets, cells, ranked=False)]


def milestones(table: PublishedTable) -> list[str]:
    """What columns are that measure no success."""
    named = {column.measure: column.group or column.name for column in table.columns if column.measure != SUCCESS}
    return [f"{name}: the episodes that reached the milestone {measure}, at whatever step."
            for measure, name in named.items()]


def _gaps(side: Side, table: PublishedTable, there: Sequence[str] | None) -> list[str]:
    """What a policy has not played of a table."""
    wanted = dict.fromkeys(leaf for column in table.columns for leaf in table.shares(column))
    absent = [leaf for leaf in wanted if leaf not in side.outcomes]
    if not absent or len(absent) == len(wanted):
        return []
    conditions, task_sets = ", ".join(dict.fromkeys(leaf[0] for leaf in absent)), {leaf[1] for leaf in absent}
    what = f"averages are over {', '.join(there)}" if there is not None else "averages over them are left empty"
    return [f"{side.owner} lacks {conditions} on {', '.join(sorted(task_sets))}: {what}."]


def published_lines(paper: Paper, table: PublishedTable) -> list[Line]:
    """The paper's own rows: rates, or numbers of steps as text."""
    nothing = float("nan")

    def cell(figure: float, spread: float) -> Cell | str:
        if table.steps:
            return f"{figure:g}" if figure == figure else "–"
        return Cell(round(figure / 100, 6), nothing, nothing, 0, spread=None if spread != spread else spread / 100)

    return [Line(table.called(row), PUBLISHED, f"{paper.name} {table.label}",
                 list(map(cell, row.rates, row.spread or [nothing] * len(row.rates)))) for row in table.rows]


def published_notes(paper: Paper, table: PublishedTable) -> list[str]:
    """Where its rows are from, and what is odd about them."""
    where = f"{paper.name} {table.label}"
    off = [f"{where}, {each.row}, {each.column}: its parts (table {each.table}) average to {each.follows:.1f}"
           for each in table.deviations]
    return [f"Published rows are quoted from {paper.source} ({paper.name}): {paper.assets} assets, the paper's own "
            f"reading of the perturbations and its own policies. They are no rivals of measured rows.",
            *([f"{where}: ± is {paper.spread}."] if any(row.spread for row in table.rows) else []),
            *(f"{where}: {note}" for note in table.notes), *off]
