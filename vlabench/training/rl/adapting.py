"""LoRA on a policy that is to be trained: on all linear layers but the heads', which are trained in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from vlabench.adapters.base import TrainablePolicy
from vlabench.models import lora

if TYPE_CHECKING:
    from peft.tuners.lora import LoraModel


class Lora(BaseModel):
    """LoRA (Hu et al. 2022) on all linear layers that can have it (`models.lora`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    rank: int = Field(
        default=32, ge=1, description="Rank of the matrices (RIPT-VLA and RL4VLA: 32).")
    alpha: int = Field(
        default=16, ge=1, description="Their product is scaled by alpha / rank (RIPT-VLA and RL4VLA: 16).")


def adapted(policy: TrainablePolicy, options: Lora) -> LoraModel:
    """The policy's network with matrices to train, and its action head, where it has one of its own; the value head
    stays as it is. Raises MissingExtra.

    All that is trained is in float32, whatever the rest is: in bfloat16 a step of 1e-4 leaves most weights where they
    were.
    """
    made = lora.attach(policy.module, options.rank, options.alpha, policy.value_head, policy.action_head)
    for layer in lora.layers(made):
        for matrix in lora.matrices(layer):
            matrix.data = matrix.data.float()
    if policy.action_head is not None:
        policy.action_head.float().requires_grad_(True)
    return made
