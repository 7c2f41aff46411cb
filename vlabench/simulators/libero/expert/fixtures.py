"""Knobs, doors, plates and the microwave: the parts of the expert that are not plain picking and placing."""

from __future__ import annotations

import numpy as np

from vlabench.simulators.libero.boxes import Pose
from vlabench.simulators.libero.expert.geometry import DOWN, HOME, UP, about_z, frame, homely, level, unit
from vlabench.simulators.libero.expert.grasps import choose
from vlabench.simulators.libero.expert.motion import CLOSE, OPEN, Move, funnel
from vlabench.simulators.libero.expert.place import FIRM, held, take
from vlabench.simulators.libero.world import Goal, World
from vlabench.types import Floats


def turn_knob(world: World, stove: str) -> Move:
    """Push the far end of the knob's ridge round, counter-clockwise, with the flat side of closed fingers.

    The flat side matters: against the slanted back of a finger the contact's torsional friction holds the knob.
    """
    (joint,) = world.joints_of(stove)
    _, hinge, _ = world.joint(joint)
    turn = hinge.rot @ about_z(-np.pi / 2)
    rot = frame(DOWN, turn @ np.array([-1.0, 0.0, 0.0]))
    local = turn.T @ (world.hand.pos - hinge.pos)
    radius, height = 0.036, 0.028
    if -0.055 < local[1] < -0.012 and abs(local[0] - radius) < 0.025 and abs(local[2] - height) < 0.015:
        return Move(hinge.pos + turn @ np.array([radius, 0.03, height]), rot, CLOSE)
    return funnel(world, Pose(hinge.pos + turn @ np.array([radius, -0.04, height]), rot), CLOSE, tolerance=0.01)


def slide(world: World, name: str, goal: Floats) -> Move:
    """Take a plate by its rim and slide it along the table."""
    grasp = choose(world, name)
    if not held(world, name):
        return take(world, name, grasp)
    if world.grip < FIRM:
        return Move(world.hand.pos, world.hand.rot, CLOSE)
    way = (goal - world.pose(name).pos) * np.array([1.0, 1.0, 0.0])
    return Move(world.hand.pos + way, level(world.hand.rot), CLOSE)


def swing_shut(world: World, door: str) -> Move:
    """Push a hinged door shut from outside, near its free edge, with closed fingers that reach just below its top."""
    (joint,) = world.joints_of(door)
    _, hinge, axis = world.joint(joint)
    boxes = world.geom_boxes(world.geoms_moved_by(joint))
    along = unit((boxes.centres.mean(axis=0) - hinge.pos) * np.array([1.0, 1.0, 0.0]))
    closing = np.cross(axis * np.sign(axis[2]), along)
    radius = 0.85 * float(np.max((boxes.centres - hinge.pos) @ along))
    top = float(np.max(boxes.centres[:, 2] + np.einsum("nj,nj->n", np.abs(boxes.rotations[:, 2]), boxes.halves)))
    edge = hinge.pos + radius * along + (top - 0.025 - hinge.pos[2]) * UP
    rel = world.hand.pos - edge
    at, off, up = float(rel @ along), float(rel @ closing), float(rel[2])
    if -0.09 < off < 0.0 and abs(at) < 0.07 and abs(up) < 0.02:
        return Move(edge + 0.06 * closing, HOME, CLOSE)
    return funnel(world, Pose(edge - 0.07 * closing, HOME), CLOSE, tolerance=0.02)


HANDLE = np.array([0.064, 0.0, 0.047])
"""The middle of the yellow and white mug's handle in its body frame (m); it sticks out along x."""
INSERT_TILT = np.deg2rad(50.0)
"""From straight down (rad): the hand stays outside while the mug goes in."""
CAVITY = 0.04
"""How far (m) the middle of the microwave's cavity lies to the hinge's side of the middle of its region."""


def into_microwave(world: World, goal: Goal) -> Move:
    """Take a mug by its handle, from the front and above, and put it in level from the front."""
    name, region = goal[1], goal[2]
    mug, inside = world.pose(name), world.pose(region)
    inward = world.pose(world.parent(region)).rot[:, 1]
    approach = np.sin(INSERT_TILT) * inward + np.cos(INSERT_TILT) * DOWN
    side = world.hand.rot[:, 1] * np.array([1.0, 1.0, 0.0]) if held(world, name) else mug.rot[:, 1]
    rot = homely(approach, side)
    if not held(world, name):
        return take(world, name, Pose(mug.pos + mug.rot @ HANDLE, rot))
    if world.holds(goal) and float((mug.pos - inside.pos) @ inward) > -0.06:
        return Move(world.hand.pos, world.hand.rot, OPEN)
    if world.grip < FIRM:
        return Move(world.hand.pos, world.hand.rot, CLOSE)
    low = inside.pos[2] - world.site_size(region)[2] + 0.022
    aim = inside.pos - 0.04 * inward - CAVITY * world.pose(world.parent(region)).rot[:, 0]
    shift = np.array([aim[0], aim[1], low]) - mug.pos
    return funnel(world, Pose(world.hand.pos + shift, rot), CLOSE, tolerance=0.008, reach=0.17, slope=6.0,
                  without=(name, world.parent(region)), axis=inward)
