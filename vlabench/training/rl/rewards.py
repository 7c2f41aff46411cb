"""Rewards: 1 for success; a simulator's own of stages, such as RL4VLA's; or RobustVLA's dense reward (table 7).

The paper takes the dense reward from ReinboT (Zhang et al. 2025) and prints the table alone. A reconstruction, from
demonstrations: sub-goals are one's frames where the gripper opens or closes or the arm comes to rest, and its last; of
a task's demonstrations the one counts that begins most like the rollout. A sub-goal is reached, in order, when the
arm's posture (`Simulator.posture`) comes near it. f_MSE is minus the mean squared error and f_SSIM is SSIM − 1, so that
each of the five terms is 1 at its sub-goal and less elsewhere. Velocities and accelerations are differences from one
control step to the next, as the table writes them for actions; by seconds, accelerations would outweigh success a
thousandfold. Pictures are those of the policy's looks. The ten terms are divided by the step limit: a rollout's sum
stays below success, which is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vlabench.errors import DataError, UnsupportedError
from vlabench.simulators.base import Simulator, find_simulator
from vlabench.training.demos import reading
from vlabench.training.demos.layout import stored_as, told_as
from vlabench.training.rl.rollouts import Rollout
from vlabench.types import Image

if TYPE_CHECKING:
    import h5py

Floats64 = npt.NDArray[np.float64]

WEIGHTS: Mapping[str, float] = {
    "image_mse": 0.1 / 10, "image_ssim": 0.1 / 10, "gripper_image_mse": 0.1 / 10, "gripper_image_ssim": 0.1 / 10,
    "joint_mse": 0.1 / 10, "progress": 0.1 / 10, "joint_velocity": 0.1 / 10, "joint_acceleration": 0.1 / 10,
    "action_velocity": 0.01 / 10, "action_acceleration": 0.01 / 10, "success": 1.0,
}
"""Table 7's eleven components."""
NEAR = 0.1
"""Root mean square over the posture (rad) within which a sub-goal is reached: a few centimetres of the hand."""
REST = 0.002
"""A change of posture per step (rad, root mean square) below which the arm rests."""
APART = 5
"""Frames that lie between two sub-goals at least."""
PICTURES = ("image", "gripper_image")
"""Table 7's names of the pictures, from afar and of the hand: the order in which simulators have such cameras."""


@dataclass(frozen=True)
class SubGoals:
    """Of one demonstration, n of them: postures [n, J] (rad), pictures camera → uint8 [n, H, W, 3] as policies see
    them, the simulator's cameras in order.

    term: which of a rollout's `terms` is the posture. first: camera → uint8 [H, W, 3], how it begins.
    """

    term: str
    postures: Floats64
    pictures: Mapping[str, Image]
    first: Mapping[str, Image]


def sparse(rollout: Rollout) -> Floats64:
    """The reward of each step: 1 at the end of a success."""
    rewards = np.zeros(rollout.steps)
    rewards[-1] = float(rollout.success)
    return rewards


def staged_by(simulator: str) -> Callable[[Rollout], Floats64]:
    """The reward of each step: by how much an episode's earnings have risen, or, below 0, fallen. RL4VLA's are 0.1 for
    a grasp, 0.1 for one that lasts and 1 for success.

    Raises UnsupportedError for a simulator that knows no stages.
    """
    kind = find_simulator(simulator)
    if not kind.earnings:
        raise UnsupportedError(f"reward = \"staged\" needs what an episode has earned so far, which simulator "
                               f"{kind.__name__} does not tell\n"
                               f"  fix: reward = \"sparse\" in training.options")
    return partial(staged, term=kind.earnings)


def staged(rollout: Rollout, term: str) -> Floats64:
    """The reward of each step by the earnings so far, [S], that are one of the rollout's `terms`."""
    return np.diff(np.asarray(rollout.terms[term], dtype=np.float64).reshape(rollout.steps), prepend=0.0)


def dense(rollout: Rollout, demonstrations: Sequence[SubGoals]) -> Floats64:
    """The reward of each step by table 7."""
    limit = rollout.spec.task.step_limit
    total = np.zeros(rollout.steps)
    for name, values in components(rollout, alike(rollout, demonstrations)).items():
        total += WEIGHTS[name] * values / (1 if name == "success" else limit)
    return total


def by_look(rollout: Rollout, rewards: Floats64) -> Floats64:
    """The rewards of steps [S], added up over the steps of each look [L]."""
    ends = np.cumsum(rollout.executed)
    sums: Floats64 = np.add.reduceat(rewards, np.concatenate([[0], ends[:-1]]))
    return sums


def components(rollout: Rollout, goals: SubGoals) -> dict[str, Floats64]:
    """Table 7's terms of each step [S], unweighted."""
    postures = np.asarray(rollout.terms[goals.term], dtype=np.float64)
    aims, share = progress(postures, goals.postures)
    asked = rollout.asked.astype(np.float64)
    looks = np.repeat(np.arange(len(rollout)), rollout.executed)
    found = {"joint_mse": np.exp(-np.square(postures - goals.postures[aims]).mean(1)), "progress": share,
             "joint_velocity": -_squares(postures, 1), "joint_acceleration": -_squares(postures, 2),
             "action_velocity": -_squares(asked, 1), "action_acceleration": -_squares(asked, 2),
             "success": sparse(rollout)}
    named = zip(goals.pictures, PICTURES, strict=False)
    for camera, name in ((camera, name) for camera, name in named if camera in rollout.pictures):
        errors, likeness = np.zeros(len(postures)), np.zeros(len(postures))
        for pair in {(int(look), int(aim)) for look, aim in zip(looks, aims, strict=True)}:
            here = (looks == pair[0]) & (aims == pair[1])
            seen, goal = rollout.pictures[camera][pair[0]], goals.pictures[camera][pair[1]]
            errors[here], likeness[here] = mean_squared_error(seen, goal), ssim(seen, goal)
        found |= {f"{name}_mse": np.exp(-errors), f"{name}_ssim": np.exp(likeness - 1.0)}
    return found


