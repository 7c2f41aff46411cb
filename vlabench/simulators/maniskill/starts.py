"""Where an episode begins: which things stand where, and on which table, drawn from RL4VLA's grids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vlabench.errors import OptionError
from vlabench.seeding import stream
from vlabench.simulators.base import Variant
from vlabench.simulators.maniskill import catalogue, spots
from vlabench.simulators.maniskill.spots import Spot
from vlabench.types import EpisodeSpec

YAWS = tuple(math.pi / 4 * k for k in range(4))
OUTER_YAWS = tuple(-math.pi / 8 * k for k in (1, 3, 5, 7))
"""How an object is turned that stands around the grid: none of training's."""
DROP = (0.95, 0.92, 1.0)
"""The heights (m) from which an object, its receptacle and the other object fall, as in RL4VLA's scenes of three. In
those of two it drops both from 0.95, where a long object is in its receptacle's way: PhysX threw one of them off the
table in 2 of 400 episodes."""
DROP_RECEPTACLES = (1.0, 0.92, 0.96)
"""The same of an object, its receptacle and the other receptacle."""
SPLITS = ("training", "test")
OTHERS = {"maniskill_put_on_plate": 0, "maniskill_pair": 1}
"""Task set → how many objects stand there that are not asked for."""
VARIANTS: Mapping[str, tuple[Any, ...]] = {
    "objects": SPLITS, "receptacles": SPLITS, "others": tuple(range(9)),
    "other_objects": ("alike", "mixed"), "other_receptacles": (0, 1),
    "positions": ("training", "outer", "object outer", "movable"), "target": ("own", "other")}
"""What a scene may be built with; the first value holds by default, of `others` the number that the task set says.

objects, receptacles: whose split they are drawn from. others: how many other objects there are, of the object's
split (`alike`), or every second one held out (`mixed`). other_receptacles: how many more receptacles, held out.
positions: on the grid; around it, turned otherwise, object and receptacle (`outer`) or the object alone; or on the grid
such that there is another spot for the object, far from its own (`movable`). target: which object is asked for, the
task's or the first of the others, which then change parts.
"""


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

    def is_free(self, spot: Spot) -> bool:
        """Whether the object could stand there, for the receptacle and the others."""
        return all(spots.apart(spot, body.spot) > spots.APART for body in self.bodies[1:])

    @property
    def instruction(self) -> str:
        """RL4VLA's words (appendix A.2)."""
        return instruction(self.object.number, self.receptacle.number)


def instruction(number: int, receptacle: int = 0) -> str:
    """What is asked for with an object and a receptacle of these numbers."""
    return f"put {catalogue.OBJECTS[number].name} on {catalogue.RECEPTACLES[receptacle].name}"


def draw(spec: EpisodeSpec, variant: Variant = ()) -> Start:
    """The start of an episode in a scene of this variant.

    Positions, yaw, table and the others come from streams of their own: a held-out object stands where training's does
    in the same episode, before the same table. Raises OptionError for a variant that there is not.
    """
    asked = checked(variant, spec.task.task_set)
    rng = stream(spec, "start").episode()
    table = int(rng.integers(len(catalogue.TRAINING_TABLES)))
    place, turn = int(rng.integers(2 ** 31)), int(rng.integers(len(YAWS)))
    yaw = (OUTER_YAWS if "outer" in asked["positions"] else YAWS)[turn]
    number, receptacle = spec.task.number, 0
    if asked["objects"] == "test":
        number = _one(spec, "object", catalogue.TEST_OBJECTS)
    if asked["receptacles"] == "test":
        receptacle = _one(spec, "receptacle", catalogue.TEST_RECEPTACLES)
    at, on, beside = _spots(spec, place, asked)
    drop = DROP_RECEPTACLES if asked["other_receptacles"] else DROP
    target = Body("object", number, at, drop[0], yaw)
    to = Body("receptacle", receptacle, on, drop[1])
    others: tuple[Body, ...] = ()
    if asked["other_receptacles"]:
        rest = [each for each in catalogue.TEST_RECEPTACLES if each != receptacle]
        others = (Body("receptacle", _one(spec, "other receptacle", rest), beside, drop[2]),)
    elif asked["others"]:
        others = _others(spec, asked, target, to, Body("object", -1, beside, drop[2], YAWS[turn]))
    if asked["target"] == "other":
        target, others = others[0], (target, *others[1:])
    return Start(target, to, others, table)


