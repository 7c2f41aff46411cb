"""The Jacobian penalty against closed forms and finite differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from tests.nano_sizes import sizes
from vlabench.models.nano import Inputs, NanoVLA
from vlabench.training.objectives.base import twice_differentiable
from vlabench.training.objectives.jacobian import jacobian

FREE = float("inf")


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_linear_gaussian_policy() -> None:
    """log π = −|a − W e|² / 2σ² + const: with r = a − W e and g = Wᵀ r / σ², the penalty is |g|², and its derivative by
    W is 2 (r gᵀ − W g eᵀ) / σ².
    """
    sigma, count = 0.7, 5
    w, e, a = random(4, 6).requires_grad_(), random(count, 6, seed=1).requires_grad_(), random(count, 4, seed=2)
    penalty, norms = jacobian(-(a - e @ w.T).square().sum(1) / (2 * sigma**2), e, FREE)
    r = (a - e @ w.T).detach()
    g = r @ w.detach() / sigma**2
    assert torch.allclose(penalty, g.square().sum(1)) and torch.equal(penalty.detach(), norms)
    (found,) = torch.autograd.grad(penalty.sum(), w)
    expected = sum(2 * (torch.outer(r[n], g[n]) - torch.outer(w.detach() @ g[n], e[n].detach())) for n in range(count))
    assert isinstance(expected, Tensor) and torch.allclose(found, expected / sigma**2)


def test_a_softmax_linear_policy() -> None:
    """log π = w_a·e − log Σ exp(w_k·e): the gradient is w_a − Σ p_k w_k."""
    w, e = random(9, 6).requires_grad_(), random(5, 6, seed=1).requires_grad_()
    actions = torch.tensor([0, 3, 3, 8, 1])

    def penalty(weights: Tensor) -> Tensor:
        log_prob = functional.log_softmax(e @ weights.T, dim=1)[torch.arange(5), actions]
        return jacobian(log_prob, e, FREE)[0].sum()

    p = torch.softmax(e @ w.T, dim=1)
    expected = (w[actions] - p @ w).square().sum()
    assert torch.allclose(penalty(w), expected)
    (by_twice,), (by_formula,) = torch.autograd.grad(penalty(w), w), torch.autograd.grad(expected, w)
    assert torch.allclose(by_twice, by_formula)


def test_the_clamp_is_each_sample_s_own_and_stops_the_gradient() -> None:
    w, e = random(1, 3).requires_grad_(), random(4, 3, seed=1).requires_grad_()
    scale = torch.tensor([0.1, 1.0, 2.0, 0.1], dtype=torch.float64)
    free = scale.square() * w.detach().square().sum()  # log π = scale · w·e
    clamp = float(free[1]) * 0.9
    penalty, norms = jacobian(scale * (e @ w.T).squeeze(1), e, clamp)
    assert torch.allclose(norms, free) and torch.allclose(penalty, free.clamp(max=clamp))
    (gradient,) = torch.autograd.grad(penalty.sum(), w)
    assert torch.allclose(gradient, 2 * w.detach() * (scale[0] ** 2 + scale[3] ** 2))


@pytest.fixture(scope="module")
def network() -> NanoVLA:
    torch.manual_seed(0)
    made = NanoVLA(sizes(image_size=16, words=("bowl",), embedding=16, head=8, points=4, features=4, text_width=8,
                         widths=(8, 8), chunk=3))
    with torch.no_grad():
        made.bins.weight.mul_(4.0)
    return made


def executed(made: NanoVLA, actions: Tensor) -> Callable[[Tensor], Tensor]:
    """Embedding → log-probability of the first two actions of three."""
    return lambda embedding: made.act(embedding).log_prob(actions)[:, :2].sum((1, 2))


def test_the_compact_policy_s_penalty_equals_finite_differences(network: NanoVLA) -> None:
    """By every direction of the embedding; the head computes in single precision, so to 1 %."""
    actions = torch.rand(3, 3, 7, generator=torch.Generator().manual_seed(1)) * 2 - 1
    log_prob, e = executed(network, actions), torch.tanh(random(3, 16).float()).requires_grad_()
    penalty, _ = jacobian(log_prob(e), e, FREE)
    step = 0.02
    with torch.no_grad():
        slopes = [(log_prob(e + step * axis) - log_prob(e - step * axis)) / (2 * step) for axis in torch.eye(16)]
    assert torch.allclose(penalty, torch.stack(slopes).square().sum(0), rtol=0.01)


def test_the_compact_policy_s_double_backward_equals_finite_differences(network: NanoVLA) -> None:
    """The derivative of the penalty by the head's weights and by the embedding, along random directions, to 2 %."""
    actions = torch.rand(3, 3, 7, generator=torch.Generator().manual_seed(1)) * 2 - 1
    log_prob, e = executed(network, actions), torch.tanh(random(3, 16).float()).requires_grad_()
    moved = [network.steps.weight, network.bins.weight, e]
    gradients = torch.autograd.grad(jacobian(log_prob(e), e, FREE)[0].mean(), moved)
    for seed, (parameter, gradient) in enumerate(zip(moved, gradients, strict=True)):
        direction = gradient / gradient.norm() + 0.1 * random(*parameter.shape, seed=seed).float()
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(sign * 0.01 * direction)
            ends.append(float(jacobian(log_prob(e), e, FREE)[0].mean().detach()))
            with torch.no_grad():
                parameter.sub_(sign * 0.01 * direction)
        assert (ends[0] - ends[1]) / 0.02 == pytest.approx(float((gradient * direction).sum()), rel=0.02)


def test_the_penalty_reaches_the_trunk_of_the_compact_policy(network: NanoVLA) -> None:
    actions = torch.zeros(2, 3, 7)
    pictures = {camera: torch.randint(0, 256, (2, 16, 16, 3), dtype=torch.uint8) for camera in network.config.cameras}
    inputs = Inputs(pictures, torch.zeros(2, 8), torch.ones(2, 48, dtype=torch.int64))
    embedding = network.trunk(inputs).embedding
    jacobian(executed(network, actions)(embedding), embedding, FREE)[0].mean().backward()  # type: ignore[no-untyped-call]
    for name in ("bins.weight", "steps.weight", "embed.weight", "eyes.wrist.stem.weight"):
        gradient = network.get_parameter(name).grad
        assert gradient is not None and bool(gradient.abs().sum() > 0), name


def test_heads_with_attention_can_be_differentiated_twice() -> None:
    """With torch's own kernel, as with attention written out."""
    e, query = random(2, 5, 8).requires_grad_(), random(2, 1, 5, 8, seed=1)

    def penalty(attend: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        embedding = e.flatten(1)
        keys = embedding.view(2, 1, 5, 8)
        return jacobian(attend(query, keys).square().sum((1, 2, 3)), embedding, FREE)[0]

    with twice_differentiable():
        by_kernel = penalty(lambda q, k: functional.scaled_dot_product_attention(q, k, k))
    written = penalty(lambda q, k: torch.softmax(q @ k.transpose(-1, -2) / 8**0.5, dim=-1) @ k)
    assert torch.allclose(by_kernel, written)
    (found,), (expected,) = torch.autograd.grad(by_kernel.sum(), e), torch.autograd.grad(written.sum(), e)
    assert torch.allclose(found, expected)
