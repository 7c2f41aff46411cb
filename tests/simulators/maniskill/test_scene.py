"""Worlds side by side are the worlds alone, whatever was played before; success and milestones are RL4VLA's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from vlabench.errors import OptionError
from vlabench.reports.plots.trajectories import turned
from vlabench.simulators.maniskill import catalogue
from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.world import dynamics
from vlabench.types import EpisodeSpec, Floats

Episodes = Callable[..., EpisodeSpec]
STEPS = 6


def opened(pack: str, batch: int = 1, **more: object) -> PlateScene:
    simulator = Maniskill(pack)
    scene = simulator.open(simulator.tasks("maniskill_put_on_plate")[0], batch, **more)  # type: ignore[arg-type]
    assert isinstance(scene, PlateScene)
    return scene


def actions(spec: EpisodeSpec) -> Floats:
    """An episode's own, whoever plays beside it."""
    rng = np.random.default_rng([spec.task.number, spec.index])
    return rng.uniform(-1, 1, (STEPS, 7)) * SPACE.unit


def played(scene: PlateScene, specs: Sequence[EpisodeSpec]) -> list[str]:
    """How the episodes end."""
    scene.reset(specs)
    for step in range(STEPS):
        scene.step(np.stack([actions(spec)[step] for spec in specs]))
    return list(scene.state_digest())


def test_an_episode_ends_alike_alone_beside_others_and_after_others(pack: str, episode: Episodes) -> None:
    specs = [episode(0, 0), episode(4, 1), episode(14, 7), episode(4, 0)]
    alone = [played(opened(pack), [spec])[0] for spec in specs]
    assert len(set(alone)) == 4
    together = opened(pack, 4)
    assert played(together, specs) == alone
    assert played(together, specs[::-1]) == alone[::-1]
    assert played(together, specs[2:]) == alone[2:]


def test_the_hand_is_where_it_was_told_to_go(pack: str, episode: Episodes) -> None:
    """Up by 5 cm, and around the vertical by half a rad."""
    scene, poses = opened(pack, privileged=True), []
    scene.reset([episode(0, 0)])
    for step in range(8):
        (state,) = scene.observe().state or ()
        poses.append(state.hand_pose())
        scene.step(np.array([[0, 0, 0.01, 0, 0, 0.1, 1.0]]) if step < 5 else scene.null_action[None])
    assert poses[-1][:3, 3] - poses[0][:3, 3] == pytest.approx([0, 0, 0.05], abs=0.006)
    assert turned(np.stack(poses))[-1] == pytest.approx(np.degrees(0.5), abs=2)


