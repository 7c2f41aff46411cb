"""Where light and cameras change, policies still have something to see: neither black nor white, and the goal in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.simulators.libero.conftest import NULL, episode
from vlabench.cards.conditions import Condition, Part, named
from vlabench.episode.chain import EpisodeChain
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.types import Image

CAMERAS = ("agentview", "wrist")
LATER = ("lights_out", "camera_bumped")
LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709's."""
TASKS = (("libero_spatial", 0), ("libero_object", 0), ("libero_goal", 0), ("libero_10", 2), ("libero_10", 5))


def looked(scene: LiberoScene, index: int, name: str, severity: int) -> Image:
    """The first look; where something happens later, that after it."""
    (spec,) = (dataclasses.replace(each, condition="c") for each in episode(scene, index))
    scene.renew()
    scene.place([spec])
    scene.touch()
    chain = EpisodeChain(spec, named(Condition("c", "libero", (
        Part(perturbation=name, severity=severity, **({"step": 1} if name in LATER else {})),))), CAMERAS)
    chain.begin(1, CAMERAS, scene.action_space)
    chain.set_up(scene.slot(0))
    scene.settle()
    scene.step(NULL[None])
    chain.tick(scene, 1)
    picture: Image = scene.observe().images["agentview"][0]
    return picture


@pytest.fixture(params=TASKS, ids=lambda task: "-".join(map(str, task)))
def large(opened: Callable[..., LiberoScene], pack: str, request: pytest.FixtureRequest) -> Iterator[LiberoScene]:
    """A scene whose pictures are as large as policies of seven billion parameters have them; afterwards as it was."""
    scene = opened(pack, *request.param, CAMERAS, 224)
    yield scene
    scene.renew()


@pytest.mark.long
def test_no_light_is_too_little_or_too_much(large: LiberoScene, pack: str) -> None:
    for severity in range(1, 6):
        for name, episodes in (("lights_out", 1), ("lighting", 6)):
            for index in range(episodes):
                mean = float((looked(large, index, name, severity) @ LUMA).mean()) / 255
                print(f"{pack} {large.task.key} {name} s{severity} {index}: {mean:.3f}")
                assert 0.03 <= mean <= 0.97, (name, severity, index)


@pytest.mark.long
def test_what_the_goal_names_is_wide_enough_to_see(large: LiberoScene, pack: str) -> None:
    """12 px at 224, each thing alone, in the camera that is changed."""
    world = large._world
    names = {world.parent(name) for _, *named_ in world.goals for name in named_} - {""}
    seen = []
    for severity in (1, 2, 3):
        for name in ("camera_pose", "field_of_view", "camera_bumped"):
            looked(large, 0, name, severity)
            shown = large._bodies_seen("agentview")
            for each in sorted(names):
                own = np.flatnonzero(world.bodies(each))
                wide = int(np.isin(shown, own).any(axis=0).sum())
                print(f"{pack} {large.task.key} {name} s{severity} {each}: {wide} px")
                seen.append(wide >= 12)
    assert np.mean(seen) >= 0.95
