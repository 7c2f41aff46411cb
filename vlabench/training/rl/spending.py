"""What a training from rollouts takes, whatever the machine: episodes played, views drawn, updates and their passes.

Not counted: trials, episodes that ended in errors, iterations that a kill cost, updates that are undone (`permuted`),
and what is put through the network for values, scores and references.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlabench.cards.schema import SPENT
from vlabench.training.curves import Curves
from vlabench.training.rl.rollouts import Rollout

ROLLOUTS, STEPS, VIEWS, UPDATES, PASSES = SPENT
"""Names of curves, too."""
EVERY = "success"
"""A curve that has a value at every iteration."""


def of_iteration(played: Sequence[Rollout], learned: Mapping[str, float], followed: Sequence[int]) -> dict[str, float]:
    """All five of an iteration, `views` where there are any.

    played: its rollouts, learned from or not. learned: UPDATES and PASSES of those from rewards. followed: the looks of
    each update towards consistency.
    """
    kinds = len(played[0].views) if played else 0
    views = {VIEWS: float(sum(map(len, played)) * kinds)} if kinds else {}
    return {ROLLOUTS: float(len(played)), STEPS: float(sum(int(rollout.executed.sum()) for rollout in played)), **views,
            UPDATES: learned.get(UPDATES, 0.0) + len(followed),
            PASSES: learned.get(PASSES, 0.0) + sum(followed)}


def of_training(curves: Curves) -> dict[str, int]:
    """Of all iterations, by its curves; without what these have not of every one, as when it was begun before there was
    such a curve."""
    series = curves.series()
    iterations = len(series.get(EVERY, ([], []))[0])
    return {name: round(sum(series[name][1])) for name in SPENT
            if name in series and len(series[name][1]) == iterations}
