"""Shadows lie where a ray to the light meets something, the table's own brightness stays, and highlights are others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.simulators.libero.conftest import episode
from vlabench.cards.conditions import Condition, Part, named
from vlabench.episode.chain import EpisodeChain
from vlabench.errors import CardError, UnsupportedError
from vlabench.perturbations.lighting import Lighting
from vlabench.simulators.libero.scene import LiberoScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import Floats, Image

CAMERA, SIZE = "agentview", 224
ALONE: dict[str, Any] = {"factor": 1.0, "tilt": 0.0}


def shown(scene: LiberoScene, **lighting: Any) -> Image:
    """The first look of episode 0, with a lighting of these parameters if any are given."""
    (spec,) = episode(scene, 0)
    scene.renew()
    scene.place([spec])
    scene.touch()
    parts = (Part(perturbation="lighting", **ALONE, **lighting),) if lighting else ()
    chain = EpisodeChain(spec, named(Condition("c", "libero", parts)), (CAMERA,))
    chain.begin(1, (CAMERA,), scene.action_space)
    chain.set_up(scene.slot(0))
    drawn = dict(chain.realised().get("lighting", {}))
    assert ("dimmed" in drawn) == ("shadows" in lighting and scene.task.task_set == "libero_10")
    assert 0.2 < drawn.pop("dimmed", 0.5) < 1 and drawn == lighting
    picture: Image = scene.observe().images[CAMERA][0]
    return picture


def on_the_table(scene: LiberoScene) -> Floats:
    """[N, 3] places that the camera sees on what lies below the middle of its picture, in a grid of 1 cm."""
    import mujoco

    eye = scene.data.cam_xpos[scene.model.camera(CAMERA).id]
    middle = np.array(scene.env.workspace_offset)
    steps = np.arange(-0.25, 0.25, 0.01)
    found = []
    for x, y in np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2):
        place = middle + [x, y, 0.0]
        far, sight = np.linalg.norm(place - eye), (place - eye) / np.linalg.norm(place - eye)
        if abs(mujoco.mj_ray(scene.model, scene.data, eye, sight, DRAWN, 1, -1, np.zeros(1, np.int32)) - far) < 0.003:
            found.append(place)
    return np.array(found)


DRAWN: npt.NDArray[np.uint8] = np.array([0, 1, 1, 0, 0, 0], np.uint8)
"""The groups of geoms that are drawn."""


@pytest.mark.parametrize(("task_set", "task"), [("libero_spatial", 0), ("libero_10", 2)])
def test_shadows_lie_where_things_stand_in_the_light(
        opened: Callable[..., LiberoScene], task_set: str, task: int) -> None:
    import mujoco

    scene = opened("primitive", task_set, task, (CAMERA,), SIZE)
    clean, before = shown(scene), scene.look_digest()
    dark = shown(scene, shadows=True)
    assert scene.look_digest() != before
    sun = scene.model.light_type[0] == mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    assert sun == (task_set == "libero_10")
    places = on_the_table(scene)
    assert len(places) > 500
    blocked = []
    for place in places:
        away = -scene.model.light_dir[0] if sun else scene.model.light_pos[0] - place
        away = away / np.linalg.norm(away)
        blocked.append(0 < mujoco.mj_ray(scene.model, scene.data, place + 0.002 * away, away, DRAWN, 1, -1,
                                         np.zeros(1, np.int32)) < 4)
    columns, rows = ((scene._world.seen_at(CAMERA, places) + 1) / 2 * SIZE).astype(int).T
    ratio = dark[rows, columns].mean(axis=-1) / np.maximum(clean[rows, columns].mean(axis=-1), 1)
    shaded, lit = np.median(ratio[np.array(blocked)]), np.median(ratio[~np.array(blocked)])
    assert np.mean(blocked) > 0.03 and shaded < 0.85 * lit
    assert np.mean((ratio < (shaded + lit) / 2) == blocked) > 0.95
    assert 0.85 < lit < 1.05, "the table is as bright as without shadows"
    assert np.array_equal(shown(scene), clean) and scene.look_digest() == before


def test_highlights_are_brighter_or_gone_and_nothing_else_is(opened: Callable[..., LiberoScene]) -> None:
    scene = opened("primitive", "libero_spatial", 0, (CAMERA,), SIZE)
    clean, none, bright = shown(scene).astype(int), shown(scene, highlights=0.0), shown(scene, highlights=3.0)
    assert (none <= clean).all() and (bright >= clean).all()
    assert 0.005 < np.mean(bright.astype(int) - clean > 5) < 0.5
    assert np.array_equal(shown(scene), clean)


def test_what_changes_nothing_or_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(CardError, match="change nothing: add tint, shadows or highlights"):
        _ = Condition("c", "libero", (Part(perturbation="lighting", **ALONE),)).perturbations
    with pytest.raises(CardError, match="go together"):
        _ = Condition("c", "libero", (Part(perturbation="lighting", factor=1.0),)).perturbations
    with pytest.raises(UnsupportedError, match="scenes of Maniskill are drawn without shadows"):
        Lighting(shadows=True).check_simulator(Maniskill)
    Lighting().check_simulator(Maniskill)
