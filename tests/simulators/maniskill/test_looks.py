"""Looks change the pixels that they should, the more the severer, and nothing of the physics or of other episodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation

from tests.simulators.maniskill.conftest import drawn
from vlabench import cards
from vlabench.cards.conditions import Condition, Part, named
from vlabench.episode.chain import EpisodeChain
from vlabench.perturbations.camera_pose import CameraPose
from vlabench.simulators._values import LightSetup, Orbit, Sun
from vlabench.simulators.capabilities import ShowsBackgrounds
from vlabench.simulators.maniskill import catalogue, packs
from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.looks import TRAINING_LIGHTING
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.slot import Slot
from vlabench.simulators.maniskill.view import orbited
from vlabench.types import EpisodeSpec, Image

Episodes = Callable[..., EpisodeSpec]
SIZE = 96
CLEAN = Condition("clean", "maniskill")


@pytest.fixture(scope="module")
def scene() -> PlateScene:
    return drawn("maniskill_put_on_plate", 6, SIZE)


def condition(name: str, **parameters: Any) -> Condition:
    return Condition("c", "maniskill", (Part(perturbation=name, **parameters),))


def begun(scene: PlateScene, spec: EpisodeSpec, *conditions: Condition) -> None:
    """Copies of an episode, each under a condition, up to their first look, as the loop does it."""
    scene.place([spec] * len(conditions))
    for b, each in enumerate(conditions):
        chain = EpisodeChain(spec, named(each), scene.cameras)
        chain.begin(1, scene.cameras, scene.action_space)
        chain.set_up(scene.slot(b))
    scene.settle()


def pictures(scene: PlateScene) -> list[Image]:
    return list(scene.observe().images["third_person"])


def things(scene: PlateScene, b: int) -> npt.NDArray[np.bool_]:
    """The pixels of robot, object and receptacle."""
    view = scene._views[b]
    return screen.mask(view.camera.shoot()[1], view.kept)


CHANGES = {
    "table": (condition("background"), False, True),
    "half a table": (condition("background", mix=0.5), False, True),
    "texture": (condition("texture_overlay", mix=0.3), True, False),
    "noise": (condition("texture_overlay", mix=0.3, over="picture"), True, True),
    "light": (condition("lighting"), True, False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_look_changes_what_it_should_and_no_other_pixels(name: str, scene: PlateScene, episode: Episodes) -> None:
    asked, of_things, around = CHANGES[name]
    begun(scene, episode(3, 1), CLEAN, asked)
    clean, changed = pictures(scene)
    kept, same = things(scene, 1), (clean == changed).all(-1)
    assert (things(scene, 0) == kept).all() and 0.03 < kept.mean() < 0.5
    for where, others in ((kept, of_things), (~kept, around)):
        assert same[where].mean() < 0.35 if others else same[where].all()
    assert scene.state_digest()[0] == scene.state_digest()[1]
    assert scene.look_digest()[0] != scene.look_digest()[1]
    for _ in range(2):
        scene.step(np.stack([scene.null_action] * 2))
    assert scene.state_digest()[0] == scene.state_digest()[1]


@pytest.mark.parametrize("name", ["background", "texture_overlay", "lighting", "camera_pose"])
def test_the_next_episode_looks_as_if_nothing_had_been(name: str, scene: PlateScene, episode: Episodes) -> None:
    begun(scene, episode(2, 0), CLEAN)
    before = pictures(scene)[0]
    begun(scene, episode(2, 0), condition(name, severity=5), condition(name))
    assert not (pictures(scene)[0] == before).all()
    begun(scene, episode(2, 0), CLEAN)
    assert (pictures(scene)[0] == before).all()


def test_what_changes_in_mid_episode_looks_as_if_it_had_been_so_from_the_start(
        scene: PlateScene, episode: Episodes) -> None:
    spec, still = episode(4, 1), np.stack([scene.null_action] * 4)
    dim = LightSetup((0.1, 0.1, 0.1), tuple(Sun(sun.direction, (0.3, 0.2, 0.1)) for sun in TRAINING_LIGHTING.suns))

    def change(b: int) -> None:
        slot = scene.slot(b)
        assert isinstance(slot, Slot)
        if b == 1:
            slot.set_lighting(dim)
        if b == 2:
            slot.orbit_camera(Orbit(yaw=8.0, roll=3.0))
        if b == 3:
            slot.widen_view(1.2)

    shown = []
    for late in (False, True):
        scene.place([spec] * 4)
        if not late:
            list(map(change, range(4)))
        scene.settle()
        if late:
            first = pictures(scene)
            assert all((each == first[0]).all() for each in first)
        scene.step(still)
        if late:
            list(map(change, range(4)))
        shown.append(pictures(scene))
    for early, later in zip(*shown, strict=True):
        assert (early == later).all()
    assert all((each != shown[0][0]).any() for each in shown[0][1:])
    begun(scene, spec, CLEAN)
    assert (pictures(scene)[0] == first[0]).all()


def test_a_table_that_changes_in_mid_episode_is_seen(scene: PlateScene, episode: Episodes) -> None:
    begun(scene, episode(4, 1), CLEAN, condition("background", mix=0.5))
    clean, changed = pictures(scene)
    slot = scene.slot(0)
    assert isinstance(slot, Slot)
    slot.show_background(slot.held_out_backgrounds()[0], 0.5)
    late, where = pictures(scene)[0], ~things(scene, 0)
    assert (late != clean)[where].any() and (late == clean)[~where].all()
    other = scene.worlds[1].looks.other
    slot.show_background(slot.held_out_backgrounds()[catalogue.TEST_TABLES.index(other or 0)], 0.5)
    assert (pictures(scene)[0] == changed).all()


def test_a_view_from_elsewhere_is_from_where_the_camera_was_bumped_to_and_back_it_goes(
        scene: PlateScene, episode: Episodes) -> None:
    begun(scene, episode(4, 1), CLEAN, CLEAN)
    first, second = (scene.slot(b) for b in range(2))
    assert isinstance(first, Slot) and isinstance(second, Slot)
    first.orbit_camera(Orbit(yaw=8.0))
    seen = first.from_viewpoint(6.0, 0.0)["third_person"]
    bumped = pictures(scene)[0]
    second.orbit_camera(Orbit(yaw=8.0))
    assert (pictures(scene)[1] == bumped).all() and (seen != bumped).any()
    assert (second.from_viewpoint(6.0, 0.0)["third_person"] == seen).all()


def test_the_lights_go_out_at_their_step_and_the_camera_is_bumped(scene: PlateScene, episode: Episodes) -> None:
    spec = episode(3, 2)
    asked = (CLEAN, condition("lights_out", step=2), condition("camera_bumped", step=2))
    scene.place([spec] * 3)
    chains = [EpisodeChain(spec, named(each), scene.cameras) for each in asked]
    for b, chain in enumerate(chains):
        chain.begin(1, scene.cameras, scene.action_space)
        chain.set_up(scene.slot(b))
    scene.settle()
    for step in range(1, 4):
        scene.step(np.stack([scene.null_action] * 3))
        for b, chain in enumerate(chains):
            chain.tick(scene.slot(b), step)
        clean, dark, askew = (each.astype(float) for each in pictures(scene))
        if step < 2:
            assert (clean == dark).all() and (clean == askew).all()
            continue
        where = things(scene, 0)
        assert dark[where].mean() < 0.7 * clean[where].mean() and (dark == clean)[~where].all()
        assert (askew != clean).any()


@pytest.mark.parametrize("name", ["background", "texture_overlay", "lighting", "camera_pose"])
def test_severities_go_further_and_further(name: str, scene: PlateScene, episode: Episodes) -> None:
    away = np.zeros(5)
    for index in range(2):
        begun(scene, episode(5 * index, index), CLEAN, *(condition(name, severity=k) for k in range(1, 6)))
        clean, *changed = (each.astype(float) for each in pictures(scene))
        away += [np.abs(clean - each).mean() for each in changed]
    assert (np.diff(away) > 0).all() and away[4] > 1.3 * away[0] > 0


def test_a_half_shown_table_is_the_mean_of_two(scene: PlateScene, episode: Episodes) -> None:
    begun(scene, episode(1, 1), CLEAN, condition("background"))
    around = ~things(scene, 0)
    clean, whole = pictures(scene)
    number = scene.worlds[1].looks.other
    assert number is not None and number in catalogue.TEST_TABLES
    assert (whole == screen.background(packs.pack("primitive").table(number), (SIZE, SIZE)))[around].all()
    begun(scene, episode(1, 1), CLEAN, condition("background", mix=0.5))
    half = pictures(scene)[1]
    assert (half == (clean.astype(int) + whole) // 2)[around].all()


def test_the_held_out_tables_are_the_last_five_of_21(scene: PlateScene, episode: Episodes) -> None:
    scene.place([episode()])
    (world,), slot = scene.worlds, cast(ShowsBackgrounds, scene.slot(0))
    shown = []
    for name in slot.held_out_backgrounds():
        slot.show_background(name, 1.0)
        shown.append(world.looks.other)
    assert shown == [16, 17, 18, 19, 20] and world.looks.table < 16 and len(catalogue.TABLES) == 21


def test_a_texture_moves_from_step_to_step_and_is_the_same_at_each(scene: PlateScene, episode: Episodes) -> None:
    begun(scene, episode(4, 2), condition("texture_overlay", mix=1.0, over="picture"))
    first = pictures(scene)[0]
    assert (pictures(scene)[0] == first).all()
    scene.step(scene.null_action[None])
    second = pictures(scene)[0]
    assert not (second == first).all(-1).mean() > 0.5
    assert scene.worlds[0].looks.cover is not None and scene.worlds[0].looks.cover.texture in catalogue.TEXTURES


def test_a_camera_that_was_led_around_looks_at_the_same_point_from_as_far(scene: PlateScene, episode: Episodes) -> None:
    begun(scene, episode(), CLEAN)
    pose, middle = scene._views[0].camera.pose, np.array([-0.16, 0.0, 0.8697])

    def seen(moved: Any) -> Any:
        return moved.inv().to_transformation_matrix() @ [*middle, 1]  # in the camera's frame

    for yaw, pitch in ((30.0, 0.0), (0.0, 10.0), (-20.0, -5.0)):
        moved = orbited(pose, Orbit(yaw, pitch))
        assert np.allclose(seen(moved), seen(pose), atol=1e-5)
        before, after = pose.p - middle, moved.p - middle
        turned = (math.atan2(after[1], after[0]) - math.atan2(before[1], before[0])) % (2 * math.pi)
        risen = math.asin(after[2] / np.linalg.norm(after)) - math.asin(before[2] / np.linalg.norm(before))
        assert turned == pytest.approx(math.radians(yaw) % (2 * math.pi), abs=1e-5)
        assert risen == pytest.approx(math.radians(pitch), abs=1e-5)
    assert orbited(pose, Orbit()) is pose
    for far, roll, shift in ((1.4, 0.0, (0.0, 0.0)), (1.0, 20.0, (0.0, 0.0)), (1.0, 0.0, (0.05, -0.02))):
        moved, around = orbited(pose, Orbit(10.0, 5.0, roll, far, shift)), orbited(pose, Orbit(10.0, 5.0))
        assert any(shift) or np.allclose(moved.p - middle, far * (around.p - middle), atol=1e-5)
        step = (around.inv() * moved).to_transformation_matrix()  # it looks along x, to its left is y
        assert np.allclose(step[1:3, 3], [-shift[0], shift[1]], atol=1e-5) or far != 1
        assert Rotation.from_matrix(step[:3, :3]).as_rotvec(degrees=True) == pytest.approx([-roll, 0, 0], abs=1e-3)


def test_every_viewpoint_keeps_all_of_training_s_square_in_the_picture() -> None:
    """What can stand there, that is: a plate's edge on every spot, and as high as the tallest object lies."""
    parts = [each.perturbations for name in ("pair-viewpoint", "maniskill-severity")
             for each in cards.load_suite(name).conditions.values()]
    turns = [first for first, *_ in filter(None, parts) if isinstance(first, CameraPose)]
    assert len(turns) == 7 + 5
    w, i, j, k = 0.8992917, -0.09263245, 0.35892478, 0.23209205  # RL4VLA's camera in the base's frame, turned by 180°
    mount = Rotation.from_quat([i, j, k, w]).as_matrix()
    base = np.diag([-1.0, -1.0, 1.0])
    x, y, height = (axis.ravel() for axis in np.meshgrid(
        np.linspace(-0.235, -0.085, 6), np.linspace(-0.075, 0.075, 6), [0.8697, 0.93], indexing="ij"))
    edge = [(0.055 * math.cos(turn), 0.055 * math.sin(turn), 0) for turn in np.linspace(0, 2 * math.pi, 12)]
    points = (np.stack([x, y, height], axis=1)[:, None] + np.array(edge)).reshape(-1, 3)
    for each in turns:
        assert not each.pitch
        around = Rotation.from_euler("z", each.yaw, degrees=True).as_matrix()
        middle = np.array([-0.16, 0.0, 0.8697])
        place = around @ (base @ [0, -0.16, 0.36] + [0.147, 0.028, 0.870] - middle) + middle
        ahead, left, up = ((points - place) @ (around @ base @ mount)).T
        across, down = 319.501 - 623.588 * left / ahead, 239.545 - 623.588 * up / ahead
        assert (ahead > 0.1).all() and 0 < across.min() and across.max() < 640, each
        assert 0 < down.min() and down.max() < 480, each


