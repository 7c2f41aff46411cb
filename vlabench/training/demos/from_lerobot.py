"""A LeRobotDataset, version 3.0, as demonstrations to train on: made into LIBERO's layout once, in the cache.

Training reads single pictures in any order, which a video does not give away cheaply; so the pictures of a data set,
PNG in its rows or frames of its videos, are stored as our own files have them. A set that changes is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vlabench.cards import find
from vlabench.errors import DataError, MissingExtra, words_of
from vlabench.simulators.base import find_simulator
from vlabench.training.demos import layout
from vlabench.util.files import InUse, cache, locked
from vlabench.util.messages import shown
from vlabench.util.parsing import strict_json

if TYPE_CHECKING:
    import h5py

INFO = "meta/info.json"
NAMES: Mapping[str, tuple[str, ...]] = {
    "agentview": ("image", "agentview", "camera1", "front"),
    "wrist": ("image2", "wrist", "wrist_image", "camera2", "eye_in_hand")}
"""LIBERO's cameras → what the last part of their pictures' keys is in data sets of it; others go by their names."""
STATES, ACTIONS, ACTORS = ("observation.state", "state"), ("action", "actions"), "vlabench.actors"
CONVERTER = "convert_dataset_v21_to_v30"


def converted(folder: Path, simulator: str) -> list[Path]:
    """Files in LIBERO's layout, one a task, of the data set in a folder. Raises DataError, MissingExtra."""
    found = _DataSet.of(folder, simulator)
    home = cache() / "lerobot" / found.digest
    partial = home.with_name(f".{home.name}")
    try:
        if not home.is_dir():
            with locked(home.parent):
                shutil.rmtree(partial, ignore_errors=True)
                found.write(partial)
                partial.rename(home)
    except InUse as owner:
        raise DataError(f"{shown(home.parent)}: {owner} is at work here, making another data set\n"
                        f"  fix: the same command, once it is done") from None
    except OSError as error:
        raise DataError(f"{shown(home)}: cannot be written, for {shown(folder)}: {error.strerror or error}\n"
                        f"  fix: space on the disk, or VLABENCH_CACHE=DIR with some") from error
    return layout.files(home)


@dataclass(frozen=True)
class _Episode:
    """file: that its frames lie in. videos: key → file, and the frame of it with which it begins."""

    number: int
    length: int
    file: Path
    videos: Mapping[str, tuple[Path, int]]


