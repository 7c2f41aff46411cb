"""The verb `gate`: is one policy worse than another?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlabench.cli.options import Assets, Question, Results, Tasks, TasksAs, console, split
from vlabench.errors import VlabenchError

SIDE = "FOLDER, FOLDER:POLICY or POLICY (in --results); @DIGEST names one of several versions."


def gate(
    baseline: Annotated[str, typer.Option("--baseline", metavar="A", help=SIDE)],
    candidate: Annotated[str, typer.Option("--candidate", metavar="B", help="In the same way.")],
    margin: Annotated[float, typer.Option(help="Points of success that may be lost, the mean over tasks.")] = 5.0,
    task_margin: Annotated[float, typer.Option(help="Points that a single task may lose.")] = 30.0,
    alpha: Annotated[float, typer.Option(help="The chance of a wrong verdict.")] = 0.05,
    suite: Annotated[str | None, typer.Option(
        "--suite", metavar="S", help="Compare its conditions; by default all that both sides have.")] = None,
    tasks_as: TasksAs = Question.fixed,
    assets: Assets = None,
    tasks: Tasks = None,
    conditions: Annotated[list[str] | None, typer.Option(
        "--conditions", metavar="C", help="Only these, names or patterns.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the episodes.")] = 0,
    candidate_seed: Annotated[int | None, typer.Option(
        help="Seed of the candidate's episodes, where it is another; pairs then share start states alone.")] = None,
    play: Annotated[bool, typer.Option(
        "--run", help="Play what is missing, as many episodes as a sequential test needs.")] = False,
    episodes: Annotated[int | None, typer.Option(
        help="With --run: at most so many per task and condition; by default the suite's.")] = None,
    workers: Annotated[int | None, typer.Option(help="With --run: processes; by default one per core.")] = None,
    results: Results = Path("results"),
    summary: Annotated[Path | None, typer.Option(metavar="FILE", help="Append a summary in Markdown.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML, a case a condition.")] = None,
) -> None:
    """Say whether candidate B succeeds less often than baseline A, by more than a margin, on the same episodes.

    Exit status: 0 no regression; 1 a regression; 3 inconclusive, with the number of further episodes per task that it
    would take. Whatever keeps it from a verdict ends with another one, as its message says.
    """
    from vlabench.gate import report as reports
    from vlabench.gate.compare import Choice, compare
    from vlabench.gate.play import play as play_it
    from vlabench.gate.verdicts import EXIT
    from vlabench.util.progress import progress

    reports.check_paths([summary, junit])
    choice = Choice(suite, assets, split(tasks, "--tasks"), split(conditions, "--conditions"), seed,
                    candidate_seed, margin, alpha, task_margin, tasks_as.value)
    try:
        if play:
            found = play_it(baseline, candidate, choice, results, episodes=episodes, workers=workers,
                            progress=progress(console(stderr=True)))
        else:
            found = compare(baseline, candidate, choice, results)
    except VlabenchError as error:
        if error.exit_code not in EXIT.values():
            raise
        typer.echo(f"vlabench: {error}", err=True)  # workers that die are no "inconclusive"
        raise typer.Exit(2) from None
    console().print(reports.to_rich(found))
    for line in [reports.terms(found), *reports.notes(found), reports.headline(found)]:
        typer.echo(line)
    reports.write(found, summary, junit)
    raise typer.Exit(found.exit_code)
