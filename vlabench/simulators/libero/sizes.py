"""The object that is asked for in another size: MuJoCo's model of it scaled where it stands, as if compiled that large.

Lengths grow with the factor about the origin of its body, mass with its cube, as of one material, moments of inertia
with its fifth power. Damping and friction stay. LIBERO's things are one body each, and every one has meshes of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vlabench.errors import UnsupportedError
from vlabench.simulators.libero.changes import Changes
from vlabench.simulators.libero.clutter import STIRS, TILTS
from vlabench.simulators.libero.expert.grasps import fingers_fit
from vlabench.simulators.libero.interface import SPACE
from vlabench.simulators.libero.mjdata import Copier
from vlabench.types import Floats

ROWS = {"geom_pos": 1, "geom_size": 1, "geom_aabb": 1, "geom_rbound": 1, "site_pos": 1, "site_size": 1, "body_ipos": 1,
        "body_mass": 3, "body_subtreemass": 3, "body_inertia": 5, "body_invweight0": (-3, -5),
        "dof_invweight0": (-3, -3, -3, -5, -5, -5)}
"""Array of MuJoCo's model, with a row for each geom, site, body or degree of freedom → the power of the factor that it
grows with; where two are given, one a column (the inverse masses and moments of a body), where six, one a row."""
STEPS = (10, 20)
"""Null actions after which a trial is compared with the clean twin's: those before the first look, and half a second's
more."""
SPEED = 0.1
"""So much faster (m/s) things may be then."""
SINKS = 0.01
"""So much lower (m) than without their lowest points may be, such as a bowl's that stands in another's rim."""


@dataclass(frozen=True)
class Measure:
    """What grows: `rows` of `array`, by the factor to these powers."""

    array: Any
    rows: Any
    powers: Any


@dataclass(frozen=True)
class Stir:
    """Of n things since their start: how far they went along x and y (m), cosines of how far they turned, speeds (m/s);
    and their lowest points' heights (m).
    """

    away: Floats
    turned: Floats
    speeds: Floats
    lows: Floats

    def calm(self, twin: Stir) -> bool:
        """Whether none lies less well than without the change."""
        return bool((self.away < twin.away + STIRS).all() and (self.speeds < twin.speeds + SPEED).all()
                    and (self.turned >= np.minimum(twin.turned, TILTS)).all() and (self.lows > twin.lows - SINKS).all())


class Sizes(Changes):
    """A part of `scene.LiberoScene`: the capability of its object's size, beside those of its physics."""

    _context: Any
    _copy: Copier

    @abstractmethod
    def _advance(self, action: Floats) -> bool:
        """One control step; whether the goal holds after it."""

    def size_fits(self, factor: float) -> bool:
        """Everything comes to rest where it stands as well as without, by a trial of either, of which nothing is left;
        fingers go around the object where they are to; and it is no larger if it is to be shut in, where as it is there
        is little room."""
        name = self._movable()
        if not fingers_fit(self._world, name, factor) or (factor > 1 and self._shut_in(name)):
            return False
        return all(map(Stir.calm, self._tried(factor), self._tried(1.0)))

    def scale_object(self, factor: float) -> None:
        """Its lowest point stays where it is."""
        self._enlarge(factor)
        self._hand_over_shapes()
        self._sense()

    def _shut_in(self, name: str) -> bool:
        """Whether the goal closes a drawer or a door behind it."""
        world = self._world
        places = {world.parent(names[1]) for verb, *names in world.goals if verb == "in" and names[0] == name}
        return any(verb == "close" and world.parent(names[0]) in places for verb, *names in world.goals)

    def _enlarge(self, factor: float) -> None:
        import mujoco

        name = self._movable()
        boxes = self._world.geom_boxes(self._world.solids(name))
        halves = np.einsum("nij,nj->ni", np.abs(boxes.rotations), boxes.halves)
        above = self._world.pose(name).pos[2] - (boxes.centres - halves)[:, 2].min()
        self.data.qpos[self._free_joint(name) + 2] += (factor - 1) * above
        self._world.scale(name, factor)
        for measure in self._measures.values():
            measure.array[measure.rows] *= factor**measure.powers
        mujoco.mj_forward(self.model, self.data)

    def _tried(self, factor: float) -> list[Stir]:
        """How what lies free would lie some STEPS later."""
        import mujoco

        before, arm, null = mujoco.MjData(self.model), self._arm.save(), np.array(SPACE.null, dtype=np.float64)
        self._copy(before, self.model, self.data)
        arrays = [(array, np.array(array)) for array in (*self._constants().values(), self.model.site_rgba)]
        scales, start, found = dict(self._world.scales), self._poses(), []
        if factor != 1:
            self._enlarge(factor)
        for step in range(1, STEPS[-1] + 1):
            self._advance(null)
            if step in STEPS:
                found.append(self._stir(start))
        for array, kept in arrays:
            array[:] = kept
        self._world.scales.clear()
        self._world.scales.update(scales)
        self._arm.restore(arm)
        self._copy(self.data, self.model, before)
        self._sense()
        return found

    @cached_property
    def _free(self) -> tuple[str, ...]:
        """What lies free."""
        return tuple(sorted(set(self.env.objects_dict) - set(self.env.fixtures_dict)))

    def _poses(self) -> tuple[Floats, Floats]:
        """Of these: positions [n, 3] (m), quaternions [n, 4]."""
        bodies = [self.env.obj_body_id[name] for name in self._free]
        return self.data.xpos[bodies], self.data.xquat[bodies]

    def _stir(self, start: tuple[Floats, Floats]) -> Stir:
        places, turns = self._poses()
        first = self.model.body_dofadr[[self.env.obj_body_id[name] for name in self._free]]
        speeds = self.data.qvel[first[:, None] + np.arange(3)]
        return Stir(np.linalg.norm((places - start[0])[:, :2], axis=1), 2 * (turns * start[1]).sum(axis=1) ** 2 - 1,
                    np.linalg.norm(speeds, axis=1), np.array([self._world.extent(name).low[2] for name in self._free]))

    def _unscale(self) -> None:
        """The model's arrays have been put back as they were."""
        if self._world.scales:
            self._world.scales.clear()
            self._hand_over_shapes()

    def _hand_over_shapes(self) -> None:
        """What is drawn next has the object's meshes as the model has them now."""
        import mujoco

        if self._context is not None and self._meshes:
            self._context.gl_ctx.make_current()
            for mesh in self._meshes:
                mujoco.mjr_uploadMesh(self.model, self._context.con, mesh)

    @cached_property
    def _body(self) -> int | None:
        """Of the object, where the task carries one."""
        try:
            return int(self.env.obj_body_id[self._movable()])
        except UnsupportedError:
            return None

    @cached_property
    def _meshes(self) -> list[int]:
        meshes = self.model.geom_dataid[self.model.geom_bodyid == self._body]
        return sorted({int(mesh) for mesh in meshes if mesh >= 0})

    @cached_property
    def _measures(self) -> Mapping[str, Measure]:
        """Name → what grows. Of bounding boxes and of vertices there are too many to keep but the object's own."""
        model, body = self.model, self._body
        if body is None:
            return {}
        rows = {"geom": np.flatnonzero(model.geom_bodyid == body), "site": np.flatnonzero(model.site_bodyid == body),
                "body": [body], "dof": np.flatnonzero(model.dof_bodyid == body)}
        found = {name: Measure(getattr(model, name), rows[name.partition("_")[0]], np.array(powers, dtype=np.float64))
                 for name, powers in ROWS.items()}
        nodes = {"body_bvh": (model.bvh_aabb, model.body_bvhadr[body], model.body_bvhnum[body])}
        for mesh in self._meshes:
            nodes[f"mesh_bvh {mesh}"] = (model.bvh_aabb, model.mesh_bvhadr[mesh], model.mesh_bvhnum[mesh])
            nodes[f"mesh_vert {mesh}"] = (model.mesh_vert, model.mesh_vertadr[mesh], model.mesh_vertnum[mesh])
        return {**found, **{name: Measure(array[start : start + count], slice(None), np.float64(1))
                            for name, (array, start, count) in nodes.items()}}

    def _constants(self) -> Mapping[str, Any]:
        return {**super()._constants(), **{name: measure.array for name, measure in self._measures.items()}}
