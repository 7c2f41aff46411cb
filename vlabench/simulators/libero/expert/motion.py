"""From a wish (hand pose, gripper) to the 7-D action, and the funnels that lead the hand to a grasp or a placement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlabench.simulators.libero.boxes import Box, Pose
from vlabench.simulators.libero.expert.geometry import UP, angle, rotation_vector, unit
from vlabench.simulators.libero.world import World
from vlabench.types import Floats

OPEN, CLOSE = -1.0, 1.0
FINGERS = np.array([(0.0, along, -back) for along in (-0.048, -0.025, 0.0, 0.025, 0.048)
                    for back in (-0.005, 0.02, 0.045)])
"""Points [n, 3] in the hand's frame that lie on or between open fingers."""
POSITION_RANGE, ROTATION_RANGE = 0.05, 0.5
"""What an action of 1 means in robosuite's OSC_POSE: metres and radians per step."""
GAIN = 2.0
"""Share of the remaining error commanded per step; the controller covers about an eighth of it before the next."""

FRICTION = 0.012
"""Added to any error (m): the joints' dry friction swallows commands smaller than this."""


@dataclass(frozen=True)
class Move:
    """Where the hand should be, and what the gripper should do."""

    pos: Floats
    rot: Floats
    grip: float
    gain: float = GAIN


def action(world: World, move: Move) -> Floats:
    """The action [7] in [−1, 1] that leads to a move; the direction is kept when the length is clipped."""
    hand = world.hand
    error = move.pos - hand.pos
    size = float(np.linalg.norm(error))
    push = FRICTION * min(size / 0.003, 1.0) / max(size, 1e-9)
    translation = (move.gain + push) * error / POSITION_RANGE
    turn = 1.2 * rotation_vector(move.rot, hand.rot) / ROTATION_RANGE
    translation /= max(1.0, float(np.abs(translation).max()))
    turn /= max(1.0, float(np.abs(turn).max()))
    return np.concatenate([translation, turn, [move.grip]])


@dataclass(frozen=True)
class Approach:
    """How far a hand is from a pose, split along and across the pose's direction of approach."""

    along: float
    across: Floats
    angle: float

    @property
    def off(self) -> float:
        """Distance across (m)."""
        return float(np.linalg.norm(self.across))


def remaining(hand: Pose, goal: Pose, axis: Floats | None = None) -> Approach:
    """What is left from a hand to a goal pose, along the pose's own approach axis or another."""
    error = goal.pos - hand.pos
    axis = goal.rot[:, 2] if axis is None else axis
    along = float(error @ axis)
    return Approach(along, error - along * axis, angle(goal.rot, hand.rot))


def funnel(world: World, goal: Pose, grip: float, *, tolerance: float = 0.005, reach: float = 0.11, slope: float = 2.5,
           without: tuple[str, ...] = (), keep_back: float = 0.0, axis: Floats | None = None) -> Move:
    """Towards a pose along its approach axis: the farther to the side, the farther back the hand stays.

    A hand that is too deep for its sideways error first backs out, so a misaligned descent fixes itself. Far away,
    the hand also stays above everything between here and there. `keep_back` (m) holds it short of the goal; `axis`
    replaces the hand's own approach axis, for putting something in from the front.
    """
    hand = world.hand
    putting, axis = axis is not None, goal.rot[:, 2] if axis is None else axis
    left = remaining(hand, goal, axis)
    if not putting and left.angle > 0.5 and (leaving := back_out(world)) is not None:
        return leaving
    back = float(np.clip((left.off - tolerance) * slope + max(left.angle - 0.1, 0.0) * 0.15, keep_back, reach))
    too_deep = back - left.along
    sideways = float(np.clip(1.0 - (too_deep - 0.015) / 0.02, 0.0, 1.0))
    waypoint = hand.pos + (left.along - back) * axis + sideways * left.across
    if left.off > 0.05:
        boxes, end = world.obstacles(without), goal.pos - reach * axis
        # the palm is wide, but must be allowed close to things where it is going
        top = 0.035 + max(boxes.top(hand.pos, hand.pos + 0.6 * (end - hand.pos), margin=0.08),
                          boxes.top(hand.pos, end, margin=0.045))
        if hand.pos[2] < top:
            if left.angle > 0.5 and not putting:  # turning down here would sweep the wrist through things
                return Move(np.array([*hand.pos[:2], top + 0.01]), hand.rot, grip)
            ready = float(np.clip(1.0 - (top - hand.pos[2] - 0.01) / 0.03, 0.0, 1.0))
            waypoint = np.array([*(hand.pos + ready * (waypoint - hand.pos))[:2], max(waypoint[2], top + 0.01)])
        else:
            waypoint[2] = max(waypoint[2], top)
    return Move(waypoint, goal.rot, grip)


