"""Paint, a shifted base and a hand: against worlds made of such colours, the camera's geometry, and other pixels."""

from __future__ import annotations

import colorsys
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation

from tests.simulators.maniskill.conftest import drawn
from tests.simulators.maniskill.test_looks import CLEAN, begun, condition, pictures
from vlabench.cards.conditions import Condition, named
from vlabench.episode.chain import EpisodeChain
from vlabench.simulators._values import Reach, Triple
from vlabench.simulators.maniskill.drawing import screen
from vlabench.simulators.maniskill.primitive import objects, receptacles
from vlabench.simulators.maniskill.scene import PlateScene
from vlabench.simulators.maniskill.simulator import Maniskill
from vlabench.simulators.maniskill.slot import Slot
from vlabench.types import EpisodeSpec, Floats, Image

Episodes = Callable[..., EpisodeSpec]
Mask = npt.NDArray[np.bool_]
SIZE = 128
GREEN, VIOLET = (0.1, 0.8, 0.2), (0.6, 0.2, 0.9)


@pytest.fixture(scope="module")
def scene() -> PlateScene:
    return drawn("maniskill_put_on_plate", 6, SIZE)


def placed(scene: PlateScene, spec: EpisodeSpec, *changes: Callable[[Slot], None]) -> list[Image]:
    """Pictures of copies of an episode, each after a change before it settles."""
    scene.place([spec] * len(changes))
    for b, change in enumerate(changes):
        change(cast(Slot, scene.slot(b)))
    scene.settle()
    return pictures(scene)


def nothing(_: Slot) -> None: ...


def pixels(scene: PlateScene, b: int) -> Mapping[str, Mask]:
    """Where each surface is seen."""
    ids, world = scene._views[b].camera.shoot()[1], scene.worlds[b]
    found = {"robot": screen.mask(ids, [link.entity.per_scene_id for link in world.robot.links.values()])}
    names = ("object", "receptacle", *(f"other {k}" for k in range(len(world.bodies) - 2)))
    found |= {name: ids == body.per_scene_id for name, body in zip(names, world.bodies, strict=True)}
    return {**found, "table": ~screen.mask(ids, scene._views[b].kept)}


def mixed(color: Triple, towards: Triple, mix: float) -> Triple:
    """In a picture's values, which are what a material gives back to the power of 1 / 2.2."""
    red, green, blue = (((1 - mix) * old ** (1 / 2.2) + mix * new) ** 2.2
                        for old, new in zip(color, towards, strict=True))
    return (red, green, blue)


@pytest.mark.parametrize("name", ["object", "receptacle"])
def test_a_painted_thing_is_one_that_was_made_of_that_colour(
        name: str, scene: PlateScene, episode: Episodes, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = episode(4, 1)
    clean, done = placed(scene, spec, nothing, lambda slot: slot.color_surface(name, GREEN, 0.6))
    where = pixels(scene, 0)[name]
    assert (clean != done).any(-1)[where].mean() > 0.95 and (clean == done).all(-1)[~where].all()
    module, number = (objects, 4) if name == "object" else (receptacles, 0)
    kinds = getattr(module, f"{name.upper()}S")
    made = tuple(dataclasses.replace(part, color=mixed(part.color, GREEN, 0.6)) for part in kinds[number])
    monkeypatch.setattr(module, f"{name.upper()}S", (*kinds[:number], made, *kinds[number + 1:]))
    (other,) = placed(scene, spec, nothing)
    assert np.abs(other.astype(int) - done).max() <= 1  # for rounding: gamma in numpy's digits, not in ours


def test_a_robot_in_another_colour_is_the_only_one(scene: PlateScene, episode: Episodes) -> None:
    """Robots are built with materials in common: neither a copy beside nor the next episode has it."""
    clean, done, beside = placed(scene, episode(2, 0), nothing, lambda slot: slot.color_surface("robot", VIOLET, 1.0),
                                 nothing)
    where = pixels(scene, 0)["robot"]
    assert np.array_equal(clean, beside)
    assert (clean != done).any(-1)[where].mean() > 0.95 and (clean == done).all(-1)[~where].all()
    hues = [colorsys.rgb_to_hsv(*pixel)[0] for pixel in done[where][::29] / 255]
    assert np.median(hues) == pytest.approx(colorsys.rgb_to_hsv(*VIOLET)[0], abs=0.03)
    assert np.array_equal(placed(scene, episode(2, 0), nothing)[0], clean)


def test_a_pattern_lies_on_the_table_once_a_metre_as_the_camera_sees_it(scene: PlateScene, episode: Episodes) -> None:
    board = np.kron([[0, 1], [1, 0]], np.ones((32, 32)))[..., None].astype(np.uint8) * np.uint8(255)
    pattern = np.repeat(board, 3, axis=2)
    clean, done = placed(scene, episode(1, 1), nothing, lambda slot: slot.cover_surface("table", pattern, 1.0))
    where, camera = pixels(scene, 1)["table"], scene._views[1].camera
    assert (clean == done).all(-1)[~where].all()
    place, (w, *xyz) = np.asarray(camera.pose.p, float), np.asarray(camera.pose.q, float)
    turn, seen = Rotation.from_quat([*xyz, w]).as_matrix(), 0
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-0.375, 0.1, 0.25), np.arange(-0.375, 0.4, 0.25)))
    for spot in np.stack([x, y], axis=1):  # well within fields
        ahead, left, up = turn.T @ ([*spot, 0.8697] - place)
        column, row, depth = camera.intrinsics @ [-left, -up, ahead]
        at = (int(row / depth), int(column / depth))
        if ahead > 0 and 0 <= min(at) and max(at) < SIZE and where[at]:
            white = np.floor(2 * spot).sum() % 2
            assert done[at] == pytest.approx(255 * white, abs=40)
            seen += 1
    assert seen >= 4


