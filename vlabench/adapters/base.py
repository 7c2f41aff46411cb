"""What a policy does: act on an observation, and start new episodes in given slots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from vlabench import registry
from vlabench.errors import CardError, UnknownName
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Decision, Floats, Observation

if TYPE_CHECKING:
    import torch


class Policy(ABC):
    """Something that acts. Constructed from its card's options; heavy imports belong into the constructor."""

    revision: ClassVar[int] = 1
    """Part of a policy's digest: raised when the same options come to mean other actions."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Packages whose version can change what it does; records have them beside the simulator's."""
    builds_on: ClassVar[tuple[str, ...]] = ()
    """Options that name another policy: the constructor gets its Foundation instead of its name."""

    heeds: ClassVar[tuple[str, ...]] = ()
    """Keys of the card (`cameras`, `replan`, …) that the constructor gets, too: so that what does not fit them is told
    before the first step.
    """
    needs: ClassVar[tuple[str, ...]] = ()
    """Packages that must be where it lives, if a card names the Python of another environment."""

    whereabouts: ClassVar[tuple[str, ...]] = ()
    """Options that say where it is found and not what it does: no part of its digest."""

    exact_in_batches: ClassVar[bool] = False
    """Whether a row's answer is the same to the last bit whatever other rows are asked for with it."""

    space: ActionSpace
    """Of the simulator that it acts in, once it is told."""

    def configure(self, space: ActionSpace) -> None:
        """What actions mean where it acts, once and before the first episode; one that wraps others tells them, too.

        Raises OptionError if it was made for a robot of another kind.
        """
        self.space = space

    def reset(self, slots: Sequence[int], draws: Sequence[Draws]) -> None:
        """These slots start a new episode, while others go on; a policy that samples takes its numbers from `draws`
        alone. What it remembers of an episode it keeps by slot. One that neither samples nor remembers needs none.
        """
        return None

    @abstractmethod
    def act(self, obs: Observation) -> Decision:
        """T actions for each of B rows, float [B, T, D]; the loop executes the first `replan` (of the card) of them.

        `obs.slots` says which slot a row belongs to: not all need be there. T ≥ replan, except where the step limit
        comes first: perturbations rely on a look every `replan` steps. One that a host holds is asked again, row by
        row, after an error: what it remembers must not have changed by then.
        """

    def settle(self) -> None:
        """Episodes have come to their end; before they count. Raises whatever makes their results worthless."""
        return None

    def waits(self) -> Sequence[float]:
        """Seconds that answers of a server took since this was asked last; none for a policy that asks none."""
        return ()

    def close(self) -> None:
        """Let go of what the policy holds (a connection, a device)."""
        return None


@dataclass(frozen=True)
class Foundation:
    """A policy that another one is built on, as its card tells. replan: as in Actor. weights: its file or folder,
    checked, and their sha256; None and "" for a policy without.
    """

    name: str
    make: Callable[[], Policy]
    replan: int = 1
    weights: Path | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Actor:
    """Who acts in workers: `make` is called once in each, and must be picklable.

    cameras: those it looks at. image_size: pixels per side. replan: actions executed from one look to the next.
    privileged: it reads the simulator's state. hosted: it lives once, in a process that answers all workers; exact: its
    answers must not depend on what else it is asked at the same time. python: of another environment, in which that
    process is; "" for this one. gpu: it computes on a GPU.
    """

    make: Callable[[], Policy]
    cameras: tuple[str, ...] = ()
    image_size: int = 256
    replan: int = 1
    privileged: bool = False
    hosted: bool = False
    exact: bool = True
    python: str = ""
    gpu: bool = False


