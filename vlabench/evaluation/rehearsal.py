"""Two short episodes of a policy, played in both orders: what it returns, how long it takes, what it remembers."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import random
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.adapters.base import Policy
from vlabench.cards.conditions import CLEAN
from vlabench.cards.policy import PolicyCard
from vlabench.episode.listening import Bools, EpisodeCollector
from vlabench.episode.player import Failed, Job
from vlabench.episode.pool import WorkerPool
from vlabench.episode.resources import default_time_limit
from vlabench.errors import VlabenchError, WorkerError
from vlabench.seeding import Draws
from vlabench.simulators.base import Simulator
from vlabench.types import ActionSpace, Decision, EpisodeSpec, Floats, Observation, Outcome, Task
from vlabench.util.frames import print_traceback

STEPS = 60
"""Of each episode: enough for several looks of any policy, and for a simulator that takes 25 ms a step two seconds."""


@dataclass
class Notes:
    """Of one episode. actions: [D] each, as asked for. seconds: of each look. drawn: global generators that moved."""

    actions: list[Floats] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    drawn: set[str] = field(default_factory=set)


class Watched(Policy):
    """A policy whose every answer is timed, and that is seen taking global random numbers."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.notes = Notes()

    def configure(self, space: ActionSpace) -> None:
        super().configure(space)
        self._policy.configure(space)

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        self.notes = Notes()
        with self._watching():
            self._policy.reset(slots, draws)

    def act(self, obs: Observation) -> Decision:
        with self._watching():
            began = time.perf_counter()
            answer = self._policy.act(obs)
            self.notes.seconds.append(time.perf_counter() - began)
        return answer

    def settle(self) -> None:
        with self._watching():
            self._policy.settle()

    def close(self) -> None:
        self._policy.close()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        before = generators()
        try:
            yield
        except (Exception, SystemExit) as error:
            print_traceback(error)
            raise
        after = generators()
        self.notes.drawn |= {name for name, state in before.items() if after[name] != state}


def _watched(make: Callable[[], Policy]) -> Policy:
    return Watched(make())


class Diary(EpisodeCollector):
    """Brings home what was seen of the policy in an episode."""

    asks_policy = True

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        assert isinstance(self.policy, Watched)
        self.policy.notes.actions.append(asked[0].copy())

    @property
    def result(self) -> Notes:
        assert isinstance(self.policy, Watched)
        return self.policy.notes


Play = dict[EpisodeSpec, Notes]


def generators() -> dict[str, str]:
    """Name of a global random generator → a digest of its state, of the libraries that are loaded."""
    states: dict[str, Any] = {"random": random.getstate(), "numpy.random": np.random.get_state()}
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            states["torch.cuda"] = [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]
    return {name: hashlib.blake2b(pickle.dumps(state)).hexdigest() for name, state in states.items()}


def rehearse(card: PolicyCard, stage: tuple[str, Simulator, Sequence[str]],
             say: Callable[[str], None]) -> list[Remark]:
    """Play two episodes of two tasks in one order and, in a fresh process, in the other.

    stage: the simulator's name, the simulator, and the task sets to take the tasks from. Raises VlabenchError where
    nothing can be played.
    """
    name, simulator, task_sets = stage
    tasks = [task for task_set in task_sets for task in simulator.tasks(task_set)]
    specs = [EpisodeSpec(_short(task), CLEAN, index) for index, task in enumerate((tasks * 2)[:2])]
    try:
        simulator.check(card.cameras)
        card.check()
        orders = [_played(card, name, simulator, order, say) for order in (specs, specs[::-1])]
        return [
            *_memory(orders, specs, lambda: _played(card, name, simulator, specs[:1], say)),
            *_ranges(orders, simulator.action_space), *_pace(orders, card, max(task.step_limit for task in tasks))]
    except VlabenchError as error:
        return [Remark(True, str(error))]


def _short(task: Task) -> Task:
    return dataclasses.replace(task, step_limit=min(task.step_limit, STEPS))


