"""The way back of `shaping`: what a client's request shows as an observation of ours, and our actions as it wants them.

Both ways are of one card, that of the clients: what it sends arrives here as it was, and what is answered is there what
it was here. Lost are what a picture loses by another size, by JPEG or by a crop, and which way round an
`axis_angle_short` was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from vlabench.adapters.wire.shaping import Flip, Moves, Sends
from vlabench.errors import OptionError, VlabenchError
from vlabench.types import ActionSpace, Floats, Image, Observation
from vlabench.util.text import short

SIDES = (16, 1024)
"""Pixels per side of a picture that is looked at."""
WORDS = 4096
"""Characters of an instruction, at most."""
NUMBERS = 256
"""Of a proprioception, at most."""


class BadRequest(VlabenchError):
    """A request that does not hold what the clients' card says."""


@dataclass(frozen=True)
class Place:
    """Where a part lies among the 8 numbers, how many it has on the wire, and how they become ours."""

    at: slice
    size: int
    ours: Callable[[Floats], Floats] = lambda told: told


def _turn(quaternion: Floats) -> Floats:
    """The rotation vector of (x, y, z, w), by an angle in [0, 2π), as robosuite has it."""
    whole = float(np.linalg.norm(quaternion))
    x, w = quaternion[:3] / (whole or 1.0), float(np.clip(quaternion[3] / (whole or 1.0), -1, 1))
    sine = float(np.sqrt(1 - w * w))
    return np.zeros(3) if sine < 1e-9 else x * (2 * np.arccos(w) / sine)


PLACES: Mapping[str, Place] = MappingProxyType({
    "position": Place(slice(0, 3), 3), "axis_angle": Place(slice(3, 6), 3), "axis_angle_short": Place(slice(3, 6), 3),
    "quaternion": Place(slice(3, 6), 4, _turn),
    "quaternion_w_first": Place(slice(3, 6), 4, lambda told: _turn(np.roll(told, -1))),
    "x": Place(slice(0, 1), 1), "y": Place(slice(1, 2), 1), "z": Place(slice(2, 3), 1),
    "turn_x": Place(slice(3, 4), 1), "turn_y": Place(slice(4, 5), 1), "turn_z": Place(slice(5, 6), 1),
    "joints": Place(slice(0, 6), 6), "fingers": Place(slice(6, 8), 2),
    "opening": Place(slice(6, 8), 1, lambda told: np.concatenate([told, -told]) / 2)})
"""Of every part in `shaping.PARTS` but `proprio`, which is the whole."""