@dataclass
class _DataSet:
    """pictures: camera → key. state, action: keys of what else is read."""

    folder: Path
    simulator: str
    info: dict[str, Any]
    pictures: Mapping[str, str]
    state: str
    action: str

    @classmethod
    def of(cls, folder: Path, simulator: str) -> _DataSet:
        """Raises DataError for one of another version, or without what is needed here."""
        info = _info(folder)
        _check_version(folder, str(info.get("codebase_version")))
        features = info.get("features")
        if not isinstance(features, dict):
            raise DataError(f"{shown(folder / INFO)}: no table `features`")
        kind = find_simulator(simulator)
        shown_as = {key: feature for key, feature in features.items() if feature.get("dtype") in ("image", "video")}
        pictures = {camera: _named(folder, NAMES.get(camera, (camera,)), shown_as, f"pictures of camera {camera!r}")
                    for camera in kind.cameras}
        state = _named(folder, STATES, features, "proprioception", whole=True)
        action = _named(folder, ACTIONS, features, "actions", whole=True)
        size = kind.action_space.size
        if list(features[action].get("shape", ())) != [size]:
            raise DataError(f"{shown(folder)}: {action} is {features[action].get('shape')}; the simulator's actions "
                            f"have {size} numbers: {', '.join(kind.action_space.names)}")
        return cls(folder, simulator, info, pictures, state, action)

    @property
    def digest(self) -> str:
        """Of its files' names, sizes and times, and of what they are made into."""
        told = [self.simulator, json.dumps(self.info, sort_keys=True), json.dumps(dict(self.pictures))]
        for path in sorted(self.folder.rglob("*.*")):
            if path.suffix in (".parquet", ".mp4"):
                stamp = path.stat()
                told.append(f"{path.relative_to(self.folder)} {stamp.st_size} {stamp.st_mtime_ns}")
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]

    def write(self, out: Path) -> None:
        """Files of all its tasks. Raises DataError, MissingExtra, OSError."""
        pq = _parquet()
        tasks = self._tasks()
        known = {task.instruction: task for task in find.find_tasks(self.simulator)}
        counts: dict[str, int] = {}
        open_file: tuple[Path, Any] = (Path(), None)
        with contextlib.ExitStack() as stack:
            files: dict[str, h5py.File] = {}
            films = _Films(stack, self.info["features"])
            for episode in self._episodes(pq):
                if open_file[0] != episode.file:
                    open_file = episode.file, self._frames(pq, episode.file)
                rows = open_file[1].get(episode.number)
                if rows is None or len(rows) != episode.length:
                    raise DataError(f"{shown(episode.file)}: episode {episode.number} has "
                                    f"{0 if rows is None else len(rows)} frames of {episode.length}\n"
                                    f"  fix: download the data set again")
                text = " ".join(tasks[int(rows["task_index"].iloc[0])].lower().split())
                if text not in files:
                    name = known[text].name if text in known else re.sub(r"\W+", "_", text).strip("_")
                    out.mkdir(parents=True, exist_ok=True)
                    files[text] = stack.enter_context(layout.opened(out / f"{name[:200]}_demo.hdf5", "w"))
                    files[text].create_group("data")
                number = counts[text] = counts.get(text, -1) + 1
                self._add(files[text]["data"].create_group(f"demo_{number}"), rows, episode, films)
            for text, file in files.items():
                file["data"].attrs.update({"num_demos": counts[text] + 1, "macros_image_convention": "opengl",
                                           "problem_info": json.dumps({"language_instruction": text})})

    def _add(self, group: h5py.Group, rows: Any, episode: _Episode, films: _Films) -> None:
        group.attrs["num_samples"] = len(rows)
        group.create_dataset("actions", data=np.stack(rows[self.action].to_list()).astype(np.float32))
        group.create_dataset("obs/proprio", data=np.stack(rows[self.state].to_list()).astype(np.float32))
        if ACTORS in rows:
            group.create_dataset("vlabench/actors", data=rows[ACTORS].to_numpy().astype(np.uint8))
        for camera, name in layout.stored_as(list(self.pictures)).items():
            key = self.pictures[camera]
            drawn = (films.frames(key, *episode.videos[key], episode.length) if key in episode.videos
                     else (_picture(each, episode.file) for each in rows[key]))
            stored: Any = None
            for t, picture in enumerate(drawn):
                if stored is None:
                    stored = group.create_dataset(f"obs/{name}", (len(rows), *picture.shape), np.uint8,
                                                  chunks=(1, *picture.shape), compression="gzip", compression_opts=1)
                stored[t] = picture[::-1, ::-1]

    def _tasks(self) -> dict[int, str]:
        """Number → instruction."""
        path = self.folder / "meta" / "tasks.parquet"
        try:
            import pandas as pd

            found = pd.read_parquet(path)
            texts = found["task"] if "task" in found.columns else found.index
            return {int(number): str(text) for number, text in zip(found["task_index"], texts, strict=True)}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{shown(path)}: not read: {words_of(error)}\n  fix: download the data set again") from None

    def _episodes(self, pq: Any) -> Iterator[_Episode]:
        """In their order. Raises DataError."""
        filmed = [key for key in self.pictures.values() if self.info["features"][key]["dtype"] == "video"]
        paths = sorted((self.folder / "meta" / "episodes").rglob("*.parquet"))
        if not paths:
            raise DataError(f"{shown(self.folder)}: no episodes in it (meta/episodes/*/*.parquet)\n"
                            f"  fix: download the data set again")
        try:
            rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
            for row in sorted(rows, key=lambda row: row["episode_index"]):
                yield _Episode(row["episode_index"], row["length"], self._path("data_path", row, "data"), {
                    key: (self._path("video_path", row, f"videos/{key}", video_key=key),
                          round(row[f"videos/{key}/from_timestamp"] * self.info["fps"])) for key in filmed})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{shown(paths[0])}: not as version 3.0 has it: {words_of(error)}\n"
                            f"  fix: download the data set again") from None

    def _path(self, which: str, row: Mapping[str, Any], prefix: str, **more: str) -> Path:
        return self.folder / str(self.info[which]).format(
            chunk_index=row[f"{prefix}/chunk_index"], file_index=row[f"{prefix}/file_index"], **more)

    def _frames(self, pq: Any, path: Path) -> dict[int, Any]:
        """Episode → its rows, of a file. Raises DataError."""
        stored = [key for key in self.pictures.values() if self.info["features"][key]["dtype"] == "image"]
        wanted = [self.state, self.action, "task_index", "episode_index", "frame_index", *stored]
        try:
            file = pq.ParquetFile(path)
            wanted += [ACTORS] if ACTORS in file.schema_arrow.names else []
            frame = file.read(columns=wanted).to_pandas().sort_values(["episode_index", "frame_index"])
            return {int(number): rows for number, rows in frame.groupby("episode_index")}
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{shown(path)}: not read: {words_of(error)}\n  fix: download the data set again") from None


