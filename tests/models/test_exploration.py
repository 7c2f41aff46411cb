"""What rollouts draw from, against scipy."""

from __future__ import annotations

import numpy as np
import scipy.stats
import torch

from vlabench.models.bins import BinnedActions
from vlabench.models.exploration import NormalActions, explored


def test_a_normal_around_the_mean_is_scipy_s() -> None:
    bins = BinnedActions(torch.randn(2, 3, 4, 256, generator=torch.Generator().manual_seed(0)))
    normal = explored(bins, "normal", 0.25)
    assert isinstance(normal, NormalActions) and torch.equal(normal.mean, bins.mean)
    uniform = np.random.default_rng(0).random((2, 3, 4))
    truth = scipy.stats.norm(bins.mean.double().numpy(), 0.25)
    drawn = normal.sample(uniform)
    assert np.allclose(drawn.numpy(), truth.ppf(uniform), atol=1e-9)
    assert np.allclose(normal.log_prob(drawn).numpy(), truth.logpdf(drawn.numpy()), atol=1e-5)
    assert torch.isfinite(normal.sample(np.zeros((2, 3, 4)))).all()


def test_the_mean_learns_towards_what_was_drawn() -> None:
    """The gradient of the log-density with respect to the mean is (a − μ) / σ²."""
    mean = torch.zeros(1, 1, 1, requires_grad=True)
    density = NormalActions(mean, 0.5).log_prob(torch.full((1, 1, 1), 0.2))
    (slope,) = torch.autograd.grad(density.sum(), mean)
    assert abs(float(slope) - 0.2 / 0.25) < 1e-6


def test_bins_are_drawn_from_at_a_temperature() -> None:
    bins = BinnedActions(torch.randn(1, 1, 1, 256, generator=torch.Generator().manual_seed(1)))
    warm = explored(bins, "sample", 2.0)
    assert isinstance(warm, BinnedActions) and torch.equal(warm.logits, bins.logits / 2.0)
