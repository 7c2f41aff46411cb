"""The published tables against the averages that the papers state, and against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from vlabench import cards
from vlabench.cards import published
from vlabench.cards.published import Check, Paper, PublishedTable, Row
from vlabench.errors import CardError

PAPERS = published.papers()
TABLES = [(stem, table.number) for stem, paper in PAPERS.items() for table in paper.tables]


def table_of(paper: Paper, number: str) -> PublishedTable:
    (found,) = (table for table in paper.tables if table.number == number)
    return found


def rate(table: PublishedTable, row: Row, column: str) -> float:
    return dict(zip((each.key for each in table.columns), row.rates, strict=True))[column]


def checks(table: PublishedTable) -> list[Check]:
    """The averages a table states, of its own columns and of other tables'."""
    own = [Check(column=each.key, table=table.number, of=each.of) for each in table.columns if each.of]
    return own + list(table.checks)


def step(rates: tuple[float, ...]) -> float:
    """The last decimal place in use: 0.1 or 0.01."""
    return 0.1 if all(math.isclose(each, round(each, 1)) for each in rates if not math.isnan(each)) else 0.01


def averages(paper: Paper, table: PublishedTable) -> Iterator[tuple[Row, Check, float, float]]:
    """(row, check, what the paper states, what follows)."""
    for check in checks(table):
        other = table_of(paper, check.table)
        for row in table.rows:
            sources = [row] if other is table else [each for each in other.rows if each.name == row.name]
            for source in sources:
                follows = sum(rate(other, source, column) for column in check.of) / len(check.of)
                yield row, check, rate(table, row, check.column), follows


@pytest.mark.parametrize(("stem", "number"), TABLES)
def test_averages_follow_from_their_columns_or_are_noted(stem: str, number: str) -> None:
    """A stated average may be off by what rounding it and rounding its parts can do: one unit in the last place."""
    paper = PAPERS[stem]
    table = table_of(paper, number)
    noted = {(each.row, each.column, each.table): each.follows for each in table.deviations}
    off = {(row.name, check.column, check.table): follows for row, check, stated, follows in averages(paper, table)
           if abs(stated - follows) > step(row.rates) + 1e-9}
    assert off.keys() == noted.keys()
    assert off == pytest.approx(noted, abs=0.006)


def test_the_averages_are_really_looked_at() -> None:
    looked = {stem: sum(1 for table in paper.tables for _ in averages(paper, table)) for stem, paper in PAPERS.items()}
    # By hand: RobustVLA: 10 + 10·6, 9 + 9·3, 10, 10 and 9·3; FAN: 3 + 3·3, 5 + 5·3, 7, 9 and 5; PAIR-VLA: 4 and 4.
    assert looked == {"robustvla": 153, "fan": 53, "pair": 8, "rl4vla": 0}


def test_figures_that_the_papers_texts_repeat() -> None:
    """Sentences of the papers, not their tables."""
    robust, fan, pair = PAPERS["robustvla"], PAPERS["fan"], PAPERS["pair"]

    def of(paper: Paper, number: str, row: str, column: str, group: str = "") -> float:
        table = table_of(paper, number)
        (found,) = (each for each in table.rows if each.name == row and each.group == (group or each.group))
        return rate(table, found, column)

    assert [of(robust, "1", name, "Avg.") for name in ("RobustVLA", "RobustVLA-C", "OpenVLA-OFT", "OpenVLA")] == [
        82.5, 82.2, 80.6, 47.9]
    assert [of(robust, "2", name, "Avg.") for name in ("RobustVLA", "RobustVLA-C", "OpenVLA-OFT", "ARFM")] == [
        54.8, 54.7, 53.5, 50.1]
    assert [of(robust, "3", name, "Avg.") for name in ("RobustVLA-C", "OpenVLA-OFT", "OpenVLA", "ReinboT")] == [
        82.1, 69.5, 10.8, 48.7]
    assert [of(pair, "figure 3", name, "Distractors 8", model) for model in ("OpenVLA", "π0.5")
            for name in ("PAIR-VLA", "PPO")] == [72, 56, 33, 21]
    assert [of(fan, "10", name, "Spatial") for name in ("OpenVLA", "OpenVLA-OFT", "OpenVLA-OFT + FAN-SFT")] == [
        84.7, 95.2, 98.8]
    for column, gain in (("In-distribution", 11.7), ("Out-of-distribution Avg.", 5.2)):
        assert of(fan, "1", "OpenVLA + FAN-SFT", column) - of(fan, "1", "OpenVLA + SFT", column) == pytest.approx(gain)
    for group, gain in (("OpenVLA", 9.10), ("π0.5", 16.62)):
        found = of(pair, "1", "PAIR-VLA", "Avg.", group) - of(pair, "1", "PPO", "Avg.", group)
        assert found == pytest.approx(gain)


