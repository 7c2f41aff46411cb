"""The learner: a policy, what of it is trained, and one update from a minibatch of samples."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vlabench.adapters.base import ActionDistribution, TrainablePolicy
from vlabench.errors import CardError
from vlabench.models import lora
from vlabench.models.distributions import explored
from vlabench.training import checkpoints, finite
from vlabench.training.objectives import base
from vlabench.training.objectives._views import VIEWED
from vlabench.training.objectives.base import Batch, Forward
from vlabench.training.objectives.consistency import Consistency
from vlabench.training.objectives.policy_gradient import divergence
from vlabench.training.rl.adapting import adapted
from vlabench.training.rl.averaging import Averaging, replaced
from vlabench.training.rl.consistency import Looks
from vlabench.training.rl.options import LearnerOptions
from vlabench.training.rl.samples import FIRST, TWIN, WANTED, Samples
from vlabench.training.team import team
from vlabench.types import Observation

Floats32 = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]
WARMUP = 10
"""Updates over which the rate rises: Adam's first steps are as long as the rate in every parameter, however small its
gradient, and the first alone would take a policy out of PPO's clip."""
DIVERGENCE = "divergence"


def _rising(update: int) -> float:
    """The share of the rate at an update."""
    return min(1.0, (update + 1) / WARMUP)


def _shared(share: float, terms: Mapping[str, Tensor], shown: Mapping[str, Tensor]) -> tuple[
        dict[str, Tensor], dict[str, Tensor]]:
    """What counts of `Learner.terms` where `Alone.part` says how much does."""
    return {name: share * term for name, term in terms.items()}, {name: share * each for name, each in shown.items()}


