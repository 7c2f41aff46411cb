"""The table by severity, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from vlabench.errors import UnknownName
from vlabench.reports.tables import Choice, Sheet, make
from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.sheet import Line
from vlabench.types import EpisodeRecord

Swept = dict[str, str | list[str]]
"""Condition, or perturbation and severities → a letter for each episode."""
HERO: Swept = {"clean": "ssss", "shift": ["ssss", "sssf", "sssf", "ssff", "ffff"], "jpeg": ["ssss"] * 4 + ["sfff"]}
RIVAL: Swept = {"clean": "ssff", "shift": ["ssff"] * 4 + ["sffe"], "jpeg": ["sfff"] * 5}


def swept(policy: str, outcomes: Swept, *tasks: str) -> Iterator[EpisodeRecord]:
    for task in tasks or ("kitchen/0", "kitchen/1"):
        for name, letters in outcomes.items():
            named = [letters] if isinstance(letters, str) else letters
            for k, each in enumerate(named, 1):
                condition = name if isinstance(letters, str) else f"{name}-s{k}"
                yield from episodes(task, condition, each, policy=policy)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    extra = episodes("kitchen/0", "noise-s3", "ssss", policy="hero")  # a single severity makes no curve
    return write_records(tmp_path, [*swept("hero", HERO), *swept("rival", RIVAL), *extra])


def line(sheet: Sheet, group: str, name: str) -> Line:
    (found,) = (each for each in sheet.lines if (each.group, each.name) == (group, name))
    return found


def points(line: Line) -> list[float | None]:
    return [round(100 * cell.value, 1) if isinstance(cell, Cell) else None for cell in line.cells]


def test_rates_area_and_retention(results: Path) -> None:
    sheet = make([results], Choice("severity"))
    assert [head.name for head in sheet.columns] == ["clean", "1", "2", "3", "4", "5", "area", "retention"]
    assert [(each.group, each.name) for each in sheet.lines] == [
        (group, name) for group in ("jpeg", "shift", "all of them") for name in ("hero", "rival")]
    # shift: 100 100 75 75 50 0; the fourth episode at severity 5 is an error of the rival's, and leaves both
    assert points(line(sheet, "shift", "hero")) == [100.0, 100.0, 75.0, 75.0, 50.0, 0.0, 70.0, 60.0]
    assert points(line(sheet, "jpeg", "hero"))[-2:] == [92.5, 85.0]
    assert points(line(sheet, "all of them", "hero")) == [100.0, 100.0, 87.5, 87.5, 75.0, 12.5, 81.2, 72.5]
    rival = points(line(sheet, "shift", "rival"))
    assert rival[:6] == [50.0] * 5 + [33.3]
    assert rival[6:] == [round((4.5 * 50 + 100 / 3 / 2) / 5, 1), round(100 * (4 * 0.5 + 1 / 3) / 5 / 0.5, 1)]
    assert any(note.startswith("all of them: jpeg, shift.") for note in sheet.notes)


def test_how_often_a_fault_acted(tmp_path: Path) -> None:
    faults: Swept = {"clean": "ss", "shift": ["sf"] * 5}
    idle = [*episodes("kitchen/2", "clean", "ss", policy="hero"), *(each for k in range(1, 6) for each in episodes(
        "kitchen/2", f"shift-s{k}", "ss", policy="hero", changed={} if k == 1 else {"action": 0.1}))]  # fmt: skip
    sheet = make([write_records(tmp_path, [*swept("hero", faults), *idle])], Choice("severity"))
    cells = [cell for cell in sheet.lines[0].cells if isinstance(cell, Cell)]
    assert [cell.acted for cell in cells] == [None, 4, 6, 6, 6, 6, None, None]
    assert any(note.startswith("acted k/n") for note in sheet.notes)


def test_the_best_is_found_within_a_perturbation(results: Path) -> None:
    sheet = make([results], Choice("severity"))
    marks = {(each.group, each.name): [mark.value for mark in row]
             for each, row in zip(sheet.lines, sheet.marks(), strict=True)}
    assert marks["shift", "hero"] == ["best"] * 4 + ["none", "none", "best", "none"]
    assert marks["shift", "rival"] == ["none"] * 5 + ["best", "none", "best"]


def test_the_mce_is_relative_to_the_reference(results: Path) -> None:
    sheet = make([results], Choice("severity", reference="rival"))
    assert sheet.columns[-1].lower
    assert points(line(sheet, "all of them", "rival"))[-1] == 100.0
    # failures: jpeg 0 0 0 0 .75 of five times .75; shift 0 .25 .25 .5 1 of 4 · .5 + 2/3
    assert points(line(sheet, "all of them", "hero"))[-1] == round(100 * (0.2 + 2 / (2 + 2 / 3)) / 2, 1)
    assert line(sheet, "shift", "hero").cells[-1] == ""
    with pytest.raises(UnknownName, match="unknown policy 'nobody' in --reference"):
        make([results], Choice("severity", reference="nobody"))


def test_only_task_sets_and_policies_with_severities_take_part(results: Path) -> None:
    before = [points(each) for each in make([results], Choice("severity")).lines]
    write_records(results, [*episodes("garage/0", "clean", "ffff", policy="hero"),
                            *episodes("kitchen/0", "clean", "ssss", policy="idle")])  # fmt: skip
    after = make([results], Choice("severity"))
    assert [points(each) for each in after.lines] == before
    assert "Over kitchen." in after.notes


def test_a_reference_that_never_fails_has_no_failures_to_compare_with(tmp_path: Path) -> None:
    perfect: Swept = {"clean": "ss", "shift": ["ss"] * 5, "jpeg": ["ss"] * 5}
    sheet = make([write_records(tmp_path, swept("hero", perfect))], Choice("severity", reference="hero"))
    assert sheet.lines[-1].cells[-1] == "–"


def test_no_area_over_other_tasks_than_the_rates(tmp_path: Path) -> None:
    """The garage has not played the severest shift: there is no rate over both task sets, so no area and no retention
    either; of the perturbation that both have played in full there is everything.
    """
    partial: Swept = {"clean": "ss", "shift": ["ss", "sf", "sf", "ff"], "jpeg": ["ss"] * 5}
    records = [*swept("hero", HERO), *swept("hero", partial, "garage/0")]
    sheet = make([write_records(tmp_path, records)], Choice("severity"))
    assert points(line(sheet, "shift", "hero"))[-3:] == [None, None, None]
    assert None not in points(line(sheet, "jpeg", "hero"))
