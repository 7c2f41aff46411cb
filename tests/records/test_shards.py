"""Which episodes are whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import Toy
from vlabench.errors import OptionError
from vlabench.records import shards
from vlabench.records.shards import Shard
from vlabench.records.store import Store
from vlabench.types import EpisodeSpec, Task


def specs(tasks: list[Task], episodes: int, conditions: tuple[str, ...] = ("clean", "joint")) -> list[EpisodeSpec]:
    return [EpisodeSpec(task, condition, index) for task in tasks for condition in conditions
            for index in range(episodes)]


TASKS = Toy("primitive").tasks("kitchen")


def test_shards_together_are_the_run_and_an_episode_is_with_its_clean_twin() -> None:
    whole = specs(TASKS, 7)
    parts = [Shard(number, 4).part(whole) for number in range(1, 5)]
    assert sorted(spec.identity for part in parts for spec in part) == sorted(spec.identity for spec in whole)
    for part in parts:
        assert list(part) == [spec for spec in whole if spec in part]  # in the run's order
        clean = {(spec.task, spec.index) for spec in part if spec.condition == "clean"}
        assert clean == {(spec.task, spec.index) for spec in part if spec.condition == "joint"}


def test_an_episode_stays_in_its_shard_when_more_of_them_or_more_conditions_are_asked_for() -> None:
    few = Shard(2, 3).part(specs(TASKS, 5, ("clean",)))
    many = Shard(2, 3).part(specs(TASKS, 20))
    assert set(few) == {spec for spec in many if spec in specs(TASKS, 5, ("clean",))}


@pytest.mark.parametrize(("episodes", "of"), [(50, 8), (20, 7), (50, 64), (50, 2000), (1, 3)])
def test_shards_are_as_large(episodes: int, of: int) -> None:
    """LIBERO's forty tasks."""
    tasks = [Task("libero", task_set, number, "", "", 300, 50) for task_set in "abcd" for number in range(10)]
    whole = specs(tasks, episodes)
    sizes = {len(Shard(number, of).part(whole)) for number in (1, 2, of // 2, of)}
    assert max(sizes) - min(sizes) <= 2 and min(sizes) >= 2  # of two conditions


def test_more_shards_than_starts_are_refused_in_each_of_them() -> None:
    for number in (1, 6):
        with pytest.raises(OptionError, match=f"--shard {number}/6: this run has 4 starts .*\n  fix: .*1/4 to 4/4$"):
            Shard(number, 6).part(specs(TASKS[:1], 4))


@pytest.mark.parametrize("text", ["0/8", "9/8", "/", "3", "3/8/2", "-1/8", "a/b", "1/0"])
def test_what_is_no_shard_is_told(text: str) -> None:
    with pytest.raises(OptionError, match="no shard: the first of eight is 1/8, .*\n  fix: .*SLURM_ARRAY_TASK_COUNT"):
        Shard.named(text)


def test_folders_are_in_the_order_of_numbers_and_begun(tmp_path: Path) -> None:
    assert Shard.named("10/12") == Shard(10, 12) and str(Shard(10, 12)) == "10/12"
    for shard in (Shard(10, 12), Shard(9, 12), Shard(11, 12)):
        (tmp_path / shard.folder / "p" / "primitive" / "kitchen").mkdir(parents=True)
        if shard.number < 11:
            (tmp_path / shard.folder / "p" / "primitive" / "kitchen" / "clean.jsonl").touch()
    assert [path.name for path in shards.folders(tmp_path)] == ["shard-9-of-12", "shard-10-of-12"]


def test_what_was_noted_last_of_a_version_counts(tmp_path: Path) -> None:
    store = Store(tmp_path, "p", "primitive")
    with store.writer() as writer:
        for shard, digest, left in ((Shard(1, 2), "new", 8), (Shard(1, 2), "new", 0), (Shard(2, 2), "old", 3)):
            shards.note(writer, shard, digest, left)
        writer.note_run({"policy_digest": "new", "shard": "9/2", "left": 1})
    assert shards.noted(store.folder, "new") == {Shard(1, 2): 0}
