"""RobustVLA's smoothness penalty (equation 3): how far an update moves the mean actions."""

from __future__ import annotations

from torch import Tensor


def smoothness(mean: Tensor, reference: Tensor, counted: Tensor) -> Tensor:
    """‖μ − μ⁻‖² of each sample [B], over the actions [B, T, D] that count (bool [B, T]).

    reference: mean actions to stay close to, those of the policy as it was when the iteration began (Algorithm 1, line
    11), given the same observations.
    """
    squared = (mean - reference).square().sum(-1)
    return (squared * counted).sum(1)
