"""B put-on-plate worlds side by side, each built anew for its episode: what a process draws depends on none before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlabench.simulators.base import Scene, Variant
from vlabench.simulators.maniskill import goal, packs, starts
from vlabench.simulators.maniskill.advisor import Advisor
from vlabench.simulators.maniskill.imagined import Imagined
from vlabench.simulators.maniskill.interface import CAMERAS, SPACE
from vlabench.simulators.maniskill.slot import Slot
from vlabench.simulators.maniskill.view import View
from vlabench.simulators.maniskill.world import World
from vlabench.types import EpisodeSpec, Floats, Image, Observation, Outcome

_LOW, _HIGH = np.array(SPACE.low), np.array(SPACE.high)


class PlateScene(Scene):
    """Actions [B, 7]: metres and radians of the hand's target pose in the base's frame, at 5 Hz; gripper +1 opens.

    Nothing of an episode reaches the next: its world, robot included, is thrown away (a new one takes 10 ms).
    """

    action_space = SPACE

    def __init__(self, pack: str, cameras: Sequence[str], image_size: int, privileged: bool, variant: Variant) -> None:
        self._pack, self._variant = packs.pack(pack), variant
        self.cameras, self.image_size, self.privileged = tuple(cameras), image_size, privileged
        self.episodes: tuple[EpisodeSpec, ...] = ()
        self.worlds: list[World] = []
        self._views: list[View] = []
        self._imagined: list[Imagined] = []
        self._held = self._longest = np.zeros(0, dtype=np.int64)  # steps in a row that an object has been grasped for

    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        """Things in the air above their places, the robot out of the way."""
        self.close()
        self.episodes = tuple(episodes)
        self.worlds = [World(starts.draw(spec, self._variant), self._pack, bool(self.cameras)) for spec in episodes]
        self._held = self._longest = np.zeros(len(self.worlds), dtype=np.int64)

    def settle(self) -> None:
        """Things fall and come to rest, then the robot takes its place: 0.1 s, and 1.2 s more for what still moves."""
        for world in self.worlds:
            world.settle()
        self._halves = np.array([world.halves[:2] for world in self.worlds])
        if self.cameras:
            self._views = [View(world, self._pack, self.image_size) for world in self.worlds]
            self._imagined = [Imagined(world, self._pack, view)
                              for world, view in zip(self.worlds, self._views, strict=True)]

    def observe(self) -> Observation:
        """The third-person camera's picture; proprio float32 [B, 8]: six joints (rad), two fingers (m)."""
        images: dict[str, Image] = {}
        if self.cameras:
            pictures = [view.picture() for view in self._views]
            images[CAMERAS[0]] = np.stack(pictures) if len(pictures) > 1 else pictures[0][None]
        return Observation.now(
            images=images, proprio=np.stack([world.robot.posture for world in self.worlds]),
            instruction=self.instructions(), step=self.worlds[0].steps,
            state=tuple(map(Advisor, self.worlds)) if self.privileged else None)

    def step(self, actions: Floats) -> Outcome:
        """One control step (0.2 s). milestones: `grasped`, now, and `grasped_5`, for the fifth step in a row at least.

        terms: `joints` float [B, 6] (rad); `earned` float [B], so far, by `goal.earned`: RL4VLA's rewards are what it
        rises by.
        """
        clipped = np.minimum(np.maximum(actions, _LOW), _HIGH)
        for world, action in zip(self.worlds, clipped, strict=True):
            world.step(action)
        forces = np.array([world.forces() for world in self.worlds])
        held = goal.grasped(forces[:, :2], np.array([world.robot.finger_turns for world in self.worlds]))
        self._held = (self._held + 1) * held
        self._longest = np.maximum(self._longest, self._held)
        success = goal.on_receptacle(*self._lying(), forces[:, 2])
        return Outcome(success=success,
                       terms={"joints": np.array([world.robot.posture[:6] for world in self.worlds]),
                              "earned": goal.earned(success, self._longest > 0, self._longest >= goal.HELD_FOR)},
                       milestones={"grasped": held, "grasped_5": self._held >= goal.HELD_FOR})

    def _lying(self) -> tuple[Floats, Floats, Floats]:
        """offset, half and receptacle_half of `goal.on_receptacle`."""
        placed = np.array([(world.object.pose.p, world.receptacle.pose.p) for world in self.worlds], dtype=np.float64)
        return placed[:, 0] - placed[:, 1], self._halves[:, 0], self._halves[:, 1]

    def state_digest(self) -> tuple[str, ...]:
        """Of what moves, of masses and of frictions."""
        return tuple(world.digest() for world in self.worlds)

    def look_digest(self) -> tuple[str, ...]:
        """Of tables, light, camera, texture."""
        return tuple(world.looks.digest() for world in self.worlds)

    def instructions(self) -> tuple[str, ...]:
        """With the names of what stands there."""
        return tuple(world.start.instruction for world in self.worlds)

    def plain_digest(self) -> tuple[str, ...]:
        """Of worlds built for the purpose (4 ms each) where there is a variant."""
        if not self._variant:
            return self.state_digest()
        return tuple(World(starts.draw(spec), self._pack, False).digest() for spec in self.episodes)

    def slot(self, b: int) -> Scene:
        """The view of one world that perturbations act on, from `place` until the next; settled, it can be drawn."""
        return Slot(self.worlds[b], self._imagined[b] if self._imagined else None)

    def close(self) -> None:
        """Let go of the worlds; a second call does nothing."""
        self.worlds, self._views, self._imagined = [], [], []
