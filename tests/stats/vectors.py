"""Small data sets with figures that were worked out apart from this package, to six digits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tests.stats.populations import outcomes
from vlabench.stats import Bools, TasksAs

PAIRS = {
    "V1": [(8, 0, 1, 1), (9, 0, 0, 1), (1, 8, 0, 1), (7, 1, 1, 1), (10, 0, 0, 0), (6, 1, 0, 3), (9, 0, 0, 1),
           (5, 0, 1, 4), (8, 1, 0, 1), (10, 0, 0, 0)],
    "V2": [(2, 2, 0, 1), (1, 1, 2, 1), (0, 3, 0, 2), (4, 0, 1, 0), (1, 2, 1, 1)],
    "V3": [(3, 0, 0, 0), (2, 2, 0, 1), (6, 1, 1, 2), (5, 4, 0, 11)],
}  # fmt: skip
"""For each task, the pairs that both sides solved, only the first (lost), only the second (gained), neither."""


class Expected(NamedTuple):
    """Value, ends of the 95 % interval, and how many independent episodes it is worth."""

    value: float
    low: float
    high: float
    worth: float


class Vector(NamedTuple):
    """What is to come out: the rate of the second side, the difference, and two p values."""

    name: str
    tasks_as: TasksAs
    rate: Expected
    difference: Expected
    p: float
    p_no_worse: float
    """That it lost 5 points or more."""


VECTORS = [
    Vector("V1", "fixed", Expected(0.76, 0.681347, 0.824363, 135.940299),
           Expected(-0.08, -0.144225, -0.022801, 153.6), 0.008053, 0.851370),
    Vector("V1", "sample", Expected(0.76, 0.537802, 0.898589, 26.709677),
           Expected(-0.08, -0.318997, 0.153054, 21.804416), 0.344177, 0.648166),
    Vector("V2", "fixed", Expected(0.48, 0.317868, 0.646456, 31.692308),
           Expected(-0.16, -0.409134, 0.112752, 25.692308), 0.241768, 0.791637),
    Vector("V2", "sample", Expected(0.48, 0.168473, 0.807890, 11.135135),
           Expected(-0.16, -0.551134, 0.296857, 18.555556), 0.376139, 0.735977),
    Vector("V3", "fixed", Expected(0.5875, 0.422668, 0.734843, 34.599019),
           Expected(-0.15, -0.333484, 0.019911, 28.230515), 0.074731, 0.898752),
    Vector("V3", "sample", Expected(0.5875, 0.195262, 0.893691, 10.470156),
           Expected(-0.15, -0.512492, 0.251050, 20.516850), 0.226012, 0.821619),
]  # fmt: skip
NAMES = [f"{vector.name}-{vector.tasks_as}" for vector in VECTORS]


def data(pairs: list[tuple[int, int, int, int]]) -> tuple[Bools, Bools, list[int]]:
    """Both sides' outcomes [N] and the task of each episode."""
    first, second = outcomes(np.array(pairs))
    return first, second, np.repeat(np.arange(len(pairs)), np.sum(pairs, axis=1)).tolist()
