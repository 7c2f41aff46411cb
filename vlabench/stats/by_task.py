"""Which tasks lost something: exact tests of each task's discordant pairs, corrected for the number of tasks."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def loss_p(lost: npt.ArrayLike, gained: npt.ArrayLike) -> Floats:
    """The one-sided exact McNemar p value of "nothing was lost", of any shape.

    lost, gained: how many pairs only the first and only the second solved. Given their sum, the lost ones are binomial
    with probability ½ where both are equally good.
    """
    from scipy.stats import binom

    fewer, more = np.asarray(lost, dtype=np.int64), np.asarray(gained, dtype=np.int64)
    return np.asarray(binom.sf(fewer - 1, fewer + more, 0.5), dtype=np.float64)


def discrete_holm(lost: Sequence[int], gained: Sequence[int]) -> list[float]:
    """`loss_p` of M cells, corrected for their number: step-down Bonferroni that knows what p each cell can attain.

    Westfall and Wolfinger (1997), The American Statistician 51:3. A p value is raised by those that the other cells can
    attain at the most without exceeding it: a cell with few discordant pairs cannot attain a small one, and costs
    nothing. Controls the chance of accusing any cell wrongly, like Holm, from which it differs by this.
    """
    p = loss_p(lost, gained)
    order = np.argsort(p, kind="stable")
    totals = np.asarray(lost, dtype=np.int64) + np.asarray(gained, dtype=np.int64)
    adjusted, highest = np.ones(len(p)), 0.0
    for place, cell in enumerate(order):
        others = order[place + 1 :]
        highest = max(highest, float(p[cell] + attainable(totals[others], float(p[cell])).sum()))
        adjusted[cell] = min(highest, 1.0)
    return [float(each) for each in adjusted]


def attainable(totals: npt.ArrayLike, most: float) -> Floats:
    """For so many discordant pairs [M], the largest p value that `loss_p` can have and that is no more than `most`."""
    counts = np.asarray(totals, dtype=np.int64)
    found = np.zeros(counts.shape)
    for total in np.unique(counts):
        values = _p_values(int(total))
        fitting = values[values <= most * (1 + 1e-12)]
        found[counts == total] = fitting.max() if len(fitting) else 0.0
    return found


@functools.lru_cache(maxsize=4096)
def _p_values(total: int) -> Floats:
    """Those that so many discordant pairs can have, from 1 down; not to be changed."""
    from scipy.stats import binom

    return np.asarray(binom.sf(np.arange(-1, total), total, 0.5), dtype=np.float64)
