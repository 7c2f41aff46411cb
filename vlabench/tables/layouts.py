"""Which lines and columns a table has: the papers' layouts, a whole suite, severities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vlabench import cards, published, stats
from vlabench.card_types import SuiteCard
from vlabench.conditions import CLEAN
from vlabench.errors import OptionError, UnknownName
from vlabench.gather import Gathered, gather
from vlabench.published import Paper, PublishedTable
from vlabench.tables.severity import severity_sheet
from vlabench.tables.sheet import MEASURED, PUBLISHED, Head, Line, Sheet
from vlabench.tables.sides import Cell, Side, drop, outcomes_of, rate, sides

SUITE, SEVERITY = "suite", "severity"
EXTRA = ("mean of perturbed", "worst")
"""Rows of a suite's table below its conditions."""
AVERAGING = ("A column over several task sets or conditions is the mean of their rates, each with the same weight; "
             "intervals are Wilson's 95 %, for the number of different episodes.")  # fmt: skip
DROPS = ("Differences to clean pair the same episodes, with a 95 % bootstrap interval clustered by task; * marks "
         "p < 0.05, exact McNemar, corrected after Holm over the conditions.")  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What `vlabench table` can be told.

    suite: whose conditions are shown, as its card has them now. published: add the paper's own rows. partial: average
    over the task sets that are there, where a policy lacks some. by_task_set: rows for each task set, too. at_end:
    success has to hold at the end. reference: the policy whose failures the mCE is relative to.
    """

    layout: str = SUITE
    suite: str | None = None
    policies: Sequence[str] = ()
    assets: str | None = None
    published: bool = False
    partial: bool = False
    by_task_set: bool = False
    at_end: bool = False
    reference: str | None = None


def names() -> list[str]:
    """All layouts."""
    return [*published.layouts(), SUITE, SEVERITY]


def make(places: Sequence[Path], choice: Choice) -> Sheet:
    """The table of the records below some folders.

    Raises UnknownName for a layout, suite or policy, OptionError for options that do not go together, and what
    `gather` raises.
    """
    if choice.layout not in names():
        raise UnknownName("layout", choice.layout, names())
    paper = published.layouts().get(choice.layout)
    if choice.published and not paper:
        raise OptionError(f"no paper has a table like --layout {choice.layout}: --published goes with "
                          f"{', '.join(published.layouts())}")
    if paper and choice.suite:
        raise OptionError(f"--layout {choice.layout} is of the suite {paper[1].suite}: leave --suite out")
    if choice.reference and choice.layout != SEVERITY:
        raise OptionError(f"--reference goes with --layout {SEVERITY}")
    suite = paper[1].suite if paper else choice.suite
    card = cards.load_suite(suite) if suite else None
    gathered = _gathered(places, card, choice)
    cut, notes = sides(gathered, choice.at_end)
    notes = [*gathered.notes, *notes]
    if choice.at_end:
        notes.insert(0, "Success has to hold at the end of the episode.")
    if paper:
        return paper_sheet(*paper, cut, notes, choice)
    if choice.layout == SEVERITY:
        return severity_sheet(cut, notes, choice.reference)
    return suite_sheet(choice.suite, cut, notes, choice)


def paper_sheet(
    paper: Paper, table: PublishedTable, cut: Sequence[Side], notes: Sequence[str], choice: Choice
) -> Sheet:
    """The layout of a published table, filled with measured rows, and with the paper's own below if asked for."""
    lines, said = [], list(notes)
    there = _common(cut) if choice.partial else None
    for side in cut:
        cells = [rate(side, [leaf for leaf in table.leaves(column) if there is None or leaf[1] in there])
                 for column in table.columns]
        lines.append(Line(side.owner.policy, MEASURED, side.owner.assets, cells))
        said += _gaps(side, table, there)
    lines = [line for line in lines if any(line.cells)]
    if not lines:
        raise OptionError(f"nothing on record fills a column of {choice.layout}\n  mend: vlabench run --policy P "
                          f"--suite {table.suite}, or --partial where task sets are missing")
    if choice.published:
        lines += _published_lines(paper, table)
        said += _published_notes(paper, table)
    said += [AVERAGING, *_episodes(lines)]
    return Sheet(table.title, [Head(column.name, column.group) for column in table.columns], lines, said,
                 table.transposed)


