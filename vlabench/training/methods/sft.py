"""sft: behavioural cloning of the expert in rounds; from the second on the learner acts, the expert labels (DAgger).

Each round collects demonstrations, with the policy of the round before acting in a share of the turns, adds them to
those of earlier rounds, and trains on all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, cast

import torch
from pydantic import BaseModel

from vlabench.adapters.base import TrainablePolicy
from vlabench.cards import find, load_policy, write_policy
from vlabench.cards.policy import PolicyCard
from vlabench.errors import CardError, DivergedError, OptionError, WorkerError
from vlabench.training import checkpoints, finite
from vlabench.training.demos.collect import Recipe, collect, with_learner
from vlabench.training.demos.data import DemoData, batches, samples
from vlabench.training.display import EpisodesShown
from vlabench.training.methods._augmented import Augmented
from vlabench.training.methods._cloner import Cloner, schedule
from vlabench.training.methods._sft_options import LOG, Round, SftOptions
from vlabench.training.methods.base import Method, TrainingContext
from vlabench.training.rl.samples import WANTED
from vlabench.training.rl.spending import PASSES, ROLLOUTS, STEPS, UPDATES
from vlabench.training.rl.trial import trial
from vlabench.training.shipping import card_of, ship, shipped
from vlabench.training.team import DEMOS, team
from vlabench.training.where import Where, where
from vlabench.types import won
from vlabench.util.messages import shown
from vlabench.util.text import counted

STATE, WEIGHTS = "state.pt", "weights"


class Sft(Method):
    """Supervised fine-tuning, from nothing or from another policy."""

    Options: ClassVar[type[BaseModel]] = SftOptions
    options: SftOptions

    def train(self, place: TrainingContext) -> Path:
        """All rounds; the averaged weights of the last."""
        here = self._where(place)
        if not here.kind.expert and (len(self.options.rounds) > 1 or not place.data):
            raise OptionError(f"there is no expert of {here.name!r} to collect demonstrations from\n"
                              f"  fix: one round, with --data DIR")
        start = self._init(place)
        if start is not None and not place.data and not _folder(place, 0).exists():  # collecting takes hours
            self.options.summed(cast("TrainablePolicy", start.make()))
        done, final = 0, place.folder
        for number, plan in enumerate(self.options.rounds):
            final = self._shipped(place, number) or self._taught(place, number, plan, done)
            if team().first:
                self._try(place, number, done + plan.steps)
            done += plan.steps
        return final

    @staticmethod
    def _shipped(place: TrainingContext, number: int) -> Path | None:
        """Where a round's weights are, whichever process asks."""
        return team().share(lambda: shipped(_folder(place, number), WEIGHTS))

    def _taught(self, place: TrainingContext, number: int, plan: Round, before: int) -> Path:
        """A round; where its weights are."""
        made = self._round(place, number, plan, before)
        return team().share(lambda: ship(made.save, _folder(place, number), WEIGHTS))

    def data(self, place: TrainingContext) -> str:
        """The number of demonstrations and frames, and where they come from."""
        data = self._data(place, self._demonstrations(place, len(self.options.rounds) - 1))
        demos = sum(map(len, data.clips))
        tasks = len({path.parts[-2:] for path in data.files})  # two may share an instruction, and rounds share tasks
        starts = "sampled start states"
        if place.data:
            later = f", those of later rounds from {starts}" if len(self.options.rounds) > 1 else ""
            starts = f"{'the first ' if later else ''}given with --data{later}"
        return f"{counted(demos, 'demonstration')} of {counted(tasks, 'task')}, " \
               f"{counted(data.frames, 'frame')}, {starts}"

    def spent(self, place: TrainingContext) -> Mapping[str, int]:
        """Its demonstrations and their frames; updates of all rounds, and the frames that went through them."""
        data = self._data(place, self._demonstrations(place, len(self.options.rounds) - 1))
        updates = sum(plan.steps for plan in self.options.rounds)
        return {ROLLOUTS: sum(map(len, data.clips)), STEPS: data.frames, UPDATES: updates,
                PASSES: updates * self.options.batch}

    # demonstrations

    def _data(self, place: TrainingContext, folders: Sequence[Path]) -> DemoData:
        """All that a round trains on."""
        return DemoData(folders, place.card.image_size, self._where(place).name,
                        cameras=place.card.cameras)

    def _demonstrations(self, place: TrainingContext, number: int) -> list[Path]:
        """The folders of all rounds up to this one, collected if need be."""
        folders = list(place.data)
        for earlier in range(number + 1):
            if earlier or not place.data:
                folders.append(self._collected(place, earlier))
        return folders

    def _collected(self, place: TrainingContext, number: int) -> Path:
        options, plan = self.options, self.options.rounds[number]
        here = self._where(place)
        recipe = Recipe(here.assets, place.card.image_size, place.seed + number, options.noise, options.kicks,
                        options.horizon if plan.horizon is None else plan.horizon)
        if number:
            card = self._card(place, number - 1)
            write_policy(card)
            recipe = with_learner(recipe, str(card.path), plan.mix)
        out = _folder(place, number) / DEMOS
        tasks = find.find_tasks(here.name, options.task_sets, plan.tasks)
        done = collect(tasks, plan.per_task, out, recipe, workers=place.workers,
                       progress=EpisodesShown(place.display, f"round {number}: demonstrations"))
        if done.interrupted:
            raise KeyboardInterrupt
        return out

    def _card(self, place: TrainingContext, number: int) -> PolicyCard:
        """The card of a round's policy."""
        path = shipped(_folder(place, number), WEIGHTS)
        assert path is not None
        return card_of(place.card, path, "learner")

    def _try(self, place: TrainingContext, number: int, step: int) -> None:
        """The success rate from sampled starts after a round, per task set, unless it is on the curve already.

        A trial that fails costs no more than itself.
        """
        if not self.options.eval_episodes or any(at == step and name.startswith("success ") for at, name, _ in
                                         place.curves.rows()):
            return
        here = self._where(place)
        tasks = find.find_tasks(here.name, self.options.task_sets)
        try:
            played = trial(self._card(place, number), here.name, here.assets, tasks, self.options.eval_episodes,
                           workers=place.workers, progress=EpisodesShown(place.display, f"round {number}: trial"))
        except WorkerError as error:
            place.display.note(f"round {number}: no trial: {error}")
            return
        rates: dict[str, list[bool]] = {}
        for episode in played:
            rates.setdefault(f"success {episode.spec.task.task_set}", []).append(won(episode))
        means = {name: sum(outcomes) / len(outcomes) for name, outcomes in rates.items()}
        place.curves.add(step, means)
        place.curves.draw()
        place.display.note(", ".join(f"{name} {100 * mean:.0f} %" for name, mean in means.items()))

    # training

    def _round(self, place: TrainingContext, number: int, plan: Round, before: int) -> TrainablePolicy:
        options = self.options
        data = self._data(place, team().share(lambda: self._demonstrations(place, number)))
        path = _folder(place, number) / STATE
        saved = checkpoints.load(path, place.device)
        learner = self._learner(place, number, data)
        seen_as = self._augmented(place, number, data, learner)
        if saved is not None:
            learner.restore(saved)
        place.curves.cut(before + learner.step)
        place.display.start(f"round {number}: {counted(data.frames, 'frame')}", plan.steps, learner.step)
        sums: dict[str, float] = {}
        since = learner.step
        try:
            for batch in batches(data, options.batch, place.seed + number, range(learner.step, plan.steps)):
                names = partial(data.names, options.batch, place.seed + number, learner.step)
                with finite.ending(f"round {number}, step {learner.step + 1} of {plan.steps}", names):
                    rate = plan.learning_rate * schedule(learner.step, plan.steps)
                    following = learner.step + 1
                    shown_to = seen_as(samples(data, batch, place.device, self.options.even), learner.step)
                    values = learner.update(shown_to, rate,
                                            weigh=following % LOG == 0 or following == plan.steps)
                sums = {name: sums.get(name, 0.0) + float(value) for name, value in values.items()}
                if learner.step % LOG == 0 or learner.step == plan.steps:
                    means = _means(sums, learner.step - since)
                    place.curves.add(before + learner.step, {**means, **learner.shares})
                    place.display.step(learner.step, means)
                    sums, since = {}, learner.step
                    if learner.step % options.every == 0 or learner.step == plan.steps:
                        if team().first:
                            checkpoints.save(path, learner.state())
                        place.curves.draw()
        except DivergedError:
            if learner.step > since:
                place.curves.add(before + learner.step, _means(sums, learner.step - since))
            place.curves.draw()
            raise
        finally:
            place.display.stop()
        return learner.averaged()

    def _learner(self, place: TrainingContext, number: int, data: DemoData) -> Cloner:
        """As the round begins."""
        options = self.options
        torch.manual_seed(place.seed)
        policy = self._begun(place, number, data)
        policy.configure(data.space)
        self._fit(policy, data, place)
        return Cloner(policy, options.summed(policy), place.device, weight_decay=options.weight_decay,
                      average=options.average, max_grad_norm=options.max_grad_norm, precision=options.precision,
                      accumulation=options.accumulation, lora=options.lora,
                      weight_interpolation=options.weight_interpolation)

    def _augmented(self, place: TrainingContext, number: int, data: DemoData, learner: Cloner) -> Augmented:
        """How the round's batches are shown."""
        first = None
        if any(WANTED in objective.needs for objective in learner.objectives.values()):
            first = self._begun(place, number, data)
            first.configure(data.space)
            first.module.to(place.device).requires_grad_(False)
        return Augmented(self.options.augment, first, data.space, place.seed + number)

    def _begun(self, place: TrainingContext, number: int, data: DemoData) -> TrainablePolicy:
        """The policy of the round before, that which `init` names, or one that knows nothing."""
        before = self._shipped(place, number - 1) if number else None
        card = card_of(place.card, before, "learner") if before else self._init(place)
        if card is not None:
            return cast("TrainablePolicy", card.make())
        kind = cast("type[TrainablePolicy]", place.card.kind)
        with TemporaryDirectory() as folder:
            path = ship(lambda empty: kind.fresh(empty, data.facts(), self.options.network), Path(folder), "fresh")
            return cast("TrainablePolicy", card_of(place.card, path, "fresh").make())

    def _init(self, place: TrainingContext) -> PolicyCard | None:
        """The card of the policy to go on from, if there is one. Raises CardError if it cannot be trained so."""
        told = shown(place.card.path)
        if not issubclass(place.card.kind, TrainablePolicy):
            raise CardError(f"{told}: adapter {place.card.adapter!r} is no policy that can be trained")
        if self.options.init is None:
            return None
        card = load_policy(self.options.init)
        if card.adapter != place.card.adapter:
            raise CardError(f"{told}: training.options.init: {self.options.init!r} is a policy of the adapter "
                            f"{card.adapter!r}, this one is of {place.card.adapter!r}")
        return card

    def _where(self, place: TrainingContext) -> Where:
        return where(self.options, place.card, self._init(place))

    def _fit(self, policy: TrainablePolicy, data: DemoData, place: TrainingContext) -> None:
        """Have the data give chunks of the policy's length. Raises CardError if actions are of another size."""
        first = samples(data, data.batch(1, "first"), "cpu").obs
        with torch.no_grad():
            _, data.chunk, size = policy.distribution(first).mean.shape
        if size != len(data.space.names):
            raise CardError(f"{shown(place.card.path)}: the policy gives {size} numbers an action, and those of "
                            f"{data.simulator!r} have {len(data.space.names)}")


def _folder(place: TrainingContext, number: int) -> Path:
    """Of a round."""
    return place.folder / f"round-{number}"


def _means(sums: Mapping[str, float], steps: int) -> dict[str, float]:
    return {name: total / steps for name, total in sums.items()}
