"""How often intervals hold and how wide they are, by simulation: the page results/statistics.md, written by COMMAND.

Two figures, the success rate of the second side and the difference of both, for both questions of `vlabench.stats`. All
draws have fixed keys, so that the page comes out the same everywhere.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.gate import errors
from tests.stats import rivals
from tests.stats.populations import DESIGNS, POPULATIONS, Design, Floats, Population, no_difference, outcomes
from vlabench import stats
from vlabench.stats import TASKS_AS, TasksAs, Worth
from vlabench.stats.rates import agresti_coull

DRAWS = 4_000
COMMAND = "python -m tests.stats.coverage > results/statistics.md"
FIGURES = ("rate", "difference")
LEAST, MOST, WIDEST, AMPLE = 0.93, 0.97, 1.5, 5
OURS = "this package"
QUESTION = {"fixed": "These tasks", "sample": "Tasks like these"}


@dataclass(frozen=True)
class Held:
    """How a method did on the data sets of a cell: the share of intervals that hold the truth, and their mean width."""

    coverage: float
    width: float


@dataclass(frozen=True)
class Cell:
    """One figure of one population in one design, for one question.

    oracle: the mean width of our interval if it were told what it has to estimate, how many independent episodes the
    data are worth. spread: the width of the middle 95 % of the estimates. ample: each task expects AMPLE or more of
    what the figure counts, and as many of what it does not.
    """

    figure: str
    population: Population
    design: Design
    tasks_as: TasksAs
    ample: bool
    oracle: float
    spread: float
    methods: dict[str, Held]

    @property
    def ours(self) -> Held:
        return self.methods[OURS]

    @property
    def missed(self) -> str:
        """The bar that this cell misses, in words; nothing if it misses none."""
        held, width = self.ours.coverage, self.ours.width
        rare = self.population.rare
        excused = self.tasks_as == "sample" and (rare > 0 and self.design.tasks < stats.FEW or 0 < rare <= 0.1)
        if held < LEAST and not excused:
            return f"holds in {100 * held:.1f} % only"
        if self.tasks_as == "fixed" and self.ample and held > MOST:
            return f"holds in {100 * held:.1f} %, more than it says"
        if self.tasks_as == "fixed" and not self.ample and width > WIDEST * self.oracle:
            return f"{width / self.oracle:.2f} times as wide as the oracle's"
        return ""

    def __str__(self) -> str:
        shown = f"{100 * self.ours.coverage:.1f} · {100 * self.ours.width:.1f} / {100 * self.oracle:.1f}"
        return f"**{shown}**" if self.missed else shown


def measured(population: Population, design: Design, tasks_as: TasksAs, draws: int) -> list[Cell]:
    """Both figures' cells, from the same data sets."""
    counts = population.drawn(design, tasks_as, draws)
    labels = np.repeat(np.arange(design.tasks), design.episodes).tolist()
    found, differences = np.empty((draws, len(FIGURES), 3)), list[stats.Difference]()
    for row, each in zip(found, counts, strict=True):
        first, second = outcomes(each)
        row[0] = stats.rate(second, labels, tasks_as)[1:]
        differences.append(stats.difference(first, second, labels, tasks_as))
        row[1] = differences[-1].estimate[1:]
    oracles = _told_rate(found[:, 0, 0]), _told_difference(differences)
    truths = population.truth(design.tasks if tasks_as == "fixed" else None)
    chances = population.suite(design.tasks)
    counted = chances[:, 0] + chances[:, 2], chances[:, 1] + chances[:, 2]
    cells = []
    for number, (figure, others) in enumerate(zip(FIGURES, (rivals.RATES, rivals.DIFFERENCES), strict=True)):
        values, low, high = found[:, number].T
        least = design.episodes * float(np.minimum(counted[number], 1 - counted[number]).min())
        methods = {OURS: _held(low, high, truths[number])}
        methods |= {name: _held(*method(counts), truths[number]) for name, method in others.items()}
        spread = float(np.subtract(*np.quantile(values, [0.975, 0.025])))
        ample = least >= AMPLE - 1e-9
        cells.append(Cell(figure, population, design, tasks_as, ample, oracles[number], spread, methods))
    return cells


def _told_rate(rates: Floats) -> float:
    """The mean width of intervals of these estimates that know their variance."""
    mean = rates.mean()
    worth = Worth(float(mean * (1 - mean) / rates.var()), math.inf)
    values, counts = np.unique(rates, return_counts=True)
    widths = [np.subtract(*agresti_coull(float(value), worth)[::-1]) for value in values]
    return float(np.average(widths, weights=counts))


