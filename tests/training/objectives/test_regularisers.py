"""Entropy, label smoothing and the divergence from the first policy, against what they are by definition."""

from __future__ import annotations

import math

import pytest
import torch

from tests.training.objectives.told import Told, batch_of, gradient, loss, single, states
from vlabench.models.distributions import BinnedActions
from vlabench.training.objectives.cloning import Cloning, CloningOptions
from vlabench.training.objectives.entropy import Entropy, EntropyOptions
from vlabench.training.objectives.kl_reference import KlReference, KlReferenceOptions
from vlabench.training.objectives.label_smoothing import LabelSmoothing, LabelSmoothingOptions

P, Q = [0.2, 0.5, 0.3], [0.6, 0.3, 0.1]


def test_entropy_is_an_action_s_and_what_does_not_count_is_left_out() -> None:
    policy = Told(torch.tensor([[[P, Q], [P, P]]]))
    counted = torch.tensor([[True, False]])
    batch = batch_of(states(0), torch.zeros(1, 2, 2, dtype=torch.long), counted=counted)
    nats = -sum(p * math.log(p) for p in P + Q)
    found = loss(Entropy(EntropyOptions(weight=0.5)), policy, batch)
    assert found.shown["entropy nats"].item() == pytest.approx(nats, abs=1e-6)
    assert found.term.item() == pytest.approx(-0.5 * nats, abs=1e-6)
    assert not gradient(Entropy(EntropyOptions()), policy, batch)[0, 1].any()


@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.4])
def test_label_smoothing_with_cloning_is_the_cross_entropy_of_smoothed_targets(epsilon: float) -> None:
    policy, batch = single(P), batch_of(states(0), torch.tensor([[[2]]]))
    both = (loss(Cloning(CloningOptions(sigma=0.0)), policy, batch).term
            + loss(LabelSmoothing(LabelSmoothingOptions(epsilon=epsilon)), policy, batch).term)
    target = [epsilon / 3, epsilon / 3, 1 - epsilon + epsilon / 3]
    cross = -sum(share * math.log(p) for share, p in zip(target, P, strict=True))
    assert (1 - epsilon) * both.item() == pytest.approx(cross, abs=1e-6)


def test_the_first_policy_is_a_constant_to_stay_close_to() -> None:
    policy, first = single(P), torch.tensor(Q).log().view(1, 1, 1, 3)
    batch = batch_of(states(0), torch.tensor([[[2]]]), {"first": BinnedActions(first)})
    found = loss(KlReference(KlReferenceOptions(weight=2.0)), policy, batch)
    kl = sum(p * math.log(p / q) for p, q in zip(P, Q, strict=True))
    assert found.term.item() == pytest.approx(2.0 * kl, abs=1e-6)
    assert found.shown["kl_reference kl"].item() == pytest.approx(kl, abs=1e-6)
    slope = [2.0 * p * (math.log(p / q) - kl) for p, q in zip(P, Q, strict=True)]
    assert gradient(KlReference(KlReferenceOptions(weight=2.0)), policy, batch).flatten().tolist() == pytest.approx(
        slope, abs=1e-6)
