"""action_drop against a replay of which actions were lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest

from vlabench.perturbations.action_drop import ActionDrop
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE

NULL = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]


def asked(step: int) -> list[float]:
    """Never the same twice, never the null action."""
    return [(step + 1) / 1000] * 6 + [1.0 if step % 5 < 2 else -1.0]


def execute(perturbation: ActionDrop, rng: Draws, steps: int) -> list[list[float]]:
    perturbation.begin(rng, 4, (), SPACE)
    return [perturbation.action(np.array(asked(step)), step, rng).tolist() for step in range(steps)]


def lost(executed: list[list[float]]) -> set[int]:
    return {step for step, action in enumerate(executed) if action != asked(step)}


@pytest.mark.parametrize("index", range(5))
def test_repeats_the_last_executed_action(index: int, draws: Callable[[int], Draws]) -> None:
    executed = execute(ActionDrop(p=0.5), draws(index), 60)
    gone = lost(executed)
    assert 10 < len(gone) < 50
    last = NULL
    for step, action in enumerate(executed):
        last = last if step in gone else asked(step)
        assert action == last


@pytest.mark.parametrize("index", range(5))
def test_or_stays_with_the_gripper_as_last(index: int, draws: Callable[[int], Draws]) -> None:
    executed = execute(ActionDrop(p=0.5, instead="zero"), draws(index), 60)
    gone = lost(executed)
    assert gone == lost(execute(ActionDrop(p=0.5), draws(index), 60))
    gripper = -1.0
    for step, action in enumerate(executed):
        gripper = gripper if step in gone else asked(step)[-1]
        assert action == ([0.0] * 6 + [gripper] if step in gone else asked(step))


def test_all_lost_leaves_the_null_action(draws: Callable[[int], Draws]) -> None:
    drop = ActionDrop(p=1)
    assert execute(drop, draws(0), 5) == [NULL] * 5
    assert drop.realised() == {"p": 1.0, "dropped": 5} and drop.from_start


def test_rate_and_nesting(draws: Callable[[int], Draws]) -> None:
    gone = [lost(execute(ActionDrop.at(severity), draws(0), 900)) for severity in range(1, 6)]
    assert gone[0] < gone[1] < gone[2] < gone[3] < gone[4]
    for severity, steps in enumerate(gone, start=1):
        assert binomtest(len(steps), 900, severity / 10).pvalue > 1e-3
