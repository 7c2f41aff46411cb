"""What perturbations may change of a LIBERO scene's looks: where cameras stand, their lenses, the lights; a hand.

All of it is in MuJoCo's model, in the arrays that are named here; no physics reads them.
"""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlabench.simulators import _hand
from vlabench.simulators._values import LightSetup, Orbit, Reach, Sun, Triple
from vlabench.simulators.libero.interface import CAMERAS, WHOLE
from vlabench.types import Floats

ARRAYS = ("cam_pos", "cam_quat", "cam_fovy", "light_pos", "light_dir", "light_ambient", "light_diffuse",
          "light_specular", "light_castshadow")
HEADLIGHT = ("ambient", "diffuse", "specular")
"""Of the light that MuJoCo has shine from every camera."""
FAINT = 1e-6
FLOOR = 0.2
"""Light that is thrown on the table at least where shadows are to be seen, as a share of white."""
SHADOW_MAP = 2048
"""Pixels on each side of the map that shadows are found by: 16 MB; a quarter of MuJoCo's own."""
WIDEST = 150.0
"""Degrees that a lens sees at most."""


@dataclass(frozen=True)
class _Stand:
    """Where a camera is in the frame of the body that carries it: place [3] (m), turn [3, 3]; what it looks at, and
    which way is up there."""

    place: Floats
    turn: Floats
    middle: Floats
    up: Floats


