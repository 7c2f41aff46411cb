"""Where an episode begins: which things stand where, and on which table, drawn from RL4VLA's grids."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlabench.errors import OptionError
from vlabench.seeding import stream
from vlabench.simulators.base import Variant
from vlabench.simulators.maniskill import catalogue
from vlabench.types import EpisodeSpec

Spot = tuple[float, float]

CENTER = (-0.16, 0.0)
HALF_EDGE = 0.075
GRID = 6
"""A square of 6 × 6 spots, 3 cm apart, around the center, in the world's x and y (m)."""
APART = 0.070
"""Between an object and a receptacle, more than that (m)."""
APART_OBJECTS = 0.15
"""Between two objects."""
YAWS = tuple(math.pi / 4 * k for k in range(4))
DROP = (0.95, 0.92, 1.0)
"""The heights (m) from which an object, its receptacle and the other object fall, as in RL4VLA's scenes of three. In
those of two it drops both from 0.95, where a long object is in its receptacle's way: PhysX threw one of them off the
table in 2 of 400 episodes."""
SPLITS = ("training", "test")
VARIANTS: Mapping[str, tuple[Any, ...]] = {"objects": SPLITS, "receptacles": SPLITS, "tables": SPLITS, "others": (0, 1)}
"""What a scene may be built with: whose split the object, the receptacle and the table are drawn from, and how many
other objects there are; without them training's, and the number that the task set says."""


@dataclass(frozen=True)
class Body:
    """One thing at its start. sort: `object` or `receptacle`; number: in the catalogue; spot, height (m), yaw (rad)."""

    sort: str
    number: int
    spot: Spot
    height: float
    yaw: float = 0.0

    @property
    def thing(self) -> catalogue.Thing:
        """What the catalogue knows of it."""
        return (catalogue.OBJECTS if self.sort == "object" else catalogue.RECEPTACLES)[self.number]


@dataclass(frozen=True)
class Start:
    """object: the one to be moved. receptacle: where to. others: what stands around. table: in the catalogue."""

    object: Body
    receptacle: Body
    others: tuple[Body, ...]
    table: int

    @property
    def bodies(self) -> tuple[Body, ...]:
        """All of them: the object, the receptacle, the others."""
        return (self.object, self.receptacle, *self.others)

    @property
    def instruction(self) -> str:
        """RL4VLA's words (appendix A.2)."""
        return instruction(self.object.number, self.receptacle.number)


def instruction(number: int, receptacle: int = 0) -> str:
    """What is asked for with an object and a receptacle of these numbers."""
    return f"put {catalogue.OBJECTS[number].name} on {catalogue.RECEPTACLES[receptacle].name}"


def grid() -> tuple[Spot, ...]:
    """The 36 spots, x slowest."""
    steps = [(k / (GRID - 1) * 2 - 1) * HALF_EDGE for k in range(GRID)]
    return tuple((x + CENTER[0], y + CENTER[1]) for x, y in itertools.product(steps, steps))


def apart(a: Spot, b: Spot) -> float:
    """The distance of two spots (m).

    In RL4VLA's own arithmetic: some of its distances of 0.15 m come out a last bit above and count as more, which
    `math.dist`, being exact, would not have; so there are 2104 triples, as published.
    """
    x, y = a[0] - b[0], a[1] - b[1]
    return math.sqrt(x * x + y * y)


@functools.lru_cache
def pairs() -> tuple[tuple[Spot, Spot], ...]:
    """The 784 spots of object and receptacle."""
    return tuple((a, b) for a, b in itertools.permutations(grid(), 2) if apart(a, b) > APART)


@functools.lru_cache
def triples() -> tuple[tuple[Spot, Spot, Spot], ...]:
    """The 2104 spots of object, receptacle and another object."""
    return tuple((a, b, c) for (a, b), c in itertools.product(pairs(), grid())
                 if apart(c, b) > APART and apart(a, c) > APART_OBJECTS)


def draw(spec: EpisodeSpec, variant: Variant = ()) -> Start:
    """The start of an episode in a scene of this variant.

    Positions, yaw, table and the other object come from streams of their own: a held-out object stands where training's
    does in the same episode, before the same table. Raises OptionError for a variant that there is not.
    """
    asked = checked(variant, spec.task.task_set)
    rng = stream(spec, "start").episode()
    table = int(rng.integers(len(catalogue.TRAINING_TABLES)))
    place, yaw = int(rng.integers(2 ** 31)), YAWS[int(rng.integers(len(YAWS)))]
    number, receptacle = spec.task.number, 0
    if asked["objects"] == "test":
        number = _one(spec, "object", catalogue.TEST_OBJECTS)
    if asked["receptacles"] == "test":
        receptacle = _one(spec, "receptacle", catalogue.TEST_RECEPTACLES)
    if asked["tables"] == "test":
        table = _one(spec, "table", catalogue.TEST_TABLES)
    if not asked["others"]:
        at, on = pairs()[place % len(pairs())]
        return Start(Body("object", number, at, DROP[0], yaw), Body("receptacle", receptacle, on, DROP[1]), (), table)
    at, on, beside = triples()[place % len(triples())]
    split = catalogue.TEST_OBJECTS if asked["objects"] == "test" else catalogue.TRAINING_OBJECTS
    other = _one(spec, "other", [each for each in split if each != number])
    return Start(Body("object", number, at, DROP[0], yaw), Body("receptacle", receptacle, on, DROP[1]),
                 (Body("object", other, beside, DROP[2], yaw),), table)


def checked(variant: Variant, task_set: str) -> dict[str, Any]:
    """All that a variant can say, with what holds by default. Raises OptionError."""
    asked: dict[str, Any] = {"objects": "training", "receptacles": "training", "tables": "training",
                             "others": OTHERS.get(task_set, 0)}
    for name, value in variant:
        if name not in VARIANTS or value not in VARIANTS[name]:
            known = "; ".join(f"{each} = {' or '.join(map(str, values))}" for each, values in VARIANTS.items())
            raise OptionError(f"ManiSkill's scenes have no variant {name} = {value!r}; there are {known}")
        asked[name] = value
    return asked


OTHERS = {"maniskill_put_on_plate": 0, "maniskill_pair": 1}
"""Task set → how many objects stand there that are not asked for."""


def _one(spec: EpisodeSpec, name: str, split: Sequence[int]) -> int:
    return int(split[int(stream(spec, f"start/{name}").episode().integers(len(split)))])


def quaternion(yaw: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(w, x, y, z) of a turn about the world's z."""
    return np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
