"""Paired episodes under continuous monitoring: an anytime-valid test and confidence sequence of the difference.

Method: testing by betting (Waudby-Smith and Ramdas 2024, JRSS-B 86:1), with a mixture instead of a strategy. A pair's
difference d is −1 (only the first succeeds), 0 or +1 (only the second). Against "the mean difference is m or less", a
stake λ = θ / (1 + m) multiplies its capital by 1 + λ (d − m) with each pair. The e-value is the mean capital of stakes
θ in (0, 1), spread as Beta(½, ½) on 64 Chebyshev nodes. Under the null it exceeds 1/α at any time whatever with
probability α at most (Ville), so that one may stop at will. "m or more" is the same with the sides exchanged.

For m = 0 this is the mixture test of "a discordant pair falls to either side with probability ½".

What has to hold: pairs come in random order, or in rounds of one pair per task with looks at the ends of rounds. The
mean is then over tasks: capital is the product of 1 + λ (μ_task − m) on average, and logarithms being concave, tasks
that differ make it smaller, never larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vlabench.stats.tasks import LEVEL

Verdict = Literal["regression", "no regression", "undecided"]
NODES = 64
_STAKES = (1 - np.cos((np.arange(NODES) + 0.5) * math.pi / NODES)) / 2


class Sequential(NamedTuple):
    """What n pairs say by now.

    value: mean difference, second − first; low, high: confidence sequence, which holds at all times at once.
    regression: e-value of "worse by more than the margin" (against: difference ≥ −margin). no_regression: the reverse
    (against: difference ≤ −margin). unequal: against equal rates. An e-value of 20 has p ≤ 1/20; at most one of the
    first two exceeds 1.
    """

    n: int
    value: float
    low: float
    high: float
    regression: float
    no_regression: float
    unequal: float

    def verdict(self, alpha: float) -> Verdict:
        """With an error of at most `alpha`, however often it was asked for before."""
        if self.regression >= 1 / alpha:
            return "regression"
        return "no regression" if self.no_regression >= 1 / alpha else "undecided"



def sequential_paired(
    first_better: int, second_better: int, ties: int, margin: float = 0.0, level: float = LEVEL
) -> Sequential:
    """The state after pairs of which the first, the second or neither was better; `margin` is a fraction in [0, 1).

    Raises ValueError for negative counts and other margins.
    """
    if min(first_better, second_better, ties) < 0 or not 0 <= margin < 1:
        raise ValueError(f"counts {first_better}, {second_better}, {ties} or margin {margin} out of range")
    n = first_better + second_better + ties
    value = (second_better - first_better) / n if n else math.nan
    second = (first_better, second_better, ties)
    first = (second_better, first_better, ties)
    return Sequential(
        n, value, _lower_limit(*second, level), -_lower_limit(*first, level),
        _exp(log_evalue(*first, margin)), _exp(log_evalue(*second, -margin)),
        _exp(np.logaddexp(log_evalue(*first, 0.0), log_evalue(*second, 0.0)) - math.log(2)),
    )  # fmt: skip


def log_evalue(
    first_better: npt.ArrayLike, second_better: npt.ArrayLike, ties: npt.ArrayLike, mean: float
) -> npt.NDArray[np.float64]:
    """The logarithm of the e-value against "second − first is `mean` or less", −1 < mean < 1, for counts of any shape.

    It falls as `mean` rises, and is below 0 wherever the observed mean is no more than `mean`.
    """
    from scipy.special import logsumexp

    up, down, same = (np.asarray(count, dtype=np.float64)[..., None] for count in (second_better, first_better, ties))
    stake = _STAKES / (1 + mean)
    capital = up * np.log1p(stake * (1 - mean)) + same * np.log1p(-stake * mean) + down * np.log1p(-_STAKES)
    return np.asarray(logsumexp(capital, axis=-1) - math.log(NODES), dtype=np.float64)


def task_evalues(lost: npt.ArrayLike, gained: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """For each task, the e-value against "nothing was lost", from its discordant pairs alone; counts of any shape.

    A discordant pair that was lost multiplies a stake's capital by 1 + θ, one that was gained by 1 − θ. It may be
    looked at after any pair; over M tasks an e-value of M/α has an error of α for all of them together.
    """
    up, down = (np.asarray(count, dtype=np.float64)[..., None] for count in (lost, gained))
    return np.asarray(np.exp(up * np.log1p(_STAKES) + down * np.log1p(-_STAKES)).mean(axis=-1), dtype=np.float64)


@dataclass
class PairedSequence:
    """Takes one pair at a time, for a loop that stops as soon as the verdict is there.

    margin: the largest tolerated loss, a fraction. alpha: the error of each verdict. A verdict, once given, stands;
    so do p values, the smallest of all looks.
    """

    margin: float
    alpha: float = 0.05
    first_better: int = 0
    second_better: int = 0
    ties: int = 0
    verdict: Verdict = "undecided"
    p_regression: float = 1.0
    p_no_regression: float = 1.0

    @property
    def state(self) -> Sequential:
        """Of all pairs so far, with the confidence sequence, which takes longer than to look."""
        return sequential_paired(self.first_better, self.second_better, self.ties, self.margin, 1 - self.alpha)

    def add(self, first: bool, second: bool) -> None:
        """Both outcomes of one episode."""
        self.first_better += first and not second
        self.second_better += second and not first
        self.ties += first == second

    def look(self) -> Verdict:
        """Weigh what was added: after any pair if their order is random, else after each round of one per task."""
        worse = _exp(log_evalue(self.second_better, self.first_better, self.ties, self.margin))
        no_worse = _exp(log_evalue(self.first_better, self.second_better, self.ties, -self.margin))
        self.p_regression = min(self.p_regression, 1 / max(worse, 1.0))
        self.p_no_regression = min(self.p_no_regression, 1 / max(no_worse, 1.0))
        if self.verdict == "undecided" and self.p_regression <= self.alpha:
            self.verdict = "regression"
        elif self.verdict == "undecided" and self.p_no_regression <= self.alpha:
            self.verdict = "no regression"
        return self.verdict


def _lower_limit(first_better: int, second_better: int, ties: int, level: float) -> float:
    """The highest mean of which "this or less" is rejected, with half of the error; −1 if none is."""
    from scipy.optimize import brentq

    def excess(mean: float) -> float:
        return float(log_evalue(first_better, second_better, ties, mean)) - math.log(2 / (1 - level))

    n = first_better + second_better + ties
    lowest, highest = -1 + 1e-9, min((second_better - first_better) / max(n, 1), 1 - 1e-9)
    if n == 0 or highest <= lowest or excess(lowest) <= 0:
        return -1.0
    return float(brentq(excess, lowest, highest, xtol=1e-9))


def _exp(logarithm: npt.NDArray[np.float64]) -> float:
    return math.exp(min(float(logarithm), 700.0))
