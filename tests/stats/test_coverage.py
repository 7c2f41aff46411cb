"""The simulation of results/statistics.md in small, its page, and what ours are compared with."""

from __future__ import annotations

import re

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from tests.places import ROOT
from tests.stats import coverage, rivals
from tests.stats.populations import POPULATIONS, Design, Population, outcomes
from vlabench.stats import TASKS_AS, TasksAs

PAGE = ROOT / "results" / "statistics.md"


def words(page: str) -> dict[str, list[str]]:
    """For each part of the page, its lines without what the draws decide: sentences, heads, labels of rows."""
    found = {}
    for part in re.split(r"^## ", page, flags=re.M)[1:]:
        title, *lines = part.split("\n")
        lines = [line for line in lines if line and not re.match("- |From|Bars missed|No bar", line)]
        found[title] = [line.split("|")[1] if re.match(r"\|.*\d\.\d.*\|", line) else re.sub("[0-9,]+ gates", "", line)
                        for line in lines]
    found.pop("Much wider than the estimates scatter", None)  # which rows there are is up to the draws
    return found


def test_the_page_is_that_of_the_module() -> None:
    """Its command, its words, its tables' heads and rows; the figures are those of far more data sets."""
    written = PAGE.read_text(encoding="utf-8")
    assert written.startswith(coverage.head()) and f"\n    {coverage.COMMAND}\n" in written
    made = words("\n".join(coverage.page(draws=20)))
    assert made == words(written) and len(made) >= 4
    assert all(population.name in str(made["These tasks"]) for population in POPULATIONS)


def test_the_page_misses_no_bar() -> None:
    assert PAGE.read_text(encoding="utf-8").count("No bar is missed.") == 4


@pytest.mark.parametrize("tasks_as", TASKS_AS)
@pytest.mark.parametrize("population", POPULATIONS[:3], ids=lambda population: population.name)
def test_intervals_hold_as_often_as_they_say(population: Population, tasks_as: TasksAs) -> None:
    """500 data sets: a coverage of 95 % is below 92 or above 98 % once in 500 times; the draws are always the same."""
    for cell in coverage.measured(population, Design(40, 20), tasks_as, draws=500):
        assert 0.92 <= cell.ours.coverage <= 0.98
        assert cell.ours.width == pytest.approx(cell.oracle, rel=0.2)


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda population: population.name)
def test_the_truth_is_what_many_episodes_show(population: Population) -> None:
    for tasks, tasks_as in ((40, "fixed"), (None, "sample")):
        counts = population.drawn(Design(40, 50), "sample" if tasks_as == "sample" else "fixed", draws=2000)
        shares = counts.sum(axis=1) / 2000
        for mine, truth in zip((shares[:, 0] + shares[:, 2], shares[:, 2] - shares[:, 1]), population.truth(tasks),
                               strict=True):
            assert mine.mean() == pytest.approx(truth, abs=4 * mine.std() / 2000**0.5)


def test_newcombes_interval_is_the_published_one() -> None:
    """Newcombe (1998), table II: 36, 12, 2, 0, first − second there."""
    low, high = rivals.newcombe(np.array([[[36, 12, 2, 0]], [[36, 2, 12, 0]]]))
    assert low.tolist() == pytest.approx([-0.3404, 0.0569], abs=5e-5)
    assert high.tolist() == pytest.approx([-0.0569, 0.3404], abs=5e-5)


def test_the_pooled_test_is_statsmodels() -> None:
    counts = np.array([[[8, 2, 1, 1], [3, 7, 0, 1]], [[1, 0, 0, 2], [2, 2, 2, 2]]])
    theirs = [mcnemar(each.sum(axis=0).reshape(2, 2), exact=True).pvalue for each in counts]
    assert rivals.mcnemar(counts).tolist() == pytest.approx(theirs)


def test_outcomes_have_the_numbers_that_were_drawn() -> None:
    first, second = outcomes(np.array([[1, 2, 0, 0], [0, 0, 1, 1]]))
    assert (first.tolist(), second.tolist()) == ([True] * 3 + [False] * 2, [True, False, False, True, False])
