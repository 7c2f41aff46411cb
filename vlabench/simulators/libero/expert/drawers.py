"""Drawers: finding the handle, pulling open, pushing shut, and keeping the space in front of them free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlabench.simulators.libero.boxes import Pose
from vlabench.simulators.libero.expert.geometry import DOWN, UP, homely
from vlabench.simulators.libero.expert.motion import CLOSE, OPEN, Move, funnel, remaining
from vlabench.simulators.libero.world import World
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


def free_spot(world: World, name: str, at: Drawer, table: float) -> Floats | None:
    """The nearest place on the table for an object that would stand in a drawer's way; None where it stands free.

    The places are a fixed grid, so that the nearest one stays the nearest while the object is carried to it. `table`
    is the height (m) of the table's top.
    """
    pose = world.pose(name)
    if beside(at, pose.pos) > ROOM - 0.015:
        return None
    height = table + pose.pos[2] - world.extent(name).low[2]
    bar = at.bar - at.opened * at.outward
    grid = [np.array([bar[0] + 0.03 * i, bar[1] + 0.03 * j, height]) for i in range(-9, 10) for j in range(-9, 10)]
    spots = [spot for spot in grid if beside(at, spot) > ROOM and float((spot - bar) @ at.outward) > 0]
    gaps = world.obstacles((name,)).distance(np.array(spots) + 0.03 * UP)
    roomy = [spot for spot, room in zip(spots, gaps, strict=True) if room > 0.07] or spots
    return min(roomy, key=lambda spot: float(np.linalg.norm((spot - pose.pos)[:2])))


def handle_pose(at: Drawer, tilt: float) -> Pose:
    """The hand on a handle, coming from the front and above; `tilt` 0 is straight down, π/2 level."""
    approach = -np.sin(tilt) * at.outward + np.cos(tilt) * DOWN
    opening = np.cos(tilt) * at.outward - np.sin(tilt) * UP
    return Pose(at.bar, homely(approach, opening))


def pull_open(world: World, region: str) -> Move:
    """Take the handle between the fingers and pull it outward."""
    at = drawer(world, region)
    pose = handle_pose(at, tilt=HANDLE_TILT)
    left = remaining(world.hand, pose)
    closing = world.grip > 0.1
    if left.off < (0.02 if closing else 0.008) and abs(left.along) < (0.03 if closing else 0.01) and left.angle < 0.25:
        pull = 0.08 if world.grip > 0.9 else 0.0
        return Move(pose.pos + pull * at.outward, pose.rot, CLOSE)
    return funnel(world, pose, OPEN, keep_back=0.06 if closing else 0.0)


def push_shut(world: World, region: str) -> Move:
    """Push a drawer's handle inward with the tips of closed fingers, below the handles above it."""
    at = drawer(world, region)
    approach = -np.sin(PUSH_TILT) * at.outward + np.cos(PUSH_TILT) * DOWN
    rot = homely(approach, at.along)
    rel = world.hand.pos - at.bar
    out, side, up = float(rel @ at.outward), float(rel @ at.along), float(rel[2])
    if 0.0 < out < 0.07 and abs(side) < 0.04 and abs(up) < 0.015:
        return Move(at.bar - 0.08 * at.outward, rot, CLOSE)
    return funnel(world, Pose(at.bar + 0.04 * at.outward, rot), CLOSE, tolerance=0.01)
