"""What a task's file says, against the parser that LIBERO's environments read it by, over all tasks; who is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vlabench.cards.conditions import Condition, Part
from vlabench.errors import UnsupportedError
from vlabench.evaluation import plan
from vlabench.simulators.libero import gl, hf_libero, packs, problem
from vlabench.simulators.libero.simulator import Libero

TASKS = [(task_set, name) for task_set in hf_libero.TASK_SETS for name in hf_libero.task_names(task_set)]


@pytest.fixture(scope="module")
def parse() -> Callable[[str], dict[str, Any]]:
    """LIBERO's parser, which can be imported once an environment has said where LIBERO's folders are."""
    gl.activate()
    hf_libero.make_environment(*TASKS[0], packs.folder("primitive")).close()
    from libero.libero.envs.bddl_utils import robosuite_parse_problem

    found: Callable[[str], dict[str, Any]] = robosuite_parse_problem
    return found


@pytest.mark.parametrize(("task_set", "name"), TASKS)
def test_it_is_what_libero_reads(parse: Callable[[str], dict[str, Any]], task_set: str, name: str) -> None:
    theirs = parse(str(hf_libero.bddl_file(task_set, name)))
    objects = {each for names in theirs["objects"].values() for each in names}
    fixtures = {each for names in theirs["fixtures"].values() for each in names}
    assert {*problem._read(task_set, name)[0]} == objects
    assert {*problem._read(task_set, name)[1]} <= fixtures  # but for tables and floors, which have no number
    assert [tuple(each[1:]) for each in theirs["goal_state"]] == list(problem._read(task_set, name)[2])
    thing, place = problem.carried(task_set, name), problem.receptacle(task_set, name)
    assert thing in {*objects, ""} and place in {*objects, ""} and (not place or place != thing)


def test_tasks_by_hand() -> None:
    goal = [(problem.carried("libero_goal", name), problem.receptacle("libero_goal", name))
            for name in hf_libero.task_names("libero_goal")]
    bowl = "akita_black_bowl_1"
    assert goal == [("", ""), (bowl, ""), ("wine_bottle_1", ""), (bowl, ""), (bowl, ""), ("plate_1", ""),
                    ("cream_cheese_1", bowl), ("", ""), (bowl, "plate_1"), ("wine_bottle_1", "")]


@pytest.mark.parametrize(("perturbation", "words"), [
    ("object_moved", "2 tasks of 10\n  nothing is carried in this task: libero_goal/0, libero_goal/7\n  fix: --tasks"),
    ("object_size", "2 tasks of 10\n  nothing is carried in this task: libero_goal/0, libero_goal/7\n"),
    ("object_pose", "2 tasks of 10\n"), ("receptacle_shift", "8 tasks of 10\n  what the object is put on or into is")])
def test_tasks_that_have_nothing_to_act_on_are_named_before_a_scene_is_opened(perturbation: str, words: str) -> None:
    condition = Condition("away", "libero", (Part(perturbation=perturbation, severity=1),))
    tasks = Libero("primitive").tasks("libero_goal")
    with pytest.raises(UnsupportedError, match=f"^condition 'away': perturbation '{perturbation}' has nothing to act "
                                               f"on in {words}"):
        plan.check_tasks([condition], tasks, Libero("primitive"))
    plan.check_tasks([condition], [tasks[8]], Libero("primitive"))
