"""What reward-weighted regression weighs actions with."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vlabench.training.methods import rwr
from vlabench.training.methods.rwr import Rwr


@dataclass
class Played:
    """As a rollout: so many control steps, in looks of two."""

    steps: int

    def __len__(self) -> int:
        return self.steps // 2


def weights(monkeypatch: pytest.MonkeyPatch, *steps: int) -> list[list[float]]:
    """Of each look of rollouts with scores 1, 0, 0.5 and 0.25, at temperature 0.5."""
    monkeypatch.setattr(rwr, "Samples", lambda rollouts, each, *_: SimpleNamespace(rollouts=rollouts, each=each))
    method: Any = Rwr.__new__(Rwr)
    method.options = SimpleNamespace(reward_temperature=0.5)
    groups: Any = [SimpleNamespace(rollouts=[Played(steps[k]), Played(steps[k + 1])], scores=scores)
                   for k, scores in ((0, [1.0, 0.0]), (2, [0.5, 0.25]))]
    found: Any = method.credit(SimpleNamespace(space=None), groups)
    return [each.tolist() for each in found.each]


def test_rollouts_of_one_length_have_weights_of_mean_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed elsewhere, to six digits."""
    found = weights(monkeypatch, 4, 4, 4, 4)
    assert [each[0] for each in found] == pytest.approx([2.317034, 0.313576, 0.852389, 0.517], abs=1e-6)
    assert all(len(set(each)) == 1 and len(each) == 2 for each in found)


def test_of_other_lengths_the_mean_over_actions_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (10, 2, 4, 8)
    found = [each[0] for each in weights(monkeypatch, *steps)]
    assert np.average(found, weights=steps) == pytest.approx(1)
    assert found[0] / found[2] == pytest.approx(np.exp((1.0 - 0.5) / 0.5))  # the ratios are the scores' alone