def _info(folder: Path) -> dict[str, Any]:
    try:
        return dict(strict_json((folder / INFO).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{shown(folder / INFO)}: not read: {words_of(error)}\n"
                        f"  fix: download the data set again") from None


def _check_version(folder: Path, version: str) -> None:
    """Raises DataError for a version that is not read here, with the way to one that is."""
    if version.startswith("v3."):
        return
    here = folder.resolve()
    fix = "a version of the data set in format v3.0, which LeRobot writes from 0.4 on"
    if version == "v2.1":
        told = f"--repo-id {shlex.quote(here.name)} --push-to-hub false --root"
        fix = (f"LeRobot's converter, in its own environment; the old files stay in {here.name}_old\n"
               f"       python -m lerobot.scripts.{CONVERTER} {told} {shlex.quote(str(here))}\n"
               f"       with LeRobot 0.4: python -m lerobot.datasets.v30.{CONVERTER} {told} "
               f"{shlex.quote(str(here.parent))}")
    elif version.startswith(("v1.", "v2.")):
        fix += "; LeRobot 0.3 converts v2.0 to v2.1 (lerobot.datasets.v21), later ones v2.1 to v3.0"
    raise DataError(f"{shown(folder)}: a LeRobot data set of version {version}; what is read here is v3.0\n"
                    f"  fix: {fix}")


def _named(folder: Path, names: Sequence[str], features: Mapping[str, Any], what: str, whole: bool = False) -> str:
    """The one key whose last part is among the names; whole: which is. Raises DataError."""
    found = [key for name in names for key in features if (key if whole else key.rpartition(".")[2]) == name]
    if not found:
        ends = "is" if whole else "ends in"
        raise DataError(f"{shown(folder)}: no {what}: a key that {ends} {' or '.join(names)} is needed, there are "
                        f"{', '.join(features) or 'none'}\n"
                        f"  fix: rename the key in {INFO} and in its files (lerobot-edit-dataset)")
    return found[0]


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(error.name or "pyarrow", "lerobot", "a LeRobot data set") from error
    return pyarrow.parquet


def _picture(cell: Mapping[str, Any], file: Path) -> npt.NDArray[np.uint8]:
    from PIL import Image

    try:
        return np.asarray(Image.open(io.BytesIO(cell["bytes"])).convert("RGB"))
    except (OSError, TypeError, KeyError) as error:
        raise DataError(f"{shown(file)}: a picture that is none: {words_of(error)}") from None


class _Films:
    """Videos, each read from its beginning to its end, once if episodes come in their order. features: of the set."""

    def __init__(self, stack: contextlib.ExitStack, features: Mapping[str, Any]) -> None:
        self._stack, self._features = stack, features
        self._open: dict[Path, tuple[int, IO[bytes] | None]] = {}

    def frames(self, key: str, path: Path, first: int, length: int) -> Iterator[npt.NDArray[np.uint8]]:
        """So many [H, W, 3], from one on. Raises DataError, MissingExtra."""
        height, width = _sides(self._features[key]["shape"])
        at, reader = self._open.get(path, (0, None))
        if reader is None or at > first:
            at, reader = 0, self._begun(path)
        for number in range(at, first + length):
            content = reader.read(height * width * 3)
            self._open[path] = number + 1, reader
            if len(content) != height * width * 3:
                raise DataError(f"{shown(path)}: a video that ends at frame {number}, or cannot be read\n"
                                f"  fix: download the data set again")
            if number >= first:
                yield np.frombuffer(content, np.uint8).reshape(height, width, 3)

    def _begun(self, path: Path) -> IO[bytes]:
        try:
            import imageio_ffmpeg
        except ImportError as error:
            raise MissingExtra(error.name or "imageio_ffmpeg", "video", "a LeRobot data set with videos") from error
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24",
                   "-"]
        process = self._stack.enter_context(subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        self._stack.callback(process.kill)
        assert process.stdout is not None
        return process.stdout


def _sides(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width; channels may come first or last."""
    return (shape[1], shape[2]) if shape[0] == 3 and shape[2] != 3 else (shape[0], shape[1])
