"""Which episodes are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import Toy, episodes, write_records
from vlabench import cards
from vlabench.cards.conditions import Condition, Part, at_severity
from vlabench.records.read import Origin
from vlabench.records.store import Store
from vlabench.reports import plots
from vlabench.reports.page.selection import conditions_of, looks, pairs
from vlabench.reports.page.verdicts import standing
from vlabench.types import EpisodeSpec

TASKS = {task.key: task for name in Toy.task_sets for task in Toy("primitive").tasks(name)}
FAR, NEAR, OTHER = (Condition(name, "libero") for name in ("far-s1", "near", "far-s2"))


def chosen(results: Path, number: int, *conditions: Condition) -> list[tuple[str, str, int]]:
    data = plots.load([results])
    (side,) = data.sides
    known = {each.name: each for each in (Condition("clean", "libero"), *conditions)}
    found = pairs(standing(data, side), data.records[side.owner], known, TASKS, data.origins[side.owner].folder, number)
    for pair in found:
        assert [spec.condition for spec in pair.specs][0] == "clean"
        assert len({(spec.task, spec.index, spec.seed) for spec in pair.specs}) == 1
    return [(pair.specs[-1].condition, pair.clean.task.key, pair.clean.index) for pair in found]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """far-s2 costs most, then far-s1, then near; each kitchen task has one episode that is lost far away."""
    records = []
    for task in ("kitchen/0", "kitchen/1"):
        records += episodes(task, "clean", "ssf", steps=20)
        records += episodes(task, "near", "ssf", steps=30)
        records += episodes(task, "far-s1", "sff", steps=90)
        records += episodes(task, "far-s2", "fff", steps=99 if task == "kitchen/0" else 50)
    return write_records(tmp_path / "r", records)


def test_what_is_lost_under_the_hardest_condition_of_each_kind(results: Path) -> None:
    assert chosen(results, 1, FAR, OTHER, NEAR) == [("far-s2", "kitchen/1", 0)]  # the shorter one
    assert chosen(results, 3, FAR, OTHER, NEAR) == [
        ("far-s2", "kitchen/1", 0), ("near", "kitchen/0", 0), ("far-s2", "kitchen/1", 1)]
    assert chosen(results, 3, FAR) == [  # the others are not defined any more
        ("far-s1", "kitchen/0", 1), ("far-s1", "kitchen/1", 1), ("far-s1", "kitchen/0", 0)]
    assert chosen(results, 0, FAR) == []


def test_what_was_recorded_comes_before_what_is_short(results: Path) -> None:
    for condition in ("clean", "far-s2"):
        path = Store(results, "random", "primitive").recording(EpisodeSpec(TASKS["kitchen/0"], condition, 1).identity)
        path.parent.mkdir()
        path.write_bytes(b"")
    assert chosen(results, 1, OTHER) == [("far-s2", "kitchen/0", 1)]


def test_without_perturbations_clean_episodes_alone(results: Path) -> None:
    assert chosen(results, 2) == [("clean", "kitchen/0", 0), ("clean", "kitchen/1", 0)]


def test_tasks_that_nobody_knows_are_not_shown(tmp_path: Path) -> None:
    unknown = write_records(tmp_path, episodes("kitchen/9", "clean", "s") + episodes("kitchen/9", "near", "f"))
    assert chosen(unknown, 2, NEAR) == []


def test_conditions_count_that_still_mean_what_they_meant() -> None:
    suite = cards.load_suite("libero-joint")
    digests = {name: [each.digest] for name, each in suite.conditions.items()}
    found = conditions_of(Origin(Path(), "p", {**digests, "rotation": ["0" * 64], "mine": ["1"]}, {}), "libero")
    assert sorted(found) == ["clean", "joint"]
    old = {**digests, "clean": ["0" * 64]}
    assert "clean" not in conditions_of(Origin(Path(), "p", old, {}), "libero")
    assert list(conditions_of(Origin(Path(), "p", {"joint": digests["joint"]}, {}), "libero")) == ["clean", "joint"]
    assert conditions_of(Origin(Path(), "p", digests, {}), "other") == {}


def test_first_looks_at_one_condition_of_each_kind_that_shows() -> None:
    made = {"clean": Condition("clean", "libero"), "joint": cards.load_suite("libero-joint").conditions["joint"],
            "noise": Condition("noise", "libero", (Part(perturbation="action_noise"),)),
            "drop": Condition("drop", "libero", (Part(perturbation="frame_drop"),)),
            "told": Condition("told", "libero", (Part(perturbation="wrong_instruction", share=1.0),)),
            **{each.name: each for each in at_severity("shift", "libero", "")}}
    found = looks([*made, "unknown"], made, Toy("primitive"), TASKS["kitchen/1"], 7, 2)
    assert [spec.condition for spec in found] == ["clean", "joint", "told", "shift-s3"]
    assert {(spec.task.key, spec.task.step_limit, spec.index, spec.seed) for spec in found} == {("kitchen/1", 1, 7, 2)}
    without = {name: each for name, each in made.items() if name != "clean"}
    found = looks([*made], without, Toy("primitive"), TASKS["kitchen/1"], 7, 2)
    assert [spec.condition for spec in found] == ["joint", "told", "shift-s3"]
    assert looks(["clean", "noise"], made, Toy("primitive"), TASKS["kitchen/1"], 0, 0) == []
