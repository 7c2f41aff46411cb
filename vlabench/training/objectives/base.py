"""What an objective must do: a term of the loss, from a batch and what the policy makes of it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from typing_extensions import Self

from vlabench import registry
from vlabench.adapters.base import ActionDistribution, TrainablePolicy
from vlabench.errors import CardError, VlabenchError
from vlabench.models.distributions import BinnedActions
from vlabench.types import ActionSpace, Observation
from vlabench.util.messages import one_line_each


@dataclass(frozen=True)
class Batch:
    """N samples on a device; T, D: a chunk's actions and their size.

    actions: [N, T, D]. counted: bool [N, T], those of them that tell something: that were carried out, or that answer
    the state they are asked for. weights: float [N, T], of each, 0 where it does not count. weight: of all actions of
    the minibatch that this is a part of, and count: its samples; a term is divided by them, so that the parts add up.
    Where all minibatches of an iteration are divided by the same, both are of the average one, and own is the weight of
    this one.
    space: what the D numbers mean to the simulator, if it is known. extras: what else there is, by the names that
    objectives need: tensors, other observations of the same samples, distributions. whole: the minibatch, of `rows`.
    named: what `points` among the extras are called.
    """

    obs: Observation
    actions: Tensor
    counted: Tensor
    weights: Tensor
    weight: float | Tensor
    count: float
    space: ActionSpace | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    whole: Batch | None = None
    named: Sequence[str] = ()
    own: float | None = None

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, name: str) -> Any:
        return self.extras[name]

    def rows(self, chosen: range) -> Batch:
        """Some samples, as a part of the same minibatch; extras of tensors alone."""
        if len(chosen) == len(self):
            return self
        part = slice(chosen.start, chosen.stop)
        return replace(self, obs=self.obs.rows(chosen), actions=self.actions[part], counted=self.counted[part],
                       weights=self.weights[part], extras={name: each[part] for name, each in self.extras.items()},
                       whole=self.whole or self)

    @property
    def arm(self) -> list[int]:
        """Which of an action's D numbers are not the gripper's; all, where the space is not known."""
        gripper = None if self.space is None else self.space.gripper
        return [number for number in range(self.actions.shape[-1]) if number != gripper]

    def mean(self, values: Tensor) -> Tensor:
        """This batch's part of the minibatch's mean of `values` [N, T], one of each action, by their weights."""
        return (values * self.weights).sum() / self.weight


class Forward:
    """What a policy makes of a batch's observation: each thing is computed once, when it is first asked for.

    explored: from the policy's own distribution to the one that actions are scored by. around: the context in which the
    network computes. twice: gradients of the action head are to be differentiated. frozen: the network up to the
    embedding learns nothing now.
    """

    def __init__(self, policy: TrainablePolicy, obs: Observation, actions: Tensor, *,
                 explored: Callable[[ActionDistribution], ActionDistribution] = lambda acts: acts,
                 around: Callable[[], AbstractContextManager[Any]] = nullcontext, twice: bool = False,
                 frozen: bool = False) -> None:
        self.policy, self.obs, self.actions = policy, obs, actions
        self._explored, self._around, self._twice, self._frozen = explored, around, twice, frozen

    def on(self, obs: Observation) -> Forward:
        """The same for other observations of the same samples, on the same actions."""
        return Forward(self.policy, obs, self.actions, explored=self._explored, around=self._around,
                       twice=self._twice, frozen=self._frozen)

    @cached_property
    def encoded(self) -> Mapping[str, Tensor]:
        """What `TrainablePolicy.encode` gives; the embedding can be differentiated by, unless it is frozen."""
        with self._around(), torch.set_grad_enabled(torch.is_grad_enabled() and not self._frozen):
            found = self.policy.encode(self.obs, self.actions)
        if not self._frozen and torch.is_grad_enabled() and not found["embedding"].requires_grad:
            found["embedding"].requires_grad_()
        return found

    @property
    def embedding(self) -> Tensor:
        """[N, E]."""
        return self.encoded["embedding"]

    @cached_property
    def distribution(self) -> ActionDistribution:
        """Over chunks [N, T, D], of each number given those of the batch's before it."""
        embedding = self.embedding
        with self._around(), self._head():
            return self._explored(self.policy.distribution(self.obs, self.actions, embedding))

    @cached_property
    def log_probs(self) -> Tensor:
        """[N, T], of the batch's actions, each as a whole."""
        distribution = self.distribution
        with self._head():
            return distribution.log_prob(self.actions).sum(-1)

    @cached_property
    def value(self) -> Tensor:
        """The critic's [N]."""
        embedding = self.embedding
        with self._around():
            return self.policy.value(self.obs, embedding)

    def _head(self) -> AbstractContextManager[None]:
        return twice_differentiable() if self._twice else nullcontext()


