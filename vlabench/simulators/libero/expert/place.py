"""Pick an object up and put it where a goal wants it."""

from __future__ import annotations

import numpy as np

from vlabench.simulators.libero.boxes import Pose
from vlabench.simulators.libero.expert.geometry import UP, level
from vlabench.simulators.libero.expert.grasps import choose, turned_to_fit
from vlabench.simulators.libero.expert.motion import CLOSE, OPEN, Move, carry, funnel, remaining
from vlabench.simulators.libero.world import Goal, World
from vlabench.types import Floats

FIRM = 0.9
"""A gripper commanded at least this far (World.grip) has had time to press."""


def held(world: World, name: str) -> bool:
    """Whether an object is between fingers that press: both touch it, or one does and something keeps them apart."""
    touched = world.touched(name)
    return (all(touched) and world.grip > 0.15) or (any(touched) and world.grip > FIRM and world.opening > 0.003)


def take(world: World, name: str, grasp: Pose) -> Move:
    """Open, come down on a grasp, close; a miss backs out and tries again."""
    left = remaining(world.hand, grasp)
    closing = world.grip > 0.1
    there = left.off < (0.014 if closing else 0.007) and abs(left.along) < (0.016 if closing else 0.008)
    if there and left.angle < 0.2 and not (world.grip > 0.97 and not any(world.touched(name))):
        return Move(grasp.pos, grasp.rot, CLOSE)
    return funnel(world, grasp, OPEN, without=(name,), keep_back=0.04 if closing else 0.0)


def release(world: World, name: str) -> Move:
    """Open where the hand is; draw it back the way it points once the fingers have let go or are wide open."""
    hand = world.hand
    back = 0.0 if any(world.touched(name)) and world.grip > 0.05 else 0.03
    return Move(hand.pos - back * hand.rot[:, 2], hand.rot, OPEN)


def retreat(world: World) -> Move:
    """Nothing left to do here: open and rise."""
    hand = world.hand
    return Move(hand.pos + 0.05 * UP, level(hand.rot), OPEN)


def target(world: World, goal: Goal) -> tuple[Floats, bool]:
    """Where an object's origin should go for a goal, and whether it may be dropped from there.

    On a plate or in a bowl: its middle. On a region: resting on it. In a basket: just below its edge.
    """
    verb, name, place = goal[0], goal[1], goal[2]
    pose, box = world.pose(place), world.extent(name)
    foot = float(world.pose(name).pos[2] - box.low[2])
    if not world.is_region(place):
        return pose.pos + np.array([0.0, 0.0, 0.004 + foot]), False
    size = np.abs(pose.rot @ world.site_size(place))
    if verb == "in" and world.kind(place) == "basket":
        return pose.pos + slot(world, goal) + np.array([0.0, 0.0, size[2] - 0.005 + foot]), True
    return pose.pos + slot(world, goal) + np.array([0.0, 0.0, foot]), False


SPREAD = {"basket": np.array([0.0, 0.028, 0.0]), "flat_stove": np.array([0.046, 0.0, 0.0])}
"""Half the distance (m, world axes) between two objects that share a region of this kind."""


def slot(world: World, goal: Goal) -> Floats:
    """Offset from a region's middle, so that two objects that share it do not meet."""
    sharing: list[Goal] = [g for g in world.goals if len(g) == 3 and g[0] == goal[0] and g[2] == goal[2]]
    if len(sharing) < 2:
        return np.zeros(3)
    offset: Floats = SPREAD[world.kind(goal[2])] * (2 * sharing.index(goal) - 1)
    return offset


def pick_and_place(world: World, goal: Goal, aim: Floats | None = None) -> Move:
    """One step towards an On or In goal whose place can be reached from above; `aim` replaces the goal's own place."""
    name = goal[1]
    where, drop = target(world, goal)
    where = where if aim is None else aim
    obj = world.pose(name).pos
    flat, above = float(np.linalg.norm((where - obj)[:2])), float(obj[2] - where[2])
    opening = 0.15 < world.grip < FIRM
    low = above < (0.03 if drop and opening else 0.012) or (world.supported(name) and above < 0.03)
    placed = flat < (0.02 if opening else 0.010) and low
    if not held(world, name):
        if placed:
            return retreat(world)
        return take(world, name, choose(world, name, where))
    if placed:
        return release(world, name)
    if world.grip < FIRM:
        return Move(world.hand.pos, world.hand.rot, CLOSE)
    return carry(world, name, where, turned_to_fit(world, name, where))

