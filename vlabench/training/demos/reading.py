"""Reading demonstrations whoever made them: what a file says of itself, and what nobody could learn from.

LIBERO's files carry the sentence of the task file. Evaluation gives the task's name in words, as published results do,
and for 25 of the 40 tasks that is another sentence; so a task that is known by name gets evaluation's. Pictures are as
OpenGL draws them, rows from the bottom up; `macros_image_convention` = "opencv" says that a file has them from the top
down, and they are turned. What a file does not say of itself is not guessed: such a file is refused. Two kinds say it
by what they are. Files without any attribute that are called as LIBERO's are those that OpenVLA's script makes of
LIBERO's own, without the pauses (no-noops): with its pictures, as they are drawn. Files with nothing but `env_args`,
which names the task's file, are those that robomimic draws anew from LIBERO's states: from the top down, and the
hand's turn as a quaternion. (In LIBERO's own files a frame is what its action led to, a step late; the other two begin
with the state in which the first action was taken. All are read as they are.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vlabench.cards import find
from vlabench.errors import DataError
from vlabench.simulators.libero.interface import axis_angle
from vlabench.training.demos import from_lerobot, layout
from vlabench.types import ActionSpace
from vlabench.util.messages import shown
from vlabench.util.parsing import strict_json

if TYPE_CHECKING:
    import h5py

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

CONVENTIONS = {"opengl": False, "opencv": True}
"""`macros_image_convention` → whether the first row of a picture is its top."""
OWN_FILES = "LIBERO's own files (https://libero-project.github.io), or vlabench demos"
SCENE = r"[A-Z][A-Z_]*_SCENE\d+_"
"""How names of LIBERO-90's and LIBERO-10's tasks begin, which is no part of the instruction."""
COPY = "import h5py; h5py.File('THIS', 'a')['data'].attrs.update(h5py.File('LIBERO', 'r')['data'].attrs)"
"""Gives a file the attributes of LIBERO's own file of the task."""
OTHERS = {
    "*.h5": ("files that end in .h5", "give them the ending .hdf5 if they have LIBERO's layout"),
    "*.tfrecord*": ("an RLDS data set (TFRecord files)", OWN_FILES),
    "*.parquet": ("a LeRobot data set (Parquet files) without its meta/info.json", "name the folder that holds `meta`"),
    ".zgroup": ("a Zarr archive", OWN_FILES),
    "*.zip": ("a packed archive", "unpack it"),
    "*.tar*": ("a packed archive", "unpack it"),
}
"""What a folder may hold instead: pattern → what it is, what to do."""


@dataclass(frozen=True)
class Source:
    """What a file says of itself, while it is open.

    names: what its task may be called: by the file's name, as LIBERO finds a task's file, then by the attribute
    `bddl_file_name`. said: the file's own instruction. upright: whether pictures' first rows are at the top.
    groups: the demonstrations, in the order of their numbers. simulator: whose tasks they are.
    """

    path: Path
    names: tuple[str, ...]
    said: str
    upright: bool
    groups: Mapping[str, h5py.Group]
    simulator: str

    @property
    def instruction(self) -> str:
        """What evaluation tells a policy to do in this task; of a task that it does not know, what the file says.

        Raises MissingExtra where the simulator's tasks are not installed.
        """
        known = {task.name: task.instruction for task in find.find_tasks(self.simulator)}
        return next((known[name] for name in self.names if name in known), self.said)


def files(folder: Path, simulator: str) -> list[Path]:
    """The files of demonstrations below a folder, sorted; those of a LeRobot data set are made first.

    Raises DataError, which says what is there instead; MissingExtra.
    """
    if (folder / from_lerobot.INFO).is_file():
        return from_lerobot.converted(folder, simulator)
    if not folder.is_dir():
        what = ("a file; what is needed is the folder it is in" if folder.exists()
                else "no demonstrations: there is no such folder")
        raise DataError(f"--data {shown(folder)}: {what}\n"
                        f"  fix: vlabench demos --out DIR --task-set S, and --data DIR; "
                        f"or another folder with *.hdf5 in LIBERO's layout")
    found = layout.files(folder)
    if not found:
        for pattern, (what, fix) in OTHERS.items():
            if next(folder.rglob(pattern), None):
                raise DataError(f"{shown(folder)}: no demonstrations (*.hdf5) in this folder, but {what}\n"
                                f"  fix: {fix}")
        raise DataError(f"{shown(folder)}: no demonstrations (*.hdf5) in this folder\n  fix: vlabench demos")
    return found


@contextmanager
def opened(path: Path, simulator: str) -> Iterator[Source]:
    """A file of a simulator's demonstrations. Raises MissingExtra, and DataError for one that is damaged, empty or
    something else.
    """
    with layout.opened(path) as file:
        try:
            yield _source(path, file, simulator)
        except (OSError, RuntimeError) as error:  # HDF5's own
            raise damaged(path, error) from error


