"""wrong_instruction: the policy is told to do another task; whoever reads must fail, whoever does not, does as before.

A control, no published perturbation: RL4VLA's language shifts keep the meaning, this one exchanges it. The goal that
counts stays the task's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from vlabench.perturbations._language import ToldOtherwise

LIBERO_GOAL = (
    "open the middle drawer of the cabinet", "put the bowl on the stove", "put the wine bottle on top of the cabinet",
    "open the top drawer and put the bowl inside", "put the bowl on top of the cabinet",
    "push the plate to the front of the stove", "put the cream cheese in the bowl", "turn on the stove",
    "put the bowl on the plate", "put the wine bottle on the rack",
)
"""The instructions of libero_goal, whose ten tasks share one scene."""


class WrongInstruction(ToldOtherwise):
    """Another task's instruction."""

    among: tuple[str, ...] = Field(
        default=LIBERO_GOAL, min_length=2, description="Instructions to draw from; by default those of libero_goal.")

    @property
    def rewords(self) -> bool:
        """No: it is another task's."""
        return False

    def others(self, text: str) -> Sequence[str]:
        return [other for other in self.among if other != text]
