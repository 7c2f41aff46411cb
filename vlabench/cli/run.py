"""Verbs that play episodes, and put together what was played: run, merge, replay, preview."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlabench.cli.options import (
    AnyAssets,
    Assets,
    Cameras,
    Cluster,
    Conditions,
    Results,
    Seed,
    Suite,
    Tasks,
    console,
    split,
)
from vlabench.util.text import counted


def run(
    policy: Annotated[str, typer.Option("--policy", metavar="P", help="A policy's name, or the path of a card.")],
    suite: Suite,
    assets: Assets = None,
    episodes: Annotated[int | None, typer.Option(help="Per task and condition; by default the suite's.")] = None,
    tasks: Tasks = None,
    conditions: Conditions = None,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.")] = None,
    seed: Seed = 0,
    control: Annotated[bool, typer.Option("--control/--no-control", help="Play the clean condition too.")] = True,
    results: Results = Path("results"),
    record: Annotated[bool, typer.Option("--record", help="Keep the actions, for `vlabench replay`.")] = False,
    time_limit: Annotated[float | None, typer.Option(
        metavar="SECONDS", help="A worker whose episodes get no further for so long is stopped; by default 300 and 5 "
                                "for each step of their task's limit.")] = None,
    host: Annotated[bool | None, typer.Option(
        "--host/--no-host", help="One process holds the policy for all workers, instead of a copy in each; by default "
                                 "what its card says, and yes on a GPU.")] = None,
    on: Cluster = None,
    url: Annotated[str | None, typer.Option(
        metavar="URL", help="Where the policy's server is, if it has one; by default where its card says.")] = None,
    name: Annotated[str | None, typer.Option(
        "--as", metavar="NAME", help="The policy that this server has, by the name of its records; needed with a card "
                                     "that names no server, such as openpi.")] = None,
    shard: Annotated[str | None, typer.Option(
        metavar="I/N", help="Play one of N parts of the run, from 1/N to N/N, on as many machines: its records go to "
                            "shard-I-of-N in DIR, and vlabench merge joins them.")] = None,
    by_task: Annotated[bool, typer.Option("--by-task", help="A row for each task instead of each task set.")] = False,
    table: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table, too: .md, .tex or .csv.")] = None,
) -> None:
    """Play what is missing of a suite, and show success rates, intervals and paired differences to the control."""
    from vlabench import cards
    from vlabench.evaluation.plan import RunOptions
    from vlabench.evaluation.run import evaluate
    from vlabench.records.shards import Shard
    from vlabench.reports import tables
    from vlabench.reports.tables.terminal import to_rich
    from vlabench.util.messages import shown
    from vlabench.util.progress import progress

    kind = tables.check_target(table, None, "--table")
    options = RunOptions(episodes, split(tasks, "--tasks"), split(conditions, "--conditions"), control, seed,
                         None if shard is None else Shard.named(shard))
    done = evaluate(policy, suite, results, assets=assets, options=options, workers=workers, record=record,
                    time_limit=time_limit, host=host, on=on, url=url, name=name,
                    progress=progress(console(stderr=True)))
    if done.records:
        sheet = tables.of_run(done.records, done.folder, suite, done.policy, done.counts, by_task,
                              cards.load_suite(suite).also)
        console().print(to_rich(sheet), crop=False)
        if table:
            tables.write_text(table, tables.rendered(sheet, kind), "--table")
    typer.echo(f"{done.summary}\nrecords: {shown(done.folder)}")
    raise typer.Exit(done.summary.exit_code)


def merge(
    folders: Annotated[list[Path] | None, typer.Argument(
        metavar="[FOLDER…]", help="Results folders; by default the shards in DIR (shard-1-of-8, …).")] = None,
    results: Annotated[Path, typer.Option(
        "--results", metavar="DIR", help="Where all of their records go, beside what is there.")] = Path("results"),
    partial: Annotated[bool, typer.Option(
        "--partial", help="Even if shards, policies or conditions are missing.")] = False,
) -> None:
    """Join results folders, such as the shards of a run, into one; nothing is written if they do not fit together."""
    from vlabench.records.merge import merge as join
    from vlabench.util.messages import shown

    done = join(folders or [], results, partial)
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{done}\nrecords: {shown(results)}; the same `vlabench run` without --shard checks all of them, plays "
               f"what is missing and shows the table")


def preview(
    suite: Annotated[list[str], typer.Option(
        "--suite", metavar="S", help="A suite's name, or the path of a card (.toml); several, with commas or repeated, "
                                     "for a sheet of small pictures, every condition once.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The picture, .png or another kind.")] = Path(
        "preview.png"),
    tasks: Tasks = None,
    conditions: Conditions = None,
    assets: AnyAssets = None,
    index: Annotated[int, typer.Option(help="The episode's number, from 0.")] = 0,
    seed: Seed = 0,
    camera: Cameras = None,
    size: Annotated[int, typer.Option(help="Pixels per side of a camera's picture.")] = 256,
) -> None:
    """Draw what a policy sees first: tasks (by default one of each set) in rows, conditions in columns."""
    from vlabench.evaluation.preview import preview as draw

    cells = draw(split(suite, "--suite"), out, assets=assets, tasks=split(tasks, "--tasks"),
                 conditions=split(conditions, "--conditions"), index=index, seed=seed,
                 cameras=split(camera, "--camera"), size=size)
    typer.echo(f"{out}: {counted(len(cells), 'picture')}")


def replay(
    policy: Annotated[str, typer.Argument()],
    task: Annotated[str, typer.Argument(help="libero_spatial/3")],
    condition: Annotated[str, typer.Argument()],
    index: Annotated[int, typer.Argument(help="The episode's number, from 0.")],
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="An .mp4 or a .gif.")] = Path("replay.mp4"),
    assets: Assets = None,
    seed: Seed = 0,
    suite: Annotated[str | None, typer.Option(metavar="S", help="Where the condition is; by default any.")] = None,
    camera: Cameras = None,
    size: Annotated[int | None, typer.Option(help="Pixels per side of each picture.")] = None,
    name: Annotated[str | None, typer.Option(
        "--as", metavar="NAME", help="The name that its records have, of a policy behind a server.")] = None,
) -> None:
    """Replay an episode of `vlabench run --record` as a video; fails if it does not end exactly as recorded."""
    from vlabench.evaluation.replay import replay as play_again

    film = play_again(policy, task, condition, index, results=results, out=out, assets=assets, seed=seed, suite=suite,
                      cameras=split(camera, "--camera"), size=size, name=name)
    typer.echo(f"{out}: {counted(film.frames, 'frame')}, {film.played.status} after "
               f"{counted(film.played.steps, 'step')}; the final state is the recorded one ({film.played.state})")
