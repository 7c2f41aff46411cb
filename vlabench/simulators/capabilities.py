"""What scenes may offer to perturbations and trainings, a Protocol each: methods that views of `Scene.slot` have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from vlabench.simulators._values import Crop, LightSetup, Masks, Orbit, Pictures, Reach, Spot, Triple
from vlabench.types import Image

# looks: what pictures show changes, the physical state does not; `Scene.look_digest` tells


class SetsLighting(Protocol):
    """The light can be changed."""

    def lighting(self) -> LightSetup:
        """The light of now."""

    def set_lighting(self, lighting: LightSetup) -> None:
        """Light the scene so, with as many suns as there are."""


class CastsShadows(Protocol):
    """Lights can cast shadows, and highlights can be other than their lights."""

    def cast_shadows(self) -> float:
        """The key light does. Returns the share of their brightness that all lights keep: 1 unless they are dimmed so
        that what they light is no brighter than white."""

    def set_highlights(self, factor: float) -> None:
        """So many times as bright as they are, what things otherwise look like unchanged."""


class MovesCamera(Protocol):
    """Cameras can be led around what they look at."""

    def orbit_camera(self, orbit: Orbit, camera: str = "") -> None:
        """From where it is. camera: by default the one that looks at the whole scene, whose middle it is led around.
        """


class SetsFieldOfView(Protocol):
    """Cameras can have another lens."""

    def widen_view(self, factor: float, camera: str = "") -> None:
        """So many times as much, in either direction, fits into the picture. camera: as in `MovesCamera`."""


class ChangesMidway(Protocol):
    """What can be done to looks and objects before a scene settles can be done at any later moment, too: the next
    picture shows it, and what `MovesObjects` calls free is within reach and in the picture."""


class ShowsBackgrounds(Protocol):
    """What is seen around robot and things can be exchanged."""

    def held_out_backgrounds(self) -> Sequence[str]:
        """The names of those that no training sees."""

    def show_background(self, name: str, mix: float) -> None:
        """Show this share, in (0, 1], of one of them; the rest stays what it was."""


class CoversWithTexture(Protocol):
    """Textures can be laid over pictures, transparently."""

    def textures(self) -> Sequence[str]:
        """Their names."""

    def cover(self, texture: str, mix: float, whole: bool, crop: Callable[[int], Crop]) -> None:
        """Lay this share, in (0, 1], of a texture over robot and things, or over the whole picture.

        crop: control step → the part of the texture that covers the picture then.
        """


class PaintsSurfaces(Protocol):
    """Robot, things and the room around them can have other colours and patterns."""

    def surfaces(self) -> Mapping[str, Sequence[str]]:
        """Part ("table", "floor", "walls", "objects", "robot") → the names of its surfaces, one a thing; where there is
        no table, what things stand on is one."""

    def color_surface(self, name: str, color: Triple, mix: float) -> None:
        """Its colours, this share, in (0, 1], of the way to one color (red, green, blue in [0, 1])."""

    def cover_surface(self, name: str, pattern: Image, mix: float) -> None:
        """A square pattern uint8 [S, S, 3] instead of its own picture: this share, in (0, 1], of it, the rest is the
        surface's mean colour. Not for the robot."""


class ShowsHands(Protocol):
    """A human hand can come into view, which nothing touches and light reaches."""

    def show_hand(self, reach: Reach | None) -> None:
        """Here, or nowhere; the next picture shows it."""


# what stands where, and how the robot begins


class AddsDistractors(Protocol):
    """Scenes can be opened with things that nothing is to be done with: by a variant, others = n; other_objects =
    mixed: every second one is held out, where there are such. What stands where is drawn in `Scene.place`."""

    def stands(self) -> Mapping[str, Any]:
        """What stands in this scene and where, for records, JSON-ready."""


class VariesStarts(Protocol):
    """Scenes can be opened with other things, more of them, or at other spots: by a variant, whose names these are.

    objects, receptacles = training or test: whose split they are drawn from; others = n, other_receptacles = n:
    how many stand around; other_objects = mixed: every second one held out; positions = outer, object outer, movable.
    """

    def spots(self) -> Sequence[Spot]:
        """The grid that training's starts are drawn from."""

    def stands(self) -> Mapping[str, Any]:
        """What stands in this scene and where, for records, JSON-ready."""


