"""Toys on which a term of the loss is to do what its paper says of it: PPO with and without, on the same episodes.

    python -m tests.training.toys --seeds 40

An episode is one look and one number, in 256 bins, which is right within a tolerance; what is learned is judged by its
most probable action. The learner, the objectives, PPO's credit and PAIR's views are the package's own.
"""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vlabench.adapters.base import TrainablePolicy
from vlabench.models.distributions import BINS, BinnedActions, to_bins
from vlabench.seeding import generator
from vlabench.simulators.capabilities import Masks, Pictures, Spot
from vlabench.training.methods.ppo import Ppo, PpoOptions
from vlabench.training.objectives._views import ALTERING, PRESERVING
from vlabench.training.rl import rewards
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.updates import Updates
from vlabench.training.rl.views import ViewOptions, Views
from vlabench.types import ActionSpace, Decision, EpisodeSpec, Floats, Observation, Task

EPISODES = 64
"""Of an iteration."""
SPACE = ActionSpace(("to",), (-1.0,), (1.0,), (1.0,), (0.0,), 10)
TASK = Task("toy", "toys", 0, "toy_0", "go there", 1)
WIDTH = 32


class Network(nn.Module):
    """Inputs → embedding → logits of the bins, and the critic's value."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(inputs, WIDTH)
        self.head = nn.Linear(WIDTH, BINS)
        self.worth = nn.Linear(WIDTH, 1)


class Pupil(TrainablePolicy):
    """Has free bins: nothing in it knows that some of them are neighbours."""

    module: Network

    def __init__(self, inputs: int, read: Callable[[Observation], Floats]) -> None:
        self.module, self._read = Network(inputs), read

    def embedding(self, obs: Observation) -> Tensor:
        return torch.tanh(self.module.trunk(torch.from_numpy(self._read(obs)).float()))

    def distribution(self, obs: Observation, actions: Tensor | None = None,
                     embedding: Tensor | None = None) -> BinnedActions:
        return BinnedActions(self.module.head(self.embedding(obs) if embedding is None else embedding)[:, None, None])

    def value(self, obs: Observation, embedding: Tensor | None = None) -> Tensor:
        value: Tensor = self.module.worth(self.embedding(obs) if embedding is None else embedding).squeeze(-1)
        return value

    @property
    def critic(self) -> nn.Module:
        return self.module.worth

    def act(self, obs: Observation) -> Decision:
        raise AssertionError("toys draw from its distribution")

    def save(self, folder: Path, exact: bool = False) -> None:
        raise AssertionError("toys keep nothing")

    def load(self, folder: Path) -> None:
        raise AssertionError("toys keep nothing")


@dataclass(frozen=True)
class Looks:
    """N episodes: what is seen, the right numbers [N], and other views of the same."""

    obs: Observation
    right: Floats
    views: Mapping[str, Pictures]


class Toy(ABC):
    """A task of one number. tolerance: how far from the right one is still a success. Options: of PPO's updates."""

    inputs: ClassVar[int]
    tolerance: ClassVar[float]
    options: ClassVar[Mapping[str, Any]]
    iterations: ClassVar[int]

    @abstractmethod
    def read(self, obs: Observation) -> Floats:
        """What the network is given [N, inputs]."""

    @abstractmethod
    def looks(self, seed: int, iteration: int) -> Looks:
        """An iteration's episodes."""

    @abstractmethod
    def held_out(self) -> Mapping[str, Looks]:
        """What a policy is judged by, by name."""

    def start(self, seed: int) -> Pupil:
        """The policy that a training starts from."""
        torch.manual_seed(seed)
        return Pupil(self.inputs, self.read)

    def played(self, policy: Pupil, looks: Looks, draws: np.random.Generator) -> list[Rollout]:
        """Drawn from the policy's bins."""
        with torch.no_grad():
            bins = policy.distribution(looks.obs)
            actions = bins.sample(draws.random((len(looks.right), 1, 1))).float()
            told = [each.numpy()[:, None] for each in (actions, bins.log_prob(actions), bins.mean)]
        done = np.abs(told[0][:, 0, 0, 0] - looks.right) < self.tolerance
        return [Rollout(EpisodeSpec(TASK, "clean", n, 0), {c: p[n : n + 1] for c, p in looks.obs.images.items()},
                        looks.obs.proprio[n : n + 1], "go there", *(each[n] for each in told), np.array([1]),
                        bool(done[n]), {}, {}, {}, {view: {c: p[n : n + 1] for c, p in pictures.items()}
                                                    for view, pictures in looks.views.items()})
                for n in range(len(done))]

    def trained(self, seed: int, objectives: Mapping[str, Mapping[str, Any]]) -> Pupil:
        """By PPO with these terms; the episodes are a seed's, whatever is learned."""
        policy = self.start(seed)
        method = Ppo(PpoOptions(init="", task_sets=("toys",), objectives={**objectives}, **self.options))
        learner = method.learner(policy, "cpu")
        course: Any = SimpleNamespace(learner=learner, reward=rewards.sparse, space=SPACE)
        for iteration in range(1, self.iterations + 1):
            rollouts = self.played(policy, self.looks(seed, iteration), generator("draws", seed, iteration))
            samples = method.credit(course, [Group(n, (each,), (0.0,)) for n, each in enumerate(rollouts)])
            Updates(1, 4, (seed, iteration), "toy").make(learner, samples, method.critic_alone(iteration), _unseen)
        return policy

    def judged(self, policy: Pupil) -> dict[str, float]:
        """Success by the most probable action."""
        with torch.no_grad():
            return {name: float(np.mean(np.abs(policy.distribution(looks.obs).mode[:, 0, 0].numpy() - looks.right)
                                        < self.tolerance)) for name, looks in self.held_out().items()}


