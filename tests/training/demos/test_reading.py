"""Files of demonstrations whoever made them: evaluation's wording, and what is wrong with a file said by its name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.training.demos.demo_files import TASK, demo, shelf, spoil, turn
from vlabench.cards import find
from vlabench.errors import DataError
from vlabench.simulators.libero.hf_libero import bddl_file
from vlabench.training.demos import reading
from vlabench.training.demos.data import DemoData
from vlabench.training.demos.layout import CAMERAS
from vlabench.training.rl import rewards

Change = Callable[[h5py.File], object]


def labelled(path: Path, language: str | list[str], bddl: str) -> Path:
    """A file with nothing but what it says of itself, as LIBERO writes it, and a demonstration's name."""
    with h5py.File(path, "w") as file:
        file.create_group("data/demo_0")
        file["data"].attrs.update({"macros_image_convention": "opengl", "bddl_file_name": bddl, "problem_info":
                                   json.dumps({"problem_name": "x", "language_instruction": language})})
    return path


def test_a_known_task_gets_evaluation_s_wording_whatever_its_file_says(tmp_path: Path) -> None:
    """The files say what LIBERO's own say: the sentence of the task file, which differs in 25 of 40 tasks."""
    tasks, differ = find.find_tasks("libero"), 0
    for task in tasks:
        language = re.search(r"\(:language (.*?)\)", bddl_file(task.task_set, task.name).read_text())
        assert language is not None
        path = labelled(tmp_path / f"{task.name}_demo.hdf5", language[1],
                        f"chiliocosm/bddl_files/{task.task_set}/{task.name}.bddl")
        with reading.opened(path, "libero") as source:
            assert source.instruction == task.instruction
            differ += source.said != task.instruction
    assert (len(tasks), differ) == (40, 25)


def test_a_renamed_file_is_known_by_its_attribute_and_an_unknown_task_keeps_its_words(tmp_path: Path) -> None:
    path = labelled(tmp_path / "mine.hdf5", "Open the middle layer of the drawer",
                    "libero_goal/open_the_middle_drawer_of_the_cabinet.bddl")
    with reading.opened(path, "libero") as source:
        assert source.instruction == "open the middle drawer of the cabinet"
    path = labelled(tmp_path / "fold_demo.hdf5", ["Fold", "the  Shirt "], "laundry/fold.bddl")
    with reading.opened(path, "libero") as source:
        assert source.instruction == "fold the shirt"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return shelf(tmp_path / "given", TASK, [demo(0, 12), demo(1, 12)])


def stored(values: Callable[[h5py.Dataset], np.ndarray], name: str) -> Change:
    """A change that stores other values under a name in the second demonstration."""

    def change(file: h5py.File) -> None:
        name_here = f"data/demo_1/{name}"
        new = values(file[name_here])
        del file[name_here]
        file[name_here] = new

    return change


def one(value: float, column: int) -> Callable[[h5py.Dataset], np.ndarray]:
    def changed(old: h5py.Dataset) -> np.ndarray:
        new = np.asarray(old[:], dtype=np.float64)
        new[5, column] = value
        return new

    return changed


def gripper(values: list[float]) -> Callable[[h5py.Dataset], np.ndarray]:
    return lambda old: np.concatenate([old[:, :6], np.resize(values, (12, 1))], axis=1)


