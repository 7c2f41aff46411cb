"""The real runner against the clock: episodes a second of a run into an empty folder, and what a worker holds."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from vlabench import cards
from vlabench.cards.conditions import Condition, named
from vlabench.cards.policy import PolicyCard
from vlabench.episode.chain import variant_of
from vlabench.episode.child import ENVIRONMENT
from vlabench.episode.loop import Attempt, play
from vlabench.episode.player import EpisodePlayer, Finished, Job
from vlabench.evaluation import plan
from vlabench.evaluation import run as runner
from vlabench.records.store import Store
from vlabench.simulators.base import Simulator
from vlabench.types import Ended, EpisodeRecord, EpisodeSpec, Task, TaskKey
from vlabench.util.progress import Progress

TOGETHER = 0.05
"""Seconds between the ends of episodes that were played side by side, at most."""
_MEMORY = "from tests.speed.playing import peak_memory; print(peak_memory(*{arguments!r}))"


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock time of a call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def processor_seconds(run: Callable[[], object]) -> float:
    """Of all threads of this process in a call: what it costs, whatever else the machine does."""
    start = time.process_time()
    run()
    return time.process_time() - start


class Took(NamedTuple):
    """Seconds of the processor for an episode, and for one of its looks."""

    episode: float
    look: float


@contextlib.contextmanager
def episodes_under(simulator: Simulator, policy: str, condition: Condition, task_set: str, size: int, replan: int,
                   steps: int | None = None) -> Iterator[Callable[[int], Took]]:
    """What an episode takes, by its number, of a task set's first task under a condition; what is loaded once apart.
    A look: what the policy receives, drawn and perturbed. size: of pictures. steps: where it is cut off, by default the
    task's limit.
    """
    player = cards.load_policy(policy).make()
    player.configure(simulator.action_space)
    task, chain = simulator.tasks(task_set)[0], named(condition)
    scene = simulator.open(task, 1, simulator.cameras, size, variant=variant_of(chain))

    def episode(index: int, limit: int) -> Took:
        spec = EpisodeSpec(dataclasses.replace(task, step_limit=limit), condition.name, index)
        with timed(Attempt, "look") as looks:
            whole = processor_seconds(lambda: play(scene, player, [spec], [chain], replan=replan,
                                                   cameras=simulator.cameras, success=simulator.success))
        return Took(whole, statistics.fmean(looks))

    def took(index: int) -> Took:
        episode(index, 1)
        return episode(index, steps or task.step_limit)

    try:
        yield took
    finally:
        scene.close()


@contextlib.contextmanager
def timed(of: type, method: str) -> Iterator[list[float]]:
    """Inside, the seconds of the processor that each call of a class's method takes."""
    found: list[float] = []
    plain = getattr(of, method)

    def call(*arguments: object, **options: object) -> object:
        answer: list[object] = []
        found.append(processor_seconds(lambda: answer.append(plain(*arguments, **options))))
        return answer[0]

    with mock.patch.object(of, method, call):
        yield found


def alternately(repetitions: int, *sides: Callable[[], float]) -> list[float]:
    """The median of each side, measured in turn."""
    found = [[side() for side in sides] for _ in range(repetitions)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


def paired(pairs: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, str]:
    """The median of theirs / ours over neighbouring pairs, as a slow minute slows both; and in words, how they lie.

    What both sides return are milliseconds of an episode.
    """
    found = [(ours(), theirs()) for _ in range(pairs)]
    ratios = sorted(their / our for our, their in found)
    first, middle, last = (ratios[round(share * (pairs - 1))] for share in (0.25, 0.5, 0.75))
    mine, others = (statistics.median(side) for side in zip(*found, strict=True))
    return middle, (f"of {pairs} pairs in turn the middle one, half of them between {first:.3f} and {last:.3f}; "
                    f"{mine:.0f} against {others:.0f} ms of processor time an episode")


class Watch(Progress):
    """Notes when which task's episodes end; those that were played side by side end together."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[float, TaskKey]] = []

    def count(self, condition: str, episode: Ended | None) -> None:
        super().count(condition, episode)
        assert isinstance(episode, EpisodeRecord), "an episode ended in an error"
        now = time.perf_counter()
        if self.ends and now - self.ends[-1][0] < TOGETHER:
            now = self.ends[-1][0]
        self.ends.append((now, episode.task))

    def steady(self, workers: int) -> float:
        """Episodes a second while so many tasks are played, by a worker each: since that many have had an episode,
        until fewer have any left.
        """
        of_task: dict[TaskKey, list[float]] = {}
        for when, task in self.ends:
            of_task.setdefault(task, []).append(when)
        begin = sorted(ends[0] for ends in of_task.values())[workers - 1]
        end = sorted(ends[-1] for ends in of_task.values())[-workers]
        return sum(begin < when <= end for when, _ in self.ends) / (end - begin)


def campaign(policy: PolicyCard, suite_name: str, tasks: Sequence[str], episodes: int, workers: int,
             on: str | None = None) -> tuple[float, float]:
    """Episodes per second on the primitive pack: once every worker is at work (`Watch.steady`), and from the start.
    tasks: at least as many as workers. on: a Ray cluster, as in `run`.
    """
    suite = cards.load_suite(suite_name)
    engine = suite.engine("primitive")
    planned = plan.make(suite, policy, engine, plan.RunOptions(episodes, tuple(tasks)))
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="vlabench-bench-") as folder:
        begin = time.perf_counter()
        runner.run(planned, policy, engine, Store(Path(folder), policy.name, "primitive"), workers=workers,
                   on=on, progress=watch)
    return watch.steady(workers), len(watch.ends) / (watch.ends[-1][0] - begin)


def memory_of_a_worker(policy: str, simulator: str, pack: str, task_set: str) -> int:
    """`peak_memory` of a process of its own."""
    code = _MEMORY.format(arguments=(policy, simulator, pack, task_set))
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **ENVIRONMENT}, capture_output=True,
                          text=True, check=True)
    return int(done.stdout.split()[-1])


def peak_memory(policy: str, simulator: str, pack: str, task_set: str) -> int:
    """Bytes that this process has held at most, after playing as a worker a full batch of each of two tasks."""
    player = EpisodePlayer(Job(simulator, pack, cards.load_policy(policy).actor(), {"clean": {}}))
    for task in player.simulator.tasks(task_set)[:2]:
        short: Task = dataclasses.replace(task, step_limit=60)
        answers = player.play(tuple(EpisodeSpec(short, "clean", index) for index in range(player.simulator.max_batch)))
        assert all(isinstance(answer, Finished) for answer in answers), answers
    # not `getrusage`, whose maximum includes what the parent held when it started this process
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
