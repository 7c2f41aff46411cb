"""wrong_instruction: the policy is told to do another task; whoever reads must fail, whoever does not, does as before.

A control, no published perturbation: RL4VLA's language shifts keep the meaning, this one exchanges it. The goal that
counts stays the task's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace

LIBERO_GOAL = (
    "open the middle drawer of the cabinet", "put the bowl on the stove", "put the wine bottle on top of the cabinet",
    "open the top drawer and put the bowl inside", "put the bowl on top of the cabinet",
    "push the plate to the front of the stove", "put the cream cheese in the bowl", "turn on the stove",
    "put the bowl on the plate", "put the wine bottle on the rack",
)
"""The instructions of libero_goal, whose ten tasks share one scene."""


class WrongInstruction(Perturbation):
    """Another task's instruction."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"share": 0.2}, 2: {"share": 0.4}, 3: {"share": 0.6}, 4: {"share": 0.8}, 5: {"share": 1.0}
    }
    group: ClassVar[str] = "language"

    share: float = Field(
        default=1.0, ge=0, le=1, description="Share of the episodes that get another instruction than their own.")
    among: tuple[str, ...] = Field(
        default=LIBERO_GOAL, min_length=2, description="Instructions to draw from; by default those of libero_goal.")

    _given: str = PrivateAttr(default="")

    @property
    def from_start(self) -> bool:
        """Where every episode shows it; below that, whole episodes are told the truth."""
        return self.certain

    @property
    def certain(self) -> bool:
        return self.share == 1

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"instruction"})

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._given = ""

    def instruction(self, text: str, rng: Draws) -> str:
        unit = rng.episode()
        wrong = unit.random() < self.share
        others = [other for other in self.among if other != text]
        self._given = others[int(unit.integers(len(others)))] if wrong else text
        return self._given

    def realised(self) -> dict[str, Any]:
        return {"instruction": self._given}
