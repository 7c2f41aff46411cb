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
    """How the noise follows the success of rollouts (RobustVLA, Algorithm 1, lines 12 to 17; defaults of table 6)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    every: int = Field(
        default=1, ge=1, description="Iterations between two changes of the levels.")
    average: float = Field(
        default=0.9, gt=0, le=1, description="Weight of the newest success rate in the moving average (table 6).")
    low: float = Field(
        default=0.6, ge=0, le=1, description="Averaged success rate below which the levels fall by a step (table 6).")
    high: float = Field(
        default=0.8, ge=0, le=1, description="Averaged success rate above which the levels rise by a step (table 6).")
    observation_range: tuple[float, float] = Field(
        default=(0.0, 1.0), description="Least and greatest level of observation noise (table 6).")
    observation_step: float = Field(
        default=0.2, ge=0,
        description="By how much the level of observation noise rises or falls at a move (table 6); 0: never.")
    action_range: tuple[float, float] = Field(
        default=(0.0, 0.3), description="Least and greatest standard deviation of action noise (table 6).")
    action_step: float = Field(
        default=0.02, ge=0,
        description="By how much the standard deviation of action noise rises or falls at a move (table 6); 0: never.")


class Noise(BaseModel):
    """Perturbations in rollouts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    observation: float = Field(
        default=0.0, ge=0, le=1,
        description="Level of observation noise, 1 the published setting; with a curriculum, the first one.")
    action: float = Field(
        default=0.0, ge=0, le=2,
        description="Standard deviation of action noise, in units of the action space; with a curriculum, the first.")
    clean: float = Field(
        default=0.15, ge=0, le=1, description="Probability that nothing is perturbed (RobustVLA, table 6).")
    kinds: tuple[Kind, ...] = Field(
        default=get_args(Kind), min_length=1, description="Observation perturbations to draw from.")
    most: int = Field(
        default=2, ge=1, le=len(NEUTRAL),
        description="Most observation perturbations at once; their number is uniform in 1 … most.")
    draw: Literal["rollout", "context"] = Field(
        default="rollout",
        description="`rollout`: each rollout draws for itself; `context`: all rollouts of a context share one draw, so "
                    "that they differ by their actions alone.")
    curriculum: Curriculum | None = Field(
        default=None, description="How the levels follow the success of rollouts; without it they stay.")

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
