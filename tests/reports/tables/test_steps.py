"""Tables of training steps: from policies that a training kept, and as papers print them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import write_records
from tests.reports.tables.test_paper import played
from vlabench.errors import OptionError
from vlabench.reports import tables
from vlabench.reports.tables import Choice, make

KEPT = {"hero-10": "ssfff", "hero-40": "sssss", "hero-20": "ssssf", "slow-1": "fffff", "slow-2": "sffff",
        "lone-3": "sssss", "hero": "sssss"}
"""0.4, 1 and 0.8 of a training; of one that never learns; a single one, and one that is no training's."""


def test_the_first_policy_that_reaches_a_rate_says_the_steps(tmp_path: Path) -> None:
    results = write_records(tmp_path, [each for name, letters in KEPT.items()
                                       for each in played(name, "maniskill-ind", {"clean": letters})])
    sheet = make([results], Choice("fan-15"))
    assert [head.name for head in sheet.columns] == ["60 %", "70 %", "80 %", "90 %"]
    # 80 % is reached by 4 of 5, after 20 iterations
    assert {line.name: line.cells for line in sheet.lines} == {
        "hero": ["20", "20", "20", "40"], "slow": ["–"] * 4}
    assert any("a training's iterations" in note for note in sheet.notes)
    beside = make([results], Choice("fan-17", published=True))
    assert [line.cells for line in beside.lines] == [
        ["20", "20", "20", "20", "40"], ["–"] * 5, ["26", "35", "46", "82", "186"], ["17", "24", "38", "60", "151"]]


def test_table_16_judges_what_a_training_kept_by_unseen_objects(tmp_path: Path) -> None:
    """Clean episodes, which all succeed, do not count in it."""
    results = write_records(tmp_path, [
        each for name, letters in KEPT.items()
        for each in played(name, "maniskill-unseen", {"clean": "sssss", "unseen_object_table": letters})])
    beside = make([results], Choice("fan-16", published=True))
    assert [head.name for head in beside.columns] == ["55 %", "60 %", "65 %", "70 %", "75 %"]
    assert [line.cells for line in beside.lines] == [
        ["20"] * 5, ["–"] * 5, ["109", "149", "209", "279", "339"], ["29", "59", "109", "129", "179"]]


def test_without_a_training_the_paper_s_rows_stand_alone_or_it_says_so(tmp_path: Path) -> None:
    results = write_records(tmp_path, played("hero-4", "maniskill-ind", {"clean": "ss"}))
    with pytest.raises(OptionError) as caught:
        make([results], Choice("fan-18"))
    assert str(caught.value).startswith("no training is on record by two policies or more that it kept")
    assert "--suite maniskill-unseen plays it; or --published" in str(caught.value)
    sheet = make([results], Choice("fan-18", published=True))
    assert [line.cells for line in sheet.lines] == [["60", "80", "120", "180", "–"], ["40", "50", "60", "100", "240"]]
    assert any(note.startswith("No training is on record") for note in sheet.notes)
    assert "| OpenVLA-OFT + FAN-PPO |" in tables.rendered(sheet, "md")
