"""A policy that lives once: looks that it answers, the memory that copies would take, and what a server adds."""

from __future__ import annotations

import dataclasses
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.conftest import PLUGIN
from tests.speed.measured import Figure
from tests.speed.playing import seconds
from vlabench import cards, registry
from vlabench.adapters.base import Actor, Policy
from vlabench.adapters.wire.shaping import probe
from vlabench.episode.player import Finished, Job
from vlabench.episode.pool import WorkerPool
from vlabench.errors import MissingExtra
from vlabench.seeding import Draws
from vlabench.serving.serve import serving
from vlabench.simulators.base import find_simulator
from vlabench.types import Decision, EpisodeSpec, Observation

WORKERS = 8
LOOK, ROW = 0.050, 0.002
"""Seconds that the policy takes for a batch, and for every row in it."""
EPISODES = 8
"""For each worker, beside the one that it warms up with."""
LOOKS = 300


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
    (copies, once), (hosted, hosted_once) = (memory(host) for host in (False, True))
    yield Figure(16, "memory that a host saves", (copies - hosted) / 1e9, "GB", 1.5, 1,
                 f"resident, {copies / 1e9:.2f} GB with copies and {hosted / 1e9:.2f} with one host: {WORKERS} workers "
                 f"of nano-sft on LIBERO; with pages that they share (torch's code) counted once, "
                 f"{(once - hosted_once) / 1e9:.2f}: {once / 1e9:.2f} and {hosted_once / 1e9:.2f}")
    what = "openpi's protocol: a look through `vlabench serve`, over one in process"
    try:
        here, there = looks_alternately()
    except MissingExtra as error:
        yield Figure(16, what, None, "ms", 5, -1, str(error).splitlines()[0])
        return
    yield Figure(16, what, 1000 * (there - here), "ms", 5, -1, f"{1000 * there:.2f} against {1000 * here:.2f} ms, two "
                 f"pictures of 224², a policy that computes nothing; medians of {LOOKS}")


def looks_alternately() -> tuple[float, float]:
    """Median seconds of a look of the same policy in process, and through a server on this machine."""
    sides: list[list[float]] = [[], []]
    with tempfile.TemporaryDirectory(prefix="vlabench-bench-") as folder:
        card = Path(folder) / "still-224.toml"
        card.write_text('title = "Still"\nsource = "made for the benchmark"\nadapter = "still"\n'
                        'assets = ["primitive"]\ncameras = ["agentview", "wrist"]\nimage_size = 224\n')
        with serving(str(card), "openpi", port=0) as served:
            asking = cards.load_policy("openpi")
            there = asking.known_as("served", {**asking.options, "url": served.url}).make()
            policies = (cards.load_policy(str(card)).make(), there)
            obs = probe(asking.cameras, 224)
            for policy in policies:
                policy.configure(served.service.offer.reverse.space)
                policy.reset([0], [Draws(("bench",))])
                policy.act(obs)
            for _ in range(LOOKS):
                for policy, took in zip(policies, sides, strict=True):
                    took.append(seconds(lambda policy=policy: policy.act(obs)))  # type: ignore[misc]
            there.close()
    return statistics.median(sides[0]), statistics.median(sides[1])


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


def memory(host: bool) -> tuple[int, int]:
    """Bytes of all processes of a pool together, while all workers have a scene open: as they are resident in each,
    and with shared pages counted once."""
    simulator = find_simulator("libero")("primitive")
    task = dataclasses.replace(simulator.tasks("libero_spatial")[0], step_limit=60)
    specs = [EpisodeSpec(task, "clean", index) for index in range(WORKERS)]
    actor = cards.load_policy("nano-sft").actor(host)
    with WorkerPool(Job("libero", "primitive", actor, {"clean": {}}), specs, WORKERS, lambda spec: 600.0,
                    lambda text: None) as pool:
        answers = [result.answer for result in pool.results()]
        assert all(isinstance(answer, Finished) for answer in answers), answers
        sizes = [_sizes(pid) for pid in _children(os.getpid())]
        return sum(size["Rss"] for size in sizes), sum(size["Pss"] for size in sizes)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    own = [int(child) for each in tasks.iterdir() for child in (each / "children").read_text().split()]
    return own + [grandchild for child in own for grandchild in _children(child)]


def _sizes(pid: int) -> dict[str, int]:
    """Kind of size → bytes of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: 1024 * int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines)}
