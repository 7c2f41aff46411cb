"""Lower baseline: uniformly random actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from vlabench.adapters._space import check_dimensions
from vlabench.adapters.base import Policy
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Floats, Observation


class Random(Policy):
    """Uniform within one unit of 0 in each dimension, `chunk` actions at a time, whatever it sees."""

    def __init__(
        self,
        chunk: Annotated[int, Field(description="Actions per decision.")] = 8,
        dimensions: Annotated[int | None, Field(
            description="Numbers that the robot's actions must have; by default any.")] = None,
    ) -> None:
        self.chunk = chunk
        self._dimensions = dimensions
        self._draws: dict[int, Draws] = {}
        self._looks: dict[int, int] = {}

    def configure(self, space: ActionSpace) -> None:
        check_dimensions(self._dimensions, space)
        super().configure(space)

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Each slot draws from its own episode's stream, whoever shares the batch."""
        for slot, own in zip(slots, draws, strict=True):
            self._draws[slot] = own
            self._looks[slot] = 0

    def act(self, obs: Observation) -> Decision:
        """Float64 [B, chunk, D]."""
        return Decision(np.stack([self._chunk(slot) for slot in obs.slots.tolist()]))

    def _chunk(self, slot: int) -> Floats:
        # Its own count of looks: how many steps lie between two of them is the card's business.
        look = self._looks[slot]
        self._looks[slot] = look + 1
        return self._draws[slot].at(look).uniform(*self.space.within_a_unit, (self.chunk, self.space.size))
