"""How the present moment of a scene would look otherwise: drawn from a copy of MuJoCo's data with things elsewhere.

Only where geoms and sites are drawn is changed, and only in the copy: no physics is computed of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.simulators._values import Masks, Pictures, Spot
from vlabench.simulators.libero import mjdata
from vlabench.simulators.libero.world import World
from vlabench.types import Image

Bodies = npt.NDArray[np.int32]
AWAY = (0.0, 0.0, -1000.0)
"""Where nothing is seen (m)."""


class Imagined:
    """Of a scene with these cameras. sensed: MuJoCo's data as cameras read them. draw: camera, data → its picture.
    bodies: camera → of each pixel [H, W] the body that it shows, −1 for none.
    """

    def __init__(self, world: World, cameras: Sequence[str], sensed: Any, draw: Callable[[str, Any], Image],
                 bodies: Callable[[str], Bodies]) -> None:
        import mujoco

        self._world, self._cameras, self._sensed = world, cameras, sensed
        self._draw, self._bodies = draw, bodies
        self._data = mujoco.MjData(world.model)

    def masks(self, others: bool) -> Masks:
        """Where robot or what the goal names is seen; with `others`, where anything but the room and its table is."""
        kept = ~self._world.bodies("") if others else self._world.bodies("robot", *self._named())
        seen = {camera: self._bodies(camera) for camera in self._cameras}
        return {camera: (bodies >= 0) & kept[bodies] for camera, bodies in seen.items()}

    def empty(self) -> Pictures:
        """The room and its table."""
        self._copy()
        things = ~self._world.bodies("")
        self._data.geom_xpos[things[self._world.model.geom_bodyid]] = AWAY
        self._data.site_xpos[things[self._world.model.site_bodyid]] = AWAY
        return self._pictures()

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        """The first object that the first part of the goal names which does not hold yet, about its own middle."""
        self._copy()
        target, angle = self._target(), math.radians(turn)
        turned = np.array([[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0],
                           [0.0, 0.0, 1.0]])
        middle, moved = self._data.xpos[self._world.env.obj_body_id[target]].copy(), np.array([*by, 0.0])
        bodies = self._world.bodies(target)
        for owner, places, turns in ((self._world.model.geom_bodyid, self._data.geom_xpos, self._data.geom_xmat),
                                     (self._world.model.site_bodyid, self._data.site_xpos, self._data.site_xmat)):
            rows = bodies[owner]
            places[rows] = middle + (places[rows] - middle) @ turned.T + moved
            turns[rows] = (turned @ turns[rows].reshape(-1, 3, 3)).reshape(-1, 9)
        return self._pictures()

    def _copy(self) -> None:
        mjdata.copier()(self._data, self._world.model, self._sensed)

    def _pictures(self) -> Mapping[str, Image]:
        return {camera: self._draw(camera, self._data) for camera in self._cameras}

    def _named(self) -> list[str]:
        """Not the room, whose regions may be a goal, too."""
        return [own for _, *names in self._world.goals for name in names if (own := self._world.parent(name))]

    def _target(self) -> str:
        goals = self._world.goals
        _, name, *_ = next((goal for goal in goals if not self._world.holds(goal)), goals[0])
        return self._world.parent(name)
