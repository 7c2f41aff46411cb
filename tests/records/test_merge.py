"""Folders joined: what fits, what does not, and that nothing is written then."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.factories import record
from vlabench.errors import OptionError, StoreError
from vlabench.records import shards
from vlabench.records.merge import merge
from vlabench.records.read import PolicyOnAssets
from vlabench.records.shards import Shard
from vlabench.records.store import Store, recording_of, runs_of
from vlabench.types import EpisodeRecord

OWNER = PolicyOnAssets("random", "primitive")


def held(results: Path, policy: str = "random") -> dict[Any, EpisodeRecord]:
    return Store(results, policy, "primitive").read(["kitchen"], {"clean": "c", "joint": "j"}).records


def shard(results: Path, number: int, of: int = 2, left: int = 0, policy: str = "random", **changes: Any) -> Path:
    """What a shard's run leaves behind: two starts under two conditions."""
    place = results / Shard(number, of).folder
    with Store(place, policy, "primitive").writer() as writer:
        for index in (number - 1, number - 1 + of):
            for condition, digest in (("clean", "c"), ("joint", "j")):
                writer.append(dataclasses.replace(
                    record(index=index, condition=condition, condition_digest=digest, policy=policy), **changes))
        shards.note(writer, Shard(number, of), changes.get("policy_digest", "p"), left)
    return place


def test_shards_become_one_folder_however_often(tmp_path: Path) -> None:
    places = [shard(tmp_path, number) for number in (1, 2)]
    kept = recording_of(("kitchen/0", "joint", 1, 0))
    (places[1] / "random" / "primitive" / kept).parent.mkdir(parents=True)
    (places[1] / "random" / "primitive" / kept).write_bytes(b"actions")
    done = merge([], tmp_path)
    assert done.owners == {OWNER: (8, 0)} and str(done) == "random on primitive: 8 records added, 0 there already"
    assert held(tmp_path) == {**held(places[0]), **held(places[1])} and len(held(tmp_path)) == 8
    assert (tmp_path / "random" / "primitive" / kept).read_bytes() == b"actions"
    noted = runs_of(tmp_path / "random" / "primitive")
    assert [line["shard"] for line in noted] == ["1/2", "2/2"]
    assert merge([], tmp_path).owners == {OWNER: (0, 8)}
    assert merge([tmp_path], tmp_path / "other").owners == {OWNER: (8, 0)}  # all shards are in it
    assert runs_of(tmp_path / "random" / "primitive") == noted


def test_an_error_gives_way_to_an_outcome_and_is_kept_without(tmp_path: Path) -> None:
    error = {"status": "error", "success_once": False, "success_at_end": False}
    for name, status in (("a", error), ("b", {})):
        with Store(tmp_path / name, "random", "primitive").writer() as writer:
            writer.append(record(index=0, **status))
            writer.append(record(index=1, **error))
    for places in ([tmp_path / "a", tmp_path / "b"], [tmp_path / "b", tmp_path / "a"]):
        out = tmp_path / "-".join(place.name for place in places)
        merge(places, out)
        assert [found.status for found in held(out).values()] == ["success", "error"]


Change = Callable[[Path], object]
FAULTS: dict[str, tuple[Change, str]] = {
    "missing": (lambda home: shard(home, 1, 3), r"shard 3/3 missing\n  fix: the command of that shard again, or --"),
    "not ended": (lambda home: shard(home, 1, 2, left=5), r"shard 1/2 \(5 episodes left\) has not ended\n  fix: the c"),
    "another policy": (lambda home: shard(home, 1, policy="still"), "shard-1-of-2: no records of random on primitive"),
    "another run": (lambda home: shard(home, 1, 5), "shards of different runs: 1/5, 2/2"),
    "another version": (lambda home: shard(home, 1, policy_digest="q"), "another policy in .*shard-2-of-2 than in "),
    "another condition": (lambda home: shard(home, 1, condition_digest="k"), "condition 'clean' has other parameters"),
    "a condition less": (lambda home: next(shard(home, 1).rglob("joint.jsonl")).unlink(),
                         "no records .* under condition "),
    "another outcome": (lambda home: with_index_of_the_other(shard(home, 1), steps=80),
                        r"kitchen/0 clean 1 ended otherwise in \S+2-of-2 \(success, 93 steps\) than in .* 80 steps\)"),
}


def with_index_of_the_other(place: Path, **changes: Any) -> None:
    with Store(place, "random", "primitive").writer() as writer:
        writer.append(record(index=1, **changes))


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_refused_and_nothing_written(fault: str, tmp_path: Path) -> None:
    change, told = FAULTS[fault]
    change(tmp_path)
    shard(tmp_path, 2, 3 if fault == "missing" else 2)
    with pytest.raises(StoreError, match=f"(?s){told}"):
        merge([], tmp_path)
    assert not (tmp_path / "random").exists()
    if fault in ("missing", "not ended", "another policy", "another run", "a condition less"):
        merge([], tmp_path, partial=True)
        assert held(tmp_path)


def test_what_differs_in_the_machine_alone_is_the_same_outcome(tmp_path: Path) -> None:
    with_index_of_the_other(shard(tmp_path, 1), seconds=9.0, finished="2025-02-02T00:00:00+00:00",
                            versions={"mujoco": "3.9.0"})
    shard(tmp_path, 2)
    assert merge([], tmp_path).owners == {OWNER: (8, 1)}


def test_what_is_in_the_folder_already_has_to_fit_too(tmp_path: Path) -> None:
    for number in (1, 2):
        shard(tmp_path, number)
    with Store(tmp_path, "random", "primitive").writer() as writer:
        writer.append(record(index=0, steps=7))
    with pytest.raises(StoreError, match="kitchen/0 clean 0 ended otherwise in .*shard-1-of-2"):
        merge([], tmp_path)


def test_conditions_of_suites_that_are_not_here_are_joined_too(tmp_path: Path) -> None:
    for name, index in (("a", 0), ("b", 1)):
        with Store(tmp_path / name, "random", "primitive").writer() as writer:
            writer.append(record(task="libero_goal/0", index=index, condition="joint", condition_digest="mine"))
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all").owners == {OWNER: (2, 0)}


def test_ordinary_folders_are_joined_whatever_policies_they_are_of(tmp_path: Path) -> None:
    for name, policy in (("a", "random"), ("b", "still")):
        with Store(tmp_path / name, policy, "primitive").writer() as writer:
            writer.append(record(policy=policy))
    done = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert done.owners == {OWNER: (1, 0), PolicyOnAssets("still", "primitive"): (1, 0)}


def test_ordinary_folders_of_a_policy_are_joined(tmp_path: Path) -> None:
    for name, condition in (("a", "clean"), ("b", "joint")):
        with Store(tmp_path / name, "random", "primitive").writer() as writer:
            writer.append(record(condition=condition, condition_digest=condition[0]))
    (tmp_path / "b" / "random.toml").write_text("the card that a run left")
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert len(held(tmp_path / "all")) == 2
    assert (tmp_path / "all" / "random.toml").read_text() == "the card that a run left"
    with pytest.raises(OptionError, match="a: no shards in it .*\n  fix: vlabench merge FOLDER… --results DIR"):
        merge([], tmp_path / "a")
