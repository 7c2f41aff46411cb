"""What trainings took, as their cards say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import episodes, write_records
from tests.reports.tables.test_trainings import trained
from vlabench.errors import OptionError
from vlabench.reports import tables
from vlabench.reports.tables import Choice, make


def test_a_line_for_each_policy_that_was_made(tmp_path: Path) -> None:
    trained(tmp_path, "hero", 7)
    card = tmp_path / "hero.toml"
    card.write_text(card.read_text() + "spent = { rollouts = 3840, updates = 480, 'control steps' = 184320 }\n")
    trained(tmp_path, "old", 3)
    results = write_records(tmp_path, [each for name in ("hero", "old", "lone")
                                       for each in episodes("kitchen/0", "clean", "ss", policy=name)])
    sheet = make([results], Choice("cost"))
    heads = ["seed", "minutes", "rollouts", "control steps", "views", "updates", "passes"]
    assert [head.name for head in sheet.columns] == heads
    assert {line.name: list(line.cells) for line in sheet.lines} == {
        "hero": ["7", "7", "3,840", "184,320", "", "480", ""], "old": ["3", "3", "", "", "", "", ""]}
    assert any(note.endswith("than the records are of: lone.") for note in sheet.notes)
    assert "3,840" in tables.rendered(sheet, "md") and not any(any(m.value != "none" for m in row)
                                                               for row in sheet.marks())
    with pytest.raises(OptionError, match="none of these policies has a card that says how it was made"):
        make([results], Choice("cost", policies=["lone"]))
