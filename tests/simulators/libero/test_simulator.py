"""LIBERO as a simulator: its tasks and their limits, and what it refuses."""

from __future__ import annotations

import importlib.util

import pytest

from vlabench.errors import AssetsError, MissingExtra, OptionError, UnknownName
from vlabench.simulators.base import find_simulator
from vlabench.simulators.libero.simulator import Libero


def test_the_registry_knows_it() -> None:
    assert find_simulator("libero") is Libero


@pytest.mark.parametrize(("task_set", "limit", "first"), [
    ("libero_spatial", 220, "pick up the black bowl between the plate and the ramekin and place it on the plate"),
    ("libero_object", 280, "pick up the alphabet soup and place it in the basket"),
    ("libero_goal", 300, "open the middle drawer of the cabinet"),
    ("libero_10", 520, "put both the alphabet soup and the tomato sauce in the basket"),
])
def test_task_sets_as_published(task_set: str, limit: int, first: str) -> None:
    tasks = Libero("primitive").tasks(task_set)
    assert [task.key for task in tasks] == [f"{task_set}/{n}" for n in range(10)]
    assert {(task.simulator, task.step_limit, task.init_states) for task in tasks} == {("libero", limit, 50)}
    assert tasks[0].instruction == first
    assert len({task.instruction for task in tasks}) == 10


def test_unknown_task_set() -> None:
    with pytest.raises(UnknownName, match="did you mean 'libero_spatial'"):
        Libero("primitive").tasks("libero_spacial")


def test_a_batch_is_refused_with_a_way_out() -> None:
    simulator = Libero("primitive")
    with pytest.raises(OptionError, match="--workers"):
        simulator.open(simulator.tasks("libero_goal")[0], batch=4)


def test_check_finds_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    Libero("primitive").check()
    monkeypatch.setenv("VLABENCH_ASSETS", str(tmp_path))
    with pytest.raises(AssetsError):
        Libero("official").check()
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "bddl" else found(name, *rest))
    with pytest.raises(MissingExtra, match="'bddl'"):
        Libero("primitive").check()


def test_versions_name_what_decides_an_episode() -> None:
    versions = Libero("primitive").versions()
    assert {"hf-libero", "robosuite", "mujoco", "numpy"} <= versions.keys() and all(versions.values())


@pytest.mark.parametrize(("versions", "assets", "task_sets", "said"), [
    (["3.8.1"], "official", ["libero_spatial", "libero_goal"], True),
    (["3.3.7", "3.4.0"], "official", ["libero_spatial"], True),
    (["3.3.7"], "official", ["libero_spatial"], False),
    (["3.10.0"], "official", ["libero_spatial"], True),
    (["3.8.1"], "primitive", ["libero_spatial"], False),
    (["3.8.1"], "official", ["libero_goal"], False),
    (["3.8.1"], "official", ["libero_10"], True),
    ([], "official", ["libero_spatial"], False),
])
def test_newer_mujocos_are_remarked_where_they_change_a_task(versions: list[str], assets: str, task_sets: list[str],
                                                             said: bool) -> None:
    found = Libero.remarks(task_sets, assets, {"mujoco": versions} if versions else {})
    assert len(found) == said and all(versions[-1] in each for each in found)
    for each in found:
        assert ("libero_spatial/5" in each) == ("libero_spatial" in task_sets)
        assert ("libero_10/0" in each) == ("libero_10" in task_sets)
