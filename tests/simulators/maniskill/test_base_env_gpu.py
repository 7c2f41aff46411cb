"""The put-on-plate environment of ManiSkill's, several copies on a GPU; skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from vlabench.gym import condition_arguments
from vlabench.simulators.maniskill import packs, robot, starts
from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.world import TABLE_TOP
from vlabench.types import EpisodeSpec

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # what CUDA's side warns of is not known
COPIES = 4
Episodes = Callable[..., EpisodeSpec]


@pytest.fixture(scope="module")
def env(pack: str) -> Iterator[Any]:
    import gymnasium
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
    made = gymnasium.make("vlabench.simulators.maniskill.base_env:VLABench-PutOnPlate-v1", num_envs=COPIES,
                          assets=pack, image_size=(128, 128))
    yield made
    made.close()


NAMED = {"number": [0, 4, 8, 14], "index": [3, 2, 1, 0]}


def picture(seen: dict[str, Any]) -> Any:
    return seen["sensor_data"]["third_person"]["rgb"].cpu().numpy()


def test_each_copy_has_its_own_object_at_its_own_place(env: Any, episode: Episodes) -> None:
    env.reset(options=NAMED)
    inner = env.unwrapped
    drawn = [starts.draw(episode(number, index)) for number, index in zip(*NAMED.values(), strict=True)]
    assert inner.starts == drawn
    for row, actor in enumerate(inner.bodies):
        places = actor.pose.p.cpu().numpy()
        assert np.linalg.norm(places[:, :2] - [start.bodies[row].spot for start in drawn], axis=1).max() < 0.03
        assert ((places[:, 2] > TABLE_TOP - 0.01) & (places[:, 2] < 0.95)).all()
    assert inner.agent.robot.qpos.cpu().numpy() == pytest.approx(np.tile(robot.POSTURE, (COPIES, 1)), abs=1e-4)


def test_each_copy_is_shown_before_its_own_table(env: Any, pack: str) -> None:
    seen, _ = env.reset(options=NAMED)
    for image, start in zip(picture(seen), env.unwrapped.starts, strict=True):
        table = screen.background(packs.pack(pack).table(start.table), (128, 128))
        same = (image == table).all(axis=2).mean()
        assert 0.5 < same < 0.99


def test_the_hand_goes_where_it_is_told_in_each_copy(env: Any) -> None:
    env.reset(options=NAMED)
    hand = env.unwrapped.agent.robot.links_map[robot.HAND]
    before = hand.pose.p.cpu().numpy().copy()
    steps = np.tile(np.array(SPACE.null, dtype=np.float32), (COPIES, 1))
    steps[:, 0] = [0.01, -0.01, 0.0, 0.005]
    for _ in range(5):
        *_, terminated, truncated, info = env.step(steps)
    moved = hand.pose.p.cpu().numpy() - before
    assert moved[:, 0] == pytest.approx(-5 * steps[:, 0], abs=3e-3)  # the base looks along the world's −x
    assert not terminated.any() and not truncated.any() and not info["grasped"].any()


def test_the_same_episode_is_the_same_in_every_copy(env: Any) -> None:
    env.reset(options={"number": 2, "index": 5})
    places = env.unwrapped.bodies[0].pose.p.cpu().numpy()
    assert np.ptp(places, axis=0) == pytest.approx(0, abs=1e-3)


def test_objects_stay_from_one_reset_to_the_next(env: Any) -> None:
    env.reset(options=NAMED)
    _, info = env.reset(seed=1)
    assert not info["reconfigure"]
    assert [start.object.number for start in env.unwrapped.starts] == NAMED["number"]


@pytest.mark.parametrize(("name", "suite"), [
    ("table", "maniskill-vision"), ("texture-strong", "maniskill-vision"), ("noise-strong", "maniskill-vision"),
    ("lighting", "pair-lighting"), ("right-20", "pair-viewpoint"), ("unseen_object", "maniskill-semantic"),
    ("multi_object_ind", "maniskill-semantic"), ("robot_pose", "maniskill-execution"),
    ("position", "maniskill-execution")])
def test_a_condition_changes_episodes_whichever_copy_plays_them(env: Any, name: str, suite: str) -> None:
    """Each copy has the lights, the camera, the pictures and the things of its own episode."""
    def first_looks(step: int) -> Any:
        seen, _ = env.reset(options={key: values[::step] for key, values in NAMED.items()})
        return picture(seen)[::step].astype(int)

    clean = first_looks(1)
    env.unwrapped.set_condition(**condition_arguments(name, suite))
    changed, elsewhere = first_looks(1), first_looks(-1)
    env.unwrapped.set_condition()
    from_clean, from_itself = (np.abs(changed - other).mean(axis=(1, 2, 3)) for other in (clean, elsewhere))
    assert (from_clean > 0.3).all() and (from_itself < from_clean / 4).all()


def test_objects_jump_in_mid_episode_in_each_copy(env: Any) -> None:
    inner = env.unwrapped
    inner.set_condition(**condition_arguments("object_reposition", "maniskill-execution"))
    env.reset(options=NAMED)
    path = []
    for _ in range(7):
        env.step(np.tile(np.array(SPACE.null, dtype=np.float32), (COPIES, 1)))
        path.append(inner.bodies[0].pose.p.cpu().numpy().copy())
    inner.set_condition()
    assert (np.linalg.norm((path[4] - path[3])[:, :2], axis=1) > 0.15).all()
    assert (path[6][:, 2] < 0.95).all() and np.abs(path[3] - path[2]).max() < 5e-3
