"""What a training took, counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vlabench.training.curves import Curves
from vlabench.training.rl import spending
from vlabench.training.rl.rollouts import Rollout
from vlabench.types import EpisodeSpec, Image, Task

TASK = Task("toy", "set", 0, "t", "do it", 10, 50)


def rollout(looks: int, steps_each: int, *views: str) -> Rollout:
    blank = np.zeros((looks, 1, 1), np.float32)
    seen: Image = np.zeros((looks, 2, 2, 3), np.uint8)
    return Rollout(EpisodeSpec(TASK, "clean", 0), {"top": seen}, blank[:, 0], "", blank, blank, blank,
                   np.full(looks, steps_each), True, {}, {}, views={name: {"top": seen} for name in views})


def test_an_iteration_by_hand() -> None:
    """Rollouts of 3 and 2 looks, a chunk of 4 each; 6 updates that saw 10 looks in two epochs."""
    learned = {"updates": 6.0, "passes": 10.0}
    plain = spending.of_iteration([rollout(3, 4), rollout(2, 4)], learned, [])
    assert plain == {"rollouts": 2, "control steps": 20, "updates": 6, "passes": 10}
    seen = [rollout(3, 4, "same", "other"), rollout(2, 4, "same", "other")]
    assert spending.of_iteration(seen, learned, []) == {**plain, "views": 10}
    followed = spending.of_iteration([rollout(3, 4)], {}, [3, 3])  # no context whose rollouts differed
    assert followed == {"rollouts": 1, "control steps": 12, "updates": 2, "passes": 6}


def test_a_training_is_the_sum_of_its_iterations(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    for number in (1, 2, 3):
        curves.add(number, {"success": 0.5, "rollouts": 8.0, "updates": float(number)})
    assert spending.of_training(curves) == {"rollouts": 24, "updates": 6}
    curves.add(4, {"success": 0.5, "rollouts": 8.0})  # by code that did not count updates
    assert spending.of_training(curves) == {"rollouts": 32}
