"""A policy that lives once: how many looks it answers against what it could, and the memory that copies would take."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.conftest import PLUGIN
from tests.speed.measured import Figure
from vlabench import cards, registry
from vlabench.adapters.base import Actor, Policy
from vlabench.episode.player import Finished, Job
from vlabench.episode.pool import WorkerPool
from vlabench.simulators.base import find_simulator
from vlabench.types import Decision, EpisodeSpec, Observation

WORKERS = 8
LOOK, ROW = 0.050, 0.002
"""Seconds that the policy takes for a batch, and for every row in it."""
EPISODES = 8
"""For each worker, beside the one that it warms up with."""


class Sleeper(Policy):
    """Takes the time that a large policy takes."""

    exact_in_batches = True

    def act(self, obs: Observation) -> Decision:
        time.sleep(LOOK + ROW * len(obs.proprio))
        return Decision(np.zeros((len(obs.proprio), 1, 3)))


def hosting() -> Iterator[Figure]:
    """16: eight workers and one host, on the toy and with nano-sft on LIBERO."""
    possible, reached = WORKERS / (LOOK + ROW * WORKERS), looks_per_second()
    yield Figure(16, "a policy's host: looks answered, against the policy's own batches", reached / possible, "", 0.9,
                 1, f"{reached:.0f} against {possible:.0f} looks/s, {WORKERS} workers of the toy simulator, "
                 f"{1000 * LOOK:.0f} ms a batch and {1000 * ROW:.0f} ms a row")
    copies, hosted = (proportional_memory(host) for host in (False, True))
    yield Figure(16, "memory that a host saves", (copies - hosted) / 1e9, "GB", 1.5, 1,
                 f"{copies / 1e9:.2f} GB with copies, {hosted / 1e9:.2f} with one host: {WORKERS} workers of nano-sft "
                 f"on LIBERO, proportional set size")


def looks_per_second() -> float:
    """Of workers that ask a sleeping policy in every step of full episodes, once all are at work."""
    sys.path.insert(0, str(PLUGIN))
    os.environ["TOY_SUCCESS"] = "end"
    registry.refresh()
    task = find_simulator("toy")("plain").tasks("toy_points")[0]
    specs = [EpisodeSpec(task, "clean", index) for index in range(WORKERS * (EPISODES + 1))]
    job = Job("toy", "plain", Actor(Sleeper, ("top",), 16, 1, hosted=True), {"clean": {}})
    ends, steps = [], []
    with WorkerPool(job, specs, WORKERS, lambda spec: 60.0, lambda text: None) as pool:
        for result in pool.results():
            assert isinstance(result.answer, Finished), result.answer
            ends.append(time.perf_counter())
            steps.append(result.answer.played.steps)
    first = WORKERS - 1  # by then everybody is at work
    return sum(steps[first + 1 :]) / (ends[-1] - ends[first])


def proportional_memory(host: bool) -> int:
    """Bytes of all processes of a pool together, shared pages counted once, while all workers have a scene open."""
    simulator = find_simulator("libero")("primitive")
    task = dataclasses.replace(simulator.tasks("libero_spatial")[0], step_limit=60)
    specs = [EpisodeSpec(task, "clean", index) for index in range(WORKERS)]
    actor = cards.load_policy("nano-sft").actor(host)
    with WorkerPool(Job("libero", "primitive", actor, {"clean": {}}), specs, WORKERS, lambda spec: 600.0,
                    lambda text: None) as pool:
        answers = [result.answer for result in pool.results()]
        assert all(isinstance(answer, Finished) for answer in answers), answers
        return sum(map(_pss, _children(os.getpid())))


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    own = [int(child) for each in tasks.iterdir() for child in (each / "children").read_text().split()]
    return own + [grandchild for child in own for grandchild in _children(child)]


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
