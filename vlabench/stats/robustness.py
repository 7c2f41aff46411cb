"""How much of a clean success rate is left: retention, area under the severity curve, mean corruption error."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.stats.rates import NOTHING, Estimate, agresti_coull, as_rows, rate
from vlabench.stats.tasks import LEVEL, Floats, Tasks, TasksAs

Outcomes = npt.NDArray[Any]


def retention(
    clean: Outcomes,
    perturbed: Outcomes,
    tasks: Sequence[Hashable],
    tasks_as: TasksAs = "fixed",
    level: float = LEVEL,
) -> Estimate:
    """Perturbed over clean success rate of N episodes: 1 = nothing lost, above 1 = gained; NaN if none was clean.

    clean: bool [N]. perturbed: bool [N], or [C, N] under C conditions, whose rates are averaged. Floats with NaN stand
    for episodes without an outcome. Every task weighs the same. The interval joins those of both rates (`mover`); its
    upper end is infinite where the clean rate may be next to nothing.
    """
    base, rows = as_rows(clean, tasks), as_rows(perturbed, tasks)
    kept = np.asarray(~np.isnan(np.concatenate([base, rows])).all(axis=0))
    n = int(kept.sum())
    if not n:
        return NOTHING
    known = Tasks([task for task, present in zip(tasks, kept.tolist(), strict=True) if present])
    first, second = (known.combined(each[:, kept]) for each in (base, rows))
    before, after = (float(known.means(each).mean()) for each in (first, second))
    if math.isnan(after) or not before > 0:
        return NOTHING._replace(n=n)
    limits = [agresti_coull(value, known.worth(each, value * (1 - value), tasks_as), level)
              for value, each in ((before, first), (after, second))]
    phi = _phi(known, first, second, tasks_as)
    return Estimate(n, after / before, *mover((before, *limits[0]), (after, *limits[1]), phi))


def mover(clean: tuple[float, float, float], perturbed: tuple[float, float, float],
          phi: float = 0.0) -> tuple[float, float]:
    """The interval of the ratio perturbed / clean of two rates, from (rate, low, high) of each.

    Method of variance estimates recovery: Tang, Li, Chan and Tang (2010), Statistics in Medicine 29:46. phi: the
    correlation of the two rates. NaN where an interval is.
    """
    (rate_c, low_c, high_c), (rate_p, low_p, high_p) = clean, perturbed
    if math.isnan(low_c) or math.isnan(low_p):
        return math.nan, math.nan

    def root(limit: float, other: float, sign: int) -> float:
        middle = rate_p * rate_c + phi * (rate_p - limit) * (rate_c - other)
        width, scale = limit * (2 * rate_p - limit), other * (2 * rate_c - other)
        if scale <= 0:
            return math.inf if sign > 0 else 0.0
        return max((middle + sign * math.sqrt(max(middle**2 - width * scale, 0.0))) / scale, 0.0)

    return root(low_p, high_c, -1), root(high_p, low_c, 1)


def severity_area(
    outcomes: Outcomes,
    severities: Sequence[float],
    tasks: Sequence[Hashable],
    tasks_as: TasksAs = "fixed",
    level: float = LEVEL,
) -> Estimate:
    """The area under success rate over severity, as a share of the whole: the mean rate from first to last severity.

    outcomes: bool [S, N], the same N episodes at S rising severities, of which 0 is the clean one, or floats with NaN
    for episodes without an outcome; or [P, S, N] under P perturbations, whose rates are averaged. Straight lines join
    the rates (trapezoid rule), so that the area is a weighted mean of rates, with the interval of one. Raises
    ValueError for fewer than two severities, or if they do not rise.
    """
    levels = np.asarray(severities, dtype=np.float64)
    if len(levels) < 2 or (np.diff(levels) <= 0).any():
        raise ValueError(f"an area needs two or more rising severities, not {list(severities)}")
    if outcomes.shape[-2:] != (len(levels), len(tasks)):
        raise ValueError(f"outcomes {outcomes.shape} are not {len(levels)} severities × {len(tasks)} labels")
    gaps = np.diff(levels) / (levels[-1] - levels[0])
    weights = (np.append(gaps, 0) + np.append(0, gaps)) / 2
    perturbations = math.prod(outcomes.shape[:-2])
    return rate(outcomes, tasks, tasks_as, level, list(np.tile(weights / perturbations, perturbations)))


def mce(
    outcomes: Mapping[str, Outcomes],
    reference: Mapping[str, Sequence[float]],
    tasks: Sequence[Hashable],
    tasks_as: TasksAs = "fixed",
    level: float = LEVEL,
) -> Estimate:
    """The mean corruption error: failures relative to a frozen reference policy's, so that hard perturbations weigh
    no more than easy ones; 1 = as the reference, 0.5 = half its failures.

    After ImageNet-C (Hendrycks and Dietterich 2019): the mean over perturbations of (sum over severities of the
    failure rate) / (the same sum of the reference).

    outcomes: perturbation → bool [S, N], the same N episodes throughout, or floats with NaN for those without an
    outcome. reference: perturbation → S failure rates (fractions), taken as exact. The error is a weighted sum of
    failure rates, with the interval of a weighted mean. Raises ValueError if shapes differ, a perturbation is in one
    but not in the other, or the reference never fails under one.
    """
    if not outcomes or outcomes.keys() != reference.keys():
        raise ValueError(f"perturbations {sorted(outcomes)} against a reference of {sorted(reference)}")
    rows, weights = list[Floats](), list[float]()
    for name, each in outcomes.items():
        rates = np.asarray(reference[name], dtype=np.float64)
        if each.shape != (len(rates), len(tasks)):
            raise ValueError(f"{name}: outcomes {each.shape} against {len(rates)} severities of the reference "
                             f"and {len(tasks)} labels")
        if not rates.sum() > 0:
            raise ValueError(f"{name}: the reference never fails, so that nothing can be relative to it")
        rows.append(1 - as_rows(each, tasks))
        weights += [1 / (float(rates.sum()) * len(outcomes))] * len(rates)
    most = sum(weights)
    found = rate(np.concatenate(rows), tasks, tasks_as, level, [weight / most for weight in weights])
    return Estimate(found.n, *(figure * most for figure in found[1:]))


def _phi(known: Tasks, first: Floats, second: Floats, tasks_as: TasksAs) -> float:
    """The correlation of two means over tasks: of their errors within tasks, or of the tasks' means."""
    means = known.means(first), known.means(second)
    if tasks_as == "sample":
        one, other = (each - each.mean() for each in means)
        shares = np.ones(known.count)
    else:
        one, other = (scores - each[known.codes] for scores, each in zip((first, second), means, strict=True))
        shares = (1 / (known.sizes * np.maximum(known.sizes - 1, 1)))[known.codes]
    spread = math.sqrt(float(shares @ one**2) * float(shares @ other**2))
    return float(shares @ (one * other)) / spread if spread > 0 else 0.0
