"""What a policy must do: start new episodes in given slots, and act on an observation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from vlabench.seeding import Draws
from vlabench.types import Floats, Observation


class Policy(ABC):
    """Something that acts. Constructed from its card's options; heavy imports belong into the constructor."""

    @abstractmethod
    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """These batch slots start a new episode; a policy that samples takes its numbers from `draws` alone."""

    @abstractmethod
    def act(self, obs: Observation) -> Floats:
        """T ≥ 1 actions for each of B copies, float [B, T, D]; the loop executes up to the card's `replan` of them."""

    def close(self) -> None:
        """Let go of what the policy holds (a connection, a device)."""
        return None
