"""Distributions as probabilities of bins, against scipy's distribution functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from vlabench.models.binning import shares
from vlabench.models.distributions import BINS, BinnedActions, MixedActions, NormalActions

EDGES = np.linspace(-1, 1, BINS + 1)
UNIT = torch.tensor([1.0, 0.03, 0.2])
MEANS = torch.tensor([[[0.2, 0.01, -0.19], [0.0, 0.03, 0.5]]])  # [1, 2, 3]: the last lies beyond the last bin


class Laplace:
    """Somebody else's distribution, of which nothing is known but its density."""

    mean = MEANS
    scale = torch.tensor([0.1, 0.004, 0.01])

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        return -(actions - self.mean).abs() / self.scale - (2 * self.scale).log()


def between(kind: Any, mean: torch.Tensor, scale: torch.Tensor, ends: bool) -> Any:
    """Differences of a distribution function over the bins, of actions in their own units; with tails in the ends."""
    edges = UNIT.numpy()[:, None] * EDGES
    below = kind.cdf(edges, mean.numpy()[..., None], scale.numpy()[:, None])
    if ends:
        below[..., 0], below[..., -1] = 0.0, 1.0
    return np.diff(below)


def test_a_normal_density_is_integrated_over_each_bin() -> None:
    deviation = torch.tensor([0.1, 0.004, 0.01])
    found = shares(NormalActions(MEANS, deviation), UNIT).numpy()
    np.testing.assert_allclose(found, between(stats.norm, MEANS, deviation, ends=True), atol=1e-5)
    assert found[0, 1, 2, -1] == pytest.approx(1.0)
    alike = shares(NormalActions(MEANS / UNIT, 0.1), torch.ones(3)).numpy()
    np.testing.assert_allclose(alike[0, 0, 0], found[0, 0, 0], atol=1e-6)


def test_bins_are_what_they_are() -> None:
    logits = torch.randn(1, 2, 3, BINS, generator=torch.Generator().manual_seed(3))
    np.testing.assert_allclose(shares(BinnedActions(logits, UNIT), UNIT).numpy(), logits.softmax(-1).numpy(), atol=1e-7)


def test_a_gripper_s_commands_have_a_bin_each() -> None:
    arm = NormalActions(MEANS, 0.1)
    found = shares(MixedActions(arm, torch.tensor([[0.0, 2.0]]), 2, (-0.2, 0.2)), UNIT)
    upper = stats.logistic.cdf([0.0, 2.0])
    np.testing.assert_allclose(found[0, :, 2, 0].numpy(), 1 - upper, atol=1e-6)
    np.testing.assert_allclose(found[0, :, 2, -1].numpy(), upper, atol=1e-6)
    assert float(found[0, :, 2, 1:-1].sum()) == 0.0
    np.testing.assert_array_equal(found[..., :2, :].numpy(), shares(arm, UNIT)[..., :2, :].numpy())


def test_an_unknown_density_is_integrated_numerically() -> None:
    found = shares(Laplace(), UNIT).numpy()  # type: ignore[arg-type]
    np.testing.assert_allclose(found.sum(-1), 1.0)
    inside = between(stats.laplace, MEANS, Laplace.scale, ends=False)[0, 0]
    np.testing.assert_allclose(found[0, 0], inside / inside.sum(-1, keepdims=True), atol=2e-3)
