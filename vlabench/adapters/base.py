"""What a policy must do: start new episodes in given slots, and act on an observation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from vlabench.seeding import Draws
from vlabench.types import Floats, Observation

if TYPE_CHECKING:
    import torch

    from vlabench.models.bins import BinnedActions
    from vlabench.models.exploration import NormalActions


class Policy(ABC):
    """Something that acts. Constructed from its card's options; heavy imports belong into the constructor."""

    revision: ClassVar[int] = 1
    """Part of a policy's digest: raised when the same options come to mean other actions."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Packages whose version can change what it does; records have them beside the simulator's."""
    builds_on: ClassVar[tuple[str, ...]] = ()
    """Options that name another policy, whose weights it loads, too."""

    @abstractmethod
    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """These batch slots start a new episode; a policy that samples takes its numbers from `draws` alone."""

    @abstractmethod
    def act(self, obs: Observation) -> Floats:
        """T actions for each of B copies, float [B, T, D]; the loop executes the first `replan` (of the card) of them.

        T ≥ replan, except where the step limit comes first: perturbations rely on a look every `replan` steps.
        """

    def close(self) -> None:
        """Let go of what the policy holds (a connection, a device)."""
        return None


class TrainablePolicy(Policy):
    """A policy that training methods can change: a torch module whose actions are a distribution.

    Its constructor takes `weights`, a file or a folder; `decode`, which is "sample" or "normal" where actions are to be
    drawn; and `temperature`: what they are drawn from, `models.exploration.explored` says. The methods keep the graph,
    so that what they return can be differentiated.

    module: its parameters. acted: the distribution that the latest `act` took its actions from.
    """

    module: torch.nn.Module
    acted: BinnedActions | NormalActions

    @property
    @abstractmethod
    def critic(self) -> torch.nn.Module:
        """The head of `value`, a part of the module that actions do not depend on."""

    @abstractmethod
    def weights(self, exact: bool = False) -> bytes:
        """The content of a file for the constructor; `exact`: with parameters as they are, instead of in half size."""

    @abstractmethod
    def distribution(self, obs: Observation, embedding: torch.Tensor | None = None) -> BinnedActions:
        """Over chunks of actions [B, T, D]: `log_prob`, `mean`, `mode`, `sample`, logits per bin.

        embedding: used instead of the observation's own, so that one can differentiate with respect to it.
        """

    @abstractmethod
    def embedding(self, obs: Observation) -> torch.Tensor:
        """The low-dimensional state [B, E], E ≤ 512, which is all that the action head reads."""

    @abstractmethod
    def value(self, obs: Observation, embedding: torch.Tensor | None = None) -> torch.Tensor:
        """Expected return [B]; `embedding` as in `distribution`."""
