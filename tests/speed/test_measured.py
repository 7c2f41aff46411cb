"""The benchmark's bookkeeping: verdicts, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.speed.measured import Figure, table, write


@pytest.mark.parametrize(("value", "target", "better", "verdict"), [
    (5.0, 5.0, 1, "met"), (4.9, 5.0, 1, "MISSED"), (0.2, 0.25, -1, "met"), (0.3, 0.25, -1, "MISSED"),
    (None, 5.0, 1, "skipped"), (3.0, None, 0, ""),
])
def test_verdicts(value: float | None, target: float | None, better: int, verdict: str) -> None:
    assert Figure(1, "speed", value, "×", target, better).verdict == verdict


def test_what_is_written_says_where_and_what(tmp_path: Path) -> None:
    figures = [Figure(4, "warm reset", 0.05, "s", 0.25, -1, "a full one takes 1.4 s"),
               Figure(1, "seldom", None, "×", 5, 1, "no assets here")]
    facts = {"started": "2025-01-01", "seconds": 3.2, "revision": "abc", "processor": "a fast one", "cores": 2,
             "load": 0.1, "platform": "Linux", "python": "3.11.7", "versions": {"mujoco": "3.8.1"}}
    write(tmp_path / "new", figures, facts)
    stored = json.loads((tmp_path / "new" / "bench.json").read_text(encoding="utf-8"))
    assert [(f["what"], f["verdict"]) for f in stored["figures"]] == [("seldom", "skipped"), ("warm reset", "met")]
    assert stored["versions"] == {"mujoco": "3.8.1"} and stored["processor"] == "a fast one"
    text = (tmp_path / "new" / "bench.md").read_text(encoding="utf-8")
    assert "| 4 | warm reset | 0.05 s | ≤ 0.25 s | met | a full one takes 1.4 s |" in text
    assert "| 1 | seldom | – | ≥ 5 × | skipped | no assets here |" in text and "mujoco 3.8.1" in text


def test_the_terminal_shows_brackets_as_they_are() -> None:
    console = Console(width=200)
    with console.capture() as shown:
        console.print(table([Figure(31, "clusters", None, "×", 0.9, 1, "pip install 'vlabench[ray]'")]))
    assert "pip install 'vlabench[ray]'" in shown.get()
