"""Demonstrations as a LeRobotDataset, version 3.0, which LeRobot's own loader reads: `vlabench demos --format lerobot`.

    meta/info.json  meta/stats.json  meta/tasks.parquet  meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet …       a row a frame, an episode a row group

Pictures lie in the rows, as PNG, so that they are read as they were drawn; upright, as policies see them. The keys are
those of LeRobot's own data sets of LIBERO. `vlabench.actors` is ours (`training.demos.layout`).
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vlabench.errors import DataError, MissingExtra
from vlabench.simulators.base import find_simulator
from vlabench.training.demos import reading
from vlabench.training.demos.layout import stored_as
from vlabench.types import ActionSpace
from vlabench.util.messages import shown

if TYPE_CHECKING:
    import h5py

VERSION = "v3.0"
PICTURE = "observation.images."
KEYS = {"agentview": "image", "wrist": "image2"}
"""LIBERO's cameras → what LeRobot calls their pictures; others keep their names."""
ACTORS = "vlabench.actors"
FILE = 100 * 2**20
"""Bytes of a file of frames, after which the next episode begins another one."""
PATHS = {"data": "data/chunk-{:03d}/file-{:03d}.parquet",
         "video": "videos/{}/chunk-{:03d}/file-{:03d}.mp4"}
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
SOURCE = ".hdf5"
"""Where, in the folder of a set, the HDF5 is kept that it was made of."""
COUNTS = ("timestamp", "frame_index", "episode_index", "index", "task_index")


def key_of(camera: str) -> str:
    """`observation.images.image`."""
    return PICTURE + KEYS.get(camera, camera)


def write(files: Sequence[Path], out: Path, simulator: str) -> int:
    """A data set in `out` of all demonstrations in these files; what lay there of another goes. The number of episodes.

    Raises MissingExtra without pyarrow; DataError for files that cannot be read, or a folder not to be written to.
    """
    arrow()
    partial = out / ".partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        book = _Book(partial, simulator)
        for path in files:
            with reading.opened(path, simulator) as source:
                for group in source.groups.values():
                    book.add(group, source.instruction, source.upright)
        book.close()
        for name in ("meta", "data"):  # without `meta` it is none: nobody reads half of one
            shutil.rmtree(out / name, ignore_errors=True)
        for name in ("data", "meta"):
            (partial / name).rename(out / name)
    except OSError as error:
        raise DataError(f"{shown(out)}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(book.episodes)


def check_place(out: Path) -> None:
    """Raises DataError for a folder with `data` or `meta` that are of no set that was written here: they would go."""
    found = [name for name in ("data", "meta", "videos") if (out / name).exists()]
    if found and not (out / SOURCE).is_dir():
        raise DataError(f"{shown(out)}: has {' and '.join(found)} of its own, which a data set would replace\n"
                        f"  fix: --out NEW, a folder for it alone")


def arrow() -> Any:
    """pyarrow, with its `parquet`. Raises MissingExtra."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(error.name or "pyarrow", "lerobot", "a LeRobot data set") from error
    return pyarrow


@dataclass
class _Pictures:
    """How often each brightness is in each channel of a camera's pictures. side: pixels."""

    side: int
    frames: int = 0
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((3, 256), np.int64))

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        self.frames += 1
        for channel in range(3):
            self.counts[channel] += np.bincount(picture[..., channel].ravel(), minlength=256)

    def stats(self) -> dict[str, Any]:
        """Of brightness in 0 … 1, [3, 1, 1] each, as LeRobot has it."""
        levels, share = np.arange(256) / 255, self.counts / self.counts.sum(axis=1, keepdims=True)
        mean, upto = share @ levels, share.cumsum(axis=1)
        found = {"min": [levels[np.flatnonzero(each)[0]] for each in share],
                 "max": [levels[np.flatnonzero(each)[-1]] for each in share],
                 "mean": mean, "std": np.sqrt(np.maximum(share @ levels**2 - mean**2, 0)),
                 **{name: [levels[np.searchsorted(each, at)] for each in upto] for name, at in QUANTILES.items()}}
        return {**{name: np.reshape(value, (3, 1, 1)).tolist() for name, value in found.items()},
                "count": [self.frames]}


