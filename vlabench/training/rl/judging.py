"""What a learner's policy makes of samples as it is now, while nothing is learned: before and after updates."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch

from vlabench.training.objectives._views import PRESERVING, VIEWED
from vlabench.training.objectives.policy_gradient import divergence
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.samples import Floats64, Samples
from vlabench.training.team import team


def prepare(learner: Learner, samples: Samples) -> None:
    """Have samples hold what the learner's objectives need, by the policy as it is before an iteration's updates."""
    if learner.views:
        samples.hold(VIEWED, viewed(learner, samples))
    if learner.pairs:
        samples.pair(learner.origin if learner.wants else None)
    if learner.compares:
        samples.compare(learner.first)


def values(learner: Learner, samples: Samples) -> list[Floats64]:
    """The critic's expectation at every look, for each rollout, where it reads that on the way of what was done."""
    def worth(rows: range) -> list[float]:
        batch = samples.batch(rows, learner.device)
        embedding = learner.policy.encode(batch.obs, batch.actions)["embedding"]
        return cast("list[float]", learner.policy.value(batch.obs, embedding).double().tolist())

    with torch.no_grad():
        return samples.by_rollout(np.array(team().every(len(samples), learner.options.batch, worth)))


def viewed(learner: Learner, samples: Samples) -> list[Floats64]:
    """Log-probability of each action [L, T] that a rollout drew, given its looks' views that preserve the task."""
    def score(rows: range) -> list[list[float]]:
        batch = samples.batch(rows, learner.device)
        log_probs = learner.forward(batch).on(batch[PRESERVING]).log_probs
        return cast("list[list[float]]", log_probs.double().tolist())

    with torch.no_grad():
        return samples.by_rollout(np.array(team().every(len(samples), learner.options.batch, score)))


def judged(learner: Learner, samples: Samples) -> dict[str, float]:
    """`surrogate`, the clipped loss on all samples as the policy is now, and `surrogate divergence` from the policy
    that sampled them.
    """
    everything = range(len(samples))
    samples = samples.credited(everything, learner.scored)
    rewarded = learner.objectives["policy"]

    def judge(rows: range) -> list[tuple[float, float]]:
        batch = samples.batch(rows, learner.device, everything)
        forward = learner.forward(batch, twice=learner.twice)
        return [(float(rewarded.loss(batch, forward).term), float(divergence(batch, forward)))]

    with torch.no_grad():
        found = team().every(len(samples), learner.options.batch, judge)
    return dict(zip(("surrogate", "surrogate divergence"), map(sum, zip(*found, strict=True)), strict=True))
