"""Recordings: the actions of an episode, enough to play exactly it again, and the frames of an episode for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from vlabench.adapters.base import Policy
from vlabench.episode.listening import Bools, EpisodeCollector, Listener
from vlabench.episode.played import Played
from vlabench.seeding import Draws
from vlabench.types import Decision, EpisodeSpec, Floats, Image, Observation, Outcome
from vlabench.util.arrays import reading_arrays, write_arrays
from vlabench.util.text import counted


@dataclass(frozen=True)
class Recording:
    """What a policy did in one episode.

    actions: float64 [T, D], as the policy asked for them, before any perturbation. looks: int64 [L], the steps at which
    it looked; the first is 0. replan: what the perturbations were told. state: the digest of the final state.
    """

    task: str
    condition: str
    index: int
    seed: int
    replan: int
    actions: npt.NDArray[np.float64]
    looks: npt.NDArray[np.int64]
    state: str

    def save(self, path: Path) -> None:
        """Write an .npz, whole or not at all. Raises StoreError."""
        write_arrays(path, {field.name: getattr(self, field.name) for field in fields(self)}, "recording")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises StoreError for a file that is absent, damaged or something else."""
        fix = "`vlabench run … --record`; it plays again what is on record without its actions"
        with reading_arrays(path, "recording", fix) as stored:
            found: dict[str, Any] = {field.name: stored[field.name] for field in fields(cls)}
        return cls(**{name: value if value.ndim else value.item() for name, value in found.items()})

    def chunks(self) -> list[npt.NDArray[np.float64]]:
        """The actions between one look and the next, each float64 [t, D]."""
        return np.split(self.actions, self.looks[1:])


class ActionRecorder(EpisodeCollector):
    """Collects the Recording of one episode; after the episode it is in `recording`."""

    def __init__(self, policy: Policy, replan: int) -> None:
        super().__init__(policy, replan)
        self.recording: Recording | None = None
        self._actions: list[npt.NDArray[np.float64]] = []
        self._looks: list[int] = []

    @property
    def result(self) -> Recording | None:
        """The recording."""
        return self.recording

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        """Raises ValueError unless it hears of a single episode (`listening.EpisodeCollectors` sees to that)."""
        if len(specs) != 1:
            raise ValueError(f"a recording holds one episode, not {len(specs)}")
        self.recording, self._actions, self._looks = None, [], []

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._looks.append(step)

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._actions.append(np.array(asked[0], dtype=np.float64))

    def on_end(self, played: Sequence[Played]) -> None:
        spec = played[0].spec
        self.recording = Recording(
            task=spec.task.key, condition=spec.condition, index=spec.index, seed=spec.seed, replan=self.replan,
            actions=np.stack(self._actions), looks=np.array(self._looks, dtype=np.int64), state=played[0].state)


class FrameRecorder(Listener):
    """Collects every step's clean pictures, and the pictures that the policy saw last, as {camera: uint8 [H, W, 3]}.

    `clean[t]` and `seen[t]` belong to the moment after t steps; both have one entry more than there are steps.
    Follows the first copy of a batch.
    """

    every_frame = True

    def __init__(self) -> None:
        self.clean: list[dict[str, Image]] = []
        self.seen: list[dict[str, Image]] = []
        self._last: dict[str, Image] = {}

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        self.clean, self.seen = [], []

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self._last = {camera: pictures[0] for camera, pictures in received.images.items()}

    def on_frame(self, step: int, clean: Observation) -> None:
        self.clean.append({camera: pictures[0] for camera, pictures in clean.images.items()})
        self.seen.append(self._last)


class Replayed(Policy):
    """Does again what a recording says, look by look; play it with the recording's `replan`."""

    def __init__(self, recording: Recording) -> None:
        self._chunks = [_padded(chunk, recording.replan) for chunk in recording.chunks()]
        self._look = 0

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """Start from the first look. Raises ValueError for more than one copy."""
        if len(slots) != 1:
            raise ValueError(f"a recording holds one episode, not {len(slots)}")
        self._look = 0

    def act(self, obs: Observation) -> Decision:
        """The chunk [1, replan, D] of this look. Raises ValueError past the end: it is not the recorded episode."""
        if self._look >= len(self._chunks):
            raise ValueError(f"the recording ends after {counted(len(self._chunks), 'look')}, but this episode goes "
                             f"on: it was recorded with another version, asset pack or condition")
        self._look += 1
        return Decision(self._chunks[self._look - 1][None])


def _padded(chunk: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float64]:
    """A last chunk that the episode's end cut short, with its last action repeated up to the agreed length."""
    return np.pad(chunk, ((0, length - len(chunk)), (0, 0)), mode="edge")
