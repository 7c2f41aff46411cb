"""What a worker needs to show an episode again: a keeper of pictures, and a policy that does what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vlabench.adapters.base import Policy
from vlabench.card_types import PolicyCard
from vlabench.episode import Bools, Keeper
from vlabench.recorder import Recording, Replayed
from vlabench.seeding import Draws
from vlabench.types import EpisodeSpec, Floats, Identity, Image, Observation

EVERY = 4
"""Control steps from one picture to the next, at least: 0.2 s. A policy that looks less often is shown at its looks."""


class Again(Policy):
    """Does what recordings say, whichever `take` chose; in an episode that none is of, what the first begins with."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings: Mapping[Identity, Recording] = {
            (each.task, each.condition, each.index, each.seed): each for each in recordings}
        self._now: Replayed | None = None

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Which episode it is, only `take` knows: draws are the same under all conditions."""
        self._now = None

    def take(self, spec: EpisodeSpec) -> None:
        """This episode begins."""
        first = next(iter(self._recordings.values()))
        self._now = Replayed(self._recordings.get(spec.identity, first))

    def act(self, obs: Observation) -> Floats:
        """The chunk [1, replan, D] of this look. Raises ValueError past the end."""
        assert self._now is not None, "the keeper takes the episode before the first look"
        return self._now.act(obs)


class Recorded(PolicyCard):
    """The card of a policy that does again what it did: it needs no weights, and no library to run them."""

    recordings: tuple[Path, ...]

    def check(self) -> None:
        """There is nothing to check."""

    def make(self) -> Policy:
        """Raises StoreError for a recording that cannot be read."""
        return Again([Recording.load(path) for path in self.recordings])


class Frames(Keeper):
    """Keeps what the policy received: uint8 [H, W, 3] every EVERY steps or less often, cameras side by side."""

    def __init__(self, policy: Policy, replan: int) -> None:
        super().__init__(policy, replan)
        self._frames: list[Image] = []
        self._due = 0

    @property
    def kept(self) -> list[Image]:
        """The pictures, in their order."""
        return self._frames

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        if isinstance(self.policy, Again):
            self.policy.take(specs[0])

    def on_look(self, step: int, received: Observation, chunk: Floats, running: Bools) -> None:
        if step >= self._due:
            self._frames.append(np.concatenate([pictures[0] for pictures in received.images.values()], axis=1))
            self._due = step + EVERY
