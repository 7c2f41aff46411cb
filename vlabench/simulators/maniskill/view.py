"""What the camera shows of a world: robot and things in front of a table's picture."""

from __future__ import annotations

from vlabench.simulators.maniskill.packs import Pack
from vlabench.simulators.maniskill.world import World
from vlabench.types import Image


class View:
    """The third-person camera of one world."""

    def __init__(self, world: World, pack: Pack, size: int) -> None:
        self.world, self.pack, self.size = world, pack, size

    def picture(self) -> Image:
        """uint8 [size, size, 3]."""
        raise NotImplementedError
