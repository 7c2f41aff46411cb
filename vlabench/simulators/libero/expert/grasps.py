"""Where to take hold of an object: candidates from its kind and pose, ranked by clearance and by how near they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vlabench.simulators.libero.boxes import Boxes, Pose
from vlabench.simulators.libero.expert.geometry import DOWN, HOME, about_z, angle, frame, level, unit
from vlabench.simulators.libero.world import World
from vlabench.types import Floats

WIDEST = 0.074
"""An object wider than this (m) does not fit between fingers that open to 0.08 m."""
ROOMY = 0.067
"""An object of this width (m) leaves 6.5 mm on either side, about as near as the hand comes to where it is to be."""
TIP = 0.009
"""How far the fingertips reach beyond the grip site (m)."""


@dataclass(frozen=True)
class Rim:
    """A round wall to straddle from above: its circle in the body frame, and angles (rad) kept free of it (handles)."""

    radius: float
    centre: tuple[float, float] = (0.0, 0.0)
    depth: float = 0.022
    handle: float | None = None

    def scaled(self, scale: float) -> Rim:
        """Of a thing so many times as large; the fingers reach no deeper."""
        return replace(self, radius=scale * self.radius, centre=(scale * self.centre[0], scale * self.centre[1]),
                       depth=self.depth * min(scale, 1.0))


@dataclass(frozen=True)
class Point:
    """A part to pinch: position and opening axis in the body frame."""

    at: tuple[float, float, float]
    opening: tuple[float, float, float]

    def scaled(self, scale: float) -> Point:
        """Of a thing so many times as large."""
        x, y, z = self.at
        return replace(self, at=(scale * x, scale * y, scale * z))


SHAPES: dict[str, Rim | Point] = {
    "akita_black_bowl": Rim(radius=0.048),
    "plate": Rim(radius=0.064, depth=0.008),
    "porcelain_mug": Rim(radius=0.046, centre=(0.013, -0.001), handle=np.pi),
    "white_yellow_mug": Rim(radius=0.050, centre=(-0.018, 0.0), handle=0.0),
    "red_coffee_mug": Rim(radius=0.044, handle=None),
    "moka_pot": Point(at=(0.0, -0.001, 0.078), opening=(1.0, 0.0, 0.0)),
}
"""Kinds that are not simply pinched across their box; sizes (m) measured on the collision shapes."""


def candidates(world: World, name: str) -> list[Pose]:
    """All ways to take hold of an object as it lies now."""
    pose, shape = world.pose(name), _shape(world, name)
    upright = pose.rot[2, 2] > 0.85
    if isinstance(shape, Rim) and upright:
        return _rim(world, name, pose, shape)
    if isinstance(shape, Point) and upright:
        opening = pose.rot @ np.array(shape.opening)
        at = pose.pos + pose.rot @ np.array(shape.at)
        return [Pose(at, frame(DOWN, sign * opening)) for sign in (1.0, -1.0)]
    return _box(world, name, pose)


def _shape(world: World, name: str) -> Rim | Point | None:
    shape, scale = SHAPES.get(world.kind(name)), world.scales.get(name)
    return shape.scaled(scale) if shape and scale else shape


def fingers_fit(world: World, name: str, factor: float) -> bool:
    """Whether an object as it lies now, so many times as large, leaves fingers that go around it some room."""
    if world.kind(name) in SHAPES:
        return True
    upward = int(np.argmax(np.abs(world.pose(name).rot[2])))
    return bool(factor * np.delete(world.box(name).size, upward).min() < ROOMY)


def _rim(world: World, name: str, pose: Pose, shape: Rim) -> list[Pose]:
    top = world.box(name).high[2]
    centre = pose.pos + pose.rot @ np.array([*shape.centre, top - shape.depth])
    found = []
    for theta in np.arange(24) * np.pi / 12:
        if shape.handle is not None and abs((theta - shape.handle + np.pi) % (2 * np.pi) - np.pi) < 0.7:
            continue
        outward = unit((pose.rot @ np.array([np.cos(theta), np.sin(theta), 0.0])) * np.array([1.0, 1.0, 0.0]))
        for sign in (1.0, -1.0):
            found.append(Pose(centre + shape.radius * outward, frame(DOWN, sign * outward)))
    return found


def _box(world: World, name: str, pose: Pose) -> list[Pose]:
    """Across the horizontal sides of the box that fit between the fingers, near its top."""
    box, extent = world.box(name), world.extent(name)
    upward = int(np.argmax(np.abs(pose.rot[2])))
    height = float(extent.size[2])
    grip_z = max(extent.high[2] - min(0.035, 0.55 * height), extent.low[2] + TIP + 0.002)
    centre = pose.pos + pose.rot @ box.centre
    axis = pose.rot[:, upward] * np.sign(pose.rot[2, upward])
    at = centre + axis * ((grip_z - centre[2]) / max(axis[2], 0.5))
    sides = [i for i in range(3) if i != upward]
    fitting = [i for i in sides if box.size[i] < WIDEST] or [min(sides, key=lambda i: box.size[i])]
    found = []
    for i in fitting:
        length = 3 - upward - i
        slack = max(float(box.size[length]) / 2 - 0.018, 0.0)
        for shift in ((0.0, 0.6 * slack, -0.6 * slack) if slack > 0.01 else (0.0,)):
            middle = at + shift * pose.rot[:, length]
            found += [Pose(middle, frame(DOWN, sign * pose.rot[:, i])) for sign in (1.0, -1.0)]
    return found


FINGERS = np.array([(0.0, along, up) for along in (-0.062, -0.048, -0.034, -0.02, 0.02, 0.034, 0.048, 0.062)
                    for up in (-0.004, 0.02)])
"""Points [n, 3] (side, along the opening axis, up; m from the grip site) where open fingers are."""
PALM = np.array([(side, along, up) for side in (-0.03, 0.03) for along in (-0.1, -0.067, -0.033, 0.0, 0.033, 0.067, 0.1)
                 for up in (0.04, 0.065, 0.09, 0.115, 0.15, 0.19)])
"""Points of the palm and of the wrist above it."""


def crowding(world: World, hand: Pose, boxes: Boxes, fingers: bool = True) -> float:
    """How much a hand at a pose would stand in other things: 0 where it is free, above 2 for each point inside one."""
    opening, up, side = hand.rot[:, 1], -hand.rot[:, 2], hand.rot[:, 0]
    local = np.concatenate([PALM, FINGERS]) if fingers else PALM
    points = hand.pos + local @ np.stack([side, opening, up])
    return float(np.maximum(0.012 - boxes.distance(points), 0.0).sum()) * 200


def stretch(world: World, point: Floats) -> float:
    """Cost of a point near the end of the arm's reach, where it straightens and does not come back by itself."""
    return 10.0 * max(float(np.linalg.norm((point - world.base)[:2])) - 0.70, 0.0)


