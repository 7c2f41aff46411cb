"""What is imagined of a moment is what a scene in which it were so would show; the moment itself stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.simulators.maniskill.conftest import drawn
from vlabench.simulators._values import Orbit
from vlabench.simulators.maniskill import catalogue, poses, spots, starts
from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.drawing.vulkan import engine
from vlabench.simulators.maniskill.imagined import _beside, _looks
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.types import EpisodeSpec, Image

Episodes = Callable[..., EpisodeSpec]
SIZE = 96


@pytest.fixture(scope="module")
def scene(pack: str) -> PlateScene:
    return drawn("maniskill_pair", 2, SIZE, pack)


def begun(scene: PlateScene, *specs: EpisodeSpec) -> list[Any]:
    """The views of episodes a few steps after their start."""
    scene.reset(specs)
    for _ in range(3):
        scene.step(np.stack([scene.null_action + [0.01, 0, -0.02, 0, 0, 0.1, 0]] * len(specs)))
    return [scene.slot(b) for b in range(len(specs))]


def picture(scene: PlateScene, b: int = 0) -> Image:
    found: Image = scene.observe().images["third_person"][b]
    return found


def of(pictures: Any) -> Any:
    """Of the only camera."""
    ((camera, found),) = pictures.items()
    assert camera == "third_person"
    return found


def hidden(entities: list[Any]) -> None:
    for entity in entities:
        _looks(entity).visibility = 0.0


def test_masks_are_what_stays_when_other_things_are_taken_away(scene: PlateScene, episode: Episodes) -> None:
    """Robot, object and plate before the table's picture: pixels that the other object hides are the table's."""
    view, _ = begun(scene, *[episode(5, 2, "maniskill_pair")] * 2)
    seen, world = picture(scene), scene.worlds[0]
    task, things, table = of(view.masks(False)), of(view.masks(True)), of(view.empty())
    assert task.shape == things.shape == (SIZE, SIZE) and (task <= things).all() and 0.05 < task.mean() < things.mean()
    assert np.array_equal(np.where(things[..., None], seen, table), seen)
    hidden(scene.worlds[1].bodies[2:])
    without = picture(scene, 1)
    ids = scene._views[0].camera.shoot()[1]
    assert np.array_equal(things & ~task, ids == world.bodies[2].per_scene_id)
    free = ~(things & ~task)  # what the other object covers may be the plate's edge
    assert np.array_equal(np.where(task[..., None], seen, table)[free], without[free])
    assert np.array_equal(table, screen.background(scene._pack.table(world.looks.table), (SIZE, SIZE)))


def test_the_backgrounds_are_training_s_tables(scene: PlateScene, episode: Episodes) -> None:
    view = begun(scene, episode(2, 1))[0]
    names, own = view.training_backgrounds(), scene.worlds[0].looks.table
    assert len(names) == len(set(names)) == 16 and set(names) == {
        table.picture.removesuffix(".png") for table in catalogue.TABLES[:16]}
    assert names[0] == catalogue.TABLES[own].picture.removesuffix(".png")
    assert np.array_equal(of(view.background(names[0])), of(view.empty()))
    for name in names[1:4]:
        number = next(n for n, table in enumerate(catalogue.TABLES) if table.picture.startswith(name))
        expected = screen.background(scene._pack.table(number), (SIZE, SIZE))
        assert np.array_equal(of(view.background(name)), expected)
    of(view.background(names[1]))[:] = 0  # theirs who asked
    assert of(view.background(names[1])).any()


def test_a_ghost_where_the_object_is_is_the_object(scene: PlateScene, episode: Episodes) -> None:
    for spec in (episode(3, 0), episode(12, 4, "maniskill_pair")):
        view = begun(scene, spec)[0]
        assert np.array_equal(of(view.with_target_moved((0.0, 0.0), 0.0)), picture(scene))


@pytest.mark.parametrize("by, turn", [((0.04, -0.03), 0.0), ((0.0, 0.0), 90.0), ((-0.02, 0.05), 45.0)])
def test_a_ghost_elsewhere_is_the_object_elsewhere(by: tuple[float, float], turn: float, scene: PlateScene,
                                                   episode: Episodes) -> None:
    """In a second world of the same episode the object itself is put there."""
    view, _ = begun(scene, *[episode(0, 3, "maniskill_pair")] * 2)
    seen, digests = picture(scene), scene.state_digest()
    found = of(view.with_target_moved(by, turn))
    other = scene.worlds[1].object
    about_z = np.array([math.cos(math.radians(turn) / 2), 0, 0, math.sin(math.radians(turn) / 2)])
    turned = poses.product(about_z, np.array(other.pose.q, float))
    other.set_pose(engine().Pose(other.pose.p + [*by, 0], turned))
    assert np.array_equal(found, picture(scene, 1)) and (found != seen).any(-1).mean() > 0.002
    assert np.array_equal(picture(scene), seen) and scene.state_digest()[0] == digests[0] == digests[1]


def test_a_viewpoint_is_that_of_a_camera_that_was_led_there(scene: PlateScene, episode: Episodes) -> None:
    spec = episode(6, 1)
    scene.place([spec, spec])
    scene.slot(1).orbit_camera(Orbit(-7.0, 3.0))  # type: ignore[attr-defined]
    scene.settle()
    before, there = scene.observe().images["third_person"]
    view: Any = scene.slot(0)
    assert np.array_equal(of(view.from_viewpoint(-7.0, 3.0)), there) and not np.array_equal(before, there)
    assert np.array_equal(picture(scene), before)


@pytest.mark.parametrize("task_set", ["maniskill_put_on_plate", "maniskill_pair"])
def test_other_distractors_are_training_s_and_stand_on_the_table(task_set: str, scene: PlateScene,
                                                                 episode: Episodes) -> None:
    """In the place of the one that stands there, or where a third thing would; robot, object and plate stay."""
    view = begun(scene, episode(5, 2, task_set))[0]
    seen, world, task = picture(scene), scene.worlds[0], of(view.masks(False))
    others = world.bodies[2:]
    for draw in range(12):
        changed = (of(view.with_distractors(np.random.default_rng(draw))) != seen).any(-1)
        assert changed.any() and (changed & task).sum() < 0.5 * changed.sum()
    ghosts = {number: ghost for (number, _), ghost in scene._imagined[0]._ghosts.items()}
    taken = {body.number for body in world.start.bodies[:1] + world.start.others}
    assert len(ghosts) > 6 and set(ghosts) <= set(catalogue.TRAINING_OBJECTS) - taken
    for number, ghost in ghosts.items():
        low = catalogue.OBJECTS[number].low[2]
        assert ghost.pose.p[2] + low == pytest.approx(0.8697, abs=1e-6) and _looks(ghost).visibility == 0
        if others:
            assert np.allclose(ghost.pose.p[:2], others[0].pose.p[:2], atol=1e-6)
        else:
            at = tuple(float(axis) for axis in ghost.pose.p[:2])
            assert math.dist(at, world.start.receptacle.spot) > 0.07 < math.dist(at, world.start.object.spot)
    assert np.array_equal(picture(scene), seen)


def test_what_is_not_drawn_cannot_be_imagined(episode: Episodes) -> None:
    simulator = Maniskill("primitive")
    scene: Any = simulator.open(simulator.tasks("maniskill_pair")[0], 1)
    scene.reset([episode()])
    with pytest.raises(TypeError, match="a world is seen once it has settled"):
        scene.slot(0).masks(False)


def test_every_pair_of_spots_leaves_room_for_another_object() -> None:
    for at, on in spots.pairs():
        bodies = starts.Body("object", 0, at, 1.0), starts.Body("receptacle", 0, on, 1.0)
        spot = _beside(*bodies, np.random.default_rng(0))
        assert math.dist(spot, on) > 0.069 and math.dist(spot, at) > 0.149
