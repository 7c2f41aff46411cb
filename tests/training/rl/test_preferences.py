"""Preferences between rollouts: who is paired, and a gradient in parts that is the whole trajectories'."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from tests.toy.gauss import Gauss
from tests.training.rl.test_learner import STD, ignored, rollout, weights
from vlabench.training.methods.tpo import TpoOptions
from vlabench.training.objectives._views import PRESERVING
from vlabench.training.objectives.base import Forward
from vlabench.training.objectives.preference import LOSS, MARGIN
from vlabench.training.rl.judging import prepare
from vlabench.training.rl.learner import Learner
from vlabench.training.rl.preferences import Preferences, pairs
from vlabench.training.rl.rollouts import Rollout
from vlabench.training.rl.samples import Floats64, Samples
from vlabench.training.rl.updates import Updates
from vlabench.types import EpisodeSpec, Task

__all__ = ["weights"]
BETA = 0.4
LENGTHS = (1, 4, 3, 5, 2, 4, 3, 2)


def learner(path: Path, **options: Any) -> Learner:
    """Whose policy has moved on a little from the first."""
    torch.manual_seed(0)
    given = {"init": "start", "task_sets": ("switches",), "exploration_std": STD, "max_grad_norm": 1e9,
             "learning_rate": 1e-12, "batch": 3, "beta": BETA, **options}
    learns = Learner(Gauss(path), TpoOptions(**given), "cpu", remembers=True)
    with torch.no_grad():
        for parameter in learns.parameters:
            parameter.add_(0.1 * torch.randn_like(parameter))
    return learns


def preferences(learns: Learner, path: Path) -> Preferences:
    """Of four pairs."""
    played = [rollout(Gauss(path), number, looks) for number, looks in enumerate(LENGTHS)]
    samples = Preferences(list(zip(played[::2], played[1::2], strict=True)), BETA)
    samples.against(lambda given, rows: learns.scored(given, rows, first=True))
    return samples


def in_one_pass(learns: Learner, path: Path, samples: Preferences, chosen: list[int]) -> torch.Tensor:
    """The loss of some pairs, from its definition."""
    first, ratios = Gauss(path), []
    for played in samples.rollouts:
        batch = Samples([played], [np.zeros(len(played))], None, [1.0]).batch(range(len(played)), "cpu")
        now, then = (Forward(policy, batch.obs, batch.actions, explored=learns.explored).log_probs
                     for policy in (learns.policy, first))
        ratios.append(((now - then.detach()) * batch.counted).sum())
    return -torch.stack([logsigmoid(BETA * (ratios[2 * pair] - ratios[2 * pair + 1])) for pair in chosen]).mean()


def gradient(learns: Learner, value: torch.Tensor) -> torch.Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(value, learns.parameters)])


@pytest.mark.parametrize("chosen", [[0, 1, 2, 3], [2]])
def test_two_passes_in_parts_give_the_loss_and_the_gradient_of_one(weights: Path, chosen: list[int]) -> None:
    learns = learner(weights)
    samples = preferences(learns, weights)
    starts = np.cumsum([0, *LENGTHS])[::2]
    rows = [row for pair in chosen[::-1] for row in range(starts[pair], starts[pair + 1])]
    loss = in_one_pass(learns, weights, samples, chosen)
    wanted, whole = gradient(learns, loss), loss.item()
    seen = learns.update(samples, rows)
    found = torch.cat([parameter.grad.flatten() for parameter in learns.parameters if parameter.grad is not None])
    assert seen["policy"] == pytest.approx(whole, rel=1e-5) and abs(whole - np.log(2)) > 1e-3
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-6) and wanted.abs().max() > 0.01


@pytest.mark.parametrize("normalise", ["minibatch", "iteration"])
def test_every_pair_weighs_the_same_whatever_it_is_divided_by(weights: Path, normalise: str,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """Minibatches of two pairs each, whose gradients have the whole's for a mean."""
    learns = learner(weights, normalise=normalise)
    samples = preferences(learns, weights)
    wanted = gradient(learns, in_one_pass(learns, weights, samples, [0, 1, 2, 3]))
    found: list[torch.Tensor] = []

    def kept(given: Any, *_: Any) -> torch.Tensor:
        found.append(torch.cat([each.grad.flatten().clone() for each in given]))
        return torch.tensor(0.0)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", kept)
    values = Updates(1, 2, ("t",), "here").make(learns, samples, False, ignored)
    assert len(found) == 2 and torch.allclose(torch.stack(found).mean(0), wanted, rtol=1e-4, atol=1e-6)
    assert values["surrogate"] == pytest.approx(values["policy"], rel=1e-4) and values["share policy"] == 1.0


