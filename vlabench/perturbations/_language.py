"""What perturbations of the instruction share: what is said is held for the episode and put on record."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Task


class Told(Perturbation):
    """Something else is said than the instruction."""

    dimension: ClassVar[str] = "language"

    _told: str = PrivateAttr(default="")

    @property
    def rewords(self) -> bool:
        return True

    @abstractmethod
    def told(self, text: str, rng: Draws) -> str:
        """What is said instead of an instruction."""

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"instruction"})

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._told = ""

    def instruction(self, text: str, rng: Draws) -> str:
        self._told = self.told(text, rng)
        return self._told

    def realised(self) -> dict[str, Any]:
        return {"instruction": self._told}


class ToldOtherwise(Told):
    """Another instruction, each of `others` equally likely, in a share of the episodes."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1: {"share": 0.2}, 2: {"share": 0.4}, 3: {"share": 0.6}, 4: {"share": 0.8}, 5: {"share": 1.0}}

    share: float = Field(
        default=1.0, ge=0, le=1, description="Share of the episodes that get another instruction than their own.")

    @abstractmethod
    def others(self, text: str) -> Sequence[str]:
        """What may be said instead of an instruction. Raises UnsupportedError where that is nothing."""

    @property
    def from_start(self) -> bool:
        """Where every episode shows it; below that, whole episodes are told the truth."""
        return self.certain

    @property
    def certain(self) -> bool:
        return self.share == 1

    def check_tasks(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self.others(task.instruction)

    def told(self, text: str, rng: Draws) -> str:
        unit, others = rng.episode(), self.others(text)
        otherwise = unit.random() < self.share
        return others[int(unit.integers(len(others)))] if otherwise else text
