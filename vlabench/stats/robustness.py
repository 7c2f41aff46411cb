"""How much of a clean success rate is left: retention, area under the severity curve, worst condition, mCE."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.stats.clusters import LEVEL, RESAMPLES, Clusters
from vlabench.stats.rates import NOTHING, Bools, Estimate, check_paired, correlation, wilson


class Worst(NamedTuple):
    """The condition with the lowest observed rate, and an interval of the lowest true rate over all conditions."""

    condition: str
    n: int
    rate: float
    low: float
    high: float


def retention(
    clean: npt.NDArray[Any],
    perturbed: npt.NDArray[Any],
    clusters: Sequence[Hashable],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Perturbed over clean successes of N paired episodes: 1 = nothing lost, above 1 = gained; NaN if none was clean.

    An outcome is bool, or the share of successes over several conditions of an episode. The interval resamples whole
    clusters, as `paired_difference` does. Its upper end is infinite where resamples without a clean success reach into
    it. Where every resample gives the same ratio, MOVER limits take its place.
    """
    check_paired(clean, perturbed, clusters)
    if not clean.any():
        return NOTHING._replace(n=len(clean))
    resampled = Clusters(clusters, resamples, seed)
    below, above = resampled.resampled_sums(clean, perturbed)
    ratios = np.where(below > 0, above / np.where(below > 0, below, 1), np.where(above > 0, np.inf, np.nan))
    interval = resampled.interval(ratios[~np.isnan(ratios)], level)
    return Estimate(len(clean), float(perturbed.sum() / clean.sum()), *(interval or mover(clean, perturbed, level)))


def mover(clean: npt.NDArray[Any], perturbed: npt.NDArray[Any], level: float = LEVEL) -> tuple[float, float]:
    """The interval of the ratio of two paired rates, perturbed over clean, from Wilson's limits of each.

    Method of variance estimates recovery: Tang, Li, Chan and Tang (2010), Statistics in Medicine 29:46. The upper end
    is infinite where the clean rate may be next to nothing. Shares are taken as uncorrelated, which is no narrower.
    """
    n = len(clean)
    (p, low_p, high_p), (c, low_c, high_c) = (
        (float(side.mean()), *wilson(float(side.sum()), n, level)) for side in (perturbed, clean))
    phi = correlation(clean, perturbed) if clean.dtype == perturbed.dtype == np.bool_ else 0.0

    def root(limit: float, other: float, sign: int) -> float:
        middle = p * c + phi * (p - limit) * (c - other)
        width, scale = limit * (2 * p - limit), other * (2 * c - other)
        if scale <= 0:
            return math.inf if sign > 0 else 0.0
        return (middle + sign * math.sqrt(max(middle**2 - width * scale, 0.0))) / scale

    return root(low_p, high_c, -1), root(high_p, low_c, 1)


def severity_area(
    outcomes: npt.NDArray[Any],
    severities: Sequence[float],
    clusters: Sequence[Hashable],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The area under success rate over severity, as a share of the whole: the mean rate from first to last severity.

    outcomes: bool [S, N], the same N episodes at S rising severities, of which 0 is the clean one; or shares of
    successes over several perturbations. Straight lines join the rates (trapezoid rule). The interval resamples whole
    clusters. Raises ValueError for fewer than two severities, or if they do not rise.
    """
    levels = np.asarray(severities, dtype=np.float64)
    if len(levels) < 2 or (np.diff(levels) <= 0).any():
        raise ValueError(f"an area needs two or more rising severities, not {list(severities)}")
    if outcomes.shape != (len(levels), len(clusters)):
        raise ValueError(f"outcomes {outcomes.shape} are not {len(levels)} severities × {len(clusters)} labels")
    gaps = np.diff(levels) / (levels[-1] - levels[0])
    weights = (np.append(gaps, 0) + np.append(0, gaps)) / 2
    return _mean(weights @ outcomes, clusters, 1.0, level, resamples, seed)


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
    outcomes: Mapping[str, npt.NDArray[np.bool_]],
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

    outcomes: perturbation → bool [S, N], the same N episodes throughout. reference: perturbation → S failure rates
    (fractions), taken as exact. The interval resamples whole clusters. Raises ValueError if shapes differ, a
    perturbation is in one but not in the other, or the reference never fails under one.
    """
    if not outcomes or outcomes.keys() != reference.keys():
        raise ValueError(f"perturbations {sorted(outcomes)} against a reference of {sorted(reference)}")
    scores, most = np.zeros(len(clusters)), 0.0
    for name, each in outcomes.items():
        rates = np.asarray(reference[name], dtype=np.float64)
        if each.shape != (len(rates), len(clusters)):
            raise ValueError(f"{name}: outcomes {each.shape} against {len(rates)} severities of the reference "
                             f"and {len(clusters)} labels")
        if not rates.sum() > 0:
            raise ValueError(f"{name}: the reference never fails, so that nothing can be relative to it")
        share = 1 / (rates.sum() * len(outcomes))
        scores, most = scores + share * (~each).sum(axis=0), most + share * len(rates)
    return _mean(scores, clusters, most, level, resamples, seed)


def _mean(
    scores: npt.NDArray[np.float64],
    clusters: Sequence[Hashable],
    most: float,
    level: float,
    resamples: int,
    seed: int,
) -> Estimate:
    """Of [N] scores in [0, most]; Wilson's interval where the bootstrap would claim certainty."""
    n = len(scores)
    if n == 0:
        return NOTHING
    interval = Clusters(clusters, resamples, seed).interval_of_mean(scores, level)
    if interval is None:
        low, high = wilson(min(float(scores.sum()) / most, n), n, level)
        interval = low * most, high * most
    return Estimate(n, float(scores.mean()), *interval)
