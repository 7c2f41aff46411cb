"""The learner of cloning: a policy, what it minimises, and one update from a batch of demonstrations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from vlabench.adapters.base import TrainablePolicy
from vlabench.models.lora import merged
from vlabench.training import checkpoints, finite
from vlabench.training.objectives import base
from vlabench.training.objectives.base import Batch, Forward, Objective
from vlabench.training.rl.adapting import Lora, adapted
from vlabench.training.team import team

Precision = Literal["auto", "float32", "bf16"]
WARMUP = 200
"""Steps over which the learning rate rises."""
FLOOR = 0.02
"""Share of the learning rate that is left at a round's end."""


class Cloner:
    """step: so many updates it has made. shares: `objectives.base.shares` at the last that was asked for them, if there
    are several terms. The other arguments: as in `methods._sft_options.SftOptions`.
    """

    def __init__(self, policy: TrainablePolicy, objectives: Mapping[str, Objective], device: str, *,
                 weight_decay: float, average: float, max_grad_norm: float, precision: Precision,
                 accumulation: int = 1, lora: Lora | None = None, weight_interpolation: float = 1.0) -> None:
        self.policy, self.objectives, self.step, self._parts = policy, objectives, 0, accumulation
        self._most, self._max_grad_norm = average, max_grad_norm
        self._kind = torch.device(device).type
        self._half = precision == "bf16" or (precision == "auto" and self._kind == "cuda")
        self._module = policy.module.to(device).train()
        self._lora = adapted(policy, lora) if lora else None
        self._learned = [parameter for parameter in self._module.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(self._learned, lr=1.0, betas=(0.9, 0.95), weight_decay=weight_decay,
                                            fused=True)
        self.shares: dict[str, float] = {}
        self._average = self._copied() if average else {}
        self._share, self._start = weight_interpolation, self._copied() if weight_interpolation < 1 else {}

    def _copied(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self._module.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"network": checkpoints.learned(self._module), "average": self._average,
                "optimizer": self._optimizer.state_dict(), "step": self.step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        checkpoints.take(self._module, state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average, self.step = dict(state["average"]) if self._most else {}, int(state["step"])

    def averaged(self) -> TrainablePolicy:
        """The policy with the moving average of its weights, or what lies on the way there, or LoRA merged into them;
        nothing is to be learned afterwards.
        """
        if self._average:
            self._module.load_state_dict(self._average)
        if self._start:
            self._module.load_state_dict({
                name: start.lerp(tensor, self._share) if tensor.is_floating_point() else tensor
                for (name, tensor), start in zip(self._copied().items(), self._start.values(), strict=True)})
        if self._lora is not None:
            self.policy.module = merged(self._lora)
        return self.policy

    def update(self, batch: Batch, learning_rate: float, weigh: bool = False) -> dict[str, Tensor]:
        """One step down the gradient; the loss and what else there is to see. weigh: find `shares`, on the first part
        of the batch. Raises NotFinite instead of making a step that is not.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.zero_grad()
        seen: dict[str, Tensor] = {}
        own, share = team().part(range(len(batch)))
        size = math.ceil(len(own) / self._parts)
        for start in range(0, len(own), size):
            part = batch.rows(own[start : start + size])
            for name, value in self._gradient(part, share, weigh and start == own.start).items():
                seen[name] = seen[name] + value if name in seen else value
        seen = dict(team().sums(seen))
        team().sum_gradients(self._learned)
        norm = torch.nn.utils.clip_grad_norm_(self._learned, self._max_grad_norm)
        finite.check({"loss": seen["loss"], "gradient": norm})
        self._optimizer.step()
        self.step += 1
        self._follow()
        return {**seen, "gradient": norm}

    def _gradient(self, batch: Batch, share: float, weigh: bool) -> dict[str, Tensor]:
        """Add a batch's to what there is; its part of the loss and of what else there is to see. share: 1, or 0."""
        forward = Forward(self.policy, batch.obs, batch.actions, around=self._precision,
                          twice=any(objective.twice for objective in self.objectives.values()))
        terms, shown = base.summed(self.objectives, batch, forward)
        if weigh and len(terms) > 1:
            self.shares = base.shares(terms, self._learned)
        loss = share * base.total(terms)
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss": loss.detach(), **{name: share * term.detach() for name, term in terms.items()},
                **{name: share * each for name, each in shown.items()}}

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._kind, torch.bfloat16, enabled=self._half)

    def _follow(self) -> None:
        if not self._average:
            return
        keep = min(self._most, self.step / (self.step + 10))
        with torch.no_grad():
            for name, tensor in self._module.state_dict().items():
                if tensor.is_floating_point():
                    self._average[name].lerp_(tensor, 1.0 - keep)
                else:
                    self._average[name].copy_(tensor)


def schedule(step: int, steps: int) -> float:
    """The share of the learning rate at a step: up over WARMUP steps, then down by a cosine to FLOOR."""
    rise = min(1.0, (step + 1) / WARMUP)
    return rise * (FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + math.cos(math.pi * step / steps)))
