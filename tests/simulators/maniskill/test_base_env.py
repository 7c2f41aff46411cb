"""The put-on-plate environment of ManiSkill's, one copy on a CPU: episodes, physics and pictures as in our worlds.

What only a GPU can show is listed in results/maniskill-gpu.md.
"""

from __future__ import annotations

import dataclasses
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from tests.simulators.maniskill import parity
from vlabench.cards.conditions import named
from vlabench.cards.find import find_condition
from vlabench.episode.chain import variant_of
from vlabench.episode.loop import Attempt
from vlabench.errors import AssetsError, OptionError, RenderingError, UnsupportedError
from vlabench.gym import condition_arguments
from vlabench.simulators.maniskill import packs, robot, starts
from vlabench.simulators.maniskill.drawing import vulkan
from vlabench.simulators.maniskill.interface import CAMERAS, SPACE
from vlabench.simulators.maniskill.looks import TRAINING_LIGHTING
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.world import World
from vlabench.types import EpisodeSpec

pytestmark = pytest.mark.slow
Episodes = Callable[..., EpisodeSpec]


def make(pack: str, **options: Any) -> Any:
    import gymnasium

    return gymnasium.make("vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", assets=pack,
                          **{"num_envs": 1, "obs_mode": "state_dict", "render_backend": "none", **options})


@pytest.fixture(scope="module")
def env(pack: str) -> Iterator[Any]:
    made = make(pack)
    yield made
    made.close()


@pytest.mark.long
def test_without_a_gpu_one_copy_is_drawn_without_a_warning_and_many_are_refused(pack: str) -> None:
    from vlabench.simulators.maniskill import base_env

    if base_env._has_cuda():
        pytest.skip("there is a GPU here")
    code = ("import gymnasium; gymnasium.make('vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1', "
            f"assets={pack!r}, obs_mode='state_dict').close()")  # sapien draws on one device in a process
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "mani_skill" not in done.stderr and "CUDA" not in done.stderr, done.stderr
    with pytest.raises(OptionError, match="num_envs = 64: .* on a GPU with CUDA, and .* none here\n  fix: num_envs"):
        make(pack, num_envs=64)


def settled(spec: EpisodeSpec, pack: str) -> World:
    """Our world at the beginning of an episode."""
    world = World(starts.draw(spec), packs.pack(pack), False)
    world.settle()
    return world


def test_a_named_episode_begins_as_in_our_world(env: Any, pack: str, episode: Episodes) -> None:
    seen, info = env.reset(options={"number": 4, "index": 7, "seed": 2})
    world = settled(dataclasses.replace(episode(4, 7), seed=2), pack)
    inner = env.unwrapped
    assert info["reconfigure"] and inner.starts == [world.start]
    assert inner.get_language_instruction() == ["put 7up can on plate"]
    for name, entity in zip(("object", "receptacle"), world.bodies, strict=True):
        assert seen["extra"][name][0, :3].numpy() == pytest.approx(entity.pose.p, abs=1e-6)
    assert seen["agent"]["qpos"][0].numpy() == pytest.approx(robot.POSTURE, abs=1e-6)
    hand = seen["agent"]["controller"]["arm"]["target_pose"][0].numpy()
    assert hand[:3] == pytest.approx(world.robot.aimed[0], abs=1e-6)


def test_our_robot_is_as_maniskill_loads_it(env: Any, pack: str, episode: Episodes) -> None:
    def facts(link: Any) -> Any:
        joint = link.joint
        shapes = [(shape.physical_material.static_friction, shape.physical_material.dynamic_friction,
                   shape.physical_material.restitution, shape.contact_offset, shape.rest_offset, shape.collision_groups)
                  for shape in link.collision_shapes]
        drive = (joint.stiffness, joint.damping, joint.force_limit, joint.friction, joint.armature) if joint.dof else ()
        return (link.mass, link.inertia.tolist(), link.disable_gravity, shapes, joint.limits.tolist(),
                [np.asarray(each).tolist() for each in drive])

    env.reset(options={"number": 0, "index": 0})
    world = settled(episode(0, 0), pack)
    theirs = env.unwrapped.agent.robot.links_map
    assert theirs.keys() == world.robot.links.keys()
    for name, link in world.robot.links.items():
        assert facts(link) == facts(theirs[name]._objs[0]), name


