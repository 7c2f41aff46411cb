"""Toys on which a term of the loss is to do what its paper says of it: PPO or cloning with and without, from the same
episodes.

    python -m tests.training.toys --seeds 20

An episode is one look and one number, in 256 bins, which is right within a tolerance; what is learned is judged by its
most probable action. The learner, the objectives, PPO's credit and PAIR's views are the package's own.
"""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from vlabench.adapters.base import TrainablePolicy
from vlabench.models.distributions import BINS, BinnedActions
from vlabench.seeding import generator
from vlabench.simulators._values import Masks, Pictures, Spot
from vlabench.training.methods.ppo import Ppo, PpoOptions
from vlabench.training.objectives import base
from vlabench.training.objectives._views import ALTERING, PRESERVING
from vlabench.training.objectives.base import Batch, Forward
from vlabench.training.objectives.cloning import Cloning, CloningOptions
from vlabench.training.rl import rewards
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.judging import prepare
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.updates import Updates
from vlabench.training.rl.views import ViewOptions, Views
from vlabench.types import ActionSpace, Decision, EpisodeSpec, Floats, Observation, Task

Terms: TypeAlias = Mapping[str, Mapping[str, Any]]
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
    """A task of one number, whose policy is taught by demonstrations first. inputs: of the network. tolerance: how far
    from the right number is still a success. rate: of PPO's updates. lessons: of cloning, each of all demonstrations at
    a rate, on targets of a deviation in bins.
    """

    inputs: ClassVar[int]
    tolerance: ClassVar[float]
    iterations: ClassVar[int]
    rate: ClassVar[float]
    lessons: ClassVar[tuple[int, float, float]]
    without: ClassVar[str] = "PPO"
    """What it is called that is trained without terms."""

    @abstractmethod
    def read(self, obs: Observation) -> Floats:
        """What the network is given [N, inputs]."""

    @abstractmethod
    def taught(self, seed: int) -> Looks:
        """Demonstrations, whose numbers need not be right."""

    @abstractmethod
    def looks(self, seed: int, iteration: int) -> Looks:
        """An iteration's episodes."""

    @abstractmethod
    def held_out(self) -> Mapping[str, Looks]:
        """What a policy is judged by, by name."""

    def start(self, seed: int, objectives: Terms = MappingProxyType({})) -> Pupil:
        """The policy that a training starts from, cloned with these terms beside cloning's."""
        torch.manual_seed(seed)
        policy, demonstrated = Pupil(self.inputs, self.read), self.taught(seed)
        count, rate, sigma = self.lessons
        actions = torch.from_numpy(demonstrated.right).float()[:, None, None]
        ones = torch.ones(len(actions), 1)
        batch = Batch(demonstrated.obs, actions, ones.bool(), ones, float(len(ones)), float(len(ones)), SPACE)
        terms = {"action": Cloning(CloningOptions(sigma=sigma)), **base.made(objectives)}
        optimizer = torch.optim.Adam(policy.module.parameters(), rate)
        for _ in range(count):
            optimizer.zero_grad()
            found, _ = base.summed(terms, batch, Forward(policy, batch.obs, actions))
            base.total(found).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return policy

    def played(self, policy: Pupil, looks: Looks, draws: np.random.Generator) -> list[Rollout]:
        """Drawn from the policy's bins."""
        with torch.no_grad():
            bins = policy.distribution(looks.obs)
            actions = bins.sample(draws.random((len(looks.right), 1, 1))).float()
            drawn, log_probs, means = (each.numpy()[:, None] for each in (actions, bins.log_prob(actions), bins.mean))
        done = np.abs(drawn[:, 0, 0, 0] - looks.right) < self.tolerance
        return [Rollout(EpisodeSpec(TASK, "clean", n, 0), _row(looks.obs.images, n), looks.obs.proprio[n : n + 1],
                        "go there", drawn[n], log_probs[n], means[n], np.array([1]), bool(done[n]), {}, {},
                        views={view: _row(pictures, n) for view, pictures in looks.views.items()})
                for n in range(len(done))]

    def trained(self, seed: int, objectives: Terms) -> Pupil:
        """By PPO with these terms; the demonstrations and episodes are a seed's, whatever is learned."""
        policy = self.start(seed)
        terms = {name: dict(each) for name, each in objectives.items()}
        method = Ppo(PpoOptions(init="", task_sets=("toys",), objectives=terms, learning_rate=self.rate,
                                critic_learning_rate=0.02))
        learner = method.learner(policy, "cpu")
        course: Any = SimpleNamespace(learner=learner, reward=rewards.sparse, space=SPACE)
        for iteration in range(1, self.iterations + 1):
            rollouts = self.played(policy, self.looks(seed, iteration), generator("draws", seed, iteration))
            samples = method.credit(course, [Group(n, (each,), (0.0,)) for n, each in enumerate(rollouts)])
            prepare(learner, samples)
            Updates(1, 4, (seed, iteration), "toy").make(learner, samples, method.critic_alone(iteration), _unseen)
        return policy

    def judged(self, policy: Pupil) -> dict[str, float]:
        """Success of the most probable action, by name of what is held out; and, `drawn`, of draws, on the first."""
        found = {}
        with torch.no_grad():
            for name, looks in self.held_out().items():
                bins = policy.distribution(looks.obs)
                found[name] = float(np.mean(np.abs(bins.mode[:, 0, 0].numpy() - looks.right) < self.tolerance))
                near = np.abs(bins.centres.numpy() - looks.right[:, None]) < self.tolerance
                found.setdefault("drawn", float((bins.log_probs[:, 0, 0].exp().numpy() * near).sum(1).mean()))
        return found


