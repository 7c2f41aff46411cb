"""The table by severity, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from vlabench import cards
from vlabench.errors import OptionError, UnknownName
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


def test_why_no_severity_is_on_record_is_said(tmp_path: Path) -> None:
    old = [each for k in (1, 2) for each in episodes("libero_goal/0", f"shift-s{k}", "sf", policy="hero",
                                                     condition_digest="older")]
    now = cards.load_suite("libero-severity").conditions["clean"].digest
    clean = episodes("libero_goal/0", "clean", "ss", policy="hero", condition_digest=now)
    places = [write_records(tmp_path, [*clean, *old])]
    for layout in ("severity", "dimensions"):
        with pytest.raises(OptionError) as caught:
            make(places, Choice(layout))
        said = str(caught.value).splitlines()
        assert said[0] == "no perturbation is on record at two or more severities"
        assert said[-1] == "  fix: vlabench run --policy P --suite libero-severity"
        assert any("left out" in each and "an earlier protocol" in each for each in said[1:-1])


def test_only_task_sets_and_policies_with_severities_take_part(results: Path) -> None:
    before = [points(each) for each in make([results], Choice("severity")).lines]
    write_records(results, [*episodes("garage/0", "clean", "ffff", policy="hero"),
                            *episodes("kitchen/0", "clean", "ssss", policy="idle")])  # fmt: skip
    after = make([results], Choice("severity"))
    assert [points(each) for each in after.lines] == before
    assert "Over kitchen." in after.notes


def test_policies_without_a_task_set_in_common_are_told_so(tmp_path: Path) -> None:
    root = write_records(tmp_path, [*swept("hero", HERO, "kitchen/0"), *swept("rival", RIVAL, "garage/0")])
    for layout in ("severity", "dimensions"):
        with pytest.raises(OptionError, match="on no task set that all of them share: hero on primitive, rival on prim"
                                              "itive\n  fix: --suite"):
            make([root], Choice(layout))


def test_without_an_average_there_is_no_mce_and_that_is_said(tmp_path: Path) -> None:
    records = [*swept("hero", {"clean": "ss", "shift": ["sf"] * 5}),
               *swept("hero", {"clean": "ss", "jpeg": ["sf"] * 5}, "garage/0")]
    sheet = make([write_records(tmp_path, records)], Choice("severity", reference="hero"))
    assert sheet.columns[-1].name == "retention" and any(note.startswith("No mCE: ") for note in sheet.notes)


def test_a_reference_that_never_fails_has_no_failures_to_compare_with(tmp_path: Path) -> None:
    perfect: Swept = {"clean": "ss", "shift": ["ss"] * 5, "jpeg": ["ss"] * 5}
    sheet = make([write_records(tmp_path, swept("hero", perfect))], Choice("severity", reference="hero"))
    assert sheet.lines[-1].cells[-1] == "–"


def test_a_line_is_over_the_task_sets_that_have_it_whole(tmp_path: Path) -> None:
    """The garage has not played the severest shift: that line is over the kitchen alone, its clean rate as well, and
    shift is in no average over both."""
    partial: Swept = {"clean": "ff", "shift": ["ss", "sf", "sf", "ff"], "jpeg": ["ss"] * 5}
    records = [*swept("hero", HERO), *swept("hero", partial, "garage/0")]
    sheet = make([write_records(tmp_path, records)], Choice("severity"))
    assert points(line(sheet, "shift", "hero")) == [100.0, 100.0, 75.0, 75.0, 50.0, 0.0, 70.0, 60.0]
    assert points(line(sheet, "jpeg", "hero"))[:6] == [66.7, *[100.0] * 4, 50.0]  # means over three tasks
    assert points(line(sheet, "all of them", "hero")) == points(line(sheet, "jpeg", "hero"))
    assert "Over kitchen alone: shift." in sheet.notes and "all of them: jpeg." in sheet.notes


def test_dimensions_are_means_of_their_perturbations(tmp_path: Path) -> None:
    """rotation and shift change the observation, jpeg is the sensor's, mass was not played at every severity."""
    outcomes: Swept = {**HERO, "rotation": ["ssff"] * 5, "mass": ["ffff"] * 4}
    sheet = make([write_records(tmp_path, swept("hero", outcomes))], Choice("dimensions"))
    assert sheet.grouping == "dimension" and {each.group for each in sheet.lines} == {
        "observation", "sensor", "all of them"}
    # shift 100 75 75 50 0, rotation 50 five times
    assert points(line(sheet, "observation", "hero"))[:6] == [100.0, 75.0, 62.5, 62.5, 50.0, 25.0]
    assert points(line(sheet, "observation", "hero"))[6:] == [round((50 + 75 + 62.5 + 62.5 + 50 + 12.5) / 5, 1), 55.0]
    assert points(line(sheet, "sensor", "hero"))[5:] == [25.0, 92.5, 85.0]
    assert any(note.startswith("observation: ") and "mass" not in note for note in sheet.notes)
    assert "Left out, not played at every severity by all: mass." in sheet.notes
    few = {**HERO, "shift": ["ssss"] * 4, "jpeg": ["ssss"] * 4}
    with pytest.raises(OptionError, match="at all severities\n  fix: vlabench run"):
        make([write_records(tmp_path / "few", swept("hero", few))], Choice("dimensions"))


def test_a_dimension_is_over_what_its_perturbations_share(tmp_path: Path) -> None:
    """The shift was played in the kitchen, the rotation there and in the garage, erasing in the attic alone."""
    kitchen: Swept = {"clean": "ssss", "shift": ["ssff"] * 5, "rotation": ["ssff"] * 5, "jpeg": ["ssss"] * 5}
    garage: Swept = {"clean": "ffff", "rotation": ["ffff"] * 5, "jpeg": ["ffff"] * 5}
    records = [*swept("hero", kitchen), *swept("hero", garage, "garage/0")]
    sheet = make([write_records(tmp_path, records)], Choice("dimensions"))
    assert points(line(sheet, "observation", "hero"))[:2] == [100.0, 50.0]
    observation = next(note for note in sheet.notes if note.startswith("observation: "))
    assert observation.endswith(", over kitchen alone.") and "rotation" in observation and "shift" in observation
    apart = [*swept("hero", {"clean": "ssss", "shift": ["ssff"] * 5}),
             *swept("hero", {"clean": "ssss", "rotation": ["ssff"] * 5}, "garage/0")]
    with pytest.raises(OptionError, match="^no dimension's perturbations .* observation: left out"):
        make([write_records(tmp_path / "apart", apart)], Choice("dimensions"))
    attic: Swept = {"clean": "ssss", "erasing": ["ssff"] * 5}
    sheet = make([write_records(tmp_path, swept("hero", attic, "attic/0"))], Choice("dimensions"))
    assert "observation" not in {each.group for each in sheet.lines}
    assert any(note.startswith("observation: left out") and "erasing" in note for note in sheet.notes)
