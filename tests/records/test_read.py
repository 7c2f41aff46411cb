"""Which records are read from which folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import episodes, record, write_records
from vlabench import cards
from vlabench.cards.find import matching
from vlabench.errors import OptionError, StoreError, UnknownName
from vlabench.records import read
from vlabench.records.frame import load_records
from vlabench.records.read import Origin, PolicyOnAssets, asked, owners
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import Task

HERO, RIVAL = PolicyOnAssets("hero", "primitive"), PolicyOnAssets("rival", "primitive")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    records = [*episodes("kitchen/0", "clean", "ssf", policy="hero"),
               *episodes("kitchen/0", "joint", "sff", policy="hero"),
               *episodes("garage/1", "clean", "s", policy="rival"),
               *episodes("garage/1", "clean", "ff", policy="rival", assets="official")]  # fmt: skip
    root = write_records(tmp_path / "results", records)
    (root / "hero" / "primitive" / "runs.jsonl").write_text('{"format": 1, "command": "run"}\n')
    return root


@pytest.mark.parametrize(("below", "owners"), [
    ("", [HERO, PolicyOnAssets("rival", "official"), RIVAL]), ("rival", [PolicyOnAssets("rival", "official"), RIVAL]),
    ("hero/primitive", [HERO]),
])  # fmt: skip
def test_any_of_the_three_levels_will_do(results: Path, below: str, owners: list[PolicyOnAssets]) -> None:
    found = load_records([results / below])
    assert list(found.records) == owners and found.notes == ()
    assert sum(map(len, found.records.values())) == {"": 9, "rival": 3, "hero/primitive": 6}[below]


def test_several_folders_make_one_table_but_one_policy_is_in_one_of_them(results: Path, tmp_path: Path) -> None:
    assert list(load_records([results / "hero", results / "rival" / "primitive"]).records) == [HERO, RIVAL]
    assert list(load_records([results, results / "hero"]).records) == list(load_records([results]).records)
    other = write_records(tmp_path / "other", [record(policy="hero")])
    with pytest.raises(OptionError, match="hero on primitive is both in .*results.* and in .*other"):
        load_records([results, other])


def test_policies_packs_and_tasks_are_chosen_by_pattern(results: Path) -> None:
    assert list(load_records([results], policies=["h*"]).records) == [HERO]
    assert list(load_records([results], assets="official").records) == [PolicyOnAssets("rival", "official")]
    assert list(load_records([results], tasks=["kitchen/*"]).records[HERO]["index"]) == [0, 1, 2, 0, 1, 2]
    assert load_records([results], tasks=["garage/*"]).records[HERO].empty
    with pytest.raises(UnknownName, match="unknown policy 'hera'.*did you mean 'hero'"):
        load_records([results], policies=["hera"])
    with pytest.raises(OptionError, match="no records on 'official' assets in .*hero, only on primitive"):
        load_records([results / "hero"], assets="official")
    with pytest.raises(OptionError, match="no records of 'hero' on 'official' assets in .*results, only on primitive"):
        load_records([results], policies=["rival", "hero"], assets="official")


@pytest.mark.parametrize(("pattern", "count"), [
    ("kitchen", 6), ("kitchen/0", 6), ("*0", 6), ("kit*", 6), ("garage", 0), ("kitchen/1", 0), ("?itchen/[01]", 6)])
def test_tasks_are_chosen_as_a_run_chooses_them(results: Path, pattern: str, count: int) -> None:
    """A suite may name a whole task set, and a pattern need not say which set it means."""
    found = load_records([results], policies=["hero"], tasks=[pattern]).records[HERO]
    assert len(found) == count
    tasks = [Task("toy", task_set, number, "", "", 9) for task_set, number in (("kitchen", 0), ("kitchen", 1),
                                                                              ("garage", 2))]
    assert ("kitchen/0" in [task.key for task in matching(tasks, [pattern], "here")]) is bool(count)


def test_conditions_have_to_be_those_of_the_digests(results: Path) -> None:
    write_records(results, [record(policy="hero", condition="joint", index=7, condition_digest="older")])
    found = load_records([results / "hero"], {"joint": "c"})
    assert list(found.records[HERO]["index"]) == [0, 1, 2]
    assert found.notes == ("hero on primitive: 1 record left out: condition 'joint' had other parameters then, or the "
                           "simulator an earlier protocol",)


def test_without_digests_the_last_version_holds(tmp_path: Path) -> None:
    old = [record(index=i, policy_digest="old", condition_digest="old", finished="2025-01-01") for i in range(3)]
    changes = {"policy_digest": "new", "condition_digest": "new", "finished": "2025-02-01"}
    new = [record(index=i, steps=5, **changes) for i in range(2)]
    other = [record(condition="joint", policy_digest="old", finished="2025-01-15")]
    found = load_records([write_records(tmp_path, [*old, *new, *other])])
    (records,) = found.records.values()
    assert records[["condition", "index", "steps"]].values.tolist() == [["clean", 0, 5], ["clean", 1, 5]]
    assert sorted(found.notes) == [
        "random on primitive: 1 record left out: policy 'random' had another card, other weights or other code then",
        "random on primitive: 3 records left out: condition 'clean' had other parameters then, or the simulator an "
        "earlier protocol"]


@pytest.mark.parametrize(("before", "now"), [("1", "2"), ("2", "1")])
def test_of_two_task_sets_a_condition_is_what_it_was_played_as_last(tmp_path: Path, before: str, now: str) -> None:
    old = record(task="kitchen/0", condition_digest=before, finished="2025-01-01")
    new = record(task="garage/1", condition_digest=now, finished="2025-02-01")
    found = load_records([write_records(tmp_path, [old, new])])
    (records,) = found.records.values()
    assert list(records.task) == ["garage/1"]
    assert found.notes == ("random on primitive: 1 record left out: condition 'clean' had other parameters then, or "
                           "the simulator an earlier protocol",)


def test_what_no_suite_means_any_more_is_left_out_with_one_sentence(tmp_path: Path) -> None:
    """Without digests to go by: records of conditions that the suites on their task set define otherwise now."""
    suite = cards.load_suite("libero-joint")
    now = [record(task="libero_goal/3", condition="clean", condition_digest=suite.conditions["clean"].digest)]
    old = [record(task="libero_goal/3", condition="joint", condition_digest="before")]
    own = [record(task="libero_goal/3", condition="mine", condition_digest="of a card that is not here")]
    found = load_records([write_records(tmp_path, [*now, *old, *own])])
    (records,) = found.records.values()
    assert list(records.condition) == ["clean", "mine"]
    assert found.notes == ("random on primitive: left out, played under other parameters or an earlier protocol of the "
                           "simulator than the suites here have: 'joint'; --suite S names another suite",)


def test_a_condition_has_a_meaning_of_its_own_in_each_simulator(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One policy's records of two simulators: neither's make the other's outdated, with a suite or without."""
    monkeypatch.setattr(Maniskill, "revision", 1000)
    monkeypatch.setattr(read, "_meanings", read._meanings.__wrapped__)  # what is remembered is of the true revision
    digests = {task: cards.load_suite(suite).conditions["clean"].digest for task, suite in
               (("libero_goal/3", "libero-clean"), ("maniskill_put_on_plate/0", "maniskill-ind"))}
    root = write_records(tmp_path, [record(task=task, condition_digest=digest) for task, digest in digests.items()])
    found = load_records([root])
    ((owner, records),) = found.records.items()
    assert sorted(records.task) == sorted(digests) and found.notes == ()
    assert sorted(found.origins[owner].conditions["clean"]) == sorted(digests.values())
    for suite, task in (("libero-clean", "libero_goal/3"), ("maniskill-ind", "maniskill_put_on_plate/0")):
        found = load_records([root], *asked(cards.load_suite(suite)))
        assert list(found.records[owner].task) == [task] and found.notes == ()
    libero_alone = load_records([root], *asked(cards.load_suite("libero-transfer")))
    assert libero_alone.notes == ()  # what it lacks is not there; what is there is of another simulator


