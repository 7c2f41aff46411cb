"""How well a policy does while it is trained: episodes from sampled starts, never those of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from vlabench.cards import find
from vlabench.cards.conditions import CLEAN
from vlabench.cards.policy import PolicyCard
from vlabench.episode.played import Played
from vlabench.episode.player import Finished, Job
from vlabench.episode.pool import WorkerPool
from vlabench.episode.resources import default_time_limit, processes
from vlabench.errors import WorkerError
from vlabench.simulators.base import find_simulator
from vlabench.types import EpisodeSpec, Task
from vlabench.util.progress import Progress

SEED = 1_000_003
"""Of the episodes: no demonstration or rollout has it."""


def trial(policy: PolicyCard, simulator: str, assets: str, tasks: Sequence[Task], episodes: int, *,
          workers: int | None = None, progress: Progress | None = None) -> list[Played]:
    """Play `episodes` episodes of each task without perturbation. Raises UnsupportedError for a policy of another
    simulator, WorkerError if an episode ends in an error.
    """
    find.check_simulator(policy, simulator, find_simulator(simulator))
    progress = progress or Progress()
    specs = [EpisodeSpec(task, CLEAN, index, SEED, sampled=True) for task in tasks for index in range(episodes)]
    job = Job(simulator, assets, policy.actor(), {CLEAN: {}})
    played: list[Played] = []
    progress.start(len(specs), 0)
    try:
        with WorkerPool(job, specs, min(processes(workers), len(specs)), default_time_limit, progress.note) as pool:
            for result in pool.results():
                if not isinstance(result.answer, Finished):
                    raise WorkerError(f"{result.spec.task.key} {result.spec.index}: {result.answer.message}")
                played.append(result.answer.played)
                progress.count(result.spec.condition, result.answer.played)
    finally:
        progress.stop()
    return played