def _told_difference(found: Sequence[stats.Difference]) -> float:
    """The same of differences."""
    lost, gained = (np.array([getattr(each, side) for each in found]) for side in ("lost", "gained"))
    gap = gained - lost
    worth = Worth(float((lost.mean() + gained.mean() - gap.mean() ** 2) / gap.var()), math.inf)
    kinds, counts = np.unique(np.stack([lost, gained], axis=1).round(12), axis=0, return_counts=True)
    widths = [told.high - told.low for told in (replace(found[0], lost=less, gained=more, worth=worth)
                                                for less, more in kinds.tolist())]
    return float(np.average(widths, weights=counts))


def _held(low: Floats, high: Floats, truth: float) -> Held:
    """With a little leave for rounding, where an end is the truth itself."""
    return Held(float(np.mean((low <= truth + 1e-9) & (truth - 1e-9 <= high))), float(np.mean(high - low)))


def false_stars(population: Population, design: Design, tasks_as: TasksAs, draws: int) -> tuple[float, float]:
    """The share of data sets with p < 0.05 where there is no difference: ours, and McNemar's over pooled pairs."""
    counts = population.drawn(design, tasks_as, draws)
    labels = np.repeat(np.arange(design.tasks), design.episodes).tolist()
    ours = [stats.difference(*outcomes(each), labels, tasks_as).p < 0.05 for each in counts]
    return float(np.mean(ours)), float(np.mean(rivals.mcnemar(counts) < 0.05))


def head(draws: int = DRAWS) -> str:
    """The page up to its first table."""
    error, least, most = 100 * (0.95 * 0.05 / draws) ** 0.5, 100 * LEAST, 100 * MOST
    return "\n\n".join([
        "# How often the intervals hold", f"    {COMMAND}",
        text(f"""Simulated paired episodes whose true rates are known, {draws:,} data sets in each cell: the standard
            error of a coverage of 95 % is {error:.2f} points. Nominal 95 % intervals, of the functions that tables,
            reports, ranks and gate use."""),
        text("""*These tasks*: the tasks of a suite and their rates are fixed, and only episodes are drawn; the truth is
            the mean over these tasks. *Tasks like these*: each data set draws its own tasks, and the truth is the mean
            over all tasks there are."""),
        text(f"""The bars, for these tasks: {least:.0f} % in every cell; at most {most:.0f} % where each task expects
            {AMPLE} or more of what is counted and as many of what is not (successes and failures; pairs that disagree
            and pairs that agree), and elsewhere a mean width of at most {WIDEST:g} times the oracle's. For tasks like
            these: {least:.0f} %, except where a kind of task that makes up a fifth or less carries the difference and
            fewer than {stats.FEW} tasks are drawn, or it makes up a tenth: no method holds there, and the figures are
            shown as they are. The oracle's interval is ours, told what it has to estimate: how many independent
            episodes the data are worth. Against another reading of "oracle", the middle 95 % of the estimates
            themselves, cells with about two rare events or fewer miss the bar; they are listed further below with what
            other methods give there.""")]) + "\n"


def coverage_tables(cells: Sequence[Cell]) -> Iterator[str]:
    """A table for each question and figure."""
    for tasks_as in TASKS_AS:
        yield f"## {QUESTION[tasks_as]}\n"
        for figure in FIGURES:
            here = [cell for cell in cells if (cell.figure, cell.tasks_as) == (figure, tasks_as)]
            yield f"The {figure}, by tasks × episodes: coverage in % · mean width / the oracle's, in points.\n"
            yield table(["tasks", *map(str, DESIGNS)], [
                [population.name, *(str(cell) for cell in here if cell.population is population)]
                for population in POPULATIONS])
            low, high = (pick(cell.ours.coverage for cell in here) for pick in (min, max))
            yield f"From {100 * low:.1f} to {100 * high:.1f} %. {_missed(here)}\n"


def _missed(cells: Sequence[Cell]) -> str:
    missed = [f"- {cell.population.name}, {cell.design}: {cell.missed}" for cell in cells if cell.missed]
    return "\n".join(["Bars missed (bold):\n", *missed]) if missed else "No bar is missed."


