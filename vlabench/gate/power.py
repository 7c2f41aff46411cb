"""What a gate can see: the loss of one task that would be flagged, and how many more episodes it takes to decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vlabench import stats

POWER = 0.8
"""The chance that the episodes named would decide, and that a loss named as visible is flagged."""
MOST = 10_000
"""Episodes per task beyond which it is said that no number would."""


class Visible(NamedTuple):
    """The loss of a single task that is visible with so many episodes of each.

    lost: how many of its episodes it has to lose at least, none gained, to be flagged; None where even all of them
    would not do, and then `enough` is the number of episodes that would. likely: the share of episodes that a task must
    lose to be flagged with the chance POWER, if nothing else changes; None where that was not worked out.
    """

    episodes: int
    lost: int | None
    likely: float | None
    enough: int


def visible(totals: Sequence[int], episodes: int, error: float, margin: float) -> Visible:
    """For tasks with these numbers of discordant pairs, a cell of task and condition each, at so many episodes a task.

    The task in question stands for the one with most of them; the others correct its p value as they do in a verdict.
    error: what the corrected p value of a flagged task does not exceed; margin: the loss that it has to exceed.
    """
    others = sorted(totals)[:-1]

    def flagged(lost: int) -> bool:
        p = 0.5**lost
        return p + float(stats.attainable(others, p).sum()) <= error

    enough = next((number for number in range(1, 64) if flagged(number)), 64)
    lost = max(enough, math.ceil(margin * episodes - 1e-9))
    if lost > episodes:
        return Visible(episodes, None, None, enough)
    return Visible(episodes, lost, _likely(lost, episodes), enough)


def _likely(lost: int, episodes: int) -> float:
    """The share with which so many episodes or more of all are lost in POWER of all cases."""
    from scipy.special import betaincinv

    return float(betaincinv(lost, episodes - lost + 1, POWER))


def further_episodes(found: stats.Difference, each: float, margin: float, error: float,
                     correction: float) -> int | None:
    """Episodes per task, beyond the `each` that are there, after which a verdict has the chance POWER; None for none.

    found: the difference of a condition so far. error: of "it lost less than the margin"; an accusation takes
    `correction`. The test's standard error is that under the margin, the difference scatters by what was observed; both
    fall with the root of the number.
    """
    z, gap = found.z(-margin), abs(found.value + margin)
    if z == 0 or gap < 1e-12:
        return None
    tested = gap * math.sqrt(found.worth.episodes) / abs(z)
    scatter = math.sqrt(max(found.lost + found.gained - found.value**2, 0.0))
    quantile, power = found.worth.quantile(error if z > 0 else correction), found.worth.quantile(1 - POWER)
    number = each * (((quantile * tested + power * scatter) / gap) ** 2 / found.worth.episodes - 1)
    return max(1, math.ceil(number - 1e-9)) if number <= MOST else None


def further_rounds(lost: int, gained: int, ties: int, tasks: int, margin: float, error: float,
                   correction: float) -> int | None:
    """The same for a sequential test: rounds of one pair per task until the evidence suffices, going on like this."""
    pairs = lost + gained + ties
    if not pairs:
        return None

    def decides(rounds: float) -> bool:
        lose, gain, tie = (round(count * rounds * tasks / pairs) for count in (lost, gained, ties))
        return bool(stats.log_evalue(lose, gain, tie, -margin) >= -math.log(error)
                    or stats.log_evalue(gain, lose, tie, margin) >= -math.log(correction))

    return _until(decides, pairs / tasks)


def tasks_needed(margin: float, alpha: float) -> int | None:
    """How many tasks it takes to show, assuming nothing, that tasks like these lose less than the margin on average.

    If a kind of task that makes up a share `margin` of all collapses, T tasks hold none of it with the probability
    (1 − margin)^T; None for a margin of 0.
    """
    return math.ceil(math.log(alpha) / math.log1p(-margin)) if margin > 0 else None


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
