"""Entries that end in another policy's final states are refused; which of two is at fault follows from their dates."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.leaderboard import made
from vlabench.errors import SubmissionError
from vlabench.leaderboard import board
from vlabench.leaderboard.copies import States, copies
from vlabench.leaderboard.manifest import Manifest
from vlabench.leaderboard.reading import read


@pytest.fixture
def manifest(good: Path) -> Manifest:
    """3 conditions × 3 tasks × 4 episodes."""
    return read(good).manifest


def states(seed: int, shared: int = 0, of: States | None = None) -> States:
    """36 of its own, but for the first `shared`, which are those of another."""
    found = np.random.default_rng(seed).integers(1, 2**63, size=(3, 3, 4)).astype(np.uint64)
    if of is not None:
        found.ravel()[:shared] = of.ravel()[:shared]
    return found


def named(manifest: Manifest, name: str, created: str = "2025-01-01", **changes: object) -> Manifest:
    """Of a policy of its own."""
    digest = f"{sum(name.encode()):064x}"
    return manifest.model_copy(update={"name": name, "created": created, "policy_digest": digest} | changes)


def test_nine_copies_do_not_share_the_ranks(tmp_path: Path) -> None:
    for number in range(1, 10):
        made.submission(tmp_path, f"entry-{number}", lambda *_: True, ends="one", noise=number / 10)
    made.submission(tmp_path, "honest", lambda *_: True, noise=0.05)
    with pytest.raises(SubmissionError) as caught:
        board.board(tmp_path / "leaderboard")
    assert len(str(caught.value).split("mend: ")) == 9
    for number in range(2, 10):
        assert f"100 % of the final states of 'entry-{number}' are equal in 'entry-{number}'" in str(caught.value)
    assert "in 'entry-1' (20" in str(caught.value) and "honest" not in str(caught.value)


def test_more_than_half_is_too_much(manifest: Manifest) -> None:
    first = states(1)
    half = [(named(manifest, "a"), first), (named(manifest, "b"), states(2, 18, first))]
    assert copies(half) == []
    (found,) = copies([half[0], (named(manifest, "b"), states(2, 19, first))])
    assert found[0] == "b" and found[1].startswith("53 % of the final states of 'b' are equal in 'b' (2025-01-01) and")


def test_the_later_one_is_at_fault_whichever_holds_the_other(manifest: Manifest) -> None:
    first = states(1)
    early, late = named(manifest, "z", "2025-01-01"), named(manifest, "a", "2025-01-02")
    assert [name for name, _ in copies([(late, first), (early, first)])] == ["a"]
    # the earlier one has a condition only, all of which the later one holds: a third of that
    short = early.model_copy(update={"conditions": {"dark": manifest.conditions["dark"]}})
    (found,) = copies([(late, first), (short, first[1:2])])
    assert found[0] == "a" and found[1].startswith("100 % of the final states of 'z' are equal in 'a'")


def test_suites_packs_and_names_of_conditions_hide_nothing(manifest: Manifest) -> None:
    first = states(1)
    renamed = {f"my-{name}": condition for name, condition in reversed(manifest.conditions.items())}
    other = named(manifest, "b", assets="fancy", suite="other", conditions=renamed, tasks=manifest.tasks[::-1])
    assert [name for name, _ in copies([(named(manifest, "a"), first), (other, first[::-1, ::-1])])] == ["b"]
    # of other conditions, tasks or simulators the same numbers mean nothing
    for change in ({"simulator": "libero"}, {"tasks": ("x/0", "x/1", "x/2")},
                   {"conditions": {"x": manifest.conditions["clean"].model_copy(update={"digest": "0" * 64})}}):
        assert copies([(named(manifest, "a"), first), (named(manifest, "b", **change), first)]) == []


def test_a_policy_may_repeat_itself(manifest: Manifest) -> None:
    first = states(1)
    mine = named(manifest, "a")
    assert copies([(mine, first), (mine.model_copy(update={"name": "b", "suite": "other"}), first)]) == []


def test_a_thousand_entries_take_no_time(manifest: Manifest) -> None:
    wide = manifest.model_copy(update={"tasks": tuple(f"t/{k}" for k in range(40)), "episodes": 50,
                                       "conditions": {"clean": manifest.conditions["clean"]}})
    rng = np.random.default_rng(0)
    crowd = [(wide.model_copy(update={"name": f"e{k:04}", "policy_digest": f"{k:064x}"}),
              rng.integers(1, 2**63, size=(1, 40, 50)).astype(np.uint64)) for k in range(1000)]
    crowd[700] = (crowd[700][0], crowd[30][1])
    begun = time.process_time()
    assert [name for name, _ in copies(crowd)] == ["e0700"]
    assert time.process_time() - begun < 10
