"""The scripted expert solves tasks, takes over, remembers nothing, leaves the world as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlabench.simulators.maniskill.expert.expert import SIDE, SPREAD, advise, finger
from vlabench.simulators.maniskill.expert.geometry import downward
from vlabench.simulators.maniskill.expert.grasps import LOWEST
from vlabench.simulators.maniskill.expert.motion import Move
from vlabench.simulators.maniskill.expert.state import look
from vlabench.simulators.maniskill.interface import SPACE, STEP_LIMIT
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeSpec, Floats

Episodes = Callable[..., EpisodeSpec]


@pytest.fixture
def started(pack: str, episode: Episodes) -> Iterator[Callable[..., PlateScene]]:
    """(number of the task, index, task set) → a scene at the start of that episode."""
    scenes: list[PlateScene] = []

    def start(number: int, index: int = 0, task_set: str = "maniskill_put_on_plate") -> PlateScene:
        simulator, spec = Maniskill(pack), episode(number, index, task_set)
        scene = simulator.open(spec.task)
        assert isinstance(scene, PlateScene)
        scenes.append(scene)
        scene.reset([spec])
        return scene

    yield start
    for scene in scenes:
        scene.close()


def kicks(steps: int) -> list[Floats]:
    """Actions of up to two units, the gripper open or closed."""
    rng = np.random.default_rng(steps)
    moves = rng.uniform(-2, 2, (steps, 7)) * SPACE.unit
    moves[:, 6] = rng.choice([-1.0, 1.0], steps)
    return list(moves)


def succeeds(scene: PlateScene, first: list[Floats]) -> bool:
    """At the end, with the expert from after the first actions on; it never asks for less than the lowest height."""
    world = scene.worlds[0]
    for step in range(STEP_LIMIT):
        if step < len(first):
            action = first[step]
        else:
            action = advise(world)[0]
            assert world.robot.aimed[0][2] + action[2] >= LOWEST - 1e-9
        outcome = scene.step(action[None])
    return bool(outcome.success[0])


def test_it_puts_objects_on_the_plate(started: Callable[..., PlateScene]) -> None:
    assert succeeds(started(0), [])
    assert succeeds(started(14, 1, "maniskill_pair"), [])


def test_it_takes_over(started: Callable[..., PlateScene]) -> None:
    assert succeeds(started(9), kicks(24))


def test_it_picks_up_what_fell_beside_the_plate(started: Callable[..., PlateScene]) -> None:
    scene = started(3)
    world, dropped = scene.worlds[0], 0
    for _ in range(STEP_LIMIT):
        action = advise(world)[0]
        if dropped < 3 and look(world).object.low > 0.02:  # lifted: the gripper opens for three steps
            action, dropped = np.array(SPACE.null), dropped + 1
        outcome = scene.step(action[None])
    assert dropped == 3 and outcome.success[0]


def test_it_is_a_function_of_the_state(started: Callable[..., PlateScene]) -> None:
    """The world stays as it is, the answer the same; another world led to the same state gets the same answer."""
    one, other = started(5, 2), started(5, 2)
    asked = []
    for _ in range(9):
        before = one.state_digest()
        answers = [advise(one.worlds[0]) for _ in range(2)]
        assert one.state_digest() == before
        for first, second in zip(*answers, strict=True):
            np.testing.assert_array_equal(first, second)
        asked.append(answers[0][0])
        one.step(asked[-1][None])
    for action in asked:  # the other gets there without being asked
        other.step(action[None])
    assert one.state_digest() == other.state_digest()
    for first, second in zip(advise(one.worlds[0]), advise(other.worlds[0]), strict=True):
        np.testing.assert_array_equal(first, second)


@given(st.floats(-7, 7), st.integers(-2, 2))
def test_a_finger_is_told_of_a_hand_that_points_down_whichever_way_round_it_is(yaw: float, halves: int) -> None:
    """Where scipy says that the axis along which fingers open is; the same for every half turn."""
    at = np.array([0.3, -0.1, 0.2])
    told = finger(Move(at, downward(yaw), 1.0)) - at
    opens = Rotation.from_quat(downward(yaw)[[1, 2, 3, 0]]).apply([0.0, 1.0, 0.0])
    assert np.linalg.norm(told) == pytest.approx(SPREAD) and abs(told[2]) < 1e-12
    assert abs(told @ opens) == pytest.approx(SPREAD)  # along it, to either side
    again = finger(Move(at, downward(yaw + halves * math.pi), 1.0)) - at
    apart = np.linalg.norm(told - again)
    assert apart < 1e-9 or apart == pytest.approx(2 * SPREAD)  # at the ends of the half circle alone
    assert apart < 1e-9 or abs(math.cos(yaw - SIDE)) < 1e-9


def test_points_are_relative_to_the_hand_in_the_frame_of_the_base(started: Callable[..., PlateScene]) -> None:
    world = started(2).worlds[0]
    action, points = advise(world)
    hand = np.asarray(world.robot.links["ee_gripper_link"].entity.pose.p, dtype=np.float64)
    flip = np.array([-1.0, -1.0, 1.0])  # the base is turned by half a turn about the vertical
    for body, point in zip(world.bodies, (points[:3], points[3:6]), strict=True):
        np.testing.assert_allclose(point, flip * (body.pose.p - hand), atol=0.01)  # center of mass, not origin
    np.testing.assert_allclose(action[:2] / np.linalg.norm(action[:2]), points[6:8] / np.linalg.norm(points[6:8]),
                               atol=0.05)
