"""Table 7's components on rollouts made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.training.demos.demo_files import OTHER, TASK, demo, shelf
from vlabench.errors import DataError, UnsupportedError
from vlabench.training.rl import rewards
from vlabench.training.rl.rewards import SubGoals, key_frames, progress, ssim
from vlabench.training.rl.rollouts import Rollout
from vlabench.types import EpisodeSpec, Image

SIDE = 16


def grey(level: int) -> Image:
    return np.full((SIDE, SIDE, 3), level, dtype=np.uint8)


def rollout(joints: npt.NDArray[np.float64], actions: npt.NDArray[np.float32], levels: list[int],
            success: bool = True) -> Rollout:
    """Chunks of two actions, the last look's second one not carried out."""
    looks = len(levels)
    executed = np.array([2] * (looks - 1) + [1])
    pictures = np.stack([grey(level) for level in levels])
    return Rollout(EpisodeSpec(TASK, "clean", 0), {"agentview": pictures, "wrist": pictures[::-1]},
                   np.zeros((looks, 8), np.float32), "", actions.reshape(looks, 2, -1), actions, actions, executed,
                   success, {}, {"joints": joints})


def test_the_components_by_hand() -> None:
    """Three steps; two joints; sub-goals at (0, 0) and (1, 1), of which the first is reached at once."""
    joints = np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 1.0]])
    actions = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [9.0, 9.0]], np.float32)
    goals = SubGoals("joints", np.array([[0.0, 0.0], [1.0, 1.0]]),
                     {"agentview": np.stack([grey(0), grey(255)]), "wrist": np.stack([grey(0), grey(51)])}, {})
    found = rewards.components(rollout(joints, actions, [0, 255]), goals)
    assert found.keys() == rewards.WEIGHTS.keys()
    assert found["progress"].tolist() == [0.5, 0.5, 1.0]  # the second is the aim from the first step on
    assert found["joint_mse"] == pytest.approx(np.exp([-1.0, -(0.25 + 1.0) / 2, 0.0]))
    assert found["joint_velocity"].tolist() == [0.0, -0.25, -(0.25 + 1.0)]
    assert found["joint_acceleration"].tolist() == [0.0, 0.0, -1.0]  # (0.5, 1) − (0.5, 0)
    assert found["action_velocity"].tolist() == [0.0, -1.0, -4.0]
    assert found["action_acceleration"].tolist() == [0.0, 0.0, -(1.0 + 4.0)]  # (0, 2) − (1, 0)
    assert found["image_mse"] == pytest.approx(np.exp([-1.0, -1.0, 0.0]))
    assert found["gripper_image_mse"] == pytest.approx(np.exp([-0.64, -0.64, -0.04]))
    black_white = 6.5025 / (255**2 + 6.5025)  # of constant pictures a and b: (2ab + C₁) / (a² + b² + C₁)
    assert found["image_ssim"] == pytest.approx(np.exp([black_white - 1, black_white - 1, 0.0]))
    assert found["success"].tolist() == [0.0, 0.0, 1.0]


def test_the_weights_are_table_7_s_and_success_outweighs_the_rest() -> None:
    assert list(rewards.WEIGHTS.values()) == pytest.approx([0.01] * 8 + [0.001] * 2 + [1.0])
    joints, actions = np.zeros((5, 2)), np.zeros((6, 2), np.float32)
    goals = SubGoals("joints", np.zeros((1, 2)), {"agentview": grey(7)[None], "wrist": grey(7)[None]},
                     {"agentview": grey(7), "wrist": grey(7)})
    best = rewards.dense(rollout(joints, actions, [7, 7, 7]), [goals])
    assert best[:-1] == pytest.approx([6 * 0.01 / TASK.step_limit] * 4)  # five terms at their goal, and all progress
    assert best[-1] == pytest.approx(1 + 0.06 / TASK.step_limit)
    failure = rewards.dense(rollout(joints, actions, [7, 7, 7], success=False), [goals])
    assert failure.sum() * TASK.step_limit / 5 == pytest.approx(0.06)


