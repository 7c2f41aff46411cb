"""ppo: an actor and a critic on one trunk, GAE, one epoch; the recipe of RL4VLA (Liu et al. 2025), 4.2 and A.1.

Its warm-up by imitation is the policy that a training starts from (`init`). RL4VLA's own numbers are `critic = "h0"`,
`reward = "staged"`, `learning_rate = 1e-4` with `lora`, `critic_learning_rate = 3e-3`; PPO-ORZ is `gamma = 1.0` and
`lam = 1.0`: what really followed, less what was expected. An episode is over with its last step, by success or by the
step limit, and nothing is expected beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from vlabench.adapters.base import TrainablePolicy
from vlabench.errors import UnknownName
from vlabench.training.methods._course import TrainingRun
from vlabench.training.methods._online import Online
from vlabench.training.methods._online_options import SpreadOptions
from vlabench.training.objectives.policy_gradient import explained, gae
from vlabench.training.rl import rewards
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.judging import values
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.options import ClippedOptions
from vlabench.training.rl.samples import RETURNS, Samples


class PpoOptions(SpreadOptions, ClippedOptions):
    """Of proximal policy optimisation: 64 episodes an iteration, each of a context of its own."""

    offers = SpreadOptions.offers | {RETURNS}
    critics = True

    gamma: float = Field(
        default=0.99, gt=0, le=1, description="Discount γ of generalised advantage estimation, per chunk of actions.")
    lam: float = Field(
        default=0.95, ge=0, le=1, description="Factor λ of generalised advantage estimation, per chunk of actions.")
    value: float = Field(
        default=0.5, gt=0, description="Weight of the critic's loss.")
    critic: str | None = Field(
        default=None,
        description="If given, a critic that begins anew and of this kind: `h0`, `hn` and `all` read the hidden state "
                    "of the first action of a chunk, of its last, or all of them, by a head of three layers (RL4VLA, "
                    "figure 4), `apart` the first in a network of its own, which takes as much memory again; nano's "
                    "`embedding` reads what the action head does. By default the policy's own.")
    critic_learning_rate: float = Field(
        default=1e-3, gt=0,
        description="Learning rate of the critic, a head that has just been added (published: 3e-3); of one that has a "
                    "network of its own under `lora`, that of its head: LoRA has `learning_rate` there, too.")
    warmup: int = Field(
        default=1, ge=0,
        description="First iterations, in which the critic alone learns: its first guesses would harm a good policy.")

    def own(self) -> Mapping[str, str]:
        """The critic's, too."""
        return {**super().own(), "value": "`value`"}


class Ppo(Online):
    """Proximal policy optimisation."""

    Options: ClassVar[type[BaseModel]] = PpoOptions
    options: PpoOptions

    def keep(self, course: TrainingRun, group: Group) -> bool:
        """Every rollout teaches something: the critic says what was to be expected."""
        return True

    def learner(self, policy: TrainablePolicy, device: str) -> Learner:
        """One with a critic. Raises UnknownName for one that the policy cannot have."""
        kind = self.options.critic
        if kind is not None:
            if kind not in policy.critics:
                raise UnknownName(f"critic of {type(policy).__name__}", kind, policy.critics,
                                  where="training.options.critic", fix="fix: leave it out, for the policy's own")
            policy.renew_critic(kind)
        return Learner(policy, self.options, device, self.options.value, self.options.critic_learning_rate)

    def critic_alone(self, iteration: int) -> bool:
        """While it warms up."""
        return iteration <= self.options.warmup

    def credit(self, course: TrainingRun, groups: Sequence[Group]) -> Samples:
        """Advantages by GAE, at mean 0 and deviation 1 over the iteration's looks; every action has the same weight."""
        rollouts = [rollout for group in groups for rollout in group.rollouts]
        blank = [np.zeros(len(rollout)) for rollout in rollouts]
        expected = values(course.learner, Samples(rollouts, blank, None, [1.0] * len(rollouts)))
        estimates = [gae(rewards.by_look(rollout, course.reward(rollout)), known, self.options.gamma, self.options.lam)
                     for rollout, known in zip(rollouts, expected, strict=True)]
        every = np.concatenate([advantages for advantages, _ in estimates])
        scaled = [(advantages - every.mean()) / (every.std() + 1e-8) for advantages, _ in estimates]
        found = Samples(rollouts, scaled, [returns for _, returns in estimates], [1.0] * len(rollouts), course.space)
        found.shown = {"explained": explained(np.concatenate(expected), np.concatenate([r for _, r in estimates]))}
        return found
