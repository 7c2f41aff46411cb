"""Bradley–Terry strengths: one scale for policies of which some have met on the same episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.stats.tasks import LEVEL

Floats = npt.NDArray[np.float64]
Met = tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
"""One task's (played [K, C], won [K, C, N]): under which of C conditions K policies played its N episodes, and how."""
PRIOR = 0.5


class Strengths(NamedTuple):
    """Of K policies in log odds around their mean 0, with intervals; expit(value[i] − value[j]): i beats j.

    covariance [K, K] of the values: the variance of value[i] − value[j] is c[i, i] + c[j, j] − 2 c[i, j].
    """

    value: Floats
    low: Floats
    high: Floats
    covariance: Floats


def bradley_terry(wins: npt.ArrayLike, prior: float = PRIOR, level: float = LEVEL) -> Strengths:
    """The strengths under which K policies' wins [K, K] are likeliest (Bradley and Terry 1952).

    wins[i, j]: how often i won against j; a draw may count half for both. They count as independent: the intervals are
    Wald's, and right only for games of which no two have a start in common (else: `strengths`).
    prior: as if each had won and lost so often against an average one, which keeps the strength of a policy that
    always or never wins finite; 0 is the plain maximum of the likelihood. Raises ValueError for wins that are no such
    table, and with prior 0 if some never lost to any of the others (no finite maximum: Ford 1957).
    """
    table, value = _fitted(wins, prior)
    return _around_mean(value, np.linalg.inv(_regular(_information(table, value, prior), prior)), level)


def strengths(tasks: Sequence[Met], prior: float = PRIOR, level: float = LEVEL) -> Strengths:
    """The same from episodes: a policy wins against another by succeeding in an episode in which that one fails.

    The intervals answer the question about these very tasks: only the start states are drawn at random. An episode,
    that is a start state under all its conditions, moves the likelihood's slope of all policies at once; how much
    that varies between the episodes of one task makes the variances (a sandwich estimate, stratified by task).
    prior: in episodes, as one in which a policy fails is lost against all others: so many games of the prior as it met
    others, times this. Their variance at even chances is added, so that few episodes never look certain.
    """
    others = np.sum([played @ played.T for played in (each[0].astype(np.float32) for each in tasks)], axis=0) > 0
    met = others.sum(axis=1) - 1.0
    table, value = _fitted(np.sum([_wins(each) for each in tasks], axis=0), prior * met)
    bread = np.linalg.inv(_regular(_information(table, value, prior * met), prior * met))
    filling = np.diag(prior * met**2 / 2)
    chance = _expit(value[:, None] - value[None, :])
    for each in tasks:
        slopes = _slopes(each, chance)
        number = slopes.shape[1]
        if number > 1:
            slopes = (slopes - slopes.mean(axis=1, keepdims=True)) * np.sqrt(number / (number - 1))
        filling += slopes @ slopes.T
    return _around_mean(value, bread @ filling @ bread, level)


def _fitted(wins: npt.ArrayLike, prior: float | Floats) -> tuple[Floats, Floats]:
    """The wins without their diagonal, and the likeliest strengths. prior: of all policies, or [K] of each."""
    table = np.asarray(wins, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not (table >= 0).all() or np.min(prior) < 0:
        raise ValueError(f"wins must be [K, K] counts and the prior ≥ 0, not {table.shape} and {prior}")
    table = table * (1 - np.eye(len(table)))
    if not np.all(prior):
        _check_finite(table)
    return table, _likeliest(table, prior)


def _around_mean(value: Floats, covariance: npt.NDArray[Any], level: float) -> Strengths:
    from scipy.stats import norm

    centre = np.eye(len(value)) - 1 / len(value)
    value, covariance = centre @ value, np.asarray(centre @ covariance @ centre, dtype=np.float64)
    half = float(norm.ppf((1 + level) / 2)) * np.sqrt(np.clip(np.diag(covariance), 0, None))
    return Strengths(value, value - half, value + half, covariance)


def _wins(met: Met) -> Floats:
    """[K, K]: in how many episodes of a task i succeeded and j failed."""
    good, bad = _sides(met)
    return np.asarray(np.tensordot(good, bad, axes=([1, 2], [1, 2])), dtype=np.float64)


def _slopes(met: Met, chance: Floats) -> Floats:
    """What each of N episodes adds to the slope of the log likelihood [K, N]; chance [K, K]: i beats j."""
    good, bad = _sides(met)
    found = np.zeros((good.shape[0], good.shape[2]))
    for number in range(good.shape[1]):  # condition by condition, for the sake of memory
        won, lost = good[:, number].astype(np.float64), bad[:, number].astype(np.float64)
        found += won * ((1 - chance) @ lost) - lost * (chance @ won)
    return found


def _sides(met: Met) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Where policies succeeded and where they failed, [K, C, N] each."""
    played, won = met
    return (played[..., None] & won).astype(np.float32), (played[..., None] & ~won).astype(np.float32)


def _likeliest(wins: Floats, prior: float | Floats) -> Floats:
    """Newton's method, shortened to strides of at most 1: the likelihood is concave."""
    value = np.zeros(len(wins))
    for _ in range(1000):
        step = np.linalg.solve(_regular(_information(wins, value, prior), prior), _score(wins, value, prior))
        value = value + step / max(1.0, float(np.abs(step).max(initial=0)))
        if np.abs(step).max(initial=0) < 1e-10:
            break
    return value


def _score(wins: Floats, value: Floats, prior: float | Floats) -> Floats:
    """The slope of the log likelihood [K]: wins beyond what the strengths promise."""
    chance = _expit(value[:, None] - value[None, :])
    return np.asarray((wins - (wins + wins.T) * chance).sum(axis=1) + prior * (1 - 2 * _expit(value)))


def _information(wins: Floats, value: Floats, prior: float | Floats) -> Floats:
    """Minus the curvature of the log likelihood [K, K]."""
    chance = _expit(value[:, None] - value[None, :])
    weight = (wins + wins.T) * chance * (1 - chance)
    own = weight.sum(axis=1) + 2 * prior * _expit(value) * (1 - _expit(value))
    return np.asarray(np.diag(own) - weight)


def _regular(information: Floats, prior: float | Floats) -> Floats:
    """Without a prior, strengths are known up to a shift: that direction is filled in, which changes no difference."""
    return information + (0.0 if np.all(prior) else np.diag(information).mean() / len(information))


def _expit(x: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(x))


def _check_finite(wins: Floats) -> None:
    from scipy.sparse.csgraph import connected_components

    if connected_components(wins > 0, connection="strong")[0] > 1:
        raise ValueError("some policies never lost to any of the others, or never met them: without a prior their "
                         "strength has no finite value")
