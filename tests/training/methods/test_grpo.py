"""What GRPO credits looks with, rebuilt from its rollouts, and what it cannot be asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.toy.switch import GOAL, HALF
from tests.training.methods.test_online import GRPO
from vlabench.cards import load_policy
from vlabench.errors import CardError
from vlabench.training import train as training
from vlabench.training.curves import Curves
from vlabench.training.methods.grpo import Grpo, GrpoOptions
from vlabench.training.rl.contexts import Group
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.samples import Samples
from vlabench.types import EpisodeSpec, Task

Card = Callable[..., str]


def paid(rollout: Rollout) -> list[float]:
    """Of each look: half the way pays, and success; who falls back pays it back."""
    pushed = rollout.terms["pushed"][:, 0]
    earned = HALF * (pushed >= GOAL / 2) + (pushed >= GOAL)
    ends = np.cumsum(rollout.executed)
    return [float(earned[end - 1] - (earned[start - 1] if start else 0.0))
            for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def by_definition(rewards: list[list[float]], how: str) -> list[list[float]]:
    if how == "outcome":
        sums = [sum(each) for each in rewards]
        mean, deviation = float(np.mean(sums)), float(np.std(sums))
        return [[(total - mean) / deviation] * len(each) for total, each in zip(sums, rewards, strict=True)]
    valid = [reward for each in rewards for reward in each if how == "whole" or reward]
    mean, deviation = float(np.mean(valid)), float(np.std(valid))
    return [[sum((reward - mean) / deviation for reward in each[look:] if how == "whole" or reward)
             for look in range(len(each))] for each in rewards]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("group", "how"), [("iteration", "process"), ("start", "whole"), ("start", "outcome")])
def test_looks_are_credited_within_their_group(group: str, how: str, card: Card, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Samples] = []

    def kept(self: Learner, samples: Samples, *given: Any) -> dict[str, float]:
        seen.append(samples)
        return {"policy": 0.0}

    monkeypatch.setattr(Learner, "update", kept)
    options = {**GRPO, "iterations": 1, "updates": 1, "contexts": 3, "rollouts": 4, "group": group, "advantages": how}
    training.train(card("grpo", **options), tmp_path / "out", device="cpu", workers=1)
    (samples,) = seen
    starts = sorted({rollout.spec.index for rollout in samples.rollouts})
    groups = [starts] if group == "iteration" else [[start] for start in starts]
    wanted = [by_definition([paid(rollout) for rollout in samples.rollouts if rollout.spec.index in each], how)
              for each in groups]
    batch = samples.batch(range(len(samples)), "cpu")
    assert len(samples.rollouts) == 12 if group == "iteration" else len(samples.rollouts) % 4 == 0
    assert batch["advantages"].tolist() == pytest.approx(
        [advantage for each in wanted for looks in each for advantage in looks], abs=1e-5)
    assert set(batch.weights.flatten().tolist()) == {0.0, 1.0} and "returns" not in batch.extras


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("method", ["grpo", "tpo", "rwr"])
def test_an_iteration_whose_rollouts_all_end_alike_teaches_nothing(method: str, card: Card, tmp_path: Path) -> None:
    """Too short to succeed; no update is made, which by Adam's momentum alone would go on."""
    more = {} if method == "rwr" else {"group": "iteration"}
    path = card(method, **more, iterations=2, contexts=2, rollouts=2, horizon=0.1, learning_rate=0.03)
    training.train(path, tmp_path / "out", device="cpu", workers=1)
    series = Curves(tmp_path / "out").series()
    assert series["contexts kept"][1] == [2, 2] and "policy" not in series


@pytest.mark.parametrize(("how", "rewards", "kept"), [
    ("outcome", [[0, 1], [0, 0, 1]], False), ("outcome", [[0, 1], [0, 0, 0]], True),
    ("whole", [[0, 1], [0, 0, 1]], True), ("whole", [[0, 0, 1], [0, 0, 1]], False), ("whole", [[0, 0], [0, 0]], False),
    ("process", [[0.2, 0.5, 0.3], [0.5, 0.2, 0.3]], True), ("process", [[0.2, 0.8], [0.2, 0.8]], False),
    ("process", [[0.2, 0.8], [0.8, 0.2]], True), ("process", [[0.5, 0.5]], False)])
def test_a_start_is_left_out_where_no_look_is_worth_more_in_one_rollout_than_in_another(
        how: str, rewards: list[list[float]], kept: bool) -> None:
    """Two successes of unequal length earn the same and teach, all the same, to be quick."""
    none = np.zeros((0, 1), np.float32)
    each = [Rollout(EpisodeSpec(Task("switch", "switches", 0, "lamp_0", "push", 9), "clean", 0), {}, none, "",
                    np.zeros((len(own), 1, 1), np.float32), none, none, np.ones(len(own), np.int64), True, {}, {})
            for own in rewards]
    method = Grpo(GrpoOptions.model_validate_json(json.dumps({
        "init": "nano-sft", "task_sets": ["libero_goal"], "group": "start", "rollouts": 2, "advantages": how,
        "reward": "staged"})))
    earned = {id(rollout): np.array(own, dtype=float) for rollout, own in zip(each, rewards, strict=True)}
    course: Any = SimpleNamespace(reward=lambda rollout: earned[id(rollout)])
    group = Group(0, tuple(each), tuple(map(float, map(sum, rewards))))
    assert method.keep(course, group) == kept


@pytest.mark.parametrize(("method", "options", "told"), [
    ("grpo", {"group": "start"}, "group = 'start' compares the rollouts of a context, of which there is 1: rol"),
    ("tpo", {"rollouts": 1}, "group = 'start' compares the rollouts of a context"),
    ("grpo", {"contexts": 1}, "an iteration of one rollout has no others"),
    ("grpo", {"advantages": "process"}, "with reward = 'sparse' these are all 1: reward = 'staged' or"),
    ("grpo", {"advantages": "gae"}, "advantages: .*'outcome', 'process' or 'whole'"),
    ("tpo", {"clip_low": 0.1}, "unknown key 'clip_low'"),
    ("rwr", {"clip_high": 0.1}, "unknown key 'clip_high'"),
    ("rwr", {"reward_temperature": 0.0}, "reward_temperature: .*greater than 0"),
    ("grpo", {"objectives": {"preference": {}}}, "needs margin, preference loss in a batch.*\n.*method = 'tpo'"),
])
def test_what_cannot_be_is_refused_when_the_card_is_read(method: str, options: dict[str, Any], told: str,
                                                         card: Card) -> None:
    with pytest.raises(CardError, match=told) as caught:
        training.method_of(load_policy(card(method, **options)))
    assert "pushes.toml: training.options" in str(caught.value)
