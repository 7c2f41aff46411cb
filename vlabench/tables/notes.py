"""Sentences below a table that several layouts share, and what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vlabench.tables.sheet import Line
from vlabench.tables.sides import Cell, Side

AVERAGING = ("A column over several task sets or conditions is the mean of their rates, each with the same weight; "
             "intervals are Wilson's 95 %, for the number of different episodes.")  # fmt: skip


ACTED = ("acted k/n: in k of n episodes the condition changed anything that the policy received, the robot executed or "
         "the scene was; in the others it had no occasion to.")  # fmt: skip


def acted(lines: Iterable[Line]) -> list[str]:
    """What a figure's `acted k/n` means, where one has it."""
    cells = (cell for line in lines for cell in line.cells if isinstance(cell, Cell))
    return [ACTED] if any(cell.acted is not None and cell.acted < cell.n for cell in cells) else []


def trained(cut: Sequence[Side], lines: Iterable[Line]) -> list[str]:
    """What † means, if a figure has it, and of whom nothing is known; and whose origin is known in part."""
    found = []
    if any(isinstance(cell, Cell) and cell.familiar for line in lines for cell in line.cells):
        named = {side.owner.policy: ", ".join(sorted(side.seen.perturbations)) for side in cut
                 if side.seen and side.seen.perturbations}
        who = "; ".join(f"{policy}: {names}" for policy, names in named.items())
        strangers = ", ".join(dict.fromkeys(side.owner.policy for side in cut if side.seen is None))
        found.append(f"†: with a perturbation that the policy was trained under ({who})."
                     + (f" Of {strangers} no card of this version is here to say." if strangers else ""))
    unknown = {side.owner.policy: side.seen.unknown for side in cut if side.seen and side.seen.unknown}
    return found + [f"{policy} goes on from {', '.join(names)}, whose training is not known here."
                    for policy, names in unknown.items()]


def common(cut: Sequence[Side]) -> list[str]:
    """The task sets that all policies have played anything on."""
    return [name for name in cut[0].task_sets if all(name in side.task_sets for side in cut)] if cut else []


def counts(cut: Sequence[Side], lines: Iterable[Line]) -> list[str]:
    """How many tasks were played, and how many episodes are behind the cells."""
    tasks: dict[str, set[str]] = {}
    for side in cut:
        for (_, task_set), outcomes in side.outcomes.items():
            tasks.setdefault(task_set, set()).update(task for task, _, _ in outcomes)
    played = ", ".join(f"{name} {len(each)}" for name, each in tasks.items())
    episodes = sorted({cell.n for line in lines for cell in line.cells if isinstance(cell, Cell) and cell.n})
    ends = " to ".join(dict.fromkeys(str(each) for each in (episodes[0], episodes[-1]))) if episodes else "0"
    return [f"Tasks played: {played}. Episodes behind a figure: {ends}."]
