"""When an object is on its receptacle and when it is grasped, by RL4VLA's rules, of any number of copies at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vlabench.types import Floats

Bools = npt.NDArray[np.bool_]

BESIDE = 0.01
"""How far (m) an object's origin may lie beyond the receptacle's largest half extent, in the plane."""
ABOVE = 0.05
"""And above the sum of both half heights."""
PRESS = 0.03
"""The force (N) between both has to be more."""
GRIP = 0.5
"""The force (N) of each finger on the object, at least; `WidowX250S.is_grasping` of ManiSkill."""
GRIP_ANGLE = 85.0
"""And its angle (degrees) from the finger's own axis, at most."""
HELD_FOR = 5
"""Control steps in a row that count as a consecutive grasp."""


def settled_half(half: Floats, turn: Floats) -> Floats:
    """Half the edges [..., 3] (m) of the upright boxes around boxes with these half edges, turned by quaternions."""
    w, x, y, z = np.moveaxis(np.asarray(turn), -1, 0)
    matrix = np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                       [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                       [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])
    box: Floats = np.einsum("ij...,...j->...i", np.abs(matrix), np.asarray(half))
    return box


def on_receptacle(offset: Floats, half: Floats, receptacle_half: Floats, force: Floats) -> Bools:
    """Whether objects are on their receptacles.

    offset [B, 3]: of the object's origin from the receptacle's (m). half, receptacle_half [B, 3]: of their boxes as
    they lay when everything had settled. force [B, 3]: between both (N).
    """
    reach = receptacle_half.max(axis=1) + BESIDE
    above = offset[:, 2] - receptacle_half[:, 2] - half[:, 2]
    touching = _length(force) > PRESS
    on: Bools = ((_length(offset[:, :2]) <= reach) & (offset[:, 2] > 0) & (above <= ABOVE) & touching)
    return on


def grasped(forces: Floats, turns: Floats) -> Bools:
    """Whether both fingers hold the object. forces [B, 2, 3]: on left and right finger (N); turns [B, 2, 4]: theirs."""
    size = _length(forces)
    pressing: Bools = size.min(axis=1) >= GRIP
    if not pressing.any():  # as at most steps
        return pressing
    axes = _sideways(turns) * np.array([[1.0], [-1.0]])
    cosine = (forces * axes).sum(axis=2) / np.maximum(size, 1e-12)
    angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    held: Bools = pressing & (angle.max(axis=1) <= GRIP_ANGLE)
    return held


def _length(vectors: Floats) -> Floats:
    """Of vectors [..., n]: what `np.linalg.norm` says, which takes longer to see what it was given."""
    size: Floats = np.sqrt((vectors * vectors).sum(axis=-1))
    return size


def _sideways(turns: Floats) -> Floats:
    """The fingers' y-axes [..., 3] in the world."""
    w, x, y, z = np.moveaxis(turns, -1, 0)
    return np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=-1)


def earned(success: Bools, grasped_once: Bools, grasped_long_once: Bools) -> Floats:
    """What episodes [B] have earned so far, as in RL4VLA: the reward of a step is what this rises by, and may be < 0.

    success: now; the others: at any step up to now.
    """
    so_far: Floats = 0.1 * grasped_once + 0.1 * grasped_long_once + 1.0 * (success & grasped_once)
    return so_far
