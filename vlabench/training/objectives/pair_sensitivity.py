"""pair_sensitivity: PAIR's equation 3: act otherwise where the target lies otherwise.

The term is −λ · min(KL(π(·|o) ‖ π(·|o⁻)), ε), o⁻ a view that alters the task, given the same actions. A sample's
divergence is the mean over the numbers of its actions; from ε on it gives no gradient. Both sides have one. The paper's
text leaves the direction open.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from vlabench.training.objectives import _views, base
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective


class PairSensitivityOptions(base.Options):
    """Of sensitivity."""

    weight: float = Field(
        default=0.2, ge=0, description="Weight of the term in the loss: PAIR's λ_sens (published: 0.2 for OpenVLA).")
    clip: float = Field(
        default=0.8, gt=0,
        description="Divergence ε in nats from which on a sample counts no more (published: 0.8, for OpenVLA's seven "
                    "numbers); `pair_sensitivity kl` and `pair_sensitivity clipped` in the curves say how it fits.")
    direction: Literal["forward", "reverse"] = Field(
        default="forward", description="`forward`: KL(π(·|o) ‖ π(·|o⁻)); `reverse`: KL(π(·|o⁻) ‖ π(·|o)).")


class PairSensitivity(Objective):
    """Needs `task-altering view`, observations of the same states."""

    Options: ClassVar[type[BaseModel]] = PairSensitivityOptions
    options: PairSensitivityOptions
    needs = frozenset({_views.ALTERING})
    shapes = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over samples; shown beside it: the divergence, unclipped, and the share that is clipped."""
        seen, altered = forward.distribution, forward.on(batch[_views.ALTERING]).distribution
        one, other = (seen, altered) if self.options.direction == "forward" else (altered, seen)
        kl = _views.divergence(one, other, batch)
        return Loss(-self.options.weight * kl.clamp(max=self.options.clip).sum() / batch.count, {
            "pair_sensitivity kl": kl.sum() / batch.count,
            "pair_sensitivity clipped": (kl > self.options.clip).sum() / batch.count})
