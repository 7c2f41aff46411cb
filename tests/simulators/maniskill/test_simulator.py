"""The 16 tasks of each task set, what a machine needs, and errors that name the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlabench.errors import AssetsError, UnknownName
from vlabench.simulators.base import find_simulator
from vlabench.simulators.maniskill import packs
from vlabench.simulators.maniskill.interface import SPACE
from vlabench.simulators.maniskill.simulator import Maniskill


def test_there_is_a_task_for_each_training_object() -> None:
    assert find_simulator("maniskill") is Maniskill
    for task_set in ("maniskill_put_on_plate", "maniskill_pair"):
        tasks = Maniskill("primitive").tasks(task_set)
        assert [task.number for task in tasks] == list(range(16))
        assert tasks[0].instruction == "put carrot on plate" and tasks[15].name == "put_bbq_sauce_on_plate"
        assert all(task.step_limit == 80 and task.init_states is None for task in tasks)
    with pytest.raises(UnknownName, match="task set 'maniskill_put': did you mean .*'maniskill_put_on_plate'"):
        Maniskill("primitive").tasks("maniskill_put")


def test_a_unit_is_half_of_bridge_s_range() -> None:
    assert SPACE.unit == pytest.approx((0.0285, 0.0413, 0.0331, 0.0814, 0.0854, 0.2055, 1.0), abs=5e-5)
    assert SPACE.null == (0, 0, 0, 0, 0, 0, 1) and SPACE.opens == 1 and SPACE.control_hz == 5


def test_an_official_folder_that_lacks_parts_is_told_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLABENCH_ASSETS", str(tmp_path))
    (tmp_path / "widowx").mkdir()
    (tmp_path / "widowx" / "wx250s.urdf").write_text("<robot/>")
    packs.pack.cache_clear()
    with pytest.raises(AssetsError, match=r"missing there: widowx/wx250s.srdf, .*\n  fix: point it at a folder that"):
        Maniskill("official").check()


def test_episodes_share_a_scene_with_those_of_as_many_objects() -> None:
    from vlabench.types import EpisodeSpec

    simulator = Maniskill("primitive")
    keys = {task_set: {simulator.batch_key(EpisodeSpec(task, "clean", 0)) for task in simulator.tasks(task_set)}
            for task_set in simulator.task_sets}
    assert all(len(found) == 1 for found in keys.values())
    assert keys["maniskill_put_on_plate"] != keys["maniskill_pair"]
