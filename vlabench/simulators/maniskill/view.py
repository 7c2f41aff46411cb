"""What the third-person camera shows of a world: robot and things, and a table's picture where neither is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from vlabench.simulators._values import Orbit
from vlabench.simulators.maniskill import spots, starts
from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.drawing.camera import Camera, Ids, Lights, in_picture, light, mounted
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.hand import Hand
from vlabench.simulators.maniskill.looks import OBJECT, RECEPTACLE, ROBOT, TABLE, Cover, Looks, others
from vlabench.simulators.maniskill.packs import Pack
from vlabench.simulators.maniskill.paint import paint, painted
from vlabench.simulators.maniskill.world import TABLE_TOP, World
from vlabench.types import Floats, Image


def mount(world: World) -> Any:
    """Where a world's camera is unless looks say otherwise, a `sapien.Pose`: where the base of a robot at its published
    place carries it."""
    base = world.robot.body.pose
    if world.shift != (0.0, 0.0):  # or to the last bit as the engine has it
        base = engine().Pose(base.p - (*world.shift, 0.0), base.q)
    return mounted(base)


def seen_at(world: World, points: Floats) -> Floats:
    """Where points [n, 3] (m, world frame) are in the camera's picture now, drawn or not: [n, 2], see `in_picture`."""
    return in_picture(points, orbited(mount(world), world.looks.orbit), world.looks.zoom)


class View:
    """The camera and the lights of one world that is drawn, and the picture behind its things, as its looks say."""

    def __init__(self, world: World, pack: Pack, size: int) -> None:
        self._world, self._pack = world, pack
        looks = world.looks
        self._mount = mount(world)
        self.lights = lit(world.scene, looks)
        self.camera = Camera(world.scene, size, orbited(self._mount, looks.orbit))
        if looks.zoom != 1:
            self.camera.zoom = looks.zoom
        self.table = backdrop(looks, pack, self.camera.size)
        self._heeded = _shown(looks)
        self._painted, self._hand = 0, Hand(world.scene)
        self._adorn()
        self.kept = frozenset(entity.per_scene_id for entity in (*(link.entity for link in world.robot.links.values()),
                                                                 *world.bodies))

    def picture(self, also: Sequence[Any] = ()) -> Image:
        """uint8 [size, size, 3]. also: entities that are seen beside robot and things."""
        colors, ids = self.shoot()
        cover = self._world.looks.cover
        if cover and not cover.whole:
            colors = self._covered(colors, cover)
        kept = self.kept.union(self._hand.shown, (entity.per_scene_id for entity in also))
        shown = screen.green_screen(colors, ids, kept, self.table)
        return self._covered(shown, cover) if cover and cover.whole else shown

    def shoot(self) -> tuple[Image, Ids]:
        """What `Camera.shoot` gives, as its looks say now."""
        self.heed()
        return self.camera.shoot()

    def heed(self) -> None:
        """Let light, camera, table, paint and hand be as its looks say now, if they say something else than before."""
        looks = self._world.looks
        if _shown(looks) == self._heeded:
            return
        self.lights.ambient = looks.lighting.ambient
        self.lights.directional = [(sun.direction, sun.color) for sun in looks.lighting.suns]
        self.camera.pose, self.camera.zoom = orbited(self._mount, looks.orbit), looks.zoom
        if _behind(looks) != self._heeded[0]:
            self.table = backdrop(looks, self._pack, self.camera.size)
        self._adorn()
        self._heeded = _shown(looks)

    def _adorn(self) -> None:
        """Let paint that is new be on robot and things, and the hand where it is to be."""
        world, looks = self._world, self._world.looks
        for given in looks.paints[self._painted:]:
            if given.surface == ROBOT:
                paint([link.entity for link in world.robot.links.values()], given, own=False)
            elif given.surface != TABLE:
                names = (OBJECT, RECEPTACLE, *others(len(world.bodies) - 2))
                paint([world.bodies[names.index(given.surface)]], given, own=True)
        self._painted = len(looks.paints)
        self._hand.reach(looks.hand, self.camera)

    def _covered(self, colors: Image, cover: Cover) -> Image:
        """A picture under the part of the texture that is due now."""
        crop = cover.crop(self._world.steps)
        texture = screen.cropped(screen.background(self._pack.texture(cover.texture), screen.FULL), crop.edge,
                                 crop.left, crop.top, self.camera.size)
        return screen.blend(colors, texture, cover.mix)


def _shown(looks: Looks) -> tuple[Hashable, ...]:
    """What pictures are taken by, beside the cover, which is laid over them."""
    return _behind(looks), looks.lighting, looks.orbit, looks.zoom, looks.hand


def _behind(looks: Looks) -> Hashable:
    """What of it is the picture behind robot and things."""
    return looks.table, looks.other, looks.mix, looks.paints


def lit(scene: Any, looks: Looks) -> Lights:
    """Light a `sapien.Scene` as looks say."""
    return light(scene, looks.lighting.ambient, [(sun.direction, sun.color) for sun in looks.lighting.suns])


def backdrop(looks: Looks, pack: Pack, size: tuple[int, int]) -> Image:
    """The picture behind robot and things, as looks say: uint8 [height, width, 3], for a size (width, height)."""
    table = screen.background(pack.table(looks.table), size)
    if looks.other is not None:
        table = screen.blend(table, screen.background(pack.table(looks.other), size), looks.mix)
    return painted(table, [given for given in looks.paints if given.surface == TABLE])


def orbited(pose: Any, orbit: Orbit) -> Any:
    """A camera's `sapien.Pose`, led around the middle of the things' square on the table."""
    if orbit == Orbit():
        return pose
    pose_of = engine().Pose
    middle = pose_of([*spots.CENTER, TABLE_TOP])
    arm = np.asarray(pose.p) - middle.p
    level = math.atan2(arm[1], arm[0])  # the vertical plane in which the camera is
    about_z, heading = (pose_of(q=starts.quaternion(angle)) for angle in (math.radians(orbit.yaw), level))
    half = -math.radians(orbit.pitch) / 2
    up = pose_of(q=[math.cos(half), 0, math.sin(half), 0])
    around = middle * about_z * heading * up * heading.inv() * middle.inv() * pose
    if (orbit.roll, orbit.distance, orbit.shift) == (0.0, 1.0, (0.0, 0.0)):
        return around
    # along its x-axis it looks, to the left is y, up z
    back, turned = (orbit.distance - 1) * (np.asarray(around.p) - middle.p), -math.radians(orbit.roll) / 2
    away = pose_of(np.asarray(around.p) + back, around.q)
    return away * pose_of([0.0, -orbit.shift[0], orbit.shift[1]], [math.cos(turned), math.sin(turned), 0.0, 0.0])