class Looks:
    """A part of `scene.LiberoScene`: the capabilities of its looks."""

    env: Any
    model: Any
    data: Any
    _sensed: Any
    _context: Any
    _hand: tuple[_hand.Shape, ...]
    """In the picture now."""

    # cameras

    def orbit_camera(self, orbit: Orbit, camera: str = "") -> None:
        """The whole scene's: around the point of its axis that is as high as the table. The wrist's: around the grip
        site between the fingers, whose upper side is the hand's."""
        ident = self.model.camera(CAMERAS[camera or WHOLE]).id
        place, turn = orbited(self._stand(ident), orbit)
        self.model.cam_pos[ident], self.model.cam_quat[ident] = place, _quaternion(turn)
        self._show()

    def widen_view(self, factor: float, camera: str = "") -> None:
        """Up to 150 degrees."""
        ident = self.model.camera(CAMERAS[camera or WHOLE]).id
        half = math.atan(factor * math.tan(math.radians(self.model.cam_fovy[ident]) / 2))
        self.model.cam_fovy[ident] = min(math.degrees(2 * half), WIDEST)

    def _stand(self, ident: int) -> _Stand:
        """Of a camera, by its number."""
        body = int(self.model.cam_bodyid[ident])
        place, turn = self.model.cam_pos[ident].copy(), _matrix(self.model.cam_quat[ident])
        if not body:
            height = float(self.env.workspace_offset[2])
            middle = place - turn[:, 2] * (place[2] - height) / turn[2, 2]
            return _Stand(place, turn, middle, np.array([0.0, 0.0, 1.0]))
        grip = self.data.site_xpos[self.env.robots[0].eef_site_id] - self.data.xpos[body]
        return _Stand(place, turn, self.data.xmat[body].reshape(3, 3).T @ grip, np.array([0.0, 0.0, -1.0]))

    # lights

    def lighting(self) -> LightSetup:
        """Its ambient light is the headlight's, its suns are MuJoCo's other lights. One that stands somewhere shines in
        the direction from there to the middle of the table."""
        return LightSetup(_triple(self._headlight.ambient), tuple(
            Sun(_triple(self._shines(light)), _triple(self.model.light_diffuse[light]))
            for light in range(self.model.nlight)))

    def set_lighting(self, lighting: LightSetup) -> None:
        """What else of a light has a colour changes with it: what the headlight throws beside its ambient part, and
        highlights. To shine in another direction a light moves around the middle of the table."""
        if len(lighting.suns) != self.model.nlight:
            raise ValueError(f"{len(lighting.suns)} suns: there are {self.model.nlight}")
        before = self.lighting()
        ratio = _ratio(before.ambient, lighting.ambient)
        for part in HEADLIGHT[1:]:
            getattr(self._headlight, part)[:] *= ratio
        self._headlight.ambient[:] = lighting.ambient
        for light, (old, new) in enumerate(zip(before.suns, lighting.suns, strict=True)):
            self.model.light_ambient[light] *= _ratio(old.color, new.color)
            self.model.light_specular[light] *= _ratio(old.color, new.color)
            self.model.light_diffuse[light] = new.color
            if new.direction != old.direction:
                self._turn_light(light, np.array(old.direction), np.array(new.direction))
        self._show()

    def cast_shadows(self) -> float:
        """MuJoCo's first light, which in LIBERO's scenes casts none. The room for their map stays.

        OpenGL adds up what lights throw and cuts it off at white; a light with shadows comes on top. So that the table
        is no brighter, all of them are dimmed to what is left of white where more than that falls on its middle, but
        to a FLOOR at least.
        """
        self.model.light_castshadow[0] = True
        ambient, thrown = self._falls()
        share = min(1.0, max(1 - ambient, FLOOR) / max(thrown, FLOOR))
        if share < 1:
            for colors in (self.model.light_diffuse, self._headlight.diffuse):
                colors[:] *= share
            self._show()
        if self.model.vis.quality.shadowsize != SHADOW_MAP:
            self.model.vis.quality.shadowsize = SHADOW_MAP
            if self._context is not None:
                self._context.gl_ctx.make_current()
                self._context.con.free()
                self._context._set_mujoco_context_and_buffers()
        return share

    def _falls(self) -> tuple[float, float]:
        """The light that falls on the middle of the table from everywhere, and that which lights throw there: shares
        of white, of the brightest of red, green and blue."""
        middle, camera = np.array(self.env.workspace_offset), self.model.camera(CAMERAS[WHOLE]).id
        sight = self.data.cam_xpos[camera] - middle
        thrown = float(self._headlight.diffuse.max() * sight[2] / np.linalg.norm(sight))
        for light in range(self.model.nlight):
            beam = self._shines(light) / np.linalg.norm(self._shines(light))
            cone = 1.0
            if not self._directional(light):
                cone = float(beam @ self.model.light_dir[light] / np.linalg.norm(self.model.light_dir[light]))
                lit = cone > math.cos(math.radians(float(self.model.light_cutoff[light])))
                cone = cone ** float(self.model.light_exponent[light]) if lit else 0.0
            thrown += float(self.model.light_diffuse[light].max()) * max(-float(beam[2]), 0) * cone
        return float(self._headlight.ambient.max() + self.model.light_ambient.max(axis=1).sum()), thrown

    def set_highlights(self, factor: float) -> None:
        """Of all lights, the headlight's too."""
        self.model.light_specular[:] *= factor
        self._headlight.specular[:] *= factor
        self._show()

    @property
    def _headlight(self) -> Any:
        return self.model.vis.headlight

    def _shines(self, light: int) -> Floats:
        """From where it stands to the middle of the table, or for one without a place its own direction."""
        if self._directional(light):
            own: Floats = self.model.light_dir[light]
            return own
        towards: Floats = np.array(self.env.workspace_offset) - self.model.light_pos[light]
        return towards

    def _directional(self, light: int) -> bool:
        kinds = getattr(self.model, "light_type", None)  # of MuJoCo 3.3.2 and later; before, a flag
        if kinds is None:
            return bool(self.model.light_directional[light])
        import mujoco

        return bool(kinds[light] == mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)

    def _turn_light(self, light: int, old: Floats, new: Floats) -> None:
        """A light from somewhere keeps its distance, and its cone is turned with it."""
        if self._directional(light):
            self.model.light_dir[light] = new / np.linalg.norm(new)
            return
        middle, far = np.array(self.env.workspace_offset), np.linalg.norm(old)
        self.model.light_pos[light] = middle - new / np.linalg.norm(new) * far
        self.model.light_dir[light] = _between(old, new) @ self.model.light_dir[light]

    # a hand

    def show_hand(self, reach: Reach | None) -> None:
        """As large as an adult's; other cameras may see it, too."""
        ident = self.model.camera(CAMERAS[WHOLE]).id
        place, turn = self.data.cam_xpos[ident], self.data.cam_xmat[ident].reshape(3, 3)
        far = (place[2] - float(self.env.workspace_offset[2])) / turn[2, 2]
        across = math.tan(math.radians(float(self.model.cam_fovy[ident])) / 2)
        self._hand = () if reach is None else _hand.shapes(reach, place, turn, far, (across, across), mirrored=True)

    # what it comes to

    def _show(self) -> None:
        """Cameras and lights are drawn from where a forward pass found them: find them again, in what is drawn next."""
        import mujoco

        for data in (self.data, self._sensed):
            mujoco.mj_camlight(self.model, data)

    def look_digest(self) -> tuple[str, ...]:
        """Of cameras, lights and surfaces, and of a hand where there is one."""
        digest = hashlib.blake2b(digest_size=8)
        for name, array in {**self._looks(), **self._surface_looks()}.items():
            if name == "light_castshadow" and not array.any():
                continue  # as records of scenes without shadows have it
            digest.update(np.ascontiguousarray(array).tobytes())
        for shape in self._hand:
            digest.update(shape.place.tobytes() + shape.turn.tobytes())
        return (digest.hexdigest(),)

    @abstractmethod
    def _surface_looks(self) -> Mapping[str, Any]:
        """As `_looks`."""

    def _looks(self) -> Mapping[str, Any]:
        """Name → the model's own array, to read or to write into."""
        return {**{name: getattr(self.model, name) for name in ARRAYS},
                **{f"headlight {name}": getattr(self._headlight, name) for name in HEADLIGHT}}


