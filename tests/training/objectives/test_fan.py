"""FAN's terms on numbers worked out by hand, against integrals, and against what they are to lead to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from tests.training.objectives.told import MIDDLES, Told, batch_of, gradient, loss, single, states
from vlabench.errors import CardError
from vlabench.models.distributions import BinnedActions, NormalActions, centres
from vlabench.training.objectives import _neighbourhood as near
from vlabench.training.objectives.base import Forward, Objective
from vlabench.training.objectives.cloning import Cloning, CloningOptions
from vlabench.training.objectives.fan_kernel import FanKernel, FanKernelOptions
from vlabench.training.objectives.fan_ppo import FanPpo, FanPpoOptions
from vlabench.training.objectives.fan_sft import FanSft, FanSftOptions
from vlabench.training.objectives.policy_gradient import PolicyGradient, PolicyGradientOptions

ONE_HOT = Cloning(CloningOptions(sigma=0.0))


def fan_sft(weight: float) -> FanSft:
    return FanSft(FanSftOptions(weight=weight))


def close(found: Tensor, expected: object) -> bool:
    return torch.allclose(found.detach(), torch.as_tensor(expected, dtype=found.dtype), atol=1.5e-6)


@pytest.mark.parametrize(("weight", "whole", "slope"), [
    (0.05, 1.205062, [0.199202, 0.495913, -0.695115]), (1.0, 1.225765, [0.184043, 0.418253, -0.602296])])
def test_fan_sft_by_hand(weight: float, whole: float, slope: list[float]) -> None:
    """The variance about the mode is 2/9, above the floor of 1/9. With the paper's sign the loss would be smaller than
    cloning's 1.203973.
    """
    policy, batch = single([0.2, 0.5, 0.3]), batch_of(states(0), torch.tensor([[[2]]]))
    cloned, term = loss(ONE_HOT, policy, batch), loss(fan_sft(weight), policy, batch)
    assert close(cloned.term, 1.203973) and close(cloned.term + term.term, whole)
    assert close(term.shown["fan_sft kl"], 0.021792) and close(term.shown["fan_sft sigma"], 0.471405)
    both = gradient(ONE_HOT, policy, batch) + gradient(fan_sft(weight), policy, batch)
    assert close(both.flatten(), slope)


def test_fan_sft_s_floor_by_hand() -> None:
    policy, batch = single([0.01, 0.98, 0.01]), batch_of(states(0), torch.tensor([[[1]]]))
    term = loss(fan_sft(0.05), policy, batch)
    assert close(term.shown["fan_sft sigma"], 1 / 3) and close(term.shown["fan_sft kl"], 0.167643)
    assert close(loss(ONE_HOT, policy, batch).term + term.term, 0.028585)


def test_fan_ppo_by_hand() -> None:
    """Three samples, whose clipped surrogates are 1.2, −0.8 and 0.6."""
    policy, sigma = single([0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.1, 0.2, 0.7]), 0.3
    bins, before = torch.tensor([2, 0, 2]), torch.tensor([0.25, 0.2, 0.4]).log()[:, None]
    batch = batch_of(states(0, 1, 2), bins[:, None, None],
                     {"before": before, "advantages": torch.tensor([1.0, -1.0, 0.5])})
    part = loss(PolicyGradient(PolicyGradientOptions()), policy, batch).term
    term = loss(FanPpo(FanPpoOptions(weight=1.0, sigma=sigma)), policy, batch)
    assert close(part, -0.333333) and close(term.term, 0.678023) and close(part + term.term, 0.34469)
    assert close(part + loss(FanPpo(FanPpoOptions(weight=0.1, sigma=0.2)), policy, batch).term, -0.090467)
    for state, (target, kl) in enumerate([([0.0724, 0.855201, 0.0724], 0.361334),
                                          ([4.7e-05, 0.078047, 0.921906], 0.911761),
                                          ([4.7e-05, 0.078047, 0.921906], 0.760975)]):
        log_probs = policy.logits[state].log_softmax(-1)
        found = near.gaussian(log_probs, MIDDLES, sigma)
        assert close(found.exp().flatten(), target) and close(near.divergence(log_probs, found), [[kl]])


@pytest.mark.parametrize("objective", [fan_sft(1.0), FanPpo(FanPpoOptions()), FanKernel(FanKernelOptions())])
def test_no_gradient_passes_through_the_target(objective: Objective) -> None:
    """By the logits it is Σ p (log p/q − KL) with q held: p (log p/q − KL) for each bin."""
    policy, batch = single([0.2, 0.5, 0.3]), batch_of(states(0), torch.tensor([[[2]]]))
    p = torch.tensor([0.2, 0.5, 0.3])
    target = {"FanSft": torch.softmax(-0.5 * (MIDDLES / 0.471405) ** 2, 0),
              "FanPpo": torch.softmax(-0.5 * (MIDDLES / 0.3) ** 2, 0)}.get(type(objective).__name__)
    if target is None:
        mixed = torch.stack([p[k] * torch.exp(-0.5 * ((MIDDLES - MIDDLES[k]) / 0.3) ** 2) for k in range(3)]).sum(0)
        target = mixed / mixed.sum()
    ratio = (p / target).log()
    assert close(gradient(objective, policy, batch).flatten(), p * (ratio - (p * ratio).sum()))


def test_numbers_are_summed_as_the_policy_s_probability_is_and_the_gripper_is_left_out() -> None:
    """Two steps of three numbers, the last the gripper's; of the second sample's chunk one action counts."""
    one, other, hand = [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.9, 0.05, 0.05]
    policy = Told(torch.tensor([[[one, other, hand], [other, other, hand]], [[one, one, hand], [other, one, hand]]]))
    counted = torch.tensor([[True, True], [True, False]])
    batch = batch_of(states(0, 1), torch.zeros(2, 2, 3, dtype=torch.long), counted=counted, gripper=2)
    kl = {"one": 0.361334, "other": 0.760975}
    summed = (kl["one"] + kl["other"]) + 2 * kl["other"] + 2 * kl["one"]
    found = loss(FanPpo(FanPpoOptions(sigma=0.3)), policy, batch)
    assert found.term.item() == pytest.approx(summed / 3, abs=1e-5)
    assert not gradient(FanPpo(FanPpoOptions()), policy, batch)[..., 2, :].any()
    assert gradient(fan_sft(1.0), policy, batch)[0, 0, :2].any()
    whole = batch_of(states(0, 1), torch.zeros(2, 2, 3, dtype=torch.long), counted=counted)
    assert whole.arm == [0, 1, 2] and batch.arm == [0, 1]
    shares = [loss(fan_sft(1.0), Told(torch.tensor([[[one] * size]])),
                   batch_of(states(0), torch.zeros(1, 1, size, dtype=torch.long))).term.item() for size in (1, 4)]
    assert shares == pytest.approx([0.021792] * 2, abs=1e-6)  # like cloning, averaged over an action's numbers


def normal_bins(mean: float, sigma: float) -> Tensor:
    """Log-probabilities of 256 bins, from the distribution function."""
    edges = np.linspace(-1, 1, 257)
    mass = np.diff(norm.cdf(edges, mean, sigma))
    return torch.tensor(mass / mass.sum()).clamp(min=1e-300).log()


@pytest.mark.parametrize(("mean", "sigma", "wide"), [(0.1, 0.1, 0.3), (-0.4, 0.25, 0.15), (0.75, 0.3, 0.3)])
def test_the_divergence_equals_the_integral(mean: float, sigma: float, wide: float) -> None:
    """Of densities on [−1, 1], cut off there and normalised."""
    log_probs, middles = normal_bins(mean, sigma), centres().double()
    found = near.divergence(log_probs, near.gaussian(log_probs, middles, wide))
    mode = float(near.modes(log_probs, middles))
    ours, theirs = norm(mean, sigma), norm(mode, wide)
    inside = [float(each.cdf(1) - each.cdf(-1)) for each in (ours, theirs)]

    def integrand(a: float) -> float:
        return float(ours.pdf(a) / inside[0]
                     * (ours.logpdf(a) - theirs.logpdf(a) - np.log(inside[0]) + np.log(inside[1])))

    assert abs(mode - mean) < 1 / 128 and found.item() == pytest.approx(quad(integrand, -1, 1)[0], rel=1e-3, abs=1e-6)


def test_it_has_a_closed_form_in_the_policy_s_moments() -> None:
    """−H + ½ ln 2πσ² + Σ p (a − μ)²/2σ² against the density; the normalised target differs by a constant."""
    log_probs, middles, sigma = torch.randn(5, 256, dtype=torch.float64).log_softmax(-1), centres().double(), 0.3
    p, mode = log_probs.exp(), near.modes(log_probs, middles)
    moment = (p * (middles - mode[:, None]) ** 2).sum(-1)
    closed = (p * log_probs).sum(-1) + 0.5 * np.log(2 * np.pi * sigma**2) + moment / (2 * sigma**2)
    density = torch.tensor(norm.pdf(middles.numpy(), mode.numpy()[:, None], sigma))
    assert torch.allclose(closed + density.sum(-1).log(), near.divergence(
        log_probs, near.gaussian(log_probs, middles, sigma)))
    at = torch.softmax(-0.5 * (MIDDLES.double() / 0.471405) ** 2, 0)
    small = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()
    dense = torch.tensor(norm.logpdf(MIDDLES.numpy(), 0, 0.471405))
    found = [near.divergence(small, target).item() for target in (at.log(), dense, dense + np.log(2 / 3))]
    assert found == pytest.approx([0.021792, -0.362753, 0.042712], abs=2e-6)


def test_proposition_1_the_next_policy_is_a_geometric_interpolation() -> None:
    """max Σ π Q − α KL(π ‖ N) − β KL(π ‖ π_t), solved by descent: π ∝ N^{α/(α+β)} π_t^{β/(α+β)} exp(Q/(α+β))."""
    before, worth = torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64).log(), torch.tensor([0.0, 0.2, 1.0]).double()
    alpha, beta = 1.0, 2.0
    target = near.gaussian(before, MIDDLES.double(), 0.3)
    assert close(target.exp(), [0.0724, 0.855201, 0.0724])
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for _ in range(80):
        now = logits.log_softmax(0)
        kept = alpha * near.divergence(now, target) + beta * near.divergence(now, before)
        cost = kept - (now.exp() * worth).sum()
        (slope,) = torch.autograd.grad(cost, logits)
        logits = (logits - 0.8 * slope).detach().requires_grad_()
    assert close(logits.softmax(0), [0.159744, 0.617316, 0.22294])
    between = torch.softmax((alpha * target + beta * before + worth) / (alpha + beta), 0)
    assert close(between, logits.detach().softmax(0))


def test_a_smoothed_target_has_the_policy_s_modes_and_of_one_bin_it_is_the_gaussian() -> None:
    middles = centres()
    spiky = torch.full((256,), -80.0).index_fill(0, torch.tensor([40]), 0.0).log_softmax(0)
    assert torch.allclose(near.smoothed(spiky, middles, 0.1).exp(), near.gaussian(spiky, middles, 0.1).exp(), atol=1e-6)
    two = torch.full((256,), -80.0).index_fill(0, torch.tensor([60, 200]), 0.0).log_softmax(0)
    q = near.smoothed(two, middles, 0.1).exp()
    assert q.sum().item() == pytest.approx(1.0, abs=1e-5) and q[60] == pytest.approx(q[200].item(), rel=0.01)
    assert q[130] < 0.1 * q[60] and near.divergence(spiky, near.smoothed(spiky, middles, 0.001)).isfinite()


def test_all_probability_in_one_bin_stays_finite() -> None:
    log_probs = torch.full((256,), -1e4).index_fill(0, torch.tensor([3]), 0.0).log_softmax(0).requires_grad_()
    sigma = near.spread(log_probs, centres())
    found = near.divergence(log_probs, near.gaussian(log_probs, centres(), sigma))
    (slope,) = torch.autograd.grad(found, log_probs)
    assert sigma.item() == pytest.approx(1 / 256) and found.isfinite() and slope.isfinite().all()


def test_a_policy_without_bins_is_refused() -> None:
    policy, batch = single([0.2, 0.5, 0.3]), batch_of(states(0), torch.tensor([[[2]]]))
    forward = Forward(policy, batch.obs, batch.actions, explored=lambda acts: NormalActions(torch.zeros(1, 1, 1), 0.1))
    for objective in (fan_sft(1.0), FanPpo(FanPpoOptions()), FanKernel(FanKernelOptions())):
        with pytest.raises(CardError, match="shapes the bins .* this policy gives NormalActions\n  fix: leave it out"):
            objective.loss(batch, forward)


def test_units_of_another_robot_change_nothing() -> None:
    """σ is in units, as the bins are."""
    logits = torch.randn(1, 1, 1, 256)
    batch = batch_of(states(0), torch.tensor([[[2]]]))

    def term(bins: BinnedActions) -> float:
        forward = Forward(single([0.2, 0.5, 0.3]), batch.obs, batch.actions, explored=lambda _: bins)
        return FanPpo(FanPpoOptions()).loss(batch, forward).term.item()

    assert term(BinnedActions(logits)) == term(BinnedActions(logits, torch.tensor([0.02])))


def test_targets_are_where_the_policy_is() -> None:
    """On a device that holds no numbers, which takes none of another but single ones, like a GPU."""
    log_probs, middles = torch.empty(2, 7, 256, device="meta"), centres("meta")
    for sigma in (0.3, torch.empty(2, 7, device="meta")):
        assert near.gaussian(log_probs, middles, sigma).device.type == "meta"
    assert near.smoothed(log_probs, middles, 0.1).device.type == "meta"
