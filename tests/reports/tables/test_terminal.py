"""Tables in terminals of all widths: every figure whole, no line too long, names in every block."""

from __future__ import annotations

import io
import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.render import grid
from vlabench.reports.tables.sheet import MEASURED, PUBLISHED, Head, Line, Sheet
from vlabench.reports.tables.terminal import to_rich

WIDTHS = (60, 80, 100, 200)


def printed(sheet: Sheet, width: int, intervals: bool = True) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(to_rich(sheet, intervals), crop=False)
    return out.getvalue().splitlines()


def figures(lines: list[str]) -> Counter[str]:
    """What stands between the lines of the tables."""
    return Counter(part.strip() for line in lines for part in re.split("[│┃]", line) if part.strip())


def drawn(seed: int) -> Sheet:
    """Any number of policies and conditions, with names of any length and figures of all kinds."""
    rng = random.Random(seed)

    def name(longest: int) -> str:
        return "-".join("abcdefghij"[: rng.randint(2, 10)] for _ in range(rng.randint(1, longest)))

    def figure(kind: str) -> Cell | str | None:
        value = rng.random()
        if kind == PUBLISHED:
            return Cell(value, float("nan"), float("nan"), 0)
        if rng.random() < 0.1:
            return rng.choice([None, ""])
        extra = rng.choice([{}, {"p": 0.001}, {"acted": 1234}, {"familiar": True}, {"spread": 0.1}, {"label": name(2)}])
        return Cell(value, value - 0.5, value + 0.5, 2000, **extra)  # type: ignore[arg-type]

    heads = [Head(name(4), rng.choice(["", "a group"])) for _ in range(rng.randint(1, 30))]
    kinds = [(MEASURED, "primitive"), *[(MEASURED, "official"), (PUBLISHED, "A paper, table 1")] * (seed % 2)]
    lines = [Line(name(9), kind, source, [figure(kind) for _ in heads], rng.choice(["", "kitchen"]))
             for kind, source in kinds for _ in range(rng.randint(1, 4))]
    return Sheet("Rates", heads, lines, ["A note that is longer than a terminal of sixty columns has room for."],
                 transposed=seed % 3 == 0)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seed", range(25))
def test_every_figure_is_whole_and_on_one_line(seed: int, width: int) -> None:
    sheet = drawn(seed)
    plain = grid(sheet, lambda text, _: text)
    wanted = Counter(cell for row in plain.rows for cell in row[plain.left:] if cell)
    shown = printed(sheet, width)
    missing = wanted - figures(shown)
    assert not missing, missing
    widest = max(cell_len(cell) for cell in [*wanted, *(word for name in plain.names for word in name.split())])
    names = plain.left * (8 + 3)
    assert max(map(cell_len, shown)) <= max(width, names + widest + 3 + 1)


def test_names_are_in_every_block_and_long_ones_are_folded() -> None:
    long = "a-policy-with-a-name-that-is-longer-than-any-terminal-is-wide-and-has-no-space-in-it"
    cells = [Cell(n / 100, 0, 1, 10) for n in range(12)]
    sheet = Sheet("Rates", [Head(f"c{n}") for n in range(12)],
                  [Line(long, MEASURED, "p", cells), Line("short", MEASURED, "p", cells)])
    shown = printed(sheet, 80)
    blocks = sum(line.startswith("┏") for line in shown)
    assert 1 < blocks < 12 and figures(shown)["short"] == blocks
    assert max(map(len, shown)) <= 80 and long in "".join(
        line.split("│")[1].strip() for line in shown if line.startswith("│"))
    short = replace(sheet, lines=sheet.lines[1:])
    assert sum(line.startswith("┏") for line in printed(short, 400)) == 1


def test_marks_groups_and_notes_are_there() -> None:
    sheet = Sheet("Rates", [Head("A", "left")], [Line(name, MEASURED, "p", [Cell(value, 0, 1, 10)])
                                                 for name, value in (("hero", 0.5), ("rival", 0.25))], ["A [note]."])
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=True, color_system="standard").print(to_rich(sheet), crop=False)
    shown = out.getvalue()
    assert "\x1b[1m50.0 [0.0, 100.0]\x1b[0m" in shown and "\x1b[1m25.0" not in shown
    assert "left: A" in shown and "Rates; measured, p" in shown and "- A [note]." in shown


def test_a_condition_longer_than_the_terminal_is_folded() -> None:
    name = "a_condition_with_a_name_of_more_characters_than_sixty_columns_have_room_for"
    shown = printed(Sheet("Rates", [Head(name)], [Line("hero", MEASURED, "p", [Cell(0.5, 0.25, 0.75, 10)])]), 60)
    assert max(map(cell_len, shown)) <= 60 and "50.0 [25.0, 75.0]" in figures(shown)
    assert "".join(line.split("┃")[2].strip() for line in shown if line.startswith("┃")) == name
