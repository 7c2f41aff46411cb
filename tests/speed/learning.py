"""The learning half of the benchmark: demonstrations a second, and what a decision of the compact policy costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.speed.measured import Figure
from vlabench import cards
from vlabench.cards import find
from vlabench.episode.resources import default_workers
from vlabench.seeding import Draws
from vlabench.simulators.base import find_simulator
from vlabench.training.demos.collect import Recipe, collect
from vlabench.types import Observation

SECTION = 8
TASKS = ("libero_goal/1", "libero_object/0")
PER_TASK = 4
DECISION_MS = 15.0
"""The compact policy's target: milliseconds a decision on one core."""


def learning() -> Iterator[Figure]:
    """All figures of this half."""
    yield demonstrations()
    yield decision()


def demonstrations() -> Figure:
    """Frames a second while demonstrations are collected, both cameras at every step, written to disk included."""
    workers = default_workers()
    tasks = find.find_tasks("libero", patterns=TASKS)
    with tempfile.TemporaryDirectory() as folder:
        done = collect(tasks, PER_TASK, Path(folder), Recipe(noise=0.1, kicks=0.005), workers=workers)
    return Figure(SECTION, "demonstrations on the primitive pack", done.frames / done.seconds, "frames/s",
                  note=f"{workers} workers, two 128² cameras at every step, {done.tries} episodes, start included")


def decision() -> Figure:
    """Milliseconds for one decision of nano-sft, alone on one core: median of 60."""
    import torch

    card = cards.load_policy("nano-sft")
    policy = card.make()
    policy.configure(find_simulator("libero").action_space)
    rng = np.random.default_rng(0)
    images = {camera: rng.integers(0, 256, (1, card.image_size, card.image_size, 3), dtype=np.uint8)
              for camera in card.cameras}
    obs = Observation.now(images, np.zeros((1, 8), np.float32), ("put the bowl on the plate",), 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    policy.reset([0], [Draws((0, "libero_goal/8", 0, "policy"))])
    times = []
    for _ in range(70):
        began = time.perf_counter()
        policy.act(obs)
        times.append(1e3 * (time.perf_counter() - began))
    torch.set_num_threads(threads)
    return Figure(SECTION, "a decision of nano-sft", float(np.median(times[10:])), "ms", DECISION_MS, -1,
                  "a chunk of 8 actions from two 128² pictures, one core")
