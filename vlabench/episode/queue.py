"""The episodes that are still to be played, and which of them a worker gets next."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence

from vlabench.episode.player import Batch
from vlabench.types import EpisodeSpec


class TaskQueue:
    """The episodes still to be handed out, in batches of at most `size` episodes that share a key.

    Of as few rounds of `workers` batches as the size allows, all batches are equally large, as far as keys allow.
    """

    def __init__(self, specs: Sequence[EpisodeSpec], key: Callable[[EpisodeSpec], Hashable], size: int = 1,
                 workers: int = 1) -> None:
        self._queues: dict[Hashable, deque[EpisodeSpec]] = {}
        self._single: set[EpisodeSpec] = set()
        self._key, self._size, self._workers = key, size, workers
        self.add(specs)

    def add(self, specs: Sequence[EpisodeSpec]) -> None:
        """More episodes, each after those of its key."""
        for spec in specs:
            self._queues.setdefault(self._key(spec), deque()).append(spec)
        rounds = max(1, math.ceil(len(self) / (self._size * self._workers)))
        self._share = max(1, math.ceil(len(self) / (rounds * self._workers)))

    def retry(self, batch: Batch) -> None:
        """Episodes of a batch that went wrong, to be played next and one by one: to see which of them it was."""
        self._single.update(batch)
        self._queues.setdefault(self._key(batch[0]), deque()).extendleft(reversed(batch))

    def retried(self, spec: EpisodeSpec) -> bool:
        """Whether the episode was in a batch that went wrong."""
        return spec in self._single

    @property
    def batches(self) -> int:
        """How many workers there is something to do for."""
        single = [sum(spec in self._single for spec in queue) for queue in self._queues.values()]
        return sum(alone + math.ceil((len(queue) - alone) / self._share)
                   for alone, queue in zip(single, self._queues.values(), strict=True))

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def next(self, mine: Hashable, others: Collection[Hashable]) -> tuple[Hashable, Batch] | None:
        """The key and the next batch for a worker that has the scene of `mine` open, while others have `others` open.

        Of its own key while there are any; else of a key that nobody has open; else of the one that has most left,
        unless that is a single episode, which its owner plays sooner than a second scene is open.
        """
        left = {key: queue for key, queue in self._queues.items() if queue}
        if mine not in left:
            free = [key for key in left if key not in others]
            mine = free[0] if free else max(left, key=lambda key: len(left[key]), default=None)
            if mine is None or (not free and len(left[mine]) == 1):
                return None
        return mine, self._take(left[mine])

    def _take(self, queue: deque[EpisodeSpec]) -> Batch:
        batch = [queue.popleft()]
        while queue and len(batch) < self._share and not self._single & {batch[0], queue[0]}:
            batch.append(queue.popleft())
        return tuple(batch)

    def drop(self, key: Hashable) -> list[EpisodeSpec]:
        """Take all that is left of a key."""
        return list(self._queues.pop(key, ()))
