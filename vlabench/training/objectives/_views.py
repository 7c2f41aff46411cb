"""PAIR's views (What to Ignore, What to React, 4): what batches hold of them, and how far two of a state are apart."""

from __future__ import annotations

from torch import Tensor

from vlabench.adapters.base import ActionDistribution
from vlabench.training.objectives.base import Batch

PRESERVING, ALTERING = "task-preserving view", "task-altering view"
"""In `Batch.extras`: other observations of the N samples, the instruction as it is. In the first what does not matter
to the task looks otherwise, in the second the target lies otherwise."""
VIEWED = "before at the view"
"""In `Batch.extras`: the log-probability [N, T] of each whole action given the task-preserving view, before updates."""


def divergence(one: ActionDistribution, other: ActionDistribution, batch: Batch) -> Tensor:
    """KL(one ‖ other) of each sample [N], in nats, as the mean over all numbers of its actions that count; both given
    the same actions.
    """
    counted = batch.counted.sum(1).clamp(min=1)
    return (one.kl(other).mean(-1) * batch.counted).sum(1) / counted