class Learner:
    """Trains a policy on the device. value: the weight of the critic's loss, 0 for none; critic_learning_rate: its own.
    remembers: whether the first policy will be asked for, whatever its objectives need.

    pairs: whether its objectives need samples that are paired with clean ones, and wants: what is wanted there;
    compares: whether they need what the first policy does; views: whether what it made of views before the updates.
    twice: whether one differentiates a gradient. judges: whether there is a critic that learns.
    """

    def __init__(self, policy: TrainablePolicy, options: LearnerOptions, device: str, value: float = 0.0,
                 critic_learning_rate: float = 0.0, remembers: bool = False) -> None:
        self.policy, self.options, self.device = policy, options, device
        self.objectives = options.summed(value)
        base.check(self.objectives, policy)
        needs = {need for objective in self.objectives.values() for need in objective.needs}
        self.wants = WANTED in needs
        self.pairs = self.wants or TWIN in needs
        self.compares, self.views = FIRST in needs, VIEWED in needs
        self.twice = any(objective.twice for objective in self.objectives.values())
        self._consistency = Consistency(base.Options()) if options.consistency else None
        # So that a GPU, too, finds the log-probabilities that workers stored: by TF32, torch's choice for convolutions,
        # they are 0.008 to 0.04 off (a standard deviation; some by 0.08 to 0.4, where PPO clips at 0.2), and the first
        # updates move the policy three quarters to three times as far (results/robustvla.md).
        torch.backends.cudnn.allow_tf32 = False
        policy.module.to(device).train()
        self._lora = adapted(policy, options.lora) if options.lora else None
        critic = self._worth(any(objective.critic for objective in self.objectives.values()))
        self._critic, self.judges = {id(parameter) for parameter in critic}, bool(critic)
        body = [p for p in policy.module.parameters() if p.requires_grad and id(p) not in self._critic]
        acts, judges = self._groups(body), self._critics(critic, critic_learning_rate)
        groups = [*acts, *judges]
        rising = [_rising] * len(acts) + [lambda _: 1.0] * len(judges)  # the critic begins at its own rate
        self.parameters = body + critic
        self._heads: set[int] = set()
        self._optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
        self._warmup = torch.optim.lr_scheduler.LambdaLR(self._optimizer, rising)
        self._averaging = Averaging(self.parameters, self._lora, options.average, options.weight_interpolation)
        kept = options.consistency or self.wants or self.compares or remembers
        self._start = [parameter.detach().clone() for parameter in self.parameters] if kept else []
        self._follower = torch.optim.AdamW(body, options.consistency.learning_rate if options.consistency else 0.0,
                                           weight_decay=options.weight_decay)

    def _worth(self, learning: bool) -> list[torch.nn.Parameter]:
        """What is trained of the critic: if it learns, all but what stays as it is beneath LoRA."""
        critic, head = self.policy.critic, self.policy.value_head
        if critic is None or head is None:
            return []
        if not learning:
            critic.requires_grad_(False)
            return []
        (head if self._lora else critic).requires_grad_(True)
        return [parameter for parameter in critic.parameters() if parameter.requires_grad]

    def _critics(self, critic: Sequence[torch.nn.Parameter], rate: float) -> list[dict[str, Any]]:
        """What judges, with its learning rate; LoRA has one, wherever it is."""
        whole = self.policy.value_head if self._lora else self.policy.critic
        head = {id(parameter) for parameter in whole.parameters()} if whole is not None else set()
        parts = ((self.options.learning_rate, [p for p in critic if id(p) not in head]),
                 (rate, [p for p in critic if id(p) in head]))
        return [{"params": part, "lr": each} for each, part in parts if part]

    def _groups(self, body: Sequence[torch.nn.Parameter]) -> list[dict[str, Any]]:
        """What acts, with its learning rate; a head beside LoRA has its own, if it is given one. Raises CardError."""
        rate, head = self.options.head_learning_rate, self.policy.action_head
        if rate is None:
            return [{"params": list(body), "lr": self.options.learning_rate}]
        if head is None:
            raise CardError(f"training.options.head_learning_rate: {type(self.policy).__name__} has no action head "
                            f"that is trained in full beside LoRA\n  fix: leave it out")
        own = {id(parameter) for parameter in head.parameters()}
        return [{"params": [p for p in body if id(p) not in own], "lr": self.options.learning_rate},
                {"params": [p for p in body if id(p) in own], "lr": rate}]

    # what is kept

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"module": checkpoints.learned(self.policy.module), "optimizer": self._optimizer.state_dict(),
                "warmup": self._warmup.state_dict(), "follower": self._follower.state_dict(),
                "average": self._averaging.average}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        checkpoints.take(self.policy.module, state["module"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._warmup.load_state_dict(state["warmup"])
        self._follower.load_state_dict(state["follower"])
        self._averaging.average = [tensor.to(self.device) for tensor in state["average"]]

    def save(self, folder: Path, exact: bool = False) -> None:
        """The policy's weights, LoRA merged into them, as `TrainablePolicy.save` writes them."""
        with self._merged():
            self.policy.save(folder, exact)

    def lora_weights(self, base: str) -> bytes:
        """The file of the LoRA matrices alone. base: checksum of the weights that it changes."""
        assert self._lora is not None
        return lora.to_bytes(self._lora, base)

    @contextlib.contextmanager
    def shipped(self) -> Iterator[None]:
        """Inside, the trained parameters have the values that are tried and shipped."""
        with self._averaging.inside():
            yield

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """What is learned inside is taken back at its end."""
        tensors = [tensor.data for tensor in (*self.parameters, *self.policy.module.buffers())]
        before = [tensor.clone() for tensor in tensors]
        kept = copy.deepcopy((self._optimizer.state_dict(), self._warmup.state_dict(), self._averaging.average))
        try:
            yield
        finally:
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
            optimizer, warmup, self._averaging.average = kept
            self._optimizer.load_state_dict(optimizer)
            self._warmup.load_state_dict(warmup)

    @contextlib.contextmanager
    def _merged(self) -> Iterator[None]:
        module = self.policy.module
        if self._lora is not None:
            self.policy.module = lora.merged(self._lora)
        try:
            yield
        finally:
            self.policy.module = module

    # learning

    def update(self, samples: Samples, rows: Sequence[int], critic_alone: bool = False,
               parts: int = 1) -> dict[str, float]:
        """One step down the gradient of a minibatch; the terms of its loss, and what else there is to see. parts: how
        many minibatches there are.

        No step is made where the policy `strayed`. Raises NotFinite instead of making a step that is not.
        """
        samples = samples.credited(rows, self.scored)
        total: dict[str, float] = {}
        shared = parts if self.options.normalise == "iteration" else 0
        self._optimizer.zero_grad()
        own, share = team().part(rows)
        for start in range(0, len(own), self.options.batch):
            batch = samples.batch(own[start : start + self.options.batch], self.device, rows, shared)
            terms, shown = _shared(share, *self.terms(batch, critic_alone))
            base.total(terms).backward()  # type: ignore[no-untyped-call]
            for name, part in {**terms, **shown}.items():
                total[name] = total.get(name, 0.0) + float(part.detach())
        total = dict(team().sums(total))
        team().sum_gradients(self.parameters)
        if critic_alone:  # which may read what actions depend on, too
            for parameter in self.parameters[: len(self.parameters) - len(self._critic)]:
                parameter.grad = None
        norms = self._clipped(self.parameters)
        total |= norms
        finite.check({name: total[name] for name in (*terms, *norms)})
        if not self.strayed(total):
            self._optimizer.step()
            if not critic_alone:
                self._warmup.step()
            self._averaging.step(self._critic if critic_alone else None)
        return total

    def strayed(self, seen: dict[str, float]) -> bool:
        """Whether on a minibatch, of which `update` has said what there was to see, the policy is further than it may
        be from the one that sampled.
        """
        target = self.options.kl_target
        return target is not None and seen.get(DIVERGENCE, 0.0) > target

    def _clipped(self, parameters: Sequence[torch.nn.Parameter]) -> dict[str, float]:
        """Scale gradients down to what is allowed, of all together or of body and heads apart; their norms before."""
        apart = self.options.max_head_grad_norm
        if apart is None:
            return {"gradient": float(torch.nn.utils.clip_grad_norm_(parameters, self.options.max_grad_norm))}
        groups = {"gradient": [p for p in parameters if id(p) not in self._heads | self._critic],
                  "gradient head": [p for p in parameters if id(p) in self._heads],
                  "gradient critic": [p for p in parameters if id(p) in self._critic]}
        return {name: float(torch.nn.utils.clip_grad_norm_(group, self.options.max_grad_norm if name == "gradient"
                                                           else apart)) for name, group in groups.items() if group}

    def forward(self, batch: Batch, frozen: bool = False, twice: bool = False) -> Forward:
        """What the policy makes of a batch, its actions scored by what rollouts draw from."""
        forward = Forward(self.policy, batch.obs, batch.actions, explored=self.explored, twice=twice, frozen=frozen)
        if self.options.max_head_grad_norm is not None and not self._heads and torch.is_grad_enabled():
            self._heads = self._reading(batch, forward.embedding.detach())
        return forward

    def _reading(self, batch: Batch, embedding: Tensor) -> set[int]:
        """The parameters that actions depend on where the embedding is given: the action head's."""
        given = self.policy.distribution(batch.obs, batch.actions, embedding).log_prob(batch.actions).sum()
        learned = [parameter for parameter in self.parameters if id(parameter) not in self._critic]
        parts = torch.autograd.grad(given, learned, allow_unused=True)
        return {id(parameter) for parameter, part in zip(learned, parts, strict=True) if part is not None}

    def explored(self, acts: ActionDistribution) -> ActionDistribution:
        """What rollouts draw from, and actions are scored by."""
        how, scale = self.options.exploration
        return explored(acts, how, scale, self.policy.space if how == "mixed" else None)

    def terms(self, batch: Batch, critic_alone: bool = False) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """(weighted terms of the loss, what else there is to see) as this batch's parts of a minibatch's means."""
        forward = self.forward(batch, critic_alone, self.twice)
        chosen = {name: each for name, each in self.objectives.items() if each.critic or not critic_alone}
        terms, shown = base.summed(chosen, batch, forward)
        if self.options.kl_target is not None and not critic_alone:
            shown[DIVERGENCE] = divergence(batch, forward)
        return terms, shown

    def origin(self, looks: Observation, actions: Floats32) -> Floats32:
        """Mean actions [N, T, D] of the policy that the training started from, given the actions [N, T, D]."""
        given = torch.from_numpy(actions)

        def means(rows: range) -> list[Floats32]:
            forward = Forward(self.policy, looks.rows(rows), given[rows.start : rows.stop].to(self.device),
                              explored=self.explored)
            return [*forward.distribution.mean.float().cpu().numpy()]

        with replaced(list(zip(self.parameters, self._start, strict=True))), torch.no_grad():
            return np.stack(team().every(len(actions), self.options.batch, means))

    def first(self, looks: Observation, actions: Tensor) -> ActionDistribution:
        """That of the policy that the training started from, given actions [N, T, D] on the device; a constant."""
        with replaced(list(zip(self.parameters, self._start, strict=True))), torch.no_grad():
            return Forward(self.policy, looks, actions, explored=self.explored).distribution

    def scored(self, samples: Samples, rows: Sequence[int], first: bool = False) -> Floats64:
        """Log-probability of what was carried out at some looks [n], now or by the first policy."""
        def score(part: range) -> list[float]:
            batch = samples.batch(rows[part.start : part.stop], self.device)
            log_probs = (self.first(batch.obs, batch.actions).log_prob(batch.actions).sum(-1) if first
                         else self.forward(batch).log_probs)
            return cast("list[float]", (log_probs * batch.counted).sum(1).double().tolist())

        with torch.no_grad():
            return np.array(team().every(len(rows), self.options.batch, score))

    def follow(self, looks: Looks) -> float:
        """One step that takes the mean actions for N looks towards those that are wanted; their distance before.

        Raises NotFinite instead of making a step that is not.
        """
        assert self._consistency is not None
        actions, wanted = (torch.from_numpy(array).to(self.device) for array in (looks.actions, looks.wanted))
        counted = torch.ones(actions.shape[:2], dtype=torch.bool, device=self.device)
        batch = Batch(looks.obs, actions, counted, counted.float(), counted.sum(), len(actions),
                      extras={"wanted": wanted})
        own, share = team().part(range(len(batch)))
        batch = batch.rows(own)
        loss = share * self._consistency.loss(batch, self.forward(batch)).term
        self._follower.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        followers = self._follower.param_groups[0]["params"]  # not the critic's
        team().sum_gradients(followers)
        distance = float(team().sums({"consistency": loss.detach()})["consistency"])
        finite.check({"consistency": distance, **self._clipped(followers)})
        self._follower.step()
        self._averaging.step()
        return distance

    def shares(self, samples: Samples, rows: Sequence[int]) -> dict[str, float]:
        """`objectives.base.shares` of the terms, on one batch of samples."""
        terms, _ = self.terms(samples.credited(rows, self.scored).batch(rows[: self.options.batch], self.device))
        return base.shares(terms, self.parameters)
