from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from vlabench import cards
from vlabench.adapters.wire.base import Served
from vlabench.adapters.wire.shaping import PARTS, Moves, Sends, probe
from vlabench.errors import OptionError, ServerError
from vlabench.types import ActionSpace, Observation

NAMES = ("x", "y", "z", "turn x", "turn y", "turn z", "gripper")
SPACE = ActionSpace(NAMES, (-1.0,) * 7, (1.0,) * 7, (1.0,) * 7, (0.0,) * 6 + (-1.0,), 20, 6, -1.0)
"""LIBERO's: −1 opens."""


def seen(proprio: Any = range(8), shape: tuple[int, int] = (4, 4), picture: Any = None) -> Observation:
    images = np.arange(np.prod(shape) * 3, dtype=np.uint8).reshape(1, *shape, 3) if picture is None else picture[None]
    return Observation.now({"top": images}, np.array([proprio], np.float32), ["go"], 0)


def test_parts_are_those_of_the_proprioception() -> None:
    turn = np.array([0.0, 4.0, 0.0])  # by more than half a turn
    proprio = [1, 2, 3, *turn, 0.03, -0.02]
    state = {name: [name] for name in PARTS}
    found = Sends(state=state).look(seen(proprio), 0).state
    assert all(value.dtype == np.float32 for value in found.values())
    np.testing.assert_allclose(found["position"], [1, 2, 3])
    np.testing.assert_allclose(found["axis_angle"], turn)
    np.testing.assert_allclose(found["axis_angle_short"], Rotation.from_rotvec(turn).as_rotvec(), atol=1e-6)
    np.testing.assert_allclose(np.abs(found["quaternion"]), np.abs(Rotation.from_rotvec(turn).as_quat()), atol=1e-6)
    np.testing.assert_allclose(found["quaternion_w_first"], np.roll(found["quaternion"], 1))
    np.testing.assert_allclose([*found["x"], *found["y"], *found["z"]], found["position"])
    np.testing.assert_allclose([*found["turn_x"], *found["turn_y"], *found["turn_z"]], found["axis_angle"])
    np.testing.assert_allclose([*found["fingers"], *found["opening"]], [0.03, -0.02, 0.05], atol=1e-7)
    both = Sends(state={"s": ["position", "fingers"]}).look(seen(proprio), 0).state["s"]
    np.testing.assert_allclose(both, [1, 2, 3, 0.03, -0.02])
    with pytest.raises(ServerError, match="has 2"):
        Sends(state={"s": ["fingers"]}).look(seen([0, 1]), 0)


@pytest.mark.parametrize(("flip", "turned"), [
    ("none", np.s_[:, :]), ("both", np.s_[::-1, ::-1]), ("vertical", np.s_[::-1]), ("horizontal", np.s_[:, ::-1])])
def test_a_picture_of_the_right_size_is_only_turned(flip: Any, turned: Any) -> None:
    obs = seen(shape=(16, 16))
    found = Sends(pictures={"top": "p"}, size=16, flips={"top": flip}).look(obs, 0).pictures["p"]
    assert np.array_equal(found, obs.images["top"][0][turned]) and found.flags.c_contiguous


def test_pictures_are_padded_squashed_or_sharpened() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = 200
    found = {rule: Sends(pictures={"top": "p"}, size=32, resize=rule).look(seen(picture=picture), 0).pictures["p"]
             for rule in ("pad", "squash", "lanczos")}
    assert all(each.shape == (32, 32, 3) for each in found.values())
    assert not found["pad"][:8].any() and not found["pad"][24:].any() and (found["pad"][8:24, 20:] == 200).all()
    assert (found["squash"][:, 20:] >= 190).all() and (found["squash"][:, :12] <= 10).all()
    assert not np.array_equal(found["squash"], found["lanczos"])
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    lossy = Sends(pictures={"top": "p"}, size=32, jpeg=True).look(seen(picture=noisy), 0).pictures["p"]
    assert 0 < np.abs(lossy.astype(int) - noisy).mean() < 60


@pytest.mark.parametrize("share", [0.9, 0.5])
def test_a_crop_keeps_the_middle_and_the_size(share: float) -> None:
    """As SciPy interpolates between the same corners."""
    picture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    found = Sends(pictures={"top": "p"}, size=24, crop=share).look(seen(picture=picture), 0).pictures["p"]
    edge = (1 - share ** 0.5) / 2 * 23
    at = np.linspace(edge, 23 - edge, 24)
    grid = np.meshgrid(at, at, indexing="ij")
    expected = np.stack([map_coordinates(picture[:, :, colour].astype(float), grid, order=1)
                         for colour in range(3)], axis=-1)
    assert found.dtype == np.uint8 and np.abs(found - expected).max() < 1.01
    white = np.full((24, 24, 3), 255, np.uint8)
    assert (Sends(pictures={"top": "p"}, size=24, crop=share).look(seen(picture=white), 0).pictures["p"] == 255).all()