def _row(pictures: Pictures, n: int) -> Pictures:
    return {camera: of_all[n : n + 1] for camera, of_all in pictures.items()}


def _unseen(number: int, seen: Mapping[str, float]) -> None:
    return None


# FAN


class Reaching(Toy):
    """How far to go follows from where one is, by a curve. The demonstrations are all off to the same side, by more
    than the tolerance, and the policy is sure of them: by its draws it seldom learns what would be better.
    """

    inputs, tolerance, iterations, rate, lessons = 1, 0.08, 60, 3e-3, (400, 0.01, 0.0)
    off, slip, demonstrations = 0.13, 0.04, 64

    def read(self, obs: Observation) -> Floats:
        return obs.proprio.astype(np.float64)

    def taught(self, seed: int) -> Looks:
        places = generator("taught", seed).uniform(-1, 1, self.demonstrations)
        return self._at(places, np.full(len(places), self.off))

    def looks(self, seed: int, iteration: int) -> Looks:
        places = generator("places", seed, iteration).uniform(-1, 1, EPISODES)
        return self._at(places, np.zeros(EPISODES))

    def held_out(self) -> Mapping[str, Looks]:
        """Executed inexactly, an action is another one by a random number."""
        places = np.linspace(-1, 1, 401)
        slips = self.slip * generator("slips").standard_normal(20 * len(places))
        return {"exact": self._at(places, np.zeros(len(places))), "inexact": self._at(np.tile(places, 20), slips)}

    def _at(self, places: Floats, off: Floats) -> Looks:
        return Looks(Observation.now({}, places[:, None].astype(np.float32), ("go there",) * len(places), 0),
                     0.8 * np.sin(2.5 * places) + off, {})


class Copying(Reaching):
    """The same curve from demonstrations that are off at random, by half the tolerance, and cloning alone: they are too
    few to tell their errors from the curve.
    """

    without = "SFT"
    noise = 0.04

    def taught(self, seed: int) -> Looks:
        draws = generator("taught", seed)
        places = draws.uniform(-1, 1, self.demonstrations)
        return self._at(places, self.noise * draws.standard_normal(len(places)))

    def trained(self, seed: int, objectives: Terms) -> Pupil:
        return self.start(seed, objectives)


# PAIR

