"""Demonstrations as training batches: small arrays in memory, pictures read from disk when their turn comes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from vlabench.adapters.demonstrator import EXPERT
from vlabench.demos import layout
from vlabench.demos.keeper import CAMERAS
from vlabench.errors import DataError
from vlabench.offspring import die_with
from vlabench.problems import shown
from vlabench.seeding import generator

if TYPE_CHECKING:
    import h5py

Floats32 = npt.NDArray[np.float32]
POINTS = 3
ACTION_SIZE, PROPRIO_SIZE = 7, 8


@dataclass(frozen=True)
class Clip:
    """One demonstration's small arrays; T frames.

    reliable: int [T], how many labels of the chunk that starts at a frame are the expert's answer to what came before:
    after somebody else's action the expert would have been elsewhere. points, pixels: NaN where unknown.
    """

    file: int
    group: str
    labels: Floats32
    proprio: Floats32
    points: Floats32
    pixels: Floats32
    reliable: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """N samples. pictures: camera → uint8 [N, S, S, 3] as in the file, upside down and mirrored. tasks: indices into
    `DemoData.instructions`.

    actions: [N, chunk, 7]; mask: bool [N, chunk], which of them count. points: [N, 3, 3] (m). pixels: [N, 2, 3, 2].
    """

    pictures: Mapping[str, npt.NDArray[np.uint8]]
    proprio: Floats32
    tasks: npt.NDArray[np.int64]
    actions: Floats32
    mask: npt.NDArray[np.bool_]
    points: Floats32
    pixels: Floats32


@dataclass
class DemoData:
    """All demonstrations below some folders: LIBERO's own files, or those of `vlabench demos`.

    Batches are drawn task by task, each as often as the square root of its frames says (a long task is harder, but not
    as much as it is longer), then any of its frames. Raises DataError for files that
    are damaged, of other layout, or whose pictures are not image_size × image_size.
    """

    folders: Sequence[Path]
    image_size: int
    chunk: int
    instructions: list[str] = field(default_factory=list)
    clips: list[list[Clip]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files: list[Path] = []
        for folder in self.folders:
            found = layout.files(folder)
            if not found:
                raise DataError(f"{shown(folder)}: no demonstrations (*.hdf5) in this folder\n  mend: vlabench demos")
            for path in found:
                self._add(path)
        self._ends = [np.cumsum([len(clip.labels) for clip in clips]) for clips in self.clips]
        self._files: dict[int, h5py.File] = {}
        self._open: dict[tuple[int, str, str], h5py.Dataset] = {}

    @property
    def frames(self) -> int:
        """Frames in all."""
        return sum(int(ends[-1]) for ends in self._ends)

    def proprio_range(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of proprioception, [8] each."""
        every = np.concatenate([clip.proprio for clips in self.clips for clip in clips])
        return tuple(every.mean(0).tolist()), tuple((every.std(0) + 1e-3).tolist())

    def batch(self, size: int, *key: str | int) -> Batch:
        """The batch of a key: equal keys give equal batches, in any order and any process."""
        rng = generator("batch", *key)
        shares = np.sqrt([float(ends[-1]) for ends in self._ends])
        tasks = rng.choice(len(shares), size=size, p=shares / shares.sum())
        rows = [self._sample(int(task), rng.random()) for task in tasks]
        columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        pictures = {camera: columns.pop(camera) for camera in CAMERAS}
        return Batch(pictures=pictures, tasks=tasks, **columns)

    def _sample(self, task: int, place: float) -> dict[str, Any]:
        ends = self._ends[task]
        number = int(place * ends[-1])
        which = int(np.searchsorted(ends, number, side="right"))
        clip = self.clips[task][which]
        t = number - int(ends[which] - len(clip.labels))
        upto = clip.labels[t : t + self.chunk]
        actions = np.concatenate([upto, np.repeat(upto[-1:], self.chunk - len(upto), axis=0)])
        pictures = {camera: self._pictures(clip, name)[t] for camera, name in CAMERAS.items()}
        return {**pictures, "proprio": clip.proprio[t], "actions": actions, "points": clip.points[t],
                "pixels": clip.pixels[t], "mask": np.arange(self.chunk) < clip.reliable[t]}

    def _pictures(self, clip: Clip, name: str) -> h5py.Dataset:
        """Of one camera of a clip; opened once, as that takes as long as reading a picture."""
        import h5py

        key = (clip.file, clip.group, name)
        if key not in self._open:
            if clip.file not in self._files:
                self._files[clip.file] = h5py.File(self.files[clip.file], "r", rdcc_nbytes=0)
            self._open[key] = self._files[clip.file][f"{clip.group}/obs/{name}"]
        return self._open[key]

    def _add(self, path: Path) -> None:
        with layout.opened(path) as file:
            try:
                text = json.loads(file["data"].attrs["problem_info"])["language_instruction"]
                text = " ".join(text) if isinstance(text, list) else str(text)
                self.files.append(path)
                clips = [_clip(len(self.files) - 1, f"data/{name}", group, self.image_size, self.chunk)
                         for name, group in sorted(file["data"].items(), key=lambda item: int(item[0][5:]))]
            except DataError as error:
                raise DataError(f"{shown(path)}: {error}") from None
            except (KeyError, ValueError, TypeError, OSError) as error:
                raise DataError(f"{shown(path)}: not LIBERO's layout of demonstrations: {error}\n"
                                f"  mend: make it with vlabench demos, or use LIBERO's own files") from error
        text = text.strip().lower()
        if text not in self.instructions:
            self.instructions.append(text)
            self.clips.append([])
        self.clips[self.instructions.index(text)] += clips


