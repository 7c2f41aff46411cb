"""The third-person camera of the put-on-plate scenes and the lights that they are seen by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vlabench.errors import OptionError
from vlabench.simulators.maniskill.drawing import shading, vulkan
from vlabench.types import Floats, Image

Triple = tuple[float, float, float]
Ids = npt.NDArray[np.uint16]

MOUNT = ((0.0, -0.16, 0.36), (0.8992917, -0.09263245, 0.35892478, 0.23209205))
"""Where the camera is, in the frame of `base_link`: place (m) and quaternion (w, x, y, z). It looks along its x-axis,
y to the left and z up."""
WIDTH, HEIGHT = 640, 480
FOCAL = 623.588
CENTRE = (319.501, 239.545)
"""The published picture's size, focal length and principal point, in pixels."""
NEAR, FAR = 0.01, 100.0  # m

AMBIENT: Triple = (0.3, 0.3, 0.3)
DIRECTIONAL: tuple[tuple[Triple, Triple], ...] = (
    ((0.0, 0.0, -1.0), (2.2, 2.2, 2.2)), ((-1.0, -0.5, -1.0), (0.7, 0.7, 0.7)), ((1.0, 1.0, -1.0), (0.7, 0.7, 0.7)))
"""RL4VLA's lights: a colour each, and of the directional ones first the direction that they shine in (any length)."""


def mounted(base: Any) -> Any:
    """The camera's `sapien.Pose` in the world, for that of `base_link`, which does not move."""
    return base * vulkan.engine().Pose(*MOUNT)


def in_picture(points: Floats, pose: Any, zoom: float = 1.0) -> Floats:
    """Where points [n, 3] (m, world frame) are in the picture of a camera at a `sapien.Pose`, of whatever size: [n, 2],
    from left to right and top to bottom, [−1, 1] inside the picture. Points behind the camera are far outside.
    """
    ahead, left, up = ((points - pose.p) @ pose.to_transformation_matrix()[:3, :3].astype(np.float64)).T
    turned = -np.stack([left, up], axis=1) / np.maximum(ahead, 1e-3)[:, None]
    found: Floats = np.clip((zoom * FOCAL * turned + CENTRE) * (2.0 / np.array([WIDTH, HEIGHT])) - 1.0, -9.0, 9.0)
    return found


class Camera:
    """A camera of one `sapien.Scene`, which needs a `RenderSystem`.

    size: an edge of square pictures, or (width, height), in pixels: what is seen is that of the published 640×480, its
    focal lengths scaled apart. pose: a `sapien.Pose` in the world (`mounted`). Raises RenderingError where sapien
    cannot draw. The first picture of a process costs a quarter of a second more than the others.
    """

    def __init__(self, scene: Any, size: int | tuple[int, int], pose: Any) -> None:
        shading.use()
        sapien = vulkan.engine()
        self.size = (size, size) if isinstance(size, int) else size
        self._scene = scene
        self._lens = sapien.render.RenderCameraComponent(*self.size)
        self._zoom = 1.0
        self._focus()
        self._holder = sapien.Entity()
        self._holder.name = "camera"
        self._holder.add_component(self._lens)
        self._holder.set_pose(pose)
        scene.add_entity(self._holder)

    @property
    def pose(self) -> Any:
        """A `sapien.Pose` in the world; set it to look from elsewhere."""
        return self._holder.pose

    @pose.setter
    def pose(self, pose: Any) -> None:
        self._holder.set_pose(pose)

    @property
    def zoom(self) -> float:
        """A factor on the focal lengths, about the principal point: 1 as published, 2 shows things twice as large."""
        return self._zoom

    @zoom.setter
    def zoom(self, zoom: float) -> None:
        self._zoom = zoom
        self._focus()

    @property
    def intrinsics(self) -> npt.NDArray[np.float64]:
        """The [3, 3] matrix from x right, y down, z ahead to pixels, whose first one has its centre at (0.5, 0.5)."""
        across, down = self.size[0] / WIDTH, self.size[1] / HEIGHT
        return np.array([[FOCAL * across * self._zoom, 0, CENTRE[0] * across],
                         [0, FOCAL * down * self._zoom, CENTRE[1] * down], [0, 0, 1]])

    def _focus(self) -> None:
        k = self.intrinsics
        self._lens.set_perspective_parameters(NEAR, FAR, k[0, 0], k[1, 1], k[0, 2], k[1, 2], 0.0)

    def shoot(self) -> tuple[Image, Ids]:
        """What is seen now: colours uint8 [H, W, 3], and ids uint16 [H, W]: the `per_scene_id` of the entity that a
        pixel shows, 0 where there is nothing (and black). An entity whose `visibility` is 0 is not there.
        """
        self._scene.update_render()
        self._lens.take_picture()
        colors, segments = self._lens.get_picture("Color"), self._lens.get_picture("Segmentation")
        return cv2.cvtColor(colors, cv2.COLOR_RGBA2RGB), cv2.extractChannel(segments, 1)

    def close(self) -> None:
        """Take it out of the scene, which lives on."""
        self._scene.remove_entity(self._holder)


class Lights:
    """The lights of one scene. What is set can be read and set again later: the pictures are then the same ones."""

    def __init__(self, scene: Any, ambient: Triple, directional: Sequence[tuple[Triple, Triple]]) -> None:
        if not len(directional) <= shading.LIGHTS:
            raise OptionError(f"{len(directional)} directional lights: a scene has {shading.LIGHTS} at most")
        self._scene, self._sapien = scene, vulkan.engine()
        self._suns = [self._sapien.render.RenderDirectionalLightComponent() for _ in directional]
        for sun in self._suns:
            sun.shadow = False
            entity = self._sapien.Entity()
            entity.add_component(sun)
            scene.add_entity(entity)
        self.ambient = ambient
        self.directional = directional

    @property
    def ambient(self) -> Triple:
        """Red, green, blue of the light that comes from everywhere."""
        return self._ambient

    @ambient.setter
    def ambient(self, color: Triple) -> None:
        self._ambient = color
        self._scene.set_ambient_light(color)

    @property
    def directional(self) -> tuple[tuple[Triple, Triple], ...]:
        """Of each light the direction that it shines in, of any length but 0, and its red, green, blue."""
        return self._directional

    @directional.setter
    def directional(self, lights: Sequence[tuple[Triple, Triple]]) -> None:
        self._directional = tuple(lights)
        for sun, (direction, color) in zip(self._suns, self._directional, strict=True):
            along = np.asarray(direction) / np.linalg.norm(direction)
            sun.set_color(color)
            sun.entity.set_pose(self._sapien.Pose(q=self._sapien.math.shortest_rotation([1, 0, 0], along)))


def light(scene: Any, ambient: Triple = AMBIENT, directional: Sequence[tuple[Triple, Triple]] = DIRECTIONAL) -> Lights:
    """Light a scene, by default as RL4VLA's are, with (direction, colour) of at most three directional lights."""
    return Lights(scene, ambient, directional)
