"""What the perturbations of pictures share: which cameras they touch, and draws that are held, renewed or separate.

Sizes in pixels are meant for pictures of 224 × 224, the input of most policies, and scale with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PrivateAttr

from vlabench.errors import UnknownName
from vlabench.perturbations.base import Perturbation
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Image, Observation
from vlabench.util.opencv import check_opencv

REFERENCE = 224
"""Side in pixels of the picture that parameters in pixels are meant for."""
LEVELS = 1 << 16
"""Of `uniform_bits`."""
NO_MAP = np.empty(0, np.uint16)
"""cv2.remap wants a second map, for fractions of a pixel, even where there are none."""

Units = npt.NDArray[np.float64]


def as_image(array: npt.NDArray[Any]) -> Image:
    """The result of an OpenCV function as a picture: uint8, C-contiguous; no copy where it is so already."""
    return np.ascontiguousarray(array, dtype=np.uint8)


def scaled(pixels: float, height: int, width: int) -> float:
    """A length given in pixels of a 224² picture, in pixels of this one (by its shorter side)."""
    return pixels * min(height, width) / REFERENCE


def smoothed(image: Image, sigma: float) -> Image:
    """A Gaussian blur of σ pixels of a 224² picture, whose kernel ends at 3 σ; the edge goes on outwards. 0 is none,
    and half a pixel of the picture itself the least, below which nothing would change.

    cv2.GaussianBlur takes four times as long on wide kernels.
    """
    import cv2

    if not sigma:
        return image.copy()
    here = max(scaled(sigma, *image.shape[:2]), 0.5)
    kernel = cv2.getGaussianKernel(2 * math.ceil(3 * here) + 1, here, cv2.CV_32F)
    return as_image(cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE))


def uniform_bits(source: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    """Uniform in 0 … LEVELS − 1, straight from the generator's words: a tenth of the time of normal numbers."""
    number = int(np.prod(shape))
    words = source.bit_generator.random_raw(-(-number // 4))
    return words.view(np.uint16)[:number].reshape(shape)


class ImagePerturbation(Perturbation):
    """Changes pictures, one by one, in policy-facing orientation.

    Its methods raise UnknownName where a named camera is not among those that the policy sees. A policy without cameras
    is left alone.
    """

    cameras: tuple[str, ...] = Field(
        default=(), description="Cameras it changes, by name; none named means all that the policy sees.")

    _chosen: tuple[str, ...] = PrivateAttr(default=())

    def choose(self, cameras: Sequence[str]) -> tuple[str, ...]:
        """The cameras it touches, of those that the policy sees."""
        for name in self.cameras if cameras else ():
            if name not in cameras:
                raise UnknownName("camera", name, cameras, where=f"the perturbation {type(self).__name__}")
        return tuple(c for c in cameras if c in self.cameras or not self.cameras)

    @property
    def neutral(self) -> bool:
        """Whether the parameters are such that no picture changes."""
        return False

    @property
    def from_start(self) -> bool:
        return not self.neutral

    @property
    def certain(self) -> bool:
        return not self.neutral

    def channels(self, cameras: Sequence[str]) -> frozenset[str]:
        return frozenset(f"images/{camera}" for camera in self.choose(cameras))

    def check(self, cameras: Sequence[str], space: ActionSpace) -> None:
        if self.choose(cameras):
            check_opencv()

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        self._chosen = self.choose(cameras)
        self.check(cameras, space)

    def observation(self, obs: Observation, step: int, rng: Draws) -> Observation:
        if not self._chosen:
            return obs
        images = dict(obs.images)
        for camera in self._chosen:
            images[camera] = self.picture(images[camera][0], camera, step, rng)[np.newaxis]
        return obs.replace(images=images)

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        """The changed picture, uint8 [H, W, 3], in a new array."""
        raise TypeError(f"{type(self).__name__} must say how it changes a picture")


class DrawnPerturbation(ImagePerturbation):
    """Changes pictures by unit random numbers, `units` of them a draw, that the parameters scale.

    The papers leave open how long a draw is held and whether cameras share it; the defaults are those of the nearest
    public code.
    """

    units: ClassVar[int] = 0

    draw: Literal["episode", "step"] = Field(
        default="episode", description="`episode` draws once and holds, `step` draws anew at every look.")
    independent: bool = Field(
        default=False, description="Whether each camera has a draw of its own instead of one for all.")

    _seen: dict[str, tuple[Units, int, int]] = PrivateAttr(default_factory=dict)

    def generator(self, rng: Draws, camera: str, step: int, *what: str) -> np.random.Generator:
        """The numbers of a look at a camera: where `draw` holds them, the stream itself begins anew at each look."""
        key = (*what, camera) if self.independent else what
        return rng.episode(*key) if self.draw == "episode" else rng.at(step, *key)

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        self._seen = {}

    def drawn(self, image: Image, camera: str, step: int, rng: Draws) -> Units:
        """The unit numbers in [0, 1) for this look, remembered for `realised`."""
        units = self.generator(rng, camera, step).random(self.units)
        self._seen[camera] = (units, image.shape[0], image.shape[1])
        return units

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        return self.apply(image, self.drawn(image, camera, step, rng))

    def apply(self, image: Image, units: Units) -> Image:
        """The changed picture for a draw."""
        raise TypeError(f"{type(self).__name__} must say how it changes a picture")

    def describe(self, units: Units, height: int, width: int) -> Mapping[str, Any]:
        """A draw in words that are JSON-ready: angles, pixels, factors."""
        raise TypeError(f"{type(self).__name__} must describe its draws")

    def realised(self) -> dict[str, Any]:
        """The draw of the latest look: one for all cameras, or one by camera where they are independent."""
        drawn = {camera: dict(self.describe(*seen)) for camera, seen in self._seen.items()}
        if not drawn:
            return {}
        latest: dict[str, Any] = drawn if self.independent else next(iter(drawn.values()))
        return latest if self.draw == "episode" else {"draw": "step", "latest": latest}


class FieldPerturbation(DrawnPerturbation):
    """Changes pictures by a field, numbers for every pixel, that is made once where looks or cameras share the draw."""

    stream: ClassVar[tuple[str, ...]] = ()
    """What else, beside camera and step, keys the field's numbers."""

    _field: tuple[Any, npt.NDArray[Any] | None] = PrivateAttr(default=(None, None))

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        self._field = (None, None)

    def field(self, image: Image, camera: str, step: int, rng: Draws) -> npt.NDArray[Any]:
        """The field of a look."""
        key = (image.shape, camera if self.independent else None, step if self.draw == "step" else None)
        if self._field[0] != key or self._field[1] is None:
            self._field = (key, self.make(image.shape, self.generator(rng, camera, step, *self.stream)))
        field = self._field[1]
        assert field is not None
        return field

    def make(self, shape: tuple[int, ...], source: np.random.Generator) -> npt.NDArray[Any]:
        """The field for pictures [H, W, 3] from the numbers of a draw."""
        raise TypeError(f"{type(self).__name__} must say what it draws")
