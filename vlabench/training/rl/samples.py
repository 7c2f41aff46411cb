"""Rollouts as training batches: a sample is one look, the chunk that was sampled there, and what came of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from vlabench.adapters.base import ActionDistribution
from vlabench.seeding import generator
from vlabench.training.objectives._views import ALTERING, PRESERVING, VIEWED
from vlabench.training.objectives.base import Batch
from vlabench.training.rl.consistency import clean
from vlabench.training.rl.rollouts import Rollout
from vlabench.types import ActionSpace, Image, Observation

Floats32 = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]
ADVANTAGES, TWIN, WANTED, RETURNS, FIRST = "advantages", "clean twin", "wanted", "returns", "first"
OFFERED = frozenset({"before", "reference", ADVANTAGES, TWIN, WANTED, FIRST, PRESERVING, ALTERING, VIEWED})
"""What batches of samples hold for objectives: `before` [N, T], log-probability of each whole action when it was
sampled; `reference` [N, T, D], the mean actions then; `advantages` [N]; where it is asked for (`Samples.pair`), `clean
twin`, the observation without perturbation, and `wanted` [N, T, D], the first policy's mean actions for that one, given
the same actions; where it is asked for (`Samples.compare`), `first`, its distribution for the observation; where
rollouts have kept them (`views`), `task-preserving view` and `task-altering view`, the observation with other pictures;
`before at the view` [N, T], the log-probabilities of the actions given the first of these, before the updates; and
beside these, of a method that computes them, `returns` [N]."""


class Score(Protocol):
    """Log-probability of what was carried out at each of some samples, float64 [n]."""

    def __call__(self, samples: Samples, rows: Sequence[int]) -> Floats64: ...


class Samples:
    """All looks of some rollouts.

    advantages, returns: float [L] for each rollout, by look; no returns where a method has no use for them. weights:
    how much an action of each rollout counts; RIPT-VLA's are 1 / steps, so that rollouts weigh the same whatever their
    length. space: see `Batch`. shown: what there is to see of them, for the curves.
    """

    def __init__(self, rollouts: Sequence[Rollout], advantages: Sequence[Floats64], returns: Sequence[Floats64] | None,
                 weights: Sequence[float], space: ActionSpace | None = None) -> None:
        self.rollouts, self.space = rollouts, space
        self._rows = [(which, look) for which, rollout in enumerate(rollouts) for look in range(len(rollout))]
        self._columns: Mapping[str, Sequence[Floats64]] = {ADVANTAGES: advantages}
        if returns is not None:
            self._columns = {**self._columns, RETURNS: returns}
        self._ends = np.cumsum([len(rollout) for rollout in rollouts])[:-1]
        self._weights = weights
        self._weight = self.weight(range(len(self._rows)))
        self.shown: Mapping[str, float] = {}
        self._twin = False
        self._wanted: list[Floats32] = []
        self._first: Callable[[Observation, torch.Tensor], ActionDistribution] | None = None

    def pair(self, origin: Callable[[Observation, Floats32], Floats32] | None) -> None:
        """From now on batches hold clean twins, of rollouts that have kept theirs; with `origin` (`Learner.origin`),
        what is wanted there, too.
        """
        self._twin = True
        if origin is not None:
            wanted = origin(clean(self.rollouts), np.concatenate([rollout.actions for rollout in self.rollouts]))
            self._wanted = np.split(wanted, self._ends)

    def compare(self, first: Callable[[Observation, torch.Tensor], ActionDistribution]) -> None:
        """From now on batches hold what the first policy does (`Learner.first`), computed anew for each of them."""
        self._first = first

    def hold(self, name: str, each: Sequence[Floats64]) -> None:
        """From now on batches hold this, too: float [L, …] for each rollout, by look."""
        self._columns = {**self._columns, name: each}

    def by_rollout(self, found: Floats64) -> list[Floats64]:
        """What was computed for all looks [L of all, …], for each rollout [L, …]."""
        return np.split(found, self._ends)

    def permuted(self, *key: str | int) -> Samples:
        """The same with the advantages of other rollouts, dealt at random for `key`.

        A rollout's stay together, in their order, stretched to the other's length: looks of one rollout are credited
        alike, and dealt out singly they would cancel each other.
        """
        dealt = generator("permuted", *key).permutation(len(self.rollouts))
        found = copy.copy(self)
        advantages = self._columns[ADVANTAGES]
        stretched = [theirs[np.arange(len(rollout)) * len(theirs) // len(rollout)] for rollout, theirs
                     in zip(self.rollouts, (advantages[other] for other in dealt), strict=True)]
        found._columns = {**self._columns, ADVANTAGES: stretched}
        return found

    def credited(self, rows: Sequence[int], score: Score) -> Samples:
        """The same with what some samples, a minibatch, are worth to the policy as it is now, where that matters.
        score: the policy's `Learner.scored`.
        """
        return self

    def split(self, count: int, order: np.random.Generator) -> list[list[int]]:
        """All samples in minibatches, `count` at most, by chance."""
        parts = np.array_split(order.permutation(len(self)), min(count, len(self)))
        return [part.tolist() for part in parts]

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

    def seen(self, rows: Sequence[int], view: str = "") -> Observation:
        """What the policy received at some looks; or the `clean twin`, or another view that rollouts have kept."""
        looks = [(self.rollouts[which], look) for which, look in (self._rows[row] for row in rows)]
        return Observation.now(
            images={camera: np.stack([_pictures(rollout, view)[camera][look]
                                      for rollout, look in looks]) for camera in looks[0][0].pictures},
            proprio=np.stack([rollout.proprio[look] for rollout, look in looks]),
            instruction=tuple(rollout.instruction for rollout, _ in looks), step=0)

    def batch(self, rows: Sequence[int], device: torch.device | str, whole: Sequence[int] | None = None,
              parts: int = 0) -> Batch:
        """The samples of these numbers. A chunk's actions count from its first to the last that was carried out.

        whole: the minibatch that they are a part of, else they are one. parts: of how many minibatches, all samples
        together, it is one that is divided by the same as the others; 0: by its own weights and number.
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
            "reference": np.stack([rollout.means[look] for rollout, look in looks])}
        arrays |= {name: np.array([column[which][look] for which, look in picked], dtype=np.float32)
                   for name, column in self._columns.items()}
        if self._wanted:
            arrays[WANTED] = np.stack([self._wanted[which][look] for which, look in picked])
        extras: dict[str, Any] = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        acted = {name: extras.pop(name) for name in ("actions", "counted", "weights")}
        if self._twin:
            extras[TWIN] = self.seen(rows, TWIN)
        extras |= {view: self.seen(rows, view) for view in looks[0][0].views}
        whole = rows if whole is None else whole
        own = self.weight(whole)
        weight, count = (self._weight / parts, len(self) / parts) if parts else (own, len(whole))
        seen = self.seen(rows)
        if self._first is not None:
            extras[FIRST] = self._first(seen, acted["actions"])
        return Batch(seen, weight=weight, count=count, own=own, space=self.space, extras=extras, **acted)


def _pictures(rollout: Rollout, view: str) -> Mapping[str, Image]:
    return {"": rollout.pictures, TWIN: rollout.clean, **rollout.views}[view]
