"""Advantages and PPO's clip, on examples worked by hand and against definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vlabench.training.objectives.policy_gradient import (
    clipped,
    gae,
    group_relative,
    leave_one_out,
    outcome_relative,
    outside,
    reward_weights,
)
from vlabench.training.objectives.value import value_loss

LISTS = st.lists(st.floats(-2, 2), min_size=2, max_size=8)


def test_leave_one_out_by_hand() -> None:
    """One success of four: the others' mean is 0 for it, and 1/3 for each failure."""
    assert leave_one_out([0, 1, 0, 0]).tolist() == pytest.approx([-1 / 3, 1, -1 / 3, -1 / 3])
    assert leave_one_out([1, 1, 0]).tolist() == pytest.approx([0.5, 0.5, -1.0])
    assert leave_one_out([2.5, 0.5]).tolist() == pytest.approx([2.0, -2.0])
    assert leave_one_out([1, 1, 1]).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="alone"):
        leave_one_out([1.0])


@given(LISTS)
def test_each_is_compared_with_the_mean_of_the_others(scores: list[float]) -> None:
    expected = [score - np.mean(scores[:k] + scores[k + 1 :]) for k, score in enumerate(scores)]
    assert np.allclose(leave_one_out(scores), expected, atol=1e-12)


def test_gae_by_hand() -> None:
    """γ = 0.9, λ = 0.8. Errors: 0 + 0.9·0.6 − 0.5 = 0.04, 0 + 0.9·0.7 − 0.6 = 0.03, 1 − 0.7 = 0.3; γλ = 0.72."""
    advantages, returns = gae([0, 0, 1], [0.5, 0.6, 0.7], 0.9, 0.8)
    assert advantages.tolist() == pytest.approx([0.04 + 0.72 * (0.03 + 0.72 * 0.3), 0.03 + 0.72 * 0.3, 0.3])
    assert returns.tolist() == pytest.approx([0.5 + 0.21712, 0.6 + 0.246, 1.0])


def test_ppo_orz_by_hand() -> None:
    """γ = λ = 1, RL4VLA's rewards: all that follows, less what was expected."""
    advantages, returns = gae([0.0, 0.1, 0.1, 1.0], [0.6, 0.7, 0.9, 0.95], 1.0, 1.0)
    assert returns.tolist() == pytest.approx([1.2, 1.2, 1.1, 1.0])
    assert advantages.tolist() == pytest.approx([0.6, 0.5, 0.2, 0.05])


@given(st.data(), st.integers(1, 6), st.floats(0.1, 1.0))
def test_gae_s_two_ends(data: st.DataObject, length: int, gamma: float) -> None:
    """λ = 1: what really followed, minus what was expected. λ = 0: one step's error."""
    rewards, values = (data.draw(st.lists(st.floats(-2, 2), min_size=length, max_size=length)) for _ in range(2))
    followed = [sum(gamma ** (k - t) * rewards[k] for k in range(t, length)) for t in range(length)]
    far, returns = gae(rewards, values, gamma, 1.0)
    assert np.allclose(far, np.subtract(followed, values), atol=1e-9) and np.allclose(returns, followed, atol=1e-9)
    near, _ = gae(rewards, values, gamma, 0.0)
    errors = [rewards[t] + gamma * (values[t + 1] if t + 1 < length else 0) - values[t] for t in range(length)]
    assert np.allclose(near, errors, atol=1e-9)


@pytest.mark.parametrize(("ratio", "advantage", "loss", "slope"), [
    (1.5, 2.0, -2.4, 0.0),  # good, and 1.5 times as likely already: counts as 1.2, and pulls no further
    (0.5, 2.0, -1.0, -1.0),  # good, and less likely than before: still pulled up (dL/dlogπ = −η A)
    (1.5, -2.0, 3.0, 3.0),  # bad, and more likely: pushed down with its whole ratio
    (0.5, -2.0, 1.6, 0.0),  # bad, and half as likely already: counts as 0.8
    (1.1, 2.0, -2.2, -2.2), (0.9, -2.0, 1.8, 1.8),  # within the clip
])
def test_the_clip_by_hand(ratio: float, advantage: float, loss: float, slope: float) -> None:
    before = torch.tensor([[-3.0]])
    now = (before + np.log(ratio)).requires_grad_()
    found = clipped(now, before, torch.tensor([advantage]), 0.2, 0.2)
    (gradient,) = torch.autograd.grad(found.sum(), now)
    assert found.item() == pytest.approx(loss, rel=1e-5) and gradient.item() == pytest.approx(slope, rel=1e-5)
    assert outside(now.detach(), before, torch.tensor([advantage]), 0.2, 0.2).item() == (slope == 0.0)


def test_the_clip_s_two_sides_are_set_apart_and_actions_are_judged_one_by_one() -> None:
    before = torch.zeros(2, 3)
    now = torch.log(torch.tensor([[1.4, 1.0, 0.6], [1.4, 1.0, 0.6]]))
    found = clipped(now, before, torch.tensor([1.0, -1.0]), low=0.1, high=0.3)
    assert torch.allclose(found, torch.tensor([[-1.3, -1.0, -0.6], [1.4, 1.0, 0.9]]))


