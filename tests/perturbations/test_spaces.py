"""Perturbations of actions on robots of other kinds than LIBERO's, and on LIBERO's as they were before spaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vlabench.errors import UnsupportedError
from vlabench.perturbations.action_delay import ActionDelay
from vlabench.perturbations.action_drop import ActionDrop
from vlabench.perturbations.action_noise import ActionNoise
from vlabench.perturbations.base import Perturbation
from vlabench.perturbations.gripper_fault import GripperFault
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import ActionSpace, Floats

MakeDraws = Callable[[int], Draws]
OTHER = ActionSpace(("grip", "along", "across"), low=(0.0, -5.0, -0.5), high=(1.0, 5.0, 0.5), unit=(1.0, 2.0, 0.25),
                    null=(1.0, 0.0, 0.125), control_hz=5, gripper=0, opens=1.0)
"""A robot whose first number is the gripper, 1 open, and whose rail drifts unless it is held by 0.125."""


def test_a_gripper_and_bounds_of_another_kind(draws: MakeDraws) -> None:
    def executed(perturbation: Perturbation, asked: Sequence[Sequence[float]]) -> list[list[float]]:
        rng = draws(0)
        perturbation.begin(rng, 4, (), OTHER)
        return [perturbation.action(np.array(action), step, rng).tolist() for step, action in enumerate(asked)]

    asked = [[1.0, 2.0, 0.25], [0.0, 1.0, 0.0], [0.25, -1.0, 0.0]]
    null = list(OTHER.null)
    assert executed(ActionDelay(delay=2), asked) == [null, null, asked[0]]
    assert executed(ActionDrop(p=1.0, instead="zero"), asked) == [null] * 3
    assert executed(GripperFault(mode="late", delay=1), asked) == [[1, 2, 0.25], [1, 1, 0], [0, -1, 0]]
    assert executed(GripperFault(mode="flicker", p=1.0), asked) == [[0, 2, 0.25], [1, 1, 0], [0.75, -1, 0]]
    assert executed(GripperFault(mode="stuck", hold=1), asked) == [asked[0], [1, 1, 0], asked[2]]
    noisy = np.array(executed(ActionNoise(sigma=2.0), asked * 30))
    assert (noisy.min(0) == OTHER.low).all() and (noisy.max(0) == OTHER.high).all()
    free = np.array(executed(ActionNoise(sigma=1.0, clip=False, gripper=False), asked * 400)) - asked * 400
    assert not free[:, 0].any() and np.allclose(free[:, 1:].std(0), OTHER.unit[1:], rtol=0.08)


def test_a_lost_action_halts_the_arm_where_it_is_and_keeps_the_gripper(draws: MakeDraws) -> None:
    drop, rng = ActionDrop(p=0.5, instead="zero"), draws(0)
    drop.begin(rng, 1, (), OTHER)
    asked, done = np.array([0.0, 1.0, 0.5]), []
    for step in range(20):
        done.append(drop.action(asked, step, rng).tolist())
    begun = done.index(asked.tolist())
    assert set(map(tuple, done[begun:])) == {(0.0, 1.0, 0.5), (0.0, 0.0, 0.125)}


def test_a_robot_without_a_gripper_has_no_faulty_one() -> None:
    bare = ActionSpace(("along",), (-1.0,), (1.0,), (1.0,), (0.0,), 10)
    with pytest.raises(UnsupportedError, match="the robot has no gripper: its actions are along"):
        GripperFault().check((), bare)


@pytest.mark.parametrize("change", [{"low": (0.0,) * 6}, {"unit": (0.0,) * 7}, {"opens": None}, {"gripper": 7},
                                    {"null": (2.0,) * 7}, {"control_hz": 0}])
def test_numbers_that_do_not_fit_are_refused(change: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(SPACE, **change)


# what was executed before perturbations knew of spaces, for an action [7] in [−1, 1] whose last number −1 opens


def old_noise(action: Floats, rng: Draws, step: int, sigma: float, gripper: bool) -> Floats:
    noise = sigma * rng.at(step).standard_normal((len(action),))
    if not gripper:
        noise[-1] = 0.0
    return np.clip(action + noise, -1.0, 1.0).astype(action.dtype)


@pytest.mark.parametrize("gripper", [True, False])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_liberos_noise_is_what_it_was_to_the_bit(gripper: bool, kind: type, draws: MakeDraws) -> None:
    rng = draws(2)
    for severity in range(1, 6):
        noise = ActionNoise.at(severity, gripper=gripper)
        noise.begin(rng, 8, (), SPACE)
        for step in range(60):
            action: Floats = np.sin(np.arange(1, 8) * (step + 1)).astype(kind)
            wanted = old_noise(action, rng, step, noise.sigma, gripper)
            assert noise.action(action, step, rng).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("mode", ["flipped", "flicker"])
def test_liberos_gripper_does_the_opposite_by_its_sign(mode: Any, draws: MakeDraws) -> None:
    rng, fault = draws(1), GripperFault(mode=mode, latest=0, hold=500, p=1.0)
    fault.begin(rng, 8, (), SPACE)
    for step in range(200):
        action = np.sin(np.arange(1, 8) * (step + 1))
        wanted = np.append(action[:-1], -action[-1])
        assert fault.action(action, step, rng).tobytes() == wanted.tobytes()
