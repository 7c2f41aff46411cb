"""The only loop: play a batch of episodes of one task, for evaluation and for training alike."""

from __future__ import annotations

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.adapters.base import Policy
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import choices
from vlabench.simulators.base import Scene
from vlabench.slot import Slot
from vlabench.types import EpisodeRecord, EpisodeSpec, Floats, Observation, Outcome, Phase, Status, Success
from vlabench.wording import counted

Bools = npt.NDArray[np.bool_]


class EpisodeError(Exception):
    """An exception inside an episode, with the phase in which it happened; `__cause__` is the exception itself."""

    def __init__(self, phase: Phase, cause: BaseException) -> None:
        super().__init__(f"{phase}: {type(cause).__name__}: {cause}")
        self.phase: Phase = phase
        self.cause = cause


class Listener:
    """Hears what happens in the loop; every method may be left alone. It may keep the arrays it gets, not change them.

    every_frame: render at every step, the last included, and call `on_frame`; costs what rendering costs.
    """

    every_frame = False

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        """The episodes have been reset and perturbed."""

    def on_look(self, step: int, received: Observation, chunk: Floats, running: Bools) -> None:
        """The policy got this observation and answered with `chunk` [B, T, D]; `running` [B]: not yet finished."""

    def on_clean(self, step: int, clean: Observation) -> None:
        """What the policy would have got at this look without any perturbation; follows `on_look`."""

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        """A control step: actions [B, D] as the policy asked and as they reached the robot; `running` before it."""

    def on_frame(self, step: int, clean: Observation) -> None:
        """The unperturbed pictures of a step, if `every_frame`; at a look it follows `on_look`."""

    def on_end(self, played: Sequence[Played]) -> None:
        """The episodes are over."""


class Keeper(Listener, ABC):
    """A listener that brings something home from an episode: made anew for each, in the process that plays it.

    policy: the one that acts. replan: how many of its actions are executed from one look to the next.
    """

    def __init__(self, policy: Policy, replan: int) -> None:
        self.policy, self.replan = policy, replan

    @property
    @abstractmethod
    def kept(self) -> Any:
        """What to bring home, picklable; asked for after the episode."""


