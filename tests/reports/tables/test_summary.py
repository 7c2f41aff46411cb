"""The run's summary, on records small enough to count by hand."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pandas
import pytest
from rich.console import Console

from tests.factories import episodes, record
from tests.reports.tables.conftest import agresti_coull, p_of
from vlabench.errors import OptionError, StoreError
from vlabench.reports import tables

RECORDS = [
    *episodes("kitchen/0", "joint", "sfffss"),
    *episodes("kitchen/0", "clean", "sssse-"),
    *episodes("kitchen/1", "clean", "ffss"),
    *episodes("garage/0", "clean", "ss"),
    *episodes("garage/0", "joint", "ef"),
]


def row(frame: pandas.DataFrame, task_set: str, condition: str) -> dict[str, Any]:
    (found,) = frame[(frame.task_set == task_set) & (frame.condition == condition)].to_dict("records")
    return {str(key): value for key, value in found.items()}


def test_counts_are_those_of_the_hand_and_errors_enter_no_rate() -> None:
    frame = tables.summary(RECORDS)
    assert list(frame.columns) == list(tables.COLUMNS)
    assert list(zip(frame.task_set, frame.condition, frame.n, frame.successes, frame.errors, strict=True)) == [
        ("kitchen", "clean", 8, 6, 1),
        ("kitchen", "joint", 6, 3, 0),
        ("garage", "clean", 2, 2, 0),
        ("garage", "joint", 1, 0, 1),
        ("total", "clean", 10, 8, 1),
        ("total", "joint", 7, 3, 1),
    ]
    # kitchen/0 4 of 4, kitchen/1 2 of 4, garage/0 2 of 2: every task weighs the same
    assert row(frame, "kitchen", "clean")["rate"] == 0.75
    assert row(frame, "total", "clean")["rate"] == pytest.approx(2.5 / 3)
    assert set(frame.policy) == {"random"} and set(frame.assets) == {"primitive"}


def test_the_episodes_in_which_a_condition_acted_are_told_where_they_are_not_all() -> None:
    idle = episodes("kitchen/0", "stuck", "--ss", changed={"action/asked": 0.9})
    frame = tables.summary([*episodes("kitchen/0", "clean", "ssss", changed={}),
                            *episodes("kitchen/0", "stuck", "sf--ee", changed={"action": 0.1}), *idle,
                            *episodes("kitchen/0", "noise", "ssss", changed={"action": 1.0})])  # fmt: skip
    assert dict(zip(frame.condition, frame.acted, strict=True)) == {"clean": 0, "stuck": 2, "noise": 4}
    header, rows = tables.grid(frame)
    assert rows[0][header.index("stuck % [95 %]") + 1] == "4 (+2 errors, acted in 2)"
    assert rows[0].count("4") == 2


def test_conditions_with_what_was_seen_in_training_are_marked() -> None:
    turned = episodes("kitchen/0", "turned", "sf", realised={"rotation": {"degrees": 3.0}})
    both = episodes("kitchen/0", "both", "ff", realised={"jpeg": {}, "rotation#2": {}})
    records = [*episodes("kitchen/0", "clean", "ss"), *turned, *both]
    frame = tables.summary(records, trained={"jpeg", "shift"})
    assert dict(zip(frame.condition, frame.familiar, strict=True)) == {"clean": False, "turned": False, "both": True}
    assert tables.grid(frame)[1][0][1:6:2] == [
        "100.0 [29.0, 100.0]", "50.0 [9.5, 90.5]", "0.0† [0.0, 71.0]"]
    assert not any(tables.summary(records).familiar)


def test_differences_pair_only_what_both_have() -> None:
    frame = tables.summary(RECORDS)
    # kitchen/0: episodes 0 to 3 have both outcomes, ssss against sfff; 4 is an error, 5 has no control.
    kitchen = row(frame, "kitchen", "joint")
    assert (kitchen["pairs"], kitchen["difference"]) == (4, -0.75)
    assert kitchen["difference_low"] < -0.75 < kitchen["difference_high"]
    assert kitchen["p"] == kitchen["p_holm"] == pytest.approx(p_of(3))
    total = row(frame, "total", "joint")
    assert (total["pairs"], total["difference"]) == (5, pytest.approx((-0.75 - 1) / 2))
    clean = row(frame, "kitchen", "clean")
    assert clean["pairs"] == 0 and math.isnan(clean["difference"]) and math.isnan(clean["p"])


def test_holm_counts_the_conditions_of_a_row() -> None:
    clean = episodes("kitchen/0", "clean", "s" * 8)
    others = [each for name, outcomes in (("a", "f" * 8), ("b", "f" * 6 + "ss")) for each in
              episodes("kitchen/0", name, outcomes)]
    frame = tables.summary(clean + others)
    assert row(frame, "kitchen", "a")["p_holm"] == pytest.approx(2 * p_of(8))
    assert row(frame, "kitchen", "b")["p_holm"] == pytest.approx(p_of(6))
    assert "total" not in set(frame.task_set)


def test_seeds_are_paired_apart() -> None:
    frame = tables.summary(episodes("kitchen/0", "clean", "ss") + episodes("kitchen/0", "joint", "ff", seed=1))
    assert row(frame, "kitchen", "joint")["pairs"] == 0
    assert "–" not in tables.grid(frame)[1][0][-1] and tables.grid(frame)[1][0][-1] == ""


def test_packs_and_policies_never_share_a_table() -> None:
    with pytest.raises(ValueError, match="share no table"):
        tables.summary(RECORDS + episodes("kitchen/0", "clean", "s", assets="official"))


def test_markdown_has_conditions_side_by_side_and_real_minus_signs() -> None:
    *lines, empty, note = tables.to_markdown(tables.summary(RECORDS)).splitlines()
    assert empty == "" and note.startswith("- These figures are about exactly the tasks played")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["task set", "clean % [95 %]", "n", "joint % [95 %]", "n", "joint − clean [95 %]"]
    assert [line[0] for line in cells[2:]] == ["kitchen", "garage", "total"]
    # Of two tasks, of which one always succeeds, eight episodes are worth more: 8 · 3.5 / (8² · 0.25 / 12 + 2)
    low, high = agresti_coull(0.75, 8.4)
    assert cells[2][1:5] == [f"75.0 [{100 * low:.1f}, {100 * high:.1f}]", "8 (+1 error)", "50.0 [18.8, 81.2]", "6"]
    assert cells[2][5].startswith("−75.0 [−")
    assert len({len(line) for line in lines}) == 1
    assert set(cells[1][0]) == {"-"} and all(cell.endswith("-:") for cell in cells[1][1:])


def test_many_conditions_are_rows() -> None:
    records = [each for name in ("clean", "a", "b", "c", "d") for each in episodes("kitchen/0", name, "sf")]
    header, rows = tables.grid(tables.summary(records))
    assert header[:2] == ["task set", "condition"]
    assert [line[1] for line in rows] == ["clean", "a", "b", "c", "d"]


def test_a_condition_missing_in_one_set_leaves_empty_cells() -> None:
    records = episodes("kitchen/0", "clean", "s") + episodes("kitchen/0", "a", "s") + episodes("garage/0", "clean", "s")
    assert tables.grid(tables.summary(records))[1][1][3:] == ["", "", ""]


def test_without_a_control_there_are_rates_only() -> None:
    header, rows = tables.grid(tables.summary(episodes("kitchen/0", "joint", "ef")))
    assert header == ["task set", "joint % [95 %]", "n"]
    assert rows == [["kitchen", "0.0 [0.0, 83.3]", "1 (+1 error)"]]


def test_nothing_but_errors_is_a_dash() -> None:
    assert tables.grid(tables.summary(episodes("kitchen/0", "clean", "ee")))[1] == [["kitchen", "–", "0 (+2 errors)"]]


def test_no_records_make_an_empty_table() -> None:
    frame = tables.summary([])
    assert len(frame) == 0
    assert tables.to_csv(frame).count("\n") == 1
    assert tables.grid(frame) == (["task set"], [])
    assert tables.to_markdown(frame).startswith("| task set |\n")


def test_csv_reads_back_as_the_frame() -> None:
    frame = tables.summary(RECORDS)
    again = pandas.read_csv(io.StringIO(tables.to_csv(frame)))
    pandas.testing.assert_frame_equal(again, frame, check_dtype=False, atol=1e-6, rtol=0)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_shows_what_markdown_shows(width: int) -> None:
    frame = tables.summary(RECORDS)
    out = io.StringIO()
    Console(file=out, width=width).print(tables.to_rich(frame, "random on primitive"), crop=False)
    shown = out.getvalue()
    assert "random on primitive" in shown and "about exactly the tasks played" in shown.replace("\n", " ")
    cells = [part.strip() for line in shown.splitlines() for part in line.split("│")]
    for line in tables.grid(frame)[1]:
        assert all(cell in cells for cell in line)
    assert max(map(len, shown.splitlines())) <= width


def test_a_row_for_each_task_and_a_file_by_its_suffix(tmp_path: Path) -> None:
    records = [record(task="toy/0", status="success"), record(task="toy/1", status="failure", index=1)]
    frame = tables.summary(records, by_task=True)
    assert list(frame["task_set"]) == ["toy/0", "toy/1", "total"]
    assert list(frame["rate"]) == [1.0, 0.0, 0.5]
    tables.write(frame, tmp_path / "t.md")
    assert (tmp_path / "t.md").read_text() == tables.to_markdown(frame)
    tables.write(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == tables.to_csv(frame)
    with pytest.raises(OptionError, match=r"\.md or \.csv"):
        tables.write(frame, tmp_path / "t.xlsx")
    with pytest.raises(OptionError, match="there is no folder .*missing"):
        tables.write(frame, tmp_path / "missing" / "t.md")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(StoreError, match="cannot write the table"):
        tables.write(frame, tmp_path / "folder.md")
