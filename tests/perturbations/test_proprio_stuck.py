"""proprio_stuck: true up to a step that is uniform, then always the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chisquare

from vlabench.perturbations.proprio_stuck import ProprioStuck
from vlabench.seeding import Draws
from vlabench.simulators.libero.interface import SPACE
from vlabench.types import Observation

MakeDraws = Callable[[int], Draws]


def felt(stuck: ProprioStuck, rng: Draws, look: Callable[..., Observation], replan: int = 1) -> list[int]:
    """What the policy is told at its looks: the look's step where it is the truth."""
    stuck.begin(rng, replan, (), SPACE)
    steps = range(0, 80, replan)
    return [int(stuck.observation(look(step, cameras=()), step, rng).proprio[0, 0]) for step in steps]


@pytest.mark.parametrize("replan", [1, 8])
def test_stays_at_the_first_look_from_the_onset_on(replan: int, draws: MakeDraws,
                                                   look: Callable[..., Observation]) -> None:
    for index in range(6):
        stuck = ProprioStuck.at(2)
        told = felt(stuck, draws(index), look, replan)
        last = -(-stuck.realised()["onset"] // replan) * replan
        assert told == [min(step, last) for step in range(0, 80, replan)]


def test_onsets_are_uniform(draws: MakeDraws) -> None:
    counts = np.zeros(16)
    for index in range(800):
        stuck = ProprioStuck.at(4)
        stuck.begin(draws(index), 1, (), SPACE)
        counts[stuck.realised()["onset"]] += 1
    assert chisquare(counts).pvalue > 0.01


def test_a_higher_severity_is_stuck_earlier_in_every_episode(draws: MakeDraws,
                                                              look: Callable[..., Observation]) -> None:
    errors = []
    for severity in range(1, 6):
        told = [felt(ProprioStuck.at(severity), draws(index), look) for index in range(8)]
        errors.append([80 * 79 / 2 - sum(each) for each in told])
    assert all(milder <= worse for a, b in itertools.pairwise(errors) for milder, worse in zip(a, b, strict=True))
    assert errors[4] == [80 * 79 / 2] * 8