@dataclass(frozen=True)
class Loss:
    """term: to be added up, its weight included; this batch's part of the minibatch's mean. shown: numbers to look at,
    parts like it.
    """

    term: Tensor
    shown: Mapping[str, Tensor] = field(default_factory=dict)


class Objective(ABC):
    """A term of the loss. Options: a model of what a card may say of it.

    needs: names in `Batch.extras`. reads: names in `TrainablePolicy.encode`, beside the embedding. critic: whether it
    trains the critic, and nothing else where that warms up. twice: whether it differentiates a gradient of the
    distribution by the embedding. shapes: whether it shapes the policy's own distribution, its bins, which must be what
    actions are drawn from then.
    """

    Options: ClassVar[type[BaseModel]]
    needs: ClassVar[frozenset[str]] = frozenset()
    reads: ClassVar[frozenset[str]] = frozenset()
    critic: ClassVar[bool] = False
    twice: ClassVar[bool] = False
    shapes: ClassVar[bool] = False

    def __init__(self, options: BaseModel) -> None:
        self.options = options

    @abstractmethod
    def loss(self, batch: Batch, forward: Forward) -> Loss:
        """Its term for a batch."""


class Options(BaseModel):
    """What most objectives' options have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    weight: float = Field(
        default=1.0, ge=0, description="Weight of the term in the loss.")


class SummedOptions(BaseModel):
    """Options of a method whose loss may have more terms.

    offers: what the method's batches hold for objectives that need it. critics: whether it gives a critic a rate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    offers: ClassVar[frozenset[str]] = frozenset()
    critics: ClassVar[bool] = False

    objectives: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Terms of the loss beside the method's own, by name, each with its options: see "
                    "`vlabench show OBJECTIVE`.")

    def own(self) -> Mapping[str, str]:
        """The method's own terms, and which of its options they are."""
        return {}

    def unshaped(self) -> str:
        """Which option makes actions be drawn from something else than the policy's own distribution, if one does."""
        return ""

    @model_validator(mode="after")
    def _can_be_summed(self) -> Self:
        """Said before anything is loaded or played."""
        for name, objective in made(self.objectives).items():
            wrong = self._wrong(name, objective)
            if wrong:
                raise ValueError(wrong)
        return self

    def _wrong(self, name: str, objective: Objective) -> str:
        if name in self.own():
            return (f"two terms of the loss are called {name!r}: objectives.{name}, and of the method's own "
                    f"{self.own()[name]}\n  fix: leave one of them out")
        lacking = sorted(objective.needs - self.offers)
        if lacking:
            fix = _others(lambda options: objective.needs <= options.offers)
            return (f"objective {name!r} needs {', '.join(lacking)} in a batch, which this method's do not have; they "
                    f"have: {', '.join(sorted(self.offers)) or 'actions alone'}\n  fix: {fix}")
        if objective.critic and not self.critics:
            return (f"objective {name!r} trains a critic, which this method has no rate for\n"
                    f"  fix: {_others(lambda options: options.critics and objective.needs <= options.offers)}")
        if objective.shapes and self.unshaped():
            return (f"objective {name!r} shapes the bins that actions are drawn from, and with `{self.unshaped()}` "
                    f"they are drawn from a normal distribution around the mean instead\n"
                    f"  fix: leave `{self.unshaped()}` out (actions are drawn from the bins then), or the objective")
        return ""