@pytest.fixture
def correct_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's are the processor's otherwise: see `poses`."""
    import torch

    monkeypatch.setattr(torch, "sqrt", lambda numbers: torch.from_numpy(np.sqrt(numbers.numpy())))


@pytest.mark.usefixtures("correct_roots")
def test_targets_are_equal_to_the_last_bit(env: Any, pack: str, episode: Episodes) -> None:
    import torch
    from mani_skill.utils.structs.pose import Pose

    env.reset(options={"number": 0, "index": 0})
    ours, theirs = settled(episode(0, 0), pack).robot, env.unwrapped.agent.controller.controllers["arm"]
    rng, high = np.random.default_rng(4), np.array(SPACE.high)
    unit = np.array(SPACE.unit)
    steps = np.concatenate([rng.uniform(-3, 3, (400, 7)) * unit, rng.uniform(-1, 1, (100, 7)) * high, [high], [-high],
                            [0 * high], [-0.0 * high]]).clip(-high, high)
    for step in steps.astype(np.float32):
        before = Pose.create_from_pq(*(torch.from_numpy(part[None].copy()) for part in ours.aimed))
        ours.aim(step.astype(np.float64))
        target = theirs.compute_target_pose(before, torch.from_numpy(step[None])).raw_pose.numpy()
        assert np.concatenate(ours.aimed).tobytes() == target.tobytes()


@pytest.mark.usefixtures("correct_roots")
def test_the_same_steps_lead_the_hand_along_the_same_path(env: Any, pack: str, episode: Episodes) -> None:
    spec, rng = episode(2, 3), np.random.default_rng(1)
    world = settled(spec, pack)
    steps = rng.uniform(-1, 1, (12, 7)) * [0.02, 0.02, 0.02, 0.1, 0.1, 0.2, 1]
    theirs = parity.in_theirs(env, spec, steps)
    for step, place in zip(steps, theirs.path, strict=True):
        world.step(step.astype(np.float32).astype(np.float64))
        assert place.tolist() == world.robot.links[robot.HAND].entity.pose.p.tolist()


def test_success_ends_no_episode_and_eighty_steps_do(env: Any) -> None:
    env.reset(options={"number": 0, "index": 0})
    for step in range(80):
        *_, terminated, truncated, info = env.step(np.array(Maniskill.action_space.null, dtype=np.float32))
        assert not terminated.any() and bool(truncated) == (step == 79)
    assert not info["success"].any()


def test_without_a_name_episodes_come_from_the_seed_and_objects_stay(env: Any) -> None:
    inner = env.unwrapped
    env.reset(options={"number": 3, "index": 0})
    _, info = env.reset(seed=5)
    first = inner.starts[0]
    assert first.object.number == 3 and not info["reconfigure"]
    env.reset(seed=6)
    assert inner.starts[0] != first and inner.starts[0].object.number == 3
    env.reset(seed=5)
    assert inner.starts[0] == first
    drawn = []
    for _ in range(2):
        env.reset(seed=5, options={"reconfigure": True})
        drawn.append(inner.starts[0])
    assert drawn[0] == drawn[1] and drawn[0].object.spot == first.object.spot


@pytest.mark.parametrize(("options", "says"), [
    ({"indx": 3}, "indx.*there are number, index"), ({"number": 16}, "tasks 0 to 15"), ({"index": -1}, "index = -1"),
    ({"index": [0, 1]}, "one for each of 1"), ({"number": 0.5}, "an int"), ({"env_idx": []}, "reset together")])
def test_options_that_there_are_not_are_refused(env: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        env.reset(options=options)


def test_actions_without_a_number_are_refused(env: Any) -> None:
    from gymnasium.error import InvalidAction

    with pytest.raises(InvalidAction, match="finite"):
        env.step(np.full(7, np.nan, dtype=np.float32))


def test_a_variant_and_another_object_beside_it(pack: str, episode: Episodes) -> None:
    env = make(pack, task_set="maniskill_pair", variant=(("objects", "test"),), obs_mode="state")
    env.reset(options={"number": 1, "index": 2})
    assert env.unwrapped.starts == [starts.draw(episode(1, 2, "maniskill_pair"), (("objects", "test"),))]
    assert len(env.unwrapped.bodies) == 3
    env.close()


CONDITIONS = {
    "clean": None, "table": "maniskill-vision", "texture-weak": "maniskill-vision", "noise-strong": "maniskill-vision",
    "lighting": "pair-lighting", "right-20": "pair-viewpoint", "unseen_object": "maniskill-semantic",
    "multi_object_ind": "maniskill-semantic", "instruction": "maniskill-semantic", "robot_pose": "maniskill-execution",
    "position": "maniskill-execution"}
"""Of each kind one, and a suite that has it."""
NUMBER, INDEX, SIZE = 8, 1, 128
NULL = np.array(Maniskill.action_space.null, dtype=np.float32)


def write_theirs(pack: str, out: str) -> None:
    """Write what the environment shows first and a step later under each condition, drawn by our shaders, and how it
    begins; in a process of its own, because sapien draws on one device in each, and the test's may have chosen one."""
    from vlabench.gym import condition_arguments
    from vlabench.simulators.maniskill.agent import own_shaders

    env = make(pack, obs_mode="rgb+segmentation", render_backend="cpu", image_size=(SIZE, SIZE),
               sensor_configs={"shader_config": own_shaders()})
    inner = env.unwrapped
    found: dict[str, Any] = {}
    gc.freeze()  # to build anew collects garbage each time
    for name, suite in CONDITIONS.items():
        inner.set_condition(**condition_arguments(name, suite))
        first, _ = env.reset(options={"number": NUMBER, "index": INDEX})
        found[f"{name}/poses"] = np.concatenate([body.pose.raw_pose.numpy() for body in inner.bodies])
        found[f"{name}/posture"] = inner.agent.robot.qpos[0].numpy()
        found[f"{name}/instruction"] = np.array(inner.get_language_instruction())
        later = env.step(NULL)[0]
        found[f"{name}/pictures"] = np.concatenate([seen["sensor_data"]["third_person"]["rgb"].numpy()
                                                    for seen in (first, later)])
    np.savez(out, **found)
    env.close()