def checked(variant: Variant, task_set: str) -> dict[str, Any]:
    """All that a variant can say, with what holds by default. Raises OptionError."""
    asked = {name: values[0] for name, values in VARIANTS.items()}
    asked["others"] = OTHERS.get(task_set, 0)
    for name, value in variant:
        if name not in VARIANTS or value not in VARIANTS[name]:
            known = "; ".join(f"{each} = {' or '.join(map(str, values))}" for each, values in VARIANTS.items())
            raise OptionError(f"ManiSkill's scenes have no variant {name} = {value!r}; there are {known}")
        asked[name] = value
    third = {"others": asked["others"] > 0, "other_receptacles": asked["other_receptacles"] > 0,
             "positions": asked["positions"] in ("outer", "movable")}
    if sum(third.values()) > 1:
        both = " and ".join(f"{name} = {asked[name]!r}" for name, holds in third.items() if holds)
        raise OptionError(f"ManiSkill's scenes have no variant with {both} in {task_set}: there are no published spots "
                          f"for that\n  fix: {_instead(task_set)}")
    if asked["target"] == "other" and not asked["others"]:
        pairs = " or ".join(name for name, others in OTHERS.items() if others)
        raise OptionError(f"in {task_set} no other object stands there that could be asked for\n  fix: the task set "
                          f"{pairs}, or distractors in the same condition")
    return asked


def _instead(task_set: str) -> str:
    """What can be had of the variants that take the place of a third thing."""
    if not OTHERS.get(task_set):
        return "one of them alone"
    free = [name for name, others in OTHERS.items() if not others]
    return (f"in {task_set}, where another object stands in any case, others = 1 to 8 and positions = 'training' or "
            f"'object outer'; for the rest the task set {' or '.join(free)}")


def _spots(spec: EpisodeSpec, place: int, asked: Mapping[str, Any]) -> tuple[Spot, Spot, Spot]:
    """Of the object, of the receptacle, and of a third thing if there is one."""
    if OTHERS.get(spec.task.task_set):
        at, on, beside = spots.triples()[place % len(spots.triples())]
    else:
        at, on = spots.pairs()[place % len(spots.pairs())]
        beside, rng = at, stream(spec, "start/third").episode()
        if asked["other_receptacles"]:
            on, at, beside = spots.triple_like((on, at), rng)
        elif asked["others"] or asked["positions"] == "movable":
            at, on, beside = spots.triple_like((at, on), rng)
    if asked["positions"] == "outer":
        at, on = spots.outer_pairs()[place % len(spots.outer_pairs())]
    elif asked["positions"] == "object outer":
        around = [spot for spot in spots.outer() if spots.apart(spot, on) > spots.APART
                  and (not asked["others"] or spots.apart(spot, beside) > spots.APART_ALIKE)]
        at = around[int(stream(spec, "start/outer").episode().integers(len(around)))]
    return at, on, beside


def _others(spec: EpisodeSpec, asked: Mapping[str, Any], target: Body, to: Body, first: Body) -> tuple[Body, ...]:
    """The objects that are not asked for: the one of scenes with one, at the place of `first`, and more around.

    Those of fewer are among those of more, at the same spots.
    """
    held_out = asked["objects"] == "test"
    split = catalogue.TEST_OBJECTS if held_out else catalogue.TRAINING_OBJECTS
    one = _one(spec, "other", [each for each in split if each != target.number])
    more = _numbers(spec, asked, (target.number, one))
    others = [replace(first, number=one)]
    rng = stream(spec, "start/clutter").episode()
    turned = abs(math.cos(first.yaw)) + abs(math.sin(first.yaw))
    broad = turned * max(to.thing.half[:2])
    for number in more[:asked["others"] - 1]:
        stands = [(target.spot, target.thing.half[:2], spots.CLEAR_OF_OBJECT),
                  (to.spot, (broad, broad), spots.CLEAR_OF_RECEPTACLE),
                  *((other.spot, other.thing.half[:2], spots.CLEAR) for other in others)]
        half = catalogue.OBJECTS[number].half[:2]
        others.append(replace(first, number=number, spot=spots.cluttered(stands, half, first.yaw, rng)))
    return tuple(others)


def _numbers(spec: EpisodeSpec, asked: Mapping[str, Any], taken: Sequence[int]) -> list[int]:
    """What stands around beside the first: all of the split, or held-out and training's by turns; none `taken`."""
    rng = stream(spec, "start/others").episode()
    training, test = ([int(each) for each in rng.permutation(list(split)) if each not in taken]
                      for split in (catalogue.TRAINING_OBJECTS, catalogue.TEST_OBJECTS))
    if asked["other_objects"] == "mixed":
        turns = (training, test) if asked["objects"] == "test" else (test, training)
        return [number for both in zip(*turns, strict=False) for number in both]
    return test if asked["objects"] == "test" else training


def _one(spec: EpisodeSpec, name: str, split: Sequence[int]) -> int:
    return int(split[int(stream(spec, f"start/{name}").episode().integers(len(split)))])


def quaternion(yaw: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(w, x, y, z) of a turn about the world's z."""
    return np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
