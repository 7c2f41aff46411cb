"""`vlabench table`, `vlabench plot` and `vlabench report` as commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import episodes, write_records
from vlabench.cli.app import app


@pytest.fixture
def results(tmp_path: Path) -> Path:
    records = [*episodes("kitchen/0", "clean", "ssse"), *episodes("kitchen/0", "far", "sfff"),
               *episodes("kitchen/0", "near", "ssff")]  # fmt: skip
    return write_records(tmp_path / "results", records)


def run(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == status, done.output
    return done.output


def test_a_table_goes_to_the_terminal_or_to_a_file(results: Path, tmp_path: Path) -> None:
    assert "mean of perturbed" in run("table", str(results))
    markdown = run("table", str(results), "--format", "md", "--no-intervals")
    assert re.search(r"\| policy +\| clean \| +far \|", markdown)
    assert re.search(r"\| random +\| 100\.0 \| +25\.0 \|", markdown)
    for suffix in ("md", "tex", "csv"):
        out = tmp_path / f"t.{suffix}"
        assert f"{out}: 2 lines" in run("table", str(results), "--out", str(out))
        assert "random" in out.read_text()
    assert "note: Ended in errors" in run("table", str(results), "--format", "csv")


def test_of_many_columns_it_says_how_to_choose(tmp_path: Path) -> None:
    many = [each for number in range(30) for each in episodes("kitchen/0", f"kind-{number}", "sf")]
    wide = write_records(tmp_path / "wide", [*episodes("kitchen/0", "clean", "ss"), *many])
    assert "--suite S shows one suite's" in run("table", str(wide))
    few = write_records(tmp_path / "few", [*episodes("kitchen/0", "clean", "ss"), *episodes("kitchen/0", "far", "sf")])
    assert "shows one suite's" not in run("table", str(few))


def test_the_question_is_chosen(results: Path) -> None:
    fixed, sample = run("table", str(results)), run("table", str(results), "--tasks-as", "sample")
    assert "about exactly the tasks played" in fixed and "as a sample of the tasks" in sample
    assert "there is no interval" in " ".join(sample.split())
    assert "tasks-as" in run("table", str(results), "--tasks-as", "all", status=2)


def test_starts_are_chosen(results: Path) -> None:
    assert re.search(r"\| random +\| 100\.0 \| +0\.0 \|", run("table", str(results), "--format", "md",
                                                             "--no-intervals", "--starts", "2-3"))
    assert "--starts '3-2': its first number is above its last" in run("table", str(results), "--starts=3-2", status=2)
    for text in ("4", "a-b", "-1-2", "1-2-3"):
        assert f"--starts '{text}': no range of episode numbers" in run("table", str(results), f"--starts={text}",
                                                                        status=2)


def test_a_plot_is_written(results: Path, tmp_path: Path) -> None:
    shown = run("plot", "drops", str(results), "--out", str(tmp_path / "picture"))
    assert f"{tmp_path}/picture.svg\n{tmp_path}/picture.png\n" in shown
    assert "note: Ended in errors" in shown
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_a_report_is_written(results: Path, tmp_path: Path) -> None:
    shown = run("report", str(results), "--out", str(tmp_path / "r.html"), "--policies", "ran*", "--conditions", "far")
    assert "reading records" in shown and re.search(r"r\.html: 0\.\d MB", shown)
    text = (tmp_path / "r.html").read_text()
    assert "random under perturbation" in text and ">far<" in text and ">near<" not in text
    assert "No pictures: unknown task set" in text


@pytest.mark.parametrize(("arguments", "why"), [
    (("table", "--layout", "nice"), "unknown layout 'nice'"), (("table", "--out", "t.doc"), "a table is written as"),
    (("plot", "pie"), "unknown kind of plot 'pie'"), (("plot", "drops", "--out", "p.gif"), "a figure is written as"),
    (("plot", "radar", "--conditions", "far"), "a radar has 3 to"),
    (("plot", "parameter"), "is said by a suite"), (("plot", "strips"), "these records are of random alone"),
    (("plot", "bars", "--index", "3"), "--index goes with strips, trajectories, policy: not with bars"),
    (("plot", "strips", "--look", "1"), "--look goes with policy: not with strips"),
    (("plot", "trajectories"), "unknown task 'kitchen/0'"),
    (("report", "--out", "r.txt"), "a report is written as"), (("report", "--episodes", "99"), "must be in 0 … 20"),
])  # fmt: skip
def test_mistakes_are_explained(arguments: tuple[str, ...], why: str, results: Path) -> None:
    verb, *rest = arguments
    where = [rest.pop(0), str(results)] if verb == "plot" else [str(results)]
    assert why in run(verb, *where, *rest, status=2)
