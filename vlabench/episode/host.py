"""A policy that lives once: the process that holds it answers all workers, which have a proxy in its place.

What workers ask within a few milliseconds is one batch for the policy. Each worker's slots are slots of their own to
it, with the draws of their episodes, so what it remembers of one is not another's.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError, connection
from multiprocessing.connection import Connection, Listener, Pipe
from pathlib import Path
from typing import Any

import numpy as np

from vlabench.adapters.base import Actor, Policy
from vlabench.episode.child import Address, parent_of, unready
from vlabench.episode.player import Ready, Renewal, StartFailed, load, told
from vlabench.episode.proxy import at_once
from vlabench.types import ActionSpace, Decision, Observation
from vlabench.util import weights

GATHER = 0.005
"""Seconds at most from the first look that waits until the policy is asked, while some workers have not asked yet."""
FAILURES = 5
"""So many errors in a row of a policy that answered before end its process: it may be broken (a CUDA context never
recovers from a failed assertion), and another one takes its place."""


@dataclass(frozen=True)
class Post:
    """What a host needs to know. address: the socket that it listens at. key: proves that a caller belongs here. read:
    as in Job.
    """

    actor: Actor
    space: ActionSpace
    address: Address
    key: bytes
    read: Mapping[str, tuple[weights.Stamp, str]] = field(default_factory=dict)


def main(handle: int, parent: int) -> None:
    """The life of a host. handle: its end of the pool's pipe. parent: the pool's process id."""
    pool = parent_of(handle, parent)
    with contextlib.suppress(EOFError, BrokenPipeError):
        post = pool.recv()
        assert isinstance(post, Post)
        weights.believe(post.read)
        try:
            policy = post.actor.make()
            policy.configure(post.space)
        except (Exception, SystemExit) as error:
            pool.send(unready(error))
            return
        try:
            if isinstance(post.address, str):
                Path(post.address).unlink(missing_ok=True)  # of a host that died
            with Listener(post.address, authkey=post.key, backlog=64) as door:
                desk = Desk(policy, apart=post.actor.exact and not policy.exact_in_batches)
                arrivals, told_of = Pipe(duplex=False)
                threading.Thread(target=_let_in, args=(door, desk.lines, told_of), daemon=True).start()
                pool.send(Ready())
                while message := desk.serve(pool, arrivals):
                    pool.send(_renewed(policy, message))
        finally:
            policy.close()


def _let_in(door: Listener, lines: list[Connection[Any, Any]], told_of: Connection[Any, Any]) -> None:
    """Takes the calls of workers; says so through `told_of`, as the desk may be waiting for those that it knows."""
    while True:
        with contextlib.suppress(AuthenticationError, EOFError, OSError):
            lines.append(at_once(door.accept()))
            told_of.send(None)


def _renewed(policy: Policy, renewal: Renewal) -> Ready | StartFailed:
    try:
        load(policy, renewal.weights)
    except (Exception, SystemExit) as error:
        return unready(error)
    return Ready()


Look = tuple["Connection[Any, Any]", Observation]


class Desk:
    """Who has called, what they wait for, and which of the policy's slots are theirs.

    lines: to workers. apart: every worker's look is answered by itself, because the policy's answers to others in the
    same batch would change its last bits.
    """

    def __init__(self, policy: Policy, apart: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.lines: list[Connection[Any, Any]] = []
        self._policy, self._apart, self._clock = policy, apart, clock
        self._slots: dict[tuple[Connection[Any, Any], int], int] = {}
        self._looks: list[Look] = []
        self._answered = self._failures = 0

    def serve(self, pool: Connection[Any, Any], arrivals: Connection[Any, Any]) -> Renewal | None:
        """Answer workers until the pool has something to say: new weights. None when it has gone."""
        since = 0.0
        while True:
            patience = max(0.0, since + GATHER - self._clock()) if self._looks else None
            ready = connection.wait([pool, arrivals, *self.lines], patience)
            for line in ready:
                if line is pool:
                    return self._word(pool)
                if line is arrivals:
                    arrivals.recv()
                else:
                    since = self._clock() if not self._looks else since
                    self._hear(line)  # type: ignore[arg-type]
            if self._looks and (self._apart or len(self._looks) >= len(self.lines) or self._clock() >= since + GATHER):
                looks, self._looks = self._looks, []
                self._answer(looks)

    @staticmethod
    def _word(pool: Connection[Any, Any]) -> Renewal | None:
        with contextlib.suppress(EOFError, OSError):
            renewal: Renewal = pool.recv()
            return renewal
        return None

    def _hear(self, line: Connection[Any, Any]) -> None:
        """A worker asks for something, or has gone."""
        try:
            what, *about = line.recv()
        except (EOFError, OSError):
            self.lines.remove(line)
            self._looks = [look for look in self._looks if look[0] is not line]
            self._slots = {key: slot for key, slot in self._slots.items() if key[0] is not line}
            return
        if what == "act":
            self._looks.append((line, about[0]))
            return
        try:
            if what == "settle":
                self._policy.settle()
            else:
                slots, draws = about
                self._policy.reset([self._slot(line, slot) for slot in slots], draws)
        except (Exception, SystemExit) as error:
            _send(line, type(error).__name__, told(error))
        else:
            _send(line, "", None)

    def _slot(self, line: Connection[Any, Any], slot: int) -> int:
        """The policy's slot that is a worker's: the lowest one that nobody has."""
        if (line, slot) not in self._slots:
            taken = set(self._slots.values())
            self._slots[line, slot] = next(number for number in range(len(taken) + 1) if number not in taken)
        return self._slots[line, slot]

    def _answer(self, looks: Sequence[Look]) -> None:
        """What alike workers wait for together, unless that is not allowed; one by one where that fails, to see whose
        fault it is.
        """
        for group in [[look] for look in looks] if self._apart else _alike(looks):
            whole = _together([self._own(*look) for look in group])
            decision, error = self._asked(whole)
            if len(group) > 1 and (error or len(decision.actions) != len(whole.proprio)):
                self._answer_each(group)
            elif error:
                _send(group[0][0], *error)
            else:
                start = 0
                for line, obs in group:
                    rows = slice(start, start := start + len(obs.proprio))
                    _send(line, "", decision if len(group) == 1 else _rows(decision, rows))

    def _answer_each(self, group: Sequence[Look]) -> None:
        for line, obs in group:
            decision, error = self._asked(self._own(line, obs))
            _send(line, *(error or ("", decision)))

    def _own(self, line: Connection[Any, Any], obs: Observation) -> Observation:
        return obs.replace(slots=np.array([self._slot(line, int(slot)) for slot in obs.slots]))

    def _asked(self, obs: Observation) -> tuple[Decision, tuple[str, str] | None]:
        """The policy's answer, in arrays; or an error's name and words. Ends the process after FAILURES."""
        try:
            decision = self._policy.act(obs)
            if not isinstance(decision, Decision):
                raise TypeError(f"the policy returned {type(decision).__name__}; expected vlabench.Decision(actions)")
            found = Decision(np.asarray(decision.actions),
                             {name: np.asarray(value) for name, value in decision.extras.items()})
        except (Exception, SystemExit) as error:
            self._failures += 1
            if self._answered and self._failures >= FAILURES:
                unready(error)
                os._exit(1)
            return Decision(np.zeros((0, 0, 0))), (type(error).__name__, told(error))
        self._answered, self._failures = self._answered + 1, 0
        return found, None


def _send(line: Connection[Any, Any], error: str, answer: Any) -> None:
    with contextlib.suppress(OSError):  # a worker that has gone: the next look at its line says so
        line.send((error, answer))


def _layout(obs: Observation) -> Hashable:
    return (*((camera, pictures.shape[1:], pictures.dtype) for camera, pictures in sorted(obs.images.items())),
            obs.proprio.shape[1:])


def _alike(looks: Sequence[Look]) -> Iterator[list[Look]]:
    """Those whose arrays can be joined."""
    groups: dict[Hashable, list[Look]] = {}
    for look in looks:
        groups.setdefault(_layout(look[1]), []).append(look)
    yield from groups.values()


def _together(parts: Sequence[Observation]) -> Observation:
    if len(parts) == 1:
        return parts[0]
    return Observation(
        images={camera: np.concatenate([part.images[camera] for part in parts]) for camera in parts[0].images},
        proprio=np.concatenate([part.proprio for part in parts]),
        instruction=tuple(text for part in parts for text in part.instruction),
        steps=np.concatenate([part.steps for part in parts]), slots=np.concatenate([part.slots for part in parts]))


def _rows(decision: Decision, rows: slice) -> Decision:
    return Decision(decision.actions[rows], {name: value[rows] for name, value in decision.extras.items()})