class Reverse:
    """Of a clients' card (its `sends`, `moves`), for a policy that looks through `cameras` with so many pixels a side.

    Raises OptionError if the clients do not send what such a policy needs.
    """

    def __init__(self, sends: Sends, moves: Moves, cameras: Sequence[str], image_size: int, space: ActionSpace) -> None:
        lacking = [camera for camera in cameras if camera not in sends.pictures]
        if lacking:
            raise OptionError(f"the policy looks through {', '.join(lacking)}, of which these clients send no picture\n"
                              f"  fix: --clients CARD, one with options.sends.pictures of it")
        self._places = [(key, part) for key, parts in sends.state.items() for part in parts]
        known = np.zeros(8, bool)
        for _, part in self._places:
            known[PLACES[part].at if part in PLACES else slice(None)] = True
        if self._places and not known.all():
            raise OptionError(f"the clients' options.sends.state leaves out numbers "
                              f"{', '.join(map(str, np.flatnonzero(~known)))} of the proprioception's 8")
        if moves.scale and len(moves.scale) != space.size - (space.gripper is not None):
            raise OptionError(f"options.moves.scale of the clients has {len(moves.scale)} factors")
        self.sends, self.moves, self.space = sends, moves, space
        self.cameras, self._size = tuple(cameras), image_size

    def observation(self, request: Mapping[str, Any]) -> Observation:
        """Of one robot at step 0 in slot 0. Raises BadRequest. Without a state on the card, proprioception is empty."""
        sends = self.sends
        images = {camera: self._picture(request, sends.pictures[camera], sends.flips.get(camera, "none"))[None]
                  for camera in self.cameras}
        told = _only(request.get(sends.instruction))
        if not isinstance(told, str) or len(told) > WORDS:
            raise BadRequest(f"no instruction under {sends.instruction!r}" if not isinstance(told, str) else
                             f"an instruction of {len(told)} characters")
        return Observation.now(images, self._proprio(request)[None].astype(np.float32), [told], 0)

    def reply(self, actions: Floats, proprio: Floats) -> Floats:
        """What `Moves.actions` of the card makes `actions` [T, D] of, float64. proprio: at the look."""
        found, space, moves = np.array(actions, dtype=np.float64), self.space, self.moves
        if space.opens is not None and space.closes is not None and moves.gripper != "same":
            one, nought = ((space.opens, space.closes) if moves.gripper == "open_is_one"
                           else (space.closes, space.opens))
            found[:, space.gripper] = (found[:, space.gripper] - nought) / (one - nought)
        moving = [number for number in range(space.size) if number != space.gripper]
        if moves.scale:
            found[:, moving] /= moves.scale
        if moves.absolute:
            found[:, moving] = _targets(found[:, moving], proprio)
        return found

    def _picture(self, request: Mapping[str, Any], key: str, flip: Flip) -> Image:
        picture = request.get(key)
        while isinstance(picture, np.ndarray) and picture.ndim > 3 and len(picture) == 1:
            picture = picture[0]
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3 or (
                picture.shape[2] != 3) or not all(SIDES[0] <= side <= SIDES[1] for side in picture.shape[:2]):
            found = f"{picture.dtype} {list(picture.shape)}" if isinstance(picture, np.ndarray) else (
                "nothing" if picture is None else f"a {type(picture).__name__}")
            raise BadRequest(f"under {short(key)!r} is {found}; expected a picture, uint8 [H, W, 3] of {SIDES[0]} to "
                             f"{SIDES[1]} pixels a side, of one robot")
        if picture.shape[:2] != (self._size, self._size):
            from PIL import Image as pillow

            picture = np.asarray(pillow.fromarray(picture).resize((self._size, self._size), pillow.Resampling.LANCZOS))
        rows, columns = (-1 if flip in ("both", axis) else 1 for axis in ("vertical", "horizontal"))
        return np.ascontiguousarray(picture[::rows, ::columns])

    def _proprio(self, request: Mapping[str, Any]) -> Floats:
        if not self._places:
            return np.zeros(0)
        told = {key: _numbers(request.get(key), key) for key in self.sends.state}
        if [part for _, part in self._places] == ["proprio"]:
            return told[self._places[0][0]]
        ours = np.zeros(8)
        for key, parts in self.sends.state.items():
            sizes = [8 if part == "proprio" else PLACES[part].size for part in parts]
            if len(told[key]) != sum(sizes):
                raise BadRequest(f"under {short(key)!r} are {len(told[key])} numbers; expected {sum(sizes)}: "
                                 f"{', '.join(parts)}")
            for part, piece in zip(parts, np.split(told[key], np.cumsum(sizes)[:-1]), strict=True):
                place = PLACES.get(part, Place(slice(0, 8), 8))
                ours[place.at] = place.ours(piece)
        return ours


def _numbers(value: Any, key: str) -> Floats:
    """[N] of an array or a list, in batches of one. Raises BadRequest."""
    try:
        found = np.asarray(value, dtype=np.float64) if isinstance(value, (np.ndarray, list)) else None
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None or found.ndim < 1 or not 0 < found.size <= NUMBERS or found.size != found.shape[-1]:
        raise BadRequest(f"under {short(key)!r} are no numbers [N] of one robot")
    if not np.isfinite(found).all():
        raise BadRequest(f"under {short(key)!r} are numbers that are not finite")
    return found.reshape(-1)


def _only(value: Any) -> Any:
    """What lies in lists of one."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _targets(steps: Floats, proprio: Floats) -> Floats:
    """Where the hand is to be after each step [T, 6], the first from where it is."""
    from scipy.spatial.transform import Rotation

    if steps.shape[1] != 6 or len(proprio) != 8:
        raise BadRequest("options.moves.absolute of the clients is for an arm whose hand's pose is known")
    turn, turns = Rotation.from_rotvec(proprio[3:6]), []
    for step in steps[:, 3:]:
        turn = Rotation.from_rotvec(step) * turn
        turns.append(turn.as_rotvec())
    return np.concatenate([proprio[:3] + np.cumsum(steps[:, :3], axis=0), np.array(turns)], axis=1)