def _played(card: PolicyCard, name: str, simulator: Simulator, order: Sequence[EpisodeSpec],
            say: Callable[[str], None]) -> Play:
    """By one worker and one by one, so that the order is the one given. Raises WorkerError at the first error, with
    what the worker printed last.
    """
    actor = card.actor()
    watched = dataclasses.replace(actor, make=partial(_watched, actor.make))
    job = Job(name, simulator.assets, watched, {CLEAN: {}}, Diary, batch=1)
    found: Play = {}
    pool = WorkerPool(job, order, 1, default_time_limit, say)
    try:
        with pool:
            for result in pool.results():
                answer = result.answer
                if isinstance(answer, Failed):
                    raise WorkerError(f"an error in the phase `{answer.phase}`: {answer.error}: {answer.message}")
                found[result.spec] = answer.result
                say(f"{result.spec.task.key}, episode {result.spec.index}: {len(answer.result.actions)} steps in "
                    f"{result.seconds:.1f} s")
    except WorkerError as error:
        printed = textwrap.indent(pool.last_words, "    ")
        raise WorkerError(f"{error}\n  printed last:\n{printed}" if printed else str(error)) from None
    return found


def _memory(orders: Sequence[Play], specs: Sequence[EpisodeSpec], again: Callable[[], Play]) -> list[Remark]:
    """Whether an episode's actions depend on anything but the episode, and on what."""
    drawn = sorted({name for order in orders for notes in order.values() for name in notes.drawn})
    uses = f"it takes numbers from the global generator of {' and of '.join(drawn)}"
    fix = "take random numbers from the `draws` that `reset` gets for each slot"
    step = next((found for spec in specs for found in [_parted(*(order[spec] for order in orders))]
                 if found is not None), None)
    if step is None:
        return [Remark(False, f"{uses}, though its actions did not depend on it here: {fix}")] if drawn else []
    if drawn:
        return [Remark(True, f"{uses}: from step {step} on, an episode's actions depend on what was drawn before\n"
                              f"  fix: {fix}")]
    if _parted(orders[0][specs[0]], again()[specs[0]]) is None:
        return [Remark(True, f"it carries something over from one episode to the next: from step {step} on, its "
                              f"actions depend on which was played first\n  fix: forget all of a slot in `reset`")]
    return [Remark(True, f"its actions are not the same when the same episode is played again (from step {step} on)\n"
                          f"  fix: {fix}; on a GPU, ask the library for deterministic kernels")]


def _parted(first: Notes, second: Notes) -> int | None:
    """The first step at which two plays of an episode differ; None if they do not."""
    differ = (step for step, (a, b) in enumerate(zip(first.actions, second.actions, strict=False))
              if not np.array_equal(a, b))
    shorter = min(len(first.actions), len(second.actions))
    return next(differ, None if len(first.actions) == len(second.actions) else shorter)


def _ranges(orders: Sequence[Play], space: ActionSpace) -> list[Remark]:
    """What the robot would be asked for beyond what it can do."""
    actions: npt.NDArray[np.float64] = np.concatenate(
        [notes.actions for order in orders for notes in order.values()])
    low, high = np.array(space.low), np.array(space.high)
    beyond = (actions < low) | (actions > high)
    remarks = []
    if beyond.any():
        worst = int(np.argmax(np.where(beyond, np.abs(actions), 0.0).max(axis=0)))
        value = actions[np.abs(actions[:, worst]).argmax(), worst]
        remarks.append(Remark(False, f"{100 * beyond.any(axis=1).mean():.0f} % of its actions are clipped: "
                                       f"{space.names[worst]} was {value:g}, outside "
                                       f"[{low[worst]:g}, {high[worst]:g}]"))
    if len(actions) > 1 and (actions == actions[0]).all():
        remarks.append(Remark(False, "all its actions are the same"))
    return remarks


def _pace(orders: Sequence[Play], card: PolicyCard, longest: int) -> list[Remark]:
    """How long a look takes; the first of a process, which loads and compiles, aside."""
    looks = [notes.seconds for order in orders for notes in order.values()]
    first, rest = max(each[0] for each in looks), [second for each in looks for second in each[1:]] or looks[0]
    usual = float(np.median(rest))
    whole = usual * -(-longest // card.replan)
    return [Remark(False, f"a look takes {usual:.3g} s (the first {first:.3g} s), an episode of {longest} steps with "
                           f"a look every {card.replan} about {whole:.3g} s of the policy's time")]


@dataclass(frozen=True)
class Remark:
    """wrong: a run would trip over it; otherwise it is worth knowing. fix: the command, where there is one."""

    wrong: bool
    text: str
