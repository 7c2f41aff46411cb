"""Verbs that make policies: demos, train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vlabench.cli.options import AnyAssets, Cluster, Seed, Tasks, console, split
from vlabench.util.text import counted

Format = Literal["libero", "lerobot"]


def demos(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go, one a task.")],
    per_task: Annotated[int, typer.Option("--per-task", metavar="N", help="Demonstrations of each task.")] = 50,
    task_set: Annotated[list[str] | None, typer.Option(
        "--task-set", metavar="S", help="libero_spatial, …; with commas, or repeated; all of one simulator.")] = None,
    tasks: Tasks = None,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.")] = None,
    noise: Annotated[float, typer.Option(help="Standard deviation of the noise on the executed actions.")] = 0.1,
    kicks: Annotated[float, typer.Option(help="Share of steps at which a random kick begins.")] = 0.005,
    horizon: Annotated[float, typer.Option(help="Share of a task's step limit that they have.")] = 1.2,
    with_policy: Annotated[str, typer.Option("--with-policy", metavar="P", help="A learner that acts, too.")] = "",
    mix: Annotated[float, typer.Option(metavar="β", help="Share of turns in which the expert acts, too.")] = 0.5,
    seed: Seed = 0,
    assets: AnyAssets = None,
    image_size: Annotated[int, typer.Option(help="Pixels per side.")] = 128,
    format: Annotated[Format, typer.Option(
        help="libero: HDF5, a file a task; lerobot: a LeRobotDataset v3.0; DIR/.hdf5 keeps the HDF5.")] = "libero",
) -> None:
    """Collect a simulator's scripted expert's demonstrations, from sampled start states.

    Exit status: 0 all are there; 1 some tasks gave fewer than asked for, however often it was tried.
    """
    from vlabench.cards.find import find_tasks
    from vlabench.training.demos import layout, to_lerobot
    from vlabench.training.demos.collect import Recipe, collect, experts, with_learner
    from vlabench.util.messages import shown
    from vlabench.util.progress import progress

    recipe = Recipe(assets or "", image_size, seed, noise, kicks, horizon)
    if with_policy:
        recipe = with_learner(recipe, with_policy, mix)
    chosen = find_tasks(experts(), split(task_set, "--task-set"), split(tasks, "--tasks"))
    if format == "lerobot":
        to_lerobot.arrow()  # before anything is played
        to_lerobot.check_place(out)
    files = out if format == "libero" else out / to_lerobot.SOURCE
    done = collect(chosen, per_task, files, recipe, workers=workers, progress=progress(console(stderr=True)))
    rate = done.frames / max(done.seconds, 1e-9)
    typer.echo(f"{counted(done.tries, 'episode')} in {done.seconds:.1f} s, "
               f"{counted(done.frames, 'frame')} ({rate:.0f}/s)")
    for key, count in done.short.items():
        typer.echo(f"{key}: only {count} of {counted(per_task, 'demonstration')}")
    if format == "lerobot" and not done.interrupted:
        to_lerobot.write(layout.files(files), out, chosen[0].simulator)
    typer.echo("interrupted; the same command goes on" if done.interrupted
               else f"{counted(done.demos, 'demonstration')} in {shown(out)}")
    raise typer.Exit(130 if done.interrupted else 1 if done.short else 0)


def train(
    policy: Annotated[str, typer.Option("--policy", metavar="P", help="A policy whose card has the table `training`.")],
    out: Annotated[Path | None, typer.Option(
        "--out", metavar="DIR", help="For checkpoints, curves and weights; by default .training/<policy>, with another "
                                     "seed than 0 .training/<policy>-seed-<seed>.")] = None,
    data: Annotated[list[Path] | None, typer.Option(
        "--data", metavar="DIR", help="Demonstrations instead of the first that it would collect; repeatable.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Processes that play episodes; by default one per core.")] = None,
    on: Cluster = None,
    seed: Seed = 0,
) -> None:
    """Make a policy's weights as its card says; a run that was ended goes on with the same command."""
    from vlabench import cards
    from vlabench.cli.explain import run_of
    from vlabench.training.display import display
    from vlabench.training.train import named
    from vlabench.training.train import train as make
    from vlabench.util.messages import shown

    folder = out or Path(".training") / named(Path(policy).name.removesuffix(".toml"), seed)  # a name may have a dot
    try:
        done = make(policy, folder, data=data or (), device=device, workers=workers, on=on, seed=seed,
                    display=display(console(stderr=True)))
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on", err=True)
        raise typer.Exit(130) from None
    from vlabench.training.team import team

    if not team().first:
        return
    typer.echo(f"{shown(done.weights)}: sha256 {done.sha256}, trained in {done.seconds / 60:.1f} min\n"
               f"{run_of([shown(done.card)], ['libero-smoke', *cards.suite_names()])}")
