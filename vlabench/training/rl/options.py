"""What a card may say of updates from rollouts, whatever the method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.models.distributions import Exploration
from vlabench.training.objectives import base
from vlabench.training.objectives.base import Objective, SummedOptions
from vlabench.training.objectives.jacobian import Jacobian, JacobianOptions
from vlabench.training.objectives.likelihood import Likelihood
from vlabench.training.objectives.policy_gradient import PolicyGradient, PolicyGradientOptions
from vlabench.training.objectives.smoothness import Smoothness, SmoothnessOptions
from vlabench.training.objectives.value import Value
from vlabench.training.rl.adapting import Lora
from vlabench.training.rl.consistency import ConsistencyOptions
from vlabench.training.rl.samples import OFFERED
from vlabench.training.rl.views import ViewOptions


class LearnerOptions(SummedOptions):
    """What every method that learns from rollouts lets a card say about its updates.

    The published learning rate, 1e-4, is for LoRA in a network of 7 billion parameters. All parameters of LIBERO's
    compact policy trained at it, with actions drawn around the mean, a single update at the full rate takes the
    probabilities of a third of the actions out of PPO's clip; at 3e-5 it is a twentieth. ManiSkill's, drawn from its
    bins, goes less far: eight updates at 1e-4 end at a divergence of 0.01 (results/signal.md).
    """

    offers = OFFERED

    learning_rate: float = Field(
        default=3e-5, gt=0, description="Learning rate of AdamW (published, for LoRA at 7 billion parameters: 1e-4).")
    head_learning_rate: float | None = Field(
        default=None, gt=0,
        description="With `lora`: learning rate of an action head that is trained in full beside it, such as "
                    "OpenVLA-OFT's (RobustVLA, table 6: 5e-5); by default `learning_rate`.")
    weight_decay: float = Field(
        default=1e-4, ge=0, description="Weight decay of AdamW.")
    max_grad_norm: float = Field(
        default=1.0, gt=0, description="Largest L2 norm of all gradients together; larger ones are scaled down to it.")
    max_head_grad_norm: float | None = Field(
        default=None, gt=0,
        description="If given, the gradients of the action head (what turns the embedding into actions) and those of "
                    "the critic are each scaled down to this norm by themselves, and `max_grad_norm` is for the rest "
                    "(RobustVLA, table 6: 1.0 each).")
    kl_target: float | None = Field(
        default=None, gt=0,
        description="If given, a minibatch on which the policy has moved further than this from the one that sampled "
                    "is not learned from, and ends the iteration's updates from rewards, after which a critic goes on "
                    "alone: the mean over its actions of "
                    "(η − 1) − ln η, which estimates KL(old ‖ new) without bias and is never negative; η is the ratio "
                    "of an action's probabilities.")
    normalise: Literal["minibatch", "iteration"] = Field(
        default="minibatch",
        description="What a minibatch's sums are divided by: its own weights and samples, by which short rollouts "
                    "count less where they meet others, or an equal share of the whole `iteration`'s, so that the mean "
                    "of the minibatches' gradients is that of all samples.")
    batch: int = Field(
        default=64, ge=1, description="Samples computed together, whatever the size of the minibatch.")
    temperature: float = Field(
        default=1.0, gt=0, description="Temperature at which rollouts draw actions from the policy's bins.")
    exploration_std: float | None = Field(
        default=None, gt=0,
        description="If given, rollouts draw from a normal distribution of this standard deviation around the mean "
                    "action instead, in the actions' own units.")
    exploration_gripper: Literal["normal", "bernoulli"] = Field(
        default="normal",
        description="With `exploration_std`: the gripper is drawn like the arm, or as one of its two commands, each as "
                    "probable as the policy finds its side of the middle: simulators take the sign alone.")
    jacobian: JacobianOptions | None = Field(
        default=None, description="RobustVLA's Jacobian penalty (equation 2).")
    smoothness: float = Field(
        default=0.0, ge=0, description="Weight of RobustVLA's smoothness penalty (equation 3), β (published: 0.0005).")
    consistency: ConsistencyOptions | None = Field(
        default=None,
        description="Updates towards what the first policy does for the clean observation; not RobustVLA's.")
    views: ViewOptions = Field(
        default=ViewOptions(), description="How views of looks are drawn that `pair_invariance`, "
                                           "`pair_sensitivity` and `view_augmentation` need.")
    lora: Lora | None = Field(
        default=None,
        description="Train LoRA matrices alone, and in full the value head and an action head of layers of its own "
                    "(OpenVLA-OFT's); without it all parameters are trained.")
    average: float = Field(
        default=0.0, ge=0, lt=1,
        description="Decay per update of the parameters' moving average, which is what is tried and shipped, while "
                    "rollouts are played by the parameters as they are; 0 keeps none. With `lora` it is that of the "
                    "matrices' products.")
    weight_interpolation: float = Field(
        default=1.0, gt=0, le=1,
        description="What is tried and shipped lies at this share of the way from the first parameters to the last; "
                    "below 1 a policy keeps more of what it could do (Wortsman et al. 2022).")

    @property
    def exploration(self) -> tuple[Exploration, float]:
        """What `models.distributions.explored` is told."""
        if self.exploration_std is None:
            return "sample", self.temperature
        return "normal" if self.exploration_gripper == "normal" else "mixed", self.exploration_std

    @model_validator(mode="after")
    def _a_head_beside_lora(self) -> Self:
        """Without LoRA there is one rate for all but the critic."""
        if self.head_learning_rate is not None and self.lora is None:
            raise ValueError("`head_learning_rate` is for an action head beside `lora`: add that, or leave it out")
        return self

    @model_validator(mode="after")
    def _commands_beside_a_density(self) -> Self:
        """Draws from bins have the gripper's sides as probable as the policy finds them already."""
        if self.exploration_gripper == "bernoulli" and self.exploration_std is None:
            raise ValueError("exploration_gripper = 'bernoulli' is for rollouts that draw around the mean action: add "
                             "`exploration_std`, or leave it out")
        return self

    def unshaped(self) -> str:
        """A normal distribution has one shape."""
        return "" if self.exploration_std is None else "exploration_std"

    def own(self) -> Mapping[str, str]:
        """Those that these options ask for."""
        asked = {"jacobian": self.jacobian, "smoothness": self.smoothness, "consistency": self.consistency}
        return {"policy": "what rewards are learned by"} | {name: f"`{name}`" for name, each in asked.items() if each}

    def rewarded(self) -> Objective:
        """The term that learns from rewards, `policy` in the curves: actions count as much as they were worth."""
        return Likelihood(base.Options())

    def summed(self, value: float) -> dict[str, Objective]:
        """The terms of the loss, by their names in the curves. value: the weight of the critic's, 0 for none."""
        terms: dict[str, Objective] = {"policy": self.rewarded()}
        if self.jacobian:
            terms["jacobian"] = Jacobian(self.jacobian)
        if self.smoothness:
            terms["smoothness"] = Smoothness(SmoothnessOptions(weight=self.smoothness))
        if value:
            terms["value"] = Value(base.Options(weight=value))
        return terms | base.made(self.objectives)


class ClippedOptions(LearnerOptions):
    """Of methods that learn by PPO's clipped policy gradient."""

    clip_low: float = Field(
        default=0.2, gt=0, lt=1, description="PPO's clip: the probability ratio counts down to 1 − clip_low.")
    clip_high: float = Field(
        default=0.2, gt=0, description="PPO's clip: the probability ratio counts up to 1 + clip_high.")

    def rewarded(self) -> Objective:
        """PPO's."""
        return PolicyGradient(PolicyGradientOptions(clip_low=self.clip_low, clip_high=self.clip_high))