@pytest.mark.slow
def test_an_episode_ends_alike_in_another_process(episode: Episodes) -> None:
    code = ("from tests.simulators.maniskill.test_scene import opened, played\n"
            "from vlabench.simulators.maniskill.simulator import Maniskill\n"
            "from vlabench.types import EpisodeSpec\n"
            "task = Maniskill('primitive').tasks('maniskill_put_on_plate')[4]\n"
            "print(played(opened('primitive'), [EpisodeSpec(task, 'clean', 1)])[0])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == played(opened("primitive"), [episode(4, 1)])[0]


def test_the_robot_waits_for_the_other_object_to_rest_too(episode: Episodes) -> None:
    scene = opened("primitive", variant=(("receptacles", "test"),))  # plant and frying pan rest after 0.1 s
    scene.reset([episode(11, 11, "maniskill_pair")])
    (world,) = scene.worlds
    for entity in world.bodies:
        assert np.linalg.norm(dynamics(entity).linear_velocity) < 0.01


def test_things_stand_where_the_start_says_and_the_robot_where_bridge_s_does(pack: str, episode: Episodes) -> None:
    scene = opened(pack, 2)
    scene.reset([episode(2, 3), episode(2, 3, "maniskill_pair")])
    single, pair = scene.worlds
    assert len(single.bodies) == 2 and len(pair.bodies) == 3
    for world in scene.worlds:
        for body, entity in zip(world.start.bodies, world.bodies, strict=True):
            assert np.linalg.norm(entity.pose.p[:2] - body.spot) < 0.03 and 0.86 < entity.pose.p[2] < 0.95
    seen = scene.observe()
    assert seen.proprio.dtype == np.float32 and seen.proprio.shape == (2, 8) and not seen.images
    assert np.allclose(seen.proprio, [-.01840777, .0398835, .22242722, -.00460194, 1.36524296, .00153398, .037, .037],
                       atol=1e-6)
    assert seen.instruction == ("put bread on plate",) * 2


def test_a_still_robot_stays_and_reaches_nothing(pack: str, episode: Episodes) -> None:
    scene = opened(pack)
    scene.reset([episode(1, 2)])
    before = scene.observe().proprio
    for _ in range(10):
        outcome = scene.step(scene.null_action[None])
    assert np.abs(scene.observe().proprio[0, :6] - before[0, :6]).max() < 1e-4
    assert scene.observe().proprio[0, 6:] == pytest.approx([0.038, 0.038], abs=1.5e-3)
    assert not outcome.success[0] and not outcome.milestones["grasped"][0] and not outcome.milestones["grasped_5"][0]
    assert outcome.terms["joints"].shape == (1, 6) and scene.observe().steps.tolist() == [10]


@pytest.mark.parametrize("axis", range(3))
def test_the_hand_moves_by_metres_in_the_base_s_frame(axis: int, pack: str, episode: Episodes) -> None:
    scene = opened(pack)
    scene.reset([episode()])
    robot = scene.worlds[0].robot
    before = np.array(robot.hand.p)
    action = np.array(scene.null_action)
    action[axis] = 0.02 if axis != 2 else -0.02
    for _ in range(2):
        scene.step(action[None])
    for _ in range(3):
        scene.step(scene.null_action[None])
    moved = np.array(robot.hand.p) - before
    expected = np.zeros(3)
    expected[axis] = 2 * action[axis]
    assert np.abs(moved - expected).max() < 4e-3  # drives lag behind their targets
    world = np.array(robot.links["ee_gripper_link"].entity.pose.p)
    assert np.allclose(world, np.array([0.147, 0.028, 0.870]) + np.array(robot.hand.p) * [-1, -1, 1], atol=1e-5)


def test_the_gripper_s_plus_one_opens_and_minus_one_closes(pack: str, episode: Episodes) -> None:
    scene = opened(pack)
    scene.reset([episode()])
    found = {}
    for value in (-1.0, 1.0):
        for _ in range(6):
            scene.step(np.array([[0, 0, 0, 0, 0, 0, value]]))
        found[value] = scene.observe().proprio[0, 6:].mean()
    assert found[-1.0] == pytest.approx(0.0145, abs=1.5e-3) and found[1.0] == pytest.approx(0.0375, abs=1.5e-3)


def test_what_lies_on_the_plate_is_a_success_and_what_lies_beside_it_is_none(pack: str, episode: Episodes) -> None:
    scene = opened(pack)
    scene.reset([episode(2, 0)])
    world = scene.worlds[0]
    assert not scene.step(scene.null_action[None]).success[0]
    place = np.array(world.receptacle.pose.p)
    pose = world.object.pose
    pose.set_p(place + [0, 0, 0.03])
    world.object.set_pose(pose)
    for _ in range(5):
        outcome = scene.step(scene.null_action[None])
    assert outcome.success[0] and not outcome.milestones["grasped"][0]


def test_an_expert_s_episode_earns_a_tenth_for_a_grasp_another_for_five_steps_and_one_for_success(
        episode: Episodes) -> None:
    scene = opened("primitive", privileged=True)
    scene.reset([episode(2, 0)])
    outcomes = []
    for _ in range(80):
        (state,) = scene.observe().state or ()
        outcomes.append(scene.step(state.expert_action()[None]))
    held = [bool(outcome.milestones["grasped"][0]) for outcome in outcomes]
    first = held.index(True)
    assert all(held[first:first + 5]) and outcomes[-1].success[0]
    fifth = [bool(outcome.milestones["grasped_5"][0]) for outcome in outcomes].index(True)
    assert fifth == first + 4
    earned = np.array([outcome.terms["earned"][0] for outcome in outcomes])
    success = np.array([outcome.success[0] for outcome in outcomes])
    assert not success[:first].any()
    steps = np.arange(80)
    assert earned == pytest.approx(0.1 * (steps >= first) + 0.1 * (steps >= fifth) + success)


def test_held_out_things_and_tables_are_named_in_the_instruction(pack: str, episode: Episodes) -> None:
    scene = opened(pack, 3, variant=(("objects", "test"), ("receptacles", "test")))
    scene.reset([episode(0, index) for index in range(3)])
    names = {thing.name for thing in catalogue.OBJECTS[16:]}
    for said in scene.observe().instruction:
        assert said.startswith("put ") and " on plate" not in said
        assert said.removeprefix("put ").split(" on ")[0] in names
    with pytest.raises(OptionError, match="no variant objects = 'none'"):
        opened(pack, variant=(("objects", "none"),))


def test_more_copies_than_a_process_holds_are_refused() -> None:
    with pytest.raises(OptionError, match="hold 1 to 8 copies, not 9; use --workers"):
        opened("primitive", 9)
