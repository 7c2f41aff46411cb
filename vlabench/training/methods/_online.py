"""What all methods share that learn from rollouts: collect with workers, learn, adjust the noise, keep a checkpoint.

An iteration is a function of the seed, its number and the state before it, so a killed training resumes to what it
would have been; a kill costs the iteration it falls into.
"""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import BaseModel

from vlabench.adapters.base import TrainablePolicy
from vlabench.cards import write_policy
from vlabench.cards.noise import Noise
from vlabench.cards.policy import PolicyCard
from vlabench.errors import DataError, DivergedError, WorkerError
from vlabench.training import checkpoints, finite
from vlabench.training.display import EpisodesShown
from vlabench.training.methods._course import TrainingRun, TrainingState, opened
from vlabench.training.methods._online_options import OnlineOptions
from vlabench.training.methods.base import Method, TrainingContext
from vlabench.training.rl import spending, views
from vlabench.training.rl.consistency import Looks, clean, redrawn
from vlabench.training.rl.contexts import Gathered, Group, gather
from vlabench.training.rl.curriculum import Level, advance
from vlabench.training.rl.judging import prepare
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.rollouts import Collector, Rollout
from vlabench.training.rl.samples import Samples
from vlabench.training.rl.trial import trial
from vlabench.training.rl.updates import Updates
from vlabench.training.shipping import card_of, emptied, ship
from vlabench.training.team import team
from vlabench.types import EpisodeSpec, won
from vlabench.util.files import write_data
from vlabench.util.messages import shown
from vlabench.util.text import counted

STATE, SAMPLER = "state.pt", "sampler"