def carry(world: World, name: str, goal: Floats, rotation: Floats) -> Move:
    """With an object in hand: bring its origin to `goal` from above.

    The hand's target is corrected by where the object really is in the hand. The object clears everything on its way.
    """
    hand, obj, extent = world.hand, world.pose(name), world.extent(name)
    offset = goal - obj.pos
    flat = float(np.linalg.norm(offset[:2]))
    half = float(np.max(extent.size[:2])) / 2
    top = world.obstacles((name,)).top(obj.pos, goal, margin=half + 0.012)
    cruise = float(np.clip((flat - 0.005) * 2.0, 0.0, 0.12))
    up = goal[2] - obj.pos[2] + cruise
    if flat > 0.02:
        up = max(up, top + 0.02 - float(extent.low[2]))
    ready = float(np.clip(1.0 - (up - 0.012) / 0.03, 0.0, 1.0))
    turned = float(np.clip(1.0 - (angle(rotation, hand.rot) - 0.25) / 0.3, 0.0, 1.0)) if flat < 0.08 else 1.0
    if flat > 0.05:
        offset = offset - 1.5 * overreach(world)
    aside = way_out(world, name, extent)
    if up > 0.01 and aside is not None:
        return Move(hand.pos + 0.04 * aside, hand.rot, CLOSE)
    waypoint = hand.pos + np.array([ready * offset[0], ready * offset[1], up if turned > 0.5 else max(up, 0.0)])
    return Move(waypoint, rotation, CLOSE, gain=GAIN if up < 0 or flat > 0.02 else 1.5)


def overreach(world: World) -> Floats:
    """How far (m, a flat vector) the hand is beyond where the arm begins to straighten."""
    out = (world.hand.pos - world.base) * np.array([1.0, 1.0, 0.0])
    return max(float(np.linalg.norm(out)) - 0.72, 0.0) * unit(out)


def way_out(world: World, name: str, extent: Box) -> Floats | None:
    """The flat direction out from under something that hangs over an object; None where it can be lifted freely."""
    boxes = world.obstacles((name,)).near(extent.centre, 0.25)
    ring = np.array([(np.cos(t), np.sin(t), 0.0) for t in np.arange(12) * np.pi / 6])
    rim = np.array([*extent.centre[:2], extent.high[2]]) + ring * (extent.size / 2 + 0.004)
    above = (rim[None] + np.array([0.02, 0.05, 0.08, 0.11, 0.14])[:, None, None] * UP).reshape(-1, 3)
    blocked = above[boxes.distance(above) < 0.008]
    if not len(blocked):
        return None
    away = (extent.centre - blocked.mean(axis=0)) * np.array([1.0, 1.0, 0.0])
    return unit(away)


def back_out(world: World) -> Move | None:
    """Where the hand points sideways into something (a handle, a microwave): straight back, before it may turn."""
    hand = world.hand
    if hand.rot[2, 2] < -0.85:
        return None
    boxes = world.obstacles().near(hand.pos, 0.3)
    if boxes.distance(hand.pos + FINGERS @ hand.rot.T).min() > 0.03:
        return None
    away = 0.0 if world.grip > 0.4 else 0.06
    return Move(hand.pos - away * hand.rot[:, 2], hand.rot, OPEN)