def _others(can: Callable[[type[SummedOptions]], bool]) -> str:
    """What to do about an objective that a method cannot sum, with the methods that can."""
    found = []
    for name in registry.names("method"):
        with suppress(VlabenchError):  # of a plug-in that cannot be imported
            options: Any = getattr(registry.load("method", name, object), "Options", object)  # above this module
            found += [name] * (issubclass(options, SummedOptions) and can(options))
    return "leave it out" + (f", or method = {' | '.join(map(repr, found))}" if found else "; no method can sum it")


def made(objectives: Mapping[str, Mapping[str, Any]]) -> dict[str, Objective]:
    """Objectives by name, with the options of a card. Raises UnknownName, PluginError, CardError."""
    found: dict[str, Objective] = {}
    for name, options in objectives.items():
        kind = find_objective(name)
        try:
            found[name] = kind(kind.Options.model_validate_json(json.dumps(options)))
        except ValidationError as error:
            raise CardError(one_line_each(error, kind.Options, f"training.options.objectives.{name}")) from None
    return found


def check(objectives: Mapping[str, Objective], policy: TrainablePolicy) -> None:
    """Raises CardError for an objective that needs what the policy has not."""
    for name, objective in objectives.items():
        unread = sorted(objective.reads - policy.auxiliary)
        if unread:
            raise CardError(f"objective {name!r} trains {', '.join(unread)}, which {type(policy).__name__} does not "
                            f"give beside its embedding; it gives: {', '.join(sorted(policy.auxiliary)) or 'nothing'}\n"
                            f"  fix: leave it out, or another policy")
        if objective.shapes and not policy.binned:
            raise CardError(f"objective {name!r} shapes the bins that actions are drawn from, and this "
                            f"{type(policy).__name__} has none: it draws around locations\n"
                            f"  fix: leave it out, or a policy with bins, such as OpenVLA with tokens")
        if objective.critic and policy.critic is None:
            raise CardError(f"objective {name!r} trains a critic, and {type(policy).__name__} has none\n"
                            f"  fix: a method without one, such as rloo, or a policy that has a `critic`")


def binned(distribution: ActionDistribution, name: str) -> BinnedActions:
    """A distribution that an objective of this name can shape. Raises CardError if it has no bins."""
    if not isinstance(distribution, BinnedActions):
        raise CardError(f"objective {name!r} shapes the bins that actions are drawn from, and this policy gives "
                        f"{type(distribution).__name__}\n  fix: leave it out, or a policy with bins, such as nano's")
    return distribution


def summed(objectives: Mapping[str, Objective], batch: Batch,
           forward: Forward) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(the weighted terms, what else there is to see) of a batch; what is minimised is the terms' sum."""
    terms: dict[str, Tensor] = {}
    shown: dict[str, Tensor] = {}
    for name, objective in objectives.items():
        loss = objective.loss(batch, forward)
        terms[name] = loss.term
        shown |= {key: value.detach() for key, value in loss.shown.items()}
    return terms, shown


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """Their sum, one after the other: a term of weight 0 changes no bit of it, wherever it stands."""
    first, *others = terms.values()
    return sum(others, first)


def shares(terms: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> dict[str, float]:
    """`share <term>`: the norm of each term's gradient, as a share of all their norms; the graph stays."""
    norms = {}
    for name, term in terms.items():
        parts = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        norms[name] = float(sum(part.square().sum() for part in parts if part is not None)) ** 0.5
    everything = sum(norms.values()) or 1.0
    return {f"share {name}": norm / everything for name, norm in norms.items()}


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Where an action head must run whose gradient is to be differentiated: torch's fast kernels for attention have no
    second derivative.
    """
    with sdpa_kernel(SDPBackend.MATH):
        yield


def find_objective(name: str) -> type[Objective]:
    """The class of an objective. Raises UnknownName, PluginError."""
    return registry.load("objective", name, Objective)
