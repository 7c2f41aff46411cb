"""Ranks with their uncertainty, from the outcomes of entries that played the same episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench import stats

Floats = npt.NDArray[np.float64]
Met = Mapping[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]
"""Task → (played, won), both bool [K, N]: which of K policies played the task's N episodes, and which succeeded."""


class Rank(NamedTuple):
    """The places that an entry may hold: best = 1 + the entries certainly better, worst = K − those certainly worse."""

    best: int
    worst: int


def ranks(outcomes: npt.NDArray[np.bool_]) -> list[Rank]:
    """Ranks of K entries by their mean success over [K, T, N]: T tasks, N episodes of each, the same for all.

    One entry is certainly better than another if the 95 % interval of their difference lies above 0: Student's t of
    the T differences between the tasks' means (of the N differences between episodes, for a single task), what
    `stats.paired_difference` gives by resampling tasks, in closed form for all pairs at once. Where the difference is
    the same in all tasks, which would make it certain, Newcombe's interval decides.
    """
    from scipy.stats import t

    count, tasks = outcomes.shape[:2]
    units = outcomes.mean(axis=2) if tasks > 1 else outcomes[:, 0].astype(np.float64)
    means, number = units.mean(axis=1), units.shape[1]
    difference = means[:, None] - means[None, :]
    if number > 1:
        residual = units - means[:, None]
        covariance = residual @ residual.T / (number - 1)
        spread = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2 * covariance
        error = np.sqrt(np.clip(spread, 0, None) / number)
        better = difference > t.ppf((1 + stats.LEVEL) / 2, number - 1) * error
    else:
        error, better = np.zeros_like(difference), difference > 0
    flat = outcomes.reshape(count, -1)
    for i, j in np.argwhere((error < 1e-12) & (difference > 1e-12)):
        better[i, j] = stats.newcombe_paired(flat[j], flat[i])[0] > 0
    return [Rank(1 + int(better[:, k].sum()), count - int(better[k].sum())) for k in range(count)]


def strengths(met: Met) -> tuple[stats.Strengths, list[Rank]]:
    """Bradley–Terry strengths of K ≥ 2 policies from all episodes that two of them played, and their ranks.

    A policy wins against another by succeeding in an episode in which that one fails. Variances are between tasks.
    """
    from scipy.stats import norm, t

    tables = np.stack([_wins(played, won) for played, won in met.values()])
    found = stats.bradley_terry(tables if len(tables) > 1 else tables[0])
    quantile = t.ppf((1 + stats.LEVEL) / 2, len(tables) - 1) if len(tables) > 1 else norm.ppf((1 + stats.LEVEL) / 2)
    variance = np.diag(found.covariance)
    error = np.sqrt(np.clip(variance[:, None] + variance[None, :] - 2 * found.covariance, 0, None))
    better = found.value[:, None] - found.value[None, :] > np.maximum(quantile * error, 1e-12)
    count = len(variance)
    return found, [Rank(1 + int(better[:, k].sum()), count - int(better[k].sum())) for k in range(count)]


def acquainted(met: Met) -> list[list[int]]:
    """Groups of policies that met on some episode, directly or through others, each in order; loners are left out."""
    from scipy.sparse.csgraph import connected_components

    common = sum(played.astype(np.float32) @ played.T.astype(np.float32) for played, _ in met.values())
    number, labels = connected_components(np.atleast_2d(common) > 0, directed=False)
    groups = [np.flatnonzero(labels == group).tolist() for group in range(number)]
    return [group for group in groups if len(group) > 1]


def among(met: Met, chosen: Sequence[int]) -> Met:
    """The same for some of the policies; tasks that none of them played are left out."""
    return {task: (played[chosen], won[chosen]) for task, (played, won) in met.items() if played[chosen].any()}


def _wins(played: npt.NDArray[np.bool_], won: npt.NDArray[np.bool_]) -> Floats:
    """[K, K]: in how many episodes of a task i succeeded and j failed."""
    return (played & won).astype(np.float64) @ (played & ~won).astype(np.float64).T