PICTURES = "obs/agentview_rgb"
FAULTS: dict[str, tuple[Change, str]] = {
    "nan": (stored(one(np.nan, 2), "actions"), "actions holds nan in frame 5"),
    "inf": (stored(one(-np.inf, 2), "actions"), "actions holds -inf in frame 5"),
    "beyond float32": (stored(one(1e300, 2), "actions"), r"actions holds 1e\+300 in frame 5"),
    "metres": (stored(one(1.25, 1), "actions"), r"action y is 1.25 in frame 5; the simulator's are in \[-1, 1\]"),
    "gripper 0 1": (stored(gripper([0, 0, 1]), "actions"), r"the gripper's actions are in \[0, 1\].*-1 \(open\)"),
    "gripper 0": (stored(gripper([0]), "actions"), r"the gripper's actions are in \[0, 1\]"),
    "words": (stored(lambda old: np.full(old.shape, b"left"), "actions"), r"actions is .*needed are numbers"),
    "six": (stored(lambda old: old[:, :6], "actions"), r"\[12, 6\], needed are numbers \['T', 7\]"),
    "nothing": (stored(lambda old: old[:0], "actions"), "no frames in it"),
    "floats": (stored(lambda old: old[:] / 255.0, PICTURES), r"is float64 .* 16, 3\].*\n  fix: .*uint8, 0 … 255"),
    "channels": (stored(lambda old: old[:].transpose(0, 3, 1, 2), PICTURES), r"\[12, 3, 16, 16\], .*: channels last"),
    "size": (stored(lambda old: old[:].repeat(2, 1).repeat(2, 2), PICTURES), r"32, 32, 3\].*\n  fix: .*16 × 16 "),
    "short": (stored(lambda old: old[:7], PICTURES),
              r"is uint8 \[7, 16, 16, 3\], needed is uint8 \[12, .*\n  fix: .*each of the 12"),
    "four channels": (stored(lambda old: old[:][..., [0, 1, 2, 2]], PICTURES),
              r"16, 16, 4\].*\n  fix: three channels"),
    "absent": (lambda file: file.pop(f"data/demo_1/{PICTURES}"), f"not LIBERO's layout .*, or damaged: {PICTURES}"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_learned_from_is_named_by_file_and_demonstration(fault: str, path: Path) -> None:
    change, told = FAULTS[fault]
    with h5py.File(path, "a") as file:
        change(file)
    said = f"(?s)given/libero_goal/{path.name}: data/demo_1: .*{told}"
    with pytest.raises(DataError, match=said):
        DemoData([path.parent], 16, "libero", 8)
    with pytest.raises(DataError, match=said):
        rewards.load([path.parent], [TASK.name], 16, "libero")


def test_a_gripper_that_never_opens_is_no_fault(path: Path) -> None:
    with h5py.File(path, "a") as file:
        stored(gripper([1.0]), "actions")(file)
    assert DemoData([path.parent], 16, "libero", 8).frames == 24


def attribute(name: str, value: str | None) -> Change:
    def change(file: h5py.File) -> None:
        del file["data"].attrs[name]
        if value is not None:
            file["data"].attrs[name] = value

    return change


FILES: dict[str, tuple[Change, str]] = {
    "empty": (lambda file: [file["data"].pop(name) for name in ("demo_0", "demo_1")], "no demonstrations in it"),
    "other": (lambda file: file.move("data", "episodes"), "not LIBERO's layout of demonstrations: it has no group 'da"),
    "array": (stored(lambda old: np.zeros(3), "obs"), "data/demo_1: not LIBERO's layout of demonstrations"),
    "convention": (attribute("macros_image_convention", "directx"), "is 'directx'; valid: opengl, opencv"),
    "unsaid": (attribute("macros_image_convention", None), "lacks the attribute macros_image_convention"),
    "no json": (attribute("problem_info", "{"), "problem_info is not LIBERO's"),
    "number": (attribute("problem_info", '{"language_instruction": 3}'), "problem_info is not LIBERO's"),
    "no words": (attribute("problem_info", '{"language_instruction": " "}'), "language_instruction .* is empty"),
}


@pytest.mark.parametrize("fault", FILES)
def test_files_of_another_kind_are_named(fault: str, path: Path) -> None:
    change, told = FILES[fault]
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(DataError, match=f"{path.name}: .*{told}"):
        DemoData([path.parent], 16, "libero", 8)
    with pytest.raises(DataError, match=f"{path.name}: .*{told}"):
        rewards.load([path.parent], [TASK.name], 16, "libero")


def test_attributes_can_be_taken_from_libero_s_own_file(path: Path, tmp_path: Path) -> None:
    """As the message about files without says."""
    own = shelf(tmp_path / "own", TASK, [demo(7, 5)])
    path = path.rename(path.with_name("mine.hdf5"))
    with h5py.File(path, "a") as file:
        file["data"].attrs.clear()
    with pytest.raises(DataError) as caught:
        DemoData([path.parent], 16, "libero", 8)
    command = re.search('python -c "(.*)"', str(caught.value))
    assert command is not None
    exec(command[1].replace("'THIS'", repr(str(path))).replace("'LIBERO'", repr(str(own))))
    assert DemoData([path.parent], 16, "libero", 8).instructions == [TASK.instruction]


def without_pauses(path: Path, made: Path) -> Path:
    """A file as OpenVLA's script makes it of LIBERO's own."""
    made.parent.mkdir()
    with h5py.File(path) as own, h5py.File(made, "w") as file:
        for name, group in own["data"].items():
            for kept in ("actions", "states", "robot_states", *(f"obs/{each}" for each in group["obs"])):
                file[f"data/{name}/{kept}"] = group[kept][()]
    return made


def robomimics(path: Path, made: Path, bddl: str) -> Path:
    """A file as robomimic makes it of the states in LIBERO's own."""
    made.parent.mkdir()
    with h5py.File(path) as own, h5py.File(made, "w") as file:
        for name, group in own["data"].items():
            obs = group["obs"]
            for kept, values in {
                    "actions": group["actions"], "states": group["states"],
                    "obs/agentview_image": obs["agentview_rgb"][()][:, ::-1],
                    "obs/robot0_eye_in_hand_image": obs["eye_in_hand_rgb"][()][:, ::-1],
                    "obs/robot0_eef_pos": obs["ee_pos"], "obs/robot0_joint_pos": obs["joint_states"],
                    "obs/robot0_eef_quat": Rotation.from_rotvec(obs["ee_ori"][()]).as_quat(),
                    "obs/robot0_gripper_qpos": obs["gripper_states"]}.items():
                file[f"data/{name}/{kept}"] = values[()]
                if kept.startswith("obs/"):
                    file[f"data/{name}/next_{kept}"] = values[()]
        file["mask/train"] = list(own["data"])
        kwargs = {"bddl_file_name": bddl, "camera_names": ["agentview", "robot0_eye_in_hand"]}
        file["data"].attrs.update({"total": 24, "env_args": json.dumps(
            {"env_name": "Libero_Tabletop_Manipulation", "env_version": "1.4.1", "type": 1, "env_kwargs": kwargs})})
    return made


def test_files_that_robomimic_draws_anew_are_read_as_libero_s_own(path: Path, tmp_path: Path) -> None:
    wanted = DemoData([path.parent], 16, "libero", 8)
    made = robomimics(path, tmp_path / "robomimic" / "image.hdf5", f"/x/bddl_files/libero_goal/{TASK.name}.bddl")
    found = DemoData([made.parent], 16, "libero", 8)
    assert found.instructions == [TASK.instruction]
    theirs, ours = found.batch(8, 0), wanted.batch(8, 0)
    np.testing.assert_array_equal(theirs.actions, ours.actions)
    np.testing.assert_allclose(theirs.proprio, ours.proprio, atol=1e-5)
    for camera, pictures in ours.pictures.items():
        np.testing.assert_array_equal(theirs.pictures[camera], pictures)
    goals, own = (rewards.load([each.parent], [TASK.name], 16, "libero")[TASK.name] for each in (made, path))
    assert [goal.pictures["wrist"].tolist() for goal in goals] == [goal.pictures["wrist"].tolist() for goal in own]


def test_of_robomimic_s_files_those_are_refused_that_do_not_name_the_task_s_file(path: Path, tmp_path: Path) -> None:
    made = robomimics(path, tmp_path / "robomimic" / path.name, "")
    with pytest.raises(DataError, match="lacks the attribute problem_info and .*env_args name the task's file"):
        DemoData([made.parent], 16, "libero", 8)


def test_the_hand_s_position_and_turn_may_lie_in_one_array(path: Path) -> None:
    wanted = DemoData([path.parent], 16, "libero", 8).batch(8, 0).proprio
    with h5py.File(path, "a") as file:
        for name in ("demo_0", "demo_1"):
            del file[f"data/{name}/obs/ee_pos"], file[f"data/{name}/obs/ee_ori"]
    np.testing.assert_array_equal(DemoData([path.parent], 16, "libero", 8).batch(8, 0).proprio, wanted)


def test_files_without_pauses_of_libero_90_have_libero_s_words(path: Path, tmp_path: Path) -> None:
    name = "LIVING_ROOM_SCENE2_pick_up_the_butter_and_put_it_in_the_basket_demo.hdf5"
    made = without_pauses(path, tmp_path / "no_noops" / name)
    assert DemoData([made.parent], 16, "libero", 8).instructions == ["pick up the butter and put it in the basket"]


def test_files_made_again_without_pauses_are_known_by_their_names(path: Path, tmp_path: Path) -> None:
    """OpenVLA's script keeps the file's name and the pictures as they are, and writes no attributes."""
    wanted = DemoData([path.parent], 16, "libero", 8)
    found = DemoData([without_pauses(path, tmp_path / "no_noops" / path.name).parent], 16, "libero", 8)
    assert found.instructions == wanted.instructions == [TASK.instruction]
    for camera, pictures in wanted.batch(8, 0).pictures.items():
        np.testing.assert_array_equal(found.batch(8, 0).pictures[camera], pictures)


@pytest.mark.parametrize(("name", "told"), [
    ("goal_demo.h5", "files that end in .h5\n  fix: give them the ending .hdf5"),
    ("data/chunk-000/episode_000000.parquet", "a LeRobot data set"),
    ("1.0.0/libero_goal-train.tfrecord-00000-of-00016", "an RLDS data set"),
    ("libero_goal.zip", "a packed archive\n  fix: unpack it"),
    ("notes.txt", "fix: vlabench demos"),
])
def test_folders_of_another_kind_are_named(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "given" / name).parent.mkdir(parents=True)
    (tmp_path / "given" / name).touch()
    with pytest.raises(DataError, match=r"(?s)given: no demonstrations \(\*.hdf5\) in this folder.*" + re.escape(told)):
        reading.files(tmp_path / "given", "libero")


def test_a_file_and_an_absent_folder_are_no_folder(path: Path) -> None:
    with pytest.raises(DataError, match="a file; what is needed is the folder it is in"):
        reading.files(path, "libero")
    with pytest.raises(DataError, match="there is no such folder"):
        reading.files(path.parent / "absent", "libero")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_and_a_folder_with_a_file_s_name_are_refused(make: Callable[[Path], None], path: Path) -> None:
    make(path.parent / "a.hdf5")
    with pytest.raises(DataError, match="a.hdf5: a folder, a pipe or a device, not an HDF5 file"):
        DemoData([path.parent.parent], 16, "libero", 8)


def test_damaged_files_are_named(path: Path) -> None:
    whole = path.read_bytes()
    spoil(path, "data/demo_1/obs/agentview_rgb", 0)
    with pytest.raises(DataError, match=f"{path.name}: data/demo_1/obs/agentview_rgb, frame 0: damaged"):
        rewards.load([path.parent], [TASK.name], 16, "libero")
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        stored_actions = file["data/demo_1/actions"][:]
        del file["data/demo_1/actions"]
        file.create_dataset("data/demo_1/actions", data=stored_actions, chunks=(12, 7), compression="gzip")
    spoil(path, "data/demo_1/actions", 0)
    with pytest.raises(DataError, match=f"{path.name}: data/demo_1/actions: damaged"):
        DemoData([path.parent], 16, "libero", 8)
    path.write_bytes(whole[:3000])
    with pytest.raises(DataError, match="not an HDF5 file that can be read"):
        DemoData([path.parent], 16, "libero", 8)


def test_sub_goals_of_pictures_from_the_top_down_are_turned(path: Path) -> None:
    (wanted, _) = rewards.load([path.parent], [TASK.name], 16, "libero")[TASK.name]
    turn(path)
    (found, _) = rewards.load([path.parent], [TASK.name], 16, "libero")[TASK.name]
    assert all(np.array_equal(found.pictures[camera], wanted.pictures[camera]) for camera in CAMERAS)
