"""The tables in results/*.md are what the commands above them print of the records beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import DOCUMENTS, EARLIER, LISTED, SUITES, Shown, perturbations, printed, run, shown
from tests.places import ROOT

TABLES = [(path, each) for path in DOCUMENTS for each in shown(path.read_text(encoding="utf-8"))]
NAMES = [f"{path.stem}-{number}" for number, (path, _) in enumerate(TABLES)]
TEXT = """Words.

    vlabench run --policy p
    vlabench table results/p --suite s

**Rates**

| a |
| - |

- A note.

More words.

    vlabench table q

**Others**

| b |
"""


def test_a_table_is_found_below_its_command_up_to_the_next_words() -> None:
    first, second = shown(TEXT)
    assert first.command == "vlabench table results/p --suite s" and second.command == "vlabench table q"
    assert first.table == "**Rates**\n\n| a |\n| - |\n\n- A note." == TEXT[first.start:first.end]
    assert second.table == "**Others**\n\n| b |"


def test_every_command_that_prints_a_table_has_one_below_it() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    assert len(TABLES) == sum(text.count("\n    vlabench table ") for text in texts) > 0


@pytest.mark.parametrize("path, each", TABLES, ids=NAMES)
def test_a_table_is_what_its_command_prints(path: Path, each: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if EARLIER in path.read_text(encoding="utf-8"):
        assert "an earlier protocol" in run(each.command).output, f"{path.name} can be made anew: take the mark away"
        return
    assert printed(each.command) == each.table, f"{path.name} is stale; fix: python -m tests.documents"


def test_the_list_of_perturbations_is_that_of_their_modules() -> None:
    (listed,) = LISTED.findall(SUITES.read_text(encoding="utf-8"))
    assert listed == perturbations(), "suites/README.md is stale; fix: python -m tests.documents"
    assert "| `shift` | observation |" in listed and "0.06, 0.12, 0.18, 0.24, **0.3** |" in listed
