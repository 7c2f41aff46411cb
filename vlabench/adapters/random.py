"""The lower line of every table: actions drawn uniformly from the whole action space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlabench.adapters.base import Policy
from vlabench.seeding import Draws
from vlabench.types import Decision, Floats, Observation


class Random(Policy):
    """Uniform in [−1, 1] in each of `dimensions` dimensions, `chunk` actions at a time, whatever it sees."""

    def __init__(self, chunk: int = 8, dimensions: int = 7) -> None:
        self.chunk = chunk
        self.dimensions = dimensions
        self._draws: dict[int, Draws] = {}
        self._looks: dict[int, int] = {}

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Each slot draws from its own episode's stream, whoever shares the batch."""
        for slot, own in zip(slots, draws, strict=True):
            self._draws[slot] = own
            self._looks[slot] = 0

    def act(self, obs: Observation) -> Decision:
        """Float64 [B, chunk, dimensions] in [−1, 1]."""
        return Decision(np.stack([self._chunk(slot) for slot in obs.slots.tolist()]))

    def _chunk(self, slot: int) -> Floats:
        # Its own count of looks: how many steps lie between two of them is the card's business.
        look = self._looks[slot]
        self._looks[slot] = look + 1
        return self._draws[slot].at(look).uniform(-1.0, 1.0, (self.chunk, self.dimensions))