def choose(world: World, name: str, towards: Floats | None = None) -> Pose:
    """The best candidate now: fingers and palm free of other things, little turning, near the hand.

    `towards` is where the object's origin will go: the hand must have room there too. Being near the hand makes the
    choice stick.
    """
    obj = world.pose(name)
    here = world.obstacles(without=(name,)).near(obj.pos, 0.3)
    there = None if towards is None else world.obstacles(without=(name,)).near(towards, 0.3)
    ranked = sorted(((_effort(world, option), i, option) for i, option in enumerate(candidates(world, name))))
    best, best_cost = ranked[0][2], np.inf
    for cost, _, option in ranked:
        if cost >= best_cost:
            break
        cost += crowding(world, option, here)
        if towards is not None and there is not None and cost < best_cost:
            target = Pose(option.pos - obj.pos + towards, option.rot)
            cost += crowding(world, target, there, fingers=False) + 2.0 * stretch(world, target.pos)
        if cost < best_cost:
            best, best_cost = option, cost
    return best


def _effort(world: World, option: Pose) -> float:
    """The cost of getting to a grasp: turning away from the start pose and from now, distance, reach."""
    hand, yaw = world.hand, angle(option.rot, HOME)
    far = float(np.linalg.norm(option.pos[:2] - hand.pos[:2]))
    turning = 0.3 * yaw + 0.15 * angle(option.rot, hand.rot) + (10.0 if yaw > 1.75 else 0.0)
    return turning + 1.5 * far + stretch(world, option.pos)


def turned_to_fit(world: World, name: str, goal: Floats) -> Floats:
    """The hand rotation to carry an object to `goal` with: turned about the vertical if the hand has no room there."""
    hand, obj = world.hand, world.pose(name)
    boxes = world.obstacles(without=(name,)).near(goal, 0.3)
    down = level(hand.rot)
    best, best_cost = down, np.inf
    for theta in np.deg2rad([0.0, 30.0, -30.0, 60.0, -60.0, 90.0, -90.0, 135.0, -135.0, 180.0]):
        rot = about_z(theta) @ down
        yaw = angle(rot, HOME)
        cost = 0.5 * abs(theta) + (10.0 if yaw > 1.9 else 0.0)
        if cost < best_cost:
            cost += crowding(world, Pose(goal + about_z(theta) @ (hand.pos - obj.pos), rot), boxes, fingers=False)
        if cost < best_cost:
            best, best_cost = rot, cost
    return best
