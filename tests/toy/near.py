"""Workers without processes, where a test needs a WorkerPool and nothing that only a process can do."""

from __future__ import annotations

import time
from multiprocessing.connection import Pipe
from typing import Any, ClassVar

from vlabench.episode.child import HERE, Machines
from vlabench.episode.player import Ended, EpisodePlayer, Job, Ready, Renewal
from vlabench.episode.worker import Worker


class Near(Worker):
    """Answers at once, in this process. died: set it, and the worker is found dead. made: all, for a test to empty."""

    made: ClassVar[list[Near]] = []

    def __init__(self, job: Job, time_limit: float, number: int = 0, machines: Machines = HERE) -> None:
        self.number, self.actor = number, job.actor
        self.ready, self.died, self.batch, self.key, self.renewal = True, False, (), None, None
        self.finished = self.failures = 0
        self.last_words = ""
        self.batches: list[int] = []
        self.limits: list[float] = []
        self.time_limit, self._busy, self._took = time_limit, False, 0.0
        self._since = self.heard = time.monotonic()
        self._stage = EpisodePlayer(job)
        ours, self._theirs = Pipe()
        self.connection: Any = ours
        self.made.append(self)

    @property
    def dead(self) -> bool:
        return self.died

    @property
    def lost(self) -> bool:
        return False

    def kill(self, grace: float = 0.0) -> str:
        self.died = True
        self.connection.close()
        return "was killed by SIGKILL"

    def send(self, message: Any, time_limit: float) -> None:
        self._busy = True
        if isinstance(message, Renewal):
            self._stage.renew(message)
            self._theirs.send(Ready())
            return
        self.batches.append(len(message))
        self.limits.append(time_limit)
        self._theirs.send(Ended(message, self._stage.play(message)))
