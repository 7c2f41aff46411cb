"""Noise in training: what a level between 0 and 1 means, who gets which, and RobustVLA's rule for moving it."""

from __future__ import annotations

from dataclasses import dataclass

from vlabench.cards.noise import ACTION, NEUTRAL, Curriculum, Noise
from vlabench.perturbations.base import Perturbation, find_perturbation
from vlabench.seeding import generator


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
    kind = find_perturbation(name)
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
        chain[ACTION] = find_perturbation(ACTION)(**{"sigma": level.action})
    return chain
