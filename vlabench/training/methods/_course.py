"""A training from rollouts before its first iteration: what stays the same throughout, and how far it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from vlabench.adapters.base import TrainablePolicy
from vlabench.cards import find, load_policy
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, OptionError
from vlabench.training.methods._online_options import OnlineOptions
from vlabench.training.methods.base import TrainingContext
from vlabench.training.rl import rewards
from vlabench.training.rl.consistency import ConsistencyOptions, Memory
from vlabench.training.rl.contexts import Schedule
from vlabench.training.rl.curriculum import Level
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.team import team
from vlabench.training.where import Where, where
from vlabench.types import ActionSpace, Task
from vlabench.util.messages import shown


@dataclass(frozen=True)
class TrainingState:
    """How far a training is. context: the number of the next one."""

    iteration: int = 0
    context: int = 0
    level: Level = Level()


@dataclass(frozen=True)
class TrainingRun:
    """What stays the same throughout a training. reward: of each step of a rollout. memory: for consistency."""

    place: TrainingContext
    where: Where
    start: PolicyCard
    learner: Learner
    tasks: Sequence[Task]
    schedule: Schedule
    reward: Callable[[Rollout], rewards.Floats64]
    memory: Memory

    @property
    def space(self) -> ActionSpace:
        """Of the simulator's actions."""
        return self.where.kind.action_space


def opened(options: OnlineOptions, place: TrainingContext,
           learner: Callable[[TrainablePolicy, str], Learner]) -> TrainingRun:
    """A training as its options say. learner: who learns, of a policy on a device. Raises VlabenchError."""
    start = load_policy(options.init)
    told = f"{shown(place.card.path)}: training.options.init"
    if start.adapter != place.card.adapter:
        raise CardError(f"{told}: {options.init!r} is a policy of the adapter {start.adapter!r}, this one is of "
                        f"{place.card.adapter!r}")
    here = where(options, place.card, start)
    policy = start.make()
    if not isinstance(policy, TrainablePolicy):
        raise CardError(f"{told}: {options.init!r} is no policy that can be trained")
    if "base" in place.card.options and (options.lora is None or place.card.options["base"] != options.init):
        raise CardError(f"{shown(place.card.path)}: options.base: LoRA weights are shipped alone only if "
                        f"training.options hold `lora`, and they change the policy {options.init!r} that "
                        f"the training starts from")
    here.kind(here.assets).check(place.card.cameras)
    policy.configure(here.kind.action_space)
    if options.exploration_gripper == "bernoulli" and here.kind.action_space.gripper is None:
        raise CardError(f"{shown(place.card.path)}: training.options.exploration_gripper: the robot of {here.name} "
                        f"has no gripper\n  fix: leave it out")
    torch.manual_seed(place.seed)  # for the first weights of LoRA and of a new critic
    tasks = find.find_tasks(here.name, options.task_sets, options.tasks)
    short = [replace(task, step_limit=math.ceil(options.horizon * task.step_limit)) for task in tasks]
    return TrainingRun(place, here, start, learner(policy, place.device), tasks,
                       Schedule(short, place.seed, options.per_task), _reward(options, place, here, tasks),
                       Memory(place.folder, (options.consistency or ConsistencyOptions()).memory, team().first))


def _reward(options: OnlineOptions, place: TrainingContext, here: Where,
            tasks: Sequence[Task]) -> Callable[[Rollout], rewards.Floats64]:
    """Of each step of a rollout."""
    if options.reward == "dense":
        goals = rewards.load(place.data, [task.name for task in tasks], place.card.image_size, here.name)
        return lambda rollout: rewards.dense(rollout, goals[rollout.spec.task.name])
    if place.data:
        raise OptionError(f"--data: {place.card.name!r} learns from what it plays; of demonstrations it would "
                          f"read the goals of reward = \"dense\", which its training.options do not ask for")
    return rewards.staged_by(here.name) if options.reward == "staged" else rewards.sparse
