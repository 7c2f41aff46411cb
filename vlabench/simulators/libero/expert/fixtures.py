"""Drawers, doors, knobs and pushing: the parts of the expert that move things which are not picked up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlabench.simulators.libero.expert.geometry import DOWN, UP, about_z, frame, unit
from vlabench.simulators.libero.expert.grasps import HOME, choose
from vlabench.simulators.libero.expert.motion import CLOSE, OPEN, Move, funnel, remaining
from vlabench.simulators.libero.expert.place import FIRM, held, level, take
from vlabench.simulators.libero.world import Goal, Pose, World
from vlabench.types import Floats

WIDE_OPEN = 0.118
"""A drawer is pulled this far (m) to put something in: farther, and it hangs over what stands in front of it."""
OPEN_ENOUGH = 0.09
"""A drawer this far open (m) takes a bowl."""

HANDLE_TILT = np.deg2rad(70.0)
"""From straight down (rad): steep enough for both fingers to pass the bar, one above and one below it."""
PUSH_TILT = np.deg2rad(45.0)
"""From straight down (rad): the palm stays behind the fingertips, clear of the handles above."""


@dataclass(frozen=True)
class Drawer:
    """A drawer now: how far it is open (m), which way it opens (unit vector), its handle's bar, the bar's direction."""

    opened: float
    outward: Floats
    bar: Floats
    along: Floats


def drawer(world: World, region: str) -> Drawer:
    """The drawer behind a region, its handle found as what sticks out farthest."""
    (joint,) = world.joints_of(region)
    position, _, axis = world.joint(joint)
    outward = -axis
    boxes = world.geom_boxes(world.geoms_moved_by(joint))
    halves = np.einsum("nij,nj->ni", np.abs(boxes.rotations), boxes.halves)
    reach = boxes.centres @ outward + halves @ np.abs(outward)
    bar = boxes.centres[int(np.argmax(reach))]
    return Drawer(-position, outward, bar, np.cross(UP, outward))


def gap(at: Drawer, region: Pose, covered: bool) -> Floats:
    """Where to put something into a drawer: between its front and the cabinet's, or the handles above (`covered`)."""
    middle = at.bar - 0.5 * (at.opened + (0.02 if covered else 0.047)) * at.outward
    return np.array([middle[0], middle[1], region.pos[2]])


SWEEP_HALF = 0.11
"""Half the width (m) of the space that a drawer moves through."""
ROOM = 0.09
"""An object's middle must be this far (m) from that space to be taken from beside the open drawer."""


def beside(at: Drawer, point: Floats) -> float:
    """Flat distance (m) from a point to the space that the drawer takes when it is open."""
    rel = point - (at.bar - at.opened * at.outward)
    ahead = max(float(rel @ at.outward) - WIDE_OPEN - 0.01, 0.0)
    side = max(abs(float(rel @ at.along)) - SWEEP_HALF, 0.0)
    return float(np.hypot(ahead, side))


def free_spot(world: World, name: str, at: Drawer) -> Floats | None:
    """The nearest place on the table for an object that would stand in a drawer's way; None where it stands free."""
    pose = world.pose(name)
    if beside(at, pose.pos) > ROOM - 0.015:
        return None
    table = world.extent(name).low[2] if world.supported(name) else 0.9
    steps = np.arange(-6, 7) * 0.03
    spots = [np.array([at.bar[0] + x, at.bar[1] + y, table + pose.pos[2] - world.extent(name).low[2]])
             for x in steps - 0.1 for y in steps + 0.1]
    spots = [spot for spot in spots if beside(at, spot) > ROOM]
    gaps = world.obstacles((name,)).distance(np.array(spots) + 0.03 * UP)
    roomy = [spot for spot, room in zip(spots, gaps, strict=True) if room > 0.07] or spots
    return min(roomy, key=lambda spot: float(np.linalg.norm((spot - pose.pos)[:2])))


