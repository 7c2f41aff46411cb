"""A plug-in for tests: a point on a plane seeks a goal, with 16 × 16 cameras and with mischief on demand.

The environment variable TOY_MISCHIEF holds JSON that says what goes wrong: "<task number>/<index>" → one of `reset`,
`observe`, `act`, `step` (raise there), `nan` (an action that is none), `numb` (proprioception that is none), `quit`
(sys.exit in the policy), `mute` (an exception without words), `spoil` (the policy fails from then on), `segfault`,
`exit`, `hang`, `fork`, `hoard` (memory, until something stops it); and "open/<task number>", "construct" → `raise`,
`exit` or `hang`. "pause" → seconds that every reset takes, "slow" → every step.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from vlabench.adapters.base import Policy
from vlabench.errors import UnknownName
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws, generator
from vlabench.simulators.base import Scene, Simulator, Variant
from vlabench.types import ActionSpace, Decision, EpisodeSpec, Floats, Image, Observation, Outcome, Success, Task

SIZE = 16
STEP = 0.1
NEAR = 0.08
STEP_LIMIT = 20
STARTS = 50
MISCHIEF = "TOY_MISCHIEF"
HOARD = 20
"""Quarters of a GiB, at most."""
SPACE = ActionSpace(("right", "down", "nothing"), (-1.0,) * 3, (1.0,) * 3, (1.0,) * 3, (0.0, 0.0, -1.0), 10)
EVERY: Mapping[int, Mapping[str, Any]] = {severity: {} for severity in range(1, 6)}


def mischief(key: str) -> Any:
    """What goes wrong at `key`, if anything."""
    return json.loads(os.environ.get(MISCHIEF, "{}")).get(key)


def goal(number: int) -> Floats:
    """Where the goal of a task is."""
    found: Floats = generator("toy goal", number).uniform(0.2, 0.8, 2)
    return found


def start(number: int, index: int) -> Floats:
    """Where the point is at the beginning of an episode of a task."""
    found: Floats = generator("toy start", number, index).uniform(0, 1, 2)
    return found


def misbehave(kind: Any) -> None:
    """Do it, if it is one of those that end or stop a process; those leave temporary files behind."""
    if kind in ("segfault", "exit", "hang"):
        tempfile.mkdtemp()
    if kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif kind == "exit":
        print("leaving early", flush=True)
        os._exit(7)
    elif kind == "hang":
        time.sleep(3600)
    elif kind == "fork":
        os.fork()
    elif kind == "hoard":
        hoard: list[Floats] = []
        while len(hoard) < HOARD:
            hoard.append(np.ones(2**28 // 8))
            time.sleep(0.05)
        raise MemoryError("nothing stopped it")
    elif kind == "raise":
        raise RuntimeError("mischief")


class Points(Scene):
    """B points, in the unit square. Actions [B, 3]: a direction in [−1, 1]², and a number that does nothing."""

    action_space = SPACE

    def __init__(self, task: Task, batch: int, cameras: Sequence[str]) -> None:
        self.tasks, self.batch, self.cameras = [task] * batch, batch, tuple(cameras)
        self.goals = np.array([goal(task.number)] * batch)
        self.points = np.zeros((batch, 2))
        self.backdrop: Image = np.full(batch, 40, dtype=np.uint8)
        self.renders = self.steps = self.digests = 0
        self._mischief: list[Any] = [None] * batch

    def place(self, episodes: Sequence[EpisodeSpec]) -> None:
        time.sleep(mischief("pause") or 0.0)
        if len(episodes) > self.batch:
            raise ValueError(f"{len(episodes)} episodes for {self.batch} points")
        self.tasks = [episode.task for episode in episodes]
        self._mischief = [mischief(f"{episode.task.number}/{episode.index}") for episode in episodes]
        for kind in self._mischief:
            misbehave(kind)
        self._fail("reset")
        self.points = np.array([start(e.task.number, e.index) for e in episodes])
        self.goals = np.array([goal(e.task.number) for e in episodes])
        self.steps = 0

    def observe(self) -> Observation:
        self._fail("observe")
        self.renders += 1
        numb = np.array([kind == "numb" for kind in self._mischief])
        felt = np.where(numb[:, None], np.nan, self.points)
        return Observation.now(
            images={camera: np.stack([self._picture(camera, b) for b in range(len(self.points))])
                    for camera in self.cameras},
            proprio=felt.astype(np.float32), instruction=[task.instruction for task in self.tasks], step=self.steps)

    def step(self, actions: Floats) -> Outcome:
        self._fail("step")
        time.sleep(mischief("slow") or 0.0)
        self.points = self.points + STEP * np.clip(actions[:, :2], -1, 1)
        self.steps += 1
        away = np.linalg.norm(self.points - self.goals, axis=1)
        return Outcome(success=away < NEAR, milestones={"close": away < 2 * NEAR})

    def state_digest(self) -> tuple[str, ...]:
        self.digests += 1
        return tuple(hashlib.blake2b(point.tobytes(), digest_size=8).hexdigest() for point in self.points)

    def look_digest(self) -> tuple[str, ...]:
        return tuple(map(str, self.backdrop))

    def slot(self, b: int) -> Scene:
        return One(self, b)

    def save(self) -> Image:
        return self.backdrop.copy()

    def restore(self, saved: Image) -> None:
        self.backdrop = saved.copy()

    def _picture(self, camera: str, b: int) -> Image:
        picture = np.full((SIZE, SIZE, 3), self.backdrop[b], dtype=np.uint8)
        for where, colour in ((self.goals[b], 1), (self.points[b], 0)):
            column, row = np.clip((np.asarray(where) * SIZE).astype(int), 0, SIZE - 1)
            picture[row if camera == "top" else 0, column, colour] = 255
        return picture

    def _fail(self, phase: str) -> None:
        if phase in self._mischief:
            raise ValueError(f"mischief at {phase}")


class One(Points):
    """The view of one point of a batch."""

    def __init__(self, scene: Points, b: int) -> None:
        self.scene, self.b = scene, b

    def push(self, by: Floats) -> None:
        """Move the point."""
        self.scene.points[self.b] += by

    def paint(self, grey: int) -> None:
        """Give what is behind the point another colour."""
        self.scene.backdrop[self.b] = grey


class Pushes(Protocol):
    """A capability: the point can be moved."""

    def push(self, by: Floats) -> None: ...


class Paints(Protocol):
    """A capability: what is behind the point can be painted."""

    def paint(self, grey: int) -> None: ...


class Toy(Simulator):
    """Three tasks that differ in where the goal is; points of any of them can be side by side."""

    task_sets = ("toy_points",)
    packs = ("plain",)
    cameras = ("top", "side")
    action_space = SPACE
    offers = frozenset({Pushes, Paints})
    max_batch = int(os.environ.get("TOY_BATCH", "1"))
    success: ClassVar[Success] = "end" if os.environ.get("TOY_SUCCESS") == "end" else "once"

    def __init__(self, assets: str) -> None:
        super().__init__(assets)

    def check(self, cameras: Sequence[str] = ()) -> None:
        return None

    def tasks(self, task_set: str) -> list[Task]:
        if task_set != "toy_points":
            raise UnknownName("task set", task_set, self.task_sets)
        return [Task("toy", task_set, n, f"seek_{n}", f"seek goal {n}", STEP_LIMIT, STARTS) for n in range(3)]

    def open(self, task: Task, batch: int = 1, cameras: Sequence[str] = (), image_size: int = SIZE,
             privileged: bool = False, variant: Variant = ()) -> Points:
        misbehave(mischief(f"open/{task.number}"))
        return Points(task, batch, cameras)

    def batch_key(self, spec: EpisodeSpec) -> Hashable:
        return "any" if self.max_batch > 1 else spec.task

    def versions(self) -> Mapping[str, str]:
        return {"toy": "0.1"}


class Mute(Exception):
    """Fails when asked what it says."""

    def __str__(self) -> str:
        raise ValueError("no words")


class Seeker(Policy):
    """Heads for the greenest spot of the `top` picture, with noise from its own stream. Chunks of `chunk` actions."""

    def __init__(self, noise: float = 0.0, chunk: int = 4) -> None:
        misbehave(mischief("construct"))
        self.noise, self.chunk = noise, chunk
        self._draws: dict[int, Draws] = {}
        self._looks: dict[int, int] = {}
        self._spoilt = False

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        for slot, own in zip(slots, draws, strict=True):
            self._draws[slot], self._looks[slot] = own, 0

    def act(self, obs: Observation) -> Decision:
        return Decision(np.stack([self._chunk(int(slot), obs.slot(b)) for b, slot in enumerate(obs.slots)]))

    def _chunk(self, slot: int, obs: Observation) -> Floats:
        look = self._looks[slot]
        self._looks[slot] = look + 1
        green = obs.images["top"][0, :, :, 1]
        row, column = np.unravel_index(int(green.argmax()), green.shape)
        away = (np.array([column, row]) + 0.5) / SIZE - obs.proprio[0]
        noise = self._noise(obs) * self._draws[slot].at(look).normal(size=(self.chunk, 2))
        heading = np.clip(away / (STEP * self.chunk), -1, 1) + noise
        return np.concatenate([heading, np.zeros((self.chunk, 1))], axis=1)

    def _noise(self, obs: Observation) -> float:
        number = int(obs.instruction[0].rpartition(" ")[2]) if MISCHIEF in os.environ else 0
        # Which episode it plays it is not told: it knows it by where it starts.
        kinds = [mischief(f"{number}/{index}") for index in range(STARTS if MISCHIEF in os.environ else 0)
                 if np.array_equal(start(number, index).astype(np.float32), obs.proprio[0])]
        kind = kinds[0] if kinds else None
        self._spoilt |= kind == "spoil"
        if self._spoilt:
            raise RuntimeError("an earlier error broke this process")
        if kind == "act":
            raise KeyError("mischief at act")
        if kind == "quit":
            sys.exit(3)
        if kind == "mute":
            raise Mute
        return float("nan") if kind == "nan" else self.noise


class Dark(Perturbation):
    """All pictures darker by a factor that is drawn once an episode."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset(f"images/{camera}" for camera in cameras)

    def realised(self) -> dict[str, Any]:
        return {"by": self._by}

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._by = float(rng.episode().uniform(0.1, 0.9))

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        return obs.replace(images={c: (v * self._by).astype(np.uint8) for c, v in obs.images.items()})

    _by: float = 1.0


class Jolt(Perturbation):
    """Gaussian noise on every action, in units of `sigma`."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = EVERY
    sigma: float = 0.1

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"action"})

    def action(self, action: Floats, step: int, rng: Draws) -> Floats:
        return action + self.sigma * rng.at(step).normal(size=action.shape)


class Idle(Dark):
    """Says that it darkens, and does not."""

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        return obs


class Leak(Dark):
    """Says that it darkens the top camera, and darkens both."""

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset({"images/top"})


class Shy(Dark):
    """Leaves the first picture clean."""

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        return super().observation(obs, step, rng) if step else obs
