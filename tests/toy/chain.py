"""A policy for the toy lamp that gives its action numbers one after the other, each by those before it; no critic.

Its weights are two files in a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vlabench.adapters.base import ActionDistribution, TrainablePolicy
from vlabench.models.distributions import BinnedActions, centres, drawn, explored
from vlabench.seeding import Draws
from vlabench.types import Decision, Observation

CHUNK, SIZE, EMBEDDING = 3, 2, 600
SIGMA = 0.6


class Network(nn.Module):
    """Colour and state → embedding → means, moved by the numbers before: those left of the diagonal alone count."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(3, EMBEDDING)
        self.head = nn.Linear(EMBEDDING, CHUNK * SIZE)
        self.links = nn.Parameter(0.5 * torch.randn(CHUNK * SIZE, CHUNK * SIZE))

    def means(self, embedding: Tensor, actions: Tensor) -> Tensor:
        """[B, CHUNK, SIZE, 1], given actions [B, CHUNK, SIZE]."""
        moved: Tensor = self.head(embedding) + actions.flatten(1) @ self.links.tril(-1).T
        return moved.view(-1, CHUNK, SIZE, 1)


class Chain(TrainablePolicy):
    """Chunks of three, of which its cards execute two."""

    module: Network

    def __init__(self, weights: Path, decode: str = "mode", temperature: float = 1.0) -> None:
        self.module = Network()
        self.load(weights)
        self.decode, self.temperature = decode, temperature
        self._draws: dict[int, Draws] = {}

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        self._draws |= zip(slots, draws, strict=True)

    def act(self, obs: Observation) -> Decision:
        with torch.inference_mode():
            if self.decode == "mode":
                return Decision(self._decoded(self.embedding(obs), None).double().numpy())
            uniform = np.stack([self._draws[int(slot)].at(int(step), "action").random((CHUNK, SIZE))
                                for slot, step in zip(obs.slots, obs.steps, strict=True)])
            sampled = self._decoded(self.embedding(obs), uniform)
            return Decision(sampled.double().numpy(),
                            drawn(self._explored(self.distribution(obs, sampled)), sampled.numpy()))

    def _explored(self, acts: ActionDistribution) -> ActionDistribution:
        return explored(acts, "normal" if self.decode == "normal" else "sample", self.temperature)

    def _decoded(self, embedding: Tensor, uniform: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None) -> Tensor:
        actions = torch.zeros(len(embedding), CHUNK, SIZE)
        for number in range(CHUNK * SIZE):
            given = self._given(embedding, actions)
            found = given.mode if uniform is None else self._explored(given).sample(uniform).float()
            actions.flatten(1)[:, number] = found.flatten(1)[:, number].detach()
        return actions

    def _given(self, embedding: Tensor, actions: Tensor) -> BinnedActions:
        return BinnedActions(-0.5 * ((centres() - self.module.means(embedding, actions)) / SIGMA).square())

    def embedding(self, obs: Observation) -> Tensor:
        colour = obs.images["top"].reshape(len(obs.proprio), -1, 3).mean(1)[:, :2] / 255.0
        return torch.tanh(self.module.trunk(torch.as_tensor(np.concatenate([colour, obs.proprio], 1)).float()))

    def distribution(self, obs: Observation, actions: Tensor | None = None,
                     embedding: Tensor | None = None) -> BinnedActions:
        embedding = self.embedding(obs) if embedding is None else embedding
        return self._given(embedding, self._decoded(embedding, None) if actions is None else actions)

    def save(self, folder: Path, exact: bool = False) -> None:
        state = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}
        save_file({"links": state.pop("links")}, folder / "links.safetensors")
        save_file(state, folder / "rest.safetensors")

    def load(self, folder: Path) -> None:
        self.module.load_state_dict({name: tensor for path in sorted(folder.glob("*.safetensors"))
                                     for name, tensor in load_file(path).items()})


def fresh(folder: Path, seed: int = 0) -> None:
    """Write the weights of a policy that has learned nothing."""
    torch.manual_seed(seed)
    policy = Chain.__new__(Chain)
    policy.module = Network()
    folder.mkdir(exist_ok=True)
    policy.save(folder)
