"""What several verbs share: options, lists in one argument, the console."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlabench.errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

class Question(str, Enum):
    """`stats.TasksAs`, for the command line."""

    fixed = "fixed"
    sample = "sample"


WIDTH = 160
"""Columns of a table that goes to a file or a pipe, unless COLUMNS says otherwise."""

def split(values: Sequence[str] | None, option: str) -> tuple[str, ...]:
    """`--tasks a,b --tasks c` → a, b, c. Raises OptionError for an option that is given and names nothing."""
    parts = tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())
    if values and not parts:
        raise OptionError(f"{option} {','.join(values)!r}: names nothing\n  fix: leave {option} out for all of them")
    return parts


Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder of the records.")]
Suite = Annotated[str, typer.Option("--suite", metavar="S", help="A suite's name, or the path of a card (.toml).")]
Tasks = Annotated[list[str] | None, typer.Option(
    "--tasks", metavar="T", help="Only these: libero_spatial, libero_goal/3, 'libero_*/0'; with commas, or repeated.")]
Conditions = Annotated[list[str] | None, typer.Option(
    "--conditions", metavar="C", help="Only these, names or patterns, and the control.")]
Assets = Annotated[str | None, typer.Option(
    "--assets", metavar="PACK", help="primitive or official; by default the first on the policy's card.")]
AnyAssets = Annotated[str | None, typer.Option(
    "--assets", metavar="PACK", help="primitive or official; by default the simulator's first.")]
Cluster = Annotated[str | None, typer.Option(
    "--on", metavar="CLUSTER",
    help="Where workers live: ray, a Ray cluster of this machine alone; ray://HOST:10001, or HOST:6379 from a machine "
         "that is part of it, one that runs; by default here.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of every random draw.")]
TasksAs = Annotated[Question, typer.Option(
    "--tasks-as", help="fixed: about these very tasks; sample: about tasks like these, of which they are a sample.")]
Cameras = Annotated[list[str] | None, typer.Option("--camera", metavar="NAME", help="Repeat for several.")]


def console(stderr: bool = False) -> Console:
    """As wide as the terminal, or WIDTH."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH
    return Console(file=stream, width=wide, highlight=False)
