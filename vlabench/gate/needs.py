"""How many further episodes per task it would take to decide, if what was seen so far is how it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from vlabench import stats

POWER = 0.8
"""The chance that the episodes named would decide."""
MOST = 10_000
"""Episodes per task beyond which it is said that no number would."""


def further_episodes(first: stats.Bools, second: stats.Bools, tasks: Sequence[Hashable], margin: float, alpha: float,
                     conditions: int) -> int | None:
    """Episodes per task, beyond those that are there, after which a verdict has the chance POWER; None for no number.

    The error of the mean difference over T tasks with n episodes each is taken as √((B + W / n) / T), with the variance
    B between tasks and W within them as estimated; it must come below the distance to −margin over t(1 − alpha) +
    t(POWER) with T − 1 degrees of freedom, as for Schuirmann's test. With one task, episodes are what varies. An
    accusation takes alpha / conditions. Where all pairs gave the same, Newcombe's interval is what must clear −margin.
    """
    from scipy.stats import t

    differences = second.astype(np.float64) - first.astype(np.float64)
    codes = np.unique([str(task) for task in tasks], return_inverse=True)[1]
    sizes = np.bincount(codes)
    each = len(differences) / len(sizes)
    gap = float(differences.mean()) + margin
    error = alpha if gap > 0 else alpha / conditions
    if np.ptp(differences) == 0:
        return _until(lambda n: _clears(first, second, n / each, margin, error), each)
    count = len(sizes)
    means = np.bincount(codes, weights=differences) / sizes
    within = float(((differences - means[codes]) ** 2).sum()) / max(1, len(differences) - count)
    between = max(0.0, float(means.var(ddof=1)) - within / each) if count > 1 else 0.0
    freedom = count - 1 if count > 1 else len(differences) - 1
    allowed = (gap / (t.ppf(1 - error, freedom) + t.ppf(POWER, freedom))) ** 2 * count - between
    number = within / allowed - each if allowed > 0 else math.inf
    return max(1, math.ceil(number)) if number <= MOST else None


def further_rounds(lost: int, gained: int, ties: int, tasks: int, margin: float, alpha: float,
                   conditions: int) -> int | None:
    """The same for a sequential test: rounds of one pair per task until the evidence suffices, going on like this."""
    pairs = lost + gained + ties
    if not pairs:
        return None

    def decides(rounds: float) -> bool:
        lose, gain, tie = (round(count * rounds * tasks / pairs) for count in (lost, gained, ties))
        return bool(stats.log_evalue(lose, gain, tie, -margin) >= -math.log(alpha)
                    or stats.log_evalue(gain, lose, tie, margin) >= math.log(conditions / alpha))

    return _until(decides, pairs / tasks)


def _clears(first: stats.Bools, second: stats.Bools, times: float, margin: float, error: float) -> bool:
    """Whether `times` as many pairs, with the rates of these and again all the same, would decide."""
    count = max(1, round(len(first) * times))
    mine, theirs = (np.arange(count) < round(times * int(side.sum())) for side in (first, second))
    low, high = stats.newcombe_paired(mine, theirs, level=1 - 2 * error)
    return low > -margin or high < -margin


def _until(decides: Callable[[float], bool], now: float) -> int | None:
    """The least whole number that must be added to `now` for it to decide; more then decides, too."""
    low, number = 0, 1
    while not decides(now + number):
        low, number = number, 2 * number
        if number > MOST:
            return None
    while number - low > 1:
        middle = (low + number) // 2
        low, number = (low, middle) if decides(now + middle) else (middle, number)
    return number
