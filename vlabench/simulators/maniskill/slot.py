"""The view of one world, or of one that is yet to be built, that scene perturbations act on: a method a capability."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from vlabench.simulators._values import Crop, LightSetup, Masks, Orbit, Pictures, Reach, Triple
from vlabench.simulators.base import Scene
from vlabench.simulators.maniskill import catalogue, spots, starts
from vlabench.simulators.maniskill.imagined import Imagined
from vlabench.simulators.maniskill.interface import CAMERAS, SPACE
from vlabench.simulators.maniskill.looks import OBJECT, RECEPTACLE, ROBOT, TABLE, Cover, Looks, Paint, others
from vlabench.simulators.maniskill.matter import Matter
from vlabench.simulators.maniskill.robot import POSTURE
from vlabench.simulators.maniskill.spots import Spot
from vlabench.types import EpisodeSpec, Floats, Image, Observation, Outcome


class Placed(Protocol):
    """What a slot is of: a `World`, or an episode that another engine plays."""

    start: starts.Start
    looks: Looks
    matter: Matter
    settled: bool
    began: Spot

    def put_object(self, spot: Spot, height: float) -> None:
        """Let the object fall from there (m), turned as at its start and at rest."""

    def pose_robot(self, posture: Sequence[float]) -> None:
        """Let the robot begin in a posture [8] (rad; m)."""

    def shift_robot(self, by: Spot) -> None:
        """Let the robot stand so much further (m)."""

    def digest(self) -> str:
        """Of its physical state."""


class Slot(Scene):
    """One world of a scene. What is changed in it ends with its episode: the next one has a world of its own."""

    action_space = SPACE

    def __init__(self, world: Placed, imagined: Imagined | None = None) -> None:
        """imagined: of a world that is drawn and has settled."""
        self.world, self._imagined = world, imagined

    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        raise TypeError("a single world of a scene is placed by the scene")

    def observe(self) -> Observation:
        raise TypeError("a single world of a scene is observed by the scene")

    def step(self, actions: Floats) -> Outcome:
        raise TypeError("a single world of a scene is stepped by the scene")

    def state_digest(self) -> tuple[str, ...]:
        """Of this world."""
        return (self.world.digest(),)

    # what stands where

    def stands(self) -> Mapping[str, Any]:
        """As the start has it: each thing's name, spot (m) and turn (degrees); the object, the receptacle, the others.
        """
        def said(body: starts.Body) -> list[Any]:
            return [body.thing.name, *(round(axis, 3) for axis in body.spot), round(math.degrees(body.yaw), 1)]

        start = self.world.start
        return {"object": said(start.object), "receptacle": said(start.receptacle),
                **({"others": list(map(said, start.others))} if start.others else {})}

    def spots(self) -> Sequence[Spot]:
        """Training's 36."""
        return spots.grid()

    def object_spot(self) -> Spot:
        """Where it fell to the table at the start, or was put since."""
        return self.world.began

    def is_free(self, spot: Spot) -> bool:
        """As pairs are: more than 7 cm away; once things have settled, within the border around training's square."""
        return self.world.start.is_free(spot) and (not self.world.settled or spots.is_inside(spot))

    def move_object(self, spot: Spot) -> None:
        """It falls there, before things have settled from its own height, later from RL4VLA's, 13 cm."""
        self.world.began = spot
        self.world.put_object(spot, starts.DROP[2] if self.world.settled else self.world.start.object.height)

    def arm_joints(self) -> int:
        """A WidowX's six."""
        return len(POSTURE) - 2

    def posture_fits(self, by: Sequence[float]) -> bool:
        """Always: RL4VLA's are taken as they are published, though the lowest lie on the table."""
        return True

    def turn_joints(self, by: Sequence[float]) -> None:
        """Of six joints."""
        self.world.pose_robot([at + more for at, more in zip(POSTURE, (*by, 0.0, 0.0), strict=True)])

    def shift_base(self, by: Spot) -> None:
        """Arm and hand with it; the camera stays where the published one is, as the table's picture does."""
        self.world.shift_robot(by)

    # what they are made of

    def scale_friction(self, factor: float) -> None:
        """Of every shape: of a contact PhysX takes the mean of two."""
        self._alter(friction=self.world.matter.friction * factor)

    def scale_mass(self, factor: float) -> None:
        """Inertia too; of all that lies on the table."""
        self._alter(mass=self.world.matter.mass * factor)

    def scale_grip(self, factor: float) -> None:
        """As `Robot.stiffen`."""
        self._alter(grip=self.world.matter.grip * factor)

    def add_damping(self, damping: float) -> None:
        """To the drives, which have 150 to 330 N·m·s/rad."""
        self._alter(damping=self.world.matter.damping + damping)

    def _alter(self, **parts: float) -> None:
        self.world.matter = dataclasses.replace(self.world.matter, **parts)

    def save(self) -> Any:
        """Nothing outlives an episode."""
        return None

    # looks

    def look_digest(self) -> tuple[str, ...]:
        """Of this world."""
        return (self.world.looks.digest(),)

    def lighting(self) -> LightSetup:
        """RL4VLA's three suns: from above, and two that fill in."""
        return self.world.looks.lighting

    def set_lighting(self, lighting: LightSetup) -> None:
        """Light robot and things so. A table is a picture, which no light reaches, as in RL4VLA's scenes."""
        if len(lighting.suns) != len(self.world.looks.lighting.suns):
            raise ValueError(f"{len(lighting.suns)} suns: there are {len(self.world.looks.lighting.suns)}")
        self.world.looks.lighting = lighting

    def orbit_camera(self, orbit: Orbit, camera: str = "") -> None:
        """Around the middle of the things' square. A table is a picture, which stays."""
        self.world.looks.orbit = self.world.looks.orbit.then(orbit)

    def widen_view(self, factor: float, camera: str = "") -> None:
        """About the published principal point. A table is a picture, which stays."""
        self.world.looks.zoom /= factor

    def held_out_backgrounds(self) -> Sequence[str]:
        """The five test tables."""
        return [catalogue.TABLES[number].name for number in catalogue.TEST_TABLES]

    def show_background(self, name: str, mix: float) -> None:
        """A test table."""
        self.world.looks.other = catalogue.TEST_TABLES[self.held_out_backgrounds().index(name)]
        self.world.looks.mix = mix

    def textures(self) -> Sequence[str]:
        """RL4VLA's sixteen."""
        return [catalogue.TABLES[number].texture for number in catalogue.TEXTURES]

    def cover(self, texture: str, mix: float, whole: bool, crop: Callable[[int], Crop]) -> None:
        """One of them, stretched over the picture."""
        number = catalogue.TEXTURES[self.textures().index(texture)]
        self.world.looks.cover = Cover(number, mix, whole, crop)

    def surfaces(self) -> Mapping[str, Sequence[str]]:
        """The table, each thing, and the robot; a table is a picture, and there are neither floor nor walls."""
        around = others(len(self.world.start.others))
        return {"table": (TABLE,), "objects": (OBJECT, RECEPTACLE, *around), "robot": (ROBOT,)}

    def color_surface(self, name: str, color: Triple, mix: float) -> None:
        """As pictures have colours in white light; what has a picture of its own keeps it, brighter or darker."""
        self.world.looks.paints += (Paint(name, mix, color),)

    def cover_surface(self, name: str, pattern: Image, mix: float) -> None:
        """On the table it is laid once a metre, as the published camera sees it, on every shape that a thing is put
        together of it is stretched over each side."""
        self.world.looks.paints += (Paint(name, mix, pattern=pattern),)

    def show_hand(self, reach: Reach | None) -> None:
        """As large as an adult's, before a camera that is half a metre from the table."""
        self.world.looks.hand = reach

    # how the present moment would look otherwise

    @property
    def imagined(self) -> Imagined:
        """Raises TypeError where nothing is drawn yet."""
        if self._imagined is None:
            raise TypeError("a world is seen once it has settled, in a scene with a camera")
        return self._imagined

    def masks(self, others: bool) -> Masks:
        """Where robot, object or receptacle are seen; with `others`, where the table's picture is not."""
        return {CAMERAS[0]: self.imagined.mask(others)}

    def empty(self) -> Pictures:
        """The table's picture."""
        return {CAMERAS[0]: self.imagined.empty()}

    def training_backgrounds(self) -> Sequence[str]:
        """The sixteen training tables."""
        return [_picture(number) for number in self.imagined.tables()]

    def background(self, name: str) -> Pictures:
        """A training table's picture."""
        number = next(number for number in catalogue.TRAINING_TABLES if _picture(number) == name)
        return {CAMERAS[0]: self.imagined.table(number)}

    def with_distractors(self, rng: np.random.Generator) -> Pictures:
        """Others of training's objects."""
        return {CAMERAS[0]: self.imagined.with_distractors(rng)}

    def from_viewpoint(self, yaw: float, pitch: float) -> Pictures:
        """As `orbit_camera` would show it."""
        return {CAMERAS[0]: self.imagined.from_viewpoint(yaw, pitch)}

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        """The object, whether it lies or is held; nothing keeps it from sticking in other things."""
        return {CAMERAS[0]: self.imagined.with_target_moved(by, turn)}


def _picture(number: int) -> str:
    """A table's name among all: several are called `table`."""
    return catalogue.TABLES[number].picture.removesuffix(".png")