def test_one_paper_quotes_another_as_it_is_where_the_notes_do_not_say_otherwise() -> None:
    """FAN's row RL4VLA (RFT) is RL4VLA's own RL, task by task; its SFT row is not, as a note says."""
    theirs: dict[str, tuple[float, float]] = {}
    for table in PAPERS["rl4vla"].tables:
        sft, rl = table.rows
        theirs |= {column.name: (a, b) for column, a, b in zip(table.columns, sft.rates, rl.rates, strict=True)
                   if column.group == "Suc."}
    for number, row, side in (("14", 0, 1), ("9", 0, 0)):
        table = table_of(PAPERS["fan"], number)
        differing = [column.name for column, found in zip(table.columns, table.rows[row].rates, strict=True)
                     if not math.isclose(found, theirs[column.name][side])]
        assert bool(differing) == (number == "9")
    assert any("RL4VLA (SFT)" in note for note in PAPERS["fan"].notes)


def test_cells_of_known_numbers_of_episodes_are_fractions_of_them() -> None:
    """Rounding aside; RobustVLA's table 4 and 5 have some that are not, as a note says."""
    for stem, paper in PAPERS.items():
        for table in paper.tables:
            for row in table.rows:
                n = row.episodes or table.episodes
                odd = [each for column, each in zip(table.columns, row.rates, strict=True) if n and not column.of
                       and column.name != "Clutter" and abs(round(each * n / 100) / n * 100 - each) > 0.051]
                assert not odd or (stem == "robustvla" and n == 500 and any("no multiple of 0.2" in note
                                                                            for note in paper.notes))


@pytest.mark.parametrize("name", published.layouts())
def test_layouts_name_conditions_and_task_sets_of_their_suite(name: str) -> None:
    _, table = published.layouts()[name]
    suite = cards.load_suite(str(table.suite))
    for column in table.columns:
        leaves = table.shares(column)
        assert leaves
        assert {condition for condition, _ in leaves} <= set(suite.conditions)
        assert {task_set for _, task_set in leaves} <= set(suite.task_sets)
        assert sum(leaves.values()) == pytest.approx(1)
        assert column.measure in ("success", "grasped", "grasped_5")
    averages = {column.key for column in table.columns if column.name == "Avg."}
    assert averages or table.steps or name in ("fan-9", "fan-14", "pair-figure-3", "rl4vla-1", "rl4vla-2", "rl4vla-3")


def test_layouts_are_the_tables_and_figures_that_suites_here_fill() -> None:
    assert set(published.layouts()) == {
        *(f"robustvla-{k}" for k in range(1, 6)), *(f"rl4vla-{k}" for k in range(1, 4)),
        *(f"fan-{k}" for k in (1, 2, 9, 10, 11, 12, 14, 15, 16, 17, 18)), "pair-1", "pair-2", "pair-figure-2",
        "pair-figure-3"}


