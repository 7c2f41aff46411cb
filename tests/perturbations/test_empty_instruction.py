"""empty_instruction: nothing is said in a share of the episodes, the same ones at all severities above."""

from __future__ import annotations

from collections.abc import Callable

from scipy.stats import binomtest

from tests.factories import record
from vlabench.cards.conditions import Condition, Part
from vlabench.evaluation.audit import audit
from vlabench.perturbations.empty_instruction import EmptyInstruction
from vlabench.seeding import Draws


def test_nothing_is_said_in_a_share_of_the_episodes(draws: Callable[[int], Draws]) -> None:
    mild, severe, all_of_them = ([EmptyInstruction(share=share).instruction("turn on the stove", draws(index))
                                  for index in range(600)] for share in (0.2, 0.6, 1.0))
    assert set(all_of_them) == {""} and set(mild) == set(severe) == {"", "turn on the stove"}
    assert binomtest(mild.count(""), 600, 0.2).pvalue > 1e-3
    assert all(b == "" for a, b in zip(mild, severe, strict=True) if a == "")


def test_an_episode_that_was_told_is_found() -> None:
    condition = Condition("c", "libero", (Part.model_validate({"perturbation": "empty_instruction"}),))
    told = [record(condition="c", index=k, changed={}, changed_first=()) for k in range(2)]
    assert [finding.channel for finding in audit(told, {"c": condition}, ("agentview",))] == ["instruction"]
