"""Simulated tasks and paired episodes whose true rates are known: what intervals are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.seeding import generator
from vlabench.stats import Bools, TasksAs

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
FIRST, SECOND = np.array([True, True, False, False]), np.array([True, False, True, False])
"""Whether a side solves an episode of each kind: both, only the first (lost), only the second (gained), neither."""


class Design(NamedTuple):
    """So many tasks with so many episodes each."""

    tasks: int
    episodes: int

    def __str__(self) -> str:
        return f"{self.tasks} × {self.episodes}"


@dataclass(frozen=True)
class Population:
    """Tasks of one kind or several. kinds: from two uniform numbers [..., 2] a task's chances [..., 4] of the four
    kinds of pairs. rare: the share of all tasks that carries the whole difference, where these are few."""

    name: str
    kinds: Callable[[Floats], Floats]
    rare: float = 0.0

    def suite(self, tasks: int) -> Floats:
        """The chances [T, 4] of a suite in which the population is represented as evenly as it can be."""
        even = (np.arange(tasks) + 0.5) / tasks
        return self.kinds(np.stack([even, even[np.arange(tasks) * 7 % tasks]], axis=-1))

    def truth(self, tasks: int | None = None) -> tuple[float, float]:
        """The second side's true rate and the true difference: over the even suite, or over all tasks there are."""
        grid = (np.arange(400) + 0.5) / 400
        all_tasks = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
        chances = (self.kinds(all_tasks) if tasks is None else self.suite(tasks)).reshape(-1, 4).mean(axis=0)
        return float(chances[0] + chances[2]), float(chances[2] - chances[1])

    def drawn(self, design: Design, tasks_as: TasksAs, draws: int) -> Counts:
        """How many pairs of each kind there are in each task of each data set, [draws, T, 4]; always the same."""
        rng = generator("coverage", self.name, *design, tasks_as)
        chances = self.suite(design.tasks)
        if tasks_as == "sample":
            chances = self.kinds(rng.random((draws, design.tasks, 2)))
        return rng.multinomial(design.episodes, chances, size=(draws, design.tasks))


def outcomes(counts: Counts) -> tuple[Bools, Bools]:
    """Both sides' outcomes [N] from numbers of pairs [T, 4]."""
    kinds = np.repeat(np.tile(np.arange(4), len(counts)), counts.ravel())
    return FIRST[kinds], SECOND[kinds]


def _apart(first: Floats, second: Floats) -> Floats:
    """Two sides that have these rates and share nothing but the task."""
    return np.stack([first * second, first * (1 - second), (1 - first) * second, (1 - first) * (1 - second)], axis=-1)


def _alike(lost: Floats, gained: Floats, first: float = 0.9) -> Floats:
    """Two sides that end alike but for the pairs lost and gained."""
    return np.stack([first - lost, lost, gained, 1 - first - gained], axis=-1)


def _broad(middle: float, spread: float, change: float, sd: float) -> Callable[[Floats], Floats]:
    """First rates evenly within `spread` of the middle, changes evenly around `change` with standard deviation sd."""

    def kinds(uniform: Floats) -> Floats:
        first = middle + spread * (2 * uniform[..., 0] - 1)
        return _apart(first, first + change + 3**0.5 * sd * (2 * uniform[..., 1] - 1))

    return kinds


def _same(rate: float) -> Callable[[Floats], Floats]:
    return lambda uniform: _apart(*np.full((2, *uniform.shape[:-1]), rate))


def _collapse(share: float) -> Callable[[Floats], Floats]:
    """This share of tasks loses 80 points, the others nothing."""

    def kinds(uniform: Floats) -> Floats:
        return _alike(np.where(uniform[..., 0] < share, 0.82, 0.02), np.full(uniform.shape[:-1], 0.02))

    return kinds


def _even(lost: float, gained: float, first: float) -> Callable[[Floats], Floats]:
    return lambda uniform: _alike(np.full(uniform.shape[:-1], lost), np.full(uniform.shape[:-1], gained), first)


POPULATIONS = (
    Population("alike tasks, 60 % → 55 %", _even(0.15, 0.10, 0.60)),
    Population("broad, change −5 ± 10", _broad(0.55, 0.25, -0.05, 0.1)),
    Population("broad, change −5 ± 20", _broad(0.50, 0.10, -0.05, 0.2)),
    Population("similar policies, 3 % discordant", _even(0.015, 0.015, 0.80)),
    Population("a fifth of tasks loses 80", _collapse(0.2), rare=0.2),
    Population("a tenth of tasks loses 80", _collapse(0.1), rare=0.1),
    Population("both rates 2 %", _same(0.02)),
    Population("both rates 96 %", _same(0.96)),
    Population("both rates 99 %", _same(0.99)),
)
DESIGNS = (Design(10, 5), Design(10, 50), Design(40, 5), Design(40, 50))


def no_difference(sd: float) -> Population:
    """Tasks whose changes have this standard deviation and the mean 0."""
    return Population(f"no difference, change of tasks ± {100 * sd:g}", _broad(0.50, 0.10, 0.0, sd))