def _unseen(number: int, seen: Mapping[str, float]) -> None:
    return None


# FAN


class Reaching(Toy):
    """Which way to go follows from where one is, by a curve; the policy has been taught by a few demonstrations, on
    their bins alone, until it is sure of itself.
    """

    inputs, tolerance, iterations = 1, 0.08, 40
    options: ClassVar[Mapping[str, Any]] = {"learning_rate": 3e-3, "critic_learning_rate": 0.02}
    demonstrations, lessons = 12, 1000

    def read(self, obs: Observation) -> Floats:
        return obs.proprio.astype(np.float64)

    def start(self, seed: int) -> Pupil:
        policy, taught = super().start(seed), self._at(generator("taught", seed).uniform(-1, 1, self.demonstrations))
        bins = to_bins(torch.from_numpy(taught.right))
        optimizer = torch.optim.Adam(policy.module.parameters(), 0.01)
        for _ in range(self.lessons):
            loss = nn.functional.cross_entropy(policy.distribution(taught.obs).logits[:, 0, 0], bins)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return policy

    def looks(self, seed: int, iteration: int) -> Looks:
        return self._at(generator("places", seed, iteration).uniform(-1, 1, EPISODES))

    def held_out(self) -> Mapping[str, Looks]:
        beyond = np.linspace(1.0, 1.2, 101)
        return {"as in training": self._at(np.linspace(-1, 1, 401)),
                "further out": self._at(np.concatenate([-beyond, beyond]))}

    def _at(self, places: Floats) -> Looks:
        return Looks(Observation.now({}, places[:, None].astype(np.float32), ("go there",) * len(places), 0),
                     0.8 * np.sin(2.5 * places), {})


# PAIR

ROWS, COLUMNS, TARGET = 6, 24, 2
"""Of a picture, and what the target has of either."""
RED = np.array([255, 40, 40], np.uint8)
TRAINING = ("40", "100", "160", "220")
"""Greys of training's backgrounds, each of which is mostly seen where the target lies in one quarter."""
HELD_OUT = ("10", "70", "130", "190", "250")
TOGETHER = 0.9
CAMERA = "top"


