"""Actions that count by what they were worth, against the closed form of what that makes of one state's policy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.objectives.told import batch_of, gradient, loss, single, states
from vlabench.training.objectives import base
from vlabench.training.objectives.likelihood import Likelihood
from vlabench.training.objectives.policy_gradient import reward_weights

PLAIN = Likelihood(base.Options())
BINS, SCORES = [0, 2, 1, 2, 2], [1.0, 0.5, 0.0, 0.25, 1.0]


def test_the_term_is_the_weighted_likelihood_and_its_minimum_the_weighted_frequencies() -> None:
    """Cross entropy of weights q per bin: its gradient by the logits is π − q, which is 0 where π is q."""
    weights = reward_weights(SCORES, 0.5) * len(SCORES)
    shares = np.array([weights[np.array(BINS) == each].sum() for each in range(3)]) / len(SCORES)
    extras = {"advantages": torch.tensor(weights, dtype=torch.float32), "before": torch.full((5, 1), -1.0)}
    batch = batch_of(states(*[0] * 5), torch.tensor(BINS)[:, None, None], extras)
    anywhere = single([0.2, 0.5, 0.3])
    found = loss(PLAIN, anywhere, batch)
    assert found.term.item() == pytest.approx(-float(shares @ np.log([0.2, 0.5, 0.3])), abs=1e-6)
    assert gradient(PLAIN, anywhere, batch).flatten().tolist() == pytest.approx(
        (np.array([0.2, 0.5, 0.3]) - shares).tolist(), abs=1e-6)
    best = single(shares.tolist())
    assert gradient(PLAIN, best, batch).abs().max().item() < 1e-6
    logs = np.log([0.2, 0.5, 0.3])[BINS]
    assert found.shown["kl"].item() == pytest.approx(float(np.mean(-1.0 - logs)), abs=1e-6)


def test_what_is_worth_less_than_nothing_is_pushed_away() -> None:
    policy = single([0.2, 0.5, 0.3])
    extras = {"advantages": torch.tensor([-2.0]), "before": torch.zeros(1, 1)}
    batch = batch_of(states(0), torch.tensor([[[1]]]), extras)
    pull = gradient(PLAIN, policy, batch).flatten()
    assert pull.tolist() == pytest.approx([-0.4, 1.0, -0.6], abs=1e-6)  # −A (1 − π) where it was, A π elsewhere
