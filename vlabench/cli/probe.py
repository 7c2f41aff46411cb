"""Verbs that look inside a policy: probe, and the plots of what it kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlabench.cli.options import Assets, Conditions, Seed, Suite, Tasks, console, split
from vlabench.util.text import counted

if TYPE_CHECKING:
    from rich.table import Table

    from vlabench.reports.plots.policy import State


HIDDEN = ("low", "high", "by_task", "by_dimension", "dimensions")
"""Fields of a row that have no column of their own on the terminal."""


def probe(
    policy: Annotated[str, typer.Option("--policy", metavar="P", help="A policy's name, or the path of a card.")],
    suite: Suite,
    out: Annotated[Path, typer.Option(
        "--out", metavar="FILE", help="An .npz; what it has of these episodes is not played again.")],
    assets: Assets = None,
    episodes: Annotated[int | None, typer.Option(help="Per task and condition; by default the suite's.")] = None,
    tasks: Tasks = None,
    conditions: Conditions = None,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.")] = None,
    seed: Seed = 0,
) -> None:
    """Play episodes and keep the policy's actions and embeddings, and those it has without the perturbation."""
    from vlabench.evaluation.plan import RunOptions
    from vlabench.evaluation.probe import probe as play
    from vlabench.util.progress import progress

    options = RunOptions(episodes, split(tasks, "--tasks"), split(conditions, "--conditions"), seed=seed)
    try:
        done = play(policy, suite, out, assets=assets, options=options, workers=workers,
                    progress=progress(console(stderr=True)))
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None
    kept = len(done.probe.traces)
    before = f" ({done.held:,} there before)" if done.held else ""
    typer.echo(f"{out}: {counted(kept, 'episode')}{before} in {done.seconds:.1f} s, "
               + ("with embeddings" if done.probe.looks_inside else "actions alone: this policy has no embedding")
               + (f"; {len(done.failed)} ended in errors and are left out" if done.failed else ""))
    raise typer.Exit(done.exit_code)


def draw(kind: str, files: Sequence[Path], out: Path, conditions: Sequence[str], senseless: Sequence[str],
         state: State) -> None:
    """`vlabench plot tsne`, `… actions` and `… policy`: the figure, and its numbers on the terminal and as JSON beside
    it.

    senseless: options that were given and say nothing about this kind. state: what `policy` is drawn at.
    """
    from vlabench.errors import OptionError
    from vlabench.reports import plots
    from vlabench.reports.plots import policy, probe_data, probes

    if senseless:
        raise OptionError(f"{' and '.join(senseless)}: {kind} is drawn of probes, and each is of one policy and suite\n"
                          f"  fix: leave it out; --conditions chooses among a probe's conditions")
    found, notes = probe_data.gather(files, conditions)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    drawn = policy.policy(found, state) if kind == policy.POLICY else probes.draw(kind, found)
    console().print(_table(drawn.rows))
    for file in [*plots.save(drawn.figure, out), drawn.write(out, found)]:
        typer.echo(str(file))


def _table(rows: Sequence[Any]) -> Table:
    """A column for each field that is a number or a name; intervals in brackets behind what they belong to."""
    from rich.table import Table

    names = [field.name for field in fields(rows[0]) if field.name not in HIDDEN]
    extra = list(getattr(rows[0], "dimensions", {}))
    shown = Table(*(name.replace("_", " ") for name in names), *extra)
    for row in rows:
        cells = {name: _cell(getattr(row, name)) for name in names}
        if row.low is not None:
            cells[row.interval_of] += f" [{row.low:.2f}, {row.high:.2f}]"
        shown.add_row(*cells.values(), *(f"{row.dimensions[name]:.3f}" for name in extra))
    return shown


def _cell(value: object) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