class _Book:
    """What has been written, and what is to be known of it in the end."""

    def __init__(self, out: Path, simulator: str) -> None:
        kind = find_simulator(simulator)
        self._out, self._simulator, self._space = out, simulator, kind.action_space
        self._cameras = stored_as(list(kind.cameras))
        self.episodes: list[dict[str, Any]] = []
        self._tasks: dict[str, int] = {}
        self._columns: dict[str, list[Any]] = {}
        self._pictures: dict[str, _Pictures] = {}
        self._frames = self._file = 0
        self._sink: Any = None
        self._writer: Any = None

    def add(self, group: h5py.Group, instruction: str, upright: bool) -> None:
        """An episode."""
        actions = reading.actions(group, self._space).astype(np.float32)
        length = len(actions)
        actors = (reading.numbers(group, "vlabench/actors", (), length) if "vlabench/actors" in group
                  else np.zeros(length))
        task = self._tasks.setdefault(instruction, len(self._tasks))
        number, start = len(self.episodes), self._frames
        rows: dict[str, Any] = {
            "observation.state": reading.proprio(group, length), "action": actions, ACTORS: actors.astype(np.int64),
            "timestamp": (np.arange(length) / self._space.control_hz).astype(np.float32),
            "frame_index": np.arange(length), "episode_index": np.full(length, number),
            "index": start + np.arange(length), "task_index": np.full(length, task)}
        for name, values in rows.items():
            self._columns.setdefault(name, []).append(values)
        files = {key_of(camera): list(self._drawn(group, camera, name, length, upright))
                 for camera, name in self._cameras.items()}
        self._write(rows, files)
        self._frames += length
        self.episodes.append({
            "episode_index": number, "tasks": [instruction], "length": length, "data/chunk_index": self._file // 1000,
            "data/file_index": self._file % 1000, "dataset_from_index": start, "dataset_to_index": start + length,
            "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0})

    def _drawn(self, group: h5py.Group, camera: str, name: str, length: int, upright: bool) -> Iterator[bytes]:
        """A camera's pictures as PNG."""
        from PIL import Image

        side = self._pictures[camera].side if camera in self._pictures else reading.side(group, name)
        stored = reading.pictures(group, name, length, side)
        told = self._pictures.setdefault(camera, _Pictures(side))
        for t in range(length):
            picture = np.ascontiguousarray(reading.picture(stored, t, upright)[::-1, ::-1])
            told.add(picture)
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "PNG", compress_level=1)
            yield file.getvalue()

    def _write(self, rows: Mapping[str, npt.NDArray[Any]], files: Mapping[str, Sequence[bytes]]) -> None:
        """A row group of the file that is open, or of the next one."""
        pa = arrow()
        columns = {key: pa.array([{"bytes": each, "path": None} for each in pictures],
                                 pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
                   for key, pictures in files.items()}
        for name, values in rows.items():
            columns[name] = pa.array(values) if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(
                pa.array(values.ravel()), values.shape[1])
        table = pa.table(columns)
        if self._writer is not None and self._sink.tell() > FILE:
            self._shut()
            self._file += 1
        if self._writer is None:
            path = self._out / PATHS["data"].format(self._file // 1000, self._file % 1000)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = path.open("wb")
            self._writer = pa.parquet.ParquetWriter(self._sink, table.schema, compression="snappy")
        self._writer.write_table(table)

    def _shut(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._sink.close()
            self._writer = None

    def close(self) -> None:
        """What the whole is, below `meta`."""
        self._shut()
        pa, meta = arrow(), self._out / "meta"
        episodes = meta / "episodes" / "chunk-000"
        episodes.mkdir(parents=True)
        pa.parquet.write_table(pa.Table.from_pylist(self.episodes), episodes / "file-000.parquet")
        _tasks(meta / "tasks.parquet", list(self._tasks))
        (meta / "stats.json").write_text(json.dumps(self._stats(), indent=1))
        (meta / "info.json").write_text(json.dumps(self._info(), indent=1))

    def _stats(self) -> dict[str, Any]:
        found = {key_of(camera): each.stats() for camera, each in self._pictures.items()}
        for name, parts in self._columns.items():
            values = np.concatenate(parts).astype(np.float64)
            values = values[:, None] if values.ndim == 1 else values
            found[name] = {"min": values.min(0).tolist(), "max": values.max(0).tolist(),
                           "mean": values.mean(0).tolist(), "std": values.std(0).tolist(), "count": [len(values)],
                           **{key: np.quantile(values, at, axis=0).tolist() for key, at in QUANTILES.items()}}
        return found

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": VERSION, "robot_type": self._simulator, "total_episodes": len(self.episodes),
            "total_frames": self._frames, "total_tasks": len(self._tasks), "chunks_size": 1000,
            "data_files_size_in_mb": FILE // 2**20, "video_files_size_in_mb": 200, "fps": int(self._space.control_hz),
            "splits": {"train": f"0:{len(self.episodes)}"},
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "video_path": None,
            "features": _features(self._space, self._columns["observation.state"][0].shape[1],
                                  {key_of(camera): each.side for camera, each in self._pictures.items()})}


def _tasks(path: Path, instructions: Sequence[str]) -> None:
    """As pandas writes a frame whose index they are, and LeRobot reads it."""
    import pandas as pd

    pd.DataFrame({"task_index": range(len(instructions))}, index=pd.Index(instructions, name="task")).to_parquet(path)


def _features(space: ActionSpace, state: int, sides: Mapping[str, int]) -> dict[str, Any]:
    numbers: dict[str, Any] = {
        "observation.state": {"dtype": "float32", "shape": [state], "names": [f"state_{i}" for i in range(state)]},
        "action": {"dtype": "float32", "shape": [space.size], "names": list(space.names)},
        ACTORS: {"dtype": "int64", "shape": [1], "names": None},
        **{name: {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
           for name in COUNTS}}
    return {**{key: {"dtype": "image", "shape": [side, side, 3], "names": ["height", "width", "channels"]}
               for key, side in sides.items()}, **numbers}