def _source(path: Path, file: h5py.File, simulator: str) -> Source:
    import h5py

    data = file.get("data")
    if not isinstance(data, h5py.Group):
        raise DataError(f"{shown(path)}: not LIBERO's layout of demonstrations: it has no group 'data'\n"
                        f"  fix: {OWN_FILES}")
    said, convention, names = _labels(path, data.attrs, simulator)
    if convention not in CONVENTIONS:
        raise DataError(f"{shown(path)}: macros_image_convention is {convention!r}; valid: {', '.join(CONVENTIONS)}")
    groups = {name: group for name, group in data.items()
              if re.fullmatch(r"demo_\d+", name) and isinstance(group, h5py.Group)}
    if not groups:
        raise DataError(f"{shown(path)}: no demonstrations in it (data/demo_0, data/demo_1, …)\n"
                        f"  fix: remove it, or make it again with vlabench demos")
    return Source(path, names, said, CONVENTIONS[convention],
                  dict(sorted(groups.items(), key=lambda item: int(item[0][5:]))), simulator)


def _labels(path: Path, attributes: Mapping[str, Any], simulator: str) -> tuple[str, str, tuple[str, ...]]:
    """What a file says the task is, how its pictures lie, and what its task may be called. Raises DataError."""
    called = path.name.removesuffix(".hdf5").removesuffix("_demo")
    bddl = Path(_text(attributes.get("bddl_file_name", "")) or _environment(attributes)).name.removesuffix(".bddl")
    lacking = [name for name in ("problem_info", "macros_image_convention") if name not in attributes]
    if not lacking:
        return _said(path, attributes["problem_info"]), _text(attributes["macros_image_convention"]), (called, bddl)
    if not len(attributes) and (re.match(SCENE, called) or
                                called in [task.name for task in find.find_tasks(simulator)]):
        return _words(called), "opengl", (called,)
    if len(lacking) == 2 and "env_args" in attributes and bddl:
        return _words(bddl), "opencv", (bddl,)
    raise DataError(
        f"{shown(path)}: its group 'data' lacks the attribute {' and '.join(lacking)}: nothing says which task it "
        f"is, or which way up its pictures are (of files without any, those made again without pauses, no-noops, "
        f"are known that are called as LIBERO's own; of robomimic's, those whose env_args name the task's file)\n"
        f"  fix: take these attributes from LIBERO's own file of the task: python -c \"{COPY}\"")


