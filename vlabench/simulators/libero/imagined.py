"""How the present moment of a scene would look otherwise: drawn from a copy of MuJoCo's data with things elsewhere.

Only where geoms and sites are drawn is changed, and only in the copy: no physics is computed of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.simulators.capabilities import Masks, Pictures, Spot
from vlabench.simulators.libero import mjdata
from vlabench.simulators.libero.world import World
from vlabench.types import Image

Geoms = npt.NDArray[np.int32]
AWAY = (0.0, 0.0, -1000.0)
"""Where nothing is seen (m)."""


class Imagined:
    """Of a scene with these cameras. sensed: MuJoCo's data as cameras read them. draw: camera, data → its picture.
    geoms: camera → of each pixel [H, W] the geom that it shows, −1 for none.
    """

    def __init__(self, world: World, cameras: Sequence[str], sensed: Any, draw: Callable[[str, Any], Image],
                 geoms: Callable[[str], Geoms]) -> None:
        import mujoco

        self._world, self._cameras, self._sensed = world, cameras, sensed
        self._draw, self._geoms = draw, geoms
        self._data = mujoco.MjData(world.model)

    def masks(self, others: bool) -> Masks:
        """Where robot or what the goal names is seen; with `others`, where anything but the room and its table is."""
        kept = ~self._world.owned("") if others else self._world.owned("robot", *self._named())
        seen = {camera: self._geoms(camera) for camera in self._cameras}
        return {camera: (geoms >= 0) & kept[geoms] for camera, geoms in seen.items()}

    def empty(self) -> Pictures:
        """The room and its table."""
        self._copy()
        self._data.geom_xpos[~self._world.owned("")] = AWAY
        self._data.site_xpos[:] = AWAY
        return self._pictures()

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        """The first object that the first part of the goal names which does not hold yet, about its own middle."""
        self._copy()
        target, angle = self._target(), math.radians(turn)
        turned = np.array([[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0],
                           [0.0, 0.0, 1.0]])
        middle, moved = self._data.xpos[self._world.env.obj_body_id[target]].copy(), np.array([*by, 0.0])
        geoms = self._world.owned(target)
        bodies = np.unique(self._world.model.geom_bodyid[geoms])
        sites = np.isin(self._world.model.site_bodyid, bodies)
        for rows, places, turns in ((geoms, self._data.geom_xpos, self._data.geom_xmat),
                                    (sites, self._data.site_xpos, self._data.site_xmat)):
            places[rows] = middle + (places[rows] - middle) @ turned.T + moved
            turns[rows] = (turned @ turns[rows].reshape(-1, 3, 3)).reshape(-1, 9)
        return self._pictures()

    def _copy(self) -> None:
        mjdata.copier()(self._data, self._world.model, self._sensed)

    def _pictures(self) -> Mapping[str, Image]:
        return {camera: self._draw(camera, self._data) for camera in self._cameras}

    def _named(self) -> list[str]:
        return [self._world.parent(name) for _, *names in self._world.goals for name in names]

    def _target(self) -> str:
        goals = self._world.goals
        _, name, *_ = next((goal for goal in goals if not self._world.holds(goal)), goals[0])
        return self._world.parent(name)
