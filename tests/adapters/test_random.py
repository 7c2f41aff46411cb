"""Random actions: uniform, an episode's own, and the same whoever shares the batch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vlabench.adapters.random import Random
from vlabench.errors import OptionError
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import ActionSpace, Floats, Observation

BARE = ActionSpace(("x", "y", "z"), (-2.0, 0.0, 0.0), (2.0, 1.0, 0.25), (1.0,) * 3, (0.0,) * 3, 10)
INSIDE = ((-1.0, 1.0), (0.0, 1.0), (0.0, 0.25))
"""What is within a unit of 0 and its bounds."""


def looks(slots: int, step: int = 0) -> Observation:
    return Observation.now({}, np.zeros((slots, 8), np.float32), ("do it",) * slots, step)


def draws(index: int) -> Draws:
    return Draws((0, "kitchen/0", index, "policy"))


def made(space: ActionSpace = SPACE, **options: int) -> Random:
    policy = Random(**options)
    policy.configure(space)
    return policy


def alone(index: int, number: int) -> list[Floats]:
    policy = made()
    policy.reset([0], [draws(index)])
    return [policy.act(looks(1)).actions[0] for _ in range(number)]


def test_actions_are_uniform_over_the_whole_space() -> None:
    actions = np.concatenate(alone(0, 500))
    assert actions.shape == (4000, 7)
    assert all(stats.kstest(actions[:, d], stats.uniform(-1, 2).cdf).pvalue > 1e-4 for d in range(7))
    assert abs(np.corrcoef(actions.T) - np.eye(7)).max() < 0.08


def test_a_slot_plays_its_own_episode_whoever_shares_the_batch() -> None:
    policy = made()
    policy.reset([0, 1], [draws(3), draws(4)])
    first = policy.act(looks(2)).actions
    policy.reset([0], [draws(5)])
    second = policy.act(looks(2)).actions
    np.testing.assert_array_equal(first[0], alone(3, 1)[0])
    np.testing.assert_array_equal(second[0], alone(5, 1)[0])
    np.testing.assert_array_equal([first[1], second[1]], alone(4, 2))


def test_no_look_repeats_the_actions_of_another() -> None:
    policy = made(BARE, chunk=2, dimensions=3)
    policy.reset([0], [draws(0)])
    chunks = [policy.act(looks(1, step=0)).actions for _ in range(3)]
    assert chunks[0].shape == (1, 2, 3)
    assert not np.array_equal(chunks[0], chunks[1]) and not np.array_equal(chunks[1], chunks[2])


def test_liberos_actions_are_what_they_were_to_the_bit() -> None:
    """Drawn as before the robot's bounds were known: between −1 and 1 in seven dimensions."""
    before = [draws(3).at(look).uniform(-1.0, 1.0, (8, 7)) for look in range(5)]
    assert np.array(alone(3, 5)).tobytes() == np.array(before).tobytes()


def test_another_robot_gets_actions_within_a_unit_and_its_bounds() -> None:
    policy = made(BARE, chunk=4000)
    policy.reset([0], [draws(0)])
    actions = policy.act(looks(1)).actions[0]
    for d, (low, high) in enumerate(INSIDE):
        assert stats.kstest(actions[:, d], stats.uniform(low, high - low).cdf).pvalue > 1e-4
    with pytest.raises(OptionError, match="options.dimensions = 7: the actions here have 3: x, y, z"):
        made(BARE, dimensions=7)
