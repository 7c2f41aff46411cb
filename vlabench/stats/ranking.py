"""Bradley–Terry strengths: one scale for policies of which some have met on the same episodes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.stats.tasks import LEVEL

Floats = npt.NDArray[np.float64]
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

    wins[i, j]: how often i succeeded where j failed, on the same episodes; a draw may count half for both. With wins
    [C, K, K], one table per task, variances are those between tasks (sandwich estimate, Student's t with C − 1 degrees
    of freedom): several policies meet on one episode, and episodes of a task resemble each other. Without, wins count
    as independent and the intervals are Wald's.
    prior: as if each had won and lost so often against an average one, which keeps the strength of a policy that
    always or never wins finite; 0 is the plain maximum of the likelihood. Raises ValueError for wins that are no such
    table, and with prior 0 if some never lost to any of the others (no finite maximum: Ford 1957).
    """
    tables = np.asarray(wins, dtype=np.float64)
    tables = tables[None] if tables.ndim == 2 else tables
    if tables.ndim != 3 or tables.shape[1] != tables.shape[2] or not (tables >= 0).all() or prior < 0:
        raise ValueError(f"wins must be [K, K] or [C, K, K] counts and the prior ≥ 0, not {np.shape(wins)} and {prior}")
    tables = tables * (1 - np.eye(tables.shape[1]))
    if not prior:
        _check_finite(tables.sum(axis=0))
    value = _likeliest(tables.sum(axis=0), prior)
    inverse = _inverse(_information(tables.sum(axis=0), value, prior))
    covariance, quantile = inverse, _quantile(level)
    if len(tables) > 1:
        scores = np.stack([_score(each, value, 0.0) for each in tables])
        covariance = inverse @ (scores.T @ scores) @ inverse * len(tables) / (len(tables) - 1)
        quantile = _quantile(level, len(tables) - 1)
    centre = np.eye(len(value)) - 1 / len(value)
    value, covariance = centre @ value, np.asarray(centre @ covariance @ centre, dtype=np.float64)
    half = quantile * np.sqrt(np.clip(np.diag(covariance), 0, None))
    return Strengths(value, value - half, value + half, covariance)


def _likeliest(wins: Floats, prior: float) -> Floats:
    """Newton's method, shortened to strides of at most 1: the likelihood is concave."""
    value = np.zeros(len(wins))
    for _ in range(1000):
        step = _inverse(_information(wins, value, prior)) @ _score(wins, value, prior)
        value = value + step / max(1.0, float(np.abs(step).max(initial=0)))
        if np.abs(step).max(initial=0) < 1e-10:
            break
    return value


def _score(wins: Floats, value: Floats, prior: float) -> Floats:
    """The slope of the log likelihood [K]: wins beyond what the strengths promise."""
    chance = _expit(value[:, None] - value[None, :])
    return np.asarray((wins - (wins + wins.T) * chance).sum(axis=1) + prior * (1 - 2 * _expit(value)))


def _information(wins: Floats, value: Floats, prior: float) -> Floats:
    """Minus the curvature of the log likelihood [K, K]."""
    chance = _expit(value[:, None] - value[None, :])
    weight = (wins + wins.T) * chance * (1 - chance)
    own = weight.sum(axis=1) + 2 * prior * _expit(value) * (1 - _expit(value))
    return np.asarray(np.diag(own) - weight)


def _inverse(information: Floats) -> Floats:
    """Moore and Penrose's: without a prior, strengths are known up to a shift."""
    return np.asarray(np.linalg.pinv(information, hermitian=True), dtype=np.float64)


def _expit(x: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(x))


def _quantile(level: float, freedom: int | None = None) -> float:
    from scipy.stats import norm, t

    return float(norm.ppf((1 + level) / 2) if freedom is None else t.ppf((1 + level) / 2, freedom))


def _check_finite(wins: Floats) -> None:
    from scipy.sparse.csgraph import connected_components

    if connected_components(wins > 0, connection="strong")[0] > 1:
        raise ValueError("some policies never lost to any of the others, or never met them: without a prior their "
                         "strength has no finite value")
