"""What is kept of a demonstration while it is played: every frame, what the expert says there, what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.played import Played
from vlabench.types import Decision, EpisodeSpec, Floats, Observation, Outcome, won


@dataclass(frozen=True)
class Demo:
    """One demonstration of T steps of a task.

    frames: camera → uint8 [T, H, W, 3], policy-facing orientation. proprio: float32 [T, P]. labels: float32 [T, D],
    the expert's action in the state of each frame. executed: float64 [T, D], what reached the robot. actors: uint8
    [T], who chose it (`adapters.demonstrator`). points: float32 [T, 3 K], the simulator's `points` relative to the
    hand (m). told: name → [T, …], what the simulator tells of each frame beside (`Advises.told`). success: whether the
    goal held at the last step. model: the scene's source.
    """

    index: int
    seed: int
    success: bool
    frames: dict[str, npt.NDArray[np.uint8]]
    proprio: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    executed: npt.NDArray[np.float64]
    actors: npt.NDArray[np.uint8]
    points: npt.NDArray[np.float32]
    told: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    model: str = ""

    def __len__(self) -> int:
        return len(self.labels)


class DemoCollector(EpisodeCollector):
    """Keeps a Demo of an episode in which a Demonstrator acts, one step at a time."""

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        (self._spec,) = specs
        self._rows: list[dict[str, Any]] = []
        self._executed: list[Floats] = []
        self._model = ""

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        (world,) = received.state or ()
        if not self._model:
            self._model = world.source()
        self._rows.append({
            **{f"frames/{camera}": received.images[camera][0].copy() for camera in received.images},
            "proprio": received.proprio[0],
            **{name: decision.extras[name][0] for name in ("labels", "actors", "points")},
            **{f"told/{name}": value for name, value in world.told(decision.extras["points"][0]).items()}})

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._executed.append(executed[0].copy())

    def on_end(self, played: Sequence[Played]) -> None:
        columns = {name: np.stack([row[name] for row in self._rows]) for name in self._rows[0]}
        frames, told = ({name.partition("/")[2]: columns.pop(name) for name in list(columns) if name.startswith(kind)}
                        for kind in ("frames/", "told/"))
        columns["executed"] = np.stack(self._executed)
        arrays: dict[str, Any] = {name: column.astype(np.float32) if name in ("proprio", "labels", "points") else column
                                  for name, column in columns.items()}
        self._demo = Demo(index=self._spec.index, seed=self._spec.seed, success=won(played[0]), frames=frames,
                          told=told, model=self._model, **arrays)

    @property
    def result(self) -> Demo:
        """The demonstration."""
        return self._demo
