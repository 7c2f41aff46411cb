"""What a worker needs to show an episode again: a collector of pictures, and a policy that does what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vlabench.adapters.base import Policy
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.recording import Recording, Replayed
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, EpisodeSpec, Identity, Image, Observation

APART = 0.2
"""Seconds of the robot's time from one picture to the next, at least. A policy that looks less often is shown at its
looks."""


def every(space: ActionSpace) -> int:
    """Control steps from one picture to the next, at least."""
    return max(1, round(APART * space.control_hz))


class Again(Policy):
    """Does what recordings say, whichever `take` chose; in an episode that none is of, what the first begins with."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings: Mapping[Identity, Recording] = {
            (each.task, each.condition, each.index, each.seed): each for each in recordings}
        self._starting: list[int] = []
        self._now: dict[int, Replayed] = {}

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Which episodes they are, only `take` knows: draws are the same under all conditions."""
        self._starting = list(slots)

    def take(self, spec: EpisodeSpec) -> None:
        """This episode begins, in the next of the slots that start."""
        first = next(iter(self._recordings.values()))
        self._now[self._starting.pop(0)] = Replayed(self._recordings.get(spec.identity, first))

    def act(self, obs: Observation) -> Decision:
        """The chunks [B, replan, D] of this look. Raises ValueError past the end."""
        return Decision(np.concatenate([self._now[slot].act(obs.slot(b)).actions
                                        for b, slot in enumerate(obs.slots.tolist())]))


def again_from(recordings: Sequence[Path]) -> Policy:
    """The policy that does what these recordings say. Raises StoreError for one that cannot be read."""
    return Again([Recording.load(path) for path in recordings])


class Frames(EpisodeCollector):
    """Keeps what the policy received: uint8 [H, W, 3] every APART seconds or less often, cameras side by side."""

    def __init__(self, policy: Policy, replan: int) -> None:
        super().__init__(policy, replan)
        self._frames: list[Image] = []
        self._due = 0

    @property
    def result(self) -> list[Image]:
        """The pictures, in their order."""
        return self._frames

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        if isinstance(self.policy, Again):
            self.policy.take(specs[0])

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        if step >= self._due:
            self._frames.append(np.concatenate([pictures[0] for pictures in received.images.values()], axis=1))
            self._due = step + every(self.policy.space)
