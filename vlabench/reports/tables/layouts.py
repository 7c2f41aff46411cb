"""Which lines and columns a table has: the papers' layouts, a whole suite, severities, a summary."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vlabench import cards
from vlabench.cards import published
from vlabench.cards.published import Paper, PublishedTable
from vlabench.cards.suite import SuiteCard
from vlabench.errors import OptionError, UnknownName
from vlabench.records.frame import Loaded, load_records
from vlabench.records.read import asked
from vlabench.reports.tables.cost import cost_sheet
from vlabench.reports.tables.cutting import cut as together
from vlabench.reports.tables.methods import methods_sheet, taking_part
from vlabench.reports.tables.outcomes import Beside, Side, beside
from vlabench.reports.tables.paired import rules, sides
from vlabench.reports.tables.paper import paper_sheet
from vlabench.reports.tables.severity import severity_sheet
from vlabench.reports.tables.sheet import Sheet, apart
from vlabench.reports.tables.steps import steps_sheet
from vlabench.reports.tables.suite import suite_sheet
from vlabench.reports.tables.summary import summary_sheet
from vlabench.reports.tables.trainings import named, trainings
from vlabench.stats import TasksAs
from vlabench.types import Success

SUITE, SEVERITY, DIMENSIONS = "suite", "severity", "dimensions"
SUMMARY, COST, METHODS = "summary", "cost", "methods"


@dataclass(frozen=True)
class Choice:
    """What `vlabench table` can be told.

    suite: whose conditions are shown, as its card has them now. published: add the paper's own rows. partial: average
    over the task sets that all have, where a policy lacks some. by_task_set: rows for each task set, too. at_end:
    success has to hold at the end. reference: the policy whose failures the mCE is relative to. versus: the policy
    that each is compared with, on the episodes that the two share; a suite's differences are to it, instead of to the
    clean condition. tasks_as: the question that the figures answer. starts: the first and the last episode number of
    those that count; by default all do.
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
    versus: str | None = None
    tasks_as: TasksAs = "fixed"
    starts: tuple[int, int] | None = None


def names() -> list[str]:
    """All layouts."""
    return [*published.layouts(), SUITE, SEVERITY, DIMENSIONS, SUMMARY, COST, METHODS]


def make(places: Sequence[Path], choice: Choice) -> Sheet:
    """The table of the records below some folders.

    Raises UnknownName for a layout, suite or policy, OptionError for options that do not go together, and what
    `load_records` raises.
    """
    paper = _checked(choice)
    suite = paper[1].suite if paper else choice.suite
    card = cards.load_suite(suite) if suite else None
    milestones = [each for each in paper[1].measures if each != published.SUCCESS] if paper else []
    loaded = load_records(places, *asked(card), choice.policies, choice.assets, bool(milestones))
    if choice.starts:
        loaded = _between(loaded, *choice.starts)
    if not any(map(len, loaded.records.values())) and not (paper and paper[1].steps):
        what = f" of suite {suite!r}" if suite else ""
        raise OptionError("\n  ".join([f"no episode{what} is on record as it is played now", *loaded.notes,
                                       "fix: vlabench run --policy P --suite S plays them"]))
    counts: Success | None = "end" if choice.at_end else card.success if card else None
    versus = None if choice.layout == METHODS else choice.versus  # all of its policies share their episodes
    _check_versus(versus, loaded)
    cut, notes = sides(loaded, counts, choice.tasks_as, versus=versus)
    absent = ", ".join(str(side.owner) for side in cut if not side.outcomes and not side.errors
                       and not any(note.startswith(f"{side.owner}:") for note in loaded.notes))
    if choice.layout == METHODS:
        _check_versus(choice.versus, loaded, [named(group) for group in trainings(cut)])
        cut, left_out = taking_part(cut)
        cut, compared = together(cut)
        notes += [*left_out, *compared]
    cut = sorted((side for side in cut if side.outcomes or side.errors), key=lambda side: side.owner.assets)
    notes = [*loaded.notes, *notes, *([f"Without an episode here: {absent}."] if absent else [])]
    notes = [*rules(counts, cut), *notes]

    def again(counts: Success | None = None, milestone: str | None = None) -> list[Side]:
        """The same policies by another success, or by a milestone."""
        found = sides(loaded, counts, choice.tasks_as, versus=versus, milestone=milestone)[0]
        by_owner = {side.owner: side for side in found}
        return [by_owner[side.owner] for side in cut]

    also = beside(card.also, again(card.also)) if card and card.also and not choice.at_end else None
    measured = {published.SUCCESS: cut, **{each: again(milestone=each) for each in milestones}}
    sheet = _sheet(choice, paper, card, measured, notes, also)
    return replace(sheet, notes=[*sheet.notes, *apart(sheet, choice.versus is not None)])


