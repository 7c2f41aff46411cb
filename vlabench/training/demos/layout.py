"""LIBERO's HDF5 layout of demonstrations: a file a task, a group a demonstration, pictures turned by 180 degrees.

    data/                        attributes: num_demos, total, bddl_file_name, problem_info, env_args, …
    data/demo_0/                 attributes: num_samples, init_state, model_file; ours: index, seed, success
    data/demo_0/actions          float32 [T, 7]: what the expert does in the state of each frame
    data/demo_0/obs/…            agentview_rgb, eye_in_hand_rgb uint8 [T, H, W, 3] (upside down), ee_pos, ee_ori, …
    data/demo_0/states …         robot_states, rewards, dones
    data/demo_0/vlabench/…       ours: executed, actors, points, pixels; absent from LIBERO's own files

The published demonstrations read the same (`training.demos.reading`), and LIBERO's and robomimic's tools read ours.
Those of another simulator are laid out alike, without what LIBERO alone has: `obs/proprio` and `obs/<camera>_rgb`, and
what the simulator tells below `vlabench`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vlabench.errors import DataError, MissingExtra
from vlabench.training.demos.collector import Demo
from vlabench.types import Task
from vlabench.util.files import replacing
from vlabench.util.parsing import strict_json

if TYPE_CHECKING:
    import h5py

CAMERAS = {"agentview": "agentview_rgb", "wrist": "eye_in_hand_rgb"}
"""Our names of LIBERO's cameras → its names of their pictures."""
PROPRIO: Sequence[Mapping[str, int]] = (
    {"ee_pos": 3, "ee_ori": 3, "gripper_states": 2}, {"ee_states": 6, "gripper_states": 2},
    {"robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2})
"""What proprioception is made of in LIBERO's files, in one way or the other, and in robomimic's, and its sizes."""
RENAMED = {"agentview_rgb": "agentview_image", "eye_in_hand_rgb": "robot0_eye_in_hand_image"}
"""LIBERO's names of pictures → those of files that robomimic draws anew from LIBERO's states."""
TOLD = {"joints": ("obs/joint_states", "obs/robot0_joint_pos")}
"""What its world tells (`Advises.told`) → where LIBERO's files have it, or robomimic's."""
VERSION = 1
"""Of what is ours in a file; raised when a reader of the old one would misunderstand it."""


def stored_as(cameras: Sequence[str]) -> dict[str, str]:
    """Camera → the name of its pictures in a file."""
    return {camera: CAMERAS.get(camera, f"{camera}_rgb") for camera in cameras}


def told_as(group: h5py.Group, name: str) -> str:
    """Where a demonstration has what the simulator told by this name."""
    return next((place for place in TOLD.get(name, ()) if place in group), f"vlabench/{name}")


def pictures_in(group: h5py.Group, name: str) -> str:
    """Where a demonstration has the pictures that LIBERO's files call by this name."""
    other = f"obs/{RENAMED.get(name, name)}"
    return other if f"obs/{name}" not in group and other in group else f"obs/{name}"


def file_name(task: Task) -> str:
    """`put_the_bowl_on_the_plate_demo.hdf5`: LIBERO's name of a task's file."""
    return f"{task.name}_demo.hdf5"


def files(folder: Path, pattern: str = "*.hdf5") -> list[Path]:
    """The files of demonstrations below a folder, sorted; not those in hidden folders in it, as of a collection."""
    return sorted(path for path in folder.rglob(pattern)
                  if not any(part.startswith(".") for part in path.relative_to(folder).parts))


@contextmanager
def opened(path: Path, mode: str = "r") -> Iterator[h5py.File]:
    """An HDF5 file. Raises MissingExtra, and DataError for a file that is absent, damaged or something else."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "train", "reading and writing demonstrations") from error
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise DataError(f"{path}: a folder, a pipe or a device, not an HDF5 file\n  fix: remove it, or rename it")
    try:
        file = h5py.File(path, mode)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file of demonstrations\n  fix: vlabench demos") from None
    except OSError as error:
        raise DataError(f"{path}: not an HDF5 file that can be read: {error}\n"
                        f"  fix: remove it, and make it again with vlabench demos") from None
    with file:
        yield file


def write_demo(path: Path, demo: Demo) -> None:
    """A file with one group `demo`, whole or not at all. Raises DataError."""
    with _whole(path) as partial, opened(partial, "w") as file:
        group = file.create_group("demo")
        group.attrs.update({"num_samples": len(demo), "model_file": demo.model, "index": demo.index, "seed": demo.seed,
                            "success": demo.success})
        last = np.zeros(len(demo), dtype=np.uint8)
        last[-1] = demo.success
        arrays: dict[str, Any] = {
            "actions": demo.labels, "rewards": last, "dones": last, "vlabench/executed": demo.executed,
            "vlabench/actors": demo.actors, "vlabench/points": demo.points}
        told = dict(demo.told)
        if set(demo.frames) <= set(CAMERAS) and {"states", "joints", "quaternions"} <= set(told):
            group.attrs["init_state"] = told["states"][0]
            arrays |= _as_libero(demo, told.pop("states"), told.pop("joints"), told.pop("quaternions"))
        else:
            arrays["obs/proprio"] = demo.proprio
        for name, array in [*arrays.items(), *((f"vlabench/{name}", array) for name, array in told.items())]:
            group.create_dataset(name, data=array)
        for camera, name in stored_as(list(demo.frames)).items():
            pictures = demo.frames[camera][:, ::-1, ::-1]
            # A chunk a picture, so that training reads any of them alone.
            group.create_dataset(f"obs/{name}", data=pictures, compression="gzip", compression_opts=1,
                                 chunks=(1, *pictures.shape[1:]))


def _as_libero(demo: Demo, states: Any, joints: Any, quaternions: Any) -> dict[str, Any]:
    """What LIBERO's files have of the robot, by its names."""
    position, turn, fingers = np.split(demo.proprio, [3, 6], axis=1)
    return {"states": states, "robot_states": np.concatenate([fingers, position, quaternions], axis=1),
            "obs/ee_pos": position, "obs/ee_ori": turn, "obs/ee_states": demo.proprio[:, :6],
            "obs/gripper_states": fingers, "obs/joint_states": joints}


def join(path: Path, task: Task, groups: Sequence[tuple[Path, str]], facts: Mapping[str, Any]) -> None:
    """Put demonstrations, each a file and the name of a group in it, together as LIBERO's file of a task.

    facts: JSON-ready, kept as an attribute.
    """
    with _whole(path) as partial, opened(partial, "w") as file:
        data = file.create_group("data")
        total = 0
        for number, (source_path, name) in enumerate(groups):
            with opened(source_path) as source:
                try:
                    source.copy(name, data, name=f"demo_{number}")
                    total += len(data[f"demo_{number}/actions"])
                except (KeyError, OSError, RuntimeError) as error:
                    raise DataError(f"{source_path}: {name} cannot be copied to {path}: {error}\n"
                                    f"  fix: space on the disk, or, if it is damaged, remove this file and make it "
                                    f"again with vlabench demos") from error
        data.attrs.update({
            "num_demos": len(groups), "total": total, "tag": "vlabench", "macros_image_convention": "opengl",
            "env_name": task.name, **_origin(task), "vlabench": json.dumps({"version": VERSION, **facts})})


def _origin(task: Task) -> dict[str, str]:
    """Attributes that say which task it is; to LIBERO's tools, if it is one of LIBERO's."""
    libero = task.simulator == "libero"
    problem = {"problem_name": task.task_set, "domain_name": "robosuite" if libero else task.simulator,
               "language_instruction": task.instruction}
    said = {"problem_info": json.dumps(problem)}
    if libero:
        from vlabench.simulators.libero.hf_libero import bddl_file
        from vlabench.simulators.libero.interface import SPACE

        said["bddl_file_name"] = f"{task.task_set}/{bddl_file(task.task_set, task.name).name}"
        said["env_args"] = json.dumps({"type": 1, "env_name": task.name, "env_kwargs": {
            "robots": ["Panda"], "control_freq": int(SPACE.control_hz)}})
    return said


def facts_of(path: Path) -> dict[str, Any]:
    """The `facts` that `join` kept in a file. Raises DataError."""
    with opened(path) as file:
        try:
            return dict(strict_json(file["data"].attrs["vlabench"]))
        except (KeyError, ValueError, TypeError, OSError, RuntimeError) as error:
            raise DataError(f"{path}: not made by vlabench demos: {error}") from None


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A name to write under, as `replacing` gives it. Raises DataError."""
    try:
        with replacing(path) as partial:
            yield partial
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