def test_a_simulator_remarks_on_the_versions_that_were_played_with(tmp_path: Path) -> None:
    known = {"policy": "p", "assets": "official", "task": "libero_spatial/5"}
    played = [record(**known, versions={"mujoco": version}, condition=name)
              for name, version in (("a", "3.3.7"), ("b", "3.8.1"))]
    found = load_records([write_records(tmp_path, played)])
    assert [note for note in found.notes if "MuJoCo 3.8.1" in note and "ramekin" in note]
    assert not load_records([write_records(tmp_path / "one", played[:1])]).notes
    later = [record(**known, versions={"mujoco": version}, condition="a", index=index)
             for index, version in enumerate(["3.8.1", "3.3.7"])]  # the file ends with the other version
    assert load_records([write_records(tmp_path / "two", later)]).notes == found.notes


def test_half_a_line_at_the_end_does_no_harm(results: Path) -> None:
    path = results / "hero" / "primitive" / "kitchen" / "joint.jsonl"
    path.write_text(path.read_text() + '{"format": 1, "task": "kit')
    found = load_records([results / "hero"])
    assert len(found.records[HERO]) == 6
    assert found.notes[0].startswith("hero on primitive: 1 record left out: half a line at the end of ")


def test_a_file_without_an_episode_is_named(results: Path) -> None:
    (file,) = results.glob("hero/primitive/kitchen/clean.jsonl")
    (file.parent / "far.jsonl").write_text("")
    assert any(note.endswith("far.jsonl") and "no whole line of an episode in" in note
               for note in load_records([results]).notes)


