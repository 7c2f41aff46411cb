"""What a card's `training.options` may hold of every method that learns from rollouts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from vlabench.cards.noise import Noise
from vlabench.training.rl.options import LearnerOptions


class OnlineOptions(LearnerOptions):
    """What to start from, what to play, and how to learn from it.

    The policy that was tried after an iteration stays in the training's folder, weights and card (`robustvla-8.toml`
    after the eighth), to be run like any other.
    """

    init: str = Field(
        description="Policy to start from, by name or card.")
    task_sets: tuple[str, ...] = Field(
        description="Task sets to train on.")
    tasks: tuple[str, ...] = Field(
        default=(), description="Patterns of tasks to train on, such as `libero_goal/*`; none means all.")
    simulator: str | None = Field(
        default=None, description="Simulator to play in; by default the policy's.")
    assets: str | None = Field(
        default=None, description="Asset pack to play on; by default the first of the policy's.")
    iterations: int = Field(
        default=12, ge=1, description="Iterations of rollouts and updates (RobustVLA, Algorithm 1: M).")
    contexts: int = Field(
        default=24, ge=1, description="Contexts (a task and a start) to learn from in an iteration.")
    rollouts: int = Field(
        default=8, ge=1, description="Rollouts of each context (RobustVLA, Algorithm 1: K).")
    per_task: int = Field(
        default=2, ge=1, description="Contexts of one task in a row.")
    horizon: float = Field(
        default=1.0, gt=0, le=1,
        description="Share of a task's step limit that rollouts have; those that fail last to its end and take most of "
                    "the time.")
    attempts: int = Field(
        default=3, ge=1,
        description="Contexts played at most for each that is learned from: one whose rollouts all end alike teaches "
                    "nothing.")
    updates: int = Field(
        default=10, ge=1,
        description="Minibatches that the samples of an iteration are split into (RobustVLA, Algorithm 1: N).")
    epochs: int = Field(
        default=1, ge=1, description="Times that the samples of an iteration are gone through.")
    permuted: bool = Field(
        default=False,
        description="Whether every iteration's updates from rewards are made twice from the same weights: first, to be "
                    "taken back, with advantages that belong to other rollouts. The curve `surrogate permuted` shows "
                    "how far the loss falls where rewards say nothing; unless `surrogate` is lower again and again, "
                    "they have taught nothing. Updates take twice the time.")
    noise: Noise | None = Field(
        default=None, description="Perturbations in rollouts; by default none.")
    reward: Literal["sparse", "staged", "dense"] = Field(
        default="sparse",
        description="`sparse`: success; `staged`: what the simulator pays on the way to it, too (maniskill, as RL4VLA: "
                    "0.1 for a grasp, 0.1 for a grasp that lasts, 1 for success); `dense`: progress, too, towards the "
                    "goals of demonstrations that `vlabench train --data` names.")
    eval_episodes: int = Field(
        default=1, ge=0,
        description="Episodes of each task, from sampled starts and without noise, to evaluate the policy on in "
                    "between and after the last iteration; 0 for none.")
    eval_every: int = Field(
        default=4, ge=1, description="Iterations between two such evaluations.")

    @model_validator(mode="after")
    def _something_to_be_consistent_with(self) -> Self:
        """Without noise the perturbed picture is the clean one, and consistency would teach nothing."""
        noisy = self.noise and (self.noise.observation or self.noise.curriculum)
        if self.consistency is not None and self.consistency.perturbed and not noisy:
            raise ValueError("`consistency` needs `noise` in observations to draw its perturbations from: add it to "
                             "the options, for instance noise = { observation = 1.0 }, or leave consistency out")
        return self


class SpreadOptions(OnlineOptions):
    """Of a method that learns from 64 episodes an iteration, each of a context of its own."""

    contexts: int = Field(
        default=64, ge=1, description="Contexts (a task and a start) to learn from in an iteration.")
    rollouts: int = Field(
        default=1, ge=1, description="Rollouts of each context.")
    attempts: int = Field(
        default=1, ge=1, description="Most contexts played for one to learn from.")
