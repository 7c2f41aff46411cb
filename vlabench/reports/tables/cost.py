"""The layout that says what trainings took, whatever the machine: rollouts, updates, passes; and minutes on theirs."""

from __future__ import annotations

from collections.abc import Sequence

from vlabench.cards.schema import SPENT
from vlabench.errors import OptionError
from vlabench.reports.tables.outcomes import Side
from vlabench.reports.tables.sheet import MEASURED, Head, Line, Sheet

HEADS = [Head(name, lower=True) for name in ("seed", "minutes", *SPENT)]
HOW = ("Each training by itself, without the one of the policy that it began from. rollouts, control steps: of sft its "
       "demonstrations and their frames. views: other pictures of looks that the simulator drew. passes: looks, and "
       "views of them, that updates put through the network. Empty: there are none, or the card does not say. Trials "
       "are not counted, nor what a kill cost; minutes, of the training's machine, hold both.")
NOT = "Without a training on its card, or with another one than the records are of: {}."


def cost_sheet(cut: Sequence[Side], notes: Sequence[str]) -> Sheet:
    """A line for each policy whose card says how it was made. Raises OptionError if none does."""
    lines = [Line(side.owner.policy, MEASURED, side.owner.assets, cells, ranked=False)
             for side in cut if (cells := _cells(side))]
    if not lines:
        raise OptionError("none of these policies has a card that says how it was made\n"
                          "  fix: vlabench train writes it, with [made]; or another --layout")
    others = ", ".join(side.owner.policy for side in cut if side.made is None)
    return Sheet("What the trainings took", HEADS, lines, [*notes, HOW, *([NOT.format(others)] if others else [])])


def _cells(side: Side) -> list[str]:
    """Text; nothing where a count is not known, as of a card that was written before there were any."""
    made = side.made
    if made is None:
        return []
    return [str(made.seed), f"{made.minutes:.0f}",
            *(f"{made.spent[name]:,}" if name in made.spent else "" for name in SPENT)]
