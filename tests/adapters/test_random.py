"""Random actions: uniform, an episode's own, and the same whoever shares the batch."""

from __future__ import annotations

import numpy as np
from scipy import stats

from vlabench.adapters.random import Random
from vlabench.seeding import Draws
from vlabench.types import Floats, Observation


def looks(slots: int, step: int = 0) -> Observation:
    return Observation.now({}, np.zeros((slots, 8), np.float32), ("do it",) * slots, step)


def draws(index: int) -> Draws:
    return Draws((0, "kitchen/0", index, "policy"))


def alone(index: int, number: int) -> list[Floats]:
    policy = Random()
    policy.reset([0], [draws(index)])
    return [policy.act(looks(1)).actions[0] for _ in range(number)]


def test_actions_are_uniform_over_the_whole_space() -> None:
    actions = np.concatenate(alone(0, 500))
    assert actions.shape == (4000, 7)
    assert all(stats.kstest(actions[:, d], stats.uniform(-1, 2).cdf).pvalue > 1e-4 for d in range(7))
    assert abs(np.corrcoef(actions.T) - np.eye(7)).max() < 0.08


def test_a_slot_plays_its_own_episode_whoever_shares_the_batch() -> None:
    policy = Random()
    policy.reset([0, 1], [draws(3), draws(4)])
    first = policy.act(looks(2)).actions
    policy.reset([0], [draws(5)])
    second = policy.act(looks(2)).actions
    np.testing.assert_array_equal(first[0], alone(3, 1)[0])
    np.testing.assert_array_equal(second[0], alone(5, 1)[0])
    np.testing.assert_array_equal([first[1], second[1]], alone(4, 2))


def test_no_look_repeats_the_actions_of_another() -> None:
    policy = Random(chunk=2, dimensions=3)
    policy.reset([0], [draws(0)])
    chunks = [policy.act(looks(1, step=0)).actions for _ in range(3)]
    assert chunks[0].shape == (1, 2, 3)
    assert not np.array_equal(chunks[0], chunks[1]) and not np.array_equal(chunks[1], chunks[2])
