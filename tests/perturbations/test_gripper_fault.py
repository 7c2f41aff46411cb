"""gripper_fault against sequences worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from vlabench.perturbations.gripper_fault import GripperFault
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE


def execute(rng: Draws, asked: list[float], **parameters: Any) -> list[float]:
    """What the gripper did; asserts that the arm did what was asked."""
    perturbation = GripperFault(**parameters)
    perturbation.begin(rng, 4, (), SPACE)
    done = []
    for step, gripper in enumerate(asked):
        action = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, gripper])
        executed = perturbation.action(action, step, rng)
        assert np.array_equal(executed[:-1], action[:-1])
        done.append(float(executed[-1]))
    return done


@pytest.mark.parametrize(("parameters", "asked", "done"), [
    ({"mode": "late", "delay": 2}, [1, 1, -1, 1, -1, -1], [-1, -1, 1, 1, -1, 1]),
    ({"mode": "late", "delay": 0}, [1, -1, 0.5], [1, -1, 0.5]),
    ({"mode": "stuck", "hold": 1}, [-1, -0.5, 1, 1, -1, 1], [-1, -0.5, -0.5, 1, -1, 1]),
    ({"mode": "stuck", "hold": 0}, [-1, 1, -1], [-1, 1, -1]),
    ({"mode": "stuck", "hold": 80}, [-1, -1, -1], [-1, -1, -1]),
    ({"mode": "flipped", "latest": 0, "hold": 2}, [1, -1, 1, -1], [-1, 1, 1, -1]),
    ({"mode": "flicker", "p": 1.0}, [1, -1, 0.25], [-1, 1, -0.25]),
    ({"mode": "flicker", "p": 0.0}, [1, -1, 0.25], [1, -1, 0.25]),
])
def test_by_hand(
    parameters: dict[str, Any], asked: list[float], done: list[float], draws: Callable[[int], Draws]
) -> None:
    assert execute(draws(0), asked, **parameters) == done


@pytest.mark.parametrize("index", range(6))
def test_windows_begin_at_the_drawn_step(index: int, draws: Callable[[int], Draws]) -> None:
    asked = [1.0 if step % 3 else -1.0 for step in range(60)]
    fault = GripperFault(mode="flipped", latest=30, hold=10)
    fault.begin(draws(index), 4, (), SPACE)
    onset = fault.realised()["onset"]
    assert 0 <= onset <= 30 and fault.realised()["until"] == onset + 10
    assert execute(draws(index), asked, mode="flipped", latest=30, hold=10) == (
        asked[:onset] + [-g for g in asked[onset : onset + 10]] + asked[onset + 10 :])


def stuck_for(rng: Draws, hold: int) -> int:
    """Steps for which a gripper that is asked to close at step 7 stays open; asserts that it obeys before and after."""
    fault = GripperFault(mode="stuck", hold=hold)
    fault.begin(rng, 4, (), SPACE)
    assert fault.realised() == {"mode": "stuck", "onset": None}
    asked = [-1.0] * 7 + [1.0] * 93
    done = execute(rng, asked, mode="stuck", hold=hold)
    steps = done.index(1.0) - 7
    assert done == [-1.0] * (7 + steps) + [1.0] * (93 - steps)
    return steps


def test_stuck_when_asked_to_close_for_the_rest_of_the_time(draws: Callable[[int], Draws]) -> None:
    """Uniform in 1 … hold, and longer at a greater severity."""
    steps = [[stuck_for(draws(index), hold) for hold in (10, 20, 40)] for index in range(300)]
    assert {each[0] for each in steps} == set(range(1, 11)) and max(each[2] for each in steps) == 40
    assert all(each == sorted(each) for each in steps)
    assert abs(sum(each[0] for each in steps) / 300 - 5.5) < 0.6


def test_what_became_of_it_is_on_record(draws: Callable[[int], Draws]) -> None:
    fault, rng = GripperFault(mode="stuck", hold=1), draws(0)
    fault.begin(rng, 4, (), SPACE)
    for step, gripper in enumerate((-1.0, 1.0, 1.0)):
        fault.action(np.array([0.0] * 6 + [gripper]), step, rng)
    assert fault.realised() == {"mode": "stuck", "onset": 1, "until": 2}


def test_onsets_reach_both_ends(draws: Callable[[int], Draws]) -> None:
    onsets = set()
    for index in range(200):
        fault = GripperFault(mode="flipped", latest=4)
        fault.begin(draws(index), 4, (), SPACE)
        onsets.add(fault.realised()["onset"])
    assert onsets == {0, 1, 2, 3, 4}


def test_flicker_rate(draws: Callable[[int], Draws]) -> None:
    done = execute(draws(0), [1.0] * 1000, mode="flicker", p=0.2)
    assert binomtest(done.count(-1.0), 1000, 0.2).pvalue > 1e-3


def test_severities_grow_in_every_mode() -> None:
    for parameter in ("delay", "hold", "p"):
        values = [GripperFault.severities[severity][parameter] for severity in range(1, 6)]
        assert values == sorted(set(values))
