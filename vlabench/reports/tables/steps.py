"""The layouts of papers that count training steps: when the policies that a training kept first reach a success rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlabench.cards.published import Paper, PublishedTable
from vlabench.errors import OptionError
from vlabench.reports.tables.outcomes import Leaf, Side
from vlabench.reports.tables.paired import rate
from vlabench.reports.tables.paper import published_lines, published_notes
from vlabench.reports.tables.sheet import MEASURED, Head, Line, Sheet
from vlabench.reports.tables.trainings import kept

NONE = "no training is on record by two policies or more that it kept, as robustvla-4 and robustvla-8"
FIX = ("vlabench train --policy P --out DIR keeps one after every evaluation (`eval_every`), vlabench run --policy "
       "DIR/P-4.toml --suite {} plays it")
HOW = ("Measured steps are a training's iterations, looked at where it kept a policy whose episodes are on record: the "
       "first of these that succeeds as often in them. –: none does. FAN's tables 15 and 17 count every iteration's "
       "rollouts instead, which a training's own curves.csv has as `success`.")


def steps_sheet(paper: Paper, table: PublishedTable, cut: Sequence[Side], notes: Sequence[str], published: bool,
                ) -> Sheet:
    """One line per training; `published` adds the paper's. Raises OptionError if there is neither."""
    shares = [(table.shares(column), column.threshold or 0.0) for column in table.columns]
    lines = [Line(name, MEASURED, assets, [first(each, share, threshold) for share, threshold in shares], ranked=False)
             for (name, assets), each in kept(cut).items()]
    lines = [line for line in lines if any(line.cells)]
    if not lines and not published:
        raise OptionError(f"{NONE}\n  fix: {FIX.format(table.suite)}; or --published shows the paper's rows")
    said = [*notes, HOW] if lines else [*notes, f"{NONE[0].upper()}{NONE[1:]}: the rows are the paper's alone."]
    if published:
        lines += published_lines(paper, table)
        said += published_notes(paper, table)
    return Sheet(table.title, [Head(column.name, column.group, lower=True) for column in table.columns], lines, said,
                 naming="training")


def first(policies: Mapping[int, Side], shares: Mapping[Leaf, float], points: float) -> str:
    """The iteration of the first policy (in their order) that reaches a rate; nothing where none was played."""
    rates = {number: cell.value for number, side in policies.items() if (cell := rate(side, shares))}
    if not rates:
        return ""
    return next((str(number) for number, value in rates.items() if 100 * value >= points), "–")
