"""What a world tells demonstrations: where the expert's points are in the picture, against what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.simulators.maniskill.conftest import drawn
from vlabench.cards.conditions import Condition, Part, named
from vlabench.episode.chain import EpisodeChain
from vlabench.simulators.maniskill.advisor import Advisor
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.expert.expert import SPREAD
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeSpec, Floats

SIZE = 256
SEEN = {
    "clean": (), "around": (Part(perturbation="camera_pose", yaw=20.0, pitch=-5.0, roll=4.0, distance=1.1),),
    "wider": (Part(perturbation="field_of_view", factor=1.4),), "base": (Part(perturbation="base_shift", severity=5),)}


@pytest.fixture(scope="module")
def scene() -> PlateScene:
    return drawn("maniskill_pair", 1, SIZE, privileged=True)


def told(scene: PlateScene) -> tuple[Floats, dict[str, Any]]:
    """The expert's points, and what a demonstration keeps with them."""
    state = scene.observe().state
    assert state is not None and isinstance(state[0], Advisor)
    _, points = state[0].expert_advice()
    return points, state[0].told(points)


@pytest.mark.parametrize("name", SEEN)
def test_the_points_are_where_the_things_are_drawn(name: str, scene: PlateScene,
                                                   episode: Callable[..., EpisodeSpec]) -> None:
    parts = named(Condition(name, "maniskill", SEEN[name]))
    for number in (0, 5, 12):
        spec = episode(number, 2, "maniskill_pair")
        chain = EpisodeChain(spec, parts, scene.cameras)
        scene.place([spec])
        chain.begin(1, scene.cameras, Maniskill.action_space)
        chain.set_up(scene.slot(0))
        scene.settle()
        for _ in range(2):
            scene.step(scene.null_action[None])
        pixels = told(scene)[1]["pixels"]
        assert pixels.shape == (1, 4, 2) and pixels.dtype == np.float32
        world = scene.worlds[0]
        for link in world.robot.links.values():  # which may hide a part of a thing
            if (shapes := link.entity.find_component_by_type(engine().render.RenderBodyComponent)) is not None:
                shapes.visibility = 0.0
        ids = scene._views[0].shoot()[1]
        for at, body in zip(pixels[0], (world.object, world.receptacle), strict=False):
            rows, columns = np.nonzero(ids == body.per_scene_id)
            column, row = (at + 1) * SIZE / 2
            # a body's middle is seen about where the middle of what is seen of it is: within a quarter of its size
            wide, high = np.ptp(columns) + 1, np.ptp(rows) + 1
            assert abs(columns.mean() + 0.5 - column) < max(2.5, wide / 4), (name, number)
            assert abs(rows.mean() + 0.5 - row) < max(2.5, high / 4), (name, number)


def test_points_follow_the_way_to_the_object(scene: PlateScene, episode: Callable[..., EpisodeSpec]) -> None:
    """The hand goes where its next point is: the waypoint in the picture meets the hand's own."""
    scene.reset([episode(0, 1, "maniskill_pair")])
    hand = None
    for _ in range(30):
        state = scene.observe().state
        assert state is not None
        action, points = state[0].expert_advice()
        own = state[0].told(np.zeros(12))["pixels"][0]  # all four at the hand
        assert np.array_equal(own[0], own[2])
        assert np.linalg.norm(points[9:] - points[6:9]) == pytest.approx(SPREAD)
        if np.linalg.norm(points[6:9]) < 0.004:
            hand = own[0]
            assert np.abs(state[0].told(points)["pixels"][0, 2] - hand).max() < 0.03
        scene.step(action[None])
    assert hand is not None