def progress(postures: Floats64, goals: Floats64) -> tuple[npt.NDArray[np.int64], Floats64]:
    """For each step of postures [S, J]: which of the goals [n, J] it heads for, and the share of those reached, [S]
    each.

    After the last one is reached it stays the aim.
    """
    aims, shares = np.zeros(len(postures), dtype=np.int64), np.zeros(len(postures))
    reached = 0
    for step, here in enumerate(postures):
        while reached < len(goals) and np.sqrt(np.square(here - goals[reached]).mean()) < NEAR:
            reached += 1
        aims[step], shares[step] = min(reached, len(goals) - 1), reached / len(goals)
    return aims, shares


def _squares(rows: Floats64, order: int) -> Floats64:
    """|difference of that order|² of rows [S, D] up to each step [S]; 0 where there are too few before it."""
    squares = np.zeros(len(rows))
    squares[order:] = np.square(np.diff(rows, n=order, axis=0)).sum(1)
    return squares


def mean_squared_error(one: Image, other: Image) -> float:
    """Of two pictures, in [0, 1] (all black against all white: 1)."""
    return float(np.square((one.astype(np.float64) - other) / 255.0).mean())


def ssim(one: Image, other: Image) -> float:
    """Structural similarity of two pictures' grey levels, in [−1, 1] (Wang et al. 2004: Gaussian window of 11 pixels,
    σ = 1.5, K₁ = 0.01, K₂ = 0.03), where the window lies inside.
    """
    import cv2

    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64) for picture in (one, other))

    def mean(values: Floats64) -> Floats64:
        """The window's weighted mean around each pixel."""
        blurred: Floats64 = np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), dtype=np.float64)[5:-5, 5:-5]
        return blurred

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2, mean(x * y) - mu_x * mu_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = ((2 * mu_x * mu_y + c1) * (2 * cov + c2)) / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))
    return float(similar.mean())


def alike(rollout: Rollout, demonstrations: Sequence[SubGoals]) -> SubGoals:
    """The demonstration that begins most like the rollout."""
    first = {camera: pictures[0] for camera, pictures in rollout.pictures.items()}
    return min(demonstrations, key=lambda goals: sum(mean_squared_error(first[camera], picture)
                                                     for camera, picture in goals.first.items() if camera in first))


def key_frames(gripper: Floats64, postures: Floats64) -> list[int]:
    """The frames that are sub-goals, of commands [T] (their signs matter) and postures [T, J] (after James and Davison
    2022): where the gripper's command changes or the arm comes to rest, APART frames at least from the one before; and
    the last.
    """
    moved = np.sqrt(np.square(np.diff(postures, axis=0)).mean(1))
    frames: list[int] = []
    for t in range(1, len(postures) - 1):
        rests = moved[t] < REST <= moved[t - 1]
        if (rests or gripper[t] * gripper[t - 1] < 0) and t - (frames[-1] if frames else 0) >= APART:
            frames.append(t)
    last = len(postures) - 1
    return [frame for frame in frames if last - frame >= APART] + [last]


def load(folders: Sequence[Path], names: Sequence[str], image_size: int,
         simulator: str) -> dict[str, list[SubGoals]]:
    """Task's name → sub-goals of its demonstrations, successes alone.

    Raises UnsupportedError for a simulator that tells no posture, DataError if a task has no demonstrations.
    """
    kind = find_simulator(simulator)
    if not kind.posture:
        raise UnsupportedError(f"reward = \"dense\" needs the arm's posture, which simulator {kind.__name__} does not "
                               f"tell\n  fix: reward = \"sparse\" in training.options")
    found: dict[str, list[SubGoals]] = {name: [] for name in names}
    for path in (path for folder in folders for path in reading.files(folder, simulator)):
        with reading.opened(path, simulator) as source:
            task = next((name for name in source.names if name in found), None)
            if task is not None:
                found[task] += [_sub_goals(group, kind, source.upright, image_size) for group in source.groups.values()
                                if group.attrs.get("success", True)]
    for name, goals in found.items():
        if not goals:
            raise DataError(f"the dense reward needs demonstrations of every task; there are none of {name}\n"
                            f"  fix: vlabench demos --out DIR --task-set S, then vlabench train --data DIR")
    return found


def _sub_goals(group: h5py.Group, kind: type[Simulator], upright: bool, image_size: int) -> SubGoals:
    actions, hand = reading.actions(group, kind.action_space), kind.action_space.gripper
    place = told_as(group, kind.posture)
    width = group[place].shape[1:] if place in group else ()
    postures = reading.numbers(group, place, width, len(actions))
    frames = key_frames(np.zeros(len(actions)) if hand is None else actions[:, hand], postures)
    stored = {camera: reading.pictures(group, name, len(actions), image_size)
              for camera, name in stored_as(kind.cameras[: len(PICTURES)]).items()}
    pictures = {camera: np.stack([reading.picture(each, t, upright)[::-1, ::-1] for t in (0, *frames)])
                for camera, each in stored.items()}
    return SubGoals(kind.posture, postures[frames], {camera: each[1:] for camera, each in pictures.items()},
                    {camera: each[0] for camera, each in pictures.items()})
