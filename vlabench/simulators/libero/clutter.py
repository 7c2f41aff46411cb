"""Clutter: things of the pack that a task does not use, where they leave room for what it asks and for the arm.

Which kinds, and in which order, a task alone decides, so that fewer are among more and the model can be built before an
episode is known; where they stand is drawn for every episode, for each kind from numbers of its own, one after the
other: what stands where does not change with how many come after it. Never a kind that is in the task already, nor one
of a sort that its goal or its instruction names: no second mug where a mug is asked for. Baskets, caddies, racks and
pans are too large to stand around.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from vlabench.errors import OptionError, UnsupportedError
from vlabench.seeding import Draws
from vlabench.simulators.libero import hf_libero
from vlabench.simulators.libero.problem import section
from vlabench.simulators.libero.room import GAPS, ROOM, Room
from vlabench.simulators.libero.world import World
from vlabench.types import Floats, Task
from vlabench.util.files import Scratch

SORTS: Mapping[str, tuple[str, ...]] = {
    "bowl": ("akita_black_bowl", "glazed_rim_porcelain_ramekin"), "plate": ("plate",),
    "can": ("alphabet_soup", "tomato_sauce"), "bottle": ("bbq_sauce", "ketchup", "salad_dressing", "wine_bottle"),
    "carton": ("milk", "orange_juice"), "box": ("butter", "chocolate_pudding", "cookies", "cream_cheese"),
    "mug": ("porcelain_mug", "red_coffee_mug", "white_yellow_mug"), "book": ("black_book",), "pot": ("moka_pot",)}
"""What looks alike, by the word for it."""
LARGE_FIRST = (
    "plate", "white_yellow_mug", "moka_pot", "porcelain_mug", "akita_black_bowl", "red_coffee_mug",
    "glazed_rim_porcelain_ramekin", "cookies", "alphabet_soup", "tomato_sauce", "chocolate_pudding", "cream_cheese",
    "black_book", "butter", "milk", "orange_juice", "ketchup", "salad_dressing", "wine_bottle", "bbq_sauce")
"""By the ground that they cover: what needs most room comes while there is most."""
MOST = 8
"""Things around."""
UNTURNED = (1.0, 0.0, 0.0, 0.0)
_CAN, _TALL = (0.0, 0.0, 0.5**0.5, 0.5**0.5), (0.5, 0.5, 0.5, 0.5)
UPRIGHT = {"alphabet_soup": _CAN, "tomato_sauce": _CAN, "ketchup": _TALL, "milk": _TALL, "orange_juice": _TALL,
           "salad_dressing": _TALL}
"""Quaternions (w, x, y, z) of kinds that do not stand as they are modelled, as in LIBERO's start states but for a turn
about the vertical."""
AWAY = 20.0
"""Where they are (x, m) while a task's own state is looked at."""
FALL = 0.001
"""How far (m) they fall at the start."""
STIRS, TILTS = 0.02, 0.98
"""One that settles goes no farther (m), and no axis of it turns farther (cosine)."""
DRAWN = 2000
"""Spots that are drawn for one, at each of room.GAPS."""
ANEW = 20
"""Times that one which does not lie still is drawn anew."""


def free(task_set: str, name: str) -> tuple[str, ...]:
    """What can stand around in a task, in its own order."""
    text = hf_libero.bddl_file(task_set, name).read_text(encoding="utf-8")
    there = set(re.findall(r"\w+", section(text, "objects") + section(text, "fixtures")))
    words = set(hf_libero.instruction(name).split())
    goal = text[text.index("(:goal"):]
    found = [kind for sort, alike in SORTS.items() if not _named(sort, alike, words, goal)
             for kind in alike if kind not in there]
    return tuple(sorted(found, key=lambda kind: hashlib.blake2b(f"{task_set}/{name}/{kind}".encode()).digest()))


def kinds(task_set: str, name: str) -> tuple[str, ...]:
    """The first eight of these, the largest first."""
    return tuple(sorted(free(task_set, name)[:MOST], key=LARGE_FIRST.index))


def _named(sort: str, alike: Sequence[str], words: set[str], goal: str) -> bool:
    """Whether the goal names one of them, or the instruction the sort or a thing of that name: bbq sauce is a sauce."""
    said = {sort, *(kind.rsplit("_", 1)[-1] for kind in alike)}
    return any(kind in goal for kind in alike) or any(word in words or f"{word}s" in words for word in said)


def chosen(task_set: str, name: str, count: int) -> tuple[str, ...]:
    """The first so many. Raises OptionError."""
    found = kinds(task_set, name)
    if not 1 <= count <= len(found):
        raise OptionError(f"{task_set}: around {hf_libero.instruction(name)!r} stand no more than {len(found)} things "
                          f"({', '.join(found)}): others = {count} cannot be had\n  fix: 1 to {len(found)}")
    return found[:count]


def with_objects(text: str, added: Sequence[str]) -> str:
    """A task's file with one object more of each of these kinds, that begins nowhere."""
    listed = section(text, "objects")
    lines = "".join(f"    {kind}_1 - {kind}\n" for kind in added)
    return text.replace(f"(:objects{listed})", f"(:objects{listed.rstrip()}\n{lines}  )", 1)


def environment(task: Task, assets: Path, added: Sequence[str]) -> Any:
    """hf-libero's environment of a task, with one more object of each of these kinds."""
    if not added:
        return hf_libero.make_environment(task.task_set, task.name, assets)
    text = hf_libero.bddl_file(task.task_set, task.name).read_text(encoding="utf-8")
    scratch = Scratch("clutter")
    try:
        file = scratch.path / f"{task.name}.bddl"
        file.write_text(with_objects(text, added), encoding="utf-8")
        return hf_libero.make_environment(task.task_set, task.name, assets, file)
    finally:
        scratch.cleanup()