def test_stages_pay_what_earnings_rise_by() -> None:
    """Of RL4VLA: a grasp at once, one that lasts in the fifth step, success in the sixth, which is lost again."""
    earned = np.array([0.0, 0.1, 0.1, 0.1, 0.2, 1.2, 0.2])
    found = replace(rollout(np.zeros((7, 2)), np.zeros((8, 2), np.float32), [0] * 4), terms={"earned": earned})
    assert rewards.staged_by("maniskill")(found) == pytest.approx([0, 0.1, 0, 0, 0.1, 1.0, -1.0])
    assert rewards.staged(found, "earned").nonzero()[0].tolist() == [1, 4, 5, 6]
    with pytest.raises(UnsupportedError, match="which simulator Libero does not tell\n  fix: reward = \"sparse\""):
        rewards.staged_by("libero")


def test_sub_goals_are_reached_in_order() -> None:
    """Passing the third before the second does not count; the last stays the aim."""
    goals = np.array([[0.0], [1.0], [2.0]])
    aims, shares = progress(np.array([[0.5], [0.05], [2.0], [0.95], [1.5], [2.05], [0.0]]), goals)
    assert aims.tolist() == [0, 1, 1, 2, 2, 2, 2]
    assert shares.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1, 1])


def test_ssim_is_wang_s_formula() -> None:
    """Against the definition, window by window."""
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (14, 13), dtype=np.uint8) for _ in range(2))
    axis = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    window = np.outer(axis, axis) / axis.sum() ** 2
    c1, c2 = 6.5025, 58.5225
    values = []
    for i in range(4):
        for j in range(3):
            x, y = (picture[i : i + 11, j : j + 11].astype(float) for picture in (one, other))
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy, cov = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum(), (
                window * (x - mx) * (y - my)).sum()
            values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    coloured = [np.repeat(picture[..., None], 3, axis=2) for picture in (one, other)]
    assert ssim(coloured[0], coloured[1]) == pytest.approx(np.mean(values), abs=1e-6)
    assert ssim(coloured[0], coloured[0]) == pytest.approx(1.0)


def test_rewards_of_steps_add_up_by_look() -> None:
    found = rollout(np.zeros((5, 2)), np.zeros((6, 2), np.float32), [0, 0, 0])
    assert rewards.by_look(found, np.array([1.0, 2.0, 3.0, 4.0, 5.0])).tolist() == [3.0, 7.0, 5.0]
    assert rewards.by_look(found, rewards.sparse(found)).tolist() == [0.0, 0.0, 1.0]


def test_key_frames_are_where_the_gripper_acts_or_the_arm_comes_to_rest() -> None:
    joints = np.zeros((40, 7))
    joints[:10] = 0.1 * np.arange(10)[:, None]  # moves until 9, rests, moves on from 30
    joints[10:30] = joints[9]
    joints[30:] = joints[9] + 0.1 * np.arange(1, 11)[:, None]
    gripper = np.where(np.arange(40) < 20, -1.0, 1.0)
    assert key_frames(gripper, joints) == [9, 20, 39]
    gripper[37] = -1.0  # too near to the end
    assert key_frames(gripper, joints) == [9, 20, 39]


def test_sub_goals_come_from_demonstrations_turned_as_policies_see_them(tmp_path: Path) -> None:
    one, failed = demo(0, 20), demo(1, 20)
    shelf(tmp_path, TASK, [one, replace(failed, success=False)])
    shelf(tmp_path, OTHER, [demo(2, 20)])
    (goals,) = rewards.load([tmp_path], [TASK.name], 16, "libero")[TASK.name]
    frames = key_frames(one.labels[:, -1].astype(np.float64), one.told["joints"])
    assert np.array_equal(goals.postures, one.told["joints"][frames])
    assert np.array_equal(goals.pictures["wrist"], one.frames["wrist"][frames])
    assert np.array_equal(goals.first["agentview"], one.frames["agentview"][0])
    with pytest.raises(DataError, match="none of absent\n  fix: vlabench demos"):
        rewards.load([tmp_path], [TASK.name, "absent"], 16, "libero")
    with pytest.raises(DataError, match=r"needed is uint8 \[20, 32, 32, 3\]"):
        rewards.load([tmp_path], [TASK.name], 32, "libero")


def test_the_demonstration_that_begins_alike_is_the_one_that_counts() -> None:
    joints, actions = np.zeros((3, 2)), np.zeros((4, 2), np.float32)
    near, far = (SubGoals("joints", np.zeros((1, 2)), {}, {"agentview": grey(level), "wrist": grey(level)})
                 for level in (90, 9))
    assert rewards.alike(rollout(joints, actions, [100, 100]), [far, near]) is near
