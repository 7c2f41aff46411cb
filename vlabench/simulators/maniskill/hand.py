"""A human hand (`simulators._hand`) in a world's pictures: bodies that are drawn and that no physics knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from vlabench.simulators._hand import Shape, shapes
from vlabench.simulators._values import Reach
from vlabench.simulators.maniskill.drawing.camera import FOCAL, HEIGHT, WIDTH, Camera
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.paint import as_light
from vlabench.simulators.maniskill.world import TABLE_TOP

GLOSS = (0.3, 0.6)
"""Specular and roughness, as of generated things."""
ALONG = Rotation.from_euler("y", -90, degrees=True)
"""sapien's capsules lie along x, a hand's along z."""
AXES = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Right, up and back, as columns, in the frame of a camera that looks along x, y to its left."""


class Hand:
    """Of one `sapien.Scene`; it is put there when it is first shown."""

    def __init__(self, scene: Any) -> None:
        self._scene, self._parts = scene, list[Any]()
        self.shown: frozenset[int] = frozenset()
        """The `per_scene_id` of its parts while it is seen."""

    def reach(self, reach: Reach | None, camera: Camera) -> None:
        """Into a camera's picture, or nowhere."""
        asked = () if reach is None else _before(camera, reach)
        if asked and not self._parts:
            self._parts = [_part(self._scene, shape) for shape in asked]
        for entity, shape in zip(self._parts, asked, strict=False):
            turn = Rotation.from_matrix(shape.turn) * (ALONG if shape.kind == "capsule" else Rotation.identity())
            entity.set_pose(engine().Pose(shape.place, np.roll(turn.as_quat(), 1)))
        for entity in self._parts:
            _looks(entity).visibility = float(bool(asked))
        self.shown = frozenset(entity.per_scene_id for entity in self._parts if asked)


def _before(camera: Camera, reach: Reach) -> Sequence[Shape]:
    place = np.asarray(camera.pose.p, dtype=np.float64)
    turn = camera.pose.to_transformation_matrix()[:3, :3].astype(np.float64) @ AXES
    spread = WIDTH / 2 / (FOCAL * camera.zoom), HEIGHT / 2 / (FOCAL * camera.zoom)
    return shapes(reach, place, turn, float((place[2] - TABLE_TOP) / turn[2, 2]), spread, mirrored=False)


def _part(scene: Any, shape: Shape) -> Any:
    render = engine().render
    paint = render.RenderMaterial()
    paint.base_color = [*as_light(np.array(shape.rgba[:3])).tolist(), shape.rgba[3]]
    (paint.specular, paint.roughness), paint.metallic = GLOSS, 0.0
    body, entity = render.RenderBodyComponent(), engine().Entity()
    body.attach(render.RenderShapeCapsule(*shape.size[:2], paint) if shape.kind == "capsule"
                else _ellipsoid(shape.size, paint))
    entity.add_component(body)
    scene.add_entity(entity)
    return entity


def _ellipsoid(axes: Sequence[float], paint: Any) -> Any:
    ball = engine().render.RenderShapeSphere(1.0, paint)
    normals = ball.vertex_normal / np.array(axes)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return engine().render.RenderShapeTriangleMesh(ball.vertices * np.array(axes), ball.triangles, normals,
                                                   ball.vertex_uv, paint)


def _looks(entity: Any) -> Any:
    return entity.find_component_by_type(engine().render.RenderBodyComponent)
