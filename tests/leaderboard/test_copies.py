"""Entries that end in other policies' final states are refused; nobody is blamed by what entries say of themselves."""

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
from vlabench.leaderboard.submission import read


@pytest.fixture
def manifest(good: Path) -> Manifest:
    """3 conditions × 3 tasks × 4 episodes."""
    return read(good).manifest


def states(seed: int, shared: int = 0, of: States | None = None, condition: int = 2) -> States:
    """36 of its own, but for the first `shared` under a condition, which are those of another."""
    found = np.random.default_rng(seed).integers(1, 2**63, size=(3, 3, 4)).astype(np.uint64)
    if of is not None:
        found[condition].ravel()[:shared] = of[condition].ravel()[:shared]
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
    assert len(str(caught.value).split("fix: ")) == 2
    others = ", ".join(f"'entry-{number}'" for number in range(2, 10))
    assert (f"100 % of the final states of 'entry-1' under 'clean' are equal to those of {others}, of other policies: "
            f"one of them is a copy") in str(caught.value)
    assert "honest" not in str(caught.value)


def test_more_than_half_of_a_condition_is_too_much(manifest: Manifest) -> None:
    first = states(1)
    assert copies([(named(manifest, "a"), first), (named(manifest, "b"), states(2, 6, first))]) == []
    ((names, why),) = copies([(named(manifest, "a"), first), (named(manifest, "b"), states(2, 7, first))])
    assert names == ("a", "b")
    assert why.startswith("58 % of the final states of 'a' under 'jolt' are equal to those of 'b', of another policy: ")


def test_episodes_of_ones_own_under_other_conditions_hide_nothing(manifest: Manifest) -> None:
    first, second = states(1), states(2)
    for condition, name in enumerate(manifest.conditions):
        mixed = second.copy()
        mixed[condition] = first[condition]
        ((names, why),) = copies([(named(manifest, "a"), first), (named(manifest, "b"), mixed)])
        assert names == ("a", "b") and why.startswith(f"100 % of the final states of 'a' under {name!r} are equal")


def test_what_is_of_several_others_counts_together(manifest: Manifest) -> None:
    first, second = states(1), states(2)
    mixed = np.where(np.arange(4) < 2, first, second)  # half of each, more than half of neither
    entries = [(named(manifest, "a"), first), (named(manifest, "b"), second), (named(manifest, "m"), mixed)]
    ((names, why),) = copies(entries)
    assert names == ("m", "a", "b")
    assert "100 % of the final states of 'm' under 'clean' are equal to those of 'a', 'b', of other policies" in why
    # the same entries twice more, of the same policies: a state counts once, however many hold it
    mixed[:, :, 1:] = states(3)[:, :, 1:]
    assert copies([*entries[:2], (named(manifest, "c"), first), (named(manifest, "m"), mixed)])[0][0] == ("a", "c", "m")


def test_dates_blame_nobody(manifest: Manifest) -> None:
    first = states(1)
    told = [copies([(named(manifest, "mine", mine), first), (named(manifest, "theirs", theirs), first)])
            for mine, theirs in (("2025-01-01", "1999-01-01"), ("1999-01-01", "2025-01-01"))]
    assert told[0] == told[1]
    ((names, why),) = told[0]
    assert names == ("mine", "theirs") and "remove the one whose author cannot show that it was first" in why


def test_an_entry_of_one_condition_is_found_in_a_larger_one(manifest: Manifest) -> None:
    first = states(1)
    short = named(manifest, "z", conditions={"dark": manifest.conditions["dark"]})
    ((names, why),) = copies([(named(manifest, "a"), first), (short, first[1:2])])
    assert names == ("a", "z") and "of 'a' under 'dark'" in why
    # of fewer episodes, which are two thirds of its own and a third of the other's
    few = named(manifest, "b", episodes=2)
    cut = first[:, :, :2].copy()
    cut[:, 0] += np.uint64(1)
    ((names, why),) = copies([(named(manifest, "a"), first), (few, cut)])
    assert names == ("b", "a") and why.startswith("67 % of the final states of 'b'")


def test_suites_packs_and_names_of_conditions_hide_nothing(manifest: Manifest) -> None:
    first = states(1)
    renamed = {f"my-{name}": condition for name, condition in reversed(manifest.conditions.items())}
    other = named(manifest, "b", assets="fancy", suite="other", conditions=renamed, tasks=manifest.tasks[::-1])
    assert [names for names, _ in copies([(named(manifest, "a"), first), (other, first[::-1, ::-1])])] == [("a", "b")]
    # of other conditions, tasks or simulators the same numbers mean nothing
    for change in ({"simulator": "libero"}, {"tasks": ("x/0", "x/1", "x/2")},
                   {"conditions": {"x": manifest.conditions["clean"].model_copy(update={"digest": "0" * 64})}}):
        assert copies([(named(manifest, "a"), first), (named(manifest, "b", **change), first)]) == []


def test_a_policy_may_repeat_itself(manifest: Manifest) -> None:
    first = states(1)
    mine = named(manifest, "a")
    assert copies([(mine, first), (mine.model_copy(update={"name": "b", "suite": "other"}), first)]) == []
    # nor do its own states count where others have some of them
    other = named(manifest, "c"), states(2, 6, first)
    assert copies([(mine, first), (mine.model_copy(update={"name": "b", "suite": "other"}), first), other]) == []


def test_a_thousand_entries_take_no_time(manifest: Manifest) -> None:
    wide = manifest.model_copy(update={"tasks": tuple(f"t/{k}" for k in range(40)), "episodes": 50,
                                       "conditions": {"clean": manifest.conditions["clean"]}})
    rng = np.random.default_rng(0)
    crowd = [(wide.model_copy(update={"name": f"e{k:04}", "policy_digest": f"{k:064x}"}),
              rng.integers(1, 2**63, size=(1, 40, 50)).astype(np.uint64)) for k in range(1000)]
    crowd[700] = (crowd[700][0], crowd[30][1])
    begun = time.process_time()
    assert [names for names, _ in copies(crowd)] == [("e0030", "e0700")]
    assert time.process_time() - begun < 10
