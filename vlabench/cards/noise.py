"""How a card says which noise the rollouts of a training get, and what a policy has seen by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

NEUTRAL: Mapping[str, Mapping[str, float]] = {
    "shift": {"fraction": 0.0}, "rotation": {"degrees": 0.0}, "color_jitter": {"low": 1.0, "high": 1.0},
    "occlusion": {"side": 0.0}, "erasing": {"area": 0.0},
}
"""The five observation perturbations of RobustVLA (appendix A.4) and the parameters with which they change nothing.
A level leads from there, straight, to the published setting at 1."""
ACTION = "action_noise"
Kind = Literal["shift", "rotation", "color_jitter", "occlusion", "erasing"]


class Curriculum(BaseModel):
    """Algorithm 1, lines 12 to 17, with the values of table 6.

    every: iterations between two moves. average: the weight of the newest success rate in the moving average. Above
    `high` the levels rise by a step, below `low` they fall by one, within their ranges.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    every: int = Field(default=1, ge=1)
    average: float = Field(default=0.9, gt=0, le=1)
    low: float = Field(default=0.6, ge=0, le=1)
    high: float = Field(default=0.8, ge=0, le=1)
    observation_range: tuple[float, float] = (0.0, 1.0)
    observation_step: float = Field(default=0.2, ge=0)
    action_range: tuple[float, float] = (0.0, 0.3)
    action_step: float = Field(default=0.02, ge=0)


class Noise(BaseModel):
    """Perturbations in rollouts.

    observation: level in [0, 1]. action: standard deviation of the noise on actions. With a curriculum they are where
    it starts, else they stay. clean: probability that nothing is perturbed (table 6). kinds: the observation
    perturbations to draw from; of them 1 … `most` are drawn, all numbers alike. draw: whether each rollout draws for
    itself, or all rollouts of a context share one draw, which leaves differences between them to the actions alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    observation: float = Field(default=0.0, ge=0, le=1)
    action: float = Field(default=0.0, ge=0, le=2)
    clean: float = Field(default=0.15, ge=0, le=1)
    kinds: tuple[Kind, ...] = Field(default=get_args(Kind), min_length=1)
    most: int = Field(default=2, ge=1, le=len(NEUTRAL))
    draw: Literal["rollout", "context"] = "rollout"
    curriculum: Curriculum | None = None

    @property
    def drawn(self) -> tuple[str, ...]:
        """The perturbations that rollouts may get, at the levels from which it starts or to which it may rise."""
        observation, action, rule = self.observation, self.action, self.curriculum
        if rule and rule.observation_step:
            observation = max(observation, rule.observation_range[1])
        if rule and rule.action_step:
            action = max(action, rule.action_range[1])
        if self.clean == 1:
            return ()
        seen = [name for name in NEUTRAL if name in self.kinds and observation > 0]
        return (*seen, *([ACTION] if action > 0 else []))
