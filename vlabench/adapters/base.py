"""What a policy must do: start new episodes in given slots, and act on an observation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from vlabench.seeding import Draws
from vlabench.types import Floats, Observation


class Policy(ABC):
    """Something that acts. Constructed from its card's options; heavy imports belong into the constructor."""

    revision: ClassVar[int] = 1
    """Part of a policy's digest: raised when the same options come to mean other actions."""

    @abstractmethod
    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """These batch slots start a new episode; a policy that samples takes its numbers from `draws` alone."""

    @abstractmethod
    def act(self, obs: Observation) -> Floats:
        """T actions for each of B copies, float [B, T, D]; the loop executes the first `replan` (of the card) of them.

        T ≥ replan, except where the step limit comes first: perturbations rely on a look every `replan` steps.
        """

    def close(self) -> None:
        """Let go of what the policy holds (a connection, a device)."""
        return None
