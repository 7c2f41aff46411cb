"""ManiSkill's put-on-plate family as a Simulator: its task sets, what it needs on this machine, and scenes."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

from vlabench.errors import OptionError, UnknownName
from vlabench.simulators.base import Scene, Simulator, Variant
from vlabench.simulators.capabilities import (
    AddsDistractors,
    ChangesMidway,
    CoversWithTexture,
    DrawsBackgrounds,
    DrawsDistractors,
    DrawsGhosts,
    DrawsViewpoints,
    HidesObjects,
    MovesCamera,
    MovesObjects,
    PaintsSurfaces,
    PosesRobot,
    SetsFieldOfView,
    SetsLighting,
    SetsPhysics,
    ShiftsBase,
    ShowsBackgrounds,
    ShowsHands,
    ShowsMasks,
    VariesStarts,
)
from vlabench.simulators.maniskill import catalogue, packs, starts
from vlabench.simulators.maniskill.drawing import vulkan
from vlabench.simulators.maniskill.interface import CAMERAS, SPACE, STEP_LIMIT
from vlabench.types import EpisodeSpec, Task
from vlabench.util import kernels
from vlabench.util.diagnosis import Check

TASK_SETS = tuple(starts.OTHERS)
"""`maniskill_put_on_plate`: RL4VLA's in-distribution tasks, one per training object. `maniskill_pair`: the same with
another of training's objects beside it, the scene that PAIR trains in."""


class Maniskill(Simulator):
    """A WidowX puts an object on a receptacle: B independent worlds of sapien in a process, on a CPU."""

    task_sets = TASK_SETS
    packs = packs.PACKS
    cameras = CAMERAS
    action_space = SPACE
    offers = frozenset({
        AddsDistractors, ChangesMidway, CoversWithTexture, DrawsBackgrounds, DrawsDistractors, DrawsGhosts,
        DrawsViewpoints, HidesObjects, MovesCamera, MovesObjects, PaintsSurfaces, PosesRobot, SetsFieldOfView,
        SetsLighting, SetsPhysics, ShiftsBase, ShowsBackgrounds, ShowsHands, ShowsMasks, VariesStarts})
    paints = frozenset({"table", "objects", "robot"})
    expert = True
    points = ("thing", "place", "waypoint", "finger")
    posture = "joints"
    earnings = "earned"
    success = "end"
    max_batch = 8
    revision = 2
    """2: the hand's targets are those of ManiSkill's controllers to the last bit (1: but for a last bit), and what
    collides of generated objects has the official ones' size."""

    def check(self, cameras: Sequence[str] = ()) -> None:
        """The package and the asset pack are here, and for scenes with a camera what draws; physics needs no Vulkan."""
        vulkan.engine()
        packs.pack(self.assets)
        if cameras:
            vulkan.check()

    def tasks(self, task_set: str) -> list[Task]:
        """One for each of training's 16 objects, in the catalogue's order."""
        if task_set not in self.task_sets:
            raise UnknownName("task set", task_set, self.task_sets)
        return [Task("maniskill", task_set, number, starts.instruction(number).replace(" ", "_").lower(),
                     starts.instruction(number), STEP_LIMIT) for number in catalogue.TRAINING_OBJECTS]

    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = 256,
             privileged: bool = False, variant: Variant = ()) -> Scene:
        """A scene of up to `batch` worlds. Raises OptionError, RenderingError."""
        from vlabench.simulators.maniskill.scene import PlateScene

        if not 1 <= batch <= self.max_batch:
            raise OptionError(f"ManiSkill scenes on a CPU hold 1 to {self.max_batch} copies, not {batch}; "
                              "use --workers for more")
        self.check_variant(task.task_set, variant)
        return PlateScene(self.assets, cameras, image_size, privileged, variant)

    def check_variant(self, task_set: str, variant: Variant) -> None:
        """More than three things have no published spots, but for objects that stand around."""
        starts.checked(variant, task_set)

    def batch_key(self, spec: EpisodeSpec) -> Hashable:
        """How many objects stand there; each copy has its own."""
        return starts.OTHERS[spec.task.task_set]

    @classmethod
    def diagnose(cls) -> list[Check]:
        """Packages, drawing, both packs."""
        from vlabench.simulators.maniskill import diagnosis

        return diagnosis.checks()

    @classmethod
    def locate(cls, pack: str) -> Path:
        """The generated pack is built if it is not there yet; nothing is downloaded."""
        return packs.folder(pack)

    @classmethod
    def fetch(cls, say: Callable[[str], None]) -> Path:
        """RL4VLA's models and pictures, and ManiSkill's WidowX."""
        from vlabench.simulators.maniskill.fetch import fetch

        return fetch(say)

    @classmethod
    def build(cls, out: Path | None = None) -> Path:
        """The pack `primitive`."""
        return packs.primitive(out)

    def versions(self) -> Mapping[str, str]:
        """Of the packages that decide what an episode does, and the asset pack's digest."""
        from vlabench.util.opencv import check_opencv

        check_opencv()
        import cv2

        packages = ("sapien", "numpy", "scipy")
        return {**{name: importlib.metadata.version(name) for name in packages}, "opencv": cv2.__version__,
                "arithmetic": kernels.chosen(), "assets": packs.digest(self.assets)}
