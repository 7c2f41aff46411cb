"""label_smoothing: a share ε of cloning's targets spread evenly over all bins (Szegedy et al. 2016).

Added to cloning's cross entropy C is ε/(1 − ε) · U, U the mean over the bins of −log π: together, up to the factor
1/(1 − ε), they are (1 − ε) C + ε U, the cross entropy with smoothed targets. Averaged over an action's numbers, as
cloning is; but for OpenVLA's gripper, where C is of the two commands and U of the bins that give them. What FAN is
compared with (Niu et al. 2026, table 12), there with sigma = 0 in the options of sft.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from vlabench.training.objectives.base import Batch, Forward, Loss, Objective, binned


class LabelSmoothingOptions(BaseModel):
    """How much is smoothed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    epsilon: float = Field(
        default=0.05, ge=0, lt=1, description="Share ε of the targets that is spread evenly (FAN's best: 0.05).")


class LabelSmoothing(Objective):
    """Keeps every bin a little probable."""

    Options: ClassVar[type[BaseModel]] = LabelSmoothingOptions
    options: LabelSmoothingOptions
    shapes = True

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over the numbers of actions that count."""
        even = -binned(forward.distribution, "label_smoothing").log_probs.mean(-1)
        share = self.options.epsilon
        return Loss(share / (1.0 - share) * batch.mean(even.mean(-1)))
