"""Policies one after another in one episode: shows that the last can take over from where the others leave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from vlabench.adapters.base import Policy, find_adapter
from vlabench.errors import OptionError
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Floats, Observation


class Relay(Policy):
    """Adapters that act one after another.

    They are made with their default options and act one step at a time, so the card's `replan` must be 1.
    Raises OptionError for stages that are empty or do not follow each other, UnknownName for an unknown adapter.
    """

    def __init__(self, stages: Annotated[list[tuple[str, int]], Field(
            description="Pairs of an adapter's name and the control step at which the next stage takes over; the last "
                        "one's step is ignored.")]) -> None:
        ends = [end for _, end in stages[:-1]]
        if not stages or any(later <= earlier for earlier, later in zip([0, *ends], ends, strict=False)):
            raise OptionError(f"the stages of a relay must end at growing steps, not {stages}\n"
                              "  fix: stages = [[\"random\", 40], [\"expert\", 0]]")
        self._stages = [(find_adapter(name)(), end) for name, end in stages]

    def configure(self, space: ActionSpace) -> None:
        """All stages are told."""
        super().configure(space)
        for policy, _ in self._stages:
            policy.configure(space)

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """All stages start anew."""
        for policy, _ in self._stages:
            policy.reset(slots, draws)

    def act(self, obs: Observation) -> Decision:
        """One action for each row from the stage that its step falls into, float [B, 1, D]."""
        ends = [end for _, end in self._stages[:-1]]
        stages = np.searchsorted(ends, obs.steps, side="right")
        actions: list[Floats] = [np.zeros(0)] * len(stages)
        for number in np.unique(stages):
            rows = np.flatnonzero(stages == number).tolist()
            for row, action in zip(rows, self._stages[number][0].act(obs.rows(rows)).actions, strict=True):
                actions[row] = action[:1]
        return Decision(np.stack(actions))