def test_what_is_asked_for_can_be_seen(scene: PlateScene, episode: Episodes) -> None:
    """At 96 pixels 5.1 are 12 of 224."""
    for suite in ("maniskill-vision", "pair-lighting", "pair-viewpoint"):
        card = cards.load_suite(suite)
        names = [name for name in card.conditions if name != "clean"][-2:]
        wide = []
        for number in range(4):
            spec = episode(number * 5, number, card.task_sets[0])
            begun(scene, spec, *(card.conditions[name] for name in names))
            for b, picture in enumerate(pictures(scene)):
                assert 0.03 <= picture.mean() / 255 <= 0.97
                ids, world = scene._views[b].camera.shoot()[1], scene.worlds[b]
                wide += [(ids == body.per_scene_id).any(0).sum() >= 5.1 for body in (world.object, world.receptacle)]
        assert np.mean(wide) >= 0.95, (suite, np.mean(wide))


def test_without_cameras_looks_are_told_all_the_same(episode: Episodes) -> None:
    simulator = Maniskill("primitive")
    blind = simulator.open(simulator.tasks("maniskill_put_on_plate")[0], 2)
    assert isinstance(blind, PlateScene)
    begun(blind, episode(), CLEAN, condition("texture_overlay"))
    assert len(set(blind.look_digest())) == 2 and len(set(blind.state_digest())) == 1
