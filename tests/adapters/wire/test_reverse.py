"""What clients send arrives as it was, and what they are answered is there what it was here, for every card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.adapters.wire.test_shaping import SPACE
from vlabench import cards
from vlabench.adapters.wire.reverse import PLACES, BadRequest, Reverse
from vlabench.adapters.wire.shaping import PARTS, Moves, Sends, probe
from vlabench.errors import OptionError
from vlabench.types import Observation

PRESETS = ("openpi", "vla-eval", "openvla-rest", "openvla-oft-rest", "groot")
CAMERAS = ("agentview", "wrist")
SIZE = 32
OBS = probe(CAMERAS, SIZE)
CHUNK = np.concatenate([np.random.default_rng(0).uniform(-1, 1, (8, 6)), np.tile([[1.0], [-1.0]], (4, 1))], 1)


def there_and_back(sends: Sends, obs: Observation = OBS, size: int = SIZE) -> Observation:
    look = sends.look(obs, 0)
    request = {**look.pictures, **look.state, sends.instruction: look.instruction}
    return Reverse(sends, Moves(), tuple(sends.pictures), size, SPACE).observation(request)


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_presets_client_shows_and_does_is_what_the_policy_saw_and_asked_for(name: str) -> None:
    options: dict[str, Any] = cards.load_policy(name).resolved_options
    sends = Sends.model_validate({**options["sends"], "size": SIZE, "jpeg": False, "crop": 1.0})
    found = there_and_back(sends)
    for camera in sends.pictures:
        np.testing.assert_array_equal(found.images[camera], OBS.images[camera])
    assert found.instruction == OBS.instruction and found.proprio.dtype == np.float32
    np.testing.assert_array_equal(found.proprio, OBS.proprio if sends.state else np.zeros((1, 0)))
    moves = Moves.model_validate(options["moves"])
    sent = Reverse(sends, moves, tuple(sends.pictures), SIZE, SPACE).reply(CHUNK, OBS.proprio[0])
    np.testing.assert_array_equal(moves.actions(sent, SPACE, OBS.proprio[0]), CHUNK)


def test_grippers_are_sent_as_their_clients_know_them() -> None:
    def sent(gripper: Any) -> Any:
        return Reverse(Sends(), Moves(gripper=gripper), (), SIZE, SPACE).reply(CHUNK[:2], OBS.proprio[0])[:, 6].tolist()

    assert CHUNK[:2, 6].tolist() == [1, -1] and SPACE.opens == -1  # the first closes
    assert sent("open_is_one") == [0, 1] and sent("close_is_one") == [1, 0] and sent("same") == [1, -1]


@pytest.mark.parametrize("moves", [Moves(scale=[20.0] * 3 + [2.0] * 3), Moves(
    scale=[20.0] * 3 + [2.0] * 3, absolute=True, gripper="close_is_one")])
def test_scales_and_targets_are_undone(moves: Moves) -> None:
    reverse = Reverse(Sends(), moves, (), SIZE, SPACE)
    found = moves.actions(reverse.reply(CHUNK, OBS.proprio[0]), SPACE, OBS.proprio[0])
    np.testing.assert_allclose(found, CHUNK, atol=1e-6)


@pytest.mark.parametrize("flip", ["none", "both", "vertical", "horizontal"])
def test_flips_are_undone(flip: Any) -> None:
    sends = Sends(pictures={"wrist": "w"}, size=SIZE, flips={"wrist": flip})
    np.testing.assert_array_equal(there_and_back(sends).images["wrist"], OBS.images["wrist"])


def test_pictures_of_another_size_get_that_of_the_policy() -> None:
    flat = OBS.replace(images={camera: np.full((1, 64, 64, 3), 77, np.uint8) for camera in CAMERAS})
    found = there_and_back(Sends(pictures={"wrist": "w"}, size=48), flat, 24).images["wrist"]
    assert found.shape == (1, 24, 24, 3) and (found == 77).all()


def test_every_part_of_a_state_comes_back() -> None:
    assert {*PLACES, "proprio"} == set(PARTS)
    proprio = np.array([[-0.2, 0.1, 1.17, 0.3, -0.4, 4.0, 0.02, -0.02]], np.float32)  # an angle beyond π
    obs = OBS.replace(proprio=proprio)
    for parts in (["proprio"], ["position", "axis_angle", "fingers"], ["joints", "fingers"], ["fingers", "joints"],
                  ["position", "quaternion", "opening"], ["position", "quaternion_w_first", "fingers"],
                  ["z", "y", "x", "turn_z", "turn_y", "turn_x", "fingers"]):
        np.testing.assert_allclose(there_and_back(Sends(state={"s": parts}), obs).proprio, proprio, atol=1e-5)
    spread = Sends(state={"a": ["x"], "b": ["y", "z"], "c": ["axis_angle"], "d": ["fingers"]})
    np.testing.assert_array_equal(there_and_back(spread, obs).proprio, proprio)
    turned = there_and_back(Sends(state={"s": ["position", "axis_angle_short", "fingers"]}), obs).proprio[0, 3:6]
    angle = np.linalg.norm(proprio[0, 3:6])
    np.testing.assert_allclose(turned, proprio[0, 3:6] * (1 - 2 * np.pi / angle), rtol=1e-5)  # the same rotation
    with pytest.raises(BadRequest, match=r"under 's' are 3 numbers; expected 8: position, axis_angle, fingers"):
        Reverse(Sends(state={"s": ["position", "axis_angle", "fingers"]}), Moves(), (), SIZE, SPACE).observation(
            {"s": [1, 2, 3], "prompt": "go"})


@pytest.mark.parametrize(("sends", "moves", "words"), [
    (Sends(pictures={"agentview": "a"}), Moves(), "the policy looks through wrist, of which these clients send no"),
    (Sends(pictures={"wrist": "w"}, state={"s": ["position", "fingers"]}), Moves(), "leaves out numbers 3, 4, 5"),
    (Sends(pictures={"wrist": "w"}), Moves(scale=[1.0]), "has 1 factors"),
])
def test_clients_that_do_not_send_what_is_needed_are_refused(sends: Sends, moves: Moves, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Reverse(sends, moves, ("wrist",), SIZE, SPACE)