@pytest.fixture(scope="module")
def theirs(pack: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    try:
        vulkan.check()
    except RenderingError as error:
        pytest.skip(str(error).splitlines()[0])
    out = str(tmp_path_factory.mktemp("theirs") / "theirs.npz")
    code = f"from tests.simulators.maniskill.test_base_env import write_theirs\nwrite_theirs({pack!r}, {out!r})"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(np.load(out))


def begun(spec: EpisodeSpec, pack: str, name: str, suite: str | None, size: int = 0) -> Attempt:
    """An episode under a condition as `vlabench run` begins it."""
    kinds = named(find_condition(name, "maniskill", suite))
    cameras = CAMERAS if size else ()
    attempt = Attempt(PlateScene(pack, cameras, size, False, variant_of(kinds)), [spec], [kinds], replan=1,
                      cameras=cameras, success="end")
    attempt.start()
    return attempt


@pytest.mark.parametrize("name", CONDITIONS)
def test_an_episode_begins_and_looks_as_in_a_run(name: str, theirs: Mapping[str, Any], pack: str,
                                                 episode: Episodes) -> None:
    attempt = begun(episode(NUMBER, INDEX), pack, name, CONDITIONS[name], SIZE)
    assert isinstance(attempt.scene, PlateScene)
    (world,), pictures = attempt.scene.worlds, theirs[f"{name}/pictures"]
    first = attempt.look()
    assert theirs[f"{name}/instruction"].tolist() == list(first.instruction)
    assert theirs[f"{name}/poses"] == pytest.approx(
        np.array([[*body.pose.p, *body.pose.q] for body in world.bodies]), abs=1e-5)
    assert theirs[f"{name}/posture"] == pytest.approx(first.proprio[0], abs=1e-6)
    attempt.step(NULL[None].astype(float))
    for ours, other in zip((first, attempt.look()), pictures, strict=True):
        assert (np.abs(other.astype(int) - ours.images[CAMERAS[0]][0]) > 2).mean() < 1e-3
    away = (np.abs(pictures[0].astype(int) - theirs["clean/pictures"][0]) > 2).mean()
    assert away > 0.01 if name not in ("clean", "instruction") else not away


def test_an_object_jumps_in_mid_episode_as_in_a_run(env: Any, pack: str, episode: Episodes) -> None:
    attempt = begun(episode(2, 4), pack, "object_reposition", "maniskill-execution")
    assert isinstance(attempt.scene, PlateScene)
    (world,), inner = attempt.scene.worlds, env.unwrapped
    inner.set_condition(**condition_arguments("object_reposition", "maniskill-execution"))
    env.reset(options={"number": 2, "index": 4})
    path = [np.array(world.object.pose.p)]
    for _ in range(8):
        attempt.look()
        attempt.step(NULL[None].astype(float))
        env.step(NULL)
        path.append(np.array(world.object.pose.p))
        assert inner.bodies[0].pose.p[0].numpy() == pytest.approx(path[-1], abs=1e-3)
    assert np.linalg.norm(path[5] - path[4]) > 0.15 and path[5][2] == pytest.approx(1.0)
    inner.set_condition()


@pytest.mark.parametrize("name", ["lights_out-s1", "camera_bumped-s2", "human_hand-s3"])
def test_looks_that_change_in_mid_episode_are_refused_where_they_stay(name: str) -> None:
    with pytest.raises(UnsupportedError, match="what is seen in mid-episode; .*\n  fix: vlabench run"):
        condition_arguments(name, "maniskill-events")


def test_under_a_condition_new_episodes_keep_what_is_built(env: Any) -> None:
    inner = env.unwrapped
    for name, suite in (("lighting", "pair-lighting"), ("table", "maniskill-vision")):
        inner.set_condition(**condition_arguments(name, suite))
        looks = []
        for seed in range(4):
            _, info = env.reset(seed=seed)
            assert info["reconfigure"] == (not seed)
            looks.append(inner.episodes[0].looks)
        assert len({each.lighting for each in looks}) == 1
        assert all((each.other is not None) == (name == "table") for each in looks)
        assert (looks[0].lighting == TRAINING_LIGHTING) == (name == "table")
    assert len({each.other for each in looks}) > 1
    inner.set_condition()


def test_without_a_driver_to_draw_with_nothing_is_built(pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise RenderingError("no driver")

    monkeypatch.setattr(vulkan, "check", absent)
    with pytest.raises(RenderingError, match="no driver"):
        make(pack, render_backend="cpu")


@pytest.mark.official
@pytest.mark.usefixtures("correct_roots")
def test_the_expert_gets_as_far_in_both_with_the_official_robot() -> None:
    try:
        packs.official()
    except AssetsError as error:
        pytest.skip(str(error).splitlines()[0])
    pairs = parity.compare((), 2)
    for pair in pairs:
        assert pair.off.max() == 0
        assert pair.ours.success[-1] and pair.theirs.success[-1]
    env = make("official")
    env.reset(options={"number": pairs[0].spec.task.number, "index": pairs[0].spec.index})
    earned, grasped = 0.0, []
    for action in pairs[0].ours.actions:
        _, reward, *_, info = env.step(action.astype(np.float32))
        earned += float(reward)
        grasped.append(bool(info["grasped"]))
        assert grasped[-1] == bool(env.unwrapped.agent.is_grasping(env.unwrapped.bodies[0]))  # ManiSkill's own word
    assert any(grasped) and earned == pytest.approx(1.2)
    env.close()
