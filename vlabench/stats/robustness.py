"""How much of a clean success rate is left: retention, area under the severity curve, worst condition, mCE."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.stats.clusters import LEVEL, RESAMPLES, Clusters
from vlabench.stats.rates import NOTHING, Bools, Estimate, correlation, wilson

Floats = npt.NDArray[np.float64]
Outcomes = npt.NDArray[Any]


class Worst(NamedTuple):
    """The condition with the lowest observed rate, and an interval of the lowest true rate over all conditions."""

    condition: str
    n: int
    rate: float
    low: float
    high: float


def retention(
    clean: Outcomes,
    perturbed: Outcomes,
    clusters: Sequence[Hashable],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Perturbed over clean success rate of N episodes: 1 = nothing lost, above 1 = gained; NaN if none was clean.

    clean: bool [N]. perturbed: bool [N], or [C, N] under C conditions, whose rates are averaged. Floats with NaN stand
    for episodes without an outcome. The interval resamples whole clusters, as `paired_difference` does. Its upper end
    is infinite where resamples without a clean success reach into it. Where every resample gives the same ratio, MOVER
    limits take its place.
    """
    base, rows = _rows(clean, clusters), _rows(perturbed, clusters)
    rates, resampled, drawn = _rates(np.concatenate([base, rows]), clusters, resamples, seed)
    if not rates[0] > 0 or np.isnan(rates).any():
        return NOTHING._replace(n=len(clusters))
    above, below = resampled[1:].mean(axis=0), resampled[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = above / below
    interval = drawn.interval(ratios[~np.isnan(ratios)], level, (0.0, math.inf))
    if interval is None:
        interval = mover(float(rates[0]), float(rates[1:].mean()), len(clusters), level, _correlation(base, rows))
    return Estimate(len(clusters), float(rates[1:].mean() / rates[0]), *interval)


def mover(clean: float, perturbed: float, n: int, level: float = LEVEL, phi: float = 0.0) -> tuple[float, float]:
    """The interval of the ratio of two rates of the same n episodes, perturbed over clean, from Wilson's of each.

    Method of variance estimates recovery: Tang, Li, Chan and Tang (2010), Statistics in Medicine 29:46. The upper end
    is infinite where the clean rate may be next to nothing. phi: the correlation of the outcomes.
    """
    (low_p, high_p), (low_c, high_c) = (wilson(rate * n, n, level) for rate in (perturbed, clean))

    def root(limit: float, other: float, sign: int) -> float:
        middle = perturbed * clean + phi * (perturbed - limit) * (clean - other)
        width, scale = limit * (2 * perturbed - limit), other * (2 * clean - other)
        if scale <= 0:
            return math.inf if sign > 0 else 0.0
        return (middle + sign * math.sqrt(max(middle**2 - width * scale, 0.0))) / scale

    return root(low_p, high_c, -1), root(high_p, low_c, 1)


def severity_area(
    outcomes: Outcomes,
    severities: Sequence[float],
    clusters: Sequence[Hashable],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The area under success rate over severity, as a share of the whole: the mean rate from first to last severity.

    outcomes: bool [S, N], the same N episodes at S rising severities, of which 0 is the clean one, or floats with NaN
    for episodes without an outcome; or [P, S, N] under P perturbations, whose rates are averaged. Straight lines join
    the rates (trapezoid rule). The interval resamples whole clusters. Raises ValueError for fewer than two severities,
    or if they do not rise.
    """
    levels = np.asarray(severities, dtype=np.float64)
    if len(levels) < 2 or (np.diff(levels) <= 0).any():
        raise ValueError(f"an area needs two or more rising severities, not {list(severities)}")
    if outcomes.shape[-2:] != (len(levels), len(clusters)):
        raise ValueError(f"outcomes {outcomes.shape} are not {len(levels)} severities × {len(clusters)} labels")
    gaps = np.diff(levels) / (levels[-1] - levels[0])
    weights = (np.append(gaps, 0) + np.append(0, gaps)) / 2
    rows = _rows(outcomes, clusters)
    perturbations = len(rows) // len(levels)
    return _weighted(rows, np.tile(weights / perturbations, perturbations), clusters, level, resamples, seed)


def worst_condition(outcomes: Mapping[str, Bools], level: float = LEVEL) -> Worst:
    """The condition that succeeds least. Raises ValueError if there is none with an episode.

    The lowest of K observed rates lies below the lowest true one on average. The interval is of the true one: its
    lower end is the lowest of Wilson's lower ends, which needs no correction (one of them belongs to the condition
    that truly is worst); its upper end is the lowest of the upper ends, each at 1/K of the error.
    """
    played = {name: each for name, each in outcomes.items() if len(each)}
    if not played:
        raise ValueError("no condition has an episode")
    rates = {name: float(each.mean()) for name, each in played.items()}
    name = min(rates, key=lambda one: rates[one])
    strict = 1 - (1 - level) / len(played)
    low = min(wilson(int(each.sum()), len(each), level)[0] for each in played.values())
    high = min(wilson(int(each.sum()), len(each), strict)[1] for each in played.values())
    return Worst(name, len(played[name]), rates[name], low, high)


def mce(
    outcomes: Mapping[str, Outcomes],
    reference: Mapping[str, Sequence[float]],
    clusters: Sequence[Hashable],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The mean corruption error: failures relative to a frozen reference policy's, so that hard perturbations weigh
    no more than easy ones; 1 = as the reference, 0.5 = half its failures.

    After ImageNet-C (Hendrycks and Dietterich 2019): the mean over perturbations of (sum over severities of the
    failure rate) / (the same sum of the reference).

    outcomes: perturbation → bool [S, N], the same N episodes throughout, or floats with NaN for those without an
    outcome. reference: perturbation → S failure rates (fractions), taken as exact. The interval resamples whole
    clusters. Raises ValueError if shapes differ, a perturbation is in one but not in the other, or the reference never
    fails under one.
    """
    if not outcomes or outcomes.keys() != reference.keys():
        raise ValueError(f"perturbations {sorted(outcomes)} against a reference of {sorted(reference)}")
    rows, weights = list[Floats](), list[float]()
    for name, each in outcomes.items():
        rates = np.asarray(reference[name], dtype=np.float64)
        if each.shape != (len(rates), len(clusters)):
            raise ValueError(f"{name}: outcomes {each.shape} against {len(rates)} severities of the reference "
                             f"and {len(clusters)} labels")
        if not rates.sum() > 0:
            raise ValueError(f"{name}: the reference never fails, so that nothing can be relative to it")
        rows.append(1 - _rows(each, clusters))
        weights += [1 / (float(rates.sum()) * len(outcomes))] * len(rates)
    return _weighted(np.concatenate(rows), np.array(weights), clusters, level, resamples, seed)


def _rows(outcomes: Outcomes, clusters: Sequence[Hashable]) -> Floats:
    """As floats [C, N]. Raises ValueError unless there is a label for each episode."""
    if outcomes.shape[-1] != len(clusters):
        raise ValueError(f"{outcomes.shape[-1]} outcomes and {len(clusters)} labels are not pairs")
    return np.asarray(outcomes, dtype=np.float64).reshape(math.prod(outcomes.shape[:-1]), len(clusters))


def _rates(
    rows: Floats, clusters: Sequence[Hashable], resamples: int, seed: int
) -> tuple[Floats, Floats, Clusters]:
    """The mean of each row [C], of each row in each resample [C, resamples], and the resamples; NaN where none is."""
    drawn, there = Clusters(clusters, resamples, seed), ~np.isnan(rows)
    filled = np.where(there, rows, 0.0)
    sums = np.stack(drawn.resampled_sums(*filled, *there))
    with np.errstate(invalid="ignore", divide="ignore"):
        return filled.sum(axis=1) / there.sum(axis=1), sums[: len(rows)] / sums[len(rows) :], drawn


def _weighted(
    rows: Floats, weights: Floats, clusters: Sequence[Hashable], level: float, resamples: int, seed: int
) -> Estimate:
    """The weighted sum of the means of C rows [C, N]; Wilson's interval where the bootstrap would claim certainty."""
    n = len(clusters)
    if n == 0 or np.isnan(rows).all(axis=1).any():
        return NOTHING._replace(n=n)
    rates, resampled, drawn = _rates(rows, clusters, resamples, seed)
    value, statistics, most = float(weights @ rates), weights @ resampled, float(weights.sum())
    interval = drawn.interval(statistics[~np.isnan(statistics)], level, (0.0, most))
    if interval is None:
        low, high = wilson(min(max(value / most, 0.0), 1.0) * n, n, level)
        interval = low * most, high * most
    return Estimate(n, value, *interval)


def _correlation(base: Floats, rows: Floats) -> float:
    """Of the outcomes of two conditions; 0, which is no narrower, where there are more or some are missing."""
    if len(rows) != 1 or np.isnan(base).any() or np.isnan(rows).any():
        return 0.0
    return correlation(base[0] > 0, rows[0] > 0)
