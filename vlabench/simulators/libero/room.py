"""Where in a scene more things can stand: on its ground, in the picture, clear of what the task needs and the arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vlabench.simulators.libero.boxes import Boxes
from vlabench.simulators.libero.interface import CAMERAS, WHOLE
from vlabench.simulators.libero.world import World
from vlabench.types import Floats

ROOM = ((-0.45, 0.3), (-0.5, 0.5))
"""Where they are drawn: x and y (m) from the middle of the workspace, of which the camera sees a part."""
APART = {"goal": 0.04, "way": 0.04, "swept": 0.05, "things": 0.02, "clutter": 0.01}
"""Horizontal gaps (m) to what the goal names, where fingers go; to its way over the table, should it be pushed; to
where its drawers and doors come; to other things; and to one another."""
NEEDED = ("goal", "way", "swept")
"""Of these nothing is given up, whether there is room or not: the goal stays within reach."""
GAPS = (1.0, 0.6, 0.3)
"""Where there is no room, these shares of the other gaps are left."""
BESIDE = 0.1
"""How far (m) beyond that the ground is felt for."""
HIDDEN = 0.35
"""No more than this share of the corners and the middle of what the goal names is behind one of them."""
INSIDE = 0.95
"""How far from a picture's middle, of its half edge, their corners may be."""
LEVEL = 0.004
"""The ground is that flat (m) under them."""
CELL = 0.02
"""Sides (m) of the squares in whose middles it is felt for."""
ABOVE = 1.0
"""From where it is felt for, downwards (m)."""
STOPS = 7
"""Of a drawer or door, between its ends; of a thing on its way."""


