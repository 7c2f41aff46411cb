"""Noise in training: what a level between 0 and 1 means, who gets which, and RobustVLA's rule for moving it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from vlabench import registry
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import generator

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


@dataclass(frozen=True)
class Level:
    """How strong the noise is now, and the moving average of success that decides how it goes on."""

    observation: float = 0.0
    action: float = 0.0
    success: float = 0.0


def advance(level: Level, success: float, iteration: int, curriculum: Curriculum | None) -> Level:
    """The level after an iteration (from 1) with this success rate in [0, 1]; without a curriculum it stays."""
    if curriculum is None or iteration % curriculum.every:
        return level
    average = curriculum.average * success + (1.0 - curriculum.average) * level.success
    direction = 1.0 if average > curriculum.high else -1.0 if average < curriculum.low else 0.0
    return Level(_moved(level.observation, direction * curriculum.observation_step, curriculum.observation_range),
                 _moved(level.action, direction * curriculum.action_step, curriculum.action_range), average)


def _moved(value: float, by: float, within: tuple[float, float]) -> float:
    """Rounded, so that ten steps of 0.02 are 0.2."""
    return round(min(max(value + by, within[0]), within[1]), 9) if by else value


def at_level(name: str, level: float) -> Perturbation:
    """One of the five observation perturbations, `level` of the way from changing nothing to its published setting."""
    kind = registry.perturbation(name)
    assert kind.paper is not None
    published = kind.at(kind.paper)
    between = {key: start + level * (getattr(published, key) - start) for key, start in NEUTRAL[name].items()}
    return kind.at(kind.paper, **between)


def draw(noise: Noise, level: Level, *key: str | int) -> dict[str, Perturbation]:
    """The perturbations of what `key` stands for, in the order in which they act; empty where it stays clean."""
    rng = generator("noise", *key)
    kinds: list[str] = [name for name in NEUTRAL if name in noise.kinds]
    clean, number = rng.random() < noise.clean, 1 + int(rng.integers(min(noise.most, len(kinds))))
    chosen = set(rng.permutation(len(kinds))[:number].tolist())
    if clean:
        return {}
    chain = {name: at_level(name, level.observation)
             for place, name in enumerate(kinds) if place in chosen and level.observation > 0}
    if level.action > 0:
        chain[ACTION] = registry.perturbation(ACTION)(**{"sigma": level.action})
    return chain
