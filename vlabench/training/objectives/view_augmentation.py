"""view_augmentation: plain data augmentation: learn from rewards as if a look had been its task-preserving view.

The term is λ times PPO's clipped policy gradient of the look's own actions and advantages, given a view that preserves
the task (as RAD augments, Laskin et al. 2020). The ratio is to the probability that the policy gave them there before
the updates: to that with which they were drawn it would begin far from 1 where a view is strange to the policy, and the
clip would hold what there is most to learn from (Raileanu et al. 2021). It is what PAIR's views are worth without
PAIR's divergences: the control for `pair_invariance`.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from vlabench.training.objectives import _views
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective
from vlabench.training.objectives.policy_gradient import PolicyGradientOptions, clipped, outside


class ViewAugmentationOptions(PolicyGradientOptions):
    """Of the policy gradient at views."""

    weight: float = Field(
        default=1.0, ge=0, description="Weight of the term in the loss: 1 counts a view as much as the look itself.")


class ViewAugmentation(Objective):
    """Needs `task-preserving view`, observations of the same states, `before at the view`, and `advantages`."""

    Options: ClassVar[type[BaseModel]] = ViewAugmentationOptions
    options: ViewAugmentationOptions
    needs = frozenset({_views.PRESERVING, _views.VIEWED, "advantages"})

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over actions by their weights; shown beside it: the share of them that the clip holds."""
        options, before, advantages = self.options, batch[_views.VIEWED], batch["advantages"]
        log_probs = forward.on(batch[_views.PRESERVING]).log_probs
        clips = options.clip_low, options.clip_high
        return Loss(options.weight * batch.mean(clipped(log_probs, before, advantages, *clips)), {
            "view_augmentation outside": batch.mean(outside(log_probs.detach(), before, advantages, *clips).float())})