class Room:
    """A scene as it is now. without: the things to be placed, wherever they are."""

    def __init__(self, world: World, without: tuple[str, ...]) -> None:
        self._world = world
        self.middle: Floats = np.array(world.env.workspace_offset[:2], dtype=np.float64)
        """x and y (m) of the workspace."""
        self._height = float(world.env.workspace_offset[2])
        self._taken: list[tuple[Floats, Floats]] = []
        self._corner: Floats = self.middle + [ROOM[0][0] - BESIDE, ROOM[1][0] - BESIDE]
        self.ground, self._uneven = self._felt()
        """z (m) of the table or the floor; up to each square of a grid, how many are not such."""
        named = {world.parent(name) for _, *names in world.goals for name in names} - {""}
        rest = set(world.env.obj_body_id) - named - set(without)
        self._named = _aligned(world.geom_boxes(world.solids(*named)))
        parts = (("goal", self._named), ("goal", self._regions()), ("way", self._ways()),
                 ("swept", self._swept()),
                 ("things", _aligned(world.geom_boxes(world.solids(*rest)))))
        self._low = np.concatenate([lows[:, :2] for _, (lows, _) in parts])
        self._high = np.concatenate([highs[:, :2] for _, (_, highs) in parts])
        self._apart = np.concatenate([np.full(len(lows), APART[why]) for why, (lows, _) in parts])
        self._needed = np.concatenate([np.full(len(lows), why in NEEDED) for why, (lows, _) in parts])

    def first(self, lows: Floats, highs: Floats, share: float) -> int | None:
        """The first of these boxes [n, 3] where a thing can stand, which takes it, with this share of the gaps that
        are not needed."""
        good = self._on_ground(lows, highs)
        good[good] = self._seen(lows[good], highs[good])
        good[good] = self._clear(lows[good], highs[good], share)
        for number in np.flatnonzero(good):
            if not self._hides(lows[number], highs[number]):
                self._taken.append((lows[number], highs[number]))
                return int(number)
        return None

    def leave(self, count: int) -> None:
        """Only the first so many keep their spots."""
        del self._taken[count:]

    def _clear(self, lows: Floats, highs: Floats, share: float) -> npt.NDArray[np.bool_]:
        """Whether all else is as far away as it should be [n]."""
        taken = np.array(self._taken).reshape(-1, 2, 3)
        low, high = np.vstack([self._low, taken[:, 0, :2]]), np.vstack([self._high, taken[:, 1, :2]])
        apart = np.append(np.where(self._needed, self._apart, share * self._apart),
                          np.full(len(taken), share * APART["clutter"]))
        gaps = np.maximum(np.maximum(low - highs[:, None, :2], lows[:, None, :2] - high), 0.0)
        clear: npt.NDArray[np.bool_] = (np.hypot(gaps[..., 0], gaps[..., 1]) > apart).all(axis=1)
        return clear

    # the ground

    def _felt(self) -> tuple[float, npt.NDArray[np.int64]]:
        """What is first below points high above: height of the ground, and how much is not ground, added up."""
        import mujoco

        model, data, found = self._world.model, self._world.data, np.array([-1], dtype=np.int32)
        counts = [round((high - low + 2 * BESIDE) / CELL) for low, high in ROOM]
        heights, free = np.zeros(counts), np.zeros(counts, dtype=bool)
        down, groups = np.array([0.0, 0.0, -1.0]), np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8)
        for cell in np.ndindex(*counts):
            start = np.array([*(self._corner + (np.array(cell) + 0.5) * CELL), self._height + ABOVE])
            away = mujoco.mj_ray(model, data, start, down, groups, 1, -1, found)
            heights[cell] = 0.0 if away < 0 else start[2] - away
            free[cell] = away < 0 or self._world.owner(int(found[0])) == ""
        ground = float(np.median(heights[free]))
        uneven = np.zeros([count + 1 for count in counts], dtype=np.int64)
        uneven[1:, 1:] = (~free | (np.abs(heights - ground) > LEVEL)).cumsum(0).cumsum(1)
        return ground, uneven

    def _on_ground(self, lows: Floats, highs: Floats) -> npt.NDArray[np.bool_]:
        """Whether there is nothing else below, nor above, such as the arm [n]."""
        most, sums = np.array(self._uneven.shape) - 1, self._uneven
        first = np.floor((lows[:, :2] - self._corner) / CELL - 0.5).astype(int)  # to the middles on either side of it
        last = np.ceil((highs[:, :2] - self._corner) / CELL + 0.5).astype(int)
        felt = ((first >= 0) & (last <= most)).all(axis=1)
        (x0, y0), (x1, y1) = np.clip(first, 0, most).T, np.clip(last, 0, most).T
        even: npt.NDArray[np.bool_] = felt & (sums[x1, y1] - sums[x0, y1] - sums[x1, y0] + sums[x0, y0] == 0)
        return even

    # the picture

    def _seen(self, lows: Floats, highs: Floats) -> npt.NDArray[np.bool_]:
        """Whether all of it is well inside the picture [n]."""
        at = self._world.seen_at(CAMERAS[WHOLE], _points(lows, highs).reshape(-1, 3)).reshape(-1, 9 * 2)
        seen: npt.NDArray[np.bool_] = np.abs(at).max(axis=1, initial=0.0) < INSIDE
        return seen

    def _hides(self, low: Floats, high: Floats) -> bool:
        """Whether it hides too much of what the goal names from the camera."""
        eye = self._world.data.cam_xpos[self._world.model.camera(CAMERAS[WHOLE]).id]
        points = _points(*self._named).reshape(-1, 3)
        if not len(points):
            return False
        ways = points - eye
        with np.errstate(divide="ignore", invalid="ignore"):
            near, far = (low - eye) / ways, (high - eye) / ways
        enter, leave = np.fmin(near, far).max(1), np.fmax(near, far).min(1)
        return bool(((enter < leave) & (enter < 1.0)).mean() > HIDDEN)

    # what the goal needs

    def _regions(self) -> tuple[Floats, Floats]:
        """Those of the table that the goal names."""
        found = [name for _, *names in self._world.goals for name in names
                 if self._world.is_region(name) and not self._world.parent(name)]
        places = [(self._world.pose(name).pos, np.abs(self._world.pose(name).rot) @ self._world.site_size(name))
                  for name in found]
        return (np.array([place - half for place, half in places]).reshape(-1, 3),
                np.array([place + half for place, half in places]).reshape(-1, 3))

    def _ways(self) -> tuple[Floats, Floats]:
        """Where things come on a straight way to the regions of the table where they should be."""
        lows, highs = [np.zeros((0, 3))], [np.zeros((0, 3))]
        for _, name, *places in self._world.goals:
            for place in places:
                if self._world.is_region(place) and not self._world.parent(place):
                    low, high = _aligned(self._world.geom_boxes(self._world.solids(name)))
                    way = self._world.pose(place).pos - self._world.pose(name).pos
                    stops = np.linspace(0.0, 1.0, STOPS)[:, None] * way
                    lows.append(low.min(axis=0) + stops)
                    highs.append(high.max(axis=0) + stops)
        return np.concatenate(lows), np.concatenate(highs)

    def _swept(self) -> tuple[Floats, Floats]:
        """Where drawers, doors and knobs of what the goal names come on their way from one end to the other."""
        import mujoco

        model, lows, highs = self._world.model, [], []
        data = mujoco.MjData(model)
        joints = {joint for _, *names in self._world.goals for name in names for joint in self._world.joints_of(name)}
        for ident in sorted(model.joint(joint).id for joint in joints):
            if model.jnt_type[ident] == mujoco.mjtJoint.mjJNT_FREE:
                continue
            geoms = self._world.geoms_moved_by(model.joint(ident).name)
            first, last = model.jnt_range[ident]
            for at in np.linspace(float(first), float(last), STOPS):
                data.qpos[:] = self._world.data.qpos
                data.qpos[model.jnt_qposadr[ident]] = at
                mujoco.mj_kinematics(model, data)
                low, high = _aligned(self._world.geom_boxes(geoms, data))
                lows.append(low)
                highs.append(high)
        return np.concatenate([np.zeros((0, 3)), *lows]), np.concatenate([np.zeros((0, 3)), *highs])


def _aligned(boxes: Boxes) -> tuple[Floats, Floats]:
    """Lower and upper corners [n, 3] of the boxes along the axes around these."""
    halves = np.einsum("nij,nj->ni", np.abs(boxes.rotations), boxes.halves)
    return boxes.centres - halves, boxes.centres + halves


def _points(lows: Floats, highs: Floats) -> Floats:
    """Corners and middles of boxes [n, 9, 3]."""
    shares: Any = np.array([*np.ndindex(2, 2, 2), (0.5, 0.5, 0.5)])
    points: Floats = lows[:, None] + (highs - lows)[:, None] * shares
    return points
