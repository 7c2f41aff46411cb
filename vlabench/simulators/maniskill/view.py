"""What the third-person camera shows of a world: robot and things, and a table's picture where neither is."""

from __future__ import annotations

from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.drawing.camera import Camera, light, mounted
from vlabench.simulators.maniskill.packs import Pack
from vlabench.simulators.maniskill.world import World
from vlabench.types import Image


class View:
    """The camera and the lights of one world that is drawn, and the picture behind its things.

    The robot has to stand where it does in the episode: the camera is mounted on its base.
    """

    def __init__(self, world: World, pack: Pack, size: int) -> None:
        self.lights = light(world.scene)
        self.camera = Camera(world.scene, size, mounted(world.robot.body.pose))
        self.table = screen.background(pack.table(world.start.table), self.camera.size)
        self.kept = frozenset(entity.per_scene_id for entity in (*(link.entity for link in world.robot.links.values()),
                                                                 *world.bodies))

    def picture(self) -> Image:
        """uint8 [size, size, 3]."""
        colors, ids = self.camera.shoot()
        return screen.green_screen(colors, ids, self.kept, self.table)