def _environment(attributes: Mapping[str, Any]) -> str:
    """The task's file, where robomimic's description of the environment names one."""
    try:
        told = strict_json(_text(attributes["env_args"]))
        return str(told.get("bddl_file") or told["env_kwargs"]["bddl_file_name"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _words(name: str) -> str:
    """A task's name as LIBERO makes an instruction of it."""
    return re.sub(SCENE, "", name).replace("_", " ").lower()


def _text(attribute: Any) -> str:
    return attribute.decode(errors="replace") if isinstance(attribute, bytes) else str(attribute)


def _said(path: Path, problem: Any) -> str:
    try:
        said = strict_json(_text(problem))["language_instruction"]
        text = " ".join(" ".join(said if isinstance(said, list) else [said]).lower().split())
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{shown(path)}: the attribute problem_info is not LIBERO's, with a language_instruction: "
                        f"{error!r}\n  fix: {OWN_FILES}") from None
    if not text:
        raise DataError(f"{shown(path)}: the language_instruction in its problem_info is empty")
    return text


def where(item: h5py.Group | h5py.Dataset) -> str:
    """`folder/x_demo.hdf5: data/demo_3`."""
    return f"{shown(Path(item.file.filename))}: {item.name.strip('/')}"


def damaged(path: Path, error: Exception, place: str = "") -> DataError:
    """For a file that HDF5 opens and cannot read. place: what of it."""
    return DataError(f"{shown(path)}: {place}{': ' if place else ''}damaged, it cannot be read: {error}\n"
                     f"  fix: download or make this file again, or remove it")


def numbers(group: h5py.Group, name: str, shape: Sequence[int], length: int | None = None, *,
            known: bool = True) -> Floats:
    """An array [T, *shape] of a demonstration. length: T. known: whether what is no finite float32 is refused.

    Raises DataError.
    """
    stored = _stored(group, name)
    if stored.shape[1:] != tuple(shape) or stored.dtype.kind not in "fiub" or (length or len(stored)) != len(stored):
        raise DataError(f"{where(group)}: {name} is {stored.dtype} {list(stored.shape)}, needed are numbers "
                        f"{[length or 'T', *shape]}")
    try:
        array: Floats = np.asarray(stored[()], dtype=np.float64)
    except (OSError, RuntimeError) as error:
        raise damaged(Path(group.file.filename), error, f"{group.name.strip('/')}/{name}") from None
    wrong = ~(np.abs(array) <= np.finfo(np.float32).max)
    if known and wrong.any():
        row = np.argwhere(wrong)[0]
        raise DataError(f"{where(group)}: {name} holds {array[tuple(row)]} in frame {row[0]}; nothing can be learned "
                        f"from it\n  fix: remove this demonstration from the file, or make it again")
    return array


def points(group: h5py.Group, name: str, shape: Sequence[int], length: int, most: int) -> Floats:
    """The K points of each frame, `vlabench/points` [T, K, 3] or `vlabench/pixels` [T, *shape, K, 2], NaN where
    unknown; fewer than `most` in files of before a simulator told as many. Raises DataError.
    """
    found = _stored(group, name).shape
    if shape:
        known = found[-2] if len(found) == 2 + len(shape) + 1 else most
        return numbers(group, name, (*shape, min(known, most), 2), length, known=False)
    known = found[-1] // 3 if len(found) == 2 and found[-1] % 3 == 0 else most
    return numbers(group, name, (3 * min(known, most),), length, known=False).reshape(length, -1, 3)


def proprio(group: h5py.Group, length: int) -> npt.NDArray[np.float32]:
    """[T, P]; in one array, or in the parts of LIBERO's files or robomimic's. Raises DataError."""
    if "obs/proprio" in group:
        width = group["obs/proprio"].shape[-1]
        return numbers(group, "obs/proprio", (width,), length).astype(np.float32)
    parts = next((parts for parts in layout.PROPRIO if f"obs/{next(iter(parts))}" in group), layout.PROPRIO[0])
    found = {name: numbers(group, f"obs/{name}", (width,), length) for name, width in parts.items()}
    return np.concatenate([np.stack(list(map(axis_angle, part))) if name.endswith("_quat") else part
                           for name, part in found.items()], axis=1).astype(np.float32)


def actions(group: h5py.Group, space: ActionSpace) -> Floats:
    """A demonstration's actions [T, D], T ≥ 1, within the space. Raises DataError."""
    found = numbers(group, "actions", (space.size,))
    if not len(found):
        raise DataError(f"{where(group)}: no frames in it\n  fix: remove this demonstration from the file")
    low, high = np.array(space.low), np.array(space.high)
    beyond = np.argwhere((found < low - 1e-6) | (found > high + 1e-6))
    if len(beyond):
        frame, column = beyond[0]
        raise DataError(f"{where(group)}: action {space.names[column]} is {found[frame, column]:g} in frame {frame}; "
                        f"the simulator's are in [{low[column]:g}, {high[column]:g}]\n"
                        f"  fix: divide by the controller's range, or by what else they were scaled")
    hand, opens = space.gripper, space.opens
    if hand is not None and opens is not None and low[hand] == -high[hand] and 0 <= found[:, hand].min() < high[hand]:
        most = f"{high[hand]:g}"  # it may be closed throughout
        raise DataError(f"{where(group)}: the gripper's actions are in [0, {most}]; the simulator's are "
                        f"{opens:g} (open) and {-opens:g} (close)\n"
                        f"  fix: write them so: 2 g − {most}, or {most} − 2 g where {most} opens it")
    return found


def pictures(group: h5py.Group, name: str, length: int, size: int) -> h5py.Dataset:
    """A camera's pictures, uint8 [T, S, S, 3] as they are stored; unread. Raises DataError."""
    name = layout.pictures_in(group, name)
    stored = _stored(group, name)
    if stored.dtype == np.uint8 and stored.shape == (length, size, size, 3):
        return stored
    what = f"{where(group)}: {name} is {stored.dtype} {list(stored.shape)}, needed is uint8 {[length, size, size, 3]}"
    if stored.dtype != np.uint8:
        raise DataError(f"{what}\n  fix: store brightness as LIBERO does, uint8, 0 … 255")
    if stored.shape == (length, 3, *stored.shape[2:]):
        raise DataError(f"{what}: channels last\n  fix: pictures.transpose(0, 2, 3, 1)")
    if stored.shape[1:3] == (size, size):  # another number of frames, or channels
        raise DataError(f"{what}\n  fix: three channels, and a picture for each of the {length} actions")
    raise DataError(f"{what}\n  fix: pictures of {size} × {size} pixels (vlabench demos --image-size {size}), or a "
                    f"policy's card for pictures of this size")


def side(group: h5py.Group, name: str) -> int:
    """Pixels per side of a camera's pictures. Raises DataError."""
    return int(_stored(group, layout.pictures_in(group, name)).shape[1])


def picture(stored: h5py.Dataset, t: int, upright: bool) -> Picture:
    """One of `pictures` [S, S, 3], as OpenGL draws it. Raises DataError if it is damaged."""
    try:
        found: Picture = stored[t]
    except (OSError, RuntimeError) as error:
        raise damaged(Path(stored.file.filename), error, f"{stored.name.strip('/')}, frame {t}") from None
    return found[::-1] if upright else found


def _stored(group: h5py.Group, name: str) -> h5py.Dataset:
    import h5py

    try:
        stored = group[name]
    except (KeyError, OSError, RuntimeError) as error:
        raise DataError(f"{where(group)}: not LIBERO's layout of demonstrations, or damaged: {name}: {error}\n"
                        f"  fix: {OWN_FILES}") from None
    if not isinstance(stored, h5py.Dataset) or not stored.shape:
        raise DataError(f"{where(group)}: not LIBERO's layout of demonstrations: {name} is no array\n"
                        f"  fix: {OWN_FILES}")
    return stored
