"""What rollouts draw from, against scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch

from vlabench.errors import OptionError
from vlabench.models.distributions import BinnedActions, MixedActions, NormalActions, explored
from vlabench.types import ActionSpace


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


ROBOT = ActionSpace(("x", "y", "hand"), (-1.0,) * 3, (1.0,) * 3, (1.0,) * 3, (0.0,) * 3, 20.0, gripper=2, opens=-1.0)


def test_the_gripper_is_a_bernoulli_beside_the_arm_s_normal() -> None:
    """Closed as often as bins above 0 are drawn; the arm's numbers and their density are untouched."""
    bins = BinnedActions(torch.randn(1, 1, 3, 256, generator=torch.Generator().manual_seed(3)))
    mixed, normal = explored(bins, "mixed", 0.25, ROBOT), explored(bins, "normal", 0.25)
    assert isinstance(mixed, MixedActions) and torch.equal(mixed.mean, bins.mean)
    closed = float(bins.log_probs[0, 0, 2, 128:].exp().sum())
    grid = np.random.default_rng(0).random((1, 1, 3)) * np.ones((1000, 1, 3))
    grid[:, 0, 2] = (np.arange(1000) + 0.5) / 1000
    drawn = mixed.sample(grid)
    upper = drawn[..., 2] == 1
    assert torch.equal(drawn[..., :2], normal.sample(grid)[..., :2]) and (upper | (drawn[..., 2] == -1)).all()
    assert float(upper.double().mean()) == pytest.approx(closed, abs=1e-3)
    found, density = mixed.log_prob(drawn), normal.log_prob(drawn)
    assert torch.equal(found[..., :2], density[..., :2])
    assert np.allclose(found[..., 2].exp().numpy(), np.where(upper.numpy(), closed, 1 - closed), atol=1e-6)
    assert mixed.mode[0, 0, 2] == (1 if closed > 0.5 else -1)


def test_a_bernoulli_s_entropy_divergence_and_slope_are_torch_s() -> None:
    draws = torch.Generator().manual_seed(4)
    logits = [torch.randn(2, 1, 3, 256, generator=draws).requires_grad_() for _ in range(2)]
    one, other = (explored(BinnedActions(each), "mixed", 0.1, ROBOT) for each in logits)
    assert isinstance(one, MixedActions) and isinstance(other, MixedActions)
    mine, theirs = (torch.distributions.Bernoulli(logits=each.odds) for each in (one, other))
    assert torch.allclose(one.entropy()[..., 2], mine.entropy(), atol=1e-6)  # type: ignore[no-untyped-call]
    assert torch.allclose(one.kl(other)[..., 2], torch.distributions.kl_divergence(mine, theirs), atol=1e-6)
    assert torch.allclose(one.kl(other)[..., :2], one.arm.kl(other.arm)[..., :2])
    (slope,) = torch.autograd.grad(one.log_prob(torch.ones(2, 1, 3))[..., 2].sum(), one.odds)
    assert torch.allclose(slope, 1 - torch.sigmoid(one.odds))
    with pytest.raises(TypeError, match="cannot be compared with NormalActions"):
        one.kl(one.arm)


def test_a_gripper_that_is_not_there_has_no_commands() -> None:
    bins = BinnedActions(torch.zeros(1, 1, 3, 256))
    without = replace(ROBOT, gripper=None, opens=None)
    with pytest.raises(OptionError, match="the robot has no gripper"):
        explored(bins, "mixed", 0.1, without)
    with pytest.raises(OptionError, match=r"\(NormalActions\) does not say how probable either side"):
        explored(NormalActions(bins.mean, 0.1), "mixed", 0.1, ROBOT)
