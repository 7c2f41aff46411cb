"""A human hand (`simulators._hand`) drawn into what robosuite's context shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from vlabench.simulators._hand import Shape


def draw(hand: tuple[Shape, ...], context: Any, size: int, segments: bool) -> None:
    """Draw once more what robosuite's context has just drawn, with a hand in it."""
    import mujoco

    scene = context.scn
    for each in hand:
        geom = scene.geoms[scene.ngeom]
        mujoco.mjv_initGeom(geom, getattr(mujoco.mjtGeom, f"mjGEOM_{each.kind.upper()}"), np.array(each.size),
                            each.place, each.turn.ravel(), np.array(each.rgba, dtype=np.float32))
        geom.segid, geom.objtype, geom.objid = scene.ngeom, int(mujoco.mjtObj.mjOBJ_UNKNOWN), -1
        scene.ngeom += 1
    for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
        scene.flags[flag] = segments
    mujoco.mjr_render(mujoco.MjrRect(0, 0, size, size), scene, context.con)
    for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
        scene.flags[flag] = 0
