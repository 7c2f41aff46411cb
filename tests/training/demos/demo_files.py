"""Demonstrations without a simulator, for tests of files and of training."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from vlabench.training.demos import layout
from vlabench.training.demos.collector import Demo
from vlabench.training.demos.layout import CAMERAS
from vlabench.types import Task

TASK = Task("libero", "libero_goal", 1, "put_the_bowl_on_the_stove", "put the bowl on the stove", 300, 50)
OTHER = Task("libero", "libero_goal", 7, "turn_on_the_stove", "turn on the stove", 300, 50)


def demo(index: int = 0, length: int = 12, size: int = 16, seed: int = 0, who: tuple[int, ...] = ()) -> Demo:
    """Random pictures and numbers. who: (step, …) at which a kick acts."""
    rng = np.random.default_rng([seed, index])
    actors = np.zeros(length, dtype=np.uint8)
    actors[list(who)] = 1
    single = {name: rng.standard_normal((length, width)).astype(np.float32)
              for name, width in (("proprio", 8), ("labels", 7), ("points", 9))}
    single["points"] *= np.float32(0.2)  # all within reach
    single["labels"] = np.tanh(single["labels"])  # in [−1, 1]
    return Demo(index=index, seed=seed, success=True, actors=actors,
                frames={camera: rng.integers(0, 256, (length, size, size, 3), dtype=np.uint8) for camera in CAMERAS},
                executed=rng.standard_normal((length, 7)), model="<mujoco/>",
                told={"pixels": rng.uniform(-1, 1, (length, 2, 3, 2)).astype(np.float32),
                      "states": rng.standard_normal((length, 30)), "joints": rng.standard_normal((length, 7)),
                      "quaternions": rng.standard_normal((length, 4))}, **single)


def shelf(folder: Path, task: Task, demos: list[Demo]) -> Path:
    """LIBERO's file of a task with these demonstrations; `folder` gets nothing else."""
    groups = []
    for number, each in enumerate(demos):
        part = folder / ".parts" / f"{number}.hdf5"
        layout.write_demo(part, each)
        groups.append((part, "demo"))
    path = folder / task.task_set / layout.file_name(task)
    layout.join(path, task, groups, {"kept": [each.index for each in demos], "failed": []})
    for part, _ in groups:
        part.unlink()
    (folder / ".parts").rmdir()
    return path


def spoil(path: Path, name: str, chunk: int) -> None:
    """Overwrite some bytes of a stored chunk, as a bad disk would."""
    with h5py.File(path) as file:
        where = file[name].id.get_chunk_info(chunk)
    with path.open("r+b") as raw:
        raw.seek(where.byte_offset + where.size // 2)
        raw.write(b"\xff" * 20)


def turn(path: Path) -> None:
    """Store the pictures as OpenCV has them, from the top down, and say so."""
    with h5py.File(path, "a") as file:
        file["data"].attrs["macros_image_convention"] = "opencv"
        for demonstration in file["data"].values():
            for name in CAMERAS.values():
                demonstration[f"obs/{name}"][...] = demonstration[f"obs/{name}"][:][:, ::-1]