def wide_table(cells: Sequence[Cell]) -> Iterator[str]:
    """Where an interval is much wider than the oracle's: what others give there."""
    wide = [cell for cell in cells if cell.tasks_as == "fixed" and cell.ours.width > WIDEST * cell.spread]
    if not wide:
        return
    yield "## Much wider than the estimates scatter\n"
    yield text(f"""Where all episodes together hold about two of the rarer events or fewer, often none of them is seen,
        and an interval has to allow for that: these are more than {WIDEST:g} times as wide as the middle 95 % of the
        estimates, which only a simulation knows. Coverage in % · mean width in points, beside what others give. The
        bootstrap and Student's t have no width where nothing varies, which holds only if the truth is 0.""") + "\n"
    for figure in FIGURES:
        here = [cell for cell in wide if cell.figure == figure]
        if here:
            yield table([figure, "estimates", "oracle", *here[0].methods], [
                [f"{cell.population.name}, {cell.design}", f"{100 * cell.spread:.1f}", f"{100 * cell.oracle:.1f}",
                 *(f"{100 * held.coverage:.1f} · {100 * held.width:.1f}" for held in cell.methods.values())]
                for cell in here])


def rival_table(cells: Sequence[Cell]) -> Iterator[str]:
    """The plain alternatives on the same data sets."""
    yield "## What else could be used\n"
    yield text("""The lowest coverage of each method on the same data sets, in %, and its largest mean width as a
        multiple of ours; tasks like these without the populations in which a rare kind carries the
        difference.""") + "\n"
    rows = []
    for figure in FIGURES:
        for name in next(cell for cell in cells if cell.figure == figure).methods:
            row = [f"{figure}: {name}"]
            for tasks_as in TASKS_AS:
                here = [cell for cell in cells if (cell.figure, cell.tasks_as) == (figure, tasks_as)
                        and not (tasks_as == "sample" and cell.population.rare)]
                row += [f"{100 * min(cell.methods[name].coverage for cell in here):.1f}",
                        f"{max(cell.methods[name].width / cell.ours.width for cell in here):.2f}"]
            rows.append(row)
    columns = [f"{QUESTION[tasks_as].lower()}: {what}" for tasks_as in TASKS_AS for what in ("lowest", "widest")]
    yield table(["method", *columns], rows)


def star_table(draws: int) -> Iterator[str]:
    """How often a star is given where there is no difference."""
    yield "## Stars where there is no difference\n"
    yield text("""The share of p values below 0.05, in %: ours / the exact McNemar test over all pairs together, which
        takes a task's pairs for independent ones. It should be 5 at the most.""") + "\n"
    asked: list[tuple[TasksAs, Population]] = [("fixed", no_difference(0.0))]
    asked += [("sample", no_difference(sd)) for sd in (0.05, 0.1, 0.2)]
    rows = []
    for tasks_as, population in asked:
        _progress(f"stars, {population.name}")
        found = [false_stars(population, design, tasks_as, draws) for design in DESIGNS]
        rows.append([f"{QUESTION[tasks_as]}: {population.name}",
                     *(f"{100 * ours:.1f} / {100 * pooled:.1f}" for ours, pooled in found)])
    yield table(["", *map(str, DESIGNS)], rows)


def gate_tables(share: float) -> Iterator[str]:
    """The gate's error rates and power. share: of the simulated gates, for a quick look."""
    yield "## The gate\n"
    yield text("""One hypothesis a condition, on the mean over tasks, and one a task, with the same margins and errors
        for both commands. "Another one accused": a task that lost nothing was flagged, in any condition.""") + "\n"
    for part in errors.tables(share):
        yield part + "\n"


def text(paragraph: str) -> str:
    """Of the page, in lines of its width; a number and its per cent stay together."""
    together = " ".join(paragraph.split()).replace(" %", "\N{NO-BREAK SPACE}%")
    return textwrap.fill(together, 120).replace("\N{NO-BREAK SPACE}%", " %")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown, with the text columns to the left."""
    lines = [columns, [":---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(draws: int = DRAWS) -> Iterator[str]:
    """The whole page, in parts."""
    yield head(draws)
    cells: list[Cell] = []
    for tasks_as in TASKS_AS:
        for population in POPULATIONS:
            for design in DESIGNS:
                _progress(f"{QUESTION[tasks_as].lower()}, {population.name}, {design}")
                cells += measured(population, design, tasks_as, draws)
    yield from coverage_tables(cells)
    yield from wide_table(cells)
    yield from rival_table(cells)
    yield from star_table(draws)
    yield from gate_tables(draws / DRAWS)


def _progress(what: str) -> None:
    print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def main() -> None:
    print("\n".join(page()).rstrip())
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
