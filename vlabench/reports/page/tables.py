"""The report's tables: sheets as `vlabench table` has them, conditions with their verdicts, tasks, policies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from vlabench import stats
from vlabench.cards.conditions import CLEAN
from vlabench.gate.report import points
from vlabench.gate.verdicts import Finding
from vlabench.reports.page.text import COMPARED, HOPELESS, WITHSTOOD, estimate, percent, why
from vlabench.reports.page.verdicts import Comparison, Standing
from vlabench.reports.plots import Data
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.paired import Cell, mean_difference, rate
from vlabench.reports.tables.render import TRAINED, grid
from vlabench.reports.tables.sheet import Mark, Sheet
from vlabench.util.html import Html, cell, drawn, sortable, tag, together
from vlabench.util.text import counted

ROOM = 16
"""A table with more rows scrolls in a box of its own."""


def sheet_table(sheet: Sheet) -> Html:
    """A sheet whose columns sort; a column of words that says the same in every row is left out."""
    sheet = sheet.with_counts()
    found = grid(sheet, _marked)
    values = ([[line.cells[number] for line in sheet.lines] for number in range(len(sheet.columns))]
              if sheet.transposed else [line.cells for line in sheet.lines])
    words = [row[: found.left] for row in found.rows]
    last = found.left - 1
    kept = [i for i in range(found.left) if (sheet.transposed and i == last) or len({row[i] for row in words}) > 1]
    names = [": ".join(filter(None, pair)) for pair in zip(found.groups, found.header, strict=True)]
    header = [names[i] or ("condition" if i == last else "task set") for i in kept]
    header += [f">{name}" for name in names[found.left :]]
    rows = [[*(cell(row[i], row[i]) for i in kept), *map(_figure, figures, shown[found.left :])]
            for row, figures, shown in zip(words, values, found.rows, strict=True)]
    return boxed(header, rows)


def conditions_table(found: Sequence[Standing], compared: Sequence[Comparison]) -> Html:
    """A row for each condition; for each policy its rate, by the success that the suite prints, too, if it does, what
    that is less than clean, and whether it withstands it.

    Rates and differences are over the task sets that a condition was played on; those that were not played on all are
    named.
    """
    names = sorted(dict.fromkeys(name for each in found for name in each.side.conditions), key=lambda n: n != CLEAN)
    several, costs = len(found) > 1, any(each.costs for each in found)
    header = ["condition"]
    for each in found:
        policy = f"{each.side.owner.policy}: " if several else ""
        header += [f">{policy}success, %", *([] if several else [">"])]
        header += [f">{policy}{each.also.name}, %"] if each.also else []
        header += [f">{policy}− clean, points [as judged]", f"{policy}verdict"] if costs else []
    for other in compared:
        header += [f">{other.side.owner.policy} − {other.baseline.owner.policy}, points [as judged]", "verdict"]
    rows = []
    for name in names:
        row = [cell(name, name, _where(found, name))]
        for each in found:
            row += _of_policy(each, name, several, costs)
        for other in compared:
            row += [_judged(other.findings, other.differences, name), _verdict(other.findings, name, COMPARED)]
        rows.append(row)
    return boxed(header, rows)


def policies_table(found: Sequence[Standing], compared: Sequence[Comparison], about: Mapping[str, Html]) -> Html:
    """A row for each policy: rates clean and perturbed, what perturbations cost, the lowest rate, and the difference to
    the one that the others are compared with; below it its rates by the success that the suite prints, too. about: what
    else is to be said of a policy.
    """
    differences = {each.side.owner.policy: each.perturbed or each.clean and estimate(each.clean) for each in compared}
    perturbed = any(each.perturbations for each in found)
    header = ["policy", ">clean, %", ">"]
    header += [">perturbed, %", ">", ">− clean, points", "lowest"] if perturbed else []
    header += [f">− {compared[0].baseline.owner.policy}, points"] if compared else []
    rows = []
    for each in found:
        policy = each.side.owner.policy
        worst = each.rate(each.worst) if each.worst else None
        lowest = f"{each.worst} {percent(worst)}" if worst else "–"
        row = [cell(policy, tag("b", policy), tag("div", about.get(policy, Html("")), class_="soft")),
               *rate_cells(each.clean)]
        row += [*rate_cells(each.perturbed), difference_cell(each.cost),
                tag("td", lowest, class_="words", data_value=worst.value if worst else ""),
                ] if perturbed else []
        rows.append(row + ([difference_cell(differences.get(policy))] if compared else []))
        if each.also:
            name = f"{policy}, {each.also.name}"
            row = [cell(name, name), *rate_cells(each.also.clean)]
            row += rate_cells(each.also.perturbed) if perturbed else []
            rows.append(row + [cell("", "")] * (len(header) - len(row)))
    return boxed(header, rows)


def tasks_table(data: Data, found: Sequence[Standing], instructions: Mapping[str, str]) -> Html:
    """A row for each task: its instruction where known, and for each policy the rates clean and perturbed, and the
    difference.
    """
    header = ["task"]
    parts = [(each, by_task(each.side)) for each in found]
    for each in found:
        policy = f"{each.side.owner.policy}: " if len(found) > 1 else ""
        header += [f">{policy}clean, %"] + [f">{policy}perturbed, %", f">{policy}− clean, points"] * bool(each.averaged)
    rows = []
    for number, name in enumerate(data.tasks):
        told = tag("div", instructions[name], class_="soft") if name in instructions else None
        row = [tag("td", name, told, class_="words", data_value=number)]
        for each, split in parts:
            row.append(rate_cells(rate(split, [(CLEAN, name)]))[0])
            if each.averaged:
                leaves = [leaf for condition in each.averaged if (leaf := (condition, name)) in split.outcomes]
                clean = split.outcomes.get((CLEAN, name), {})
                lost = mean_difference([(clean, split.outcomes[leaf]) for leaf in leaves], each.side.tasks_as)
                row += [rate_cells(rate(split, leaves))[0], difference_cell(lost)]
        rows.append(row)
    return boxed(header, rows)


def by_task(side: Side) -> Side:
    """The same outcomes with each task as a task set of its own."""
    split: dict[tuple[str, str], dict[tuple[str, int, int], bool]] = {}
    for (condition, _), outcomes in side.outcomes.items():
        for key, won in outcomes.items():
            split.setdefault((condition, key[0]), {})[key] = won
    return Side(side.owner, split, tasks_as=side.tasks_as)


def rate_cells(figure: Cell | None) -> list[Html]:
    """A rate in points with its interval, and that drawn."""
    if figure is None:
        return [cell(None, "–"), cell(None)]
    said = percent(figure).replace(" %", "")
    errors = f"; {figure.errors} more ended in errors" if figure.errors else ""
    idle = figure.acted is not None and figure.acted < figure.n
    acted = tag("div", f"acted in {figure.acted:,} of {figure.n:,}", class_="soft") if idle else None
    shown, *interval = _split(said)
    met = tag("span", TRAINED, title="with a perturbation that it was trained under") if figure.familiar else None
    return [tag("td", shown, met, *interval, acted, class_="number", data_value=figure.value,
                title=f"{counted(figure.n, 'episode')}{errors}"),
            cell(figure.value) if math.isnan(figure.low) else
            cell(figure.value, drawn(figure.value, figure.low, figure.high, said))]


def difference_cell(figure: Cell | stats.Estimate | stats.Difference | None) -> Html:
    """A paired difference in points with its interval."""
    if figure is None or not figure.n:
        return cell(None, "–")
    found = estimate(figure) if isinstance(figure, Cell) else figure
    return tag("td", *_split(points(found)), class_="number", data_value=found.value, title=counted(found.n, "pair"))


def boxed(header: list[str], rows: list[list[Html]]) -> Html:
    """A sortable table, in a box that scrolls if it is long."""
    return tag("div", sortable(header, rows), class_="tall" if len(rows) > ROOM else None)


def _of_policy(each: Standing, name: str, several: bool, costs: bool) -> list[Html]:
    figure, interval = rate_cells(each.rate(name))
    words = HOPELESS if each.hopeless else WITHSTOOD
    judged = [_judged(each.findings, each.costs, name), _verdict(each.findings, name, words)] if costs else []
    also = rate_cells(each.also_rate(name))[:1] if each.also else []
    return [figure, *([] if several else [interval]), *also, *judged]


def _judged(findings: Mapping[str, Finding], differences: Mapping[str, Cell], name: str) -> Html:
    """A difference with the interval by which it was judged, so that no interval belies the verdict beside it."""
    finding = findings.get(name)
    return difference_cell(finding.difference if finding and finding.pairs else differences.get(name))


def _verdict(findings: Mapping[str, Finding], name: str, words: Mapping[stats.Verdict, str]) -> Html:
    finding = findings.get(name)
    if finding is None:
        return cell("", "")
    said = words[finding.verdict]
    fine = "mark" if words is HOPELESS else "mark fine"
    mark = {"regression": "mark warn", "no regression": fine, "undecided": "mark"}[finding.verdict]
    return cell(said, tag("span", said, class_=mark, title=why(finding) or None))


def _where(found: Sequence[Standing], name: str) -> Html | None:
    """The task sets of a condition that was not played on all."""
    every = {each for one in found for each in one.side.task_sets}
    here = dict.fromkeys(each for one in found for each in one.side.task_sets if (name, each) in one.side.outcomes)
    return tag("div", "on ", ", ".join(here), class_="soft") if set(here) != every else None


def _marked(text: str, mark: Mark) -> Html:
    """A figure of a sheet: best in bold, second underlined."""
    shown = together(*_split(text))
    return {Mark.best: tag("b", shown), Mark.second: tag("u", shown), Mark.none: shown}[mark]


def _split(text: str) -> list[str]:
    """`71.3 [69.0, 73.5]`: the interval in small print."""
    figure, bracket, interval = text.partition(" [")
    return [figure, tag("span", f" [{interval}", class_="soft")] if bracket else [figure]


def _figure(figure: Cell | str | None, shown: str) -> Html:
    """A sheet's figure, sorted by its value; text and what is no number come last."""
    return cell(figure.value if isinstance(figure, Cell) and not math.isnan(figure.value) else None, shown)
