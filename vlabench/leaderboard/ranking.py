"""Ranks with their uncertainty, from the outcomes of entries that played the same episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench import stats
from vlabench.stats.tasks import PSEUDO

Floats = npt.NDArray[np.float64]
Met = Mapping[str, stats.Met]
"""Episodes that were all played by the same policies → who of K played them, and who succeeded."""


class Rank(NamedTuple):
    """The places that an entry may hold: best = 1 + the entries certainly better, worst = K − those certainly worse."""

    best: int
    worst: int


def ranks(outcomes: npt.NDArray[np.bool_]) -> list[Rank]:
    """Ranks of K entries by their mean success over [K, C, T, N]: C conditions, T tasks, N episodes of each.

    The paired differences of all entries on these very tasks, with the p values of `stats.difference` in closed form
    for all pairs at once, and Holm's correction for the number of pairs: all ranks hold together at the 95 % level.
    """
    return _places(*compared(outcomes))


def compared(outcomes: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """How far each of K entries is ahead of each other one, and in how many standard errors, [K, K] each.

    The names are those of stats/tasks.py and of `stats.Difference.z` for the question about these tasks.
    """
    count, conditions, tasks, episodes = outcomes.shape
    whole = tasks * episodes
    ahead_alone = np.zeros((count, count), dtype=np.float64)
    scores = np.zeros((count, tasks, episodes))
    for number in range(conditions):  # one at a time, for the sake of memory
        won = outcomes[:, number].reshape(count, whole).astype(np.float32)
        ahead_alone += won @ (1 - won).T
        scores += outcomes[:, number]
    ahead_alone /= conditions * whole
    ahead, discordant = ahead_alone - ahead_alone.T, ahead_alone + ahead_alone.T
    worth = np.full((count, count), float(whole))
    if episodes > 1:
        apart = ((scores - scores.mean(axis=2, keepdims=True)) / conditions).reshape(count, whole)
        common = apart @ apart.T
        squares = np.diag(common)[:, None] + np.diag(common)[None, :] - 2 * common
        within = np.clip(squares, 0, None) / (episodes - 1) / episodes / tasks**2
        independent = whole * (discordant - ahead**2) + PSEUDO
        worth /= np.minimum(1.0, (whole**2 * within + PSEUDO) / independent)
    return ahead, ahead * np.sqrt(worth / np.where(discordant > 0, discordant, 1.0))


def strengths(met: Met) -> tuple[stats.Strengths, list[Rank]]:
    """Bradley–Terry strengths of K ≥ 2 policies from all episodes that two of them played, and their ranks."""
    found = stats.strengths(list(met.values()))
    variance = np.diag(found.covariance)
    error = np.sqrt(np.clip(variance[:, None] + variance[None, :] - 2 * found.covariance, 1e-24, None))
    ahead = found.value[:, None] - found.value[None, :]
    return found, _places(ahead, ahead / error)


def acquainted(met: Met) -> list[list[int]]:
    """Groups of policies that met on some episode, directly or through others, each in order; loners are left out."""
    from scipy.sparse.csgraph import connected_components

    common = sum(played.astype(np.float32) @ played.T.astype(np.float32) for played, _ in met.values())
    number, labels = connected_components(np.atleast_2d(common) > 0, directed=False)
    groups = [np.flatnonzero(labels == group).tolist() for group in range(number)]
    return [group for group in groups if len(group) > 1]


def among(met: Met, chosen: Sequence[int]) -> Met:
    """The same for some of the policies; episodes that none of them played are left out."""
    return {key: (played[chosen], won[chosen]) for key, (played, won) in met.items() if played[chosen].any()}


def _places(ahead: Floats, z: Floats) -> list[Rank]:
    """The places that are left when the pairs that z tells apart, among all pairs, are put in order."""
    from scipy.stats import norm

    count = len(z)
    first, second = np.triu_indices(count, 1)
    p = stats.holm(2 * norm.sf(np.abs(z[first, second])))
    certain = np.zeros((count, count), dtype=np.bool_)
    certain[first, second] = certain[second, first] = np.asarray(p) <= 1 - stats.LEVEL
    better = certain & (ahead > 0)
    return [Rank(1 + int(better[:, k].sum()), count - int(better[k].sum())) for k in range(count)]
