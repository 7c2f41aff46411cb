"""The scripted expert as a policy: privileged state in, one action out; its controller comes with the state."""

from __future__ import annotations

import numpy as np

from vlabench.adapters.base import Policy
from vlabench.errors import UnsupportedError
from vlabench.types import Decision, Observation


class Expert(Policy):
    """A feedback controller that reads the simulator's state: it remembers nothing, so it can take over from any state.

    Reads `Observation.state`, whose elements have `expert_action() -> float [D]`. Raises UnsupportedError if the
    observation holds no state (the card must say `privileged = true`).
    """

    def act(self, obs: Observation) -> Decision:
        """One action for each copy, float [B, 1, D]."""
        if obs.state is None:
            raise UnsupportedError("the expert acts on the simulator's state, which this observation does not hold\n"
                                   "  fix: set `privileged = true` in the policy's card")
        return Decision(np.stack([state.expert_action()[None] for state in obs.state]))
