"""Bins, and the distribution over them, against numpy, scipy and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vlabench.models.distributions import (
    BINS,
    WIDTH,
    BinnedActions,
    NormalActions,
    centres,
    explored,
    soft_targets,
    to_bins,
)


def distribution(seed: int = 0, spread: float = 2.0) -> BinnedActions:
    rng = np.random.default_rng(seed)
    return BinnedActions(torch.tensor(spread * rng.standard_normal((3, 2, 7, BINS)), dtype=torch.float32))


@given(st.floats(-1.0, 1.0))
def test_an_action_is_at_most_half_a_bin_from_its_centre(action: float) -> None:
    bin_ = to_bins(torch.tensor(action, dtype=torch.float64))
    assert 0 <= int(bin_) < BINS
    assert abs(float(centres()[bin_]) - action) <= WIDTH / 2 + 1e-6


def test_the_bins_are_those_of_numpy_and_values_outside_go_to_the_ends() -> None:
    actions = np.random.default_rng(1).uniform(-1, 1, 1000)
    edges = np.linspace(-1, 1, BINS + 1)
    assert (to_bins(torch.tensor(actions)).numpy() == np.digitize(actions, edges) - 1).all()
    assert to_bins(torch.tensor([-7.0, -1.0, 1.0, 7.0])).tolist() == [0, 0, 255, 255]


def test_probabilities_sum_to_one_and_the_log_probability_is_that_of_the_action_s_bin() -> None:
    found = distribution()
    assert torch.allclose(found.log_probs.exp().sum(-1), torch.ones(3, 2, 7), atol=1e-6)
    actions = torch.tensor(np.random.default_rng(2).uniform(-1, 1, (3, 2, 7)), dtype=torch.float32)
    logits = found.logits.numpy().astype(np.float64)
    chosen = np.take_along_axis(logits, to_bins(actions).numpy()[..., None], -1)[..., 0]
    expected = chosen - np.log(np.exp(logits).sum(-1))
    assert np.allclose(found.log_prob(actions).numpy(), expected, atol=1e-5)


def test_the_mean_is_the_integral_over_the_piecewise_constant_density() -> None:
    found = distribution(3)
    x = np.linspace(-1, 1, 256 * 40 + 1)
    middle = (x[1:] + x[:-1]) / 2
    density = np.repeat(found.log_probs.exp().numpy().astype(np.float64), 40, axis=-1) / WIDTH
    integral = (density * middle).sum(-1) * (x[1] - x[0])
    assert np.allclose(found.mean.numpy(), integral, atol=1e-5)


def test_the_mode_is_the_likeliest_bin() -> None:
    found = distribution(4)
    assert np.array_equal(to_bins(found.mode).numpy(), found.logits.numpy().argmax(-1))


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_follow_the_distribution(temperature: float) -> None:
    """χ² over groups of bins that expect at least 20 of 20,000 draws."""
    logits = torch.tensor(np.random.default_rng(5).standard_normal(BINS), dtype=torch.float32)
    draws = 20_000
    uniform = np.random.default_rng(6).random((draws, 1, 1))
    sampled = BinnedActions(logits.expand(draws, 1, 1, BINS)).sample(uniform, temperature)
    counts = np.bincount(to_bins(sampled).flatten().numpy(), minlength=BINS)
    scaled = np.exp(logits.numpy().astype(np.float64) / temperature)
    expected = draws * scaled / scaled.sum()
    groups = np.add.reduceat(np.arange(BINS) * 0 + counts, np.arange(0, BINS, 8))
    wanted = np.add.reduceat(expected, np.arange(0, BINS, 8))
    assert stats.chisquare(groups, wanted).pvalue > 1e-3
    assert wanted.min() > 20


def test_a_draw_at_the_very_end_is_a_bin() -> None:
    found = distribution(7)
    last = found.sample(np.full((3, 2, 7), np.nextafter(1.0, 0.0)))
    first = found.sample(np.zeros((3, 2, 7)))
    assert (to_bins(last) <= 255).all() and torch.equal(to_bins(first), torch.zeros(3, 2, 7, dtype=torch.int64))


@settings(max_examples=30)
@given(st.floats(-0.9, 0.9), st.floats(0.7, 6.0))
def test_soft_targets_are_a_gaussian_around_the_action(action: float, sigma: float) -> None:
    targets = soft_targets(torch.tensor([action], dtype=torch.float64), sigma)[0].numpy()
    density = stats.norm.pdf(centres().numpy().astype(np.float64), action, sigma * WIDTH)
    assert np.allclose(targets, density / density.sum(), atol=1e-6)


def test_the_cross_entropy_s_minimum_is_at_the_target() -> None:
    """Gradient descent on the logits alone finds the soft target back: mean within a tenth of a bin."""
    action = torch.tensor([[[0.3217]]])
    logits = torch.zeros(1, 1, 1, BINS, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(300):
        loss = -(soft_targets(action, 2.0) * BinnedActions(logits).log_probs).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert abs(BinnedActions(logits).mean.item() - 0.3217) < WIDTH / 10


def test_entropy_and_divergence_are_torch_s() -> None:
    one, other = distribution(8), distribution(9)
    mine, theirs = (torch.distributions.Categorical(logits=each.logits) for each in (one, other))
    assert torch.allclose(one.entropy(), mine.entropy(), atol=1e-5)  # type: ignore[no-untyped-call]
    assert torch.allclose(one.kl(other), torch.distributions.kl_divergence(mine, theirs), atol=1e-5)
    assert not one.kl(one).any() and (one.kl(other) > 0.1).all()
    with pytest.raises(TypeError, match="bins cannot be compared with NormalActions"):
        one.kl(NormalActions(one.mean, 0.1))


def test_bins_count_units_of_the_action_space() -> None:
    """The same distribution, with numbers that are as small as the robot's steps."""
    one, unit = distribution(), torch.linspace(0.03, 1.0, 7)
    small = replace(one, unit=unit)
    uniform = np.random.default_rng(0).random((3, 2, 7))
    for found, wanted in ((small.mean, one.mean), (small.mode, one.mode), (small.sample(uniform), one.sample(uniform))):
        assert torch.allclose(found, wanted * unit)
    actions = one.sample(uniform)
    assert torch.equal(small.log_prob(actions * unit), one.log_prob(actions))
    assert torch.equal(small.tempered(2.0).mean, one.tempered(2.0).mean * unit)
    normal, other = explored(small, "normal", 0.1), explored(one, "normal", 0.1)
    assert torch.allclose(normal.log_prob(actions * unit), other.log_prob(actions) - torch.log(unit), atol=1e-4)
    assert torch.allclose(normal.entropy(), other.entropy() + torch.log(unit), atol=1e-5)