class MovesObjects(Protocol):
    """The object that is asked for can be moved. Raises UnsupportedError in a task that asks for none."""

    def object_spot(self) -> Spot:
        """Where it began, or was put since."""

    def is_free(self, spot: Spot) -> bool:
        """Whether it could stand there, away from everything else."""

    def move_object(self, spot: Spot) -> None:
        """Put it there, turned as at its start and at rest; it may fall there."""


class KnowsGoals(Protocol):
    """It is known where the object that is asked for is to come to; and what `MovesObjects` calls free is within reach
    and in the picture."""

    def is_goal(self, spot: Spot) -> bool:
        """Whether the object would be there already if it stood on the table at this spot."""


class MovesReceptacle(Protocol):
    """What the object is to be put on or into can be moved; for before the scene settles. Raises UnsupportedError in a
    task that has none, or one that is fixed."""

    def receptacle_fits(self, by: Spot) -> bool:
        """Whether it could stand so far (m) along x and y from its place: within reach, in the picture and in nothing.
        By (0, 0) it always can."""

    def shift_receptacle(self, by: Spot) -> None:
        """Put it there, turned as at its start and at rest."""


class ScalesObjects(Protocol):
    """The object that is asked for can have another size; for before the scene settles. Raises UnsupportedError in a
    task that asks for none."""

    def size_fits(self, factor: float) -> bool:
        """Whether, so many times as large, it would come to rest where it does now, and fit between the fingers."""

    def scale_object(self, factor: float) -> None:
        """Make it so, with the mass of as much more or less of what it is made of; what it stands on stays below it.
        """


class PosesRobot(Protocol):
    """The arm can begin in another posture; for before the scene settles."""

    def arm_joints(self) -> int:
        """How many joints it has, the gripper's aside."""

    def posture_fits(self, by: Sequence[float]) -> bool:
        """Whether nothing is in the arm's way with its joints turned so much further (rad)."""

    def turn_joints(self, by: Sequence[float]) -> None:
        """Each of the arm's joints begins so much (rad) further than it would."""


class ShiftsBase(Protocol):
    """The robot can stand elsewhere; for before the scene settles."""

    def shift_base(self, by: Spot) -> None:
        """By so much (m) along the world's x and y, with all that it carries."""


class SetsPhysics(Protocol):
    """What things and the robot are made of can be changed; for before the scene settles."""

    def scale_friction(self, factor: float) -> None:
        """Between all that can touch."""

    def scale_mass(self, factor: float) -> None:
        """Of the things that can be carried."""

    def scale_grip(self, factor: float) -> None:
        """The force that the gripper closes with at most."""

    def add_damping(self, damping: float) -> None:
        """So much more (N·m·s/rad) in each of the arm's joints."""


# how the present moment would look otherwise: drawn beside what `Scene.observe` shows; neither state nor looks change


class ShowsMasks(Protocol):
    """It is known what the pictures of now show."""

    def masks(self, others: bool) -> Masks:
        """Where robot, the thing to be moved or its receptacle are seen; with `others`, where anything that stands
        there is."""


class HidesObjects(Protocol):
    """Pictures can be had without anything in them."""

    def empty(self) -> Pictures:
        """What the cameras would show if robot and things were not there."""


class DrawsBackgrounds(Protocol):
    """Other backgrounds can be seen than the one that is there."""

    def training_backgrounds(self) -> Sequence[str]:
        """The names of those that training may see, that of now first."""

    def background(self, name: str) -> Pictures:
        """One of them, with nothing before it."""


class DrawsDistractors(Protocol):
    """Other things can be seen around what is asked for."""

    def with_distractors(self, rng: np.random.Generator) -> Pictures:
        """What the cameras would show with others of training's objects, drawn from rng, in the places of those that
        are not asked for; where there is none, with one more."""


class DrawsViewpoints(Protocol):
    """The moment can be seen from elsewhere."""

    def from_viewpoint(self, yaw: float, pitch: float) -> Pictures:
        """From where an `Orbit` would lead the camera."""


class DrawsGhosts(Protocol):
    """The thing to be moved can be seen elsewhere than where it is."""

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        """What the cameras would show if it were so far (m) along the table's x and y from where it is, turned
        counter-clockwise, seen from above, by so many degrees."""
