"""What a training from rollouts takes, whatever the machine: episodes played, views drawn, updates and their passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlabench.training.curves import Curves
from vlabench.training.rl.rollouts import Rollout

ROLLOUTS, STEPS, VIEWS, UPDATES, PASSES = "rollouts", "control steps", "views", "updates", "passes"
SPENT = (ROLLOUTS, STEPS, VIEWS, UPDATES, PASSES)
"""Names of curves, and of what a card says was spent."""


def of_iteration(played: Sequence[Rollout], learned: Mapping[str, float], followed: int, batch: int,
                 ) -> dict[str, float]:
    """All five of an iteration, `views` where there are any.

    played: its rollouts, learned from or not. learned: UPDATES from rewards, and how many looks they took gradients at
    (PASSES), each with all of its views. followed: updates towards consistency, of `batch` looks each. A pass that is
    differentiated twice, as for `jacobian`, counts once; values, scores and references, which need no gradient, do not.
    """
    kinds = len(played[0].views) if played else 0
    views = {VIEWS: float(sum(map(len, played)) * kinds)} if kinds else {}
    return {ROLLOUTS: float(len(played)), STEPS: float(sum(int(rollout.executed.sum()) for rollout in played)), **views,
            UPDATES: learned.get(UPDATES, 0.0) + followed,
            PASSES: learned.get(PASSES, 0.0) * (1 + kinds) + followed * batch}


def of_training(curves: Curves) -> dict[str, int]:
    """Of all iterations, by its curves."""
    series = curves.series()
    return {name: round(sum(series[name][1])) for name in SPENT if name in series}