def _clip(file: int, name: str, group: h5py.Group, image_size: int, chunk: int) -> Clip:
    labels = np.asarray(group["actions"], dtype=np.float32)
    length = len(labels)
    obs = group["obs"]
    for camera in CAMERAS.values():
        shape = obs[camera].shape
        if shape != (length, image_size, image_size, 3):
            raise DataError(f"{name}: {camera} is {list(shape)}, needed are {length} pictures of {image_size} × "
                            f"{image_size} pixels\n  mend: vlabench demos --image-size {image_size}")
    proprio = np.concatenate([obs["ee_pos"], obs["ee_ori"], obs["gripper_states"]], axis=1).astype(np.float32)
    if labels.shape != (length, ACTION_SIZE) or proprio.shape != (length, PROPRIO_SIZE):
        raise DataError(f"{name}: actions are {list(labels.shape)}, proprioception {list(proprio.shape)}")
    own = group.get("vlabench", {})
    actors = np.asarray(own["actors"]) if "actors" in own else np.zeros(length, dtype=np.uint8)
    points = np.asarray(own["points"]) if "points" in own else np.full((length, 3 * POINTS), np.nan)
    pixels = np.asarray(own["pixels"]) if "pixels" in own else np.full((length, len(CAMERAS), POINTS, 2), np.nan)
    return Clip(file, name, labels, proprio, points.reshape(-1, POINTS, 3).astype(np.float32),
                pixels.astype(np.float32), reliable(actors, chunk))


def reliable(actors: npt.NDArray[np.uint8], chunk: int) -> npt.NDArray[np.int64]:
    """For each of T frames, how many labels from there on follow the expert's own actions, 1 … chunk.

    A label answers the state it belongs to. The one k steps on is part of a chunk only if the expert acted in between,
    and the demonstration goes on that far.
    """
    length = len(actors)
    until = np.full(length, length)  # the step of the first action from here on that is not the expert's
    following = length
    for t in range(length - 1, -1, -1):
        following = t if actors[t] != EXPERT else following
        until[t] = following
    steps = np.arange(length)
    return np.minimum(np.minimum(until - steps + 1, length - steps), chunk)


def batches(data: DemoData, size: int, seed: int, steps: range, workers: int = 1) -> Iterator[Batch]:
    """The batches of some training steps, in order, read ahead by `workers` processes."""
    if not workers:
        yield from (data.batch(size, seed, step) for step in steps)
        return
    loader: DataLoader[Batch] = DataLoader(
        _Steps(data, size, seed, steps), batch_size=None, num_workers=workers, prefetch_factor=4,
        multiprocessing_context="fork", collate_fn=_as_is, worker_init_fn=partial(_begin, os.getpid()))
    yield from loader


class _Steps(Dataset[Batch]):
    """A training step's batch by its place in the range; what a DataLoader calls a dataset."""

    def __init__(self, data: DemoData, size: int, seed: int, steps: range) -> None:
        self._data, self._size, self._seed, self._steps = data, size, seed, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, place: int) -> Batch:
        return self._data.batch(self._size, self._seed, self._steps[place])


def _as_is(batch: Any) -> Any:
    return batch


def _begin(parent: int, _: int) -> None:
    """A loader that outlived a killed training would wait for ever to hand on its next batch."""
    die_with(parent)


def tensors(batch: Batch, device: torch.device) -> dict[str, Any]:
    """A batch's arrays as tensors on a device; `pictures` camera → [N, S, S, 3], turned to policy-facing."""
    moved: dict[str, Any] = {
        name: torch.from_numpy(getattr(batch, name)).to(device, non_blocking=True)
        for name in ("proprio", "tasks", "actions", "mask", "points", "pixels")}
    moved["pictures"] = {camera: torch.from_numpy(pictures).to(device, non_blocking=True).flip(1, 2)
                         for camera, pictures in batch.pictures.items()}
    return moved