class ActionDistribution(Protocol):
    """Over chunks of actions [B, T, D]: a distribution of every action number, given the observation and, where the
    policy is autoregressive, the numbers before it. What it returns keeps the graph.
    """

    @property
    def mean(self) -> torch.Tensor:
        """[B, T, D]."""

    @property
    def mode(self) -> torch.Tensor:
        """The most probable values [B, T, D]."""

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Log-probability or log-density [B, T, D] of actions [B, T, D]; of a whole chunk it is their sum."""

    def sample(self, uniform: Floats) -> torch.Tensor:
        """A draw [B, T, D], by inversion of numbers in [0, 1), float64 [B, T, D]."""

    def entropy(self) -> torch.Tensor:
        """In nats [B, T, D]; of a density it may be negative."""

    def kl(self, other: ActionDistribution) -> torch.Tensor:
        """KL(self ‖ other) in nats [B, T, D]. Raises TypeError for a distribution of another kind."""


@dataclass(frozen=True)
class Facts:
    """What a policy that begins from nothing has to know of its data.

    cameras, image_size: of its pictures. action_size: D. proprio_mean, proprio_std: [P] each. instructions: all.
    points: the names of those that it may have, `Simulator.points`.
    """

    cameras: tuple[str, ...]
    image_size: int
    action_size: int
    proprio_mean: tuple[float, ...]
    proprio_std: tuple[float, ...]
    instructions: tuple[str, ...]
    points: tuple[str, ...]


class TrainablePolicy(Policy):
    """A policy that training methods can change: a torch module whose actions are a distribution.

    Its constructor takes `weights`, a file or a folder; `decode`, which is "sample", "normal" or "mixed" where actions
    are to be drawn; and `temperature`: what they are drawn from, `models.distributions.explored` says. The methods keep
    the graph, so that what they return can be differentiated.

    module: its parameters. auxiliary: what `encode` gives beside the embedding. critics: the kinds that `renew_critic`
    has a choice of. binned: whether its distribution is over bins, which objectives can shape. Where actions are drawn,
    the decision's extras have `log_probs` and `means`, float32 [B, T, D], of the distribution that they were drawn from
    (`models.distributions.drawn`).
    """

    module: torch.nn.Module
    auxiliary: frozenset[str] = frozenset()
    critics: tuple[str, ...] = ()
    binned: bool = True

    @classmethod
    def fresh(cls, folder: Path, data: Facts, sizes: Mapping[str, Any]) -> None:
        """Write into an empty folder, as `save` does, weights that know nothing yet, of a network for such data. sizes:
        what a card says of the network. Raises CardError where there is no such thing.
        """
        raise CardError(f"{cls.__name__} cannot begin from nothing\n"
                        f"  fix: `init` in training.options, a policy to go on from")

    @abstractmethod
    def save(self, folder: Path, exact: bool = False) -> None:
        """Write the weights into an empty folder. `exact`: parameters as they are, else in half size where it may be.

        The constructor takes the file, if there is but one, or the folder.
        """

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Take what `save` wrote, and act from now on as if constructed from it."""

    @abstractmethod
    def distribution(self, obs: Observation, actions: torch.Tensor | None = None,
                     embedding: torch.Tensor | None = None) -> ActionDistribution:
        """Over chunks of actions [B, T, D].

        actions: [B, T, D], those that the distribution of every number is conditioned on, in a policy that gives a
        chunk number by number (teacher forcing); without them, those that it finds most probable one after the other. A
        policy that gives all at once ignores them. Two observations are to be compared on the same actions.
        embedding: used instead of the observation's own, so that one can differentiate with respect to it.
        """

    @abstractmethod
    def embedding(self, obs: Observation) -> torch.Tensor:
        """The state [B, E] which is all that the action head reads."""

    def encode(self, obs: Observation, actions: torch.Tensor | None = None) -> Mapping[str, torch.Tensor]:
        """`embedding`, and by their names in `auxiliary`, what else the network makes of an observation on the way
        there, for objectives that train it. actions: [B, T, D], as `distribution` will have them, for a policy whose
        embedding depends on them; others ignore them.
        """
        return {"embedding": self.embedding(obs)}

    @property
    def action_head(self) -> torch.nn.Module | None:
        """A part of the module that makes actions of the embedding and is trained in full where the rest is by LoRA;
        None where LoRA is for all.
        """
        return None

    @property
    def critic(self) -> torch.nn.Module | None:
        """The head of `value`, a part of the module that actions do not depend on; None for a policy without."""
        return None

    @property
    def value_head(self) -> torch.nn.Module | None:
        """What of the critic is trained in full where the rest is by LoRA: all of it, unless it has a network of its
        own that is so large as to need LoRA, too.
        """
        return self.critic

    def value(self, obs: Observation, embedding: torch.Tensor | None = None) -> torch.Tensor:
        """Expected return [B]; `embedding` as in `distribution`. Raises TypeError for a policy without a critic."""
        raise TypeError(f"{type(self).__name__} has no critic, which alone could tell a value")

    def renew_critic(self, kind: str) -> None:
        """Put another critic in place of the policy's, one of a kind in `critics` that knows nothing yet; actions stay
        as they are, and `save` keeps it. Raises UnknownName.
        """
        raise UnknownName("critic", kind, self.critics)


def find_adapter(name: str) -> type[Policy]:
    """The class of an adapter. Raises UnknownName, PluginError."""
    return registry.load("adapter", name, Policy)
