"""Sheets as text: marks, minus signs, groups, escapes."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vlabench.errors import OptionError, StoreError
from vlabench.reports.tables import render
from vlabench.reports.tables.paired import Cell
from vlabench.reports.tables.render import check_target, write_text
from vlabench.reports.tables.sheet import MEASURED, PUBLISHED, Head, Line, Mark, Sheet

B, S, N = Mark.best, Mark.second, Mark.none


def cell(value: float, **changes: Any) -> Cell:
    return Cell(value, changes.pop("low", value - 0.1), changes.pop("high", value + 0.1), 20, **changes)


def quoted(value: float) -> Cell:
    return Cell(value, math.nan, math.nan, 0)


SHEET = Sheet(
    "Rates (%) of 50_50",
    [Head("A", "left"), Head("B", "left"), Head("C")],
    [
        Line("hero", MEASURED, "primitive", [cell(0.5), cell(0.72), None]),
        Line("rival", MEASURED, "primitive", [cell(0.9), cell(0.7204), cell(0.3)]),
        Line("third", MEASURED, "primitive", [cell(0.5004), cell(0.1), cell(0.2)]),
        Line("away", MEASURED, "official", [cell(0.95), cell(0.9), cell(0.9)]),
        Line("π0", PUBLISHED, "Paper table 1", [quoted(0.6354), quoted(0.8), quoted(0.9)]),
        Line("Old", PUBLISHED, "Paper table 1", [quoted(0.7), quoted(0.8), quoted(0.1)]),
    ],
    ["A note with a | in it & more."],
)
DROPS = Sheet("Drops", [Head("joint"), Head("shift")], [
    Line("hero − clean", MEASURED, "primitive", [cell(-0.2, p=0.01), cell(-0.0004, low=-0.04, high=0.0, p=0.5)],
         ranked=False),
    Line("rival − clean", MEASURED, "primitive", [cell(-0.1, p=0.06), cell(0.05, p=0.9)], ranked=False),
])  # fmt: skip


def rows(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[part.strip() for part in line.strip("|").split(" | ")] for line in lines]


def test_marks_go_to_the_best_of_a_pack_or_paper_as_printed() -> None:
    assert SHEET.marks() == [[S, B, N], [B, B, B], [S, N, N], [N, N, N], [N, N, B], [B, N, N]]
    # 50.0 and 50.04 are the same figure in print, so are 72.0 and 72.04; two values make a best, but no second
    lower = Sheet("", [Head("mCE", lower=True)], [Line(n, MEASURED, "p", [cell(v)]) for n, v in
                                                  (("a", 1.0), ("b", 0.5), ("c", 0.7))])  # fmt: skip
    assert lower.marks() == [[N], [B], [S]]
    assert DROPS.marks() == [[N, N], [N, N]]


def test_markdown_marks_rows_and_says_where_they_are_from() -> None:
    text = render.to_markdown(SHEET)
    assert text.startswith("**Rates (%) of 50_50**\n\n| policy")
    found = rows(text)
    assert found[0] == ["policy", "from", "left: A", "left: B", "C"]
    assert found[2] == ["hero", "measured, primitive", "<u>50.0 [40.0, 60.0]</u>", "**72.0 [62.0, 82.0]**", "–"]
    assert found[6] == ["π0", "published, Paper table 1", "63.54", "80.0", "**90.0**"]
    assert text.endswith("\n- A note with a | in it & more.\n")
    assert len({len(line) for line in text.splitlines() if line.startswith("|")}) == 1
    assert rows(render.to_markdown(SHEET, intervals=False))[2][2:] == ["<u>50.0</u>", "**72.0**", "–"]


def test_differences_have_signs_stars_and_no_negative_nothing() -> None:
    found = rows(render.to_markdown(DROPS))
    assert found[2] == ["hero − clean", "−20.0* [−30.0, −10.0]", "0.0 [−4.0, 0.0]"]
    assert found[3][1:] == ["−10.0 [−20.0, 0.0]", "+5.0 [−5.0, +15.0]"]
    nothing = Sheet("", [Head("x")], [Line("a", MEASURED, "p", [cell(0.0004, low=-1e-9, high=1e-9, p=0.01)])])
    assert rows(render.to_markdown(nothing))[2][1] == "0.0* [0.0, 0.0]"
    assert r"0.0* {\scriptsize [0.0, 0.0]}" in render.to_latex(nothing)
    assert ",0.000400,0.000000,0.000000," in render.to_csv(nothing)


def test_figures_of_several_trainings_of_the_worst_and_without_an_end() -> None:
    sheet = Sheet("T", [Head("clean"), Head("worst"), Head("retention")], [
        Line("hero, 2 trainings", MEASURED, "primitive", [
            cell(0.712, low=0.69, high=0.734, spread=0.018), cell(0.25, label="shift", low=0.2, high=0.3),
            cell(0.9, low=0.4, high=math.inf)])])
    assert rows(render.to_markdown(sheet))[2][1:] == [
        "71.2 ± 1.8 [69.0, 73.4]", "shift 25.0 [20.0, 30.0]", "90.0 [40.0, ∞]"]
    assert r"71.2 $\pm$ 1.8 {\scriptsize [69.0, 73.4]}" in render.to_latex(sheet)
    table = list(csv.DictReader(io.StringIO(render.to_csv(sheet))))
    assert [row["text"] for row in table] == ["± 0.018000", "shift", ""]


def wide(columns: int, lines: int = 2) -> Sheet:
    """Every figure another one."""
    return Sheet("Wide", [Head(f"condition-{n:02}") for n in range(columns)], [
        Line(f"policy-{k}", MEASURED, "primitive", [cell((k * columns + n) / 1000, low=0.0) for n in range(columns)])
        for k in range(lines)])


@pytest.mark.parametrize("columns", [5, 8, 25])
def test_a_number_of_episodes_stays_beside_its_rate(columns: int) -> None:
    text = render.to_markdown(replace(wide(columns), counted=True))
    heads = [[cell.strip() for cell in line.split("|")[2:-1]] for line in text.splitlines()
             if line.startswith("| policy  ")]
    assert len(heads) > columns / 5 and all(head[1::2] == ["n"] * (len(head) // 2) for head in heads)
    assert [name for head in heads for name in head[::2]] == [f"condition-{n:02}" for n in range(columns)]
    assert all(len(line) <= render.WIDE for line in text.splitlines() if line.startswith("|"))


def test_wide_tables_are_split_into_blocks_with_the_names_in_each() -> None:
    text = render.to_markdown(wide(25))
    blocks = [[line for line in part.splitlines() if line.startswith("|")] for part in text.split("\n\n")]
    blocks = [block for block in blocks if block]
    assert len(blocks) == 7 and all(len(line) <= render.WIDE for block in blocks for line in block)
    assert [line.split("|")[1].strip() for line in blocks[3]][2:] == ["policy-0", "policy-1"]
    found = [row for row in rows(text) if row[0] == "policy-1"]
    assert [figure.split(" ")[0].strip("*") for row in found for figure in row[1:]] == [
        f"{100 * (25 + n) / 1000:.1f}" for n in range(25)]
    latex = render.to_latex(wide(25))
    assert latex.count(r"\begin{table}") == latex.count(r"\end{tabular}") == 4
    assert r"\caption{Wide; measured, primitive (4 of 4)}" in latex and r"\begin{tabular}{lrrrr}" in latex
    assert len(render.to_csv(wide(25)).splitlines()) == 51


def test_a_line_without_a_figure_in_a_block_is_not_in_it() -> None:
    sheet = wide(14)
    gone = Line("none", MEASURED, "official", ["" if n < 7 else cell(0.5) for n in range(14)], ranked=False)
    text = render.to_latex(replace(sheet, lines=[*sheet.lines, gone]))
    first, second = text.split(r"\end{table}")[:2]
    assert "none" not in first and "none" in second
    assert first.count(r"\midrule") == 1 and second.count(r"\midrule") == 2


def test_groups_of_columns_become_groups_of_lines() -> None:
    heads = [Head(name, group) for group in ("kitchen", "garage") for name in ("clean", "far")]
    sheet = Sheet("", heads, [Line("a", MEASURED, "p", ["1", "2", "3", "4"]), Line("b", MEASURED, "p", [*"5678"])])
    turned = sheet.by_group()
    assert turned.columns == [Head("clean"), Head("far")]
    assert [(line.group, line.name, *line.cells) for line in turned.lines] == [
        ("kitchen", "a", "1", "2"), ("kitchen", "b", "5", "6"), ("garage", "a", "3", "4"), ("garage", "b", "7", "8")]


def test_figures_on_different_episodes_do_not_compete() -> None:
    lines = [Line(name, MEASURED, "p", [cell(value, played=played), cell(value, played=1)])
             for name, value, played in (("a", 0.9, 1), ("b", 0.5, 2), ("c", 0.4, 2))]
    sheet = Sheet("", [Head("x"), Head("y")], lines)
    assert sheet.marks() == [[N, B], [N, S], [N, N]] and sheet.unequal() == [0]
    assert replace(sheet, lines=lines[1:]).unequal() == []
    apart = [*lines[1:], replace(lines[0], source="q")]
    assert replace(sheet, lines=apart).unequal() == []


def test_lines_as_columns_have_the_origin_above_or_in_the_title() -> None:
    turned = Sheet("T", SHEET.columns, SHEET.lines, transposed=True)
    found = rows(render.to_markdown(turned, intervals=False))
    assert found[0][2:4] == ["measured, primitive: hero", "measured, primitive: rival"]
    assert found[5][-1] == "published, Paper table 1: Old"  # of a second block
    assert [row[:4] for row in found[2:5]] == [
        ["left", "A", "<u>50.0</u>", "**90.0**"], ["", "B", "**72.0**", "**72.0**"], ["", "C", "–", "**30.0**"]]
    alike = Sheet("T", DROPS.columns, DROPS.lines, transposed=True)
    assert render.title(alike) == "T; measured, primitive"
    assert rows(render.to_markdown(alike))[0] == ["", "hero − clean", "rival − clean"]


def test_latex_is_escaped_and_booked() -> None:
    text = render.to_latex(SHEET)
    assert r"\caption{Rates (\%) of 50\_50}" in text
    assert r" &  & \multicolumn{2}{c}{left} & \multicolumn{1}{c}{" not in text
    assert " &  & \\multicolumn{2}{c}{left} &  \\\\\n" in text
    assert r"$\pi$0 & published, Paper table 1 & 63.54 & 80.0 & \textbf{90.0} \\" in text
    assert r"hero & measured, primitive & \underline{50.0} {\scriptsize [40.0, 60.0]} & " in text
    assert text.count(r"\midrule") == 3
    assert text.startswith("% A note")
    assert r"$-$20.0* {\scriptsize [$-$30.0, $-$10.0]}" in render.to_latex(DROPS)
    assert render.tex(r"a\b~{c}^#&") == r"a/b\textasciitilde{}\{c\}\textasciicircum{}\#\&"


def test_csv_holds_the_figures_themselves() -> None:
    found = list(csv.DictReader(io.StringIO(render.to_csv(SHEET))))
    assert len(found) == 18
    assert {k: found[0][k] for k in ("name", "kind", "source", "column_group", "column", "value", "low", "n")} == {
        "name": "hero", "kind": "measured", "source": "primitive", "column_group": "left", "column": "A",
        "value": "0.500000", "low": "0.400000", "n": "20"}
    assert found[2]["value"] == ""
    assert (found[12]["value"], found[12]["low"], found[12]["n"]) == ("0.635400", "", "")
    assert list(csv.DictReader(io.StringIO(render.to_csv(DROPS))))[0]["p"] == "0.01"


@pytest.mark.parametrize(("out", "form", "kind"), [
    (None, None, "rich"), (None, "csv", "csv"), ("t.md", None, "md"), ("t.tex", None, "latex"), ("t.csv", "csv", "csv"),
    ("t.txt", "md", "md"),
])  # fmt: skip
def test_the_format_is_that_of_the_option_or_of_the_suffix(
    out: str | None, form: str | None, kind: str, tmp_path: Path
) -> None:
    assert check_target(None if out is None else tmp_path / out, form) == kind


@pytest.mark.parametrize(("out", "form", "why"), [
    ("t.xlsx", None, r"a table is written as \.md, \.tex, \.csv"), ("t.md", "csv", "and not as csv"),
    ("t.md", "rich", "and not as rich"), ("t", "rich", "and not as rich"), ("no/t.md", None, "there is no folder"),
])  # fmt: skip
def test_other_files_are_refused(out: str, form: str | None, why: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=why):
        check_target(tmp_path / out, form)


def test_a_file_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "t.md").mkdir()
    with pytest.raises(StoreError, match="cannot write .*t.md"):
        write_text(tmp_path / "t.md", "text")
