"""OpenVLA's bins and OFT's Laplace distributions, against numpy's and torch's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.distributions import Laplace, kl_divergence

from tests.models.tiny_openvla import statistics
from vlabench.models.distributions import BinnedActions, MixedActions, centres, to_bins
from vlabench.models.openvla_actions import CommandedBins, LaplaceActions, Scaling, around, merged
from vlabench.simulators.libero.interface import SPACE

SCALING = Scaling.of(statistics()["libero_spatial_no_noops"]["action"], SPACE, torch.device("cpu"))


def bins(seed: int = 0) -> CommandedBins:
    logits = torch.randn(2, 1, 7, 256, generator=torch.Generator().manual_seed(seed))
    return CommandedBins(merged(logits), scaling=SCALING)


def test_centres_are_those_of_openvla() -> None:
    edges = np.linspace(-1, 1, 256)
    assert np.allclose(centres(bins=255), (edges[:-1] + edges[1:]) / 2, atol=1e-7)


def test_every_bin_is_found_again_in_its_action() -> None:
    numbers = centres(bins=255).unsqueeze(1).expand(-1, 7)
    again = to_bins(SCALING.found(SCALING.acted(numbers)), 255)
    assert (again[:, :6] == torch.arange(255).unsqueeze(1)).all()


def test_actions_are_scaled_as_published() -> None:
    told = statistics()["libero_spatial_no_noops"]["action"]
    low, high, found = np.array(told["q01"]), np.array(told["q99"]), np.linspace(-1, 1, 7)
    acted = SCALING.acted(torch.tensor(found, dtype=torch.float32)).numpy()
    assert np.allclose(acted[:6], (0.5 * (found + 1) * (high - low) + low)[:6], atol=1e-6)
    assert acted[6] == -1.0  # 1 is open, and LIBERO's −1 opens
    assert SCALING.acted(torch.tensor([0.0] * 7))[6] == 1.0


def test_the_last_two_tokens_are_one_bin() -> None:
    logits = torch.randn(3, 256, dtype=torch.float64)
    shares = logits.softmax(-1)
    expected = torch.cat([shares[:, :254], shares[:, 254:].sum(-1, keepdim=True)], -1)
    assert torch.allclose(merged(logits).softmax(-1), expected)


def test_a_gripper_command_is_worth_its_bins() -> None:
    acts = bins()
    shares = acts.logits.softmax(-1)[..., 6, :]
    opened = shares[..., centres(bins=255) > 0.5].sum(-1)
    actions = acts.mode
    for command, expected in ((-1.0, opened), (1.0, 1 - opened)):
        actions[..., 6] = command
        assert torch.allclose(acts.log_prob(actions)[..., 6].exp(), expected, atol=1e-5)
    plain = BinnedActions(acts.logits, SCALING.unit, SCALING.middle)
    assert torch.equal(acts.log_prob(actions)[..., :6], plain.log_prob(actions)[..., :6])
    assert torch.allclose(acts.kl(bins(1))[..., :6], plain.kl(bins(1))[..., :6])
    assert (acts.kl(acts).abs() < 1e-5).all() and (acts.entropy()[..., 6] <= np.log(2) + 1e-6).all()


def test_draws_are_actions_that_have_their_probability() -> None:
    acts = bins().tempered(0.6)
    drawn = acts.sample(np.random.default_rng(0).random((2, 1, 7)))
    assert torch.isfinite(acts.log_prob(drawn)).all() and (drawn[..., 6].abs() == 1).all()


def test_laplace_is_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    means, others, actions = torch.randn(3, 2, 4, 7, generator=generator, dtype=torch.float64)
    scale, wider = torch.linspace(0.1, 0.7, 7, dtype=torch.float64), torch.linspace(0.2, 0.9, 7, dtype=torch.float64)
    one = LaplaceActions(means, scale)
    theirs: Any = Laplace(means, scale)
    assert torch.allclose(one.log_prob(actions), theirs.log_prob(actions))
    assert torch.allclose(one.entropy(), theirs.entropy())
    assert torch.allclose(one.kl(LaplaceActions(others, wider)), kl_divergence(theirs, Laplace(others, wider)))
    uniform = np.random.default_rng(0).random((2, 4, 7))
    assert torch.allclose(one.sample(uniform), theirs.icdf(torch.tensor(uniform)))


def test_around_a_location_the_gripper_is_open_as_often_as_a_draw_says() -> None:
    located = torch.tensor([0.1, 0.45, 0.5, 0.9]).view(4, 1, 1).expand(4, 1, 7)
    acts = around(located, SCALING)
    assert isinstance(acts, MixedActions)
    scale = float(np.exp(-3.0) * 5)
    theirs: Any = Laplace(located[..., 6], scale)
    closed = theirs.cdf(torch.tensor(0.5))
    actions = acts.mean.clone()
    actions[..., 6] = 1.0
    assert torch.allclose(acts.log_prob(actions)[..., 6].exp(), closed, atol=1e-6)
    assert torch.allclose(acts.mean[..., :6], SCALING.acted(located)[..., :6])