def _check_versus(versus: str | None, loaded: Loaded, others: Collection[str] = ()) -> None:
    """Raises UnknownName unless it is None, a policy, or one of the others that have lines."""
    known = {owner.policy for owner in loaded.records}.union(others)
    if versus is not None and versus not in known:
        raise UnknownName("policy", versus, known, where="--versus")


def _between(loaded: Loaded, first: int, last: int) -> Loaded:
    """The episodes of these numbers. Raises OptionError if there are none, of any."""
    known = [int(end) for rows in loaded.records.values() if len(rows)
             for end in (rows["index"].min(), rows["index"].max())]
    kept = {owner: rows[rows["index"].between(first, last)] for owner, rows in loaded.records.items()}
    if known and not any(map(len, kept.values())):
        raise OptionError(f"--starts {first}-{last}: the episodes on record have the numbers {min(known)} to "
                          f"{max(known)}\n  fix: vlabench run --policy P --suite S --episodes {last + 1} plays them; "
                          f"or other starts")
    return replace(loaded, records=kept, notes=(*loaded.notes, f"Of every task the starts {first} to {last} alone."))


def _checked(choice: Choice) -> tuple[Paper, PublishedTable] | None:
    """The paper's table that is asked for, if it is one. Raises as `make` does for what was chosen."""
    if choice.layout not in names():
        raise UnknownName("layout", choice.layout, names())
    paper = published.layouts().get(choice.layout)
    if choice.published and not paper:
        raise OptionError(f"no paper has a table like --layout {choice.layout}: --published goes with "
                          f"{', '.join(published.layouts())}")
    if paper and choice.suite:
        raise OptionError(f"--layout {choice.layout} is of the suite {paper[1].suite}: leave --suite out")
    for option, value, layouts in (("reference", choice.reference, (SEVERITY, DIMENSIONS)),
                                   ("by-task-set", choice.by_task_set, (SUITE,))):  # fmt: skip
        if value and choice.layout not in layouts:
            raise OptionError(f"--{option} goes with --layout {' or '.join(layouts)}")
    if choice.partial and choice.layout == METHODS:
        raise OptionError("--partial says nothing about --layout methods, which compares on what all have played\n"
                          "  fix: leave it out; --policies chooses")
    return paper


def _sheet(choice: Choice, paper: tuple[Paper, PublishedTable] | None, card: SuiteCard | None,
           measured: Mapping[str, Sequence[Side]], notes: Sequence[str], also: Beside | None) -> Sheet:
    """The layout's, a suite's with policies in rows. measured: what columns measure → outcomes; success by itself."""
    cut = measured[published.SUCCESS]
    if paper and paper[1].steps:
        return steps_sheet(*paper, cut, notes, choice.published)
    if paper:
        return paper_sheet(*paper, measured, notes, choice.published, choice.partial, also)
    if choice.layout in (SEVERITY, DIMENSIONS):
        return severity_sheet(cut, notes, choice.reference, dimensions=choice.layout == DIMENSIONS)
    if choice.layout == COST:
        return cost_sheet(cut, notes)
    if choice.layout == METHODS:
        return methods_sheet(cut, notes, card, choice.versus)
    if choice.layout == SUMMARY:
        return summary_sheet(choice.suite, cut, notes, also=also)
    sheet = suite_sheet(choice.suite, cut, notes, choice.by_task_set, choice.partial, choice.versus, also)
    return replace(sheet.by_group(), transposed=False, grouping="task set")
