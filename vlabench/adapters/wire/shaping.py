"""From our observations to what a served policy was trained on, and from its actions to ours: what its card says."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vlabench.errors import OptionError, ServerError, near
from vlabench.seeding import generator
from vlabench.types import ActionSpace, Floats, Image, Observation

Flip = Literal["none", "both", "vertical", "horizontal"]
PLAUSIBLE = 10.0
"""So many times an action's bounds, at most: what is beyond comes of a wrong scale, not of a policy that overshoots."""


def _short_turn(turn: Floats) -> Floats:
    """The same rotation by an angle of at most π; ours, as robosuite's, is by one in [0, 2π)."""
    angle = float(np.linalg.norm(turn))
    return turn if angle <= np.pi else turn * (1 - 2 * np.pi / angle)


def _quaternion(turn: Floats) -> Floats:
    """(x, y, z, w) of a rotation vector."""
    from scipy.spatial.transform import Rotation

    found: Floats = Rotation.from_rotvec(turn).as_quat()
    return found


PARTS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType({
    "proprio": lambda p: p, "position": lambda p: p[0:3], "axis_angle": lambda p: p[3:6],
    "axis_angle_short": lambda p: _short_turn(p[3:6]), "quaternion": lambda p: _quaternion(p[3:6]),
    "quaternion_w_first": lambda p: np.roll(_quaternion(p[3:6]), 1), "x": lambda p: p[0:1], "y": lambda p: p[1:2],
    "z": lambda p: p[2:3], "turn_x": lambda p: p[3:4], "turn_y": lambda p: p[4:5], "turn_z": lambda p: p[5:6],
    "joints": lambda p: p[0:6], "fingers": lambda p: p[6:8], "opening": lambda p: p[6:7] - p[7:8]})
"""Of the proprioception of one robot, by name. LIBERO's is position (m), axis-angle (rad, [0, 2π)), fingers (m);
ManiSkill's is joints (rad), fingers (m)."""


@dataclass(frozen=True)
class Look:
    """What a server is asked with, of one robot at one step. pictures, state: by the keys that it knows them by."""

    pictures: Mapping[str, Image]
    state: Mapping[str, Floats]
    instruction: str


class Sends(BaseModel):
    """What a request holds, and how it is made of an observation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pictures: dict[str, str] = Field(
        default={}, description="Camera → the key that the server knows its picture by.")
    size: Annotated[int, Field(ge=16, le=1024)] = Field(
        default=224, description="Pixels per side of a picture.")
    resize: Literal["pad", "squash", "lanczos"] = Field(
        default="pad", description="How a picture of another size gets there: bilinear, padded to a square with black; "
                                   "bicubic, squashed; or by a Lanczos kernel, squashed.")
    flips: dict[str, Flip] = Field(
        default={}, description="Camera → the axes on which its picture, which is upright, is turned round.")
    jpeg: bool = Field(
        default=False, description="Whether pictures are compressed as JPEG and back before they get their size.")
    crop: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Share of the area that is kept, around the middle, and drawn out to the same size "
                                 "again: 0.9 of what was trained on random crops of this area, if its server does not "
                                 "crop.")
    state: dict[str, list[str]] = Field(
        default={}, description="Key → the parts of the proprioception that lie there, one after the other: "
                                + ", ".join(PARTS) + ".")
    instruction: str = Field(
        default="prompt", description="Key of the instruction.")
    extra: dict[str, str | int | float | bool] = Field(
        default={}, description="What else every request holds.")

    def check(self, cameras: tuple[str, ...]) -> None:
        """Raises OptionError unless the pictures are those of a card's cameras, and the parts are known."""
        if set(self.pictures) != set(cameras):
            raise OptionError(f"options.sends.pictures has a key for {', '.join(self.pictures) or 'no camera'}, the "
                              f"card's `cameras` are {', '.join(cameras) or 'none'}\n  fix: make them the same")
        for parts in self.state.values():
            for part in parts:
                if part not in PARTS:
                    raise OptionError(f"options.sends.state: unknown part {part!r}: {near(part, PARTS)}")

    def look(self, obs: Observation, row: int) -> Look:
        """What a server gets to know of one row. Raises ServerError for proprioception without such a part."""
        pictures = {key: self._picture(obs.images[camera][row], self.flips.get(camera, "none"))
                    for camera, key in self.pictures.items()}
        state = {key: self._state(parts, obs.proprio[row]) for key, parts in self.state.items()}
        return Look(pictures, state, obs.instruction[row])

    def _state(self, parts: list[str], proprio: Floats) -> Floats:
        if parts != ["proprio"] and len(proprio) != 8:
            raise ServerError(f"options.sends.state: {', '.join(parts)} are parts of 8 numbers; here the "
                              f"proprioception has {len(proprio)}\n  fix: [\"proprio\"]")
        return np.concatenate([PARTS[part](proprio) for part in parts]).astype(np.float32)

    def _picture(self, picture: Image, flip: Flip) -> Image:
        rows, columns = (-1 if flip in ("both", axis) else 1 for axis in ("vertical", "horizontal"))
        picture = np.ascontiguousarray(picture[::rows, ::columns])
        if self.jpeg:
            picture = _through_jpeg(picture)
        picture = self._sized(picture)
        return picture if self.crop == 1 else _middle(picture, self.crop)

    def _sized(self, picture: Image) -> Image:
        from PIL import Image as pillow

        height, width = picture.shape[:2]
        if (height, width) == (self.size, self.size):
            return picture
        if self.resize != "pad":
            kernel = pillow.Resampling.BICUBIC if self.resize == "squash" else pillow.Resampling.LANCZOS
            return np.asarray(pillow.fromarray(picture).resize((self.size, self.size), kernel))
        ratio = max(height, width) / self.size
        inner = int(width / ratio), int(height / ratio)
        padded = np.zeros((self.size, self.size, 3), np.uint8)
        left, top = (self.size - inner[0]) // 2, (self.size - inner[1]) // 2
        padded[top:top + inner[1], left:left + inner[0]] = np.asarray(
            pillow.fromarray(picture).resize(inner, pillow.Resampling.BILINEAR))
        return padded