@dataclass(frozen=True)
class Standing:
    """One of them. turn: degrees about the vertical. pose [7]: position (m) and quaternion (w, x, y, z)."""

    kind: str
    turn: float
    pose: Floats


class Clutter:
    """The things added to a scene: maps states of the smaller model into the larger, draws spots, says what stands."""

    def __init__(self, world: World, added: Sequence[str], task: str) -> None:
        self._world, self._model, self._data, self._env = world, world.model, world.data, world.env
        self._task, self.kinds, self.names = task, tuple(added), tuple(f"{kind}_1" for kind in added)
        joints = [self._model.body_jntadr[self._env.obj_body_id[name]] for name in self.names]
        self._qpos = [int(self._model.jnt_qposadr[joint]) for joint in joints]
        speeds = [int(self._model.jnt_dofadr[joint]) for joint in joints]
        self._own = np.setdiff1d(np.arange(self._model.nq), [at + k for at in self._qpos for k in range(7)])
        self._own_speeds = np.setdiff1d(np.arange(self._model.nv), [at + k for at in speeds for k in range(6)])
        self._upright = [Rotation.from_quat(np.roll(UPRIGHT.get(kind, UNTURNED), -1)) for kind in added]
        self._standing: list[Standing] = []
        self._redrawn = 0

    def widened(self, state: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """A state [1 + nq + nv] of either model as one of the larger: joint by joint, what was added is far away."""
        full = np.zeros(1 + self._model.nq + self._model.nv)
        if len(state) == len(full):
            full[:] = state
        else:
            full[0] = state[0]
            full[1 + self._own] = state[1:1 + len(self._own)]
            full[1 + self._model.nq + self._own_speeds] = state[1 + len(self._own):]
        for number, at in enumerate(self._qpos):
            full[1 + at:1 + at + 7] = [AWAY + number, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
        return full

    def plain(self) -> tuple[Floats, Floats]:
        """qpos and qvel of now without what was added."""
        return self._data.qpos[self._own], self._data.qvel[self._own_speeds]

    def begin(self, draws: Draws) -> None:
        """An episode of its own, whose task's own things are where they begin, what was added far away."""
        self._draws, self._room = draws, Room(self._world, self.names)
        self._standing, self._redrawn = [], 0
        self._times = [0] * len(self.names)

    def drawn(self, state: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """A widened state with the things where they leave room; those that stand already stay.

        Each uniformly on what is free, turned about the vertical. Raises UnsupportedError.
        """
        for number in range(len(self._standing), len(self.names)):
            self._standing.append(self._draw(number))
        full = state.copy()
        for at, each in zip(self._qpos, self._standing, strict=True):
            full[1 + at:1 + at + 7] = each.pose
        return full

    def _draw(self, number: int) -> Standing:
        own, kind = self._world.box(self.names[number]), self.kinds[number]
        rng = self._draws.episode(kind, self._times[number])
        self._times[number] += 1
        for gaps in GAPS:
            spots = self._room.middle + rng.uniform([low for low, _ in ROOM], [high for _, high in ROOM], (DRAWN, 2))
            turns = rng.uniform(-180.0, 180.0, DRAWN)
            turned = Rotation.from_euler("z", turns[:, None], degrees=True) * self._upright[number]
            middles, halves = turned.apply(own.centre), np.abs(turned.as_matrix()) @ own.size / 2
            places = np.column_stack([spots, self._room.ground + FALL + halves[:, 2] - middles[:, 2]])
            found = self._room.first(places + middles - halves, places + middles + halves, gaps)
            if found is not None:
                self._redrawn += found
                return Standing(kind, float(turns[found]),
                                np.array([*places[found], *np.roll(turned[found].as_quat(), 1)]))
            self._redrawn += DRAWN
        raise UnsupportedError(f"{self._task}: there is no room for the {kind}, number {number + 1} of "
                               f"{len(self.kinds)} things around what the task needs\n  fix: fewer, or another episode")

    def lies(self) -> bool:
        """Whether they rest where they were put, touch nothing but the ground, and the goal is not reached; else the
        first that does not and those after it are to be drawn anew, as if these had not been drawn."""
        touched = self._touched()
        bad = next((number for number in range(len(self.names)) if number in touched or self._stirred(number)), None)
        if bad is None and self._env._check_success():
            bad = 0
        if bad is not None:
            self._redrawn += len(self.names) - bad
            self._standing = self._standing[:bad]
            self._times[bad + 1:] = [0] * (len(self.names) - bad - 1)
            self._room.leave(bad)
        return bad is None

    def _stirred(self, number: int) -> bool:
        pose, at = self._standing[number].pose, self._qpos[number]
        now = self._data.qpos[at:at + 7]
        return bool(np.linalg.norm(now[:3] - pose[:3]) > STIRS or 2 * (now[3:] @ pose[3:]) ** 2 - 1 < TILTS)

    def _touched(self) -> set[int]:
        """Those that touch the robot, another thing, or one of those before them."""
        found: set[int] = set()
        for pair in self._world.contacts():
            owners = {self._world.owner(geom) for geom in pair} - {""}
            mine = owners & set(self.names)
            if mine and len(owners) == 2:
                found.add(max(self.names.index(name) for name in mine))
        return found

    def stands(self) -> dict[str, Any]:
        """Kind, x and y (m) and turn (degrees) of each, and how many draws of single spots were not used."""
        return {"others": [[each.kind, round(float(each.pose[0]), 3), round(float(each.pose[1]), 3),
                            round(each.turn, 1)] for each in self._standing],
                "redrawn": self._redrawn}
