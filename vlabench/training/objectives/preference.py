"""preference: of two rollouts the better one is to become more probable than the other, against the first policy.

The loss of a pair is −log σ(m), m = β [log(π(w) / π_first(w)) − log(π(l) / π_first(l))], of whole trajectories (GRAPE's
TPO, Zhang et al. 2024; RL4VLA, equation 7). Its gradient is that of the sum of β σ(−m) log π(a) over the losing
trajectory's actions minus the same over the winning one's. With the margins m known beforehand it is the sum of single
looks', each of which can be computed by itself: `advantages` times weights are ±β σ(−m), and the term has that gradient
and the loss's value.
"""

from __future__ import annotations

from vlabench.training.objectives.base import Batch, Forward, Loss
from vlabench.training.objectives.likelihood import Likelihood

MARGIN, LOSS = "margin", "preference loss"


class Preference(Likelihood):
    """Needs of each sample's pair its `margin` and its `preference loss`, [N] each, as the policy is now; and what the
    likelihood needs.
    """

    needs = Likelihood.needs | {MARGIN, LOSS}

    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Averaged over pairs. Shown beside it: the margin, and the share of pairs that the policy ranks as asked."""
        pulled = super().loss(batch, forward)
        margin, value = (batch[name].unsqueeze(1).expand_as(batch.weights) for name in (MARGIN, LOSS))
        term = pulled.term - pulled.term.detach() + self.options.weight * batch.mean(value)
        return Loss(term, {**pulled.shown, "margin": batch.mean(margin), "preferred": batch.mean((margin > 0).float())})