def orbited(stand: _Stand, orbit: Orbit) -> tuple[Floats, Floats]:
    """Where the camera is then, place [3] and turn [3, 3]; it looks along its −z axis."""
    arm = stand.place - stand.middle
    level = arm - (arm @ stand.up) * stand.up
    around = _turned(stand.up, orbit.yaw) @ _turned(np.cross(level, stand.up), orbit.pitch)
    turn = around @ stand.turn
    place = stand.middle + orbit.distance * (around @ arm) + turn @ np.array([*orbit.shift, 0.0])
    return place, turn @ _turned(np.array([0.0, 0.0, 1.0]), orbit.roll)


def _turned(axis: Floats, degrees: float) -> Floats:
    """The rotation [3, 3] about an axis of any length."""
    from scipy.spatial.transform import Rotation

    found: Floats = Rotation.from_rotvec(math.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix()
    return found


def _between(old: Floats, new: Floats) -> Floats:
    """The shortest rotation [3, 3] from one direction to another that is not its opposite."""
    axis = np.cross(old, new)
    if not axis.any():
        return np.eye(3)
    return _turned(axis, math.degrees(math.atan2(float(np.linalg.norm(axis)), float(old @ new))))


def _matrix(quaternion: Floats) -> Floats:
    from scipy.spatial.transform import Rotation

    found: Floats = Rotation.from_quat(np.roll(quaternion, -1)).as_matrix()
    return found


def _quaternion(matrix: Floats) -> Floats:
    """(w, x, y, z), as MuJoCo has it."""
    from scipy.spatial.transform import Rotation

    found: Floats = np.roll(Rotation.from_matrix(matrix).as_quat(), 1)
    return found


def _ratio(old: Triple, new: Triple) -> Floats:
    """[3]; 1 where there was nothing."""
    before, after = np.array(old), np.array(new)
    found: Floats = np.where(before > FAINT, after / np.maximum(before, FAINT), 1.0)
    return found


def _triple(values: Any) -> Triple:
    first, second, third = (float(value) for value in values)
    return (first, second, third)
