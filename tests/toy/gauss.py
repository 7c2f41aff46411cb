"""A policy for the toy lamp that can be trained: binned Gaussians around means that a small network gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn

from vlabench.adapters.base import TrainablePolicy
from vlabench.models.distributions import BinnedActions, centres, drawn, explored
from vlabench.seeding import Draws
from vlabench.types import Decision, Observation

CHUNK, SIZE = 3, 2
SIGMA = 0.6


class Network(nn.Module):
    """Colour and state → embedding [B, 8] → means [B, CHUNK, SIZE] and value [B]."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(3, 8)
        self.head = nn.Linear(8, CHUNK * SIZE)
        self.worth = nn.Linear(8, 1)


class Gauss(TrainablePolicy):
    """Chunks of three, of which its cards execute two."""

    module: Network

    def __init__(self, weights: Path, decode: str = "mean", temperature: float = 1.0) -> None:
        self.module = Network()
        self.module.load_state_dict(load_file(weights))
        self.decode, self.temperature = decode, temperature
        self._draws: dict[int, Draws] = {}

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        self._draws |= zip(slots, draws, strict=True)

    def act(self, obs: Observation) -> Decision:
        with torch.inference_mode():
            bins = self.distribution(obs)
            if self.decode == "mean":
                return Decision(bins.mean.double().numpy())
            acted = explored(bins, "normal" if self.decode == "normal" else "sample", self.temperature)
            uniform = np.stack([self._draws[int(slot)].at(int(step), "action").random((CHUNK, SIZE))
                                for slot, step in zip(obs.slots, obs.steps, strict=True)])
            sampled = acted.sample(uniform).double().numpy()
            return Decision(sampled, drawn(acted, sampled))

    def embedding(self, obs: Observation) -> torch.Tensor:
        colour = obs.images["top"].reshape(len(obs.proprio), -1, 3).mean(1)[:, :2] / 255.0
        return torch.tanh(self.module.trunk(torch.as_tensor(np.concatenate([colour, obs.proprio], 1)).float()))

    def distribution(self, obs: Observation, actions: torch.Tensor | None = None,
                     embedding: torch.Tensor | None = None) -> BinnedActions:
        means = self.module.head(self.embedding(obs) if embedding is None else embedding).view(-1, CHUNK, SIZE, 1)
        return BinnedActions(-0.5 * ((centres() - means) / SIGMA).square())

    def value(self, obs: Observation, embedding: torch.Tensor | None = None) -> torch.Tensor:
        value: torch.Tensor = self.module.worth(self.embedding(obs) if embedding is None else embedding).squeeze(-1)
        return value

    @property
    def critic(self) -> nn.Module:
        return self.module.worth

    def save(self, folder: Path, exact: bool = False) -> None:
        (folder / "gauss.safetensors").write_bytes(save({name: tensor.detach().clone()
                                                         for name, tensor in self.module.state_dict().items()}))

    def load(self, folder: Path) -> None:
        self.module.load_state_dict(load_file(folder / "gauss.safetensors"))


def fresh(seed: int = 0) -> bytes:
    """The weights' file of a policy that has learned nothing."""
    torch.manual_seed(seed)
    return save(Network().state_dict())
