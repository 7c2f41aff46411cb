"""How an episode of ManiSkill's environment is to begin: drawn as in a run, and changed by a condition as there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from vlabench.errors import OptionError, UnsupportedError
from vlabench.simulators.base import Scene, Variant
from vlabench.simulators.maniskill import robot, starts
from vlabench.simulators.maniskill.drawing.camera import mounted
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.looks import TABLE, Looks
from vlabench.simulators.maniskill.matter import Matter
from vlabench.simulators.maniskill.slot import Slot
from vlabench.simulators.maniskill.spots import Spot
from vlabench.simulators.maniskill.view import orbited
from vlabench.types import EpisodeSpec, Floats, Task


class Chain(Protocol):
    """What a condition does to one episode. instruction: in the condition's words, once it is set up."""

    instruction: str

    def set_up(self, scene: Scene) -> None:
        """Change the scene before it settles, by the capabilities of a `Slot`, then the instruction."""

    def tick(self, scene: Scene, step: int) -> None:
        """What happens after so many control steps."""


Chains = Callable[[EpisodeSpec], Chain]
"""A condition: what it does to each episode."""
NAMING = ("number", "index", "seed")
"""What names an episode: its task's number, and two of its own."""


class Planned:
    """An episode before its physics: what `Slot` acts on where there is no `World`.

    drop: the spot and the height (m) from which the object is to fall, until that is done.
    """

    start: starts.Start

    def __init__(self, spec: EpisodeSpec, variant: Variant, chains: Chains | None,
                 built: Planned | None = None) -> None:
        """built: the episode that the scene was built for, whose things, lights and camera this one has to take.

        Raises UnsupportedError for a condition that changes what is the same in all of this environment's copies.
        """
        start = starts.draw(spec, variant)
        self.start = start if built is None else _with_things(start, built.start)
        self.looks = Looks(self.start.table)
        self.posture: Sequence[float] = robot.POSTURE
        self.matter = Matter()
        self.shift: Spot = (0.0, 0.0)
        self.settled, self.began = False, self.start.object.spot
        self.drop: tuple[Spot, float] | None = None
        self.instruction = self.start.instruction
        self._chain = None if chains is None else chains(spec)
        if self._chain is not None:
            self._chain.instruction = self.instruction
            self._chain.set_up(Slot(self))
            self.instruction = self._chain.instruction
        painted = {paint.surface for paint in self.looks.paints} - {TABLE}
        if self.matter != Matter() or self.looks.zoom != 1 or painted or self.shift != (0.0, 0.0):
            raise UnsupportedError(
                "in ManiSkill's own environment friction, masses, forces, lenses, the robot's place and the colours of "
                "robot and things are as they are\n  fix: vlabench run plays this condition")
        if built is not None:
            self.looks = dataclasses.replace(self.looks, lighting=built.looks.lighting, orbit=built.looks.orbit)

    @property
    def build(self) -> Hashable:
        """What a scene is built with: one that was built with the same can play this episode."""
        return (*(body.number for body in self.start.bodies), self.looks.lighting, self.looks.orbit)

    def put_object(self, spot: Spot, height: float) -> None:
        self.drop = spot, height

    def pose_robot(self, posture: Sequence[float]) -> None:
        self.posture = posture

    def shift_robot(self, by: Spot) -> None:
        self.shift = (self.shift[0] + by[0], self.shift[1] + by[1])

    def digest(self) -> str:
        """Of what it is to begin with."""
        return repr((self.start, self.drop, self.posture))

    def tick(self, step: int) -> None:
        """Let happen what the condition has in store after this step; a `drop` may come of it. Light and camera stay as
        the scene was built.
        """
        if self._chain is not None:
            self._chain.tick(Slot(self), step)

    def poses(self) -> Floats:
        """float [n, 7] (m; w, x, y, z): from where the object, the receptacle and the others fall."""
        places = [(*body.spot, body.height) for body in self.start.bodies]
        if self.drop is not None:
            places[0] = (*self.drop[0], self.drop[1])
        return np.array([[*place, *starts.quaternion(body.yaw)]
                         for place, body in zip(places, self.start.bodies, strict=True)])

    def mount(self) -> Any:
        """Where on the robot's base the camera is, a `sapien.Pose`."""
        base = engine().Pose(*robot.BASE)
        return base.inv() * orbited(mounted(base), self.looks.orbit)


def named(options: Mapping[str, Any], copies: int, tasks: Sequence[Task], variant: Variant,
          chains: Chains | None) -> list[Planned]:
    """The episodes of so many copies that options name, by `NAMING`. Raises OptionError."""
    def each(name: str) -> list[int]:
        given = np.atleast_1d(options.get(name, 0))
        if len(given) not in (1, copies) or not np.issubdtype(given.dtype, np.integer):
            raise OptionError(f"{name} = {options[name]!r}: an int, or one for each of {copies} environments")
        return [int(value) for value in np.resize(given, copies)]

    numbers, indices, seeds = map(each, NAMING)
    for number, index in zip(numbers, indices, strict=True):
        if not 0 <= number < len(tasks) or not tasks[number].starts(index):
            raise OptionError(f"number = {number}, index = {index}: there are tasks 0 to {len(tasks) - 1} "
                              f"with the episodes {tasks[0].indices}")
    return [Planned(EpisodeSpec(tasks[number], "clean", index, seed), variant, chains)
            for number, index, seed in zip(numbers, indices, seeds, strict=True)]


def _with_things(start: starts.Start, built: starts.Start) -> starts.Start:
    """A start with the things that are there already: where each of its own was to be."""
    bodies = [dataclasses.replace(body, number=old.number)
              for body, old in zip(start.bodies, built.bodies, strict=True)]
    return starts.Start(bodies[0], bodies[1], tuple(bodies[2:]), start.table)