@dataclass(frozen=True)
class Table:
    """A target on a background of one grey, and how it would look otherwise. A spot is a column."""

    column: int
    grey: str

    def seen(self) -> Pictures:
        picture = self.background(self.grey)[CAMERA]
        picture[self._mask(self.column)] = RED
        return {CAMERA: picture}

    def masks(self, others: bool) -> Masks:
        return {CAMERA: self._mask(self.column)}

    def training_backgrounds(self) -> Sequence[str]:
        return (self.grey, *(each for each in TRAINING if each != self.grey))

    def background(self, name: str) -> Pictures:
        return {CAMERA: np.full((ROWS, COLUMNS, 3), int(name), np.uint8)}

    def with_target_moved(self, by: Spot, turn: float) -> Pictures:
        picture = self.background(self.grey)[CAMERA]
        picture[self._mask(int(np.clip(round(self.column + by[0]), 0, COLUMNS - TARGET)))] = RED
        return {CAMERA: picture}

    def _mask(self, column: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        mask = np.zeros((ROWS, COLUMNS), dtype=bool)
        mask[2 : 2 + TARGET, column : column + TARGET] = True
        return mask


class Pointing(Toy):
    """The number says where a small target lies. In training the background mostly says so, too."""

    inputs, tolerance, iterations = ROWS * COLUMNS * 3, 0.15, 40
    options: ClassVar[Mapping[str, Any]] = {"learning_rate": 3e-3, "critic_learning_rate": 0.02}
    views = Views(ViewOptions(shift=3.0, turns=(0.0,)), (PRESERVING, ALTERING))

    def read(self, obs: Observation) -> Floats:
        pictures: Floats = obs.images[CAMERA].reshape(len(obs.proprio), -1) / 255.0 - 0.5
        return pictures

    def looks(self, seed: int, iteration: int) -> Looks:
        draws = generator("tables", seed, iteration)
        columns = draws.integers(COLUMNS - TARGET + 1, size=EPISODES)
        quarters = np.where(draws.random(EPISODES) < TOGETHER, columns * len(TRAINING) // (COLUMNS - TARGET + 1),
                            draws.integers(len(TRAINING), size=EPISODES))
        tables = [Table(int(column), TRAINING[quarter]) for column, quarter in zip(columns, quarters, strict=True)]
        views = [self.views.of(table, table.seen(), EpisodeSpec(TASK, "clean", iteration * EPISODES + n, seed), 0)
                 for n, table in enumerate(tables)]
        return self._at(tables, {name: {CAMERA: np.stack([each[name][CAMERA] for each in views])}
                                 for name in self.views.names})

    def held_out(self) -> Mapping[str, Looks]:
        every = range(COLUMNS - TARGET + 1)
        return {name: self._at([Table(column, grey) for column in every for grey in greys], {})
                for name, greys in (("training's backgrounds, all mixed", TRAINING), ("others", HELD_OUT))}

    def _at(self, tables: Sequence[Table], views: Mapping[str, Pictures]) -> Looks:
        pictures = {CAMERA: np.stack([table.seen()[CAMERA] for table in tables])}
        obs = Observation.now(pictures, np.zeros((len(tables), 1), np.float32), ("go there",) * len(tables), 0)
        middle = (COLUMNS - TARGET) / 2
        return Looks(obs, np.array([0.9 * (table.column - middle) / middle for table in tables]), views)


def main(seeds: int) -> None:
    """Print the tables."""
    pair = {"pair_invariance": {}, "pair_sensitivity": {}}
    arms: dict[Toy, dict[str, dict[str, dict[str, float]]]] = {
        Reaching(): {"": {}, "fan_ppo": {"fan_ppo": {}}, "fan_ppo, α = 0.1": {"fan_ppo": {"weight": 0.1}},
                     "fan_ppo, σ = 0.1": {"fan_ppo": {"sigma": 0.1}},
                     "entropy 0.03": {"entropy": {"weight": 0.03}}, "entropy 0.3": {"entropy": {"weight": 0.3}}},
        Pointing(): {"": {}, **{name: {name: {}} for name in pair}, "both": pair}}
    for toy, terms in arms.items():
        print(type(toy).__name__)
        base = np.zeros((seeds, 0))
        for name, objectives in terms.items():
            found = [list(toy.judged(toy.trained(seed, objectives)).values()) for seed in range(seeds)]
            rates = np.array(found)
            if not name:
                base = rates
                start = np.array([list(toy.judged(toy.start(seed)).values()) for seed in range(seeds)])
                print("| start | ", start.mean(0).round(3), " |")
            apart = rates - base
            print(f"| {name or 'PPO'} |", rates.mean(0).round(3), "|", apart.mean(0).round(3), "±",
                  (apart.std(0) / seeds**0.5).round(3), "| worst", apart.min(0).round(3), "| better in",
                  (apart > 0).sum(0), "|", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40, help="trainings of each kind")
    main(parser.parse_args().seeds)
