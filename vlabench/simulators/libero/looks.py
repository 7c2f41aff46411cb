"""How the robot is drawn with the primitive pack: by its coarse collision hulls, as its own meshes cost most of a frame."""

from __future__ import annotations

from typing import Any

HIDDEN_GROUP = 4
"""A geom group that is never drawn."""
MOST_FACES = 700
"""Visual meshes with more triangles than this are replaced by the hulls of the collision meshes."""
COLOURS = {"gripper0": (0.35, 0.35, 0.37, 1.0), "robot0": (0.93, 0.93, 0.91, 1.0), "mount0": (0.3, 0.3, 0.32, 1.0)}


def draw_coarse_robot(model: Any) -> None:
    """Move the robot's detailed meshes out of sight and its collision shapes into view. Changes no physics."""
    import mujoco

    for geom in range(model.ngeom):
        prefix = model.body(model.geom_bodyid[geom]).name.split("_")[0]
        if prefix not in COLOURS:
            continue
        mesh = model.geom_dataid[geom] if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH else -1
        if model.geom_group[geom] == 1 and mesh >= 0 and model.mesh_facenum[mesh] > MOST_FACES:
            model.geom_group[geom] = HIDDEN_GROUP
        elif model.geom_group[geom] == 0:
            model.geom_group[geom] = 1
            model.geom_rgba[geom] = COLOURS[prefix]
            model.geom_matid[geom] = -1
