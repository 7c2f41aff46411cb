"""wrong_instruction against counting, and libero_goal's own list of instructions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from scipy.stats import binomtest, chisquare

from tests.factories import record
from vlabench.cards.conditions import Condition, Part
from vlabench.evaluation.audit import audit
from vlabench.perturbations.wrong_instruction import LIBERO_GOAL, WrongInstruction
from vlabench.seeding import Draws


def told(share: float, text: str, draws: Callable[[int], Draws], episodes: int = 900) -> list[str]:
    return [WrongInstruction(share=share).instruction(text, draws(index)) for index in range(episodes)]


def test_the_others_come_equally_often_and_the_own_never(draws: Callable[[int], Draws]) -> None:
    counts = Counter(told(1.0, LIBERO_GOAL[3], draws))
    assert set(counts) == set(LIBERO_GOAL) - {LIBERO_GOAL[3]}
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_the_share_of_episodes(draws: Callable[[int], Draws]) -> None:
    mild, severe = (told(share, "turn on the stove", draws) for share in (0.2, 0.6))
    wrong = [text != "turn on the stove" for text in mild]
    assert binomtest(sum(wrong), len(wrong), 0.2).pvalue > 1e-3
    assert all(b == a for a, b, w in zip(mild, severe, wrong, strict=True) if w)  # severities share their draws


def test_a_few_episodes_without_it_are_no_fault_of_a_small_share() -> None:
    told_right = [record(condition="c", index=k, changed={}, changed_first=()) for k in range(4)]
    for share, faults in ((0.2, 0), (1.0, 1)):
        told = Part.model_validate({"perturbation": "wrong_instruction", "share": share})
        condition = Condition("c", "libero", (told,))
        assert len(audit(told_right, {"c": condition}, ("agentview",))) == faults


def test_they_are_libero_goal_s_instructions() -> None:
    package = pytest.importorskip("vlabench.simulators.libero.hf_libero")
    pytest.importorskip("libero")
    assert LIBERO_GOAL == tuple(package.instruction(name) for name in package.task_names("libero_goal"))
