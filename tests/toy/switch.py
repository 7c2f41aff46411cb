"""A simulator with two states, for trainings: a lamp is red or green, and says which way to push.

The environment variable SWITCH_MISCHIEF holds a JSON list of indices whose episodes take their worker along.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from vlabench.errors import UnknownName
from vlabench.seeding import stream
from vlabench.simulators._values import Masks, Pictures, Spot
from vlabench.simulators.base import Scene, Simulator, Variant
from vlabench.simulators.capabilities import DrawsBackgrounds, DrawsGhosts, ShowsMasks
from vlabench.types import ActionSpace, EpisodeSpec, Floats, Observation, Outcome, Task

SIZE = 16
GAIN, GOAL, STEP_LIMIT = 0.9, 0.9, 6
HALF = 0.25
"""What half the way to the goal earns."""
RED, GREEN = 0, 1
SPACE = ActionSpace(("push", "nothing"), (-1.0,) * 2, (1.0,) * 2, (1.0,) * 2, (0.0,) * 2, 10)


class Lamp(Scene):
    """Actions [1, 2]: a push to the left (−) or right (+), and a number that does nothing. It succeeds once pushes in
    the right direction, which is left under red and right under green, outweigh wrong ones by GOAL.
    """

    action_space = SPACE

    def __init__(self, task: Task, cameras: Sequence[str]) -> None:
        self.task, self.cameras = task, cameras

    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        (spec,) = episodes
        if spec.index in json.loads(os.environ.get("SWITCH_MISCHIEF", "[]")):
            os._exit(9)
        self.colour = int(stream(spec, "start").episode().integers(2))
        self.pushed, self.steps = 0.0, 0

    def observe(self) -> Observation:
        picture = np.zeros((1, SIZE, SIZE, 3), dtype=np.uint8)
        picture[..., self.colour] = 200
        return Observation.now({camera: picture.copy() for camera in self.cameras},
                               np.array([[self.pushed]], np.float32), (self.task.instruction,), self.steps)

    def step(self, actions: Floats) -> Outcome:
        push = float(np.clip(actions[0, 0], -1, 1))
        self.pushed += GAIN * (push if self.colour == GREEN else -push)
        self.steps += 1
        success = np.array([self.pushed >= GOAL])
        earned = HALF * np.array([self.pushed >= GOAL / 2]) + success
        return Outcome(success, {"pushed": np.array([[self.pushed]]), "earned": earned})

    def state_digest(self) -> tuple[str, ...]:
        return (f"{self.colour}/{self.pushed!r}",)

    # how the moment would look otherwise; the task is said to be seen in the picture's left half

    def masks(self, others: bool) -> Masks:
        mask = np.zeros((SIZE, SIZE), dtype=bool)
        mask[:, : SIZE * 3 // 4 if others else SIZE // 2] = True
        return dict.fromkeys(self.cameras, mask)

    def training_backgrounds(self) -> Sequence[str]:
        return ("dark", "grey", "white")

    def background(self, name: str) -> Pictures:
        grey = {"dark": 0, "grey": 90, "white": 255}[name]
        return dict.fromkeys(self.cameras, np.full((SIZE, SIZE, 3), grey, np.uint8))

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        """As if the other lamp were lit."""
        return {camera: pictures[0, ..., [GREEN, RED, 2]].transpose(1, 2, 0)
                for camera, pictures in self.observe().images.items()}


class Switch(Simulator):
    """Two tasks that are alike."""

    task_sets: ClassVar[Sequence[str]] = ("switches",)
    packs: ClassVar[Sequence[str]] = ("plain",)
    cameras: ClassVar[Sequence[str]] = ("top",)
    offers: ClassVar[frozenset[type]] = frozenset({DrawsBackgrounds, DrawsGhosts, ShowsMasks})
    action_space = SPACE
    earnings = "earned"

    def __init__(self, assets: str) -> None:
        super().__init__(assets)

    def check(self, cameras: Sequence[str] = ()) -> None:
        return None

    def tasks(self, task_set: str) -> list[Task]:
        if task_set not in self.task_sets:
            raise UnknownName("task set", task_set, self.task_sets)
        return [Task("switch", task_set, n, f"lamp_{n}", "push", STEP_LIMIT, 2) for n in range(2)]

    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = SIZE,
             privileged: bool = False, variant: Variant = ()) -> Lamp:
        return Lamp(task, cameras)

    def versions(self) -> Mapping[str, str]:
        return {"switch": "0.1"}
