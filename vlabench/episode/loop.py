"""The only loop: play a batch of episodes side by side in one scene, for evaluation and for training alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.adapters.base import Policy
from vlabench.episode.chain import EpisodeChain
from vlabench.episode.listening import Bools, Listener
from vlabench.episode.played import Played
from vlabench.errors import words_of
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import choices
from vlabench.simulators.base import Scene
from vlabench.types import Decision, EpisodeSpec, Floats, Observation, Phase, Success
from vlabench.util.text import counted

LARGEST = 1e6
"""Of an action's values. Beyond, it is the policy that fails, not a perturbation whose arithmetic overflows."""


class EpisodeError(Exception):
    """An exception inside an episode, with the phase in which it happened; `__cause__` is the exception itself."""

    def __init__(self, phase: Phase, cause: BaseException) -> None:
        super().__init__(f"{phase}: {type(cause).__name__}: {words_of(cause)}")
        self.phase: Phase = phase
        self.cause = cause


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
    """Play B episodes side by side, one per copy of the scene; it was opened for their `Simulator.batch_key`.

    perturbations: per copy, name → perturbation, applied in this order; the name keys the random stream.
    replan: how many actions of a chunk are executed before the policy looks again; a chunk must have that many.
    cameras: the cameras that the policy receives.
    success: the simulator's rule. `once`: an episode ends when its goal first holds; its copy gets null actions until
    the others are done. `end`: every episode runs to the step limit, and what holds then decides.

    The scene is rendered once per executed chunk; beyond that only for a perturbation or a listener that asks.
    Raises EpisodeError for whatever goes wrong on the way, `sys.exit` in a policy included; KeyboardInterrupt passes.
    """
    attempt = Attempt(scene, specs, perturbations, replan=replan, cameras=cameras, success=success,
                      listeners=listeners, clock=clock)
    attempt.start()
    with phase("reset"):
        policy.reset(range(len(specs)), [choices(spec) for spec in specs])
    with phase("collect"):
        for listener in listeners:
            if listener.asks_scene:
                listener.on_scene(scene)
            listener.on_start(specs)
    while attempt.going:
        received = attempt.look()
        with phase("act"):
            running = attempt.running
            decision = attempt.checked(policy.act(
                received if running.all() else received.rows(np.flatnonzero(running).tolist())))
        attempt.answer(received, decision)
        for at in range(attempt.due):
            attempt.step(decision.actions[:, at])
            if not attempt.going:
                break
    with phase("collect"):
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
        if not specs or len(perturbations) != len(specs) or replan < 1:
            raise ValueError("an attempt needs episodes, perturbations for each of them, and replan ≥ 1")
        self.scene, self.specs, self.replan, self.cameras = scene, specs, replan, cameras
        self.success, self.listeners, self.clock = success, listeners, clock
        self.filming = any(listener.every_frame for listener in listeners)
        self.limits = np.array([spec.task.step_limit for spec in specs])
        self.steps = self._next_look = 0
        self.running = np.ones(len(specs), dtype=bool)
        self.going = True  # whether an episode is still running
        self.once, self.at_end = ~self.running, ~self.running
        self.milestones: dict[str, Bools] = {}
        self.results: dict[int, Played] = {}
        self._since, self._seconds = clock(), np.zeros(len(specs))
        with phase("reset"):
            self.slots = [EpisodeChain(spec, kinds, cameras) for spec, kinds in zip(specs, perturbations, strict=True)]
            self._touched = [b for b, slot in enumerate(self.slots) if slot.touches_scene]
        self.views: Sequence[Scene] = [scene] * len(specs)

    @property
    def due(self) -> int:
        """The number of steps from now to the next look, or to the step limit."""
        return self._next_look - self.steps

    def start(self) -> None:
        """Place what the scenes hold, perturb them, and let them settle."""
        with phase("reset"):
            self.scene.renew()
            self.scene.place(self.specs)
            for slot, text in zip(self.slots, self.scene.instructions() or (), strict=False):
                slot.instruction = text
            if self._touched:
                self.scene.touch()
                self.views = [self.scene.slot(b) for b in range(len(self.specs))]
            for slot in self.slots:
                slot.begin(self.replan, self.cameras, self.scene.action_space)
            with self._moving(self._touched, self.scene.plain_digest() if self._touched else (), at_start=True):
                for slot, view in zip(self.slots, self.views, strict=True):
                    slot.set_up(view)
            self.scene.settle()

    def look(self) -> Observation:
        """What the policy receives now: rendered, and perturbed for every copy that is still running."""
        with phase("observe"):
            self._clean = self.scene.observe()
            received = _merged([slot.look(self._clean.slot(b), self.steps) if self.running[b] else self._clean.slot(b)
                                for b, slot in enumerate(self.slots)], self.steps)
        self._next_look = min(self.steps + self.replan, int(self.limits[self.running].max()))
        return received

    def checked(self, answer: Decision) -> Decision:
        """The policy's answer for the copies that still run, spread over all: actions float64 [B, T, D].

        Raises TypeError; ValueError unless actions are real numbers within ±LARGEST where they will be executed. A
        shorter chunk than agreed would bring looks forward, of which delays and drops have to know beforehand.
        """
        if not isinstance(answer, Decision):
            raise TypeError(f"the policy returned {type(answer).__name__}; expected vlabench.Decision(actions)")
        given = np.asarray(answer.actions)
        if given.dtype.kind not in "fiu":
            raise ValueError(f"the policy returned actions of type {given.dtype}; expected real numbers")
        chunk = np.array(given, dtype=np.float64)
        copies, size = int(self.running.sum()), self.scene.action_space.size
        if chunk.ndim != 3 or chunk.shape[0] != copies or chunk.shape[1] < self.due or chunk.shape[2] != size:
            raise ValueError(f"the policy returned actions of shape {list(chunk.shape)}; expected [B, T, D] with "
                             f"B = {copies}, T ≥ {self.due} (`replan` of its card is {self.replan}), D = {size}")
        due = chunk[:, : self.due]
        if not np.isfinite(due).all():
            wrong = counted(int((~np.isfinite(due)).sum()), "action value that is not finite",
                            "action values that are not finite")
            raise ValueError(f"the policy returned {wrong} at step {self.steps}")
        if np.abs(due).max(initial=0.0) > LARGEST:
            raise ValueError(f"the policy returned an action value of {due.flat[np.abs(due).argmax()]:g} at step "
                             f"{self.steps}; no robot has a use for more than ±{LARGEST:g}")
        extras = {name: np.asarray(value) for name, value in answer.extras.items()}
        for name, value in extras.items():
            if value.shape[:1] != (copies,):
                raise ValueError(f"the policy returned the extra {name!r} of shape {list(value.shape)}; expected one "
                                 f"entry for each of {copies} copies")
        if copies == len(self.slots):
            return Decision(chunk, extras)
        spread = np.empty((len(self.slots), *chunk.shape[1:]))
        spread[:] = self.scene.null_action
        spread[self.running] = chunk
        return Decision(spread, {name: self._spread(value) for name, value in extras.items()})

    def _spread(self, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What is known of the running copies, with zeros for the others."""
        found = np.zeros((len(self.slots), *value.shape[1:]), value.dtype)
        found[self.running] = value
        return found

    def answer(self, received: Observation, decision: Decision) -> None:
        """Tell the listeners what a look led to."""
        with phase("collect"):
            for listener in self.listeners:
                listener.on_look(self.steps, received, decision, self.running.copy())
                listener.on_clean(self.steps, self._clean)
        self._film(self._clean)

    def step(self, asked: Floats) -> None:
        """One control step with the actions [B, D] that the policy asks for; afterwards `going` may be over."""
        self._execute(asked)
        if self.going and self.due:
            self._between_looks()
        elif self.filming and not self.going:
            with phase("observe"):
                self._film(self.scene.observe())

    def played(self) -> list[Played]:
        """The results, in the order of the copies."""
        return [self.results[b] for b in range(len(self.slots))]

    def _execute(self, asked: Floats) -> None:
        before = self.running.copy()
        with phase("step"):
            executed = np.array([slot.act(asked[b], self.steps) if before[b] else self.scene.null_action
                                 for b, slot in enumerate(self.slots)], dtype=np.float64)
            outcome = self.scene.step(executed)
            self.steps += 1
            self.at_end = np.where(before, np.asarray(outcome.success, dtype=bool), self.at_end)
            self.once |= self.at_end
            for name, reached in outcome.milestones.items():
                self.milestones[name] = self.milestones.get(name, False) | before & np.asarray(reached, dtype=bool)
            over = self.steps >= self.limits
            if self.success == "once":
                over |= self.once
            self._end_step((before & over).nonzero()[0])
        with phase("collect"):
            for listener in self.listeners:
                listener.on_step(self.steps - 1, asked, executed, outcome, before)

    def _end_step(self, over: npt.NDArray[np.intp]) -> None:
        """The results of those that just ended, and mid-episode events of those that go on."""
        going = [b for b in self._touched if self.running[b] and b not in over]
        movable = [b for b in going if self.slots[b].may_move(self.steps)]
        states = self._states(bool(len(over) or movable))
        if len(over):
            self._finish(over, states)
        if not going:
            return
        with self._moving(movable, states, at_start=False):
            for b in going:
                self.slots[b].tick(self.views[b], self.steps)

    def _finish(self, copies: npt.NDArray[np.intp], states: Sequence[str]) -> None:
        """Take the results of the episodes that just ended, before null actions move their copies on."""
        now = self.clock()
        self._seconds[self.running] += (now - self._since) / self.running.sum()  # what they shared since the last end
        self._since = now
        self.running[copies] = False
        self.going = bool(self.running.any())
        for b in copies:
            slot = self.slots[b]
            won = self.once[b] if self.success == "once" else self.at_end[b]
            self.results[int(b)] = Played(
                spec=slot.spec, status="success" if won else "failure", success_once=bool(self.once[b]),
                success_at_end=bool(self.at_end[b]),
                steps=self.steps, seconds=float(self._seconds[b]), instruction=slot.instruction,
                realised=slot.realised(), changed=slot.changed(), changed_first=slot.changed_first(),
                frame=slot.frame, state=states[b],
                milestones={name: bool(reached[b]) for name, reached in self.milestones.items()})

    def _between_looks(self) -> None:
        """Render for those who asked: perturbations that need this moment later, and collectors of frames."""
        with phase("observe"):
            wanting = [b for b, slot in enumerate(self.slots) if self.running[b] and slot.wants_frame(self.steps)]
            if not wanting and not self.filming:
                return
            clean = self.scene.observe()
            for b in wanting:
                self.slots[b].perturbed(clean.slot(b), self.steps)
        self._film(clean)

    def _film(self, clean: Observation) -> None:
        with phase("collect"):
            for listener in self.listeners:
                if listener.every_frame:
                    listener.on_frame(self.steps, clean)

    def _states(self, wanted: bool) -> Sequence[str]:
        """The digests of now, which cost something."""
        return self.scene.state_digest() if wanted else ()

    @contextmanager
    def _moving(self, copies: Sequence[int], before: Sequence[str], *, at_start: bool) -> Iterator[None]:
        """Notes which of these copies are in another state afterwards than before, and which look otherwise; without
        any, no digest is made."""
        looked = self.scene.look_digest() if copies else ()
        yield
        if not copies:
            return
        after, looks = self._states(True), self.scene.look_digest()
        for b in copies:
            if before[b] != after[b]:
                self.slots[b].scene_moved(at_start=at_start)
            if looked and looked[b] != looks[b]:
                self.slots[b].look_changed(at_start=at_start)


def _merged(slots: Sequence[Observation], step: int) -> Observation:
    """One observation of B copies, in fresh arrays. The steps are those of now, whatever the age of the pictures."""
    return Observation.now(
        images={c: np.concatenate([obs.images[c] for obs in slots]) for c in slots[0].images},
        proprio=np.concatenate([obs.proprio for obs in slots]),
        instruction=tuple(obs.instruction[0] for obs in slots),
        step=step,
        state=None if slots[0].state is None else tuple(s for obs in slots for s in obs.state or ()),
    )


class phase:  # noqa: N801 - a context manager, entered several times a step
    """Exceptions inside become EpisodeErrors of this phase."""

    def __init__(self, name: Phase) -> None:
        self.name: Phase = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # SystemExit and the cancellations of event loops, too, are no `Exception`
        if error is not None and not isinstance(error, (EpisodeError, KeyboardInterrupt, GeneratorExit)):
            raise EpisodeError(self.name, error) from error
