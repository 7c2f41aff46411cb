"""likelihood: sampled actions become more probable, or less, by what they were worth; a policy gradient without a clip.

With worths that are all positive it is cloning of one's own actions, weighted.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class Likelihood(Objective):
    """Needs `advantages` [N], what actions were worth, and `before` [N, T], their log-probability when sampled."""

    Options: ClassVar[type[BaseModel]] = base.Options
    options: base.Options
    needs = frozenset({"before", "advantages"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """−A log π, averaged over actions by their weights."""
        log_probs = forward.log_probs
        term = self.options.weight * batch.mean(-batch["advantages"].unsqueeze(1) * log_probs)
        return Loss(term, {"kl": batch.mean(batch["before"] - log_probs.detach())})
