"""The workers of a run: who plays which episode next, and what happens when a worker dies, hangs or cannot start."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import connection
from types import TracebackType

from typing_extensions import Self

from vlabench.episode.child import HERE, Machines
from vlabench.episode.hosting import Hosting
from vlabench.episode.player import Alive, Batch, Ended, Failed, Finished, Job, Ready, Renewal, StartFailed
from vlabench.episode.queue import TaskQueue
from vlabench.episode.worker import Worker
from vlabench.errors import ServerGone, WorkerError
from vlabench.types import EpisodeSpec, Phase

LOSSES = 3
"""So many losses in a row, with no episode finished in between, end a run: of workers, or of tasks that cannot be
opened. Those that die while they have nothing to do are one loss together."""
FAILURES = 3
"""So many errors in a row from a worker that finished episodes before get it replaced: its process may be broken (a
CUDA context never recovers from a failed assertion)."""
DOUBTS = 3
"""So many times in a row at most is an error put down to the error before it in the same process: see
`WorkerPool._doubt`."""
START_LIMIT = 900.0
"""Seconds that a worker may take to import its libraries and load its policy, or new weights."""
_POLL = 0.5  # seconds between looks at the clock and at dead processes whose pipe something else keeps open
_LAST_BREATH = 2.0  # seconds for a worker whose pipe has ended to end itself, so that its own exit status is seen
_GRACE = 5.0  # seconds that a worker gets to close its policy and scene when the work is done


@dataclass(frozen=True)
class Result:
    """What became of an episode, and how long the pool waited for it."""

    spec: EpisodeSpec
    answer: Finished | Failed
    seconds: float


class WorkerPool:
    """Up to `size` workers that play `specs`; a context manager, at whose end no worker is left.

    time_limit: seconds that a worker with this episode may be silent: it opens no scene, resets nothing and makes no
    look or step; of a batch the longest counts. So a hang is noticed as soon with many side by side as with one, and no
    batch is too large for it, whether its copies cost extra or not. option: of the command line, that sets them, if
    one does. machines: where workers live. note: hears what a user should know at once. last_words: the end of what a
    worker printed that was let go at the end; those of one that died were told before.
    """

    def __init__(self, job: Job, specs: Sequence[EpisodeSpec], size: int, time_limit: Callable[[EpisodeSpec], float],
                 note: Callable[[str], None], option: str = "", machines: Machines = HERE) -> None:
        self._option, self.last_words = option, ""
        engine = job.engine()
        self._job, self._time_limit, self._note = job, time_limit, note
        self._size = min(size, engine.max_workers or size)
        self._renewal: Renewal | None = None
        self._machines = machines
        self._hosts = [Hosting(job.actor, engine.action_space, START_LIMIT, machines) for _ in range(
            min(self._size, machines.hosts(job.actor)) if job.hosted else 0)]
        self._agenda = TaskQueue(specs, lambda spec: self._job.key(engine, spec), job.side_by_side(engine), self._size)
        self._workers: list[Worker] = []
        self._losses = self._doubts = 0
        self._gone = ""
        self._ended: deque[Result] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.rest(_GRACE if kind is None else 0.0)
        for hosting in self._hosts:
            hosting.cleanup()

    def _host_of(self, number: int) -> Hosting | None:
        """Whom a worker asks, if the policy does not live in it."""
        return self._hosts[number % len(self._hosts)] if self._hosts else None

    def rest(self, grace: float = _GRACE) -> None:
        """Let all workers go, so that others have their memory; `results` starts new ones. None may be playing."""
        for worker in self._workers:
            worker.close()
        for hosting in self._hosts:
            hosting.close()
        patience = time.monotonic() + grace
        for worker in self._workers:
            worker.kill(max(0.0, patience - time.monotonic()))
            self.last_words = worker.last_words
        for hosting in self._hosts:
            hosting.rest(max(0.0, patience - time.monotonic()))
        self._workers.clear()

    def add(self, specs: Sequence[EpisodeSpec]) -> None:
        """More episodes to play; after the last result of those before, `results` may be asked for again."""
        self._agenda.add(specs)

    def renew(self, renewal: Renewal) -> None:
        """What is added from now on is played by it; only after the last result of what was added before."""
        self._job, self._renewal = replace(self._job, chains=renewal.chains), renewal

    def results(self) -> Iterator[Result]:
        """Play everything; yields in the order in which episodes end. Who stops asking finds in `ended` what is left.

        Raises WorkerError if a worker cannot start or go on, or after LOSSES losses in a row; ServerGone if the
        policy's server is not to be asked any more, after the results of the episodes that were in flight.
        """
        while (len(self._agenda) and not self._gone) or any(worker.batch for worker in self._workers):
            self._replace_dead()
            for hosting in self._hosts:
                self._mind(hosting)
            self._start()
            self._hand_out()
            ready = connection.wait([*(worker.connection for worker in self._workers),
                                     *(each for hosting in self._hosts for each in hosting.connections)], _POLL)
            for worker in list(self._workers):
                if worker.idle:
                    continue
                if worker.connection in ready:
                    yield from self._receive(worker)
                elif worker.late:
                    yield from self._lose(worker, "Timeout")
                elif worker.dead and not worker.connection.poll():
                    yield from self._lose(worker, "WorkerDied")
        if self._gone:
            raise ServerGone(self._gone)

    @property
    def ended(self) -> tuple[Result, ...]:
        """What became of episodes that ended together, from the one on that `results` gave last, or was about to."""
        return tuple(self._ended)

    def _replace_dead(self) -> None:
        """The system may have killed workers while they had nothing to do, all at once if it was short of memory."""
        dead = [worker for worker in self._workers if worker.idle and (worker.dead or worker.connection.poll())]
        for worker in dead:
            how = self._stop(worker, _LAST_BREATH)
            words = worker.last_words
            self._note(f"a worker with nothing to do {how}; another takes its place when there is work"
                       + (f"; its last words:\n{words}" if words else ""))
        if not all(worker.lost for worker in dead):
            self._count_loss(f"workers were lost; the last one {how} with nothing to do", words)

    def _mind(self, hosting: Hosting) -> None:
        """See to it that there is a host. Episodes that were about to ask one that died end in errors."""
        if lost := hosting.mind(self._renewal):
            self._note(f"the policy's process {lost}")
            self._count_loss("the policy's process ended", lost)

    def _start(self) -> None:
        if self._gone:
            return
        idle = sum(not worker.batch for worker in self._workers)
        while len(self._workers) < self._size and idle < self._agenda.batches and self._has_room():
            number = min(set(range(self._size)) - {worker.number for worker in self._workers})
            hosting = self._host_of(number)
            actor = hosting.actor if hosting else replace(self._job.actor, hosted=False)
            self._workers.append(Worker(replace(self._job, actor=actor), START_LIMIT, number, self._machines))
            idle += 1

    def _has_room(self) -> bool:
        """Whether the machines carry another worker. Raises WorkerError if none is left that carries any."""
        room = self._machines.room()
        if room is None or len(self._workers) < room:
            return True
        if not self._workers:
            raise WorkerError("no machine is left that has room for a worker; the same command plays on")
        return False

    def _hand_out(self) -> None:
        if self._gone:
            return
        for worker in list(self._workers):
            hosting = self._host_of(worker.number)
            if not worker.ready or (hosting is not None and not hosting.ready):
                continue
            if hosting is not None and worker.idle and worker.actor is not hosting.actor:
                self._stop(worker)  # it would ask where no host is any more
            elif worker.renewal is not self._renewal and self._renewal is not None:
                worker.renew(self._renewal, START_LIMIT)
            elif not worker.batch:
                others = {other.key for other in self._workers if other is not worker and other.key is not None}
                found = self._agenda.next(worker.key, others)
                if found is not None:
                    key, batch = found
                    worker.give(key, batch, max(map(self._time_limit, batch)))

    def _receive(self, worker: Worker) -> Iterator[Result]:
        answer = worker.take()
        if answer is None:
            yield from self._lose(worker, "WorkerDied")
        elif isinstance(answer, StartFailed):
            what = "take new weights" if worker.renewal else "start"
            raise WorkerError(f"a worker could not {what}: {answer.message}")
        elif isinstance(answer, Ready):
            worker.ready = True
        elif isinstance(answer, Alive):
            pass  # `Worker.take` has noted when
        elif answer.batch != worker.batch:
            yield from self._lose(worker, "WrongEpisode")
        else:
            yield from self._end(worker, answer)

    def _end(self, worker: Worker, answer: Ended) -> Iterator[Result]:
        """Episodes are over, one way or the other."""
        batch, seconds = worker.free()
        error = answer.error
        if error is not None and error.gone:
            self._gone = error.message
        doubtful = error is not None and not self._gone and self._doubt(worker, batch, error.phase)
        broken = doubtful and (len(batch) == 1 or error is not None and error.phase == "open")
        if error is None:
            worker.finished, worker.failures, self._losses = worker.finished + len(batch), 0, 0
            self._doubts = 0 if self._agenda.retried(batch[0]) else self._doubts
        elif error.phase != "open":
            worker.failures += 1
        if doubtful:
            self._agenda.retry(batch)
        else:
            self._ended.extend(Result(spec, result, seconds / len(batch))
                               for spec, result in zip(batch, answer.results, strict=True))
        while self._ended:
            yield self._ended[0]
            self._ended.popleft()
        if self._gone:
            return
        if error is not None and error.phase == "open" and not doubtful:
            yield from self._give_up(worker.key, batch[0], error)
        elif broken or (worker.finished and worker.failures >= FAILURES):
            self._note(f"a worker is replaced after {worker.failures} errors in a row")
            self._stop(worker)

    def _doubt(self, worker: Worker, batch: Batch, phase: Phase) -> bool:
        """Whether an error may be another episode's fault, and this one is to be played again before it is believed.

        In a batch it may be a mate's; and one of them, played alone, may have met a process that was broken by the
        error before, or a scene that only such a process cannot open. DOUBTS in a row, with none of them finished in
        between, tell that it was not so.
        """
        if len(batch) > 1 and phase != "open":
            return True
        alike = phase == "open" or self._agenda.retried(batch[0])
        if not alike or not worker.failures or self._doubts >= DOUBTS:
            return False
        self._doubts += 1
        return True

    def _give_up(self, key: Hashable, first: EpisodeSpec, why: Failed) -> Iterator[Result]:
        """A scene that cannot be opened now cannot be opened for the other episodes of its key either."""
        self._note(f"{first.task.key} cannot be opened: {why.error}: {why.message}")
        for spec in self._agenda.drop(key):
            yield Result(spec, why, 0.0)
        self._count_loss(f"tasks could not be opened, or their workers died; the last: {why.error}: {why.message}", "")

    def _lose(self, worker: Worker, error: str) -> Iterator[Result]:
        """A worker died, or must."""
        batch, seconds = worker.batch, worker.elapsed
        how = self._stop(worker, _LAST_BREATH if error == "WorkerDied" else 0.0)
        if error == "Timeout":
            how = f"gave no answer within {worker.time_limit:g} s and was stopped"
            if self._option and batch:
                how += f" (a slow policy needs more than {self._option} {worker.time_limit:g})"
            if hosting := self._host_of(worker.number):  # it may be what is waited for
                hosting.lose()
        elif error == "WrongEpisode":
            how = "answered for an episode that it had not been given and was stopped (does the policy fork?)"
        where = ", ".join(f"{spec.task.key} {spec.condition} {spec.index}" for spec in batch) or "starting"
        words = worker.last_words
        self._note(f"a worker {how} ({where})" + (f"; its last words:\n{words}" if words else ""))
        if len(batch) > 1 and not self._gone:
            self._agenda.retry(batch)
            return
        for spec in batch:
            yield Result(spec, Failed("worker", error, f"the worker {how}"), seconds / len(batch))
        if not worker.lost:  # one machine's end is the end of many, and the others carry fewer
            self._count_loss(f"workers were lost; the last one {how} ({where})", words)

    def _stop(self, worker: Worker, grace: float = 0.0) -> str:
        self._workers.remove(worker)
        return worker.kill(grace)

    def _count_loss(self, what: str, words: str) -> None:
        self._losses += 1
        if self._losses >= LOSSES:
            raise WorkerError(f"{LOSSES} times in a row, with no episode finished in between, {what}"
                              + (f"\n{words}" if words else ""))