def _middle(picture: Image, share: float) -> Image:
    """The middle of a square picture, with `share` of its area, drawn out to its size: bilinear, corner to corner, and
    back from float as TensorFlow does both.
    """
    size, side = len(picture), np.sqrt(np.float32(share))
    at = ((1 - side) / 2 * (size - 1) + np.arange(size, dtype=np.float32) * side).astype(np.float32)
    low = at.astype(int)
    high, weight = np.minimum(low + 1, size - 1), at - low
    found = picture.astype(np.float32) / 255
    found = found[:, low] + (found[:, high] - found[:, low]) * weight[None, :, None]
    found = found[low] + (found[high] - found[low]) * weight[:, None, None]
    cropped: Image = (found * np.float32(255.5)).astype(np.uint8)
    return cropped


def _through_jpeg(picture: Image) -> Image:
    """With TensorFlow's default quality."""
    from PIL import Image as pillow

    file = io.BytesIO()
    pillow.fromarray(picture).save(file, "JPEG", quality=95)
    return np.asarray(pillow.open(file))


class Moves(BaseModel):
    """What a reply's actions mean, and how ours are made of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    gripper: Literal["same", "open_is_one", "close_is_one"] = Field(
        default="same", description="What the gripper's number means: the same as here, or 0 … 1 where 1 is open, or "
                                    "where 1 is closed.")
    gripper_all_or_nothing: bool = Field(
        default=False, description="Whether it is rounded to wide open or closed.")
    scale: list[float] = Field(
        default=[], description="Factor of every number but the gripper's; none for 1.")
    absolute: bool = Field(
        default=False, description="Whether the first six are where the hand is to be (m, axis-angle in rad), not by "
                                   "how much it is to move; `scale` then tells how much of ours a metre and a radian "
                                   "are, in LIBERO 20 and 2.")

    def actions(self, reply: Floats, space: ActionSpace, proprio: Floats) -> Floats:
        """Ours, float64 [T, D], of a reply [T, D]. proprio: at the look, float [P].

        Raises ServerError for a reply of another D than the robot has here, OptionError for as many scales.
        """
        if reply.ndim != 2 or not len(reply) or reply.shape[1] != space.size:
            raise ServerError(f"its actions are of shape {list(reply.shape)}; expected [T, {space.size}]: "
                              f"{', '.join(space.names)}")
        found = np.array(reply, dtype=np.float64)
        moving = [number for number in range(space.size) if number != space.gripper]
        if self.absolute:
            found[:, moving] = _steps(found[:, moving], proprio)
        if self.scale:
            if len(self.scale) != len(moving):
                raise OptionError(f"options.moves.scale has {len(self.scale)} factors for {len(moving)} numbers")
            found[:, moving] *= self.scale
        if space.gripper is not None:
            found[:, space.gripper] = self._gripper(found[:, space.gripper], space, space.gripper)
        return found

    def _gripper(self, told: Floats, space: ActionSpace, at: int) -> Floats:
        low, high = space.low[at], space.high[at]
        if self.gripper != "same" and space.opens is not None and space.closes is not None:
            one, nought = ((space.opens, space.closes) if self.gripper == "open_is_one"
                           else (space.closes, space.opens))
            told = nought + told * (one - nought)
        return np.where(told >= (low + high) / 2, high, low) if self.gripper_all_or_nothing else told

    def check(self, actions: Floats, space: ActionSpace) -> None:
        """Raises ServerError for actions [T, D] that are not finite, or far beyond what the robot can do."""
        if not np.isfinite(actions).all():
            raise ServerError("it answers with numbers that are not finite")
        reach = PLAUSIBLE * np.maximum(np.abs(space.low), np.abs(space.high))
        worst = int((np.abs(actions) / reach).max(axis=0).argmax())
        value = actions[np.abs(actions[:, worst]).argmax(), worst]
        if abs(value) > reach[worst]:
            raise ServerError(f"it answers with {value:g} for {space.names[worst]}, whose bounds are "
                              f"[{space.low[worst]:g}, {space.high[worst]:g}]\n  fix: options.moves on the card")


def _steps(targets: Floats, proprio: Floats) -> Floats:
    """By how much each target [T, 6] is from the one before it, the first from where the hand is."""
    from scipy.spatial.transform import Rotation

    if targets.shape[1] != 6 or len(proprio) != 8:
        raise OptionError("options.moves.absolute: is for six numbers of an arm whose hand's pose is known")
    places = np.concatenate([proprio[None, :3], targets[:, :3]])
    turns = Rotation.from_rotvec(np.concatenate([proprio[None, 3:6], targets[:, 3:]]))
    return np.concatenate([np.diff(places, axis=0), (turns[1:] * turns[:-1].inv()).as_rotvec()], axis=1)


def probe(cameras: tuple[str, ...], image_size: int) -> Observation:
    """The observation, of one robot, by which served policies are told from each other; pictures are of noise."""
    images: dict[str, Any] = {camera: generator("probe", camera).integers(
        0, 256, (1, image_size, image_size, 3), dtype=np.uint8) for camera in cameras}
    proprio = np.array([[-0.2, 0.0, 1.17, 3.12, 0.0, -0.1, 0.02, -0.02]], dtype=np.float32)
    return Observation.now(images, proprio, ["put the bowl on the plate"], 0)