def suite_sheet(suite: str | None, cut: Sequence[Side], notes: Sequence[str], choice: Choice) -> Sheet:
    """Rates and paired drops of all conditions, with the mean of the perturbed ones and the worst; lines as columns."""
    conditions = list(dict.fromkeys(name for side in cut for name in side.conditions))
    conditions.sort(key=lambda name: name != CLEAN)
    every = _common(cut) if choice.partial else list(dict.fromkeys(name for side in cut for name in side.task_sets))
    groups = [[name] for name in every] if choice.by_task_set and len(every) > 1 else []
    lines = []
    for side in cut:
        figures, drops = list[Cell | str | None](), list[Cell | str | None]()
        for task_sets in [*groups, every]:
            figures += _summary_cells(side, conditions, task_sets)
            drops += _drops(side, conditions, task_sets)
        lines.append(Line(side.owner.policy, MEASURED, side.owner.assets, figures))
        if any(drops):
            lines.append(Line(f"{side.owner.policy} − clean", MEASURED, side.owner.assets, drops, ranked=False))
    labels = [*(group[0] for group in groups), "all task sets"] if groups else [""]
    beside = _beside(conditions)
    heads = [Head(name, group) for group in labels for name in [*conditions, *beside]]
    over = [f"Over {', '.join(every)}."]
    if any((name, each) not in side.outcomes for side in cut for name in conditions for each in every):
        over.append("–: not played on all of these task sets; --by-task-set shows each, --suite S narrows to a "
                    "suite's, --partial to those that all policies have.")
    title = f"Success rate (%) on {suite}" if suite else "Success rate (%)"
    over += [AVERAGING, *([DROPS] if any(not line.ranked for line in lines) else []), *_episodes(lines)]
    return Sheet(title, heads, lines, [*notes, *over], transposed=True)


def _gathered(places: Sequence[Path], card: SuiteCard | None, choice: Choice) -> Gathered:
    """The records of a suite's conditions, task sets and tasks, or all there are."""
    if card is None:
        return gather(places, policies=choice.policies, assets=choice.assets)
    digests = {name: condition.digest for name, condition in card.conditions.items()}
    tasks = card.tasks or tuple(f"{task_set}/*" for task_set in card.task_sets)
    return gather(places, digests, tasks, choice.policies, choice.assets)


def _common(cut: Sequence[Side]) -> list[str]:
    """The task sets that all policies have played anything on."""
    return [name for name in cut[0].task_sets if all(name in side.task_sets for side in cut)] if cut else []


def _gaps(side: Side, table: PublishedTable, there: Sequence[str] | None) -> list[str]:
    """What a policy has not played of a table."""
    wanted = dict.fromkeys(leaf for column in table.columns for leaf in table.leaves(column))
    absent = [leaf for leaf in wanted if leaf not in side.outcomes]
    if not absent or len(absent) == len(wanted):
        return []
    conditions, task_sets = ", ".join(dict.fromkeys(leaf[0] for leaf in absent)), {leaf[1] for leaf in absent}
    what = f"averages are over {', '.join(there)}" if there is not None else "averages over them are left empty"
    return [f"{side.owner} lacks {conditions} on {', '.join(sorted(task_sets))}: {what}."]


def _summary_cells(side: Side, conditions: Sequence[str], task_sets: Sequence[str]) -> list[Cell | str | None]:
    found: list[Cell | str | None] = [rate(side, [(name, each) for each in task_sets]) for name in conditions]
    perturbed = [name for name, cell in zip(conditions, found, strict=True) if cell and name != CLEAN]
    if not perturbed or not _beside(conditions):
        return found + [None] * len(_beside(conditions))
    worst = stats.worst_condition({name: outcomes_of(side, name, task_sets) for name in perturbed})
    return [*found, rate(side, [(name, each) for name in perturbed for each in task_sets]),
            f"{worst.condition} {100 * worst.rate:.1f} [{100 * worst.low:.1f}, {100 * worst.high:.1f}]"]


def _drops(side: Side, conditions: Sequence[str], task_sets: Sequence[str]) -> list[Cell | str | None]:
    played = [name for name in conditions if all((name, each) in side.outcomes for each in task_sets)]
    found = {name: cell for name in played if (cell := drop(side, name, task_sets))}
    corrected = stats.holm([float(cell.p or 0) for cell in found.values()])
    cells = {name: replace(cell, p=p) for (name, cell), p in zip(found.items(), corrected, strict=True)}
    return [*(cells.get(name) for name in conditions), *[None] * len(_beside(conditions))]


def _beside(conditions: Sequence[str]) -> tuple[str, ...]:
    """EXTRA, where there are several perturbed conditions to sum up."""
    return EXTRA if len(set(conditions) - {CLEAN}) > 1 else ()


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


def _episodes(lines: Iterable[Line]) -> list[str]:
    """How many episodes are behind the cells."""
    counts = sorted({cell.n for line in lines for cell in line.cells if isinstance(cell, Cell) and cell.n})
    if not counts:
        return []
    return [f"Episodes behind a figure: {counts[0]}" + (f" to {counts[-1]}." if len(counts) > 1 else ".")]
