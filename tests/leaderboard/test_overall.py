"""Who met whom across suites: episodes that are the same are compared, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vlabench import stats
from vlabench.leaderboard.entries import Standing
from vlabench.leaderboard.manifest import Manifest
from vlabench.leaderboard.overall import groups
from vlabench.leaderboard.submission import read


@pytest.fixture
def manifest(good: Path) -> Manifest:
    return read(good).manifest


def standing(manifest: Manifest, policy: str, suite: str, outcomes: stats.Bools, digest: str,
             success: str | None = None) -> Standing:
    """One task under a condition called `dark`, of which the digest tells the parameters. outcomes: [N]."""
    condition = manifest.conditions["dark"].model_copy(update={"digest": digest * 64})
    mine = manifest.model_copy(update={
        "name": f"{policy}-{suite}", "policy": policy, "policy_digest": f"{sum(policy.encode()):064x}", "suite": suite,
        "tasks": ("t/0",), "conditions": {"dark": condition}, "episodes": len(outcomes), "success": success})
    shaped = outcomes.reshape(1, 1, -1)
    return Standing(mine, "0" * 64, policy, "", False, (), (), (), shaped, np.zeros(shaped.shape, np.uint64))


def expected(first: int, second: int) -> float:
    """The strength of a policy that alone succeeded so often, and the other one so often."""
    return float(stats.bradley_terry(np.array([[0, first], [second, 0]]), prior=0.5).value[0])


def test_the_same_name_of_a_condition_does_not_make_it_the_same(manifest: Manifest) -> None:
    """`a` alone succeeds in 3 of 4 episodes of one suite and in 1 of 10 of another, where `b` alone does in 9."""
    short, long = np.arange(4) < 3, np.arange(10) < 1
    entries = [standing(manifest, "a", "x", short, "0"), standing(manifest, "a", "y", long, "1"),
               standing(manifest, "b", "x", ~short, "0"), standing(manifest, "b", "y", ~long, "1")]
    (group,) = groups(entries)
    assert [[each.manifest.name for each in one.entries] for one in group] == [["a-x", "a-y"], ["b-x", "b-y"]]
    assert group[0].strength[0] == pytest.approx(expected(3 + 1, 1 + 9), abs=1e-6)


def test_the_same_condition_of_two_suites_is_played_once(manifest: Manifest) -> None:
    """Of the episodes that both of `a`'s entries have, the first counts; where suites end, so does the meeting."""
    entries = [standing(manifest, "a", "x", np.ones(4, bool), "0"),
               standing(manifest, "a", "y", np.zeros(10, bool), "0"),
               standing(manifest, "b", "y", np.array([False] * 4 + [True] * 6), "0")]
    (group,) = groups(entries)
    assert group[0].strength[0] == pytest.approx(expected(4, 6), abs=1e-6)
    (group,) = groups([entries[0], entries[2]])
    assert group[0].strength[0] == pytest.approx(expected(4, 0), abs=1e-6)


def test_another_success_is_another_game(manifest: Manifest) -> None:
    first, second = np.ones(4, bool), np.zeros(4, bool)
    assert groups([standing(manifest, "a", "x", first, "0", "once"),
                   standing(manifest, "b", "x", second, "0", "end")]) == []
    assert groups([standing(manifest, "a", "x", first, "0")]) == []
