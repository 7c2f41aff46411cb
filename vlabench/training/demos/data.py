"""Demonstrations as training batches: small arrays in memory, pictures read from disk when their turn comes."""

from __future__ import annotations

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

from vlabench.adapters.base import Facts
from vlabench.adapters.demonstrator import EXPERT
from vlabench.errors import DataError
from vlabench.seeding import generator
from vlabench.simulators.base import find_simulator
from vlabench.training.demos import reading
from vlabench.training.demos.layout import pictures_in, stored_as
from vlabench.training.objectives import base as objectives
from vlabench.types import Observation
from vlabench.util.processes import die_with

if TYPE_CHECKING:
    import h5py

Floats32 = npt.NDArray[np.float32]
FAR = 2.0
"""Metres from the hand beyond which a point is taken as unknown: what a hand has shot off a table, now and then, falls
for ever, and its distance would drown all others in the loss."""
OFFERED = frozenset({"points", "pixels"})
"""What batches of demonstrations hold for objectives, see `Batch`."""


@dataclass(frozen=True)
class Clip:
    """One demonstration's small arrays; T frames.

    reliable: int [T], how many labels of the chunk that starts at a frame are the expert's answer to what came before:
    after somebody else's action the expert would have been elsewhere. points, pixels: NaN where unknown. upright:
    whether the file has its pictures from the top down.
    """

    file: int
    group: str
    upright: bool
    labels: Floats32
    proprio: Floats32
    points: Floats32
    pixels: Floats32
    reliable: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """N samples. pictures: camera → uint8 [N, S, S, 3] as OpenGL draws them, upside down and mirrored. tasks: indices
    into `DemoData.instructions`.

    actions: [N, chunk, D]; mask: bool [N, chunk], which of them count. points: [N, K, 3] (m), the simulator's. pixels:
    [N, C, K, 2], in the pictures of each camera.
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
    """All demonstrations below some folders: LIBERO's own files, or those of `vlabench demos`; or files of the same
    layout of another simulator, with its actions, proprioception as one array `obs/proprio`, and pictures of each
    camera as `obs/<camera>_rgb`.

    chunk: actions of a sample; it may be set later. cameras: by default all of the simulator's.

    Batches are drawn task by task, each as often as the square root of its frames says (a long task is harder, but not
    as much as it is longer), then any of its frames. Raises DataError for files that are damaged, of other layout or of
    other units (`training.demos.reading`), or whose pictures are not image_size × image_size.
    """

    folders: Sequence[Path]
    image_size: int
    simulator: str
    chunk: int = 1
    cameras: tuple[str, ...] | None = None
    instructions: list[str] = field(default_factory=list)
    clips: list[list[Clip]] = field(default_factory=list)

    def __post_init__(self) -> None:
        kind = find_simulator(self.simulator)
        self.space, self._known, self.points = kind.action_space, tuple(kind.cameras), tuple(kind.points)
        self._seen = self._known if self.cameras is None else self.cameras
        self.files: list[Path] = []
        for folder in self.folders:
            for path in reading.files(folder, self.simulator):
                self._add(path)
        self._ends = [np.cumsum([len(clip.labels) for clip in clips]) for clips in self.clips]
        self._files: dict[int, h5py.File] = {}
        self._open: dict[tuple[int, str, str], h5py.Dataset] = {}

    @property
    def frames(self) -> int:
        """Frames in all."""
        return sum(int(ends[-1]) for ends in self._ends)

    def facts(self) -> Facts:
        """For a policy that begins from nothing."""
        return Facts(self._seen, self.image_size, len(self.space.names), *self.proprio_range(),
                     tuple(self.instructions), self.points)

    def proprio_range(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of proprioception, [P] each."""
        every = np.concatenate([clip.proprio for clips in self.clips for clip in clips])
        return tuple(every.mean(0).tolist()), tuple((every.std(0) + 1e-3).tolist())

    def batch(self, size: int, *key: str | int) -> Batch:
        """The batch of a key: equal keys give equal batches, in any order and any process. Raises DataError."""
        drawn = self._drawn(size, *key)
        rows = [self._sample(clip, t) for _, clip, t in drawn]
        columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        pictures = {camera: columns.pop(camera) for camera in self._seen}
        return Batch(pictures=pictures, tasks=np.array([task for task, _, _ in drawn]), **columns)

    def names(self, size: int, *key: str | int) -> list[str]:
        """The demonstrations that the batch of a key is of: `put_the_bowl_on_the_plate_demo.hdf5 demo_3`."""
        return [f"{self.files[clip.file].name} {clip.group.removeprefix('data/')}"
                for _, clip, _ in self._drawn(size, *key)]

    def _drawn(self, size: int, *key: str | int) -> list[tuple[int, Clip, int]]:
        """The task, demonstration and frame of each sample."""
        rng = generator("batch", *key)
        shares = np.sqrt([float(ends[-1]) for ends in self._ends])
        tasks = rng.choice(len(shares), size=size, p=shares / shares.sum())
        return [(int(task), *self._at(int(task), rng.random())) for task in tasks]

    def _at(self, task: int, place: float) -> tuple[Clip, int]:
        ends = self._ends[task]
        number = int(place * ends[-1])
        which = int(np.searchsorted(ends, number, side="right"))
        clip = self.clips[task][which]
        return clip, number - int(ends[which] - len(clip.labels))

    def _sample(self, clip: Clip, t: int) -> dict[str, Any]:
        upto = clip.labels[t : t + self.chunk]
        actions = np.concatenate([upto, np.repeat(upto[-1:], self.chunk - len(upto), axis=0)])
        pictures = {camera: reading.picture(self._pictures(clip, name), t, clip.upright)
                    for camera, name in stored_as(self._seen).items()}
        return {**pictures, "proprio": clip.proprio[t], "actions": actions, "points": clip.points[t],
                "pixels": clip.pixels[t], "mask": np.arange(self.chunk) < clip.reliable[t]}

    def _pictures(self, clip: Clip, name: str) -> h5py.Dataset:
        """Of one camera of a clip; opened once, as that takes as long as reading a picture."""
        import h5py

        key = (clip.file, clip.group, name)
        if key not in self._open:
            if clip.file not in self._files:
                self._files[clip.file] = h5py.File(self.files[clip.file], "r", rdcc_nbytes=0)
            group = self._files[clip.file][clip.group]
            self._open[key] = group[pictures_in(group, name)]
        return self._open[key]

    def _add(self, path: Path) -> None:
        with reading.opened(path, self.simulator) as source:
            clips = [self._clip(source.upright, group) for group in source.groups.values()]
        self.files.append(path)
        text = source.instruction
        if text not in self.instructions:
            self.instructions.append(text)
            self.clips.append([])
        self.clips[self.instructions.index(text)] += clips

    def _clip(self, upright: bool, group: h5py.Group) -> Clip:
        labels = reading.actions(group, self.space).astype(np.float32)
        length = len(labels)
        for name in stored_as(self._seen).values():
            reading.pictures(group, name, length, self.image_size)
        actors = np.zeros(length, dtype=np.uint8)
        points = np.full((length, len(self.points), 3), np.nan)
        pixels = np.full((length, len(self._known), len(self.points), 2), np.nan)
        if "vlabench/actors" in group:
            actors = reading.numbers(group, "vlabench/actors", (), length).astype(np.uint8)
        if "vlabench/points" in group:
            told = reading.points(group, "vlabench/points", (), length, len(self.points))
            far = np.linalg.norm(told, axis=-1, keepdims=True) > FAR
            points[:, : told.shape[1]] = np.where(far, np.nan, told)
        if "vlabench/pixels" in group:
            told = reading.points(group, "vlabench/pixels", (len(self._known),), length, len(self.points))
            pixels[:, :, : told.shape[2]] = told
        places = dict(zip(self._known, pixels.swapaxes(0, 1), strict=True))
        unknown = np.full((length, len(self.points), 2), np.nan)
        seen = np.stack([places.get(camera, unknown) for camera in self._seen], axis=1)
        return Clip(len(self.files), group.name.strip("/"), upright, labels, reading.proprio(group, length),
                    points.astype(np.float32), seen.astype(np.float32),
                    reliable(actors, length))


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
    """The batches of some training steps, in order, read ahead by `workers` processes. Raises DataError."""
    if not workers:
        yield from (data.batch(size, seed, step) for step in steps)
        return
    loader: DataLoader[Batch | DataError] = DataLoader(
        _Steps(data, size, seed, steps), batch_size=None, num_workers=workers, prefetch_factor=4,
        multiprocessing_context="fork", collate_fn=_as_is, worker_init_fn=partial(_begin, os.getpid()))
    for batch in loader:
        if isinstance(batch, DataError):
            raise batch
        yield batch


