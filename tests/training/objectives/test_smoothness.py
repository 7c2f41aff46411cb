"""The smoothness penalty: nothing at the reference, and a pull back towards it elsewhere."""

from __future__ import annotations

import torch

from vlabench.models.distributions import BinnedActions, centres
from vlabench.training.objectives.smoothness import smoothness


def test_it_is_the_squared_distance_over_the_actions_that_count() -> None:
    mean = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [5.0, 5.0]]], requires_grad=True)
    reference = torch.tensor([[[0.0, 0.0], [3.0, 1.0]], [[0.0, 2.0], [0.0, 0.0]]])
    counted = torch.tensor([[True, True], [True, False]])
    found = smoothness(mean, reference, counted)
    assert found.tolist() == [1 + 4 + 0 + 9, 4]
    (gradient,) = torch.autograd.grad(found.sum(), mean)
    assert torch.equal(gradient, 2 * (mean.detach() - reference) * counted.unsqueeze(-1))


def test_at_the_reference_it_is_0_and_so_is_its_gradient() -> None:
    logits = torch.randn(3, 2, 7, 256, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mean = BinnedActions(logits).mean
    found = smoothness(mean, mean.detach(), torch.ones(3, 2, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert found.tolist() == [0, 0, 0] and not gradient.any()


def test_its_gradient_by_the_logits_is_the_closed_form() -> None:
    """dμ/dlogit_k = p_k (c_k − μ), so d(μ − μ⁻)²/dlogit_k = 2 (μ − μ⁻) p_k (c_k − μ)."""
    logits = torch.randn(1, 1, 1, 256, generator=torch.Generator().manual_seed(0)).requires_grad_()
    actions = BinnedActions(logits)
    found = smoothness(actions.mean, torch.tensor([[[0.4]]]), torch.ones(1, 1, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    p = torch.softmax(logits.detach().double().flatten(), 0)
    mu = float(p @ centres().double())
    expected = 2 * (mu - 0.4) * p * (centres().double() - mu)
    assert torch.allclose(gradient.flatten().double(), expected, rtol=1e-3, atol=1e-9)
