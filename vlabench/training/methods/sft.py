"""sft: behavioural cloning of the expert in rounds; from the second on the learner acts, the expert labels (DAgger).

Each round collects demonstrations, with the policy of the round before acting in a share of the turns, adds them to
those of earlier rounds, and trains on all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from vlabench import lookup, weights
from vlabench.card_types import PolicyCard, Weights
from vlabench.cards import write_policy
from vlabench.demos.collect import Recipe, collect, with_learner
from vlabench.errors import DivergedError, WorkerError
from vlabench.files import write_data
from vlabench.lineage import DEFAULTS, seen
from vlabench.models import checkpoint
from vlabench.models.nano import Inputs, NanoConfig, NanoVLA
from vlabench.models.text import Vocabulary
from vlabench.training import checkpoints, finite
from vlabench.training.data import DemoData, batches, tensors
from vlabench.training.display import EpisodesShown
from vlabench.training.methods.base import Method, Workplace
from vlabench.training.objectives.cloning import CloningWeights, cloning
from vlabench.training.trial import trial
from vlabench.types import won
from vlabench.wording import counted

STATE = "state.pt"
LOG = 50
"""Steps from one point of the curves to the next."""
WARMUP = 200
"""Steps over which the learning rate rises."""
FLOOR = 0.02
"""Share of the learning rate that is left at a round's end."""


class Round(BaseModel):
    """tasks: patterns of those to collect of, all if none is named. per_task: demonstrations of each. mix: the share of
    turns in which the expert acts beside the learner of the round before. steps: of training, at a learning rate that
    falls from `rate` by a cosine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    tasks: tuple[str, ...] = ()
    per_task: int = Field(ge=1)
    steps: int = Field(ge=1)
    rate: float = Field(default=1e-3, gt=0)
    mix: float = Field(default=1.0, ge=0, le=1)


class SftOptions(BaseModel):
    """What a card's `training.options` may hold.

    task_sets, assets, noise, kicks: what demonstrations are collected of, and how (`vlabench demos`). batch: samples
    a step. sigma, points, pixels: see `objectives.cloning`. decay: AdamW's. average: of the weights' moving average,
    which is what acts. clip: of the gradient's norm. network: sizes that differ from NanoConfig's. precision: bf16
    halves the time where the processor has it; auto is bf16 on a GPU and float32 on a CPU. trial: episodes a task
    after each round, from sampled starts, for the curve of success. every: steps between checkpoints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    task_sets: tuple[str, ...]
    rounds: tuple[Round, ...] = Field(min_length=1)
    assets: str = "primitive"
    noise: float = DEFAULTS["sft"]["noise"]
    kicks: float = 0.005
    batch: int = Field(default=64, ge=1)
    sigma: float = Field(default=2.0, gt=0)
    points: float = 1.0
    pixels: float = 0.1
    decay: float = 0.01
    average: float = Field(default=0.999, ge=0, lt=1)
    clip: float = 1.0
    precision: Literal["auto", "float32", "bf16"] = "auto"
    network: dict[str, Any] = Field(default_factory=dict)
    trial: int = Field(default=2, ge=0)
    every: int = Field(default=10 * LOG, ge=LOG, multiple_of=LOG)


@dataclass
class _Learner:
    """What changes while a round is trained."""

    network: NanoVLA
    average: dict[str, Tensor]
    optimizer: torch.optim.Optimizer
    step: int = 0

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"config": self.network.config.model_dump_json(), "network": self.network.state_dict(),
                "average": self.average, "optimizer": self.optimizer.state_dict(), "step": self.step}


