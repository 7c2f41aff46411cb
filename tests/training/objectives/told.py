"""A policy of three bins that says what it is told, to try objectives on numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vlabench.adapters.base import TrainablePolicy
from vlabench.models.distributions import BinnedActions
from vlabench.training.objectives.base import Batch, Forward, Loss, Objective
from vlabench.types import ActionSpace, Decision, Observation

MIDDLES = torch.tensor([-2 / 3, 0.0, 2 / 3])


class Told(TrainablePolicy):
    """logits: [states, T, D, 3], of which an observation's proprio [N, 1] is the state."""

    def __init__(self, probabilities: Tensor) -> None:
        self.logits = probabilities.log().requires_grad_()

    def distribution(self, obs: Observation, actions: Tensor | None = None,
                     embedding: Tensor | None = None) -> BinnedActions:
        return BinnedActions(self.logits[obs.proprio[:, 0].astype(int)])

    def embedding(self, obs: Observation) -> Tensor:
        return torch.zeros(len(obs.proprio), 1)

    def act(self, obs: Observation) -> Decision:
        raise AssertionError("objectives ask for distributions alone")

    def save(self, folder: Path, exact: bool = False) -> None:
        raise AssertionError("objectives ask for distributions alone")

    def load(self, folder: Path) -> None:
        raise AssertionError("objectives ask for distributions alone")


def states(*numbers: int) -> Observation:
    return Observation.now({}, np.array(numbers, np.float32)[:, None], ("push",) * len(numbers), 0)


def single(*rows: list[float]) -> Told:
    """States of one step and one number each."""
    return Told(torch.tensor(rows)[:, None, None, :])


def batch_of(obs: Observation, bins: Tensor, extras: Mapping[str, object] | None = None, *,
             counted: Tensor | None = None, gripper: int | None = None) -> Batch:
    """Samples whose actions are in these bins [N, T, D]."""
    counted = torch.ones(bins.shape[:2], dtype=torch.bool) if counted is None else counted
    size = bins.shape[2]
    space = ActionSpace(tuple(map(str, range(size))), (-1.0,) * size, (1.0,) * size, (1.0,) * size, (0.0,) * size, 10,
                        gripper, None if gripper is None else 1.0)
    return Batch(obs, MIDDLES[bins], counted, counted.float(), counted.sum(), len(bins), space, extras or {})


def loss(objective: Objective, policy: Told, batch: Batch) -> Loss:
    return objective.loss(batch, Forward(policy, batch.obs, batch.actions))


def gradient(objective: Objective, policy: Told, batch: Batch) -> Tensor:
    """By the logits of every state, [states, T, D, 3]."""
    (found,) = torch.autograd.grad(loss(objective, policy, batch).term, policy.logits)
    return found
