"""How scenes of the primitive pack are drawn: the robot by collision shapes, as its own meshes cost most of a frame.

Policies trained on the pack need this drawing as much as its objects: with robosuite's, the bundled one fails.
"""

from __future__ import annotations

from typing import Any

REVISION = 1
"""Of the drawing, a part of the primitive pack's digest: raised when its pictures come to look otherwise."""
HIDDEN_GROUP = 4
"""A geom group that is never drawn."""
MOST_FACES = 700
"""Visual meshes with more triangles than this are replaced by their body's collision shapes."""
PREFIXES = ("robot0_", "gripper0_", "mount0_")
"""Of the bodies of arm, gripper and stand."""


def draw_cheaply(model: Any) -> None:
    """How scenes of the primitive pack are drawn: no multisampling, and a robot of few shapes. Changes no physics."""
    model.vis.quality.offsamples = 0
    draw_coarse_robot(model)


def draw_coarse_robot(model: Any) -> None:
    """Hide the robot's detailed meshes and show the collision shapes of the same bodies instead. Changes no physics.

    A body's shapes take the look of the largest mesh that they stand for: the white arm stays white, the stand black.
    """
    import mujoco

    largest: dict[int, int] = {}  # body → its hidden mesh with the most triangles
    for geom in _robot_geoms(model, group=1):
        mesh = model.geom_dataid[geom] if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH else -1
        if mesh >= 0 and model.mesh_facenum[mesh] > MOST_FACES:
            model.geom_group[geom] = HIDDEN_GROUP
            body = int(model.geom_bodyid[geom])
            rival = largest.get(body, geom)
            largest[body] = geom if model.mesh_facenum[mesh] > model.mesh_facenum[model.geom_dataid[rival]] else rival
    for geom in _robot_geoms(model, group=0):
        stands_for = largest.get(int(model.geom_bodyid[geom]))
        if stands_for is not None:
            model.geom_group[geom] = 1
            model.geom_rgba[geom] = model.geom_rgba[stands_for]
            model.geom_matid[geom] = model.geom_matid[stands_for]


def _robot_geoms(model: Any, group: int) -> list[int]:
    """robosuite draws group 1 and collides with group 0."""
    return [geom for geom in range(model.ngeom)
            if model.geom_group[geom] == group and model.body(model.geom_bodyid[geom]).name.startswith(PREFIXES)]
