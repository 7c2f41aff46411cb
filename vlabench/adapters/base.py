"""What a policy must do: start new episodes in given slots, and act on an observation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Observation

if TYPE_CHECKING:
    import torch

    from vlabench.models.bins import BinnedActions


class Policy(ABC):
    """Something that acts. Constructed from its card's options; heavy imports belong into the constructor."""

    revision: ClassVar[int] = 1
    """Part of a policy's digest: raised when the same options come to mean other actions."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Packages whose version can change what it does; records have them beside the simulator's."""
    builds_on: ClassVar[tuple[str, ...]] = ()
    """Options that name another policy, whose weights it loads, too."""

    space: ActionSpace
    """Of the simulator that it acts in, once it is told."""

    def configure(self, space: ActionSpace) -> None:
        """What actions mean where it acts, once and before the first episode; one that wraps others tells them, too.

        Raises OptionError if it was made for a robot of another kind.
        """
        self.space = space

    @abstractmethod
    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """These slots start a new episode, while others go on; a policy that samples takes its numbers from `draws`
        alone. What it remembers of an episode it keeps by slot.
        """

    @abstractmethod
    def act(self, obs: Observation) -> Decision:
        """T actions for each of B rows, float [B, T, D]; the loop executes the first `replan` (of the card) of them.

        `obs.slots` says which slot a row belongs to: not all need be there. T ≥ replan, except where the step limit
        comes first: perturbations rely on a look every `replan` steps.
        """

    def close(self) -> None:
        """Let go of what the policy holds (a connection, a device)."""
        return None


@dataclass(frozen=True)
class Actor:
    """Who acts in workers: `make` is called once in each, and must be picklable.

    cameras: those it looks at. image_size: pixels per side. replan: actions executed from one look to the next.
    privileged: it reads the simulator's state.
    """

    make: Callable[[], Policy]
    cameras: tuple[str, ...] = ()
    image_size: int = 256
    replan: int = 1
    privileged: bool = False


class TrainablePolicy(Policy):
    """A policy that training methods can change: a torch module whose actions are a distribution.

    Its constructor takes `weights`, a file or a folder; `decode`, which is "sample" or "normal" where actions are to be
    drawn; and `temperature`: what they are drawn from, `models.exploration.explored` says. The methods keep the graph,
    so that what they return can be differentiated.

    module: its parameters. Where actions are drawn, the decision's extras have `log_probs` and `means`, float32
    [B, T, D], of the distribution that they were drawn from (`models.exploration.drawn`).
    """

    module: torch.nn.Module

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
