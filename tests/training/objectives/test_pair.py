"""PAIR's two terms, and what they are compared with, on numbers worked out by hand: which side learns, what is clipped,
what is averaged.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.objectives.told import Told, batch_of, gradient, loss, single, states
from vlabench.models.distributions import NormalActions
from vlabench.training.objectives._views import ALTERING, PRESERVING, VIEWED
from vlabench.training.objectives.base import Batch, Forward
from vlabench.training.objectives.pair_invariance import PairInvariance, PairInvarianceOptions
from vlabench.training.objectives.pair_sensitivity import PairSensitivity, PairSensitivityOptions
from vlabench.training.objectives.policy_gradient import PolicyGradient, PolicyGradientOptions
from vlabench.training.objectives.view_augmentation import ViewAugmentation, ViewAugmentationOptions

SEEN, PLUS, MINUS, FAR = range(4)
INVARIANCE = PairInvariance(PairInvarianceOptions(weight=1.0))
SENSITIVITY = PairSensitivity(PairSensitivityOptions(weight=0.2, clip=0.8))


@pytest.fixture
def policy() -> Told:
    return single([0.2, 0.5, 0.3], [0.25, 0.45, 0.3], [0.6, 0.3, 0.1], [0.97, 0.02, 0.01])


def viewed(altered: int = MINUS, preserved: int = PLUS) -> Batch:
    return batch_of(states(SEEN), torch.tensor([[[1]]]),
                    {PRESERVING: states(preserved), ALTERING: states(altered)})


def test_invariance_by_hand_learns_on_the_side_that_was_seen(policy: Told) -> None:
    assert loss(INVARIANCE, policy, viewed()).term.item() == pytest.approx(0.008052, abs=1e-6)
    slope = gradient(INVARIANCE, policy, viewed())
    assert slope[SEEN].flatten().tolist() == pytest.approx([-0.046239, 0.048654, -0.002415], abs=1e-6)
    assert not slope[PLUS].any()
    seen, plus = (policy.distribution(states(state)) for state in (SEEN, PLUS))
    assert plus.kl(seen).item() == pytest.approx(0.008374, abs=1e-6)  # the other direction, which it is not


def test_sensitivity_by_hand_learns_on_both_sides_up_to_the_clip(policy: Told) -> None:
    near = loss(SENSITIVITY, policy, viewed())
    assert near.term.item() == pytest.approx(-0.073055, abs=1e-6) and near.shown["pair_sensitivity clipped"] == 0
    assert near.shown["pair_sensitivity kl"].item() == pytest.approx(0.365274, abs=1e-6)
    slope = gradient(SENSITIVITY, policy, viewed()) / -0.2
    assert slope[SEEN].flatten().tolist() == pytest.approx([-0.292777, 0.072776, 0.220001], abs=2e-6)
    assert slope[MINUS].flatten().tolist() == pytest.approx([0.4, -0.2, -0.2], abs=1e-6)
    far = loss(SENSITIVITY, policy, viewed(FAR))
    assert far.term.item() == pytest.approx(-0.16) and far.shown["pair_sensitivity clipped"] == 1
    assert far.shown["pair_sensitivity kl"].item() == pytest.approx(2.314001, abs=1e-5)
    assert not gradient(SENSITIVITY, policy, viewed(FAR)).any()


@pytest.mark.parametrize(("altered", "whole"), [(MINUS, -0.065003), (FAR, -0.151948)])
def test_both_together(altered: int, whole: float, policy: Told) -> None:
    batch = viewed(altered)
    found = loss(INVARIANCE, policy, batch).term + loss(SENSITIVITY, policy, batch).term
    assert found.item() == pytest.approx(whole, abs=1e-6)


def test_the_other_direction_is_an_option(policy: Told) -> None:
    reverse = PairSensitivity(PairSensitivityOptions(weight=1.0, direction="reverse"))
    p, q = torch.tensor([0.6, 0.3, 0.1]), torch.tensor([0.2, 0.5, 0.3])
    assert loss(reverse, policy, viewed()).term.item() == pytest.approx(-(p * (p / q).log()).sum().item(), abs=1e-6)


def test_a_sample_s_divergence_is_the_mean_of_its_numbers_and_clipped_as_a_whole() -> None:
    """Two numbers at 0.365274 and 2.314001: their mean is above the clip; each clipped alone they would mean 0.582637,
    the clip of their sum is 0.8, too. Of the second sample, which is not clipped, one action counts.
    """
    o, minus, far = [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.97, 0.02, 0.01]
    policy = Told(torch.tensor([[[o, o], [o, o]], [[minus, far], [far, minus]], [[minus, minus], [far, far]]]))
    batch = batch_of(states(0, 0), torch.zeros(2, 2, 2, dtype=torch.long), {ALTERING: states(1, 2)},
                     counted=torch.tensor([[True, True], [True, False]]))
    found = loss(SENSITIVITY, policy, batch)
    assert found.term.item() == pytest.approx(-0.2 * (0.8 + 0.365274) / 2, abs=1e-6)
    assert found.shown["pair_sensitivity clipped"].item() == 0.5
    mean = ((0.365274 + 2.314001) / 2 + 0.365274) / 2
    assert found.shown["pair_sensitivity kl"].item() == pytest.approx(mean, abs=1e-5)
    assert not gradient(SENSITIVITY, policy, batch)[1].any()


def test_of_normal_distributions_of_one_deviation_invariance_is_the_squared_distance_of_the_means() -> None:
    ours, plus = (NormalActions(torch.tensor([[mean]]), 0.1) for mean in ([0.2, -0.1], [0.25, -0.05]))
    assert ours.kl(plus).sum().item() == pytest.approx(0.25, abs=1e-6)


def rewarded(preserved: int, advantage: float) -> Batch:
    """The middle bin was drawn and was worth something. It was drawn with the probability 0.5 that it has as seen, and
    had the same at the view."""
    half = torch.tensor([[0.5]]).log()
    return batch_of(states(SEEN), torch.tensor([[[1]]]), {
        PRESERVING: states(preserved), "before": half, VIEWED: half, "advantages": torch.tensor([advantage])})


@pytest.mark.parametrize(("preserved", "advantage", "term", "held"), [
    (PLUS, 2.0, -0.9 * 2, 0), (PLUS, -1.0, 0.9, 0),  # 0.45 of 0.5
    (MINUS, 2.0, -0.6 * 2, 0), (MINUS, -1.0, 0.8, 1),  # 0.3 of 0.5: what was bad is left alone, it is rare enough
])
def test_augmentation_is_the_policy_gradient_of_the_view(preserved: int, advantage: float, term: float, held: int,
                                                         policy: Told) -> None:
    augmentation = ViewAugmentation(ViewAugmentationOptions(weight=0.5))
    found = loss(augmentation, policy, rewarded(preserved, advantage))
    assert found.term.item() == pytest.approx(0.5 * term, abs=1e-6)
    assert found.shown["view_augmentation outside"].item() == held
    slope = gradient(augmentation, policy, rewarded(preserved, advantage))
    assert not slope[SEEN].any() and bool(slope[preserved].any()) != bool(held)


@pytest.mark.parametrize("preserved", [PLUS, MINUS])
def test_the_ratio_is_to_what_the_policy_did_at_the_view(preserved: int, policy: Told) -> None:
    """So it begins at 1, however strange the view is, and a draw that was worth something is made more probable there
    by as much as at a look."""
    batch = rewarded(preserved, 2.0)
    with torch.no_grad():
        there = Forward(policy, states(preserved), batch.actions).log_probs
    batch = replace(batch, extras={**batch.extras, VIEWED: there, "before": there - 3.0})
    found = loss(ViewAugmentation(ViewAugmentationOptions()), policy, batch)
    assert found.term.item() == pytest.approx(-2.0, abs=1e-6)
    assert found.shown["view_augmentation outside"].item() == 0


def test_a_view_like_the_look_doubles_the_policy_gradient(policy: Told) -> None:
    batch = rewarded(SEEN, 1.5)
    own = gradient(PolicyGradient(PolicyGradientOptions()), policy, batch)
    assert torch.allclose(gradient(ViewAugmentation(ViewAugmentationOptions()), policy, batch), own)