class _Steps(Dataset["Batch | DataError"]):
    """A training step's batch by its place in the range; what a DataLoader calls a dataset.

    Errors are handed over: of one that is raised, a DataLoader makes one whose message is a traceback.
    """

    def __init__(self, data: DemoData, size: int, seed: int, steps: range) -> None:
        self._data, self._size, self._seed, self._steps = data, size, seed, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, place: int) -> Batch | DataError:
        try:
            return self._data.batch(self._size, self._seed, self._steps[place])
        except DataError as error:
            return error


def _as_is(batch: Any) -> Any:
    return batch


def _begin(parent: int, _: int) -> None:
    """A loader that outlived a killed training would wait for ever to hand on its next batch."""
    die_with(parent)


def samples(data: DemoData, batch: Batch, device: torch.device | str, even: bool = False) -> objectives.Batch:
    """A batch as objectives have it; what it offers them is OFFERED. even: whether all samples weigh the same, instead
    of all of their labels."""
    moved = {name: torch.from_numpy(getattr(batch, name)).to(device, non_blocking=True)
             for name in ("actions", "mask", *OFFERED)}
    weights = moved["mask"].float()
    if even:
        weights = weights / weights.sum(1, keepdim=True)  # the first label always counts
    obs = Observation.now({camera: np.ascontiguousarray(pictures[:, ::-1, ::-1])
                           for camera, pictures in batch.pictures.items()},
                          batch.proprio, [data.instructions[task] for task in batch.tasks], 0)
    return objectives.Batch(obs, moved["actions"], moved["mask"], weights, weights.sum(), len(weights), data.space,
                            {name: moved[name] for name in OFFERED}, named=data.points)