class Sft(Method):
    """Supervised fine-tuning from nothing."""

    Options: ClassVar[type[BaseModel]] = SftOptions
    options: SftOptions

    def train(self, place: Workplace) -> Path:
        """All rounds; the averaged weights of the last."""
        done = 0
        for number, plan in enumerate(self.options.rounds):
            folder = place.folder / f"round-{number}"
            final = folder / "weights.safetensors"
            if not final.exists():
                folders = self._demonstrations(place, number)
                write_data(final, checkpoint.to_bytes(self._round(place, number, plan, folders, done)))
            self._try(place, number, done + plan.steps)
            done += plan.steps
        return final

    def data(self, place: Workplace) -> str:
        """The number of demonstrations and frames, and where they come from."""
        config = NanoConfig(**self.options.network)
        data = DemoData(self._demonstrations(place, len(self.options.rounds) - 1), config.image_size, config.chunk)
        demos = sum(map(len, data.clips))
        starts = "sampled start states"
        if place.data:
            later = f", those of later rounds from {starts}" if len(self.options.rounds) > 1 else ""
            starts = f"{'the first ' if later else ''}given with --data{later}"
        return f"{counted(demos, 'demonstration')} of {counted(len(data.instructions), 'task')}, " \
               f"{counted(data.frames, 'frame')}, {starts}"

    # demonstrations

    def _demonstrations(self, place: Workplace, number: int) -> list[Path]:
        """The folders of all rounds up to this one, collected if need be."""
        folders = list(place.data)
        for earlier in range(number + 1):
            if earlier or not place.data:
                folders.append(self._collected(place, earlier))
        return folders

    def _collected(self, place: Workplace, number: int) -> Path:
        options, plan = self.options, self.options.rounds[number]
        recipe = Recipe(options.assets, NanoConfig(**options.network).image_size, place.seed + number, options.noise,
                        options.kicks)
        if number:
            card = self._card(place, number - 1)
            write_policy(card)
            recipe = with_learner(recipe, str(card.path), plan.mix)
        out = place.folder / f"round-{number}" / "demos"
        tasks = lookup.find_tasks("libero", options.task_sets, plan.tasks)
        done = collect(tasks, plan.per_task, out, recipe, workers=place.workers,
                       progress=EpisodesShown(place.display, f"round {number}: demonstrations"))
        if done.interrupted:
            raise KeyboardInterrupt
        return out

    def _card(self, place: Workplace, number: int) -> PolicyCard:
        """The card of a round's policy."""
        path = place.folder / f"round-{number}" / "weights.safetensors"
        digest = weights.digest(path)
        return place.card.model_copy(update={
            "name": "learner", "path": path.with_name("learner.toml"), "training": None,
            "trained_on": seen(place.card).names,
            "weights": Weights(path=path.name, sha256=digest)})

    def _try(self, place: Workplace, number: int, step: int) -> None:
        """The success rate from sampled starts after a round, per task set, unless it is on the curve already.

        A trial that fails costs no more than itself.
        """
        if not self.options.trial or any(at == step and name.startswith("success ") for at, name, _ in
                                         place.curves.rows()):
            return
        tasks = lookup.find_tasks("libero", self.options.task_sets)
        try:
            played = trial(self._card(place, number), "libero", self.options.assets, tasks, self.options.trial,
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

    def _round(self, place: Workplace, number: int, plan: Round, folders: list[Path], before: int) -> NanoVLA:
        options = self.options
        config = NanoConfig(**options.network)
        data = DemoData(folders, config.image_size, config.chunk)
        path = place.folder / f"round-{number}" / STATE
        saved = checkpoints.load(path, place.device)
        learner = self._learner(place, number, data, saved)
        place.curves.cut(before + learner.step)
        tokens = torch.tensor([learner.network.vocabulary.encode(text) for text in data.instructions])
        tokens = tokens.to(place.device)
        place.display.start(f"round {number}: {counted(data.frames, 'frame')}", plan.steps, learner.step)
        sums: dict[str, float] = {}
        since = learner.step
        try:
            for batch in batches(data, options.batch, place.seed + number, range(learner.step, plan.steps)):
                names = partial(data.names, options.batch, place.seed + number, learner.step)
                with finite.ending(f"round {number}, step {learner.step + 1} of {plan.steps}", names):
                    shown = self._step(learner, plan, tensors(batch, torch.device(place.device)), tokens)
                sums = {name: sums.get(name, 0.0) + float(value) for name, value in shown.items()}
                if learner.step % LOG == 0 or learner.step == plan.steps:
                    means = _means(sums, learner.step - since)
                    place.curves.add(before + learner.step, means)
                    place.display.step(learner.step, means)
                    sums, since = {}, learner.step
                    if learner.step % options.every == 0 or learner.step == plan.steps:
                        checkpoints.save(path, learner.state())
                        place.curves.draw()
        except DivergedError:
            if learner.step > since:
                place.curves.add(before + learner.step, _means(sums, learner.step - since))
            place.curves.draw()
            raise
        finally:
            place.display.stop()
        learner.network.load_state_dict(learner.average)
        return learner.network

    def _learner(self, place: Workplace, number: int, data: DemoData, saved: Mapping[str, Any] | None) -> _Learner:
        """From this round's checkpoint, else from the round before, else from nothing."""
        torch.manual_seed(place.seed)
        if saved is not None:
            network = NanoVLA(NanoConfig.model_validate_json(saved["config"]))
        elif number:
            network = checkpoint.load(place.folder / f"round-{number - 1}" / "weights.safetensors")
        else:
            mean, std = data.proprio_range()
            network = NanoVLA(NanoConfig(proprio_mean=mean, proprio_std=std,
                                         words=Vocabulary.of(data.instructions).words, **self.options.network))
        checkpoint.ready(network, place.device).train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=1.0, betas=(0.9, 0.95),
                                      weight_decay=self.options.decay, fused=True)
        learner = _Learner(network, {}, optimizer)
        if saved is not None:
            network.load_state_dict(saved["network"])
            optimizer.load_state_dict(saved["optimizer"])
            learner.step = int(saved["step"])
        learner.average = ({name: tensor.clone() for name, tensor in network.state_dict().items()}
                           if saved is None else dict(saved["average"]))
        return learner

    def _step(self, learner: _Learner, plan: Round, batch: dict[str, Any], tokens: Tensor) -> dict[str, Tensor]:
        """One update; the terms of the loss. Raises NotFinite instead of making one that is not."""
        options, network = self.options, learner.network
        for group in learner.optimizer.param_groups:
            group["lr"] = plan.rate * schedule(learner.step, plan.steps)
        kind = tokens.device.type
        half = options.precision == "bf16" or (options.precision == "auto" and kind == "cuda")
        with torch.autocast(kind, torch.bfloat16, enabled=half):
            trunk = network.trunk(Inputs(batch["pictures"], batch["proprio"], tokens[batch["tasks"]]))
            actions = network.act(trunk.embedding)
        loss, shown = cloning(trunk, actions, batch, CloningWeights(options.sigma, options.points, options.pixels))
        learner.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip)
        finite.check({"loss": loss.detach(), "gradient": norm})
        learner.optimizer.step()
        learner.step += 1
        keep = min(options.average, learner.step / (learner.step + 10))
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                learner.average[name].lerp_(tensor, 1.0 - keep)
        return {"loss": loss.detach(), **shown, "gradient": norm}


def _means(sums: Mapping[str, float], steps: int) -> dict[str, float]:
    return {name: total / steps for name, total in sums.items()}


def schedule(step: int, steps: int) -> float:
    """The share of the learning rate at a step: up over WARMUP steps, then down by a cosine to FLOOR."""
    rise = min(1.0, (step + 1) / WARMUP)
    return rise * (FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + math.cos(math.pi * step / steps)))
