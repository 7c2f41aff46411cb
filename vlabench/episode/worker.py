"""A worker process, both ends: `main` plays the episodes it is sent, `Worker` is the pool's handle on it.

It gets a Job, answers Ready, then answers every batch of EpisodeSpecs with Ended, before which it says Alive now and
then, and a Renewal with Ready. It ends when the pipe ends.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from multiprocessing.connection import Connection

from vlabench.episode.child import HERE, Child, Machines, parent_of, unready
from vlabench.episode.player import (
    Alive,
    Answer,
    Batch,
    Ended,
    EpisodePlayer,
    Failed,
    Job,
    Message,
    Ready,
    Renewal,
    StartFailed,
    told,
)
from vlabench.util import weights
from vlabench.util.processes import WORKER

PULSE = 0.5
"""Seconds between two words that episodes get on, at least."""


def main(handle: int, parent: int) -> None:
    """The life of a worker process. handle: its end of the pipe. parent: the pool's process id."""
    connection: Connection[Answer, Message] = parent_of(handle, parent)
    own = os.getpid()
    with contextlib.suppress(EOFError, BrokenPipeError):  # the pool closed its end: no more work
        job = connection.recv()
        assert isinstance(job, Job)
        weights.believe(job.read)
        try:
            player = EpisodePlayer(job, _pulse(connection, own))
        except (Exception, SystemExit) as error:
            connection.send(unready(error))
            return
        _end_copies(own)
        connection.send(Ready())
        try:
            while True:
                answer = _answer(player, connection.recv())
                _end_copies(own)
                _send(connection, answer)
                if isinstance(answer, StartFailed):
                    return
        finally:
            player.close_scene()
            player.policy.close()


def _answer(player: EpisodePlayer, message: Message) -> Answer:
    if not isinstance(message, Renewal):
        assert isinstance(message, tuple)
        return Ended(message, player.play(message))
    try:
        player.renew(message)
    except (Exception, SystemExit) as error:
        return unready(error)
    return Ready()


def _send(connection: Connection[Answer, Message], answer: Answer) -> None:
    """What cannot be pickled is an error of the episodes that brought it home; nothing of it has been sent then."""
    try:
        connection.send(answer)
    except Exception as error:
        if isinstance(error, OSError) or not isinstance(answer, Ended):
            raise
        failed = Failed("collect", type(error).__name__, told(error))
        connection.send(Ended(answer.batch, (failed,) * len(answer.batch)))


def _pulse(connection: Connection[Answer, Message], own: int) -> Callable[[], None]:
    """To be called when episodes have got on; says so to the pool."""
    last = 0.0

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last >= PULSE:
            _end_copies(own)
            last = time.monotonic()
            connection.send(Alive())

    return beat


def _end_copies(own: int) -> None:
    """End this process unless it is `own`: a copy that the policy forked off would answer for episodes, too."""
    if os.getpid() != own:
        os._exit(1)


class Worker(Child):
    """The pool's handle on one worker process.

    number: among those that play side by side, from 0. actor: who acts in it. ready: it answered Ready. renewal: the
    last one that it was given. key: of the batch it last played, whose scene it has open. batch: the episodes in
    flight. finished: episodes it brought to an end. failures: errors in a row since.
    """

    def __init__(self, job: Job, time_limit: float, number: int = 0, machines: Machines = HERE) -> None:
        super().__init__(__name__, "worker", {WORKER: str(number)}, machines=machines)
        self.number, self.actor = number, job.actor
        self.ready = False
        self.renewal: Renewal | None = None
        self.key: Hashable = None
        self.batch: Batch = ()
        self.finished = self.failures = 0
        self.send(replace(job, read=weights.known()), time_limit)

    def free(self) -> tuple[Batch, float]:
        """The batch that it has just answered for, and the seconds that took; none is in flight from now on."""
        batch, self.batch = self.batch, ()
        return batch, self._took

    def give(self, key: Hashable, batch: Batch, time_limit: float) -> None:
        """Hand episodes out; the worker may be silent for `time_limit` seconds until they are over."""
        self.key, self.batch = key, batch
        self.send(batch, time_limit)

    def renew(self, renewal: Renewal, time_limit: float) -> None:
        """Tell it by what to play from now on; it is not ready until it has answered."""
        self.ready, self.renewal = False, renewal
        self.send(replace(renewal, weights=None) if self.actor.hosted else renewal, time_limit)

    def take(self) -> Answer | None:
        """The answer or word that has arrived, or None if the worker died instead."""
        answer: Answer | None = self.receive()
        if isinstance(answer, Alive):
            self.heard = time.monotonic()
        elif answer is not None:
            self.answered()
        return answer
