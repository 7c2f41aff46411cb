"""What rollouts draw from, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from vlabench.errors import OptionError
from vlabench.models.distributions import BinnedActions, NormalActions, explored


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


def test_entropy_and_divergence_are_torch_s() -> None:
    draws = torch.Generator().manual_seed(2)
    one, other = (NormalActions(torch.randn(2, 3, 4, generator=draws), deviation) for deviation in (0.3, 0.7))
    mine, theirs = (torch.distributions.Normal(each.mean, each.deviation) for each in (one, other))
    assert torch.allclose(one.entropy(), mine.entropy(), atol=1e-6) and torch.equal(one.mode, mine.mode)  # type: ignore[no-untyped-call]
    assert torch.allclose(one.kl(other), torch.distributions.kl_divergence(mine, theirs), atol=1e-5)
    with pytest.raises(TypeError, match="normal distributions cannot be compared with BinnedActions"):
        one.kl(BinnedActions(torch.zeros(2, 3, 4, 256)))


def test_a_distribution_without_temperature_is_drawn_from_as_it_is() -> None:
    normal = NormalActions(torch.zeros(1, 1, 1), 0.5)
    assert explored(normal, "sample", 1.0) is normal
    with pytest.raises(OptionError, match=r"temperature 2: .*\(NormalActions\) knows no temperature"):
        explored(normal, "sample", 2.0)
