"""Both packs side by side: the hand's place, and every thing's box, mass and rest; `python -m` this prints the tables.

    VLABENCH_ASSETS=FOLDER python -m tests.simulators.maniskill.packs_compared
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vlabench.simulators.maniskill import catalogue, packs, world
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.robot import Robot
from vlabench.simulators.maniskill.starts import Body, Start
from vlabench.types import Floats

POSTURES = 200
SPOT, BESIDE = (-0.16, 0.0), (-0.16, 0.15)
HEIGHT = 0.95
"""Everything falls from there (m), as in episodes; the object in the middle, the receptacle beside it."""


def hands() -> float:
    """The largest distance (mm) between the hands of both robots, in random postures within the joints' limits."""
    robots = [robot(name) for name in packs.PACKS]
    low, high = robots[0].body.get_qlimits().T
    rng = np.random.default_rng(0)
    return max(float(np.linalg.norm(np.subtract(*[at(each, posture) for each in robots])))
               for posture in rng.uniform(low, high, (POSTURES, len(low)))) * 1000


def robot(pack: str) -> Robot:
    scene, _ = world._scene(drawn=False)
    return Robot(scene, packs.pack(pack).robot, drawn=False)


def at(robot: Robot, posture: Floats) -> Floats:
    robot.stand(posture.tolist())
    return np.array(robot.hand.p)


def settled(pack: str, sort: str, number: int) -> tuple[Floats, float, Floats]:
    """Edges of the box of what collides (mm), mass (g), and the pose (m; quaternion) in which the thing rests."""
    other = Body("receptacle" if sort == "object" else "object", 0, BESIDE, HEIGHT)
    thing = Body(sort, number, SPOT, HEIGHT)
    start = Start(thing, other, (), 0) if sort == "object" else Start(other, thing, (), 0)
    made = world.World(start, packs.pack(pack), drawn=False)
    entity = made.bodies[0 if sort == "object" else 1]
    body = world.dynamics(entity)
    made.settle()
    low, high = extent(body)
    return (high - low) * 1000, body.mass * 1000, np.concatenate([entity.pose.p, entity.pose.q])


def extent(body: Any) -> tuple[Floats, Floats]:
    """The lowest and the highest corner [3] (m) of the box around what collides, in the body's frame, as the engine
    says it: nothing here knows how the body was made."""
    physx, low, high = engine().physx, [], []
    for shape in body.collision_shapes:
        matrix = shape.local_pose.to_transformation_matrix().astype(np.float64)
        turn, at, axis = matrix[:3, :3], matrix[:3, 3], matrix[:3, 0]
        if isinstance(shape, physx.PhysxCollisionShapeConvexMesh):
            points = (shape.vertices * shape.scale) @ turn.T
            low.append(at + points.min(axis=0))
            high.append(at + points.max(axis=0))
            continue
        if isinstance(shape, physx.PhysxCollisionShapeBox):
            half = np.abs(turn) @ shape.half_size
        elif isinstance(shape, physx.PhysxCollisionShapeSphere):
            half = np.full(3, shape.radius)
        elif isinstance(shape, physx.PhysxCollisionShapeCapsule):
            half = np.abs(axis) * shape.half_length + shape.radius
        else:
            assert isinstance(shape, physx.PhysxCollisionShapeCylinder)
            half = np.abs(axis) * shape.half_length + shape.radius * np.sqrt(np.maximum(1 - axis ** 2, 0))
        low.append(at - half)
        high.append(at + half)
    return np.min(low, axis=0), np.max(high, axis=0)


def rows() -> Iterator[str]:
    """Markdown, a thing each."""
    for sort, things in (("object", catalogue.OBJECTS), ("receptacle", catalogue.RECEPTACLES)):
        for number, thing in enumerate(things):
            (box, mass, pose), (box_2, mass_2, pose_2) = (settled(pack, sort, number) for pack in packs.PACKS)
            moved = [1000 * float(np.linalg.norm(each[:2] - SPOT)) for each in (pose, pose_2)]
            tilt = [tilted(each[3:]) for each in (pose, pose_2)]
            yield (f"| {thing.name} | {' × '.join(f'{edge:.0f}' for edge in box)} | "
                   f"{' × '.join(f'{edge:.0f}' for edge in box_2)} | {mass:.1f} | {mass_2:.1f} | "
                   f"{1000 * (pose[2] - world.TABLE_TOP):.1f} | {1000 * (pose_2[2] - world.TABLE_TOP):.1f} | "
                   f"{moved[0]:.0f} | {moved[1]:.0f} | {tilt[0]:.0f} | {tilt[1]:.0f} |")


def tilted(turn: Floats) -> float:
    """Degrees between a body's z-axis and the world's."""
    _, x, y, _ = turn
    return float(np.degrees(np.arccos(np.clip(1 - 2 * (x * x + y * y), -1, 1))))


if __name__ == "__main__":
    print(f"The hands of both robots, {POSTURES} random postures: at most {hands():.4f} mm apart.\n")
    print("| thing | box, primitive, mm | official | mass, g | official | rest, mm | official | moved, mm | official | "
          "tilt, ° | official |\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    print("\n".join(rows()))
