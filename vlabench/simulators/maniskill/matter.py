"""What things and the robot are made of where it is not as published: factors, and how a world gets them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.robot import Robot


@dataclass(frozen=True)
class Matter:
    """Factors of all friction, of the mass of things and of the force of the fingers; what is added to each joint of
    the arm (N·m·s/rad).
    """

    friction: float = 1.0
    mass: float = 1.0
    grip: float = 1.0
    damping: float = 0.0

    def give(self, robot: Robot, things: Iterable[Any], ground: Any) -> None:
        """To a world that has none of it yet. things: rigid bodies; ground: a static one. What is 1, or 0, is left as
        it is, to the last bit.
        """
        things = list(things)
        if self.friction != 1:
            for body in (ground, *things, *robot.links.values()):
                for shape in body.collision_shapes:  # robots share theirs, so each shape gets one of its own
                    old = shape.physical_material
                    shape.set_physical_material(engine().physx.PhysxMaterial(
                        old.static_friction * self.friction, old.dynamic_friction * self.friction, old.restitution))
        if self.mass != 1:
            for body in things:
                body.set_mass(body.mass * self.mass)
                body.set_inertia(body.inertia * self.mass)
        robot.stiffen(self.grip, self.damping)
