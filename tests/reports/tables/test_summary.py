"""The run's summary, on records small enough to count by hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from pathlib import Path

import pytest
from rich.console import Console

from tests.factories import episodes, record, write_records
from tests.reports.tables.conftest import agresti_coull, p_of
from vlabench.cards.policy import PolicyCard
from vlabench.reports import tables
from vlabench.reports.page.tables import sheet_table
from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.render import grid
from vlabench.reports.tables.sheet import Sheet
from vlabench.reports.tables.terminal import to_rich
from vlabench.types import EpisodeRecord, Success

RECORDS = [
    *episodes("kitchen/0", "joint", "sfffss"),
    *episodes("kitchen/0", "clean", "sssse-"),
    *episodes("kitchen/1", "clean", "ffss"),
    *episodes("garage/0", "clean", "ss"),
    *episodes("garage/0", "joint", "ef"),
]


def summary(records: list[EpisodeRecord], by_task: bool = False, counts: Success | None = None,
            trained: Collection[str] = ()) -> Sheet:
    """Of a policy that was trained under these perturbations."""
    card = PolicyCard(name="random", path=Path("random.toml"), title="t", source="s", adapter="random",
                      assets=("primitive",), trained_on=tuple(trained))
    return tables.of_run(records, Path("r/random/primitive"), "toy", card, counts, by_task)


def figure(sheet: Sheet, line: str, column: str, group: str = "") -> Cell:
    """The figure where a line and a column meet."""
    (cells,) = (each.cells for each in sheet.lines if (each.name, each.group) == (line, group))
    found = cells[[head.name for head in sheet.columns].index(column)]
    assert isinstance(found, Cell)
    return found


def text(sheet: Sheet) -> tuple[list[str], list[list[str]]]:
    found = grid(sheet, lambda shown, _: shown)
    return found.header, found.rows


def test_counts_are_those_of_the_hand_and_errors_enter_no_rate() -> None:
    sheet = summary(RECORDS)
    assert [(line.name, cell.n, round(cell.n * cell.value, 6), cell.errors) for line in sheet.lines
            for cell in line.cells[:2] if isinstance(cell, Cell) and line.name != "total"] == [
        ("kitchen", 8, 6, 1), ("kitchen", 6, 3, 0), ("garage", 2, 2, 0), ("garage", 1, 0, 1)]
    # kitchen/0 4 of 4, kitchen/1 2 of 4, garage/0 2 of 2: every task weighs the same
    total = figure(sheet, "total", "clean")
    assert (total.n, total.errors) == (10, 1) and total.value == pytest.approx(2.5 / 3)
    assert (figure(sheet, "total", "joint").n, figure(sheet, "total", "joint").errors) == (7, 1)
    assert sheet.title == "Success rate (%) of random on toy"
    assert "Ended in errors, which enter no rate: 2 of random on primitive." in sheet.notes


def test_success_is_what_the_suite_counts() -> None:
    late = [record(index=i, success_once=True, success_at_end=i == 0) for i in range(4)]
    sheet = summary(late, counts="end")
    assert figure(sheet, "kitchen", "clean").value == 0.25 and figure(summary(late), "kitchen", "clean").value == 1.0
    assert sheet.notes[0] == "Success has to hold at the end of the episode." not in summary(late).notes


def test_the_episodes_in_which_a_condition_acted_are_told_where_they_are_not_all() -> None:
    idle = episodes("kitchen/0", "stuck", "--ss", changed={"action/asked": 0.9})
    sheet = summary([*episodes("kitchen/0", "clean", "ssss", changed={}),
                     *episodes("kitchen/0", "stuck", "sf--ee", changed={"action": 0.1}), *idle,
                     *episodes("kitchen/0", "noise", "ssss", changed={"action": 1.0})])  # fmt: skip
    header, (row,) = text(sheet)
    assert header == ["task set", "clean", "n", "stuck", "n", "noise", "n", "stuck − clean", "noise − clean"]
    assert row[3].endswith("; acted 2/4") and row[2:7:2] == ["4", "4 (+2 errors)", "4"]
    assert sum("acted" in cell for cell in row) == 1 and any(note.startswith("acted k/n") for note in sheet.notes)


def test_conditions_with_what_was_seen_in_training_are_marked() -> None:
    turned = episodes("kitchen/0", "turned", "sf", realised={"rotation": {"degrees": 3.0}})
    both = episodes("kitchen/0", "both", "ff", realised={"jpeg": {}, "rotation#2": {}})
    records = [*episodes("kitchen/0", "clean", "ss"), *turned, *both]
    sheet = summary(records, trained=["jpeg", "shift"])
    assert text(sheet)[1][0][1:6:2] == ["100.0 [29.0, 100.0]", "50.0 [9.5, 90.5]", "0.0† [0.0, 71.0]"]
    assert "†: with a perturbation that the policy was trained under (random: jpeg, shift)." in sheet.notes
    assert "†" not in tables.rendered(summary(records), "md")


def test_differences_pair_only_what_both_have() -> None:
    sheet = summary(RECORDS)
    # kitchen/0: episodes 0 to 3 have both outcomes, ssss against sfff; 4 is an error, 5 has no control.
    kitchen = figure(sheet, "kitchen", "joint − clean")
    assert (kitchen.n, kitchen.value) == (4, -0.75) and kitchen.low < -0.75 < kitchen.high
    assert kitchen.p == pytest.approx(p_of(3))
    total = figure(sheet, "total", "joint − clean")
    assert total.n == 5 and total.value == pytest.approx((-0.75 - 1) / 2)


def test_holm_counts_the_conditions_of_a_line() -> None:
    clean = episodes("kitchen/0", "clean", "s" * 8)
    others = [each for name, outcomes in (("a", "f" * 8), ("b", "f" * 6 + "ss")) for each in
              episodes("kitchen/0", name, outcomes)]
    sheet = summary(clean + others)
    assert figure(sheet, "kitchen", "a − clean").p == pytest.approx(2 * p_of(8))
    assert figure(sheet, "kitchen", "b − clean").p == pytest.approx(p_of(6))
    assert [line.name for line in sheet.lines] == ["kitchen"]


def test_seeds_are_paired_apart() -> None:
    sheet = summary(episodes("kitchen/0", "clean", "ss") + episodes("kitchen/0", "joint", "ff", seed=1))
    assert text(sheet)[1][0][-1] == ""


def test_packs_and_policies_never_share_a_table() -> None:
    with pytest.raises(ValueError, match="share no table"):
        summary(RECORDS + episodes("kitchen/0", "clean", "s", assets="official"))


def test_markdown_has_conditions_side_by_side_and_real_minus_signs() -> None:
    lines = [line for line in tables.rendered(summary(RECORDS), "md").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["task set", "clean", "n", "joint", "n", "joint − clean"]
    assert [line[0] for line in cells[2:]] == ["kitchen", "garage", "total"]
    # Of two tasks, of which one always succeeds, eight episodes are worth more: 8 · 3.5 / (8² · 0.25 / 12 + 2)
    low, high = agresti_coull(0.75, 8.4)
    assert cells[2][1:5] == [f"75.0 [{100 * low:.1f}, {100 * high:.1f}]", "8 (+1 error)", "50.0 [18.8, 81.2]", "6"]
    assert cells[2][5].startswith("−75.0 [−")


def test_a_line_is_drawn_before_the_total() -> None:
    latex = tables.rendered(summary(RECORDS), "latex").splitlines()
    assert latex[latex.index(r"\midrule", latex.index(r"\midrule") + 1) + 1].startswith("total &")


def test_many_conditions_are_lines_and_every_block_names_their_task_set() -> None:
    records = [each for name in ("clean", "a", "b", "c", "d") for task in ("kitchen/0", "garage/0")
               for each in episodes(task, name, "sf")]
    sheet = summary(records)
    header, rows = text(sheet)
    assert header == ["task set", "condition", "success", "n", "− clean"]
    assert [row[:2] for row in rows[:6]] == [*(["kitchen", name] for name in ("clean", "a", "b", "c", "d")),
                                             ["garage", "clean"]]
    assert figure(sheet, "a", "− clean", "total").n == 4
    narrow = printed(sheet, 60)
    second = narrow[narrow.index("− clean"):]
    assert all(name in second for name in ("kitchen", "garage", "total")), "clean has no line there, its name a place"


def test_a_condition_missing_in_one_set_leaves_empty_cells() -> None:
    records = episodes("kitchen/0", "clean", "s") + episodes("kitchen/0", "a", "s") + episodes("garage/0", "clean", "s")
    sheet = summary(records)
    assert text(sheet)[1][1][3:] == ["", "", ""]
    assert figure(sheet, "total", "a").n == 1, "a run that was interrupted has a total of what there is"


def test_without_a_control_there_are_rates_only() -> None:
    header, rows = text(summary(episodes("kitchen/0", "joint", "ef")))
    assert header == ["task set", "joint", "n"]
    assert rows == [["kitchen", "0.0 [0.0, 83.3]", "1 (+1 error)"]]


def test_nothing_but_errors_is_a_dash() -> None:
    assert text(summary(episodes("kitchen/0", "clean", "ee")))[1] == [["kitchen", "–", "0 (+2 errors)"]]


def test_csv_has_a_line_for_each_figure_and_none_for_its_number_of_episodes() -> None:
    sheet = summary(RECORDS)
    found = list(csv.DictReader(io.StringIO(tables.rendered(sheet, "csv"))))
    assert [(each["name"], each["column"], each["n"], each["errors"]) for each in found[:3]] == [
        ("kitchen", "clean", "8", "1"), ("kitchen", "joint", "6", "0"), ("kitchen", "joint − clean", "4", "0")]
    assert len(found) == 9


def test_a_page_has_the_numbers_of_episodes_too() -> None:
    html = sheet_table(summary(RECORDS))
    assert ">8 (+1 error)<" in html and ">joint − clean" in html


def printed(sheet: Sheet, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(to_rich(sheet), crop=False)
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_shows_every_cell(width: int) -> None:
    sheet = summary(RECORDS)
    shown = printed(sheet, width)
    assert "of random on toy; measured, primitive" in shown.replace("\n", " ")
    assert "about exactly the tasks played" in shown.replace("\n", " ")
    cells = [part.strip() for line in shown.splitlines() for part in line.split("│")]
    assert all(cell in cells for line in text(sheet)[1] for cell in line)
    assert max(map(len, shown.splitlines())) <= width


def test_a_line_for_each_task() -> None:
    sheet = summary([*episodes("toy/0", "clean", "s"), *episodes("toy/1", "clean", "ef"),
                     *episodes("toy/0", "stuck", "s"), *episodes("toy/1", "stuck", "-f", changed={})], by_task=True)
    assert text(sheet)[0][0] == "task" and [line.name for line in sheet.lines] == ["toy/0", "toy/1", "total"]
    assert [figure(sheet, name, "clean").value for name in ("toy/0", "toy/1", "total")] == [1.0, 0.0, 0.5]
    assert [figure(sheet, name, "clean").errors for name in ("toy/0", "toy/1", "total")] == [0, 1, 1]
    assert [figure(sheet, name, "stuck").acted for name in ("toy/0", "toy/1", "total")] == [1, 0, 1]


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c", "d")])
def test_it_is_a_layout_like_others_for_several_policies(names: tuple[str, ...], tmp_path: Path) -> None:
    played = [each for policy in ("hero", "rival") for name in ("clean", *names) for task in ("kitchen/0", "garage/0")
              for each in episodes(task, name, "sf", policy=policy)]
    sheet = tables.make([write_records(tmp_path, played)], tables.Choice("summary"))
    header, rows = text(sheet)
    if len(names) == 1:
        assert header[:2] == ["policy", "task set"]
        assert [row[:2] for row in rows] == [[policy, name] for policy in ("hero", "rival")
                                             for name in ("garage", "kitchen", "total")]
    else:
        assert header[:2] == ["policy, task set", "condition"] and rows[0][:2] == ["hero, garage", "clean"]
    assert sheet.title == "Success rate (%)"
    assert figure(sheet, *(("total", "a", "hero") if len(names) == 1 else ("a", "success", "hero, total"))).n == 4
