"""The verb that begins a plug-in: new."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Kind(str, Enum):
    """What `vlabench new` writes."""

    policy = "policy"
    perturbation = "perturbation"
    suite = "suite"


def new(
    kind: Annotated[Kind, typer.Argument(help="What to write.")],
    name: Annotated[str, typer.Argument(help="Its name; of a policy or a perturbation the module's, too.")],
    out: Annotated[Path | None, typer.Option(
        "--out", metavar="DIR", help="Where the files go; by default into a folder of its name, a suite's card into "
                                     "this one.")] = None,
) -> None:
    """Write a policy, a perturbation or a suite of your own that works at once, to be changed."""
    from vlabench.cli.drafts import draft
    from vlabench.util.messages import shown

    made = draft(kind.value, name, out)
    typer.echo("\n".join(["written:", *(f"  {shown(path)}" for path in made.files),
                          "next:", *(f"  {command}" for command in made.commands)]))