@dataclass(frozen=True)
class Played:
    """What an episode led to; the fields mean what they mean in `EpisodeRecord`."""

    spec: EpisodeSpec
    status: Status
    success_once: bool
    success_at_end: bool
    steps: int
    seconds: float
    instruction: str
    realised: Mapping[str, Any]
    changed: Mapping[str, float]
    changed_first: tuple[str, ...]
    frame: Mapping[str, str]
    state: str
    milestones: Mapping[str, bool]

    def record(self, **known: Any) -> EpisodeRecord:
        """The episode's line for the store; `known`: the fields that an episode does not know, from `policy` on."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "spec"}
        task, condition, index, seed = self.spec.identity
        return EpisodeRecord(task=task, condition=condition, index=index, seed=seed, **own, **known)


def play(
    scene: Scene,
    policy: Policy,
    specs: Sequence[EpisodeSpec],
    perturbations: Sequence[Mapping[str, Perturbation]],
    *,
    replan: int,
    cameras: Sequence[str],
    success: Success = "once",
    listeners: Sequence[Listener] = (),
    clock: Callable[[], float] = time.perf_counter,
) -> list[Played]:
    """Play B episodes of the task that `scene` has open, side by side, one per copy.

    perturbations: per copy, name → perturbation, applied in this order; the name keys the random stream.
    replan: how many actions of a chunk are executed before the policy looks again; a chunk must have that many.
    cameras: the cameras that the policy receives.
    success: the simulator's rule. `once`: an episode ends when its goal first holds; its copy gets null actions until
    the others are done. `end`: every episode runs to the step limit, and what holds then decides.

    The scene is rendered once per executed chunk; beyond that only for a perturbation or a listener that asks.
    Raises EpisodeError for whatever goes wrong on the way; KeyboardInterrupt and SystemExit pass through.
    """
    attempt = Attempt(scene, specs, perturbations, replan=replan, cameras=cameras, success=success,
                      listeners=listeners, clock=clock)
    attempt.start()
    with _phase("reset"):
        policy.reset(range(len(specs)), [choices(spec) for spec in specs])
        for listener in listeners:
            listener.on_start(specs)
    while attempt.going:
        received = attempt.look()
        with _phase("act"):
            chunk = attempt.checked(policy.act(received))
        attempt.answer(received, chunk)
        for asked in np.moveaxis(chunk[:, : attempt.due], 1, 0):
            attempt.step(asked)
            if not attempt.going:
                break
    for listener in listeners:
        listener.on_end(attempt.played())
    return attempt.played()


class Attempt:
    """B episodes under way, driven step by step; the parameters are those of `play`, which drives it with a policy.

    `start`, then for every look: `look`, and `step` as often as `due` said, for as long as it is `going`.
    """

    def __init__(self, scene: Scene, specs: Sequence[EpisodeSpec], perturbations: Sequence[Mapping[str, Perturbation]],
                 *, replan: int, cameras: Sequence[str], success: Success = "once",
                 listeners: Sequence[Listener] = (), clock: Callable[[], float] = time.perf_counter) -> None:
        if not specs or len(perturbations) != len(specs) or replan < 1 or len({spec.task for spec in specs}) != 1:
            raise ValueError("an attempt needs episodes of one task, perturbations for each of them, and replan ≥ 1")
        self.scene, self.specs, self.replan, self.cameras = scene, specs, replan, cameras
        self.success, self.listeners, self.clock = success, listeners, clock
        self.filming = any(listener.every_frame for listener in listeners)
        self.limit = specs[0].task.step_limit
        self.steps = self._next_look = 0
        self.running = np.ones(len(specs), dtype=bool)
        self.once, self.at_end = ~self.running, ~self.running
        self.milestones: dict[str, Bools] = {}
        self.results: dict[int, Played] = {}
        self.began = clock()
        with _phase("reset"):
            self.slots = [Slot(spec, kinds, cameras) for spec, kinds in zip(specs, perturbations, strict=True)]
            self.views = ([scene.slot(b) for b in range(len(specs))]
                          if any(slot.touches_scene for slot in self.slots) else [scene] * len(specs))

    @property
    def going(self) -> bool:
        """Whether an episode is still running."""
        return bool(self.running.any())

    @property
    def due(self) -> int:
        """The number of steps from now to the next look, or to the step limit."""
        return self._next_look - self.steps

    def start(self) -> None:
        """Reset the scene and set the perturbations up."""
        with _phase("reset"):
            self.scene.reset(self.specs)
            for slot in self.slots:
                slot.begin(self.replan, self.cameras)
            self._scene_hooks(range(len(self.slots)), at_start=True)

    def look(self) -> Observation:
        """What the policy receives now: rendered, and perturbed for every copy that is still running."""
        with _phase("observe"):
            self._clean = self.scene.observe()
            received = _merged([slot.look(self._clean.slot(b), self.steps) if self.running[b] else self._clean.slot(b)
                                for b, slot in enumerate(self.slots)], self.steps)
        self._next_look = min(self.steps + self.replan, self.limit)
        return received

    def checked(self, answer: Floats) -> Floats:
        """The policy's answer as float64 [B, T, D], finite where it will be executed. Raises ValueError.

        A shorter chunk than agreed would bring looks forward, of which delays and drops have to know beforehand.
        """
        chunk = np.array(answer, dtype=np.float64)
        copies, size = len(self.slots), len(self.scene.null_action)
        if chunk.ndim != 3 or chunk.shape[0] != copies or chunk.shape[1] < self.due or chunk.shape[2] != size:
            raise ValueError(f"the policy returned actions of shape {list(chunk.shape)}; expected [B, T, D] with "
                             f"B = {copies}, T ≥ {self.due} (`replan` of its card is {self.replan}), D = {size}")
        due = chunk[self.running, : self.due]
        if not np.isfinite(due).all():
            wrong = counted(int((~np.isfinite(due)).sum()), "action value that is not finite",
                            "action values that are not finite")
            raise ValueError(f"the policy returned {wrong} at step {self.steps}")
        return chunk

    def answer(self, received: Observation, chunk: Floats) -> None:
        """Tell the listeners what a look led to."""
        for listener in self.listeners:
            listener.on_look(self.steps, received, chunk, self.running.copy())
            listener.on_clean(self.steps, self._clean)
        self._film(self._clean)

    def step(self, asked: Floats) -> None:
        """One control step with the actions [B, D] that the policy asks for; afterwards `going` may be over."""
        self._execute(asked)
        if self.going and self.due:
            self._between_looks()
        elif self.filming and not self.going:
            with _phase("observe"):
                self._film(self.scene.observe())

    def played(self) -> list[Played]:
        """The results, in the order of the copies."""
        return [self.results[b] for b in range(len(self.slots))]

    def _execute(self, asked: Floats) -> None:
        before = self.running.copy()
        with _phase("step"):
            executed = np.array([slot.act(asked[b], self.steps) if before[b] else self.scene.null_action
                                 for b, slot in enumerate(self.slots)], dtype=np.float64)
            outcome = self.scene.step(executed)
            self.steps += 1
            self.at_end[before] = np.asarray(outcome.success, dtype=bool)[before]
            self.once |= self.at_end
            for name, reached in outcome.milestones.items():
                so_far = self.milestones.setdefault(name, np.zeros_like(before))
                so_far |= before & np.asarray(reached, dtype=bool)
            over = before & (self.once & (self.success == "once") | (self.steps >= self.limit))
            self._scene_hooks(np.flatnonzero(before & ~over), at_start=False)
            self._finish(np.flatnonzero(over))
        for listener in self.listeners:
            listener.on_step(self.steps - 1, asked, executed, outcome, before)

    def _finish(self, copies: npt.NDArray[np.intp]) -> None:
        """Take the results of the episodes that just ended, before null actions move their copies on."""
        states = self.scene.state_digest() if len(copies) else ()
        for b in copies:
            slot = self.slots[b]
            self.running[b] = False
            won = self.once[b] if self.success == "once" else self.at_end[b]
            self.results[int(b)] = Played(
                spec=slot.spec, status="success" if won else "failure", success_once=bool(self.once[b]),
                success_at_end=bool(self.at_end[b]),
                steps=self.steps, seconds=self.clock() - self.began, instruction=slot.instruction,
                realised=slot.realised(), changed=slot.changed(), changed_first=slot.changed_first(),
                frame=slot.frame, state=states[b],
                milestones={name: bool(reached[b]) for name, reached in self.milestones.items()})

    def _between_looks(self) -> None:
        """Render for those who asked: perturbations that need this moment later, and film-makers."""
        with _phase("observe"):
            wanting = [int(b) for b in np.flatnonzero(self.running) if self.slots[b].wants_frame(self.steps)]
            if not wanting and not self.filming:
                return
            clean = self.scene.observe()
            for b in wanting:
                self.slots[b].perturbed(clean.slot(b), self.steps)
        self._film(clean)

    def _film(self, clean: Observation) -> None:
        for listener in self.listeners:
            if listener.every_frame:
                listener.on_frame(self.steps, clean)

    def _scene_hooks(self, copies: Iterable[int], *, at_start: bool) -> None:
        """The perturbations' scene hooks or ticks; notes whether the scene moved where one says that it may move it."""
        for b in copies:
            slot, view = self.slots[b], self.views[b]
            before = self.scene.state_digest()[b] if slot.touches_scene else ""
            if at_start:
                slot.set_up(view)
            else:
                slot.tick(view, self.steps)
            if slot.touches_scene and self.scene.state_digest()[b] != before:
                slot.scene_moved(at_start=at_start)


def _merged(slots: Sequence[Observation], step: int) -> Observation:
    """One observation of B copies, in fresh arrays. `step` is now, whatever the age of the pictures: the age may
    differ between copies, and what a policy gets must not depend on which episodes share its batch."""
    return Observation(
        images={c: np.concatenate([obs.images[c] for obs in slots]) for c in slots[0].images},
        proprio=np.concatenate([obs.proprio for obs in slots]),
        instruction=tuple(obs.instruction[0] for obs in slots),
        step=step,
        state=None if slots[0].state is None else tuple(s for obs in slots for s in obs.state or ()),
    )


@contextmanager
def _phase(name: Phase) -> Iterator[None]:
    """Exceptions inside become EpisodeErrors of this phase."""
    try:
        yield
    except EpisodeError:
        raise
    except Exception as error:
        raise EpisodeError(name, error) from error