def test_a_card_that_does_not_fit_itself_is_refused() -> None:
    with pytest.raises(OptionError, match=re.escape("a key for top, the card's `cameras` are top, side")):
        Sends(pictures={"top": "p"}).check(("top", "side"))
    with pytest.raises(OptionError, match="unknown part 'finger': did you mean 'fingers'"):
        Sends(state={"s": ["finger"]}).check(())


@pytest.mark.parametrize(("moves", "told", "ours"), [
    ({}, 0.3, 0.3), ({"gripper": "open_is_one"}, 1.0, -1.0), ({"gripper": "open_is_one"}, 0.25, 0.5),
    ({"gripper": "close_is_one"}, 1.0, 1.0), ({"gripper_all_or_nothing": True}, -0.1, -1.0),
    ({"gripper": "open_is_one", "gripper_all_or_nothing": True}, 0.9, -1.0),
    ({"gripper": "open_is_one", "gripper_all_or_nothing": True}, 0.2, 1.0)])
def test_the_grippers_number_is_made_ours(moves: Any, told: float, ours: float) -> None:
    found = Moves(**moves).actions(np.array([[*[0.5] * 6, told]]), SPACE, np.zeros(8))
    assert found[0, :6].tolist() == [0.5] * 6 and found[0, 6] == pytest.approx(ours)


def test_other_numbers_are_scaled() -> None:
    found = Moves(scale=[20.0, 20.0, 20.0, 2.0, 2.0, 2.0]).actions(np.full((2, 7), 0.1, np.float32), SPACE, np.zeros(8))
    np.testing.assert_allclose(found, [[2, 2, 2, 0.2, 0.2, 0.2, 0.1]] * 2, rtol=1e-6)
    with pytest.raises(OptionError, match="2 factors for 6 numbers"):
        Moves(scale=[1.0, 2.0]).actions(np.zeros((1, 7)), SPACE, np.zeros(8))


def test_targets_become_steps_from_where_the_hand_is() -> None:
    rng = np.random.default_rng(1)
    here, targets = rng.normal(size=8), rng.normal(size=(3, 7))
    found = Moves(absolute=True).actions(targets, SPACE, here)
    place, turn = here[:3], Rotation.from_rotvec(here[3:6])
    for step, target in zip(found, targets, strict=True):  # as the controller adds them up
        place, turn = place + step[:3], Rotation.from_rotvec(step[3:6]) * turn
        np.testing.assert_allclose(place, target[:3])
        assert (turn * Rotation.from_rotvec(target[3:6]).inv()).magnitude() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(7,), (0, 7), (2, 14), (1, 2, 7)])
def test_actions_of_another_robot_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ServerError, match=re.escape(f"shape {list(shape)}; expected [T, 7]: x, y")):
        Moves().actions(np.zeros(shape), SPACE, np.zeros(8))


def test_actions_that_no_robot_has_a_use_for_are_refused() -> None:
    wild = np.zeros((2, 7))
    Moves().check(wild + 9.9, SPACE)
    wild[1, 2] = -255
    with pytest.raises(ServerError, match=re.escape("-255 for z, whose bounds are [-1, 1]")):
        Moves().check(wild, SPACE)
    with pytest.raises(ServerError, match="not finite"):
        Moves().check(wild * np.nan, SPACE)


def test_the_probe_is_always_the_same() -> None:
    first, second = probe(("top", "side"), 16), probe(("side", "top"), 16)
    assert all(np.array_equal(first.images[camera], second.images[camera]) for camera in ("top", "side"))
    assert not np.array_equal(first.images["top"], first.images["side"])
    assert np.array_equal(first.proprio, second.proprio) and first.proprio.shape == (1, 8)


@pytest.mark.parametrize("name", [name for name in cards.policy_names() if cards.load_policy(name).served])
def test_a_card_that_ships_says_whom_it_sends_what(name: str) -> None:
    card = cards.load_policy(name)
    assert not card.options.get("url") and card.assets[0] == "official"
    made = card.known_as("mine", {**card.options, "url": card.kind.example}).make()  # type: ignore[attr-defined]
    assert isinstance(made, Served)
    made.configure(SPACE)
    made.sends.check(card.cameras)
    look = made.sends.look(probe(card.cameras, card.image_size), 0)
    assert len(look.pictures) == len(card.cameras) and sum(map(len, look.state.values())) in (0, 8)
    sides = {picture.shape for picture in look.pictures.values()}
    assert sides in ({(224, 224, 3)}, {(256, 256, 3)})
    opens = made.moves.actions(np.array([[*[0.0] * 6, -1.0 if made.moves.gripper == "same" else 1.0]]), SPACE,
                               np.zeros(8))
    assert opens[0].tolist() == [*[0.0] * 6, -1.0]
