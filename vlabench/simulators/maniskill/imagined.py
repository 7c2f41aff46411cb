"""How the present moment of a world would look otherwise, drawn with bodies that physics knows nothing of.

Putting a world back into a state that it was in changes the last bits of what follows. So nothing that moves is touched
here: what is to be seen elsewhere is hidden, and a ghost of it is drawn there.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vlabench.simulators._values import Orbit, Spot
from vlabench.simulators.maniskill import catalogue, poses, spots, starts
from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.drawing.screen import Mask
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.looks import OBJECT, Paint
from vlabench.simulators.maniskill.packs import Pack
from vlabench.simulators.maniskill.paint import paint
from vlabench.simulators.maniskill.starts import Body
from vlabench.simulators.maniskill.view import View, orbited
from vlabench.simulators.maniskill.world import FRICTION, TABLE_TOP, World, material
from vlabench.types import Image


class Imagined:
    """Pictures uint8 [size, size, 3], of training's things and tables alone; ghosts are made when they are asked for.
    """

    def __init__(self, world: World, pack: Pack, view: View) -> None:
        self._world, self._pack, self._view = world, pack, view
        self._ghosts: dict[tuple[int, tuple[Paint, ...]], Any] = {}  # of objects, by their numbers, and painted

    def mask(self, others: bool) -> Mask:
        """bool [size, size]: where robot, object and receptacle are seen, or with `others` anything but the table."""
        kept = self._view.kept - (set() if others else {body.per_scene_id for body in self._world.bodies[2:]})
        return screen.mask(self._view.shoot()[1], kept)

    def empty(self) -> Image:
        """The table alone."""
        self._view.heed()
        return self._view.table.copy()

    def tables(self) -> list[int]:
        """Training's, that of now first."""
        own = self._world.looks.table
        return [own, *(number for number in catalogue.TRAINING_TABLES if number != own)]

    def table(self, number: int) -> Image:
        """Another table alone."""
        return screen.background(self._pack.table(number), self._view.camera.size).copy()

    def from_viewpoint(self, yaw: float, pitch: float) -> Image:
        """The table, a picture, stays."""
        self._view.heed()
        camera = self._view.camera
        before = camera.pose
        try:
            camera.pose = orbited(before, Orbit(yaw, pitch))
            return self._view.picture()
        finally:
            camera.pose = before

    def with_target_moved(self, by: Spot, turn: float) -> Image:
        """As high as it is, and turned about its own middle."""
        thing = self._world.object
        ghost = self._ghost(self._world.start.object.number, self._paints())
        turned = poses.product(starts.quaternion(math.radians(turn)), np.asarray(thing.pose.q, dtype=np.float64))
        ghost.set_pose(engine().Pose(np.add(thing.pose.p, (*by, 0.0)), turned))
        return self._shown([thing], [ghost])

    def with_distractors(self, rng: np.random.Generator) -> Image:
        """Lying as at a start, turned like what they are shown instead of."""
        start = self._world.start
        taken = {body.number for body in start.bodies if body.sort == "object"}
        free = [number for number in catalogue.TRAINING_OBJECTS if number not in taken]
        others = [(tuple(entity.pose.p[:2]), body.yaw)
                  for entity, body in zip(self._world.bodies[2:], start.others, strict=True)]
        places = others or [(_beside(start.object, start.receptacle, rng), start.object.yaw)]
        ghosts = []
        for (spot, yaw), number in zip(places, rng.permutation(free).tolist(), strict=False):
            ghosts.append(self._ghost(number))
            height = TABLE_TOP - catalogue.OBJECTS[number].low[2]
            ghosts[-1].set_pose(engine().Pose([*spot, height], starts.quaternion(yaw)))
        return self._shown(self._world.bodies[2:], ghosts)

    def _shown(self, hidden: Sequence[Any], ghosts: Sequence[Any]) -> Image:
        with _visible(hidden, 0.0), _visible(ghosts, 1.0):
            return self._view.picture(ghosts)

    def _paints(self) -> tuple[Paint, ...]:
        """What the object is painted with."""
        return tuple(given for given in self._world.looks.paints if given.surface == OBJECT)

    def _ghost(self, number: int, paints: tuple[Paint, ...] = ()) -> Any:
        """An object that is seen and not felt; it stays in the scene, hidden."""
        if (number, paints) not in self._ghosts:
            builder = self._world.scene.create_actor_builder()
            self._pack.add(builder, "object", number, material(FRICTION), True)
            ghost = engine().Entity()
            ghost.add_component(builder.build_render_component())
            self._world.scene.add_entity(ghost)
            for given in paints:
                paint([ghost], given, own=True)
            _looks(ghost).visibility = 0.0
            self._ghosts[number, paints] = ghost
        return self._ghosts[number, paints]


def _beside(thing: Body, place: Body, rng: np.random.Generator) -> Spot:
    """Where another object would stand in a scene of three; where there is no such spot, one further out."""
    known = spots.thirds().get((thing.spot, place.spot), ())
    free = known or [spot for spot in spots.broad() if spots.apart(spot, place.spot) > spots.APART
                     and spots.apart(spot, thing.spot) > spots.APART_ALIKE]
    return free[int(rng.integers(len(free)))]


def _looks(entity: Any) -> Any:
    return entity.find_component_by_type(engine().render.RenderBodyComponent)


@contextlib.contextmanager
def _visible(entities: Sequence[Any], share: float) -> Iterator[None]:
    """Inside, entities are seen (1) or not (0)."""
    before = [_looks(entity).visibility for entity in entities]
    try:
        for entity in entities:
            _looks(entity).visibility = share
        yield
    finally:
        for entity, was in zip(entities, before, strict=True):
            _looks(entity).visibility = was