ROWS, COLUMNS, TARGET = 6, 24, 2
"""Of a picture, and what the target has of either."""
RED = np.array([255, 40, 40], np.uint8)
TRAINING = ("40", "100", "160", "220")
"""Greys of training's backgrounds, each of which is mostly seen where the target lies in one quarter."""
HELD_OUT = ("10", "70", "130", "190", "250")
TOGETHER = 0.9
"""Share of the episodes in which it is; else any background is."""
PLACES = COLUMNS - TARGET + 1
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
        picture[self._mask(int(np.clip(round(self.column + by[0]), 0, PLACES - 1)))] = RED
        return {CAMERA: picture}

    def _mask(self, column: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        mask = np.zeros((ROWS, COLUMNS), dtype=bool)
        mask[2 : 2 + TARGET, column : column + TARGET] = True
        return mask


class Pointing(Toy):
    """The number says where a small target lies. In training and demonstrations the background mostly says so, too."""

    inputs, tolerance, iterations, rate, lessons = ROWS * COLUMNS * 3, 0.15, 25, 0.01, (60, 0.003, 4.0)
    views = Views(ViewOptions(shift=3.0, turns=(0.0,)), (PRESERVING, ALTERING))

    def read(self, obs: Observation) -> Floats:
        pictures: Floats = obs.images[CAMERA].reshape(len(obs.proprio), -1) / 255.0 - 0.5
        return pictures

    def taught(self, seed: int) -> Looks:
        return self.looks(seed, 0)

    def looks(self, seed: int, iteration: int) -> Looks:
        draws = generator("tables", seed, iteration)
        columns = draws.integers(PLACES, size=EPISODES)
        quarters = np.where(draws.random(EPISODES) < TOGETHER, columns * len(TRAINING) // PLACES,
                            draws.integers(len(TRAINING), size=EPISODES))
        tables = [Table(int(column), TRAINING[quarter]) for column, quarter in zip(columns, quarters, strict=True)]
        views = [self.views.of(table, table.seen(), EpisodeSpec(TASK, "clean", iteration * EPISODES + n, seed), 0)
                 for n, table in enumerate(tables)]
        return self._at(tables, {name: {CAMERA: np.stack([each[name][CAMERA] for each in views])}
                                 for name in self.views.names})

    def held_out(self) -> Mapping[str, Looks]:
        return {name: self._at([Table(column, grey) for column in range(PLACES) for grey in greys], {})
                for name, greys in (("mixed", TRAINING), ("unseen", HELD_OUT))}

    def _at(self, tables: Sequence[Table], views: Mapping[str, Pictures]) -> Looks:
        pictures = {CAMERA: np.stack([table.seen()[CAMERA] for table in tables])}
        obs = Observation.now(pictures, np.zeros((len(tables), 1), np.float32), ("go there",) * len(tables), 0)
        return Looks(obs, np.array([0.9 * (2 * table.column / (PLACES - 1) - 1) for table in tables]), views)


PAIR: Terms = {"pair_invariance": {}, "pair_sensitivity": {}}
FAN: Terms = {"fan_ppo": {"sigma": 0.2}}
FAN_SFT: Terms = {"fan_sft": {"weight": 0.2}}
COMPARED: Mapping[str, tuple[Toy, Mapping[str, Terms]]] = {
    "Reaching": (Reaching(), {"`fan_ppo`, σ = 0.1": {"fan_ppo": {"sigma": 0.1}}, "`fan_ppo`, σ = 0.2": FAN,
                              "`fan_ppo`, σ = 0.3": {"fan_ppo": {}},
                              "`fan_kernel`, κ = 0.2": {"fan_kernel": {"kappa": 0.2}},
                              "`entropy`, 0.3": {"entropy": {"weight": 0.3}}}),
    "Copying": (Copying(), {"`fan_sft`, α = 0.05": {"fan_sft": {}}, "`fan_sft`, α = 0.2": FAN_SFT,
                            "`fan_sft`, α = 1": {"fan_sft": {"weight": 1.0}},
                            "`label_smoothing`, 0.05": {"label_smoothing": {}}}),
    "Pointing": (Pointing(), {"`pair_invariance`": {"pair_invariance": {}},
                              "`pair_sensitivity`": {"pair_sensitivity": {}}, "both": PAIR,
                              "`view_augmentation`": {"view_augmentation": {}}})}
"""Toys, and the terms that PPO or cloning is compared with and without."""
BESIDE = {"both": "`pair_invariance`", "`pair_invariance`": "`view_augmentation`"}
"""Terms that are compared with others of them, too."""


def rates(toy: Toy, terms: Terms | None, seeds: int) -> dict[str, Floats]:
    """By each name of `judged`, the success of every seed [seeds]; without terms, of the policies at the start."""
    rows = [toy.judged(toy.start(seed) if terms is None else toy.trained(seed, terms)) for seed in range(seeds)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def main(seeds: int) -> None:
    """Print a table of each toy."""
    for title, (toy, arms) in COMPARED.items():
        columns = list(toy.held_out())
        names = [*columns, "drawn"]
        print(f"**{title}**, {seeds} seeds\n")
        print(f"| | {' | '.join(names)} | {' | '.join(f'more, {name}' for name in columns)} | better in |")
        print("| --- |" + " --: |" * (len(names) + len(columns) + 1))
        plain: dict[str, Floats] = {}
        every: dict[str, dict[str, Floats]] = {}
        start: Mapping[str, Terms | None] = {"start": None} if toy.without == "PPO" else {}
        for name, terms in {**start, toy.without: {}, **arms}.items():
            every[name] = found = rates(toy, terms, seeds)
            plain = plain or (found if name == toy.without else {})
            told = [f"{100 * found[each].mean():.1f}" for each in names]
            if plain and name != toy.without:
                told += _more(found, plain, columns)
            print(f"| {name} | " + " | ".join(told + [""] * (len(names) + len(columns) + 1 - len(told))) + " |",
                  flush=True)
        for name, other in BESIDE.items():
            if name in every:
                *more, seeds_above = _more(every[name], every[other], columns)
                told = [f"{column} {each}" for column, each in zip(columns, more, strict=True)]
                print(f"\n{name} above {other}: {', '.join(told)}; in {seeds_above} of {seeds} seeds")
        print()


def _more(found: Mapping[str, Floats], other: Mapping[str, Floats], columns: Sequence[str]) -> list[str]:
    """By how many points seeds are above those of another training, for each column, and in how many they are."""
    more = [100 * (found[each] - other[each]) for each in columns]
    return [*(f"{each.mean():+.1f} ± {each.std(ddof=1):.1f}".replace("-", "−") for each in more),
            ", ".join(str(int((each > 0).sum())) for each in more)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="trainings of each kind")
    main(parser.parse_args().seeds)