@pytest.mark.parametrize("mix", [0.5, 1.0])
def test_a_pattern_on_things_is_on_them_alone_and_keeps_their_shape(
        mix: float, scene: PlateScene, episode: Episodes) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0], red[:4] = 255, (0, 0, 255)

    def cover(slot: Slot) -> None:
        for name in slot.surfaces()["objects"]:
            slot.cover_surface(name, red, mix)

    clean, done = placed(scene, episode(6, 2), nothing, cover)
    before, after = pixels(scene, 0), pixels(scene, 1)
    things = before["object"] | before["receptacle"]
    assert all((before[name] != after[name]).sum() <= 3 for name in before)
    assert (clean == done).all(-1)[~(things | after["object"] | after["receptacle"])].all()
    shown = done[before["object"] & after["object"]].astype(int)
    assert (shown[:, 0] > shown[:, 2] + 20).any() and (shown[:, 2] > shown[:, 0] + 20).any()
    if mix == 1:  # but for highlights nothing is green
        assert (shown[:, 1] < 0.5 * shown.max(axis=1)).mean() > 0.8


PAINTED = {"texture": ("table",), "object_color": ("object", "receptacle"), "robot_color": ("robot",)}


@pytest.mark.parametrize("name", PAINTED)
def test_severities_go_further_and_change_their_pixels_alone(
        name: str, scene: PlateScene, episode: Episodes) -> None:
    begun(scene, episode(3, 1), CLEAN, *(condition(name, severity=k) for k in range(1, 6)))
    clean, *changed = (each.astype(float) for each in pictures(scene))
    seen = pixels(scene, 0)
    where = np.any([seen[surface] for surface in PAINTED[name]], axis=0)
    assert all((clean == each).all(-1)[~where].all() for each in changed)
    assert (np.diff([np.abs(clean - each).mean() for each in changed]) > 0).all()
    assert len(set(scene.state_digest())) == 1 and len(set(scene.look_digest())) == 6
    begun(scene, episode(3, 1), CLEAN)
    assert (pictures(scene)[0] == clean).all()


def test_a_ghost_of_a_painted_object_is_painted(scene: PlateScene, episode: Episodes) -> None:
    (done,) = placed(scene, episode(3, 0), lambda slot: slot.color_surface("object", GREEN, 0.9))
    slot = cast(Slot, scene.slot(0))
    assert np.array_equal(slot.with_target_moved((0.0, 0.0), 0.0)["third_person"], done)


# the base


