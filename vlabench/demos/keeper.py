"""What is kept of a demonstration while it is played: every frame, what the expert says there, what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.episode import Played
from vlabench.listening import Bools, Keeper
from vlabench.types import Decision, EpisodeSpec, Floats, Observation, Outcome, won

CAMERAS = {"agentview": "agentview_rgb", "wrist": "eye_in_hand_rgb"}
"""Our camera names → LIBERO's names of their pictures."""


@dataclass(frozen=True)
class Demo:
    """One demonstration of T steps of a LIBERO task.

    frames: camera → uint8 [T, H, W, 3], policy-facing orientation. proprio: float32 [T, 8]. labels: float32 [T, 7],
    the expert's action in the state of each frame. executed: float64 [T, 7], what reached the robot. actors: uint8
    [T], who chose it (`adapters.demonstrator`). points: float32 [T, 9], thing, place and waypoint relative to the
    hand (m). pixels: float32 [T, 2, 3, 2], where these points are in the pictures of CAMERAS, [−1, 1] inside, from left
    to right and top to bottom. states: float64 [T, 1 + nq + nv]. joints: float64 [T, 7] (rad). quaternions: float64
    [T, 4] (x, y, z, w) of the hand. success: whether the goal held at the last step. model: the scene in MuJoCo's XML.
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
    states: npt.NDArray[np.float64]
    joints: npt.NDArray[np.float64]
    quaternions: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.float32]
    model: str

    def __len__(self) -> int:
        return len(self.labels)


class DemoKeeper(Keeper):
    """Keeps a Demo of an episode in which a Demonstrator acts, one step at a time."""

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        (self._spec,) = specs
        self._rows: list[dict[str, Any]] = []
        self._executed: list[Floats] = []
        self._model = ""

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        (world,) = received.state or ()
        if not self._model:
            self._model = world.env.sim.model.get_xml()
        self._rows.append({
            **{f"frames/{camera}": received.images[camera][0].copy() for camera in received.images},
            "proprio": received.proprio[0],
            **{name: decision.extras[name][0] for name in ("labels", "actors", "points")},
            "states": world.env.sim.get_state().flatten(),
            "joints": world.arm, "quaternions": world.hand_quaternion,
            "pixels": pixels(world, decision.extras["points"][0].reshape(-1, 3))})

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self._executed.append(executed[0].copy())

    def on_end(self, played: Sequence[Played]) -> None:
        columns = {name: np.stack([row[name] for row in self._rows]) for name in self._rows[0]}
        frames = {name.partition("/")[2]: columns.pop(name) for name in list(columns) if name.startswith("frames/")}
        columns["executed"] = np.stack(self._executed)
        single = ("proprio", "labels", "points", "pixels")
        arrays: dict[str, Any] = {name: column.astype(np.float32) if name in single else column
                                  for name, column in columns.items()}
        self._demo = Demo(index=self._spec.index, seed=self._spec.seed, success=won(played[0]), frames=frames,
                          model=self._model, **arrays)

    @property
    def kept(self) -> Demo:
        """The demonstration."""
        return self._demo


def pixels(world: Any, points: Floats) -> Floats:
    """Where points [n, 3] relative to the hand (m) are in the pictures of CAMERAS, float [2, n, 2]."""
    from vlabench.simulators.libero.scene import CAMERAS as NAMES

    where: Floats = np.stack([world.seen_at(NAMES[camera], points + world.hand.pos) for camera in CAMERAS])
    return where