def test_before_the_first_update_it_is_the_plain_policy_gradient() -> None:
    log_probs = torch.tensor([[-1.0, -2.0], [-0.5, -4.0]], requires_grad=True)
    advantages = torch.tensor([0.7, -0.3])
    (gradient,) = torch.autograd.grad(clipped(log_probs, log_probs.detach(), advantages, 0.2, 0.2).sum(), log_probs)
    assert torch.allclose(gradient, -advantages.unsqueeze(1).expand(2, 2))


def test_the_critic_s_loss_has_its_minimum_at_the_return_with_slope_one() -> None:
    values = torch.tensor([1.0, 3.0], requires_grad=True)
    loss = value_loss(values, torch.tensor([1.0, 1.0]))
    (gradient,) = torch.autograd.grad(loss.sum(), values)
    assert loss.tolist() == [0.0, 2.0] and gradient.tolist() == [0.0, 2.0]


REWARDS = [[0.0, 0.1, 0.0, 1.0], [0.0, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_a_group_s_rewards_by_hand() -> None:
    """Those that are not 0: 0.1, 0.1 and 1, of mean 0.4 and deviation √0.18. With zeros: eleven, of mean 1.2 / 11."""
    valid = group_relative(REWARDS, zeros=False)
    deviation = np.sqrt(0.18)
    assert valid[0].tolist() == pytest.approx([0.3 / deviation, 0.3 / deviation, 0.6 / deviation, 0.6 / deviation])
    assert valid[1].tolist() == pytest.approx([-0.3 / deviation, -0.3 / deviation, 0, 0])
    assert valid[2].tolist() == [0, 0, 0]
    every = group_relative(REWARDS, zeros=True)
    mean, deviation = 1.2 / 11, np.sqrt(1.02 / 11 - (1.2 / 11) ** 2)
    assert every[0].tolist() == pytest.approx([(1.1 - 4 * mean) / deviation, (1.1 - 3 * mean) / deviation,
                                               (1 - 2 * mean) / deviation, (1 - mean) / deviation])
    assert every[2].tolist() == pytest.approx([-3 * mean / deviation, -2 * mean / deviation, -mean / deviation])


def test_a_group_s_advantages_are_those_computed_elsewhere() -> None:
    valid, every = (group_relative(REWARDS, zeros) for zeros in (False, True))
    assert valid[0].tolist() == pytest.approx([0.707107, 0.707107, 1.414214, 1.414214], abs=1e-6)
    assert valid[1].tolist() == pytest.approx([-0.707107, -0.707107, 0, 0], abs=1e-6)
    assert every[0].tolist() == pytest.approx([2.334283, 2.718, 2.749977, 3.133694], abs=1e-6)
    assert every[1].tolist() == pytest.approx([-1.18313, -0.799412, -0.767435, -0.383718], abs=1e-6)
    assert every[2].tolist() == pytest.approx([-1.151153, -0.767435, -0.383718], abs=1e-6)
    assert outcome_relative([1, 0, 0, 1]).tolist() == [1, -1, -1, 1]
    assert outcome_relative([1, 0, 0, 0.3]).tolist() == pytest.approx([1.652373, -0.795587, -0.795587, -0.061199],
                                                                      abs=1e-6)


@given(LISTS)
def test_by_outcome_a_group_is_standardised_leave_one_out(scores: list[float]) -> None:
    found, others = outcome_relative(scores), leave_one_out(scores)
    if np.ptp(scores) > 1e-3:
        assert np.allclose(found, others * (len(scores) - 1) / (len(scores) * np.std(scores)), atol=1e-6)
        assert found.mean() == pytest.approx(0, abs=1e-9) and found.std() == pytest.approx(1)


def test_rewards_that_are_all_alike_have_no_advantage() -> None:
    assert outcome_relative([1, 1, 1]).tolist() == [0, 0, 0] and outcome_relative([0.3]).tolist() == [0]
    assert not any(each.any() for each in group_relative([[0, 1], [0, 0, 1], [0]], zeros=False))
    assert not any(each.any() for each in group_relative([[0], [0, 0]], zeros=False))
    assert not any(each.any() for each in group_relative([[0], [0, 0]], zeros=True))


def test_reward_weights_are_those_computed_elsewhere() -> None:
    weights = reward_weights([1.0, 0.0, 0.5, 0.25], 0.5)
    assert weights.tolist() == pytest.approx([0.579259, 0.078394, 0.213097, 0.12925], abs=1e-6)
    log_probs = [-0.693147, -1.609438, -2.302585, -1.609438]
    assert -float(weights @ log_probs) == pytest.approx(1.226376, abs=1e-6)
    assert reward_weights([1, 0, 0, 1], 0.5).tolist() == pytest.approx([0.440399, 0.059601, 0.059601, 0.440399],
                                                                       abs=1e-6)
    assert reward_weights([1, 0, 0, 1], 1e-3).tolist() == [0.5, 0, 0, 0.5]  # the successes alone
    assert reward_weights([9.0, 1.0], 1e6).tolist() == pytest.approx([0.5, 0.5], abs=1e-5)