def test_a_shifted_robot_stands_so_far_beside_and_everything_else_where_it_did(
        scene: PlateScene, episode: Episodes) -> None:
    by = (0.03, -0.02)
    clean, moved = placed(scene, episode(5, 0), nothing, lambda slot: slot.shift_base(by))
    ours, theirs = (scene.worlds[b] for b in range(2))
    for name, link in ours.robot.links.items():
        off = theirs.robot.links[name].entity.pose.p - link.entity.pose.p
        assert off == pytest.approx([*by, 0.0], abs=1e-5)
    for one, other in zip(ours.bodies, theirs.bodies, strict=True):
        assert (one.pose.p == other.pose.p).all() and (one.pose.q == other.pose.q).all()
    assert scene._views[1].camera.pose.p == pytest.approx(scene._views[0].camera.pose.p, abs=1e-6)
    assert scene.state_digest()[0] != scene.state_digest()[1]
    hidden = pixels(scene, 0)["robot"] | pixels(scene, 1)["robot"]
    assert (clean == moved).all(-1)[~hidden].mean() > 0.999 and (clean != moved).any()
    still = np.stack([scene.null_action] * 2)
    for _ in range(3):
        scene.step(still)
    assert theirs.robot.links["base_link"].entity.pose.p == pytest.approx([0.147 + by[0], 0.028 + by[1], 0.87])
    (again,) = placed(scene, episode(5, 0), nothing)
    assert np.array_equal(again, clean)


# the hand


def test_a_hand_is_where_it_reaches_and_its_light_is_the_scene_s(scene: PlateScene, episode: Episodes) -> None:
    for reach in (Reach((0.3, -0.2), 0.0, 0.7), Reach((-0.4, 0.3), 180.0, 0.7)):
        placed(scene, episode(5, 1), nothing, nothing)
        cast(Slot, scene.slot(1)).show_hand(reach)
        clean, shown = pictures(scene)
        ids = scene._views[1].camera.shoot()[1]
        hand = screen.mask(ids, scene._views[1]._hand.shown)
        assert 0.02 < hand.mean() < 0.7 and (clean == shown).all(-1)[~hand].all()
        assert (clean != shown).any(-1)[hand].mean() > 0.98
        rows, columns = np.nonzero(hand)
        end = columns.max() + 1 if reach.angle == 0 else columns.min()
        assert end / SIZE * 2 - 1 == pytest.approx(reach.tip[0], abs=0.12)
        near = np.abs(columns - (end - 1 if reach.angle == 0 else end)) < 12
        assert rows[near].mean() / SIZE * 2 - 1 == pytest.approx(reach.tip[1], abs=0.15)
        slot = cast(Slot, scene.slot(1))
        assert not (slot.masks(True)["third_person"] & hand).any()
        slot.show_hand(None)
        assert np.array_equal(pictures(scene)[1], clean)


def test_a_hand_comes_and_goes_and_nothing_feels_it(scene: PlateScene, episode: Episodes) -> None:
    spec, asked = episode(3, 2), (CLEAN, condition("human_hand", step=1, steps=2))
    begun(scene, spec, *asked)
    chains = [EpisodeChain(spec, named(each), scene.cameras) for each in asked]
    for chain in chains:
        chain.begin(1, scene.cameras, scene.action_space)
    seen = []
    for step in range(1, 5):
        scene.step(np.stack([scene.null_action] * 2))
        for b, chain in enumerate(chains):
            chain.tick(scene.slot(b), step)
        clean, shown = pictures(scene)
        seen.append(bool((clean != shown).any()))
        assert scene.state_digest()[0] == scene.state_digest()[1]
        assert (scene.look_digest()[0] == scene.look_digest()[1]) != seen[-1]
    assert seen == [True, True, False, False]


def test_through_a_wider_lens_a_hand_as_far_away_is_smaller_by_its_factor(
        scene: PlateScene, episode: Episodes) -> None:
    sizes: list[Floats] = []
    for factor in (1.0, 2.0):
        placed(scene, episode(5, 1), functools.partial(Slot.widen_view, factor=factor))
        cast(Slot, scene.slot(0)).show_hand(Reach((0.0, 0.0), 0.0, 0.8))
        ids, palm = scene._views[0].shoot()[1], scene._views[0]._hand._parts[0]
        sizes.append(np.ptp(np.nonzero(ids == palm.per_scene_id), axis=1) + 1.0)
    assert sizes[0] / sizes[1] == pytest.approx([2.0, 2.0], rel=0.2)


def test_conditions_are_told_apart_without_a_camera(episode: Episodes) -> None:
    simulator = Maniskill("primitive")
    blind = simulator.open(simulator.tasks("maniskill_put_on_plate")[0], 4)
    assert isinstance(blind, PlateScene)
    asked: tuple[Condition, ...] = (CLEAN, *(condition(name) for name in PAINTED))
    begun(blind, episode(), *asked)
    assert len(set(blind.look_digest())) == 4 and len(set(blind.state_digest())) == 1