def test_an_average_of_averages_weighs_its_columns_alike() -> None:
    """FAN's Avg. is the mean of three groups of five, seven and three conditions."""
    _, table = published.layouts()["fan-2"]
    groups = {column.name: table.shares(column) for column in table.columns}
    assert [len(groups[name]) for name in ("Vision", "Semantic", "Execution", "Avg.")] == [5, 7, 3, 15]
    assert {round(1 / share) for share in groups["Avg."].values()} == {15, 21, 9}
    # The same, of what table 14 gives by condition: OpenVLA + FAN-PPO, 85.0, 86.7 and 92.6, on average 88.1
    by_condition = {part.conditions[0]: rate for part, rate in zip(
        table_of(PAPERS["fan"], "14").columns, table_of(PAPERS["fan"], "14").rows[2].rates, strict=True)}
    for name, stated in (("Vision", 85.0), ("Semantic", 86.7), ("Execution", 92.6), ("Avg.", 88.1)):
        follows = sum(share * by_condition[condition] for (condition, _), share in groups[name].items())
        assert follows == pytest.approx(stated, abs=0.1)
    without = table.shares(table.columns[-1], without=["multi_object_ind"])
    assert {round(1 / share) for share in without.values()} == {15, 18, 9} and len(without) == 14
    assert table.shares(table.columns[-1], task_sets=[]) == {}


def test_grasps_are_no_rarer_than_grasps_for_five_steps_and_those_than_successes() -> None:
    for table in PAPERS["rl4vla"].tables:
        third = len(table.columns) // 3
        for row in table.rows:
            parts = [row.rates[k * third : (k + 1) * third] for k in range(3)]
            assert all(a >= b >= c for a, b, c in zip(*parts, strict=True))
            # means of three seeds of 64 episodes, in per mille
            assert all(abs(round(each * 1.92) / 1.92 - each) < 0.0501 for each in row.rates)
        assert [column.measure for column in table.columns[::third]] == ["grasped", "grasped_5", "success"]


def test_figures_of_a_suite_are_those_over_its_task_sets() -> None:
    joint = published.figures(cards.load_suite("libero-joint"))
    assert {each.condition for each in joint} == {"clean", "joint"}
    assert published.Figure("RIPT-VLA", "joint", 0.782, "RobustVLA, table 3") in joint
    shift = published.figures(cards.load_suite("libero-shift"))
    assert published.Figure("GEVRM", "shift", 0.464, "RobustVLA, table 1") in shift
    assert len([each for each in shift if each.condition == "shift"]) == 10
    table = [each for each in published.figures(cards.load_suite("maniskill-vision")) if each.condition == "table"]
    assert [(each.name, each.rate) for each in table if each.source == "RL4VLA, table 1"] == [
        ("SFT", 0.719), ("RL", 0.844)]  # successes, no grasps
    clutter = published.figures(cards.load_suite("pair-clutter"))
    assert {(each.name, each.condition, each.rate) for each in clutter} == {
        ("OpenVLA PPO", "clutter-8", 0.56), ("OpenVLA PAIR-VLA", "clutter-8", 0.72),
        ("π0.5 PPO", "clutter-8", 0.21), ("π0.5 PAIR-VLA", "clutter-8", 0.33)}  # no steps, and nothing that is lost
    # One task set of four is another figure.
    assert not [each for each in published.figures(cards.load_suite("libero-transfer")) if each.condition != "clean"]


@pytest.mark.parametrize(("change", "why"), [
    (("rates = [1, 2]", "rates = [1]"), "not one figure for each of 2 columns"),
    (("rates = [1, 2]", "rates = [1, 200]"), "0 to 100 points"),
    (('name = "B"', 'name = "A"'), "two columns of one name"),
    (('name = "B"', 'name = "B", of = ["C"]'), r"no columns \['C'\]"),
    (('simulator = "s"', 'simulator = "s"\nsuite = "libero-clean"'), "which condition and task sets"),
    (('simulator = "s"', 'simulator = "s"\nsteps = true\nsuite = "libero-clean"\ntask_sets = ["t"]'),
     "which condition and task sets"),
    (('title = "t"', 'titel = "t"'), "did you mean 'title'"),
    (('paper = "P"', "paper ="), "line 1"),
])  # fmt: skip
def test_a_wrong_file_is_refused_with_its_name(change: tuple[str, str], why: str, tmp_path: Path) -> None:
    text = """paper = "P"
name = "N"
source = "S"
assets = "official"
[[tables]]
number = "1"
title = "t"
simulator = "s"
columns = [{ name = "A" }, { name = "B" }]
rows = [{ name = "π", rates = [1, 2] }]
"""
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    assert published.read(path).tables[0].rows[0].rates == (1.0, 2.0)
    path.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(CardError, match=why) as error:
        published.read(path)
    assert "wrong.toml" in str(error.value)