def handle_pose(at: Drawer, tilt: float) -> Pose:
    """The hand on a handle, coming from the front and above; `tilt` 0 is straight down, π/2 level."""
    approach = -np.sin(tilt) * at.outward + np.cos(tilt) * DOWN
    opening = np.cos(tilt) * at.outward - np.sin(tilt) * UP
    options = [frame(approach, sign * opening) for sign in (1.0, -1.0)]
    return Pose(at.bar, max(options, key=lambda rot: float(np.trace(rot @ HOME.T))))


def pull_open(world: World, region: str) -> Move:
    """Take the handle between the fingers and pull it outward."""
    at = drawer(world, region)
    pose = handle_pose(at, tilt=HANDLE_TILT)
    left = remaining(world.hand, pose)
    closing = world.grip > 0.1
    if left.off < (0.02 if closing else 0.008) and abs(left.along) < (0.03 if closing else 0.01) and left.angle < 0.25:
        pull = 0.08 * at.outward if world.grip > 0.9 else 0.0 * at.outward
        return Move(pose.pos + pull, pose.rot, CLOSE)
    return funnel(world, pose, OPEN, keep_back=0.06 if closing else 0.0)


def push_shut(world: World, region: str) -> Move:
    """Push a drawer's handle inward with the tips of closed fingers, below the handles above it."""
    at = drawer(world, region)
    approach = -np.sin(PUSH_TILT) * at.outward + np.cos(PUSH_TILT) * DOWN
    rot = max((frame(approach, sign * at.along) for sign in (1.0, -1.0)), key=lambda r: float(np.trace(r @ HOME.T)))
    gap = world.hand.pos - at.bar
    out, side, up = float(gap @ at.outward), float(gap @ at.along), float(gap[2])
    if 0.0 < out < 0.07 and abs(side) < 0.04 and abs(up) < 0.015:
        return Move(at.bar - 0.08 * at.outward, rot, CLOSE)
    return funnel(world, Pose(at.bar + 0.04 * at.outward, rot), CLOSE, tolerance=0.01)


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
    """Push a hinged door shut from outside, near its free edge, with closed fingers."""
    (joint,) = world.joints_of(door)
    position, hinge, axis = world.joint(joint)
    boxes = world.geom_boxes(world.geoms_moved_by(joint))
    centre = boxes.centres.mean(axis=0)
    along = unit((centre - hinge.pos) * np.array([1.0, 1.0, 0.0]))
    closing = np.cross(axis * np.sign(axis[2]), along)
    reach = float(np.max((boxes.centres - hinge.pos) @ along))
    gap = world.hand.pos - hinge.pos
    at, off, up = float(gap @ along), float(gap @ closing), float(world.hand.pos[2] - centre[2])
    radius = 0.85 * reach
    if -0.09 < off < 0.0 and abs(at - radius) < 0.07 and abs(up) < 0.06:
        return Move(hinge.pos + radius * along + 0.06 * closing + (centre[2] - hinge.pos[2]) * UP, HOME, CLOSE)
    goal = hinge.pos + radius * along - 0.07 * closing + (centre[2] - hinge.pos[2]) * UP
    return funnel(world, Pose(goal, HOME), CLOSE, tolerance=0.02)


HANDLE = np.array([0.064, 0.0, 0.047])
"""The middle of the yellow and white mug's handle in its body frame (m); it sticks out along x."""
INSERT_TILT = np.deg2rad(50.0)
"""From straight down (rad): the hand stays outside while the mug goes in."""

CAVITY = 0.04
"""How far (m) the middle of the microwave's cavity lies to the hinge's side of the middle of its region."""


def into_microwave(world: World, goal: Goal) -> Move:
    """Take a mug by its handle, from the front and above, and put it in level from the front."""
    _, name, region = goal
    mug, inside = world.pose(name), world.pose(region)
    inward = world.pose(world.parent(region)).rot[:, 1]
    approach = np.sin(INSERT_TILT) * inward + np.cos(INSERT_TILT) * DOWN
    side = world.hand.rot[:, 1] * np.array([1.0, 1.0, 0.0]) if held(world, name) else mug.rot[:, 1]
    rot = max((frame(approach, sign * side) for sign in (1.0, -1.0)), key=lambda r: float(np.trace(r @ HOME.T)))
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