def test_task_sets_come_in_the_order_of_the_cards(tmp_path: Path) -> None:
    names = ["libero_10", "garage", "libero_goal", "libero_spatial"]
    written = [record(task=f"{name}/0", condition="own") for name in names]
    (records,) = load_records([write_records(tmp_path, written)]).records.values()
    assert list(records.task) == ["libero_spatial/0", "libero_goal/0", "libero_10/0", "garage/0"]


def test_folders_without_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing is no folder"):
        load_records([tmp_path / "nothing"])
    with pytest.raises(StoreError, match="holds no records\n  fix: vlabench run"):
        load_records([tmp_path])


def test_where_records_come_from(results: Path, tmp_path: Path) -> None:
    found = load_records([results]).origins[HERO]
    assert found == Origin(results / "hero" / "primitive", "p", {"clean": ["c"], "joint": ["c"]}, {"mujoco": ["3.8.1"]})
    assert owners([results], ["h*"]) == {HERO: results / "hero" / "primitive"}
    records = [*episodes("kitchen/0", "clean", "s", versions={"mujoco": "3.8.1", "numpy": "2"}),
               *episodes("kitchen/0", "far", "s", versions={"mujoco": "3.7"})]  # fmt: skip
    (other,) = load_records([write_records(tmp_path / "other", records)]).origins.values()
    assert other.versions == {"mujoco": ["3.7", "3.8.1"], "numpy": ["2"]}
    odd = write_records(tmp_path / "odd", episodes("kitchen/0", "clean", "s", versions=[1]))
    assert [each.versions for each in load_records([odd]).origins.values()] == [{}]


def test_a_last_line_that_is_nested_too_deeply_is_passed_over(results: Path) -> None:
    path = results / "hero" / "primitive" / "kitchen" / "joint.jsonl"
    path.write_bytes(path.read_bytes() + b"[" * 200_000 + b"\n")
    found = load_records([results], policies=["hero"])
    assert len(found.records[HERO]) == 6
    assert [note for note in found.notes if "joint" in note] == [
        f"hero on primitive: 1 record left out: not a JSON line in {path}"]
