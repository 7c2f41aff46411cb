"""A plug-in for tests: a hand on a rail, in two sizes, with a gripper, bounds and a rate that are not LIBERO's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from vlabench.errors import UnknownName
from vlabench.simulators.base import Scene, Simulator, Variant
from vlabench.types import ActionSpace, EpisodeSpec, Floats, Observation, Outcome, Task

SIZE, STEP_LIMIT = 16, 20
GOAL, NEAR = 3.0, 0.3
"""Units from where the hand starts, and how near is near enough."""


def space(unit: float) -> ActionSpace:
    """Gripper (1 open) first, then the way along the rail and across it; unit: metres."""
    return ActionSpace(("grip", "along", "across"), low=(0.0, -unit, -unit / 2), high=(1.0, unit, unit / 2),
                       unit=(1.0, unit, unit), null=(1.0, 0.0, 0.0), control_hz=5, gripper=0, opens=1.0)


class Slide(Scene):
    """One hand; an action [1, 3] moves it by so many metres."""

    def __init__(self, task: Task, actions: ActionSpace, cameras: Sequence[str], privileged: bool) -> None:
        self.task, self.action_space, self.cameras, self.privileged = task, actions, cameras, privileged

    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        self.hand, self.steps = np.zeros(2), 0

    def observe(self) -> Observation:
        picture = np.full((1, SIZE, SIZE, 3), self.steps, dtype=np.uint8)
        return Observation.now({camera: picture.copy() for camera in self.cameras},
                               self.hand[None].astype(np.float32), (self.task.instruction,), self.steps,
                               (self,) if self.privileged else None)

    def step(self, actions: Floats) -> Outcome:
        self.hand = self.hand + np.clip(actions[0], self.action_space.low, self.action_space.high)[1:]
        self.steps += 1
        return Outcome(np.array([abs(self.away) < NEAR]))

    def state_digest(self) -> tuple[str, ...]:
        return (repr(self.hand),)

    # for the expert

    @property
    def away(self) -> float:
        """Units to the goal."""
        return GOAL - float(self.hand[0]) / self.action_space.unit[1]

    def expert_action(self) -> Floats:
        """Half a unit towards the goal at most, with the gripper open."""
        return np.array([1.0, float(np.clip(self.away, -0.5, 0.5)) * self.action_space.unit[1], 0.0])

    def expert_advice(self) -> tuple[Floats, Floats]:
        """There is no thing, place or waypoint beside the goal."""
        return self.expert_action(), np.full(9, self.away)

    def told(self, points: Floats) -> Mapping[str, Floats]:
        """How far it is."""
        return {"away": np.array([self.away])}

    def source(self) -> str:
        """Nothing to tell."""
        return ""


class Rail(Simulator):
    """One task on a rail of metres."""

    task_sets: ClassVar[Sequence[str]] = ("rails",)
    packs: ClassVar[Sequence[str]] = ("bare",)
    cameras: ClassVar[Sequence[str]] = ("front",)
    action_space = space(1.0)
    expert = True

    def check(self, cameras: Sequence[str] = ()) -> None:
        return None

    def tasks(self, task_set: str) -> list[Task]:
        if task_set not in self.task_sets:
            raise UnknownName("task set", task_set, self.task_sets)
        return [Task(type(self).__name__.lower(), task_set, 0, "rail_0", "slide", STEP_LIMIT, 5)]

    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = SIZE,
             privileged: bool = False, variant: Variant = ()) -> Slide:
        return Slide(task, self.action_space, cameras, privileged)

    def versions(self) -> Mapping[str, str]:
        return {"rail": "0.1"}


class Track(Rail):
    """The same, an eighth as large, and nobody who knows how."""

    task_sets: ClassVar[Sequence[str]] = ("tracks",)
    action_space = space(0.125)
    expert = False