def test_as_the_policy_moves_so_does_what_a_look_is_worth(weights: Path) -> None:
    """At the first policy the margin is 0, and the loss that of a coin; what is learned ranks all pairs as asked."""
    learns = learner(weights, learning_rate=0.02)
    samples = preferences(learns, weights)
    start = dict(Gauss(weights).module.named_parameters())
    with torch.no_grad():
        for name, parameter in learns.policy.module.named_parameters():
            parameter.copy_(start[name])
    first = learns.update(samples, range(len(samples)))
    assert first["policy"] == pytest.approx(np.log(2), abs=1e-6) and abs(first["margin"]) < 1e-6
    for _ in range(15):
        last = learns.update(samples, range(len(samples)))
    assert last["policy"] < 0.4 and last["preferred"] == pytest.approx(1.0) and last["margin"] > 0.5


def test_what_else_samples_hold_stays_with_them(weights: Path) -> None:
    """As the probabilities at views, which `view_augmentation` needs."""
    learns = learner(weights, objectives={"view_augmentation": {}})
    played = [replace(each, views={PRESERVING: each.pictures}) for each in preferences(learns, weights).rollouts]
    samples = Preferences(list(zip(played[::2], played[1::2], strict=True)), BETA)
    samples.against(lambda given, rows: learns.scored(given, rows, first=True))
    prepare(learns, samples)
    everything = range(len(samples))
    batch = samples.credited(everything, learns.scored).batch(everything, "cpu")
    seen = learns.update(samples, everything)
    # the ratio is 1: minus the mean of what the looks are worth
    worth = float(batch.mean(batch["advantages"].unsqueeze(1)))
    assert seen["view_augmentation"] == pytest.approx(-worth, abs=1e-5) and abs(worth) > 0.01


def plain(steps: int) -> Rollout:
    """One action of one number at each look."""
    blank = np.zeros((steps, 1, 1), np.float32)
    return Rollout(EpisodeSpec(Task("switch", "switches", 0, "lamp_0", "push", 9), "clean", 0), {},
                   np.zeros((steps, 1), np.float32), "push", blank, blank, blank, np.ones(steps, np.int64), True,
                   {}, {})


@pytest.mark.parametrize(("beta", "margin", "loss"), [(0.1, 0.024264, 0.681089), (1.0, 0.242637, 0.57917)])
def test_loss_and_gradient_are_those_computed_elsewhere(beta: float, margin: float, loss: float) -> None:
    """A policy of four actions, whatever it sees."""
    now, first = (np.log(np.exp(logits) / np.exp(logits).sum())
                  for logits in (np.array([0.4, -0.2, 0.1, 0.0]), np.array([0.1, 0.0, 0.2, -0.1])))
    taken = np.array([0, 2, 1, 3, 3])

    def scores(logs: Floats64) -> Any:
        return lambda samples, rows: logs[taken[list(rows)]]

    samples = Preferences([(plain(2), plain(3))], beta)
    samples.against(scores(first))
    batch = samples.credited(range(5), scores(now)).batch(range(5), "cpu")
    assert batch[MARGIN].tolist() == pytest.approx([margin] * 5, abs=1e-6)
    assert batch[LOSS].tolist() == pytest.approx([loss] * 5, abs=1e-6)
    pulls = (batch["advantages"] * batch.weights[:, 0] / batch.weight).numpy()
    found = -(pulls[:, None] * (np.eye(4)[taken] - np.exp(now))).sum(0)
    if beta == 0.1:
        assert found.tolist() == pytest.approx([-0.066081, 0.040235, -0.061756, 0.087601], abs=1e-6)


def test_the_best_is_paired_with_the_worst_while_they_differ() -> None:
    played = [plain(steps) for steps in range(1, 8)]
    chosen = pairs(played, [0.0, 1.0, 0.2, 1.0, 0.0, 0.2, 0.2])
    assert [(best.steps, worst.steps) for best, worst in chosen] == [(2, 5), (4, 1)]
    assert pairs(played[:3], [0.5, 0.5, 0.5]) == [] and pairs(played[:1], [1.0]) == []


def test_preferences_have_no_advantages_to_deal() -> None:
    with pytest.raises(ValueError, match="`permuted` is for methods that learn from advantages"):
        TpoOptions(init="nano-bridge", task_sets=("maniskill_put_on_plate",), permuted=True)
    assert not TpoOptions(init="nano-bridge", task_sets=("maniskill_put_on_plate",)).permuted
