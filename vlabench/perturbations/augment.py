"""augment: any transform of the library albumentations that makes a picture of a picture, by its name and parameters.

`{ perturbation = "augment", transform = "RandomFog", parameters = { alpha_coef = 0.1 } }`: the parameters are those of
the transform's own documentation, but for `p`: it is always applied. A severity mixes what it makes with the picture
itself, a fifth of it to all; without one it is what it is. What a transform costs is its own: some take longer than
drawing the scene.

One draw an episode for all cameras, unless `draw` or `independent` say otherwise; its numbers come from the episode's
stream alone. ImageNet-C's corruptions are perturbations of their own, by its formulas: those that have the same names
in albumentations are others.

Of a transform that moves things within the picture a run says so at its end: whether all that a task needs is still to
be seen is judged by nobody.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, PrivateAttr, ValidationError

from vlabench.errors import MissingExtra, OptionError, UnknownName, UnsupportedError, words_of
from vlabench.perturbations._image import REFERENCE, DrawnPerturbation, as_image
from vlabench.seeding import Draws
from vlabench.types import ActionSpace, Image
from vlabench.util.messages import one_line_each
from vlabench.util.opencv import check_opencv

NO_LOOK = "NO_ALBUMENTATIONS_UPDATE"
"""Set in the environment, it keeps albumentations from asking the network for its newest version."""
OURS = {"p", "strict"}
"""Parameters of transforms that are set here: always applied, and values that do not fit are errors."""
MOVING = {"geometric", "crops"}
"""Folders of albumentations whose transforms, and what is made of these, move things within the picture."""
LARGEST = 20_000
"""Of a parameter's numbers: more pixels, shadows or kelvin than any transform can mean, and some would never end."""
WHERE = "the perturbation Augment"


class Augment(DrawnPerturbation):
    """A transform of albumentations."""

    severities: ClassVar[Mapping[int, Mapping[str, Any]]] = {n: {"share": n / 5} for n in range(1, 6)}

    transform: str = Field(
        default="RandomShadow", min_length=1, max_length=100,
        description="Class of albumentations that changes pictures, by name, such as `RandomFog`.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Arguments of that class by name; by default its own defaults.")
    share: float = Field(
        default=1.0, ge=0, le=1, description="Share of what it makes in what is seen; the rest is the picture itself.")

    _made: Any = PrivateAttr(default=None)

    @property
    def from_start(self) -> bool:
        """No: a transform may draw what changes nothing, such as a turn by 0° or colours in their old order."""
        return False

    @property
    def certain(self) -> bool:
        return False

    @property
    def moves(self) -> bool:
        """Whether the transform moves things within the picture. Raises MissingExtra, UnknownName."""
        return any(MOVING.intersection(kind.__module__.split(".")) for kind in found(self.transform).__mro__)

    @property
    def caution(self) -> str:
        return f"{self.transform} moves things within the picture, perhaps out of it" if self.moves else ""

    def check(self, cameras: Sequence[str], space: ActionSpace) -> None:
        """Raises MissingExtra, RenderingError, UnknownName (camera, transform, parameter), OptionError for values that
        the transform refuses, UnsupportedError for a transform that makes no picture of a picture.
        """
        super().check(cameras, space)
        check_opencv()
        try_out(self.transform, json.dumps(self.parameters))

    def begin(self, rng: Draws, replan: int, cameras: Sequence[str], space: ActionSpace) -> None:
        super().begin(rng, replan, cameras, space)
        self._made = made(self.transform, self.parameters)

    def picture(self, image: Image, camera: str, step: int, rng: Draws) -> Image:
        import cv2

        changed = applied(self._made, image, self.generator(rng, camera, step))
        return as_image(changed if self.share == 1 else cv2.addWeighted(changed, self.share, image, 1 - self.share, 0))

    def realised(self) -> dict[str, Any]:
        known = {} if self._made is None else {"moves": self.moves}
        return {"transform": self.transform, "share": self.share, **known}


@functools.cache
def library() -> ModuleType:
    """albumentations, imported (a second, with torch three). Raises MissingExtra."""
    os.environ.setdefault(NO_LOOK, "1")
    try:
        return importlib.import_module("albumentations")
    except ImportError as error:
        raise MissingExtra(error.name or "albumentations", "augment", WHERE) from error


@functools.cache
def transforms() -> Mapping[str, type[Any]]:
    """Those of single pictures, by name. Raises MissingExtra."""
    module = library()
    kinds = (module.ImageOnlyTransform, module.DualTransform)
    return {name: kind for name, kind in vars(module).items() if isinstance(kind, type) and issubclass(kind, kinds)
            and kind not in kinds and not issubclass(kind, module.Transform3D) and not name.startswith(("Base", "_"))}


def found(name: str) -> type[Any]:
    """The class of a transform. Raises MissingExtra, UnknownName."""
    if name not in transforms():
        raise UnknownName("transform", name, transforms(), where=WHERE)
    return transforms()[name]


def made(name: str, parameters: Mapping[str, Any]) -> Any:
    """The transform with its parameters. Raises MissingExtra, UnknownName (transform, parameter), OptionError."""
    kind, where = found(name), f"{WHERE}: {name}"
    valid = inspect.signature(kind).parameters.keys() - OURS
    for parameter in parameters:
        if parameter not in valid:
            raise UnknownName("parameter", parameter, valid, where=where)
        beyond = [number for number in numbers_of(parameters[parameter]) if not abs(number) <= LARGEST]
        if beyond:
            raise OptionError(f"{where}: {parameter}: must be within ±{LARGEST:,}, not {beyond[0]:g}")
    try:
        return kind(**parameters, p=1.0, **({"strict": True} if "InitSchema" in vars(kind) else {}))
    except Exception as error:  # of pydantic, of the transform's own checks, or of arguments that are missing
        cause = error.__cause__
        if isinstance(cause, ValidationError):
            raise OptionError(one_line_each(cause, kind.InitSchema, where)) from None
        raise OptionError(f"{where}: {words_of(error)}") from None


def numbers_of(value: Any) -> Iterator[float]:
    """Those that a parameter has, in lists and tables too."""
    if isinstance(value, float | int):
        yield value
    elif isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from numbers_of(each)


def applied(transform: Any, image: Image, source: np.random.Generator) -> Any:
    """What a transform makes of a picture with the numbers of `source`."""
    transform.set_random_state(source, random.Random(int.from_bytes(source.bytes(16), "little")))
    return transform(image=image.copy())["image"]


@functools.lru_cache(maxsize=64)
def try_out(name: str, parameters: str) -> None:
    """Make a transform, of parameters in JSON, and apply it once. Raises as `made`, and UnsupportedError."""
    transform = made(name, json.loads(parameters))
    y, x = np.mgrid[:REFERENCE, :REFERENCE]
    image = np.stack([x, y, (x + y) // 2], axis=-1).astype(np.uint8)
    try:
        changed = applied(transform, image, np.random.Generator(np.random.Philox(key=0)))
    except Exception as error:  # whatever it needs beside a picture
        raise UnsupportedError(f"{WHERE}: {name} makes no picture of a picture alone: {words_of(error)}") from None
    if np.shape(changed) != image.shape or changed.dtype != image.dtype:
        raise UnsupportedError(f"{WHERE}: {name} makes {changed.dtype} {list(np.shape(changed))} of a picture "
                               f"{image.dtype} {list(image.shape)}, not one like it")
