"""Files of demonstrations: LIBERO's layout as its own tools read it, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.training.demos.demo_files import TASK, demo, shelf
from vlabench.errors import DataError
from vlabench.training.demos import layout


def test_what_libero_s_tools_ask_for_is_there(tmp_path: Path) -> None:
    """The names, shapes and attributes that LIBERO's `create_dataset.py` writes and its datasets read."""
    first, second = demo(0, 12), demo(3, 9)
    with h5py.File(shelf(tmp_path, TASK, [first, second])) as file:
        data = file["data"]
        assert dict(data.attrs)["num_demos"] == 2 and data.attrs["total"] == 21
        assert data.attrs["macros_image_convention"] == "opengl"
        assert json.loads(data.attrs["problem_info"])["language_instruction"] == "put the bowl on the stove"
        assert data.attrs["bddl_file_name"] == "libero_goal/put_the_bowl_on_the_stove.bddl"
        assert json.loads(data.attrs["env_args"])["env_kwargs"]["robots"] == ["Panda"]
        group = data["demo_1"]
        assert group.attrs["num_samples"] == 9 and group.attrs["model_file"] == "<mujoco/>"
        assert np.array_equal(group.attrs["init_state"], second.told["states"][0])
        shapes = {name: group[name].shape for name in (
            "actions", "states", "robot_states", "rewards", "dones", "obs/agentview_rgb", "obs/eye_in_hand_rgb",
            "obs/ee_pos", "obs/ee_ori", "obs/ee_states", "obs/gripper_states", "obs/joint_states")}
        assert shapes == {
            "actions": (9, 7), "states": (9, 30), "robot_states": (9, 9), "rewards": (9,), "dones": (9,),
            "obs/agentview_rgb": (9, 16, 16, 3), "obs/eye_in_hand_rgb": (9, 16, 16, 3), "obs/ee_pos": (9, 3),
            "obs/ee_ori": (9, 3), "obs/ee_states": (9, 6), "obs/gripper_states": (9, 2), "obs/joint_states": (9, 7)}
        assert np.array_equal(group["obs/agentview_rgb"][2], np.rot90(second.frames["agentview"][2], 2))
        pose = np.concatenate([group["obs/ee_pos"], group["obs/ee_ori"]], axis=1)
        assert np.array_equal(group["obs/ee_states"], pose)
        assert np.array_equal(group["robot_states"][:, :5], np.concatenate(
            [group["obs/gripper_states"], group["obs/ee_pos"]], axis=1))
        assert group["dones"][:].tolist() == [0] * 8 + [1]


def test_a_file_joins_parts_and_groups_of_an_older_one(tmp_path: Path) -> None:
    path = shelf(tmp_path, TASK, [demo(0), demo(2)])
    part = tmp_path / "1.hdf5"
    layout.write_demo(part, demo(1, 5))
    layout.join(path, TASK, [(path, "data/demo_0"), (part, "demo"), (path, "data/demo_1")], {"kept": [0, 1, 2]})
    with h5py.File(path) as file:
        assert [int(file[f"data/demo_{i}"].attrs["index"]) for i in range(3)] == [0, 1, 2]
        assert file["data"].attrs["total"] == 29
    assert layout.facts_of(path)["kept"] == [0, 1, 2]


def test_a_full_disk_leaves_no_torn_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "0.hdf5"
    layout.write_demo(path, demo(0, 5))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="0.hdf5: cannot be written: No space left on device"):
        layout.write_demo(path, demo(1, 6))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_part_that_cannot_be_joined_is_named(tmp_path: Path) -> None:
    """And what was there before stays whole."""
    path = shelf(tmp_path, TASK, [demo(0), demo(2)])
    before = path.read_bytes()
    part = tmp_path / "1.hdf5"
    layout.write_demo(part, demo(1, 5))
    with h5py.File(part, "a") as file:
        file.move("demo", "other")
    with pytest.raises(DataError, match=f"1.hdf5: demo cannot be copied to .*{path.name}"):
        layout.join(path, TASK, [(path, "data/demo_0"), (part, "demo")], {})
    assert path.read_bytes() == before
    with h5py.File(path, "a") as file:
        file["data"].attrs["vlabench"] = "[1]"
    with pytest.raises(DataError, match="not made by vlabench demos"):
        layout.facts_of(path)


def test_damaged_and_absent_files_are_refused(tmp_path: Path) -> None:
    path = shelf(tmp_path, TASK, [demo()])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="not an HDF5 file that can be read"), layout.opened(path):
        pass
    with pytest.raises(DataError, match="there is no such file"), layout.opened(tmp_path / "absent.hdf5"):
        pass
    with h5py.File(tmp_path / "foreign.hdf5", "w") as file:
        file.create_group("data")
    with pytest.raises(DataError, match="not made by vlabench demos"):
        layout.facts_of(tmp_path / "foreign.hdf5")
