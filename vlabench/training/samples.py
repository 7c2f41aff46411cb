"""Rollouts as training batches: a sample is one look, the chunk that was sampled there, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from vlabench.training.objectives.base import Batch
from vlabench.training.rollouts import Rollout
from vlabench.types import ActionSpace, Observation

Floats64 = npt.NDArray[np.float64]
OFFERED = frozenset({"before", "reference", "advantages", "returns"})
"""What batches of samples hold for objectives: `before` [N, T], log-probability of each whole action when it was
sampled; `reference` [N, T, D], the mean actions then; `advantages` and `returns` [N]."""


class Samples:
    """All looks of some rollouts.

    advantages, returns: float [L] for each rollout, by look. weights: how much an action of each rollout counts;
    RIPT-VLA's are 1 / steps, so that rollouts weigh the same whatever their length. space: see `Batch`.
    """

    def __init__(self, rollouts: Sequence[Rollout], advantages: Sequence[Floats64], returns: Sequence[Floats64],
                 weights: Sequence[float], space: ActionSpace | None = None) -> None:
        self.rollouts, self.space = rollouts, space
        self._rows = [(which, look) for which, rollout in enumerate(rollouts) for look in range(len(rollout))]
        self._advantages, self._returns, self._weights = advantages, returns, weights

    def __len__(self) -> int:
        return len(self._rows)

    def weight(self, rows: Sequence[int]) -> float:
        """The weights of all actions of some samples together."""
        picked = (self._rows[row] for row in rows)
        return float(sum(self._weights[which] * self.rollouts[which].executed[look] for which, look in picked))

    def names(self, rows: Sequence[int]) -> list[str]:
        """Which rollout each of some samples is a look of: `libero_goal/3 #17`, task and number of the start."""
        specs = [self.rollouts[self._rows[row][0]].spec for row in rows]
        return [f"{spec.task.key} #{spec.index}" for spec in specs]

    def seen(self, rows: Sequence[int]) -> Observation:
        """What the policy received at some looks."""
        looks = [(self.rollouts[which], look) for which, look in (self._rows[row] for row in rows)]
        return Observation.now(
            images={camera: np.stack([rollout.pictures[camera][look] for rollout, look in looks])
                    for camera in looks[0][0].pictures},
            proprio=np.stack([rollout.proprio[look] for rollout, look in looks]),
            instruction=tuple(rollout.instruction for rollout, _ in looks), step=0)

    def batch(self, rows: Sequence[int], device: torch.device | str, whole: Sequence[int] | None = None) -> Batch:
        """The samples of these numbers. A chunk's actions count from its first to the last that was carried out.

        whole: the minibatch that they are a part of, else they are one.
        """
        picked = [self._rows[row] for row in rows]
        looks = [(self.rollouts[which], look) for which, look in picked]
        actions = np.stack([rollout.actions[look] for rollout, look in looks])
        executed = np.array([rollout.executed[look] for rollout, look in looks])
        counted = np.arange(actions.shape[1]) < executed[:, None]
        each = np.array([self._weights[which] for which, _ in picked])
        arrays = {
            "actions": actions, "counted": counted, "weights": (counted * each[:, None]).astype(np.float32),
            "before": np.stack([rollout.log_probs[look].sum(-1) for rollout, look in looks]),
            "reference": np.stack([rollout.means[look] for rollout, look in looks]),
            "advantages": np.array([self._advantages[which][look] for which, look in picked], dtype=np.float32),
            "returns": np.array([self._returns[which][look] for which, look in picked], dtype=np.float32)}
        tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        return Batch(self.seen(rows), weight=self.weight(whole or rows), count=len(whole or rows), space=self.space,
                     extras={name: tensors.pop(name) for name in OFFERED}, **tensors)
