"""A policy that reaches as a simulator's expert does and has to learn when to close its hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from vlabench.adapters.base import TrainablePolicy
from vlabench.models.distributions import NormalActions, drawn
from vlabench.seeding import Draws
from vlabench.types import Decision, Floats, Observation

ADVICE: dict[bytes, Floats] = {}
"""What the expert said, by what was seen at the look: learners see pictures again, and no simulator's state."""
REACH, HAND = 0.05, 1.0
"""Standard deviations of what is drawn, in units: of the arm's numbers and of the gripper's."""


class Grip(nn.Module):
    """How far the gripper's number follows the expert's, and the critic's value of what the expert says."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.follows = nn.Parameter(torch.zeros(1))
        self.worth = nn.Linear(size, 1)


class Advised(TrainablePolicy):
    """One action at a time, in the process that trains it alone; its embedding is the expert's advice."""

    module: Grip
    binned = False

    def __init__(self, weights: Path, decode: str = "sample", temperature: float = 1.0) -> None:
        self.load(weights.parent if weights.is_file() else weights)
        self._draws: dict[int, Draws] = {}

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        self._draws |= zip(slots, draws, strict=True)

    def act(self, obs: Observation) -> Decision:
        for key, state in zip(_keys(obs), obs.state or (), strict=True):
            ADVICE[key] = state.expert_action()
        with torch.inference_mode():
            acted = self.distribution(obs)
            uniform = np.stack([self._draws[int(slot)].at(int(step), "action").random((1, self.space.size))
                                for slot, step in zip(obs.slots, obs.steps, strict=True)])
            sampled = acted.sample(uniform).numpy()
            return Decision(sampled, drawn(acted, sampled))

    def embedding(self, obs: Observation) -> Tensor:
        return torch.from_numpy(np.stack([ADVICE[key] for key in _keys(obs)])).float()

    def distribution(self, obs: Observation, actions: Tensor | None = None,
                     embedding: Tensor | None = None) -> NormalActions:
        advice = self.embedding(obs) if embedding is None else embedding
        hand = torch.tensor([number == self.space.gripper for number in range(self.space.size)])
        means = torch.where(hand, self.module.follows * advice, advice)
        deviation = (REACH + (HAND - REACH) * hand) * torch.tensor(self.space.unit)
        return NormalActions(means[:, None], deviation)

    def value(self, obs: Observation, embedding: Tensor | None = None) -> Tensor:
        value: Tensor = self.module.worth(self.embedding(obs) if embedding is None else embedding).squeeze(-1)
        return value

    @property
    def critic(self) -> nn.Module:
        return self.module.worth

    def save(self, folder: Path, exact: bool = False) -> None:
        (folder / "advised.safetensors").write_bytes(save(self.module.state_dict()))

    def load(self, folder: Path) -> None:
        state = load_file(folder / "advised.safetensors")
        self.module = Grip(state["worth.weight"].shape[1])
        self.module.load_state_dict(state)


def fresh(size: int) -> bytes:
    """The weights' file of a policy whose hand opens and closes by chance, for actions of so many numbers."""
    torch.manual_seed(0)
    return save(Grip(size).state_dict())


def _keys(obs: Observation) -> list[bytes]:
    (pictures,) = obs.images.values()
    return [hashlib.blake2b(picture.tobytes() + felt.tobytes(), digest_size=16).digest()
            for picture, felt in zip(pictures, obs.proprio, strict=True)]