class Online(Method):
    """A method that learns from rollouts."""

    Options: ClassVar[type[BaseModel]] = OnlineOptions
    options: OnlineOptions
    rollouts = True

    # what a method decides

    @abstractmethod
    def keep(self, course: TrainingRun, group: Group) -> bool:
        """Whether there is something to learn from the rollouts of a context."""

    @abstractmethod
    def credit(self, course: TrainingRun, groups: Sequence[Group]) -> Samples | None:
        """The samples of the groups that were kept, with what each was worth; None if that teaches nothing."""

    def learner(self, policy: TrainablePolicy, device: str) -> Learner:
        """Who learns."""
        return Learner(policy, self.options, device)

    def critic_alone(self, iteration: int) -> bool:
        """Whether an iteration (from 1) trains the critic and leaves the actions as they are."""
        return False

    def spent(self, place: TrainingContext) -> Mapping[str, int]:
        """By its curves."""
        return spending.of_training(place.curves)

    # the training

    def train(self, place: TrainingContext) -> Path:
        """All iterations; the weights of the last."""
        course = opened(self.options, place, self.learner)
        stand = self._restored(course)
        course.memory.restore(stand.iteration)
        place.curves.cut(stand.iteration)
        # of several processes the first alone plays
        with self._collector(course) if team().first else nullcontext() as collector:
            while stand.iteration < self.options.iterations:
                stand = self._iteration(course, collector, stand)
                if team().first:
                    checkpoints.save(place.folder / STATE, {"init": course.start.digest, "stand": asdict(stand),
                                                            **course.learner.state()})
                place.curves.draw()
        course.memory.clear()
        for folder in place.folder.glob(f"{SAMPLER}-*"):
            shutil.rmtree(folder, ignore_errors=True)
        return self._shipped(course, place.card.name) if team().first else place.folder

    def _iteration(self, course: TrainingRun, collector: Collector | None, stand: TrainingState) -> TrainingState:
        place, number = course.place, stand.iteration + 1
        began = place.display.clock()
        gathered = team().share(lambda: self._rollouts(course, collector, stand))
        played = place.display.clock()
        values = {"success": gathered.success, "contexts tried": float(gathered.tried),
                  "contexts kept": float(len(gathered.kept))}
        if self.options.noise:
            values |= {"observation noise": stand.level.observation, "action noise": stand.level.action}
        try:
            values |= self._updates(course, gathered, stand.level, number)
        except DivergedError:
            place.curves.add(number, values)
            place.curves.draw()
            raise
        place.display.note(_pace(number, len(gathered.outcomes), played - began, place.display.clock() - played))
        last = number == self.options.iterations
        if collector and self.options.eval_episodes and (last or number % self.options.eval_every == 0):
            collector.rest()  # its workers' memory is the trial's now
            values |= self._try(course, number)
        place.curves.add(number, values)
        told = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
        place.display.note(f"iteration {number}/{self.options.iterations}: {told}")
        noise = self.options.noise
        level = advance(stand.level, gathered.success, number, noise.curriculum if noise else None)
        return TrainingState(number, stand.context + gathered.tried, level)

    def _updates(self, course: TrainingRun, gathered: Gathered, level: Level, number: int) -> dict[str, float]:
        """All updates of an iteration, from rewards and towards consistency; what they show."""
        values: dict[str, float] = {}
        followed: list[int] = []
        alone = self.critic_alone(number)
        samples = self.credit(course, gathered.kept) if gathered.kept else None
        if samples is not None:
            values = self._learn(course, samples, number)
        else:
            course.place.display.note(f"iteration {number}: no context whose rollouts differ; no rewards to learn from")
        if self.options.consistency and gathered.played and not alone:
            values["consistency"], followed = self._agree(course, gathered, level, number)
        return {**values, **spending.of_iteration(gathered.played, values, followed)}

    def _learn(self, course: TrainingRun, samples: Samples, number: int) -> dict[str, float]:
        """The updates of an iteration; the means of what they show."""
        options, learner, place = self.options, course.learner, course.place
        alone = self.critic_alone(number)
        twice = options.permuted and not alone
        prepare(learner, samples)
        updates = Updates(options.epochs, options.updates, (place.seed, number), f"iteration {number}")
        place.display.start(f"iteration {number}: {counted(len(samples), 'look')}",
                            (1 + twice) * options.epochs * options.updates, unit="updates")
        try:
            apart = updates.permuted(learner, samples, place.display.step) if twice else {}
            ahead = options.epochs * options.updates * twice
            return {**samples.shown, **apart, **updates.make(
                learner, samples, alone, lambda n, seen: place.display.step(ahead + n, seen))}
        finally:
            place.display.stop()

    def _agree(self, course: TrainingRun, gathered: Gathered, level: Level, number: int) -> tuple[float, list[int]]:
        """An iteration's updates towards consistency; the mean distance, and the looks of each."""
        options, place = self.options, course.place
        assert options.consistency is not None
        looked, drawn = clean(gathered.played), np.concatenate([rollout.actions for rollout in gathered.played])
        course.memory.add(number, Looks(looked, drawn, course.learner.origin(looked, drawn)))
        distances: list[float] = []
        counts: list[int] = []
        place.display.start(f"iteration {number}: consistency", options.consistency.updates, unit="updates")
        try:
            for update in range(options.consistency.updates):
                key = ("consistency", place.seed, number, update)
                looks = course.memory.some(options.batch, *key)
                counts.append(len(looks.actions))
                seen = looks.obs
                if options.consistency.perturbed and options.noise is not None:
                    seen = redrawn(seen, options.noise, level, course.space, *key)
                where = f"iteration {number}, update {update + 1} towards consistency"
                with finite.ending(where, partial(list, seen.instruction)):
                    distances.append(course.learner.follow(replace(looks, obs=seen)))
                place.display.step(update + 1, {"consistency": distances[-1]})
        finally:
            place.display.stop()
        return float(np.mean(distances)), counts

    # rollouts

    def _collector(self, course: TrainingRun) -> Collector:
        """Workers that sample; until they are told its weights, from the policy that the training starts from."""
        start, card, options = course.start, course.place.card, self.options
        own = {key: value for key, value in card.options.items() if key != "base"}
        seeing = {key: getattr(card, key) for key in ("cameras", "image_size", "replan", "privileged")}
        sampling = dict(zip(("decode", "temperature"), options.exploration, strict=True))
        sampler = PolicyCard.model_validate({**start.model_dump(), **seeing,
                                             "options": {**start.options, **own, **sampling}})
        return Collector(sampler, course.where.name, course.where.assets, [], course.place.workers,
                         course.place.display.note, options.consistency is not None or course.learner.pairs,
                         views.wanted(options.views, course.learner.objectives, course.where.kind, options.noise),
                         course.place.on)

    def _rollouts(self, course: TrainingRun, collector: Collector | None, stand: TrainingState) -> Gathered:
        """Play contexts with the policy as it is now."""
        assert collector is not None
        options, place, iteration = self.options, course.place, stand.iteration + 1
        numbers = range(stand.context, stand.context + options.attempts * options.contexts)
        candidates = [course.schedule.context(number, options.rollouts, options.noise, stand.level)
                      for number in numbers]
        now = emptied(place.folder / f"{SAMPLER}-{iteration}")
        course.learner.save(now, exact=True)
        collector.renew([each for context in candidates for each in context], now)
        shutil.rmtree(place.folder / f"{SAMPLER}-{iteration - 2}", ignore_errors=True)

        def play(specs: Sequence[EpisodeSpec]) -> Mapping[EpisodeSpec, Rollout]:
            return collector.play(specs, EpisodesShown(place.display, f"iteration {iteration}: rollouts"))

        return gather(candidates, options.contexts, play, lambda rollout: float(course.reward(rollout).sum()),
                      partial(self.keep, course))

    def _try(self, course: TrainingRun, number: int) -> dict[str, float]:
        """Success by task set of the policy as it would be shipped; a trial that fails costs no more than itself."""
        options, place = self.options, course.place
        name = f"{place.card.name}-{number}"
        card = card_of(place.card, self._shipped(course, name), name)
        write_policy(card)
        try:
            played = trial(card, course.where.name, course.where.assets, course.tasks, options.eval_episodes,
                           workers=None if place.on else place.workers,
                           progress=EpisodesShown(place.display, f"iteration {number}: trial"))
        except WorkerError as error:
            place.display.note(f"iteration {number}: no trial: {error}")
            return {}
        rates: dict[str, list[bool]] = {}
        for episode in played:
            rates.setdefault(f"trial {episode.spec.task.task_set}", []).append(won(episode))
        return {name: float(np.mean(outcomes)) for name, outcomes in rates.items()}

    # beginning and end

    def _restored(self, course: TrainingRun) -> TrainingState:
        path: Path = course.place.folder / STATE
        saved = checkpoints.load(path, course.place.device)
        if saved is None:
            noise = self.options.noise or Noise()
            return replace(TrainingState(), level=Level(noise.observation, noise.action))
        if saved["init"] != course.start.digest:
            raise DataError(f"{shown(path)}: was begun from other weights of {self.options.init!r}\n"
                            f"  fix: --out another folder")
        course.learner.restore(saved)
        stand = saved["stand"]
        return TrainingState(stand["iteration"], stand["context"], Level(**stand["level"]))

    def _shipped(self, course: TrainingRun, name: str) -> Path:
        """Write what a card of this name will name."""
        folder, learner = course.place.folder, course.learner
        with learner.shipped():
            if "base" not in course.place.card.options:
                return ship(learner.save, folder, name)
            assert course.start.weights is not None
            path = folder / f"{name}.safetensors"
            write_data(path, learner.lora_weights(course.start.weights.sha256))
            return path


def _pace(number: int, rollouts: int, playing: float, learning: float) -> str:
    """Where the time of an iteration went (s); of no curve, which is the same whatever the machine."""
    return (f"iteration {number}: {counted(rollouts, 'rollout')} in {playing:.0f} s ({rollouts / playing:.2g}/s), "
            f"updates in {learning:.0f} s")
