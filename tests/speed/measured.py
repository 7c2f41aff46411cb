"""The benchmark's numbers beside their targets: how they are judged, shown on a terminal, and written down."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from vlabench.util.text import counted

HEADINGS = ("", "what", "figure", "target", "verdict", "how")


@dataclass(frozen=True)
class Figure:
    """A measured number beside its target.

    better: 1 if it must be at least the target, −1 if at most. value is None where it could not be measured; `note`
    says why, or what the number is made of.
    """

    section: int
    what: str
    value: float | None
    unit: str
    target: float | None = None
    better: int = 0
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `MISSED`, `skipped`, or nothing for a figure without target."""
        if self.value is None:
            return "skipped"
        if self.target is None:
            return ""
        return "met" if self.better * (self.value - self.target) >= 0 else "MISSED"

    @property
    def cells(self) -> tuple[str, ...]:
        """Section, what, figure, target, verdict, note."""
        figure = "–" if self.value is None else f"{self.value:.3g} {self.unit}".strip()
        target = "" if self.target is None else f"{'≥' if self.better > 0 else '≤'} {self.target:g} {self.unit}".strip()
        return str(self.section), self.what, figure, target, self.verdict, self.note


def table(figures: Sequence[Figure]) -> Table:
    """For a terminal, in the order of the sections."""
    shown = Table(*HEADINGS, title="speed and memory")
    colours = {"met": "green", "MISSED": "bold red", "skipped": "yellow"}
    for figure in sorted(figures, key=lambda f: f.section):
        shown.add_row(*map(escape, figure.cells), style=colours.get(figure.verdict))
    return shown


def write(folder: Path, figures: Sequence[Figure], facts: dict[str, Any]) -> None:
    """bench.json and bench.md, with the command, the machine and the versions."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(figures, key=lambda f: f.section)
    content = {**facts, "figures": [{**dataclasses.asdict(f), "verdict": f.verdict} for f in ordered]}
    (folder / "bench.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(figure.cells for figure in ordered)]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    text = ["# Speed and memory", "", *(f"| {' | '.join(row)} |" for row in rows), "",
            f"`python -m tests.speed`, {facts['started']}, {facts['seconds']} s, revision {facts['revision']}. "
            f"{facts['processor']}, {counted(facts['cores'], 'core')}, load {facts['load']:.1f}; {facts['platform']}, "
            f"Python {facts['python']}, {versions}.", ""]
    (folder / "bench.md").write_text("\n".join(text), encoding="utf-8")
