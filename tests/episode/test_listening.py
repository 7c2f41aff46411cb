"""EpisodeCollectors of a batch hear what they would hear alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.toy.toy import Dark, Jolt, Seeker, Toy
from vlabench.adapters.base import Policy
from vlabench.episode.listening import Bools, EpisodeCollector, EpisodeCollectors
from vlabench.episode.loop import play
from vlabench.episode.played import Played
from vlabench.perturbations.base import Perturbation
from vlabench.types import Decision, EpisodeSpec, Floats, Observation, Outcome, Success

CAMERAS = ("top", "side")
TASKS = Toy("plain").tasks("toy_points")


class Diary(EpisodeCollector):
    """Notes all that it hears."""

    def __init__(self, policy: Policy, replan: int) -> None:
        super().__init__(policy, replan)
        self.heard: list[Any] = []

    @property
    def result(self) -> list[Any]:
        return self.heard

    def on_start(self, specs: Sequence[EpisodeSpec]) -> None:
        self.heard.append(("start", *specs))

    def on_look(self, step: int, received: Observation, decision: Decision, running: Bools) -> None:
        self.heard.append(("look", step, seen(received), decision.actions.tolist(), running.tolist()))

    def on_clean(self, step: int, clean: Observation) -> None:
        self.heard.append(("clean", step, seen(clean)))

    def on_step(self, step: int, asked: Floats, executed: Floats, outcome: Outcome, running: Bools) -> None:
        self.heard.append(("step", step, asked.tolist(), executed.tolist(), outcome.success.tolist(),
                           {name: value.tolist() for name, value in outcome.milestones.items()}, running.tolist()))

    def on_frame(self, step: int, clean: Observation) -> None:
        self.heard.append(("frame", step, seen(clean)))

    def on_end(self, played: Sequence[Played]) -> None:
        self.heard.append(("end", *played))


class Filmed(Diary):
    """Wants a picture of every step."""

    every_frame = True


def seen(obs: Observation) -> Any:
    """Without the slot, which is another one in a batch."""
    return [{camera: pictures.tolist() for camera, pictures in obs.images.items()}, obs.proprio.tolist(),
            obs.instruction, obs.steps.tolist()]


def heard(specs: Sequence[EpisodeSpec], chains: Sequence[Mapping[str, Perturbation]], kind: type[Diary],
          success: Success) -> list[list[Any]]:
    policy = Seeker(noise=0.3)
    collectors = [kind(policy, 3) for _ in specs]
    play(Toy("plain").open(specs[0].task, len(specs), CAMERAS), policy, specs, chains, replan=3, cameras=CAMERAS,
         success=success, listeners=[EpisodeCollectors(collectors)], clock=lambda: 0.0)
    return [collector.result for collector in collectors]


@pytest.mark.parametrize("kind", [Diary, Filmed])
@pytest.mark.parametrize("success", ["once", "end"])
def test_each_hears_of_its_own_episode_alone_and_until_its_end(kind: type[Diary], success: Success) -> None:
    specs = [EpisodeSpec(TASKS[n % 3], "any", n) for n in range(7)]
    kinds: list[dict[str, Perturbation]] = [{}, {"dark": Dark()}, {"jolt": Jolt(sigma=0.4)}]
    chains = [kinds[n % 3] for n in range(7)]
    together = heard(specs, chains, kind, success)
    assert together == [heard([spec], [chain], kind, success)[0] for spec, chain in zip(specs, chains, strict=True)]
    lengths = {sum(event[0] == "step" for event in events) for events in together}
    assert (len(lengths) > 1) == (success == "once")
    frames = [sum(event[0] == "frame" for event in events) for events in together]
    steps = [sum(event[0] == "step" for event in events) for events in together]
    assert np.array_equal(frames, np.array(steps) + 1 if kind is Filmed else np.zeros(7))
