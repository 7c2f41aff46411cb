"""The workers of a run: who plays which episode next, and what happens when a worker dies, hangs or cannot start."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import connection
from types import TracebackType

from typing_extensions import Self

from vlabench.errors import WorkerError
from vlabench.stage import Batch, Done, Ended, Failed, Job, Ready, Renewal, Unready
from vlabench.types import EpisodeSpec
from vlabench.worker import Worker

LOSSES = 3
"""So many workers lost in a row, with no episode finished in between, end a run."""
FAILURES = 3
"""So many errors in a row from a worker that finished episodes before get it replaced: its process may be broken (a
CUDA context never recovers from a failed assertion)."""
START_LIMIT = 900.0
"""Seconds that a worker may take to import its libraries and load its policy, or new weights."""
_POLL = 0.5  # seconds between looks at the clock and at dead processes whose pipe something else keeps open
_LAST_BREATH = 2.0  # seconds for a worker whose pipe has ended to end itself, so that its own exit status is seen
_GRACE = 5.0  # seconds that a worker gets to close its policy and scene when the work is done


@dataclass(frozen=True)
class Result:
    """What became of an episode, and how long the runner waited for it."""

    spec: EpisodeSpec
    answer: Done | Failed
    seconds: float


class Agenda:
    """The episodes still to be handed out, in batches of at most `size` episodes that share a key."""

    def __init__(self, specs: Sequence[EpisodeSpec], key: Callable[[EpisodeSpec], Hashable], size: int = 1) -> None:
        self._queues: dict[Hashable, deque[EpisodeSpec]] = {}
        self._single: set[EpisodeSpec] = set()
        self._key, self._size = key, size
        self.add(specs)

    def add(self, specs: Sequence[EpisodeSpec]) -> None:
        """More episodes, each after those of its key."""
        for spec in specs:
            self._queues.setdefault(self._key(spec), deque()).append(spec)

    def retry(self, batch: Batch) -> None:
        """Episodes of a batch that went wrong, to be played next and one by one: to see which of them it was."""
        self._single.update(batch)
        self._queues.setdefault(self._key(batch[0]), deque()).extendleft(reversed(batch))

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def next(self, mine: Hashable, others: Collection[Hashable], workers: int = 1) -> tuple[Hashable, Batch] | None:
        """The key and the next batch for a worker that has the scene of `mine` open, while others have `others` open.

        No batch is larger than an equal share of all that is left for each of `workers`.

        Of its own key while there are any; else of a key that nobody has open; else a share of the one that has most
        left, unless that is a single batch, which its owner plays sooner than a second scene is open.
        """
        left = {key: queue for key, queue in self._queues.items() if queue}
        if mine not in left:
            free = [key for key in left if key not in others]
            mine = free[0] if free else max(left, key=lambda key: len(left[key]), default=None)
            if mine is None or (not free and len(left[mine]) <= self._size):
                return None
        return mine, self._take(left[mine], min(self._size, -(-len(self) // workers)))

    def _take(self, queue: deque[EpisodeSpec], size: int) -> Batch:
        batch = [queue.popleft()]
        while queue and len(batch) < size and not self._single & {batch[0], queue[0]}:
            batch.append(queue.popleft())
        return tuple(batch)

    def drop(self, key: Hashable) -> list[EpisodeSpec]:
        """Take all that is left of a key."""
        return list(self._queues.pop(key, ()))


class Crew:
    """Up to `size` workers that play `specs`; a context manager, at whose end no worker is left.

    time_limit: seconds for an episode, opening its scene included. option: of the command line, that sets them, if one
    does. note: hears what a user should know at once.
    """

    def __init__(self, job: Job, specs: Sequence[EpisodeSpec], size: int, time_limit: Callable[[EpisodeSpec], float],
                 note: Callable[[str], None], option: str = "") -> None:
        self._option = option
        self._job, self._size, self._time_limit, self._note = job, size, time_limit, note
        self._renewal: Renewal | None = None
        engine = job.engine()
        self._agenda = Agenda(specs, lambda spec: self._job.key(engine, spec), job.side_by_side(engine))
        self._workers: list[Worker] = []
        self._losses = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for worker in self._workers:
            worker.dismiss()
        patience = time.monotonic() + (_GRACE if kind is None else 0.0)
        for worker in self._workers:
            worker.kill(max(0.0, patience - time.monotonic()))

    def add(self, specs: Sequence[EpisodeSpec]) -> None:
        """More episodes to play; after the last result of those before, `results` may be asked for again."""
        self._agenda.add(specs)

    def renew(self, renewal: Renewal) -> None:
        """What is added from now on is played by it; only after the last result of what was added before."""
        self._job, self._renewal = replace(self._job, chains=renewal.chains), renewal

    def results(self) -> Iterator[Result]:
        """Play everything; yields in the order in which episodes end.

        Raises WorkerError if a worker cannot start, or LOSSES in a row are lost.
        """
        while len(self._agenda) or any(worker.batch for worker in self._workers):
            self._hire()
            self._hand_out()
            ready = connection.wait([worker.connection for worker in self._workers], _POLL)
            for worker in list(self._workers):
                if worker.connection in ready:
                    yield from self._hear(worker)
                elif worker.late:
                    yield from self._lose(worker, "Timeout")
                elif worker.dead and not worker.connection.poll():
                    yield from self._lose(worker, "WorkerDied")

    def _hire(self) -> None:
        idle = sum(not worker.batch for worker in self._workers)
        while len(self._workers) < self._size and idle < len(self._agenda):
            self._workers.append(Worker(self._job, START_LIMIT))
            idle += 1

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.ready and worker.renewal is not self._renewal and self._renewal is not None:
                worker.renew(self._renewal, START_LIMIT)
            elif worker.ready and not worker.batch:
                others = {other.key for other in self._workers if other is not worker and other.key is not None}
                found = self._agenda.next(worker.key, others, self._size)
                if found is not None:
                    key, batch = found
                    worker.give(key, batch, sum(map(self._time_limit, batch)))

    def _hear(self, worker: Worker) -> Iterator[Result]:
        answer = worker.take()
        if answer is None:
            yield from self._lose(worker, "WorkerDied")
        elif isinstance(answer, Unready):
            what = "take new weights" if worker.renewal else "start"
            raise WorkerError(f"a worker could not {what}: {answer.message}")
        elif isinstance(answer, Ready):
            worker.ready = True
        elif answer.batch != worker.batch:
            yield from self._lose(worker, "WrongEpisode")
        else:
            yield from self._end(worker, answer)

    def _end(self, worker: Worker, answer: Ended) -> Iterator[Result]:
        """Episodes are over, one way or the other."""
        batch, seconds = worker.free()
        for spec, result in zip(batch, answer.results, strict=True):
            yield Result(spec, result, seconds / len(batch))
            if isinstance(result, Done):
                worker.finished, worker.failures, self._losses = worker.finished + 1, 0, 0
            elif result.phase != "open":
                worker.failures += 1
        closed = next(((spec, each) for spec, each in zip(batch, answer.results, strict=True)
                       if isinstance(each, Failed) and each.phase == "open"), None)
        if closed is not None:
            yield from self._give_up(worker.key, *closed)
        elif worker.finished and worker.failures >= FAILURES:
            self._note(f"a worker is replaced after {worker.failures} errors in a row")
            self._dismiss(worker)

    def _give_up(self, key: Hashable, first: EpisodeSpec, why: Failed) -> Iterator[Result]:
        """A scene that cannot be opened now cannot be opened for the other episodes of its key either."""
        self._note(f"{first.task.key} cannot be opened: {why.error}: {why.message}")
        for spec in self._agenda.drop(key):
            yield Result(spec, why, 0.0)
        self._count_loss(f"tasks could not be opened, or their workers died; the last: {why.error}: {why.message}", "")

    def _lose(self, worker: Worker, error: str) -> Iterator[Result]:
        """A worker died, or must."""
        batch, seconds = worker.batch, worker.elapsed
        how = self._dismiss(worker, _LAST_BREATH if error == "WorkerDied" else 0.0)
        if error == "Timeout":
            how = f"gave no answer within {worker.time_limit:g} s and was stopped"
            if self._option and batch:
                how += f" (a slow policy needs more than {self._option} {worker.time_limit / len(batch):g})"
        elif error == "WrongEpisode":
            how = "answered for an episode that it had not been given and was stopped (does the policy fork?)"
        where = ", ".join(f"{spec.task.key} {spec.condition} {spec.index}" for spec in batch) or "starting"
        words = worker.last_words
        self._note(f"a worker {how} ({where})" + (f"; its last words:\n{words}" if words else ""))
        if len(batch) > 1:
            self._agenda.retry(batch)
            return
        for spec in batch:
            yield Result(spec, Failed("worker", error, f"the worker {how}"), seconds)
        self._count_loss(f"workers were lost; the last one {how} ({where})", words)

    def _dismiss(self, worker: Worker, grace: float = 0.0) -> str:
        self._workers.remove(worker)
        return worker.kill(grace)

    def _count_loss(self, what: str, words: str) -> None:
        self._losses += 1
        if self._losses >= LOSSES:
            raise WorkerError(f"{LOSSES} times in a row, with no episode finished in between, {what}"
                              + (f"\n{words}" if words else ""))
